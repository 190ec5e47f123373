/**
 * Catalogue fields of answers, and titles for words about items. Titles and prices are in the catalogue in memory; whole rows are read from Postgres when first asked for and kept until the catalogue hears
 * of a change. What is missing is gathered while a read is under way and read together by the next, so that however many wait there are few connections that do. Nobody waits longer than
 * `loadTimeoutMs`: the answer then has what is known.
 */
import type { Database } from '../storage/database.ts';
import { type Item, loadItems } from '../storage/items.ts';
import type { Catalogue } from './catalogue.ts';
import { inTime } from '../storage/in-time.ts';
import type { Field } from './steering.ts';

export type ItemFields = Partial<Pick<Item, Field>>;

export interface FieldReader {
  /** null: it has none; undefined: not known without a read. */
  titleOf(itemId: string): string | null | undefined;
  /** Those fields of an item that are known without a read. */
  fieldsOf(itemId: string, fields: readonly Field[]): ItemFields;
  /** Whether that is all there is to know. */
  knows(itemId: string, fields: readonly Field[]): boolean;
  /** Reads items, as far as Postgres does it in time. Never rejects. */
  load(itemIds: readonly string[]): Promise<void>;
  /** An item is not what it was. */
  forget(itemId: string): void;
}

/** Rows that are kept: with a few hundred characters each some 20 MB. */
const MAX_KEPT = 20_000;
const MAX_READS_AT_ONCE = 2;
/** Beyond so many that wait for a read, more do without. */
const MAX_WAITING = 5_000;
/** A row that changes while it is read is read again, so often at most. */
const MAX_ATTEMPTS = 3;

interface Batch {
  readonly itemIds: Set<string>;
  /** Of those, what changed since they were read. */
  changed: Set<string>;
  readonly read: Promise<void>;
  readonly finish: () => void;
}

function createBatch(): Batch {
  let finish = () => undefined as void;
  const read = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { itemIds: new Set(), changed: new Set(), read, finish };
}

/** A number of 32 bits in as few digits as say which one it is, as Postgres writes it. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) {
      return short;
    }
  }
  return Number(value.toPrecision(9));
}

export function createFieldReader(database: Database, catalogue: Pick<Catalogue, 'columns'>, loadTimeoutMs: number, onError: (error: unknown) => void): FieldReader {
  /** The longest kept first; null: Postgres has no such item. */
  const kept = new Map<string, Pick<Item, Field> | null>();
  const running = new Set<Batch>();
  let next: Batch | null = null;

  function keep(itemId: string, item: Pick<Item, Field> | null): void {
    if (kept.size >= MAX_KEPT) {
      kept.delete(kept.keys().next().value!);
    }
    kept.set(itemId, item);
  }

  async function read(batch: Batch): Promise<void> {
    let itemIds = [...batch.itemIds];
    for (let attempt = 0; attempt < MAX_ATTEMPTS && itemIds.length > 0; attempt++) {
      batch.changed = new Set();
      const byId = new Map((await loadItems(database, itemIds)).map((item) => [item.itemId, item]));
      for (const itemId of itemIds.filter((one) => !batch.changed.has(one))) {
        keep(itemId, byId.get(itemId) ?? null);
      }
      itemIds = [...batch.changed];
    }
  }

  function startNext(): void {
    if (next === null || running.size >= MAX_READS_AT_ONCE) {
      return;
    }
    const batch = next;
    next = null;
    running.add(batch);
    void read(batch)
      .catch(onError)
      .finally(() => {
        running.delete(batch);
        batch.finish();
        startNext();
      });
  }

  function titleOf(itemId: string): string | null | undefined {
    const item = kept.get(itemId);
    if (item !== undefined) {
      return item?.title ?? null;
    }
    const row = catalogue.columns.rowOfId(itemId);
    return row < 0 ? undefined : catalogue.columns.titleOf(row);
  }

  /** As Postgres keeps it, in 32 bits. undefined: not known here. */
  function priceOf(itemId: string): number | null | undefined {
    const row = catalogue.columns.rowOfId(itemId);
    if (row < 0) {
      return undefined;
    }
    const { values } = catalogue.columns.price;
    return row >= values.length || Number.isNaN(values[row]) ? null : shortest(values[row]);
  }

  /** undefined: not known. */
  function valueOf(itemId: string, field: Field): Item[Field] | undefined {
    return field === 'title' ? titleOf(itemId) : field === 'price' ? priceOf(itemId) : undefined;
  }

  return {
    titleOf,
    fieldsOf(itemId, fields) {
      const item = kept.get(itemId);
      if (item === null) {
        return {};
      }
      return Object.fromEntries(fields.map((field) => [field, item === undefined ? valueOf(itemId, field) : item[field]]).filter(([, value]) => value !== undefined)) as ItemFields;
    },
    knows: (itemId, fields) => kept.has(itemId) || fields.every((field) => valueOf(itemId, field) !== undefined),
    async load(itemIds) {
      next ??= createBatch();
      if (next.itemIds.size >= MAX_WAITING) {
        return;
      }
      itemIds.forEach((itemId) => next!.itemIds.add(itemId));
      const { read: whole } = next;
      startNext();
      await inTime(whole, loadTimeoutMs);
    },
    forget(itemId) {
      kept.delete(itemId);
      for (const batch of running) {
        if (batch.itemIds.has(itemId)) {
          batch.changed.add(itemId);
        }
      }
    },
  };
}
