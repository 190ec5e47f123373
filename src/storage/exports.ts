/** Everything of one kind, a part at a time in the order of its numbers, for files that leave the house. */
import { type Queryable, run } from './database.ts';

export const EXPORT_KINDS = ['events', 'items', 'users'] as const;
export type ExportKind = (typeof EXPORT_KINDS)[number];
/** A row's fields by name; times as ISO texts. */
export type ExportRow = Record<string, string | number | boolean | null | object>;

const UTC = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The names are those that an import finds by itself. */
const QUERIES: Readonly<Record<ExportKind, { readonly columns: readonly string[]; readonly sql: string }>> = {
  events: {
    columns: ['userId', 'itemId', 'type', 'value', 'quantity', 'price', 'occurredAt', 'receivedAt'],
    sql: `SELECT e.event_no::float8 AS no, user_id AS "userId", item_id AS "itemId", t.name AS type, e.value, e.quantity, e.price, ${UTC('e.occurred_at')} AS "occurredAt", ${UTC('e.received_at')} AS "receivedAt"
          FROM (SELECT * FROM events WHERE event_no > $1 ORDER BY event_no LIMIT $2) e JOIN users USING (user_no) JOIN items USING (item_no) JOIN event_types t USING (type_no) ORDER BY e.event_no`,
  },
  items: {
    columns: ['itemId', 'title', 'url', 'imageUrl', 'price', 'categories', 'available', 'publishedAt', 'expiresAt', 'attributes'],
    sql: `SELECT item_no::float8 AS no, item_id AS "itemId", title, url, image_url AS "imageUrl", price, categories, available, ${UTC('published_at')} AS "publishedAt", ${UTC('expires_at')} AS "expiresAt", attributes
          FROM items WHERE item_no > $1 AND deleted_at IS NULL ORDER BY item_no LIMIT $2`,
  },
  users: {
    columns: ['userId', 'firstSeenAt'],
    sql: `SELECT user_no::float8 AS no, user_id AS "userId", ${UTC('first_seen_at')} AS "firstSeenAt" FROM users WHERE user_no > $1 ORDER BY user_no LIMIT $2`,
  },
};

export function columnsOfExport(kind: ExportKind): readonly string[] {
  return QUERIES[kind].columns;
}

const ROWS_A_TIME = 10_000;

/** Rows as they are when their part is read; what is stored meanwhile comes at the end. */
export async function* readExport(database: Queryable, kind: ExportKind): AsyncGenerator<ExportRow[]> {
  for (let after = 0; ; ) {
    const rows = await run<ExportRow & { no?: number }>(database, QUERIES[kind].sql, [after, ROWS_A_TIME]);
    if (rows.length === 0) {
      return;
    }
    after = rows.at(-1)!.no!;
    rows.forEach((row) => delete row.no);
    yield rows as ExportRow[];
  }
}
