/**
 * The catalogue in memory: every item by columns, read once as a whole and then by what changed. Own changes are read back before they are acknowledged, those of others when Postgres says that
 * there are some. While Postgres is away everything goes on from here.
 *
 * It says which items may be in an answer now (`isBlocked`, `blockedRows`, `marksFor`), where a model's items lie (`rowsOf`), and what a filter may name (`schema`).
 */
import { createTopN, offerTopN, sortTopN } from '../model/top-n.ts';
import type { Database } from '../storage/database.ts';
import { type AttributeType, type ItemAttribute, listItemAttributes, typeOfAttribute } from '../storage/item-attributes.ts';
import { type ItemRow, readItemRows } from '../storage/item-rows.ts';
import { type FilterSchema, MAX_ATTRIBUTES, keptAttributes } from './filter/schema.ts';
import { ItemColumns } from './item-columns.ts';

/** What of a live model the catalogue needs: numbers, ascending, and ids of its items by index. */
export interface CatalogueModel {
  readonly itemNos: Int32Array;
  readonly itemIds: readonly string[];
}

export interface Catalogue {
  refresh(): Promise<void>;
  /**
   * Takes everything from a local copy, before anything was read from Postgres.
   *
   * @param from the watermark that `refresh` goes on from
   */
  restore(attributes: readonly ItemAttribute[], from: string, readItems: (onRow: (row: Readonly<ItemRow>) => void) => Promise<void>): Promise<void>;
  /** For reading. Its arrays are longer than there are rows, and others after it grew: fetch them anew for every answer. */
  readonly columns: ItemColumns;
  /** Grows with any change of any column. */
  revision(): number;
  schema(): FilterSchema;
  /** By row: 1 = may not be answered now. Out of stock, deleted, not yet published or expired. */
  blockedRows(): Uint8Array;
  /** An item that is not known here is not blocked. */
  isBlocked(itemNo: number): boolean;
  /** Marks by item index of a model: 1 = leave out. The array is this room's own: whoever sets more marks takes them back. */
  marksFor(model: CatalogueModel): Uint8Array;
  /** Changes whenever the marks may have; what was computed from them under another number is out of date. */
  generation(model: CatalogueModel): number;
  /** Row of each of a model's items, by index; −1 where the item is not known here (yet). */
  rowsOf(model: CatalogueModel): Int32Array;
  /**
   * When an item came: `publishedAt`, or where there is none when it was first seen. 0 where neither says anything: what was there within the catalogue's first hour and has no `publishedAt` came with the
   * first import, and may be of any age.
   */
  cameMs(row: number): number;
  /**
   * Rows of the newest items, newest first by `cameMs`; of equals the later item first. Blocked ones are left out.
   *
   * @param matching by row: 1 = wanted; null: all
   */
  newest(limit: number, matching: Uint8Array | null): Int32Array;
}

interface ModelRows {
  layout: number;
  rows: Int32Array;
  generation: number;
  marks: Uint8Array;
}

/** A first import takes so long at most. */
const FIRST_IMPORT_MS = 3_600_000;
/** Changes of one reading that are recognised when they come again. */
const MAX_RECOGNISED = 100_000;

/** @param onChange called with the id of every item that is read again, and so may be another than before */
export function createCatalogue(database: Database, now: () => number, onChange: (itemId: string) => void = () => undefined): Catalogue {
  const columns = new ItemColumns();
  const byModel = new WeakMap<CatalogueModel, ModelRows>();
  let watermark: string | null = null;
  let refreshing: Promise<void> | null = null;
  let again = false;
  let revision = 0;
  /** Item number → transaction of what was read last. It is read again for as long as an older transaction is under way, and has not changed. */
  let recognised = new Map<number, string>();
  let schema: FilterSchema = { number: 0, isEmpty: true, attributes: new Map(), notKept: new Set() };
  const notKept = new Set<string>();

  let blocked = new Uint8Array(0);
  let isBlockedStale = true;
  let generation = 0;
  /** When a published_at or expires_at next makes a difference. */
  let nextChangeMs = -Infinity;
  let firstImport = { revision: -1, endMs: -Infinity };

  function learnAttribute(name: string, type: AttributeType, isKept: boolean): void {
    if (columns.attributes.has(name)) {
      return;
    }
    if (isKept) {
      columns.addAttribute(name, type);
    } else {
      notKept.add(name);
    }
  }

  function learnAttributes(known: readonly ItemAttribute[]): void {
    const kept = keptAttributes(known);
    known.forEach(({ name, type }) => learnAttribute(name, type, kept.has(name)));
  }

  function put(item: Readonly<ItemRow>): void {
    // One that came to be since the list of them was read.
    for (const name in item.attributes) {
      const type = columns.attributes.has(name) ? null : typeOfAttribute(item.attributes[name]);
      if (type !== null) {
        learnAttribute(name, type, columns.attributes.size < MAX_ATTRIBUTES);
      }
    }
    isBlockedStale = columns.put(item) || isBlockedStale;
    onChange(item.itemId);
    revision++;
  }

  function describeSchema(): void {
    if (schema.isEmpty !== (columns.rows === 0) || schema.attributes.size !== columns.attributes.size || schema.notKept.size !== notKept.size) {
      schema = { number: schema.number + 1, isEmpty: columns.rows === 0, attributes: new Map([...columns.attributes].map(([name, { type }]) => [name, type])), notKept: new Set(notKept) };
    }
  }

  async function read(): Promise<void> {
    do {
      again = false;
      learnAttributes(await listItemAttributes(database));
      const isFirst = watermark === null;
      const seen = new Map<number, string>();
      watermark = await readItemRows(database, watermark, (item) => {
        if (recognised.get(item.itemNo) !== item.xid) {
          put(item);
        }
        if (!isFirst && seen.size < MAX_RECOGNISED) {
          seen.set(item.itemNo, item.xid);
        }
      });
      recognised = seen;
      columns.compact(isFirst);
      describeSchema();
    } while (again);
  }

  function rebuildBlocked(nowMs: number): void {
    const { rows } = columns;
    const [published, expires] = [columns.publishedAtMs.values, columns.expiresAtMs.values];
    blocked = blocked.length === rows ? blocked : new Uint8Array(rows);
    nextChangeMs = Infinity;
    for (let row = 0; row < rows; row++) {
      blocked[row] = columns.isOff(row) ? 1 : 0;
    }
    // NaN, no time, is neither later nor earlier.
    for (let row = 0; row < Math.min(rows, published.length); row++) {
      if (published[row] > nowMs) {
        blocked[row] = 1;
        nextChangeMs = Math.min(nextChangeMs, published[row]);
      }
    }
    for (let row = 0; row < Math.min(rows, expires.length); row++) {
      if (expires[row] <= nowMs) {
        blocked[row] = 1;
      } else if (expires[row] < nextChangeMs) {
        nextChangeMs = expires[row];
      }
    }
    isBlockedStale = false;
    generation++;
  }

  /** Until when what was first seen came with the first import. */
  function firstImportEndMs(): number {
    if (firstImport.revision !== revision) {
      const { firstSeenMs, rows } = columns;
      let firstMs = Infinity;
      for (let row = 0; row < rows; row++) {
        firstMs = Math.min(firstMs, firstSeenMs[row]);
      }
      firstImport = { revision, endMs: firstMs + FIRST_IMPORT_MS };
    }
    return firstImport.endMs;
  }

  function cameMs(row: number): number {
    const { values } = columns.publishedAtMs;
    if (row < values.length && !Number.isNaN(values[row])) {
      return values[row];
    }
    return columns.firstSeenMs[row] > firstImportEndMs() ? columns.firstSeenMs[row] : 0;
  }

  function blockedRows(): Uint8Array {
    const nowMs = now();
    if (isBlockedStale || nowMs >= nextChangeMs) {
      rebuildBlocked(nowMs);
    }
    return blocked;
  }

  function entryOf(model: CatalogueModel): ModelRows {
    let entry = byModel.get(model);
    if (entry === undefined) {
      entry = { layout: -1, rows: new Int32Array(model.itemNos.length), generation: -1, marks: new Uint8Array(model.itemNos.length) };
      byModel.set(model, entry);
    }
    if (entry.layout !== columns.layout) {
      findRows(model, entry.rows);
      entry.layout = columns.layout;
    }
    return entry;
  }

  /** Both are in ascending order. The model's strings take the place of equal ones here, which are then kept once. */
  function findRows({ itemNos, itemIds }: CatalogueModel, found: Int32Array): void {
    const { nos, ids, rows } = columns;
    let row = 0;
    for (let index = 0; index < itemNos.length; index++) {
      while (row < rows && nos[row] < itemNos[index]) {
        row++;
      }
      const isKnown = row < rows && nos[row] === itemNos[index];
      found[index] = isKnown ? row : -1;
      if (isKnown && ids[row] === itemIds[index]) {
        ids[row] = itemIds[index];
      }
    }
  }

  return {
    async refresh() {
      if (refreshing !== null) {
        // The read under way may have begun before the change that this call is about.
        again = true;
        return await refreshing;
      }
      refreshing = read().finally(() => {
        refreshing = null;
      });
      return await refreshing;
    },
    async restore(attributes, from, readItems) {
      learnAttributes(attributes);
      await readItems(put);
      columns.compact(true);
      describeSchema();
      watermark = from;
    },
    columns,
    revision: () => revision,
    schema: () => schema,
    blockedRows,
    isBlocked(itemNo) {
      const row = columns.rowOfNo(itemNo);
      return row >= 0 && blockedRows()[row] === 1;
    },
    marksFor(model) {
      const entry = entryOf(model);
      const byRow = blockedRows();
      if (entry.generation !== generation) {
        const { rows, marks } = entry;
        for (let index = 0; index < rows.length; index++) {
          marks[index] = rows[index] < 0 ? 0 : byRow[rows[index]];
        }
        entry.generation = generation;
      }
      return entry.marks;
    },
    generation() {
      blockedRows();
      return generation;
    },
    rowsOf: (model) => entryOf(model).rows,
    cameMs,
    newest(limit, matching) {
      const { rows } = columns;
      const byRow = blockedRows();
      const found = createTopN(limit);
      // From the end, where the newest are, so that few have to be put in their place. Of equals the heap keeps the smaller number.
      for (let fromEnd = 0; fromEnd < rows; fromEnd++) {
        const row = rows - 1 - fromEnd;
        if (byRow[row] === 0 && (matching === null || matching[row] === 1)) {
          offerTopN(found, limit, cameMs(row), fromEnd);
        }
      }
      sortTopN(found);
      return found.items.slice(0, found.count).map((fromEnd) => rows - 1 - fromEnd);
    },
  };
}
