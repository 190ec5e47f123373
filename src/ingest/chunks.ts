/**
 * Rows into Postgres, some 20,000 a transaction: while one chunk is being written the next is gathered. Used by imports and by the demo shop.
 */
import type pg from 'pg';
import { type ChunkProgress, writeChunk } from '../storage/imports.ts';
import { createRowDedup, dedupOfEventId, hashGroup } from './dedup.ts';
import type { RowEvent } from './rows.ts';

export interface ChunkWriter {
  /** Takes a row's values (the object may be reused). @returns whether the chunk is full: then `flush` soon */
  add(row: RowEvent): boolean;
  flush(): Promise<void>;
  /** Writes what is left, also where that is no row, so that the import's figures are those of its end. */
  end(): Promise<void>;
}

export interface ChunkNotes {
  readonly progress: ChunkProgress;
  /** After COMMIT, with the rows that were new. */
  readonly onWritten: (inserted: number) => void;
}

const CHUNK_ROWS = 20_000;
const FIRST_CHUNK_BYTES = 1 << 22;
/** Of one UTF-16 unit. */
const MAX_UTF8_BYTES = 3;

/** COPY's text format; ids have no control characters, so the backslash is all that needs an escape. */
function copyField(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}

/**
 * @param connection one with the staging table (`createStaging`)
 * @param takeNotes called as a chunk of so many rows is closed
 */
export function createChunkWriter(connection: pg.Client, importNo: number, takeNotes: (rows: number) => ChunkNotes): ChunkWriter {
  const dedupOf = createRowDedup();
  // Bytes rather than a growing string: its hundred thousand pieces would all be looked at by the garbage collector, again and again.
  let bytes = Buffer.allocUnsafe(FIRST_CHUNK_BYTES);
  let length = 0;
  let rows = 0;
  let lastGroup: string | null = null;
  let lastGroupHash = '\\N';
  let writing: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    await writing;
    const [chunk, count] = [bytes.subarray(0, length), rows];
    const { progress, onWritten } = takeNotes(count);
    // What is being sent stays as it is; the next chunk gets its own.
    bytes = Buffer.allocUnsafe(bytes.length);
    [length, rows] = [0, 0];
    writing = writeChunk(connection, importNo, chunk, count, progress).then(onWritten);
    // A chunk that fails while the next is gathered must not count as unhandled: the next `flush` or `end` meets it.
    writing.catch(() => undefined);
  }

  return {
    add(row) {
      if (row.groupId !== lastGroup) {
        lastGroup = row.groupId;
        lastGroupHash = lastGroup === null ? '\\N' : hashGroup(lastGroup);
      }
      const dedup = row.eventId === null ? dedupOf(row.userId, row.itemId, row.typeNo, row.value, row.occurredAtMs) : dedupOfEventId(row.userId, row.eventId);
      const line = `${rows}\t${copyField(row.userId)}\t${copyField(row.itemId)}\t${row.typeNo}\t${row.value ?? '\\N'}\t${row.quantity ?? '\\N'}\t${row.price ?? '\\N'}\t${lastGroupHash}\t${row.occurredAtMs}\t${dedup}\n`;
      if (length + line.length * MAX_UTF8_BYTES > bytes.length) {
        const grown = Buffer.allocUnsafe(bytes.length * 2);
        bytes.copy(grown, 0, 0, length);
        bytes = grown;
      }
      length += bytes.write(line, length);
      return ++rows >= CHUNK_ROWS;
    },
    flush,
    async end() {
      await flush();
      await writing;
    },
  };
}
