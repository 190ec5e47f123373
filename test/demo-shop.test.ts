import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { DEMO_SIZE, ensureDemoShop } from '../src/demo-shop.ts';
import { type Database, createDatabase, run } from '../src/storage/database.ts';
import { createTestDatabase } from './support/postgres.ts';

describe('the demo shop', () => {
  let made: Awaited<ReturnType<typeof createTestDatabase>>;
  let database: Database;
  const nowMs = Date.UTC(2026, 5, 1);
  const counts = async () => (await run<{ users: number; items: number; events: number }>(database, 'SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM items) AS items, (SELECT count(*)::int FROM events) AS events'))[0];
  const nothing = () => undefined;

  beforeEach(async () => {
    made = await createTestDatabase(inject('templateUrl'));
    database = createDatabase({ connectionString: made.url, maxConnections: 4, onError: nothing });
  });
  afterEach(async () => {
    await database.end();
    await made.drop();
  });

  it('is written once, whole, by two processes that start at once, and finished at the next start where one died while it wrote', async () => {
    const outcomes = await Promise.all([1, 2].map(async () => await ensureDemoShop(database, made.url, true, nowMs, nothing)));
    expect(outcomes.map((outcome) => outcome.written).toSorted((a, b) => a - b)).toEqual([0, DEMO_SIZE.events]);
    expect(outcomes.every((outcome) => outcome.isDemo)).toBe(true);
    expect(await counts()).toEqual({ users: DEMO_SIZE.users, items: DEMO_SIZE.items, events: DEMO_SIZE.events });

    // As if the process had died before the last chunk.
    await run(database, `UPDATE imports SET state = 'running'`);
    await run(database, 'DELETE FROM events WHERE event_no > 60000');
    const again = await ensureDemoShop(database, made.url, false, nowMs + 86_400_000, nothing);
    expect(again).toEqual({ isDemo: true, written: DEMO_SIZE.events - 60_000, refused: null });
    expect((await counts()).events).toBe(DEMO_SIZE.events);
  });

  it('stays out of a database with data of its own, and of one where it is not wanted', async () => {
    expect(await ensureDemoShop(database, made.url, false, nowMs, nothing)).toEqual({ isDemo: false, written: 0, refused: 'not-wanted' });
    await run(database, `INSERT INTO items (item_id) VALUES ('mine')`);
    expect(await ensureDemoShop(database, made.url, true, nowMs, nothing)).toEqual({ isDemo: false, written: 0, refused: 'own-data' });
    expect(await counts()).toEqual({ users: 0, items: 1, events: 0 });
  });
});
