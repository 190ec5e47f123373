/** A wire to Postgres that swallows everything, is slow, breaks all the time: answers go on, writes are told within three seconds, and everything heals by itself. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { type ServerProcess } from '../support/process.ts';
import { type Proxy, startProxy } from '../support/proxy.ts';
import { LONG, noteFigure } from './figures.ts';
import { type Told, WRITES, ask, keepAsking, startShop, until } from './shop.ts';

const LIMIT_MS = 3_000;
const BLACK_HOLES = LONG ? 6 : 1;
const HOLE_MS = LONG ? 12_000 : 5_000;

describe('a wire to Postgres', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let proxy: Proxy;
  let server: ServerProcess;
  beforeAll(async () => {
    database = await createTestDatabase(inject('templateUrl'));
    proxy = await startProxy(database.url);
    server = await startShop(proxy.url);
  });
  afterAll(async () => {
    server.child.kill('SIGKILL');
    await proxy.close();
    await database.drop();
  });

  const heals = async () => {
    const since = performance.now();
    await until(async () => ((await WRITES[0].send(server.url)).status === 200 ? true : null), 60_000);
    return (performance.now() - since) / 1000;
  };

  it('that swallows everything: writes are refused in time, answers go on, and it heals', { timeout: 60_000 + BLACK_HOLES * 60_000 }, async () => {
    const told: { name: string; answer: Told }[] = [];
    let healedSeconds = 0;
    const answering = keepAsking(server.url);
    for (let n = 0; n < BLACK_HOLES; n++) {
      let going = true;
      let hung = false;
      // Some are under way when the wire goes, most come later.
      const writers = WRITES.map(async ({ name, send }) => {
        while (going) {
          const wasHung = hung;
          const answer = await send(server.url);
          if (wasHung && going) {
            told.push({ name, answer });
          } else if (hung && answer.ms > LIMIT_MS) {
            told.push({ name, answer });
          }
          if (name === 'a file' && answer.status === 200) {
            // Two that were under way when the wire goes would stay, and the next be refused as one too many.
            await until(async () => (hung || (await server.call('GET', `/v1/imports/${JSON.parse(answer.body).no}`)).json.state !== 'running' ? true : null));
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      proxy.hang();
      hung = true;
      await new Promise((resolve) => setTimeout(resolve, HOLE_MS));
      going = false;
      await Promise.all(writers);
      proxy.resume();
      healedSeconds = Math.max(healedSeconds, await heals());
      // A run that was let in before may still go on.
      await until(async () => ((await server.call('GET', '/v1/training-runs')).json.runs?.some((run: { state: string }) => run.state === 'running') ? null : true), 60_000, 100);
    }
    const { asked, failed } = await answering.stop();
    const wrong = told.filter(({ answer }) => answer.status !== 503 || answer.retryAfter === null).map(({ name, answer }) => `${name}: ${answer.status} ${answer.body.slice(0, 160)}`);
    expect([...new Set(wrong)]).toEqual([]);
    expect(new Set(told.map(({ name }) => name)).size).toBe(WRITES.length);
    const longest = told.reduce((slowest, one) => (one.answer.ms > slowest.answer.ms ? one : slowest));
    noteFigure({ measure: 'longest write on a black-holed database', value: longest.answer.ms / 1000, floor: 3, bound: 'at-most', unit: 's', remark: `${told.length} writes of ${WRITES.length} kinds in ${BLACK_HOLES} black holes of ${HOLE_MS / 1000} s; longest: ${longest.name}` });
    noteFigure({ measure: 'answers other than 200 meanwhile', value: failed.length, floor: 0, remark: `of ${asked} asked ${failed[0] ?? ''}` });
    noteFigure({ measure: 'first write after a black hole', value: healedSeconds, floor: 5, bound: 'at-most', unit: 's' });
  });

  it('that is slow: everything is stored, only later', { timeout: 60_000 }, async () => {
    proxy.delayMs = 50;
    const answering = keepAsking(server.url);
    const answers = await Promise.all(WRITES.filter(({ name }) => name !== 'a training run').map(async ({ name, send }) => ({ name, ...(await send(server.url)) })));
    proxy.delayMs = 0;
    const { failed } = await answering.stop();
    expect(failed).toEqual([]);
    expect(answers.filter(({ name, status }) => ![200, 201, 202].includes(status) && !(name === 'an erasure' && status === 404)).map(({ name, status, body }) => `${name}: ${status} ${body}`)).toEqual([]);
    noteFigure({ measure: 'longest write with 50 ms each way', value: Math.max(...answers.map(({ ms }) => ms)) / 1000, floor: 3, bound: 'at-most', unit: 's' });
  });

  it('that breaks three times a second: a batch that is sent until it is acknowledged is stored once', { timeout: 120_000 }, async () => {
    // So that something is always under way.
    proxy.delayMs = 4;
    const breaking = setInterval(() => proxy.reset(), 300);
    const answering = keepAsking(server.url);
    const batches = Array.from({ length: LONG ? 300 : 45 }, (_, batch) => Array.from({ length: 50 }, (_unused, n) => ({ userId: `reset${batch}-${n % 7}`, itemId: `i${n}`, type: 'view', eventId: `r${n}` })));
    const statuses = new Set<number>();
    await Promise.all([0, 1, 2].map(async (sender) => {
      for (const events of batches.filter((_, batch) => batch % 3 === sender)) {
        await until(async () => {
          const { status } = await ask(server.url, 'POST', '/v1/events', { events });
          statuses.add(status);
          return status === 200 ? true : null;
        }, 60_000);
      }
    }));
    clearInterval(breaking);
    proxy.delayMs = 0;
    const { failed } = await answering.stop();
    expect(failed).toEqual([]);
    expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM events JOIN users USING (user_no) WHERE user_id LIKE 'reset%'`);
    await client.end();
    noteFigure({ measure: 'events too many or too few on a wire that breaks', value: Math.abs(rows[0].n - batches.length * 50), floor: 0, remark: `of ${batches.length * 50}` });
    await heals();
  });
});
