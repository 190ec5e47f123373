/** Postgres is killed in the middle of an import, and senders stall or go away in the middle of a file: every row is there once in the end, and nothing is left behind. */
import { connect } from 'node:net';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServer } from '../support/process.ts';
import { KEYS } from '../support/service.ts';
import { LONG, noteFigure } from './figures.ts';
import { type OwnPostgres, startOwnPostgres } from './own-postgres.ts';
import { SMALL, ask, until } from './shop.ts';

const ROWS = LONG ? 400_000 : 60_000;
const KILLS = LONG ? 5 : 1;

describe('an import', () => {
  let postgres: OwnPostgres;
  let server: ServerProcess;
  let dataDir: string;
  beforeAll(async () => {
    postgres = await startOwnPostgres();
    dataDir = await mkdtemp(join(tmpdir(), 'jongleur-chaos-uploads-'));
    server = await startServer({ DATABASE_URL: postgres.url, ...SMALL, DATA_DIR: dataDir });
    await server.ready();
  });
  afterAll(async () => {
    await server.end('SIGTERM');
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it(`under which Postgres is killed ${KILLS} times goes on by itself, without doubles`, { timeout: 180_000 }, async () => {
    const csv = `user_id,item_id,type,occurred_at\n${Array.from({ length: ROWS }, (_, n) => `u${n % 3_000},i${(n * 13) % 800},view,${new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString()}`).join('\n')}\n`;
    const sent = await until(async () => {
      const answer = await ask(server.url, 'POST', '/v1/imports', csv, 'text/csv');
      return answer.status === 503 ? null : answer;
    });
    expect([sent.status, sent.body]).toEqual([200, expect.any(String)]);
    const { no } = JSON.parse(sent.body) as { no: number };
    const look = async () => (await server.call('GET', `/v1/imports/${no}`)).json;
    let interrupted = 0;
    for (let n = 0; n < KILLS; n++) {
      const before = await until(async () => {
        const record = await look();
        return record.state === 'done' || (record.state === 'running' && record.rowsImported > (ROWS / (KILLS + 1)) * n) ? record : null;
      }, 60_000, 5);
      if (before.state === 'done') {
        break;
      }
      await postgres.kill('SIGKILL');
      await postgres.revive();
      interrupted++;
      await until(async () => (['running', 'done'].includes((await look()).state) ? true : null), 60_000);
    }
    const backMs = performance.now();
    const done = await until(async () => {
      const record = await look();
      return record.state === 'done' || record.state === 'failed' ? record : null;
    }, 120_000);
    expect(done.state).toBe('done');
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM events');
    await client.end();
    expect(interrupted).toBeGreaterThan(0);
    noteFigure({ measure: 'rows too many or too few after an import under which Postgres was killed', value: Math.abs(rows[0].n - ROWS), floor: 0, remark: `of ${ROWS}; ${interrupted} kills; done ${((performance.now() - backMs) / 1000).toFixed(1)} s after the last` });
  });

  it('whose sender goes away, or stalls, leaves nothing behind', { timeout: 60_000 }, async () => {
    const before = (await server.call('GET', '/v1/imports')).json.items.length;
    const send = (length: number) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      let answer = '';
      socket.setEncoding('utf8').on('data', (text: string) => (answer += text)).on('error', () => undefined);
      socket.write(`POST /v1/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.secret}\r\nContent-Type: text/csv\r\nContent-Length: ${length}\r\n\r\nuser_id,item_id,type\nu1,i1,view\nu2,`);
      return { socket, answer: () => answer };
    };
    const uploads = async () => (await readdir(join(dataDir, 'imports')).catch(() => [])).filter((name) => !name.startsWith('import-'));
    const gone = send(10_000);
    await until(async () => ((await uploads()).length > 0 ? true : null));
    gone.socket.destroy();
    await until(async () => ((await uploads()).length === 0 ? true : null));
    if (!LONG) {
      // That a stream which stalls is cut, test/http/limits.test.ts shows with a shorter limit.
      return;
    }
    const since = performance.now();
    const stalled = send(10_000);
    await until(async () => (stalled.socket.closed || stalled.socket.destroyed ? true : null), 30_000);
    expect(stalled.answer()).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - since).toBeLessThan(16_000);
    await until(async () => ((await uploads()).length === 0 ? true : null));
    expect((await server.call('GET', '/v1/imports')).json.items.length).toBe(before);
    noteFigure({ measure: 'a stalled upload is cut after', value: (performance.now() - since) / 1_000, floor: 15, bound: 'at-most', unit: 's' });
  });
});
