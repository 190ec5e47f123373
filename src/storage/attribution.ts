/**
 * What came of lists, asked of the events themselves: nothing is written when a list is read or clicked beyond the event.
 *
 *   click       the first event of a shopper, a list and an item that names the list; of one list at most `CLICKS_A_LIST` of one shopper count
 *   conversion  a cart or purchase of the clicked item by the same shopper within the window; of several clicks before it the last one gets it
 *
 * Both count on the day of the list, so that they stand beside the lists that led to them.
 */
import { type Database, type Queryable, inTransaction, run } from './database.ts';

export const METRIC_GROUPINGS = ['total', 'day', 'scenario', 'variant', 'version', 'source', 'position'] as const;
export type MetricGrouping = (typeof METRIC_GROUPINGS)[number];

export interface MetricScope {
  readonly from: Date;
  readonly to: Date;
  readonly by: MetricGrouping;
  /** Within one scenario; null: all. 0: lists without one. */
  readonly scenarioNo: number | null;
}

/** Of one group and bucket. */
export interface ListSums extends Record<string, unknown> {
  readonly key: string;
  readonly bucket: number;
  readonly lists: number;
  readonly items: number;
}

export interface OutcomeSums extends Record<string, unknown> {
  readonly key: string;
  readonly bucket: number;
  readonly clicks: number;
  readonly carts: number;
  readonly purchases: number;
  readonly revenue: number;
}

/** More than anybody clicks on: a robot that opens all of a list, or sends one event a thousand times, must not make a rate. */
export const CLICKS_A_LIST = 20;

const LIST_KEYS: Readonly<Record<MetricGrouping, string>> = {
  total: `''`, day: `to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD')`, scenario: 'scenario::text', variant: 'variant::text', version: 'version::text', source: 'source::text', position: 'place::text',
};
const CLICK_KEYS: Readonly<Record<MetricGrouping, string>> = {
  total: `''`, day: `to_char(rec_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`, scenario: 'rec_scenario::text', variant: 'rec_variant::text', version: 'rec_version::text', source: 'rec_source::text', position: `coalesce(rec_position::text, '')`,
};

/** Lists given out; on days on which pages said of a scenario's lists that they were seen, those alone. A list is never seen more often than it was given out. */
export async function sumLists(database: Queryable, { from, to, by, scenarioNo }: MetricScope): Promise<ListSums[]> {
  const places = by === 'position' ? 'CROSS JOIN LATERAL generate_series(1, length) AS place' : '';
  return await run<ListSums>(
    database,
    `WITH shown AS (
       SELECT *, CASE WHEN sum(seen_lists) OVER (PARTITION BY date_trunc('day', hour AT TIME ZONE 'UTC'), scenario) > 0 THEN least(seen_lists, lists) ELSE lists END AS shown
       FROM impressions WHERE hour >= $1 AND hour < $2 AND ($3::int IS NULL OR scenario = $3))
     SELECT ${LIST_KEYS[by]} AS key, bucket, sum(shown)::float8 AS lists, sum(${by === 'position' ? 'shown' : 'shown * length'})::float8 AS items FROM shown ${places} GROUP BY 1, 2`,
    [from, to, scenarioNo],
  );
}

const LIST = 'user_no, rec_at, rec_scenario, rec_variant, rec_version, rec_source';
/** What counts as a click, of lists from $1 to an end. */
const clicksUntil = (end: string) => `first AS (
         SELECT DISTINCT ON (${LIST}, item_no) ${LIST}, item_no, rec_bucket, rec_position, occurred_at, event_no
         FROM events WHERE rec_at >= $1 AND rec_at < ${end} ORDER BY ${LIST}, item_no, occurred_at, event_no),
       click AS MATERIALIZED (
         SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY ${LIST} ORDER BY occurred_at, event_no) AS nth FROM first) ranked WHERE nth <= ${CLICKS_A_LIST})`;

/** Clicks alone, without what came of them: that needs no pass over the events. */
export async function sumClicks(database: Queryable, { from, to, by, scenarioNo }: MetricScope): Promise<OutcomeSums[]> {
  return await run<OutcomeSums>(
    database,
    `WITH ${clicksUntil('$2')}
     SELECT ${CLICK_KEYS[by]} AS key, rec_bucket AS bucket, count(*)::float8 AS clicks, 0::float8 AS carts, 0::float8 AS purchases, 0::float8 AS revenue FROM click WHERE $3::int IS NULL OR rec_scenario = $3 GROUP BY 1, 2`,
    [from, to, scenarioNo],
  );
}

/**
 * Clicks come by an index of their own; carts and purchases by one pass over the events of the period (`events_received`, BRIN). The planner, who cannot know how many clicks are left of a list, would look each
 * of them up: 200,000 clicks among 10 million events took 155 s so, and 12 s in one pass (both beside other work).
 *
 * @param windowHours from a click, for what came of it
 */
export async function sumOutcomes(database: Database, { from, to, by, scenarioNo }: MetricScope, windowHours: number): Promise<OutcomeSums[]> {
  return await inTransaction(database, async (connection) => {
    await run(connection, 'SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off; SET LOCAL work_mem = \'64MB\'');
    return await run<OutcomeSums>(
      connection,
      // Lists after the period are looked at as well: they may have got the last click before a purchase.
      `WITH ${clicksUntil('$2::timestamptz + make_interval(hours => $4)')},
       conversion AS (
         SELECT DISTINCT ON (e.event_no) click.*, t.name = 'cart' AS is_cart, e.quantity, coalesce(e.price, i.price) AS paid
         FROM click JOIN events e ON e.user_no = click.user_no AND e.item_no = click.item_no AND e.occurred_at >= click.occurred_at AND e.occurred_at < click.occurred_at + make_interval(hours => $4)
           JOIN event_types t ON t.type_no = e.type_no JOIN items i ON i.item_no = e.item_no
         WHERE t.name IN ('cart', 'purchase') AND e.received_at >= $1::timestamptz - interval '1 day' AND e.occurred_at >= $1
         ORDER BY e.event_no, click.occurred_at DESC, click.event_no DESC),
       outcome AS (
         SELECT rec_at, rec_scenario, rec_variant, rec_version, rec_source, rec_bucket, rec_position, 1 AS click, 0 AS cart, 0 AS purchase, 0::float8 AS revenue FROM click
         UNION ALL
         SELECT rec_at, rec_scenario, rec_variant, rec_version, rec_source, rec_bucket, rec_position, 0, is_cart::int, (NOT is_cart AND coalesce(quantity, 1) > 0)::int,
           CASE WHEN is_cart THEN 0 ELSE coalesce(paid * coalesce(quantity, 1), 0) END FROM conversion)
       SELECT ${CLICK_KEYS[by]} AS key, rec_bucket AS bucket, sum(click)::float8 AS clicks, sum(cart)::float8 AS carts, sum(purchase)::float8 AS purchases, sum(revenue)::float8 AS revenue
       FROM outcome WHERE rec_at < $2 AND ($3::int IS NULL OR rec_scenario = $3) GROUP BY 1, 2`,
      [from, to, scenarioNo, windowHours],
    );
  }, 'BEGIN READ ONLY');
}

/** Events whose recommendation id told nothing, by why. */
export async function sumFaults(database: Queryable, from: Date, to: Date): Promise<Record<string, number>> {
  const rows = await run<{ fault: string; events: number }>(database, 'SELECT fault, sum(events)::float8 AS events FROM recommendation_faults WHERE hour >= $1 AND hour < $2 GROUP BY 1', [from, to]);
  return Object.fromEntries(rows.map(({ fault, events }) => [fault, events]));
}
