/** How long nobody can write: after a crash of the Postgres that the app brings along, and after a restart of the app, with a million events. */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { execute } from '../support/postgres.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { LONG, noteFigure } from './figures.ts';
import { SMALL, WRITES, ask, insist, trainShop, until } from './shop.ts';

const EVENTS = LONG ? 1_000_000 : 5_000;
const USERS = EVENTS / 20;
const ITEMS = LONG ? 5_000 : 500;

/** The address of the Postgres that a server has brought along. */
async function urlOf(dataDir: string): Promise<string> {
  const password = (await readFile(join(dataDir, 'postgres-password'), 'utf8')).trim();
  const port = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[3];
  return `postgres://jongleur:${password}@127.0.0.1:${port}/jongleur`;
}

/** As a shop's own, that have come over months: written to the tables by a checkpoint, so that a crash replays what came since. All at one moment, so that nothing is held out and the model is published whatever it is. */
const FILL = `
  INSERT INTO users (user_id) SELECT 'u' || n FROM generate_series(1, ${USERS}) AS n;
  INSERT INTO items (item_id) SELECT 'i' || n FROM generate_series(1, ${ITEMS}) AS n;
  INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup)
    SELECT 1 + n % ${USERS}, 1 + (n % 7 + 7 * floor(random() ^ 2 * ${Math.floor(ITEMS / 7) - 1})::int), 1 + n % 2, '2026-01-01'::timestamptz, gen_random_uuid() FROM generate_series(1, ${EVENTS}) AS n;
  ANALYZE; CHECKPOINT`;

describe(`with ${EVENTS.toLocaleString('en')} events`, () => {
  it('writes are taken again soon after a crash', { timeout: 300_000 }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'jongleur-chaos-'));
    await chmod(dataDir, 0o755);
    const environment = { DATA_DIR: dataDir, ...SMALL };
    let server: ServerProcess = await startServer(environment);
    const acknowledged = async () => {
      const since = performance.now();
      await until(async () => ((await WRITES[0].send(server.url)).status === 200 ? true : null), 60_000, 10);
      return (performance.now() - since) / 1_000;
    };
    try {
      await server.ready();
      await execute(await urlOf(dataDir), FILL);
      await insist(server, 'PUT', '/v1/settings', { gate: { publishUnmeasured: true } });
      await trainShop(server, { search: 'off' });
      // Something is under way when it ends.
      const writing = Array.from({ length: 20 }, async () => await WRITES[1].send(server.url));
      const pid = Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);
      process.kill(pid, 'SIGKILL');
      const afterCrash = await acknowledged();
      await Promise.all(writing);
      noteFigure({ measure: 'first acknowledgement after a crash of Postgres', value: afterCrash, floor: 5, bound: 'at-most', unit: 's', remark: `${EVENTS} events` });

      const killedMs = performance.now();
      await server.end('SIGKILL');
      server = await startServer(environment);
      await acknowledged();
      noteFigure({ measure: 'first acknowledgement after kill -9 of the app', value: (performance.now() - killedMs) / 1_000, floor: 5, bound: 'at-most', unit: 's', remark: `${EVENTS} events` });
      await server.ready();
      expect(JSON.parse((await ask(server.url, 'GET', '/v1/users/u7/recommendations')).body)).toMatchObject({ source: 'personal' });

      // Both at once, as when the machine goes.
      process.kill(Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]), 'SIGKILL');
      const bothMs = performance.now();
      await server.end('SIGKILL');
      server = await startServer(environment);
      await acknowledged();
      noteFigure({ measure: 'first acknowledgement after kill -9 of both', value: (performance.now() - bothMs) / 1_000, floor: 5, bound: 'at-most', unit: 's', remark: `${EVENTS} events` });
    } finally {
      await server.end('SIGTERM');
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
