/** Postgres dead: every answer comes all the same, writes are told to come again, and when it is back everything goes on by itself. */
import { describe, expect, it } from 'vitest';
import { AWAY_SECONDS, noteFigure } from './figures.ts';
import { startOwnPostgres } from './own-postgres.ts';
import { type Told, WRITES, ask, keepAsking, startShop, until } from './shop.ts';

describe('Postgres dead', () => {
  it(`for ${AWAY_SECONDS} s`, { timeout: (AWAY_SECONDS + 120) * 1_000 }, async () => {
    const postgres = await startOwnPostgres();
    const server = await startShop(postgres.url);
    try {
      await postgres.kill('SIGKILL');
      const answering = keepAsking(server.url);
      const told: Told[] = [];
      const endMs = performance.now() + AWAY_SECONDS * 1_000;
      for (let n = 0; performance.now() < endMs; n++) {
        told.push(await WRITES[n % WRITES.length].send(server.url));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const { asked, failed } = await answering.stop();
      const ready = await ask(server.url, 'GET', '/health/ready');
      expect(JSON.parse(ready.body)).toMatchObject({ status: 'ready', database: 'down' });
      noteFigure({ measure: `answers with Postgres dead for ${AWAY_SECONDS} s`, value: (100 * (asked - failed.length)) / asked, floor: 100, unit: '% 200', remark: `of ${asked} asked ${failed[0] ?? ''}` });
      noteFigure({ measure: 'writes meanwhile that were not 503 with Retry-After', value: told.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null).length, floor: 0, remark: `of ${told.length}` });
      noteFigure({ measure: 'longest of these writes', value: Math.max(...told.map(({ ms }) => ms)) / 1_000, floor: 3, bound: 'at-most', unit: 's' });

      await postgres.revive();
      const back = performance.now();
      await until(async () => ((await WRITES[0].send(server.url)).status === 200 ? true : null), 60_000, 10);
      noteFigure({ measure: 'first acknowledgement after it is back', value: (performance.now() - back) / 1_000, floor: 5, bound: 'at-most', unit: 's' });
      // What was stored meanwhile by others reaches memory without anybody's help, and answers are not called stale any more.
      await until(async () => ((await ask(server.url, 'GET', '/v1/users/u1/recommendations')).body.includes('"stale":true') ? null : true));
      expect((await server.call('POST', '/v1/events', { userId: 'after', itemId: 'i3', type: 'cart' })).status).toBe(200);
      await until(async () => ((await ask(server.url, 'GET', '/v1/users/after/recommendations')).body.includes('"source":"personal"') ? true : null));
    } finally {
      await server.end('SIGTERM');
      await postgres.stop();
    }
  });
});
