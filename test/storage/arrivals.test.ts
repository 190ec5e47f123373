import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lookAt } from '../../src/insight/look.ts';
import { countArrivals, countMixes } from '../../src/storage/arrivals.ts';
import { type Database, run } from '../../src/storage/database.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

describe('arrivals', () => {
  let made: OwnDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await openTestDatabase();
    ({ database } = made);
  });
  afterAll(async () => {
    await made.close();
  });
  beforeEach(async () => void (await run(database, 'TRUNCATE events')));

  /** Events so long ago; `user` and `item` of the n-th of them. */
  const come = async (ago: string, count: number, { type = '1', item = 'n % 50', user = 'n % 40', importNo = null }: { type?: string; item?: string; user?: string; importNo?: number | null } = {}) =>
    await run(
      database,
      `INSERT INTO events (user_no, item_no, type_no, occurred_at, received_at, dedup, import_no)
       SELECT 1 + ${user}, 1 + ${item}, ${type}, now(), now() - $1::interval, gen_random_uuid(), $3 FROM generate_series(1, $2::int) AS n`,
      [ago, count, importNo],
    );

  it('of the last hour stand beside those of the same hour of former weeks, as far back as there was anything, without imports', async () => {
    await come('30 days', 1);
    await come('28 days 30 minutes', 40);
    await come('14 days 59 minutes', 50);
    await come('14 days 61 minutes', 1_000);
    await come('7 days 1 minute', 60);
    await come('6 days 23 hours 59 minutes', 1_000);
    await come('10 minutes', 70);
    await come('10 minutes', 1_000, { importNo: 1 });
    expect(await countArrivals(database)).toEqual({ lastHour: 70, formerWeeks: [60, 50, 0, 40] });
  });

  it('are none where there are none', async () => {
    expect(await countArrivals(database)).toEqual({ lastHour: 0, formerWeeks: [] });
    expect(await countMixes(database)).toEqual({ types: { before: [], since: [] }, items: { before: [], since: [] }, users: { before: [], since: [] } });
    expect(await lookAt(database)).toMatchObject({ lastHour: 0, volume: null, drift: { types: null, items: null, users: null }, training: { counts: [], ended: [], running: null, seconds: {} }, imports: { failedSinceDone: 0 } });
  });

  it('are binned by type, by item and by how busy their users are, of the last day and the same day a week before', async () => {
    await come('2 hours', 30, { type: '1 + n % 2', item: 'n % 10', user: '0' });
    await come('7 days 2 hours', 8, { item: 'n * 100', user: 'n' });
    await come('3 days', 1_000);
    await come('2 hours', 1_000, { importNo: 1 });
    const { types, items, users } = await countMixes(database);
    expect(types).toEqual({ before: [8, 0], since: [15, 15] });
    expect(items.before.reduce((sum, n) => sum + n, 0)).toBe(8);
    expect(items.since.filter((n) => n > 0)).toEqual(Array.from({ length: 10 }, () => 3));
    // Eight users of one event each; one of thirty.
    expect(users).toEqual({ before: [8, 0], since: [0, 1] });
  });

  it('of more than enough are those of a part of the users, the same on both days', async () => {
    for (const ago of ['2 hours', '7 days 2 hours']) {
      await come(ago, 1_000, { user: 'n % 40' });
    }
    const { types, users } = await countMixes(database, 600);
    // 2,000 events: of every fourth of 40 users, who have 25 each a day.
    expect(types).toEqual({ before: [250], since: [250] });
    expect(users).toEqual({ before: [10], since: [10] });
  });

  it('that are alike have hardly any drift, and others have much', async () => {
    await come('30 hours', 1);
    for (const ago of ['2 hours', '7 days 2 hours']) {
      await come(ago, 4_000, { item: '(n * n) % 97', user: 'n % 700' });
    }
    const alike = (await lookAt(database)).drift;
    expect(Math.max(alike.types!, alike.items!, alike.users!)).toBeLessThan(0.01);
    await come('1 hour', 8_000, { type: '2', item: '1000 + n % 5', user: '1000 + n % 4000' });
    const other = (await lookAt(database)).drift;
    expect(Math.min(other.types!, other.items!, other.users!)).toBeGreaterThan(0.25);
    await run(database, `DELETE FROM events WHERE received_at < now() - interval '2 days'`);
    expect((await lookAt(database)).drift).toEqual({ types: null, items: null, users: null });
  });
});
