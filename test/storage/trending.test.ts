import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, run } from '../../src/storage/database.ts';
import { loadTrending } from '../../src/storage/events.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

let made: OwnDatabase;
let database: Database;
beforeAll(async () => {
  made = await openTestDatabase();
  ({ database } = made);
});
afterAll(async () => {
  await made.close();
});

/** Shoppers `from` … `to` view an item: `hours` before the newest, by their number. */
async function view(itemId: string, from: number, to: number, hours: string): Promise<void> {
  await run(database, `INSERT INTO users (user_id) SELECT 'u' || n FROM generate_series($1::int, $2::int) n ON CONFLICT DO NOTHING`, [from, to]);
  await run(database, `INSERT INTO items (item_id) VALUES ($1) ON CONFLICT DO NOTHING`, [itemId]);
  await run(
    database,
    `INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup)
     SELECT user_no, item_no, (SELECT type_no FROM event_types WHERE name = 'view'), timestamptz '2026-01-10 12:00Z' - make_interval(secs => 3600 * (${hours})), gen_random_uuid()
     FROM generate_series($1::int, $2::int) n JOIN users ON user_id = 'u' || n JOIN items ON item_id = $3`,
    [from, to, itemId],
  );
}
const trending = async (rampDays: number) => (await loadTrending(database, 100_000, 7, 10, rampDays)).map(({ itemId }) => itemId);

it('counts shoppers of one day less than those who came again, where anybody did', async () => {
  await view('liked', 1, 10, '1');
  await view('pushed', 100, 112, '0');
  expect(await trending(2)).toEqual(['pushed', 'liked']);
  await view('other', 1, 10, '30');
  expect(await trending(2)).toEqual(['liked', 'other', 'pushed']);
  expect(await trending(1)).toEqual(['pushed', 'liked', 'other']);
});
