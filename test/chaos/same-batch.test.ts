/** The same batch ten times, one after the other and all at once, on a wire that is cut at COMMIT: the tables stand as after once. */
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { createRandom } from '../../src/model/random.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { startServer } from '../support/process.ts';
import { startProxy } from '../support/proxy.ts';
import { LONG, SEED, noteFigure } from './figures.ts';
import { SMALL, ask, until } from './shop.ts';

const BATCHES = LONG ? 20 : 3;
const TIMES = 10;

/** All that events leave behind, without numbers and times that differ from one database to the next. */
async function stateOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ row: string }>(`SELECT concat_ws('|', dedup, user_id, item_id, name, value, quantity, events.price, occurred_at) AS row
    FROM events JOIN users USING (user_no) JOIN items USING (item_no) JOIN event_types USING (type_no)
    UNION ALL SELECT 'user ' || user_id FROM users UNION ALL SELECT 'item ' || item_id FROM items ORDER BY 1`);
  await client.end();
  return rows.map(({ row }) => row);
}

describe('the same batch ten times', () => {
  it(`leaves the tables as after once, ${BATCHES} batches, connections cut`, { timeout: 60_000 + BATCHES * 15_000 }, async () => {
    const random = createRandom(SEED);
    const batches = Array.from({ length: BATCHES }, (_, batch) => Array.from({ length: 100 }, (_unused, n) => ({
      userId: `u${batch}-${random.integer(9)}`, itemId: `i${random.integer(40)}`, type: ['view', 'cart', 'purchase'][n % 3], eventId: `e${n}`, ...(n % 3 === 2 ? { quantity: 1 + random.integer(3), price: 2.5 } : {}), occurredAt: new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString(),
    })));
    const [once, often] = [await createTestDatabase(inject('templateUrl')), await createTestDatabase(inject('templateUrl'))];
    const proxy = await startProxy(often.url);
    const [plain, cut] = [await startServer({ DATABASE_URL: once.url, ...SMALL }), await startServer({ DATABASE_URL: proxy.url, ...SMALL })];
    try {
      await Promise.all([plain.ready(), cut.ready()]);
      let broken = 0;
      for (const [batch, events] of batches.entries()) {
        expect((await plain.call('POST', '/v1/events', { events })).json.accepted).toBe(100);
        const send = async () => await until(async () => {
          const { status } = await ask(cut.url, 'POST', '/v1/events', { events });
          broken += status === 200 ? 0 : 1;
          return status === 200 ? true : null;
        }, 60_000);
        proxy.faults.push('cut-before', 'none', 'cut-after');
        await (batch % 2 === 0 ? Promise.all(Array.from({ length: TIMES }, send)) : Array.from({ length: TIMES }).reduce<Promise<unknown>>(async (before) => await before.then(send), Promise.resolve()));
      }
      expect(proxy.faults.length).toBeLessThan(3 * BATCHES);
      const [wanted, found] = [await stateOf(once.url), await stateOf(often.url)];
      const differing = [...wanted.filter((row) => !found.includes(row)), ...found.filter((row) => !wanted.includes(row))];
      expect(wanted.length).toBeGreaterThan(100 * BATCHES);
      noteFigure({ measure: 'rows that differ from sending once', value: differing.length + Math.abs(wanted.length - found.length), floor: 0, remark: `${BATCHES} batches sent ${TIMES} times, ${broken} sendings refused` });
    } finally {
      await Promise.all([plain.end('SIGTERM'), cut.end('SIGTERM')]);
      await proxy.close();
      await Promise.all([once.drop(), often.drop()]);
    }
  });
});
