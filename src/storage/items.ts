import { type Queryable, run } from './database.ts';
import { ensureUsersAndItems } from './ids.ts';
import { checkAttributes } from './item-attributes.ts';
import { likePattern } from './users.ts';

/** What a shop says of an item. Absent fields are left as they are, null takes a value back. */
export interface ItemFields {
  readonly title?: string | null;
  readonly url?: string | null;
  readonly imageUrl?: string | null;
  readonly price?: number | null;
  readonly categories?: readonly string[] | null;
  readonly attributes?: object | null;
  readonly available?: boolean | null;
  readonly publishedAt?: string | null;
  readonly expiresAt?: string | null;
}

export interface ItemPatch extends ItemFields {
  readonly itemId: string;
}

export interface Item extends Record<string, unknown> {
  readonly itemNo: number;
  readonly itemId: string;
  readonly title: string | null;
  readonly url: string | null;
  readonly imageUrl: string | null;
  readonly price: number | null;
  readonly categories: string[];
  readonly attributes: object;
  readonly available: boolean;
  readonly publishedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly updatedAt: Date;
}

const COLUMNS = `item_no AS "itemNo", item_id AS "itemId", title, url, image_url AS "imageUrl", price, categories, attributes, available,
  published_at AS "publishedAt", expires_at AS "expiresAt", updated_at AS "updatedAt"`;

/** Every field a PUT replaces: what it leaves out goes back to nothing. */
export const EMPTY_ITEM: Required<ItemFields> = {
  title: null, url: null, imageUrl: null, price: null, categories: null, attributes: null, available: null, publishedAt: null, expiresAt: null,
};

/**
 * Changes items inside the caller's transaction; those missing are made where `create` says so. Rows are locked in id order first, so that two bulk
 * changes cannot lock each other out. A deleted item that is created again comes back.
 *
 * @returns ids of the items that were changed
 * @throws AttributeTypeFault
 */
export async function patchItems(connection: Queryable, patches: readonly ItemPatch[], create: boolean): Promise<Set<string>> {
  // An item named twice is changed twice, the later fields over the earlier.
  const merged = new Map<string, ItemPatch>();
  for (const patch of patches) {
    merged.set(patch.itemId, { ...merged.get(patch.itemId), ...patch });
  }
  const ids = [...merged.keys()];
  if (create) {
    await ensureUsersAndItems(connection, [], ids);
  }
  await checkAttributes(connection, [...merged.values()]);
  await run(connection, 'SELECT FROM items WHERE item_id = ANY($1) ORDER BY item_id FOR UPDATE', [ids]);
  const rows = await run<{ itemId: string }>(
    connection,
    `UPDATE items SET
       title = CASE WHEN p ? 'title' THEN p->>'title' ELSE title END,
       url = CASE WHEN p ? 'url' THEN p->>'url' ELSE url END,
       image_url = CASE WHEN p ? 'imageUrl' THEN p->>'imageUrl' ELSE image_url END,
       price = CASE WHEN p ? 'price' THEN (p->>'price')::real ELSE price END,
       categories = CASE WHEN p ? 'categories' THEN ARRAY(SELECT jsonb_array_elements_text(CASE jsonb_typeof(p->'categories') WHEN 'array' THEN p->'categories' ELSE '[]' END)) ELSE categories END,
       attributes = CASE WHEN p ? 'attributes' THEN CASE jsonb_typeof(p->'attributes') WHEN 'object' THEN p->'attributes' ELSE '{}' END ELSE attributes END,
       available = CASE WHEN p ? 'available' THEN coalesce((p->>'available')::boolean, true) ELSE available END,
       published_at = CASE WHEN p ? 'publishedAt' THEN (p->>'publishedAt')::timestamptz ELSE published_at END,
       expires_at = CASE WHEN p ? 'expiresAt' THEN (p->>'expiresAt')::timestamptz ELSE expires_at END,
       deleted_at = CASE WHEN $2 THEN NULL ELSE deleted_at END, updated_at = now(), xid = pg_current_xact_id()
     FROM jsonb_array_elements($1::jsonb) AS p
     WHERE item_id = p->>'itemId' AND ($2 OR deleted_at IS NULL) RETURNING item_id AS "itemId"`,
    [JSON.stringify([...merged.values()]), create],
  );
  await run(connection, `SELECT pg_notify('jongleur_items', '')`);
  return new Set(rows.map((row) => row.itemId));
}

/** Titles and prices that an import saw, for items whose catalogue says nothing yet: what the shop wrote itself is never overwritten. */
export async function fillItems(connection: Queryable, itemIds: readonly string[], titles: readonly (string | null)[], prices: readonly (number | null)[]): Promise<number> {
  const rows = await run(
    connection,
    // Locked in id order first, as `patchItems` does it.
    `WITH locked AS MATERIALIZED (SELECT item_no FROM items WHERE item_id = ANY($1) ORDER BY item_id FOR UPDATE)
     UPDATE items SET title = coalesce(items.title, seen.title), price = coalesce(items.price, seen.price), updated_at = now(), xid = pg_current_xact_id()
     FROM unnest($1::text[], $2::text[], $3::real[]) AS seen (item_id, title, price), locked
     WHERE items.item_no = locked.item_no AND items.item_id = seen.item_id AND ((items.title IS NULL AND seen.title IS NOT NULL) OR (items.price IS NULL AND seen.price IS NOT NULL)) RETURNING 1`,
    [itemIds, titles, prices],
  );
  return rows.length;
}

/** @returns null where the item is unknown or deleted */
export async function findItem(database: Queryable, itemId: string): Promise<Item | null> {
  const [row] = await run<Item>(database, `SELECT ${COLUMNS} FROM items WHERE item_id = $1 AND deleted_at IS NULL`, [itemId]);
  return row ?? null;
}

/** Items by id, for the fields of an answer. */
export async function loadItems(database: Queryable, itemIds: readonly string[]): Promise<Item[]> {
  return await run<Item>(database, `SELECT ${COLUMNS} FROM items WHERE item_id = ANY($1)`, [itemIds]);
}

/** Those of the ids that are items. */
export async function knownItemIds(database: Queryable, itemIds: readonly string[]): Promise<Set<string>> {
  const rows = await run<{ itemId: string }>(database, 'SELECT item_id AS "itemId" FROM items WHERE item_id = ANY($1)', [itemIds]);
  return new Set(rows.map(({ itemId }) => itemId));
}

/** Items by number after `afterItemNo`; `query` finds a part of the id or title, whatever its case. */
export async function listItems(database: Queryable, query: string | null, afterItemNo: number, limit: number): Promise<Item[]> {
  return await run<Item>(
    database,
    `SELECT ${COLUMNS} FROM items WHERE deleted_at IS NULL AND item_no > $2::bigint AND ($1::text IS NULL OR title ILIKE $1 OR item_id ILIKE $1) ORDER BY item_no LIMIT $3`,
    [query === null ? null : likePattern(query), afterItemNo, limit],
  );
}

/** Takes an item out of the catalogue and of every answer. Its events stay. @returns false where there is none */
export async function deleteItem(connection: Queryable, itemId: string): Promise<boolean> {
  const rows = await run(
    connection,
    `WITH gone AS (UPDATE items SET deleted_at = now(), updated_at = now(), xid = pg_current_xact_id() WHERE item_id = $1 AND deleted_at IS NULL RETURNING 1)
     SELECT pg_notify('jongleur_items', '') FROM gone`,
    [itemId],
  );
  return rows.length > 0;
}
