/** Everything of one kind, a part at a time in the order of its numbers, for files that leave the house. */
import { type Database, explainDatabaseError, run } from './database.ts';

export const EXPORT_KINDS = ['events', 'items', 'users'] as const;
export type ExportKind = (typeof EXPORT_KINDS)[number];
/** A row's fields by name; times as ISO texts. */
export type ExportRow = Record<string, string | number | boolean | null | object>;

const UTC = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The names are those that an import finds by itself. */
const QUERIES: Readonly<Record<ExportKind, { readonly columns: readonly string[]; readonly sql: string }>> = {
  events: {
    columns: ['userId', 'itemId', 'type', 'value', 'quantity', 'price', 'occurredAt', 'receivedAt'],
    sql: `SELECT user_id AS "userId", item_id AS "itemId", t.name AS type, e.value, e.quantity, e.price, ${UTC('e.occurred_at')} AS "occurredAt", ${UTC('e.received_at')} AS "receivedAt"
          FROM events e JOIN users USING (user_no) JOIN items USING (item_no) JOIN event_types t USING (type_no) ORDER BY e.event_no`,
  },
  items: {
    columns: ['itemId', 'title', 'url', 'imageUrl', 'price', 'categories', 'available', 'publishedAt', 'expiresAt', 'attributes'],
    sql: `SELECT item_id AS "itemId", title, url, image_url AS "imageUrl", price, categories, available, ${UTC('published_at')} AS "publishedAt", ${UTC('expires_at')} AS "expiresAt", attributes
          FROM items WHERE deleted_at IS NULL ORDER BY item_no`,
  },
  users: {
    columns: ['userId', 'firstSeenAt'],
    sql: `SELECT user_id AS "userId", ${UTC('first_seen_at')} AS "firstSeenAt" FROM users ORDER BY user_no`,
  },
};

export function columnsOfExport(kind: ExportKind): readonly string[] {
  return QUERIES[kind].columns;
}

const ROWS_A_TIME = 10_000;

/** All rows as they are at one moment: a cursor in one snapshot, in the order of their numbers by the index, so that nothing is sorted and the first rows come at once. */
export async function* readExport(database: Database, kind: ExportKind): AsyncGenerator<ExportRow[]> {
  const connection = await database.connect();
  try {
    await connection.query(`BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0; DECLARE rows NO SCROLL CURSOR FOR ${QUERIES[kind].sql}`);
    for (;;) {
      const rows = await run<ExportRow>(connection, `FETCH ${ROWS_A_TIME} FROM rows`);
      if (rows.length === 0) {
        return;
      }
      yield rows;
    }
  } catch (error) {
    throw explainDatabaseError(error);
  } finally {
    await connection.query('ROLLBACK').then(() => connection.release(), () => connection.release(true));
  }
}
