/**
 * Rows into Postgres, 20,000 a transaction: while one chunk is being written the next is gathered. Used by imports and by the demo shop.
 *
 * Rows are gathered in the form in which they are sent, binary COPY, with a gap for the numbers of user and item. Memory does not grow with the file: when so many ids are known, they are forgotten and
 * asked for anew.
 */
import type pg from 'pg';
import { resolveIds } from '../storage/ids.ts';
import { type ChunkProgress, NumbersChanged, type Quarantine, writeChunk } from '../storage/imports.ts';
import { fillItems } from '../storage/items.ts';
import { holdUserNumbers, readUserChanges } from '../storage/users.ts';
import { createRowDedup, writeEventDedup, writeGroupHash } from './dedup.ts';
import { type FileIds, createFileIds, createNumberCount } from './file-ids.ts';
import { type ItemNotes, createItemNotes } from './item-notes.ts';
import type { RowEvent } from './rows.ts';

export interface ChunkWriter {
  /** Takes a row's values (the object may be reused). @returns whether the chunk is full: then `flush` before the next */
  add(row: RowEvent): boolean;
  /** A row that an earlier run stored: counted, so that equal rows after it are numbered as they would have been. @returns as `add` */
  pass(row: RowEvent): boolean;
  flush(): Promise<void>;
  /** Writes what is left, also where that is no row, so that the import's figures are those of its end. */
  end(): Promise<void>;
  /** Different users and items of the rows added, and items that got a title or price from the file. */
  counts(): { users: number; items: number; itemsMade: boolean; itemsFilled: number };
}

export interface ChunkNotes {
  readonly progress: ChunkProgress;
  readonly quarantine: Quarantine;
  /** After COMMIT, with the rows that were new. @param cancelled somebody wants the import to end @param refused rows from before their user was erased */
  readonly onWritten: (inserted: number, cancelled: boolean, refused: number) => void;
}

export interface ChunkWriterOptions {
  readonly importNo: number;
  /** Rows have titles or prices of items, which are kept where the catalogue says nothing. */
  readonly fillsItems: boolean;
  /** Called as a chunk of so many rows is closed. */
  readonly takeNotes: (rows: number) => ChunkNotes;
  /** Of users, and of items, until they are forgotten. */
  readonly maxIds?: number;
}

export function emptyQuarantine(): Quarantine {
  return { lines: [], codes: [], messages: [], raws: [] };
}

const CHUNK_ROWS = 20_000;
const MAX_IDS = 120_000;
/** Items whose titles and prices are written by one statement. */
const FILL_ITEMS = 5_000;
const MAX_TRIES = 20;

/** A row in binary COPY: the number of fields, then each with its length before it, −1 for null. */
const FIELDS = 10;
const USER_AT = 6;
const ITEM_AT = 14;
const TYPE_AT = 22;
const MAX_ROW_BYTES = 100;
/** Postgres counts from 2000-01-01. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** Room for the rows of a chunk, used in turn by every other. */
function createGathered() {
  const bytes = Buffer.alloc(CHUNK_ROWS * MAX_ROW_BYTES);
  return {
    rows: 0, bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    /** Slots of `FileIds`. */
    user: new Int32Array(CHUNK_ROWS), item: new Int32Array(CHUNK_ROWS), timeMs: new Float64Array(CHUNK_ROWS),
    /** Where each row begins, and where the last one ends. */
    start: new Uint32Array(CHUNK_ROWS + 1),
  };
}

/** A closed chunk with what its slots mean: by the time it is written, the ids of the next may be others. */
interface Chunk {
  readonly gathered: ReturnType<typeof createGathered>;
  readonly users: FileIds;
  readonly items: FileIds;
  /** To be kept with this chunk; null: not yet. */
  readonly itemNotes: ItemNotes | null;
}

/** Writes a number as `real`. @returns where the next field begins */
function putReal(view: DataView, at: number, value: number | null): number {
  if (value === null) {
    view.setInt32(at, -1);
    return at + 4;
  }
  view.setInt32(at, 4);
  view.setFloat32(at + 4, value);
  return at + 8;
}

/** @param connection one with the staging table (`createStaging`) */
export function createChunkWriter(connection: pg.Client, { importNo, fillsItems, takeNotes, maxIds = MAX_IDS }: ChunkWriterOptions): ChunkWriter {
  const writeDedup = createRowDedup();
  const refuseBefore = new Map<number, number>();
  const usersSeen = createNumberCount();
  const itemsSeen = createNumberCount();
  let itemsFilled = 0;
  let itemsMade = false;
  // One is gathered while the other is being written.
  let gathered = createGathered();
  let spare = createGathered();
  let users = createFileIds();
  let items = createFileIds();
  let itemNotes = createItemNotes();
  let lastGroup: string | null = null;
  const lastGroupHash = Buffer.alloc(8);
  let straight = true;
  /** `user_changes` before the first of the numbers of users was asked for; null: none was. */
  let userChanges: number | null = null;
  let writing: Promise<void> = Promise.resolve();

  async function learnIds({ gathered: { rows, user, item }, users: chunkUsers, items: chunkItems }: Chunk): Promise<void> {
    const [newUsers, newItems] = [chunkUsers.unknownOf(user, rows), chunkItems.unknownOf(item, rows)];
    if (newUsers.length > 0 || newItems.length > 0) {
      const found = await resolveIds(connection, newUsers.map((slot) => chunkUsers.ids[slot]), newItems.map((slot) => chunkItems.ids[slot]));
      itemsMade ||= found.itemsMade;
      found.refuseBefore.forEach((ms, no) => refuseBefore.set(no, ms));
      chunkUsers.learn(newUsers, found.userNos);
      chunkItems.learn(newItems, found.itemNos);
    }
  }

  /** Puts the numbers in. @returns the rows, those from before their user was erased left out */
  function complete({ gathered: { rows, bytes, view, user, item, timeMs, start }, users: chunkUsers, items: chunkItems }: Chunk): { bytes: Buffer; refused: number } {
    const [userNos, itemNos] = [chunkUsers.numbers(), chunkItems.numbers()];
    const refused: number[] = [];
    for (let row = 0; row < rows; row++) {
      const from = start[row];
      const userNo = userNos[user[row]];
      const itemNo = itemNos[item[row]];
      usersSeen.see(userNo);
      itemsSeen.see(itemNo);
      view.setInt32(from + USER_AT, userNo);
      view.setInt32(from + ITEM_AT, itemNo);
      if (refuseBefore.size > 0 && timeMs[row] < (refuseBefore.get(userNo) ?? -Infinity)) {
        refused.push(row);
      }
    }
    const whole = bytes.subarray(0, start[rows]);
    if (refused.length === 0) {
      return { bytes: whole, refused: 0 };
    }
    const ends = [...refused, rows];
    return { bytes: Buffer.concat(ends.map((row, k) => whole.subarray(k === 0 ? 0 : start[refused[k - 1] + 1], start[row]))), refused: refused.length };
  }

  /** @throws NumbersChanged */
  async function writeRows(chunk: Chunk, { progress, quarantine }: ChunkNotes): Promise<{ inserted: number; cancelled: boolean; refused: number }> {
    userChanges ??= await readUserChanges(connection);
    await learnIds(chunk);
    const { bytes, refused } = complete(chunk);
    const rows = chunk.gathered.rows - refused;
    const written = await writeChunk(connection, importNo, { bytes, rows, progress, quarantine, userChanges }, straight);
    // Where rows were stored already there will be more of them; where there are none any more, the straight way is open again.
    straight = written.inserted === rows;
    return { ...written, refused };
  }

  async function writeHolding(chunk: Chunk, notes: ChunkNotes): ReturnType<typeof writeRows> {
    for (let tried = 1; ; tried++) {
      userChanges = null;
      refuseBefore.clear();
      [chunk.users, users].forEach((ids) => ids.forget());
      try {
        return await writeRows(chunk, notes);
      } catch (error) {
        // An import that is undone meanwhile takes no number away, and waits for nobody.
        if (!(error instanceof NumbersChanged) || tried === MAX_TRIES) {
          throw error;
        }
      }
    }
  }

  async function write(chunk: Chunk, notes: ChunkNotes): Promise<void> {
    const { inserted, cancelled, refused } = await writeRows(chunk, notes).catch(async (error: unknown) => {
      if (!(error instanceof NumbersChanged)) {
        throw error;
      }
      return await holdUserNumbers(connection, async () => await writeHolding(chunk, notes));
    });
    if (chunk.itemNotes !== null) {
      const { ids, titles, prices } = chunk.itemNotes.columns(chunk.items.ids);
      for (let from = 0; from < ids.length; from += FILL_ITEMS) {
        const to = from + FILL_ITEMS;
        itemsFilled += await fillItems(connection, ids.slice(from, to), titles.slice(from, to), prices.slice(from, to));
      }
    }
    notes.onWritten(inserted, cancelled, refused);
  }

  async function close(last: boolean): Promise<void> {
    await writing;
    const forgetsItems = items.ids.length >= maxIds;
    const chunk: Chunk = { gathered, users, items, itemNotes: last || forgetsItems ? itemNotes : null };
    const notes = takeNotes(gathered.rows);
    [gathered, spare] = [spare, gathered];
    gathered.rows = 0;
    if (users.ids.length >= maxIds) {
      users = createFileIds();
    }
    if (forgetsItems) {
      items = createFileIds();
      itemNotes = createItemNotes();
    }
    writing = write(chunk, notes);
    // A chunk that fails while the next is gathered must not count as unhandled: the next `flush` or `end` meets it.
    writing.catch(() => undefined);
  }

  return {
    add(row) {
      const { view, bytes } = gathered;
      const place = gathered.rows++;
      const item = items.slotOf(row.itemId);
      gathered.user[place] = users.slotOf(row.userId);
      gathered.item[place] = item;
      gathered.timeMs[place] = row.occurredAtMs;
      if (fillsItems) {
        itemNotes.see(item, row.title, row.price);
      }
      let at = gathered.start[place];
      view.setInt16(at, FIELDS);
      view.setInt32(at + USER_AT - 4, 4);
      view.setInt32(at + ITEM_AT - 4, 4);
      view.setInt32(at + TYPE_AT - 4, 2);
      view.setInt16(at + TYPE_AT, row.typeNo);
      at = putReal(view, at + TYPE_AT + 2, row.value);
      at = putReal(view, at, row.quantity);
      at = putReal(view, at, row.price);
      if (row.groupId === null) {
        view.setInt32(at, -1);
        at += 4;
      } else {
        if (row.groupId !== lastGroup) {
          lastGroup = row.groupId;
          writeGroupHash(row.groupId, lastGroupHash, 0);
        }
        view.setInt32(at, 8);
        lastGroupHash.copy(bytes, at + 4);
        at += 12;
      }
      const microseconds = (row.occurredAtMs - POSTGRES_EPOCH_MS) * 1000;
      view.setInt32(at, 8);
      view.setInt32(at + 4, Math.floor(microseconds / 0x1_0000_0000));
      view.setUint32(at + 8, microseconds % 0x1_0000_0000);
      view.setInt32(at + 12, 16);
      if (row.eventId === null) {
        writeDedup(row.userId, row.itemId, row.typeNo, row.value, row.timed ? row.occurredAtMs : 0, bytes, at + 16);
      } else {
        writeEventDedup(row.userId, row.eventId, bytes, at + 16);
      }
      view.setInt32(at + 32, 4);
      view.setInt32(at + 36, importNo);
      gathered.start[place + 1] = at + 40;
      return gathered.rows >= CHUNK_ROWS;
    },
    pass(row) {
      if (fillsItems) {
        itemNotes.see(items.slotOf(row.itemId), row.title, row.price);
      }
      if (row.eventId === null) {
        writeDedup(row.userId, row.itemId, row.typeNo, row.value, row.timed ? row.occurredAtMs : 0, gathered.bytes, gathered.start[gathered.rows]);
      }
      return items.ids.length >= maxIds;
    },
    flush: async () => await close(false),
    async end() {
      await close(true);
      await writing;
    },
    counts: () => ({ users: usersSeen.count(), items: itemsSeen.count(), itemsMade, itemsFilled }),
  };
}
