/** A small catalogue in memory: plain items, and the same by columns. */
import type { AttributeType } from '../../../src/storage/item-attributes.ts';
import type { ItemRow } from '../../../src/storage/item-rows.ts';
import { ItemColumns } from '../../../src/serving/item-columns.ts';
import { FilterFault } from '../../../src/serving/filter/fault.ts';
import type { FilterSchema } from '../../../src/serving/filter/schema.ts';

export const NOW = Date.UTC(2026, 10, 25, 12);
export const DAY = 86_400_000;

export const ATTRIBUTES: Readonly<Record<string, AttributeType>> = { brand: 'string', weightGrams: 'number', recycled: 'boolean', sizes: 'array', care: 'object', 'odd `name"': 'string', price: 'number' };

export const SCHEMA: FilterSchema = { number: 1, isEmpty: false, attributes: new Map(Object.entries(ATTRIBUTES)), notKept: new Set(['late']) };

export function createItem(itemNo: number, fields: Partial<ItemRow> = {}): ItemRow {
  return {
    itemNo, itemId: `item-${itemNo}`, xid: '1', title: null, price: Number.NaN, categories: [], attributes: null, isAvailable: true, isDeleted: false, publishedAtMs: Number.NaN, expiresAtMs: Number.NaN,
    firstSeenMs: NOW - itemNo * DAY, ...fields,
  };
}

export function columnsOf(items: readonly ItemRow[]): ItemColumns {
  const columns = new ItemColumns();
  for (const [name, type] of Object.entries(ATTRIBUTES)) {
    columns.addAttribute(name, type);
  }
  items.forEach((item) => columns.put(item));
  return columns;
}

/** Whatever else is thrown goes on to the test. */
export function faultIn(parse: () => unknown): FilterFault | null {
  try {
    parse();
    return null;
  } catch (error) {
    if (error instanceof FilterFault) {
      return error;
    }
    throw error;
  }
}
