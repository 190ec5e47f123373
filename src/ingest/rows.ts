/** A row of a file becomes an event, or is skipped for a reason that is counted. Presets know one file's dirt; `generic` takes any columns. */
import type { EventTypeRule } from '../model/interactions.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { ColumnMap, Meaning } from './columns.ts';
import { ImportFileFault, NOT_A_ROW } from './csv.ts';
import { type Decimals, parseFileNumber } from './file-numbers.ts';
import { type DateFormat, isNoTime, parseFileTime } from './file-times.ts';
import { faultOfId } from './ids.ts';
import { faultOfNumber } from './validate.ts';

/** Reused for every row: a row object each would be most of the import's time. */
export interface RowEvent {
  userId: string;
  itemId: string;
  typeNo: number;
  value: number | null;
  quantity: number | null;
  price: number | null;
  groupId: string | null;
  eventId: string | null;
  occurredAtMs: number;
  /** The row says when; else `occurredAtMs` is the moment of the import, which is no part of what the row says. */
  timed: boolean;
  title: string | null;
}

export function createRowEvent(): RowEvent {
  return { userId: '', itemId: '', typeNo: 0, value: null, quantity: null, price: null, groupId: null, eventId: null, occurredAtMs: 0, timed: true, title: null };
}

/** Fills `out` from the fields of a row. @returns null, or why the row is skipped */
export type RowReader = (fields: readonly string[], out: RowEvent) => string | null;

export interface RowReaderOptions {
  readonly columns: ColumnMap;
  readonly types: ReadonlyMap<string, EventTypeRule>;
  /** The type of rows that name none. */
  readonly defaultType: EventTypeRule;
  /** For rows without a time, and the bound of the future. */
  readonly nowMs: number;
  readonly dates?: DateFormat;
  readonly decimals?: Decimals;
}

export interface Preset {
  readonly says: string;
  readonly columns: Partial<Record<Meaning, string>>;
  readonly defaultType: string | null;
  /** Columns of a file without a header line, in their order. */
  readonly places?: readonly Meaning[];
  /** Reasons that this kind of file is known for: such rows are counted, and are neither kept aside nor held against it. */
  readonly knownDirt?: readonly string[];
  createReader(options: RowReaderOptions): RowReader;
}

const DAY_MS = 86_400_000;

/** U+FFFD in a file is what reading made of bytes that are no UTF-8: two ids of a Latin-1 file could become one. */
function faultOfFileId(id: string): string | null {
  return id.includes('\uFFFD') ? 'is not UTF-8' : faultOfId(id);
}

function isBadNumber(number: number | null): boolean {
  return number !== null && faultOfNumber(number) !== null;
}

function createGenericReader(options: RowReaderOptions): RowReader {
  const { columns, types, defaultType, nowMs, dates = 'iso', decimals = 'point' } = options;
  // Rows of one basket follow one another with one time.
  let lastTime = '';
  let lastTimeMs = Number.NaN;
  const at = (fields: readonly string[], meaning: Meaning): string => {
    const column = columns[meaning];
    return column === undefined ? '' : (fields[column] ?? '').trim();
  };
  return (fields, out) => {
    if (fields[0] === NOT_A_ROW) {
      return fields[2];
    }
    out.userId = at(fields, 'user');
    if (out.userId === '') {
      return 'no user';
    }
    out.itemId = at(fields, 'item');
    if (out.itemId === '') {
      return 'no item';
    }
    if (faultOfFileId(out.userId) !== null) {
      return 'bad user id';
    }
    if (faultOfFileId(out.itemId) !== null) {
      return 'bad item id';
    }
    const typeName = at(fields, 'type');
    const type = typeName === '' ? defaultType : types.get(typeName);
    if (type === undefined) {
      return 'unknown type';
    }
    out.typeNo = type.typeNo;
    out.value = parseFileNumber(at(fields, 'value'), decimals);
    out.quantity = parseFileNumber(at(fields, 'quantity'), decimals);
    out.price = parseFileNumber(at(fields, 'price'), decimals);
    if (isBadNumber(out.value) || isBadNumber(out.quantity) || isBadNumber(out.price)) {
      return 'bad number';
    }
    if (type.mode === 'latest' && out.value === null) {
      return 'no value';
    }
    const time = at(fields, 'time');
    if (time !== lastTime) {
      lastTime = time;
      lastTimeMs = parseFileTime(time, dates);
    }
    out.timed = !isNoTime(time);
    out.occurredAtMs = out.timed ? lastTimeMs : nowMs;
    if (!(out.occurredAtMs >= 0 && out.occurredAtMs <= nowMs + DAY_MS)) {
      return 'bad time';
    }
    const group = at(fields, 'group');
    out.groupId = group === '' ? null : group;
    const id = at(fields, 'id');
    out.eventId = id === '' ? null : id;
    if ((out.groupId !== null && faultOfFileId(out.groupId) !== null) || (out.eventId !== null && faultOfFileId(out.eventId) !== null)) {
      return 'bad id';
    }
    const title = at(fields, 'title');
    out.title = title === '' ? null : title;
    return null;
  };
}

/** Codes of the file that are no goods: postage, bank and marketplace fees, manual corrections, discounts, samples, vouchers. */
const NOT_GOODS = /^(POST|DOT|M|D|S|B|C2|CRUK|PADS|BANK CHARGES|AMAZONFEE|TEST\d*|gift_.*)$/i;

/**
 * UCI "Online Retail". Its dirt: a quarter of the rows has no customer; ids are written `17850.0`; invoices `C…` are cancellations, with negative quantities (kept as
 * returns: they cancel earlier purchases of the same shopper and item); postage, fees and corrections stand among the goods; some prices are 0.
 */
function createOnlineRetailReader(options: RowReaderOptions): RowReader {
  const generic = createGenericReader(options);
  const groupColumn = options.columns.group ?? -1;
  return (fields, out) => {
    const skipped = generic(fields, out);
    if (skipped !== null) {
      return skipped === 'no user' ? 'no customer' : skipped;
    }
    if (NOT_GOODS.test(out.itemId)) {
      return 'not goods';
    }
    if (out.price === null || out.price <= 0) {
      return 'no price';
    }
    if (out.quantity === null || out.quantity === 0) {
      return 'no quantity';
    }
    out.userId = out.userId.replace(/\.0$/, '');
    if (/^C/i.test(fields[groupColumn] ?? '') && out.quantity > 0) {
      out.quantity = -out.quantity;
    }
    return null;
  };
}

/** Gorse's own name for what was looked at; other names of feedback are the shop's. */
const GORSE_READ = 'read';

/** Gorse's dump: `feedback.jsonl` as events, `items.jsonl` and `users.jsonl` by their kinds. Feedback has the type of its name, `read` is a view where there is no type `read`. */
function createGorseReader(options: RowReaderOptions): RowReader {
  const { types } = options;
  const view = types.get('view');
  return createGenericReader({ ...options, types: view === undefined || types.has(GORSE_READ) ? types : new Map([...types, [GORSE_READ, view]]) });
}

export const PRESETS: Readonly<Record<string, Preset>> = {
  generic: { says: 'any CSV; columns by their usual names or by --columns', columns: {}, defaultType: null, createReader: createGenericReader },
  'online-retail': {
    says: 'UCI Online Retail (invoices of a gift shop)',
    columns: { user: 'CustomerID', item: 'StockCode', time: 'InvoiceDate', quantity: 'Quantity', price: 'UnitPrice', group: 'InvoiceNo', title: 'Description' },
    defaultType: 'purchase',
    knownDirt: ['no customer', 'not goods', 'no price', 'no quantity'],
    createReader: createOnlineRetailReader,
  },
  movielens: {
    says: 'MovieLens ratings (ratings.csv, u.data, ratings.dat)',
    columns: {},
    defaultType: 'rating',
    places: ['user', 'item', 'value', 'time'],
    createReader: createGenericReader,
  },
  goodbooks: {
    says: 'goodbooks-10k (ratings.csv; to_read.csv with a type; books.csv as items)',
    columns: { user: 'user_id', item: 'book_id', value: 'rating' },
    defaultType: 'rating',
    createReader: createGenericReader,
  },
  gorse: {
    says: 'Gorse’s dump (feedback.jsonl; items.jsonl and users.jsonl by their kind)',
    columns: { user: 'UserId', item: 'ItemId', type: 'FeedbackType', time: 'Timestamp' },
    defaultType: 'view',
    createReader: createGorseReader,
  },
};

/** @throws ImportFileFault where there is none of this name */
export function findPreset(name: string): Preset {
  const preset = PRESETS[name];
  if (preset === undefined) {
    const near = nearestName(name, Object.keys(PRESETS));
    throw new ImportFileFault(`There is no preset "${name}"${near === null ? '' : `; did you mean "${near}"?`} Presets: ${Object.keys(PRESETS).join(', ')}.`);
  }
  return preset;
}
