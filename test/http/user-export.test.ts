import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportText } from '../../src/http/user-export.ts';
import { type Database, run } from '../../src/storage/database.ts';
import { readUserEvents } from '../../src/storage/user-events.ts';
import { identifyUser } from '../../src/storage/users.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

const EVENTS = 1_500;

interface Exported extends Record<string, unknown> {
  readonly eventNo: number;
}

describe('the export of a busy shopper', () => {
  let made: OwnDatabase;
  let database: Database;
  let expected: Exported[];
  beforeAll(async () => {
    made = await openTestDatabase();
    ({ database } = made);
    await run(database, `INSERT INTO users (user_id) VALUES ('a'), ('b')`);
    await run(database, `INSERT INTO items (item_id) SELECT 'größe-' || n FROM generate_series(1, 40) n`);
    await run(
      database,
      `INSERT INTO events (user_no, item_no, type_no, value, quantity, price, occurred_at, received_at, dedup)
       SELECT CASE WHEN n % 5 = 0 THEN 2 ELSE 1 END, 1 + (n * 7) % 40, 1 + n % 4, CASE WHEN n % 3 = 0 THEN NULL ELSE (10 ^ (random() * 15 - 6))::real END, CASE WHEN n % 4 = 0 THEN NULL ELSE -n END, (n % 1000) / 100.0,
         '1969-12-30T23:59:59.999999Z'::timestamptz + n * interval '17 days 3 hours 1.234567 seconds', '2026-01-01'::timestamptz + n * interval '0.9999 seconds', gen_random_uuid()
       FROM generate_series(1, $1::int) n`,
      [EVENTS],
    );
    // Postgres' own words for the same rows; times are cut to the millisecond.
    const iso = (column: string) => `to_char(date_trunc('milliseconds', ${column}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
    expected = await run<Exported>(
      database,
      `SELECT event_no AS "eventNo", item_id AS "itemId", t.name AS type, e.value, e.quantity, e.price, ${iso('occurred_at')} AS "occurredAt", ${iso('received_at')} AS "receivedAt"
       FROM events e JOIN items USING (item_no) JOIN event_types t USING (type_no) WHERE user_no = 1 ORDER BY event_no DESC`,
    );
  });
  afterAll(async () => {
    await made.close();
  });

  /** Of two shortest texts of a real that are as near to it, each is right. */
  const asReal = (events: readonly Exported[]) => events.map((event) => ({ ...event, value: event.value === null ? null : Math.fround(event.value as number) }));

  async function readPage(limit: number, before: number | null): Promise<{ events: Exported[]; nextCursor?: string }> {
    const user = (await identifyUser(database, 'a'))!;
    return JSON.parse(exportText(user, await readUserEvents(database, user.userNo, limit + 1, before), limit, undefined)) as { events: Exported[]; nextCursor?: string };
  }

  it('says of every event what Postgres says of it', async () => {
    const { events, nextCursor } = await readPage(EVENTS, null);
    expect(expected.length).toBe(EVENTS * 0.8);
    expect(events.every(({ value }) => value === null || String(value).replace(/e.*|[-.]|^0\.0*/g, '').length <= 9)).toBe(true);
    expect(asReal(events)).toEqual(asReal(expected));
    expect(nextCursor).toBeUndefined();
  });

  it('comes in pages that fit together', async () => {
    const all: Exported[] = [];
    for (let before: number | null = null; ; ) {
      const { events, nextCursor }: { events: Exported[]; nextCursor?: string } = await readPage(400, before);
      all.push(...events);
      if (nextCursor === undefined) {
        break;
      }
      before = Number(Buffer.from(nextCursor, 'base64url').toString());
    }
    expect(asReal(all)).toEqual(asReal(expected));
  });
});
