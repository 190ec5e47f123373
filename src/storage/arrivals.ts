/** What comes in, counted: how much in an hour, and of what kinds. By when it was received, and without imports, which bring years in a minute. Postgres' clock counts, as it does when events are stored. */
import { type Queryable, run } from './database.ts';

export interface Arrivals {
  /** Events of the last sixty minutes. */
  readonly lastHour: number;
  /** Of the same sixty minutes of former weeks, the newest week first: of those alone that lie wholly after the first event. */
  readonly formerWeeks: readonly number[];
}

const WEEKS = 8;

/** A few short stretches of time, found by the index on `received_at`. */
export async function countArrivals(database: Queryable): Promise<Arrivals> {
  const rows = await run<{ events: number }>(
    database,
    `WITH week AS (SELECT back, now() - make_interval(hours => 168 * back) AS until FROM generate_series(0, $1::int) AS back),
       first AS (SELECT received_at FROM events ORDER BY event_no LIMIT 1)
     SELECT (SELECT count(*) FROM events WHERE received_at >= until - interval '1 hour' AND received_at < until AND import_no IS NULL)::float8 AS events
     FROM week WHERE back = 0 OR until - interval '1 hour' >= (SELECT received_at FROM first) ORDER BY back`,
    [WEEKS],
  );
  const [lastHour, ...formerWeeks] = rows.map(({ events }) => events);
  return { lastHour, formerWeeks };
}

export interface NewestArrivals {
  /** Events of the last sixty minutes. */
  readonly lastHour: number;
  /** When the newest event came, imports included; null: there is none. */
  readonly lastAt: Date | null;
}

export async function readNewestArrivals(database: Queryable): Promise<NewestArrivals> {
  const [row] = await run<NewestArrivals>(
    database,
    `SELECT (SELECT count(*) FROM events WHERE received_at >= now() - interval '1 hour' AND import_no IS NULL)::float8 AS "lastHour", (SELECT received_at FROM events ORDER BY event_no DESC LIMIT 1) AS "lastAt"`,
  );
  return row;
}

/** One sort of thing that events are of. */
export const MIXES = ['types', 'items', 'users'] as const;
export type Mix = (typeof MIXES)[number];

/** Events by bin: of the last 24 hours, and of the same 24 hours a week before. */
export interface MixCounts {
  readonly before: readonly number[];
  readonly since: readonly number[];
}

/**
 * Bins of types: the event types. Of items: the 20 that have most events in both days together, and 20 groups of all others, by number; chosen from both days, so that neither is favoured. Of users: how many of them have 1, 2–3, 4–7,
 * 8–15, 16–31, 32 or more events in the day.
 *
 * Of more events than `mostEvents` those of a part of the users stand for all, the same users on both days: a million in the two days took five seconds. Only the bins leave Postgres.
 */
export async function countMixes(database: Queryable, mostEvents = 500_000): Promise<Readonly<Record<Mix, MixCounts>>> {
  const rows = await run<{ mix: Mix; before: number; since: number }>(
    database,
    `WITH near AS NOT MATERIALIZED (
       SELECT type_no, item_no, user_no, received_at FROM events
       WHERE import_no IS NULL AND (received_at >= now() - interval '1 day' OR (received_at >= now() - interval '8 days' AND received_at < now() - interval '7 days'))),
     counted AS MATERIALIZED (
       SELECT type_no, item_no, user_no, GROUPING(type_no, item_no, user_no) AS grouped,
         count(*) FILTER (WHERE received_at < now() - interval '1 day')::float8 AS before, count(*) FILTER (WHERE received_at >= now() - interval '1 day')::float8 AS since
       FROM near WHERE user_no % (SELECT 1 + count(*) / $1::int FROM near) = 0
       GROUP BY GROUPING SETS ((type_no), (item_no), (user_no))),
     ranked AS (SELECT item_no, before, since, row_number() OVER (ORDER BY before + since DESC, item_no) AS place FROM counted WHERE grouped = 5),
     activity AS (
       SELECT least(5, floor(log(2, n::numeric)))::int AS class, is_since FROM counted CROSS JOIN LATERAL (VALUES (before, false), (since, true)) AS side (n, is_since) WHERE grouped = 6 AND n > 0)
     SELECT 'types' AS mix, type_no AS bin, before, since FROM counted WHERE grouped = 3
     UNION ALL SELECT 'items', CASE WHEN place <= 20 THEN place ELSE 21 + item_no % 20 END, sum(before), sum(since) FROM ranked GROUP BY 2
     UNION ALL SELECT 'users', class, count(*) FILTER (WHERE NOT is_since), count(*) FILTER (WHERE is_since) FROM activity GROUP BY 2
     ORDER BY mix, bin`,
    [mostEvents],
  );
  return Object.fromEntries(
    MIXES.map((mix) => {
      const of = rows.filter((row) => row.mix === mix);
      return [mix, { before: of.map(({ before }) => before), since: of.map(({ since }) => since) }];
    }),
  ) as unknown as Record<Mix, MixCounts>;
}
