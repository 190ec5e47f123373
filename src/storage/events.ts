/** Events: the append-only truth from which everything else is derived. How they come in is in `event-writes.ts`. */
import { type Queryable, run } from './database.ts';

/** The list that an event came of. */
export interface EventRecommendation {
  readonly listedAtMs: number;
  /** 0: none. */
  readonly scenarioNo: number;
  readonly variantNo: number;
  /** 0: no model was live. */
  readonly modelVersion: number;
  readonly bucket: number;
  readonly sourceNo: number;
  /** From 1; null: not told. */
  readonly position: number | null;
}

export interface NewEvent {
  readonly userId: string;
  readonly itemId: string;
  readonly typeNo: number;
  readonly value: number | null;
  readonly quantity: number | null;
  readonly price: number | null;
  /** 64-bit hash of the basket or session, as a decimal string. */
  readonly groupHash: string | null;
  /** null: the moment of receipt. */
  readonly occurredAtMs: number | null;
  /** UUID: the identity of this event, see `ingest/dedup.ts`. */
  readonly dedup: string;
  /** Absent: none that is known. */
  readonly recommendation?: EventRecommendation;
}

/** `duplicate`: the same event is stored already; `conflict`: another one is stored under its identity; `erased`: its user was erased after it happened. */
export type InsertOutcome = 'accepted' | 'duplicate' | 'conflict' | 'erased';

/** One user's events in columns, newest first by number; the shape that `model/interactions.ts` folds. */
export interface UserEvents {
  readonly userNo: number;
  readonly itemNos: Int32Array;
  readonly typeNos: Int16Array;
  /** NaN: null. */
  readonly values: Float32Array;
  readonly quantities: Float32Array;
  readonly occurredAtMs: Float64Array;
  readonly eventNos: Float64Array;
}

/**
 * The newest `limit` events of one user. One statement and one row, whose columns are arrays: nothing is made per event on the way.
 *
 * @returns null where the user is unknown
 */
export async function loadUserEvents(database: Queryable, userId: string, limit: number): Promise<UserEvents | null> {
  const [row] = await run<{ userNo: number; items: number[] | null; types: number[]; values: (number | null)[]; quantities: (number | null)[]; times: number[]; numbers: number[] }>(
    database,
    `SELECT u.user_no AS "userNo", e.* FROM users u LEFT JOIN LATERAL (
       SELECT array_agg(item_no) AS items, array_agg(type_no::int) AS types, array_agg(value::float8) AS values, array_agg(quantity::float8) AS quantities,
              array_agg((extract(epoch FROM occurred_at) * 1000)::float8) AS times, array_agg(event_no::float8) AS numbers
       FROM (SELECT * FROM events WHERE user_no = u.user_no ORDER BY event_no DESC LIMIT $2) newest) e ON true
     WHERE u.user_id = $1`,
    [userId, limit],
  );
  if (row === undefined) {
    return null;
  }
  const orNaN = (numbers: (number | null)[] | null) => Float32Array.from(numbers ?? [], (number) => number ?? Number.NaN);
  return {
    userNo: row.userNo,
    itemNos: Int32Array.from(row.items ?? []),
    typeNos: Int16Array.from(row.types ?? []),
    values: orNaN(row.values),
    quantities: orNaN(row.quantities),
    occurredAtMs: Float64Array.from(row.times ?? []),
    eventNos: Float64Array.from(row.numbers ?? []),
  };
}

export interface EventRecord extends Record<string, unknown> {
  readonly eventNo: number;
  readonly userId: string;
  readonly itemId: string;
  readonly type: string;
  readonly value: number | null;
  readonly quantity: number | null;
  readonly price: number | null;
  readonly occurredAt: Date;
  readonly receivedAt: Date;
}

/** For events under the name `e`. */
const RECORD_COLUMNS = `e.event_no AS "eventNo", user_id AS "userId", item_id AS "itemId", event_types.name AS type, e.value, e.quantity, e.price, e.occurred_at AS "occurredAt", e.received_at AS "receivedAt"`;
const RECORD_JOINS = 'JOIN users USING (user_no) JOIN items USING (item_no) JOIN event_types USING (type_no)';

export interface TailRecord extends EventRecord {
  readonly xid: string;
}

/**
 * The stream of events in the order in which they became final: those after a position, or the newest `limit` (oldest of them first) without one.
 *
 * Event numbers are handed out before commit, so following them would miss the events of a slow transaction. Here an event appears once every transaction up to its
 * own has ended. Rows of a restored database carry numbers of another cluster, above all of this one's: they are final as well.
 */
export async function listEvents(database: Queryable, after: { readonly xid: string; readonly eventNo: number } | null, limit: number): Promise<TailRecord[]> {
  const joined = `SELECT e.xid::text AS xid, ${RECORD_COLUMNS} FROM chosen e ${RECORD_JOINS} ORDER BY e.xid, e.event_no`;
  const isFinal = '(xid < pg_snapshot_xmin(pg_current_snapshot()) OR xid >= pg_snapshot_xmax(pg_current_snapshot()))';
  return after === null
    ? await run<TailRecord>(database, `WITH chosen AS (SELECT * FROM events WHERE ${isFinal} ORDER BY xid DESC, event_no DESC LIMIT $1) ${joined}`, [limit])
    : await run<TailRecord>(
        database,
        `WITH chosen AS (SELECT * FROM events WHERE xid >= $2::xid8 AND (xid > $2::xid8 OR event_no > $3) AND ${isFinal} ORDER BY xid, event_no LIMIT $1) ${joined}`,
        [limit, after.xid, after.eventNo],
      );
}

/** Are there any events? Cheap at any size. */
export async function hasEvents(database: Queryable): Promise<boolean> {
  const [row] = await run<{ found: boolean }>(database, 'SELECT EXISTS (SELECT FROM events) AS found');
  return row.found;
}

/** How many events may be newer than a watermark, counted no further than `most`. */
export async function countEventsSince(database: Queryable, watermark: string | null, most: number): Promise<number> {
  const [row] = await run<{ n: number }>(
    database,
    'SELECT count(*)::int AS n FROM (SELECT FROM events WHERE xid >= $1::xid8 LIMIT $2) newer',
    [watermark ?? '0', most],
  );
  return row.n;
}

/** The snapshot before which everything is visible for good: rows written by transactions below it are committed or gone. */
export async function currentWatermark(database: Queryable): Promise<string> {
  const [row] = await run<{ xmin: string }>(database, 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin');
  return row.xmin;
}

/** Looked through at most, for each user that may be named. */
const EVENTS_PER_USER = 20;

/**
 * Ids of the users with events that may be newer than a watermark, and the watermark to ask from next time.
 * Seeing a user twice is harmless; missing one is not, hence `>=` and the snapshot's xmin rather than event numbers, which are handed out before commit.
 *
 * @returns `userIds` null where there are more than `most`, or so many events (a file just imported, a restored database) that looking through them takes longer than it saves
 */
export async function usersWithEventsSince(database: Queryable, watermark: string, most: number): Promise<{ userIds: string[] | null; watermark: string }> {
  const mostEvents = EVENTS_PER_USER * most;
  const [row] = await run<{ xmin: string; events: number; ids: string[] }>(
    database,
    `WITH newer AS MATERIALIZED (SELECT user_no FROM events WHERE xid >= $1::xid8 LIMIT $3)
     SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin, (SELECT count(*)::int FROM newer) AS events,
            ARRAY(SELECT user_id FROM users WHERE user_no IN (SELECT user_no FROM newer) LIMIT $2) AS ids`,
    [watermark, most + 1, mostEvents],
  );
  return { userIds: row.ids.length > most || row.events >= mostEvents ? null : row.ids, watermark: row.xmin };
}

export interface TrendingRow extends Record<string, unknown> {
  readonly itemNo: number;
  readonly itemId: string;
  readonly score: number;
}

/** What is older counts as this old, next to nothing: Postgres ends a statement whose number is too small for a double. */
const OLDEST_EXPONENT = -300;

/**
 * Items by what happened to them lately: the weights of the newest `window` events (by number), halved for every `halfLifeDays` of age; age counts from the newest
 * of them, so that a file from long ago has trends too. Returns count against an item, ratings below their threshold count nothing.
 * The window bounds the cost at any size of the table.
 */
export async function loadTrending(database: Queryable, window: number, halfLifeDays: number, limit: number, rampDays: number): Promise<TrendingRow[]> {
  return await run<TrendingRow>(
    database,
    `WITH recent AS MATERIALIZED (SELECT item_no, user_no, type_no, value, quantity, occurred_at FROM events ORDER BY event_no DESC LIMIT $1),
          newest AS (SELECT max(occurred_at) AS at FROM recent),
          daily AS (SELECT *, dense_rank() OVER (PARTITION BY user_no ORDER BY floor(extract(epoch FROM occurred_at) / 86400)) AS day_no FROM recent),
          -- One shopper's many events on an item saturate, as they do in training: a robot that reloads a page makes no trend. Days are a shopper's, over all items: no join, whose size nobody could estimate.
          shopper AS MATERIALIZED (
            SELECT item_no, user_no, max(max(day_no)) OVER (PARTITION BY user_no) AS days,
                   sum(CASE WHEN t.mode = 'latest' AND (value IS NULL OR value < t.threshold) THEN 0 WHEN quantity < 0 THEN -t.weight ELSE t.weight END
                       * exp(greatest(-ln(2) * extract(epoch FROM newest.at - occurred_at)::float8 / 86400 / $2, ${OLDEST_EXPONENT}))) AS score
            FROM daily JOIN event_types t USING (type_no) CROSS JOIN newest GROUP BY item_no, user_no),
          -- Accounts are free: whoever came on fewer days than the ramp's counts less, where anybody has come on more.
          ramp AS (SELECT least(greatest(max(days), 1), $4)::float8 AS days FROM shopper),
          item AS (SELECT item_no, sum(least(1, shopper.days / ramp.days) * ln(1 + score))::float8 AS score FROM shopper CROSS JOIN ramp WHERE score > 0 GROUP BY item_no)
     SELECT item_no AS "itemNo", item_id AS "itemId", score FROM item JOIN items USING (item_no) WHERE deleted_at IS NULL ORDER BY score DESC, item_no LIMIT $3`,
    [window, halfLifeDays, limit, rampDays],
  );
}
