/** COPY out of Postgres in binary format, row by row out of the stream's own bytes. */
import { to as copyTo } from 'pg-copy-streams';
import type pg from 'pg';
import { type Connection, type Database, explainDatabaseError } from './database.ts';

/** Microseconds between Postgres' epoch (2000-01-01) and Unix', in ms. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
const COPY_HEADER_BYTES = 19;
/** The number of a row's fields, and the length of its only one. */
const VALUE_HEAD_BYTES = 6;

/** A bigint at an offset, as a number: exact up to 2⁵³. */
export function readInt64(view: DataView, offset: number): number {
  return view.getInt32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4);
}

/** A timestamptz at an offset, in ms; the nearest, or by `Math.floor` the one that a clock would show. */
export function readTimestamp(view: DataView, offset: number, toWhole: (ms: number) => number = Math.round): number {
  return toWhole(readInt64(view, offset) / 1000) + POSTGRES_EPOCH_MS;
}

/**
 * Gives `work` a connection of the pool for its COPYs. Where it fails the connection is closed: in the middle of a COPY it is of no use to the next.
 *
 * @throws DatabaseUnavailable
 */
export async function onOneConnection<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  let connection: Connection | undefined;
  let isWhole = false;
  try {
    connection = await database.connect();
    const result = await work(connection);
    isWhole = true;
    return result;
  } catch (error) {
    throw explainDatabaseError(error);
  } finally {
    connection?.release(!isWhole);
  }
}

/**
 * Feeds a binary COPY stream to `onRow`, which gets a view and the offset of a row's first field (its 4-byte length). A row is passed on only when it is whole.
 *
 * @param timeoutMs the pool's connections give every statement this long, from beginning to end; those alone have no limit of their own
 */
export async function readBinaryCopy(client: Pick<pg.Client, 'query'>, query: string, onRow: (view: DataView, bytes: Buffer, offset: number) => void, timeoutMs?: number): Promise<void> {
  await copyOut(client, query, async (stream) => await readBinaryRows(stream, onRow), timeoutMs);
}

/**
 * Feeds the bytes of a binary COPY of one bytea column to `onBytes`, value after value, as they come: no value is ever held whole, and a piece is the stream's own.
 *
 * @param timeoutMs as in `readBinaryCopy`
 */
export async function readBinaryValues(client: Pick<pg.Client, 'query'>, query: string, onBytes: (piece: Buffer) => void, timeoutMs?: number): Promise<void> {
  await copyOut(client, query, async (stream) => await readValues(stream, onBytes), timeoutMs);
}

/** Hands the bytes of a binary COPY to `read`, as they come and no faster than it takes them. */
export async function copyOut(client: Pick<pg.Client, 'query'>, query: string, read: (stream: AsyncIterable<Buffer>) => Promise<void>, timeoutMs?: number): Promise<void> {
  const copy: ReturnType<typeof copyTo> & { query_timeout?: number; callback?: (error: null) => void } = copyTo(`COPY (${query}) TO STDOUT (FORMAT binary)`);
  if (timeoutMs !== undefined) {
    copy.query_timeout = timeoutMs;
  }
  // A reader that fails before it reads has nobody listen, and ending a connection in the middle of a COPY fails the stream: that would end the process.
  copy.on('error', () => undefined);
  client.query(copy);
  try {
    await read(copy as AsyncIterable<Buffer>);
  } finally {
    // The driver's timer would fail the stream after its end, where nobody listens any more.
    copy.callback?.(null);
  }
}

/** Rows out of the bytes of a binary COPY, wherever these come from: `onRow` as in `readBinaryCopy`. */
export async function readBinaryRows(stream: AsyncIterable<Buffer>, onRow: (view: DataView, bytes: Buffer, offset: number) => void): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  let headerSeen = false;
  for await (const piece of stream) {
    const bytes: Buffer = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (!headerSeen) {
      if (bytes.length < COPY_HEADER_BYTES) {
        rest = bytes;
        continue;
      }
      at = COPY_HEADER_BYTES + view.getInt32(COPY_HEADER_BYTES - 4);
      headerSeen = true;
    }
    for (;;) {
      if (at + 2 > bytes.length) {
        break;
      }
      const fields = view.getInt16(at);
      if (fields === -1) {
        at = bytes.length;
        break;
      }
      let end = at + 2;
      let whole = true;
      for (let field = 0; field < fields; field++) {
        if (end + 4 > bytes.length) {
          whole = false;
          break;
        }
        end += 4 + Math.max(0, view.getInt32(end));
      }
      if (!whole || end > bytes.length) {
        break;
      }
      onRow(view, bytes, at + 2);
      at = end;
    }
    rest = bytes.subarray(at);
  }
}

async function readValues(stream: AsyncIterable<Buffer>, onBytes: (piece: Buffer) => void): Promise<void> {
  /** A head of which only the beginning has come. */
  let rest: Buffer = Buffer.alloc(0);
  let headerSeen = false;
  /** Bytes of the value that are still to come. */
  let left = 0;
  for await (const piece of stream) {
    const bytes: Buffer = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    if (!headerSeen) {
      if (bytes.length < COPY_HEADER_BYTES) {
        rest = bytes;
        continue;
      }
      at = COPY_HEADER_BYTES + bytes.readInt32BE(COPY_HEADER_BYTES - 4);
      headerSeen = true;
    }
    for (;;) {
      const here = Math.min(left, bytes.length - at);
      if (here > 0) {
        onBytes(bytes.subarray(at, at + here));
        at += here;
        left -= here;
      }
      // What ends the stream is a number of fields of −1, without a length.
      if (left > 0 || at + VALUE_HEAD_BYTES > bytes.length) {
        break;
      }
      left = Math.max(0, bytes.readInt32BE(at + 2));
      at += VALUE_HEAD_BYTES;
    }
    rest = bytes.subarray(at);
  }
}
