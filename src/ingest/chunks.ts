/**
 * Rows into Postgres, 20,000 a transaction: while one chunk is being written the next is gathered. Used by imports and by the demo shop.
 */
import type pg from 'pg';
import { resolveIds } from '../storage/ids.ts';
import { type ChunkProgress, type Quarantine, writeChunk } from '../storage/imports.ts';
import { createRowDedup, dedupOfEventId, hashGroup } from './dedup.ts';
import type { RowEvent } from './rows.ts';

export interface ChunkWriter {
  /** Takes a row's values (the object may be reused). @returns whether the chunk is full: then `flush` before the next */
  add(row: RowEvent): boolean;
  /** A row that an earlier run stored: counted, so that equal rows after it are numbered as they would have been. */
  pass(row: RowEvent): void;
  flush(): Promise<void>;
  /** Writes what is left, also where that is no row, so that the import's figures are those of its end. */
  end(): Promise<void>;
}

export interface ChunkNotes {
  readonly progress: ChunkProgress;
  readonly quarantine: Quarantine;
  /** After COMMIT, with the rows that were new. @param cancelled somebody wants the import to end @param refused rows from before their user was erased */
  readonly onWritten: (inserted: number, cancelled: boolean, refused: number) => void;
}

export function emptyQuarantine(): Quarantine {
  return { lines: [], codes: [], messages: [], raws: [] };
}

const CHUNK_ROWS = 20_000;
/** Of a row without its numbers of user and item, and of those two with their tabs. */
const MAX_ROW_BYTES = 220;
const MAX_NUMBERS_BYTES = 24;

/** Numbers by id, as far as they are known, and the ids of this chunk that are not. */
function createIdNumbers() {
  const nos = new Map<string, number>();
  let unknown = new Map<string, number>();
  return {
    /** A number, or −1 − k for the k-th unknown id. */
    numberOf(id: string): number {
      const no = nos.get(id);
      if (no !== undefined) {
        return no;
      }
      let k = unknown.get(id);
      if (k === undefined) {
        k = unknown.size;
        unknown.set(id, k);
      }
      return -1 - k;
    },
    takeUnknown(): string[] {
      const ids = [...unknown.keys()];
      unknown = new Map();
      return ids;
    },
    learn(ids: readonly string[], numbers: readonly number[]): void {
      ids.forEach((id, k) => nos.set(id, numbers[k]));
    },
  };
}

/** Rows being gathered: numbers in arrays and the rest as bytes. Strings kept for 20,000 rows would all be looked at by the garbage collector, again and again. */
function createGathered() {
  return { rows: 0, length: 0, user: new Int32Array(CHUNK_ROWS), item: new Int32Array(CHUNK_ROWS), timeMs: new Float64Array(CHUNK_ROWS), end: new Uint32Array(CHUNK_ROWS), rest: Buffer.allocUnsafe(CHUNK_ROWS * MAX_ROW_BYTES) };
}

/**
 * @param userChanges as it stood before (`readUserChanges`)
 * @param connection one with the staging table (`createStaging`)
 * @param takeNotes called as a chunk of so many rows is closed
 */
export function createChunkWriter(connection: pg.Client, importNo: number, userChanges: number, takeNotes: (rows: number) => ChunkNotes): ChunkWriter {
  const dedupOf = createRowDedup();
  const users = createIdNumbers();
  const items = createIdNumbers();
  const refuseBefore = new Map<number, number>();
  // One is gathered while the other is being written.
  let gathered = createGathered();
  let spare = createGathered();
  let lastGroup: string | null = null;
  let lastGroupHash = '\\N';
  let lastMs = Number.NaN;
  let lastTime = '';
  let straight = true;
  let writing: Promise<void> = Promise.resolve();

  async function write(chunk: ReturnType<typeof createGathered>, unknownUsers: string[], unknownItems: string[], progress: ChunkProgress, quarantine: Quarantine): Promise<{ inserted: number; cancelled: boolean; refused: number }> {
    let userNos: number[] = [];
    let itemNos: number[] = [];
    if (unknownUsers.length > 0 || unknownItems.length > 0) {
      const found = await resolveIds(connection, unknownUsers, unknownItems);
      ({ userNos, itemNos } = found);
      found.refuseBefore.forEach((ms, no) => refuseBefore.set(no, ms));
      users.learn(unknownUsers, userNos);
      items.learn(unknownItems, itemNos);
    }
    const bytes = Buffer.allocUnsafe(chunk.length + chunk.rows * MAX_NUMBERS_BYTES);
    let length = 0;
    let from = 0;
    let refused = 0;
    for (let row = 0; row < chunk.rows; row++) {
      const user = chunk.user[row] < 0 ? userNos[-1 - chunk.user[row]] : chunk.user[row];
      const item = chunk.item[row];
      if (refuseBefore.size > 0 && chunk.timeMs[row] < (refuseBefore.get(user) ?? -Infinity)) {
        refused++;
        from = chunk.end[row];
        continue;
      }
      length += bytes.write(`${user}\t${item < 0 ? itemNos[-1 - item] : item}\t`, length, 'latin1');
      length += chunk.rest.copy(bytes, length, from, chunk.end[row]);
      from = chunk.end[row];
    }
    const written = await writeChunk(connection, importNo, { bytes: bytes.subarray(0, length), rows: chunk.rows - refused, progress, quarantine, userChanges }, straight);
    // Where rows were stored already there will be more of them; where there are none any more, the straight way is open again.
    straight = written.inserted === chunk.rows - refused;
    return { ...written, refused };
  }

  async function flush(): Promise<void> {
    await writing;
    const chunk = gathered;
    const [unknownUsers, unknownItems] = [users.takeUnknown(), items.takeUnknown()];
    const { progress, quarantine, onWritten } = takeNotes(chunk.rows);
    [gathered, spare] = [spare, chunk];
    gathered.rows = 0;
    gathered.length = 0;
    writing = write(chunk, unknownUsers, unknownItems, progress, quarantine).then(({ inserted, cancelled, refused }) => onWritten(inserted, cancelled, refused));
    // A chunk that fails while the next is gathered must not count as unhandled: the next `flush` or `end` meets it.
    writing.catch(() => undefined);
  }

  return {
    add(row) {
      if (row.groupId !== lastGroup) {
        lastGroup = row.groupId;
        lastGroupHash = lastGroup === null ? '\\N' : hashGroup(lastGroup);
      }
      if (row.occurredAtMs !== lastMs) {
        lastMs = row.occurredAtMs;
        lastTime = new Date(lastMs).toISOString();
      }
      const dedup = row.eventId === null ? dedupOf(row.userId, row.itemId, row.typeNo, row.value, row.occurredAtMs) : dedupOfEventId(row.userId, row.eventId);
      const at = gathered.rows;
      gathered.user[at] = users.numberOf(row.userId);
      gathered.item[at] = items.numberOf(row.itemId);
      gathered.timeMs[at] = row.occurredAtMs;
      gathered.length += gathered.rest.write(
        `${row.typeNo}\t${row.value ?? '\\N'}\t${row.quantity ?? '\\N'}\t${row.price ?? '\\N'}\t${lastGroupHash}\t${lastTime}\t${dedup}\t${importNo}\n`,
        gathered.length,
        'latin1',
      );
      gathered.end[at] = gathered.length;
      return ++gathered.rows >= CHUNK_ROWS;
    },
    pass(row) {
      if (row.eventId === null) {
        dedupOf(row.userId, row.itemId, row.typeNo, row.value, row.occurredAtMs);
      }
    },
    flush,
    async end() {
      await flush();
      await writing;
    },
  };
}
