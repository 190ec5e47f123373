/** Pictures of a shop's events (`model/quality/pictures.ts`), the newest that anybody made, and what is added to them from the catalogue. */
import type { DataPictures } from '../model/quality/pictures.ts';
import { type Queryable, run } from './database.ts';

export interface CategoryShare {
  readonly name: string;
  /** In the catalogue. */
  readonly items: number;
  /** Of all events; an item of several categories counts in each. */
  readonly events: number;
}

export interface CategoryMix {
  /** Most events first, at most `MAX_CATEGORIES`. */
  readonly shown: readonly CategoryShare[];
  /** How many there are in all. */
  readonly categories: number;
  /** Items and events without a category. */
  readonly without: Omit<CategoryShare, 'name'>;
}

export interface KeptPictures {
  readonly pictures: DataPictures;
  readonly categories: CategoryMix;
}

export interface NamedItem {
  readonly itemId: string;
  readonly title: string | null;
  /** The first of its categories; null: it has none. */
  readonly category: string | null;
}

const SETTING = 'data-pictures';
const MAX_CATEGORIES = 40;

export async function findPictures(database: Queryable): Promise<KeptPictures | null> {
  const [row] = await run<{ value: KeptPictures }>(database, 'SELECT value FROM settings WHERE name = $1', [SETTING]);
  return row?.value ?? null;
}

/** Where two processes made some at once, the newer look stays. */
export async function storePictures(database: Queryable, kept: KeptPictures): Promise<void> {
  await run(
    database,
    `INSERT INTO settings (name, value) VALUES ($1, $2::jsonb) ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = now()
      WHERE (settings.value #>> '{pictures,checkedAtMs}')::float8 <= (excluded.value #>> '{pictures,checkedAtMs}')::float8`,
    [SETTING, JSON.stringify(kept)],
  );
}

/**
 * How catalogue and events are shared out among the categories.
 *
 * @param itemEvents events of each item that has some
 */
export async function countCategories(database: Queryable, itemEvents: { readonly nos: Int32Array; readonly events: Int32Array }): Promise<CategoryMix> {
  const rows = await run<{ name: string | null; items: number; events: number; categories: number }>(
    database,
    `WITH counted AS MATERIALIZED (SELECT i.categories, i.deleted_at, coalesce(c.events, 0) AS events FROM items i LEFT JOIN unnest($1::int[], $2::int[]) AS c(item_no, events) USING (item_no)),
      mix AS (
        SELECT name, count(*) FILTER (WHERE deleted_at IS NULL)::int AS items, sum(events)::float8 AS events FROM counted, unnest(categories) AS name GROUP BY name
        UNION ALL SELECT NULL, count(*) FILTER (WHERE deleted_at IS NULL)::int, coalesce(sum(events), 0)::float8 FROM counted WHERE categories = '{}')
     SELECT name, items, events, (SELECT count(*)::int FROM mix WHERE name IS NOT NULL) AS categories FROM mix ORDER BY name IS NULL DESC, events DESC, items DESC, name LIMIT $3`,
    [Array.from(itemEvents.nos), Array.from(itemEvents.events), MAX_CATEGORIES + 1],
  );
  const [{ items, events, categories }, ...shown] = rows;
  return { shown: shown.map(({ name, ...share }) => ({ name: name!, items: share.items, events: share.events })), categories, without: { items, events } };
}

/** By number; those that are gone are not among them. */
export async function nameItems(database: Queryable, itemNos: readonly number[]): Promise<Map<number, NamedItem>> {
  const rows = await run<NamedItem & { itemNo: number }>(database, 'SELECT item_no AS "itemNo", item_id AS "itemId", title, categories[1] AS category FROM items WHERE item_no = ANY($1::int[])', [itemNos]);
  return new Map(rows.map(({ itemNo, ...names }) => [itemNo, names]));
}

/** 0 where there are no events. */
export async function newestEventNo(database: Queryable): Promise<number> {
  const [row] = await run<{ newest: number }>(database, 'SELECT coalesce(max(event_no), 0) AS newest FROM events');
  return row.newest;
}
