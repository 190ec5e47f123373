/** Lists that were given out and lists that were seen, counted by hour and kind; events whose recommendation id told nothing. Counts of all replicas add up. */
import { type Queryable, run } from './database.ts';

/** One kind of list in one hour. */
export interface ListKind {
  /** The hour in which the lists were made: its beginning. */
  readonly hourMs: number;
  readonly scenarioNo: number;
  readonly variantNo: number;
  readonly modelVersion: number;
  readonly sourceNo: number;
  readonly bucket: number;
  readonly length: number;
}

export interface ListCount extends ListKind {
  readonly lists: number;
  readonly seenLists: number;
}

export interface FaultCount {
  readonly hourMs: number;
  readonly fault: string;
  readonly events: number;
}

/** In the order of their keys: two replicas that count at once wait for one another instead of blocking both. */
export async function addImpressions(database: Queryable, counts: readonly ListCount[], faults: readonly FaultCount[]): Promise<void> {
  const column = <T>(rows: readonly T[], name: keyof T) => rows.map((row) => row[name]);
  await run(
    database,
    `WITH listed AS (
       INSERT INTO impressions (hour, scenario, variant, version, source, bucket, length, lists, seen_lists)
       SELECT to_timestamp(ms / 1000), scenario, variant, version, source, bucket, length, lists, seen
       FROM unnest($1::float8[], $2::smallint[], $3::smallint[], $4::int[], $5::smallint[], $6::smallint[], $7::smallint[], $8::bigint[], $9::bigint[]) AS c (ms, scenario, variant, version, source, bucket, length, lists, seen)
       ORDER BY 1, 2, 3, 4, 5, 6, 7
       ON CONFLICT (hour, scenario, variant, version, source, bucket, length) DO UPDATE SET lists = impressions.lists + excluded.lists, seen_lists = impressions.seen_lists + excluded.seen_lists)
     INSERT INTO recommendation_faults (hour, fault, events) SELECT to_timestamp(ms / 1000), fault, events FROM unnest($10::float8[], $11::text[], $12::bigint[]) AS f (ms, fault, events) ORDER BY 1, 2
     ON CONFLICT (hour, fault) DO UPDATE SET events = recommendation_faults.events + excluded.events`,
    [
      column(counts, 'hourMs'), column(counts, 'scenarioNo'), column(counts, 'variantNo'), column(counts, 'modelVersion'), column(counts, 'sourceNo'), column(counts, 'bucket'), column(counts, 'length'), column(counts, 'lists'), column(counts, 'seenLists'),
      column(faults, 'hourMs'), column(faults, 'fault'), column(faults, 'events'),
    ],
  );
}
