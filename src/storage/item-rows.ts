/** The catalogue as serving keeps it: all items, or those that changed, by one binary COPY, without an object a row. */
import { copyOut, onOneConnection, readBinaryRows, readTimestamp } from './binary-copy.ts';
import { type Database, type Queryable, run } from './database.ts';

/** One row, which the next one overwrites: whoever keeps of it copies it. */
export interface ItemRow {
  itemNo: number;
  itemId: string;
  /** The transaction that wrote the row: with the number it says which content this is. */
  xid: string;
  title: string | null;
  /** NaN: none. So for the times, in ms. */
  price: number;
  categories: string[];
  /** null: none. */
  attributes: Record<string, unknown> | null;
  isAvailable: boolean;
  isDeleted: boolean;
  publishedAtMs: number;
  expiresAtMs: number;
  firstSeenMs: number;
}

/** Reading the whole of a very large catalogue takes longer than a statement of the pool may. */
const LOAD_TIMEOUT_MS = 600_000;

// Cast, because a binary jsonb or xid8 is no text. Empty is null, which costs nothing to read.
const COLUMNS = `item_no, item_id, xid::text, title, price, nullif(categories, '{}'), nullif(attributes, '{}')::text, available, deleted_at IS NOT NULL, published_at, expires_at, first_seen_at`;

/**
 * Items in ascending order of their numbers: all (`watermark` null), or those changed by transactions at or above the watermark.
 *
 * @returns the watermark to ask from next time
 * @throws DatabaseUnavailable; rows may have been passed on before
 */
export async function readItemRows(database: Database, watermark: string | null, onRow: (row: Readonly<ItemRow>) => void): Promise<string> {
  return await copyItemRows(database, watermark, async (stream) => await parseItemRows(stream, onRow));
}

/** The same as bytes, for `parseItemRows`. */
export async function copyItemRows(database: Database, watermark: string | null, read: (stream: AsyncIterable<Buffer>) => Promise<void>): Promise<string> {
  return await onOneConnection(database, async (connection) => {
    if (watermark === null) {
      await connection.query(`SET statement_timeout = ${LOAD_TIMEOUT_MS}`);
    }
    // Asked for first: what is committed in between is seen now and once more.
    const [{ xmin }] = await run<{ xmin: string }>(connection, 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin');
    const where = watermark === null ? '' : `WHERE xid >= '${BigInt(watermark)}'::xid8`;
    await copyOut(connection, `SELECT ${COLUMNS} FROM items ${where} ORDER BY item_no`, read, LOAD_TIMEOUT_MS);
    if (watermark === null) {
      await connection.query('RESET statement_timeout');
    }
    return xmin;
  });
}

export async function parseItemRows(stream: AsyncIterable<Buffer>, onRow: (row: Readonly<ItemRow>) => void): Promise<void> {
  const row = createRow();
  await readBinaryRows(stream, (view, bytes, offset) => {
    fillRow(row, view, bytes, offset);
    onRow(row);
  });
}

/** Whether `copyItemRows` would have any. */
export async function hasItemsSince(database: Queryable, watermark: string): Promise<boolean> {
  const [{ found }] = await run<{ found: boolean }>(database, 'SELECT EXISTS (SELECT FROM items WHERE xid >= $1::xid8) AS found', [watermark]);
  return found;
}

function createRow(): ItemRow {
  return {
    itemNo: 0, itemId: '', xid: '', title: null, price: Number.NaN, categories: [], attributes: null, isAvailable: true, isDeleted: false, publishedAtMs: Number.NaN, expiresAtMs: Number.NaN,
    firstSeenMs: Number.NaN,
  };
}

function fillRow(row: ItemRow, view: DataView, bytes: Buffer, offset: number): void {
  let at = offset;
  /** Moves on to the next field. @returns where this one's bytes begin, or -1 for null */
  const field = (): number => {
    const length = view.getInt32(at);
    const start = at + 4;
    at = start + Math.max(0, length);
    return length < 0 ? -1 : start;
  };
  const text = (): string | null => {
    const start = field();
    return start < 0 ? null : bytes.toString('utf8', start, at);
  };
  const time = (): number => {
    const start = field();
    return start < 0 ? Number.NaN : readTimestamp(view, start);
  };
  row.itemNo = view.getInt32(field());
  row.itemId = text()!;
  row.xid = text()!;
  row.title = text();
  const price = field();
  row.price = price < 0 ? Number.NaN : view.getFloat32(price);
  fillTexts(row.categories, view, bytes, field());
  const attributes = text();
  row.attributes = attributes === null ? null : (JSON.parse(attributes) as Record<string, unknown>);
  row.isAvailable = bytes[field()] === 1;
  row.isDeleted = bytes[field()] === 1;
  row.publishedAtMs = time();
  row.expiresAtMs = time();
  row.firstSeenMs = time();
}

/** A text[]: dimensions, a flag, the type, then length and lower bound of each dimension, then the members. */
function fillTexts(texts: string[], view: DataView, bytes: Buffer, offset: number): void {
  texts.length = 0;
  if (offset < 0) {
    return;
  }
  const dimensions = view.getInt32(offset);
  let count = dimensions === 0 ? 0 : 1;
  for (let d = 0; d < dimensions; d++) {
    count *= view.getInt32(offset + 12 + 8 * d);
  }
  let at = offset + 12 + 8 * dimensions;
  for (let k = 0; k < count; k++) {
    const length = view.getInt32(at);
    at += 4;
    if (length >= 0) {
      texts.push(bytes.toString('utf8', at, at + length));
      at += length;
    }
  }
}
