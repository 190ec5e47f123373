/** What recommendations did: lists, clicks, carts, purchases and revenue by group, each rate with its 95 % interval over the 100 buckets of shoppers. */
import { createResamples } from '../model/evaluation/bootstrap.ts';
import { ratioInterval } from '../model/evaluation/ratio.ts';
import type { Interval } from '../model/metrics.ts';
import { type MetricGrouping, type MetricScope, sumFaults, sumLists, sumOutcomes } from '../storage/attribution.ts';
import type { Database } from '../storage/database.ts';

const BUCKETS = 100;
const RESAMPLES = 2_000;
const SEED = 1;

export interface LiveRow {
  /** Of the group, as the table has it: a day, or a number. */
  readonly key: string;
  readonly lists: number;
  /** Items in these lists. */
  readonly items: number;
  readonly clicks: number;
  readonly carts: number;
  readonly purchases: number;
  readonly revenue: number;
  /** Clicks of all items shown. null where nothing was shown; so for the others. */
  readonly clickRate: Interval | null;
  readonly clicksPerList: Interval | null;
  readonly purchasesPerList: Interval | null;
  readonly revenuePerList: Interval | null;
}

export interface LiveMetrics {
  readonly by: MetricGrouping;
  readonly from: Date;
  readonly to: Date;
  readonly windowHours: number;
  readonly rows: readonly LiveRow[];
  /** Events whose recommendation id told nothing, by why. */
  readonly faults: Readonly<Record<string, number>>;
}

const MEASURES = ['lists', 'items', 'clicks', 'carts', 'purchases', 'revenue'] as const;
type Measure = (typeof MEASURES)[number];
type Buckets = Record<Measure, Float64Array>;

/** @throws DatabaseUnavailable */
export async function readLiveMetrics(database: Database, scope: MetricScope, windowHours: number): Promise<LiveMetrics> {
  const [lists, outcomes, faults] = await Promise.all([sumLists(database, scope), sumOutcomes(database, scope, windowHours), sumFaults(database, scope.from, scope.to)]);
  const groups = new Map<string, Buckets>();
  const bucketsOf = (key: string): Buckets => {
    let buckets = groups.get(key);
    if (buckets === undefined) {
      buckets = Object.fromEntries(MEASURES.map((measure) => [measure, new Float64Array(BUCKETS)])) as Buckets;
      groups.set(key, buckets);
    }
    return buckets;
  };
  for (const row of [...lists, ...outcomes]) {
    const buckets = bucketsOf(row.key);
    for (const measure of MEASURES) {
      buckets[measure][row.bucket] += (row as Partial<Record<Measure, number>>)[measure] ?? 0;
    }
  }
  // One set of draws for all groups, so that they differ by what happened alone.
  const resamples = createResamples(BUCKETS, { resamples: RESAMPLES, seed: SEED });
  const rows = [...groups].map(([key, buckets]): LiveRow => {
    const total = (measure: Measure) => buckets[measure].reduce((sum, value) => sum + value, 0);
    return {
      key, lists: total('lists'), items: total('items'), clicks: total('clicks'), carts: total('carts'), purchases: total('purchases'), revenue: total('revenue'),
      clickRate: ratioInterval(resamples, buckets.clicks, buckets.items, true), clicksPerList: ratioInterval(resamples, buckets.clicks, buckets.lists, true),
      purchasesPerList: ratioInterval(resamples, buckets.purchases, buckets.lists, true), revenuePerList: ratioInterval(resamples, buckets.revenue, buckets.lists, false),
    };
  });
  return { by: scope.by, from: scope.from, to: scope.to, windowHours, rows: rows.sort((a, b) => compareKeys(a.key, b.key)), faults };
}

/** Numbers by their size, days by their text. */
function compareKeys(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? (a < b ? -1 : 1) : x - y;
}
