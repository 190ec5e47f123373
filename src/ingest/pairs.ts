/**
 * A data scientist's file as (user, item) pairs: columns user, item[, value[, time]], for the offline commands. Nothing of it is stored.
 *
 * A first line that names its columns by the usual names is a header, and then the order is free; otherwise it is data, in the order above. Rows that
 * cannot be used are counted by reason; whether the rest is enough is for the caller to say. Values are weights, above 0, an empty one counting as 1; or
 * ratings, any number, and a row without one is of no use.
 */
import type { PairColumns } from '../model/pairs.ts';
import { type ColumnMap, mapColumns, meaningOf } from './columns.ts';
import { ImportFileFault, openCsv } from './csv.ts';
import { createIdList, faultOfId } from './ids.ts';
import { parseFileTime } from './file-times.ts';
import { faultOfNumber } from './validate.ts';

export interface PairsFile {
  readonly pairs: PairColumns;
  /** Index → id, in the order in which the file first names them. */
  readonly userIds: readonly string[];
  readonly itemIds: readonly string[];
  readonly rowsRead: number;
  /** Rows left out, by reason. */
  readonly skipped: ReadonlyMap<string, SkippedRows>;
  /** Rows that count, but whose time could not be read, so they are never recent. */
  readonly badTimes: SkippedRows | null;
  /** What was read as what, e.g. `user = CustomerID`; for people. */
  readonly columns: string;
}

export interface SkippedRows {
  count: number;
  /** Line of the file, from 1. */
  readonly firstLine: number;
  readonly example: string;
}

/** Squares of it are summed, and float32 holds it. */
const mostRating = 1e9;
const order = ['user', 'item', 'value', 'time'] as const;
const usualNames = 'user, item, value, timestamp';

/** What the values are. */
export type ValueKind = 'weight' | 'rating';

/** @throws ImportFileFault where the file cannot be read, or no column can be the user, the item or, for ratings, the rating */
export async function readPairs(path: string, values: ValueKind = 'weight'): Promise<PairsFile> {
  const file = await openCsv(path);
  const named = findHeader(path, file.header);
  const map: ColumnMap = named ?? Object.fromEntries(order.slice(0, file.header.length).map((meaning, column) => [meaning, column]));
  const [userColumn, itemColumn, valueColumn, timeColumn] = order.map((meaning) => map[meaning] ?? -1);
  if (values === 'rating' && valueColumn < 0) {
    throw new ImportFileFault(`${path} has no column of ratings: ${named === null ? 'it would be the third' : `name one of its columns rating or value (it has ${file.header.join(', ').slice(0, 120)})`}.`);
  }
  const users = createIdList();
  const items = createIdList();
  const user = createColumn((length) => new Int32Array(length));
  const item = createColumn((length) => new Int32Array(length));
  const weight = createColumn((length) => new Float32Array(length));
  const time = createColumn((length) => new Float64Array(length));
  const skipped = new Map<string, SkippedRows>();
  const badTimes = new Map<string, SkippedRows>();
  let rowsRead = 0;
  let timesRead = 0;
  // Rows of one basket follow one another with one time.
  let lastTime = '';
  let lastTimeMs = Number.NaN;

  const take = (fields: readonly string[], line: number) => {
    rowsRead++;
    const userId = (fields[userColumn] ?? '').trim();
    const itemId = (fields[itemColumn] ?? '').trim();
    const value = (fields[valueColumn] ?? '').trim();
    const number = value === '' ? 1 : Number(value);
    const fault = faultOfIds(userId, itemId) ?? (values === 'weight' ? faultOfWeight(number) : faultOfRating(value, number));
    if (fault !== null) {
      count(skipped, fault, line, fields);
      return;
    }
    user.push(users.indexOf(userId));
    item.push(items.indexOf(itemId));
    if (valueColumn >= 0) {
      weight.push(number);
    }
    if (timeColumn >= 0) {
      const text = (fields[timeColumn] ?? '').trim();
      if (text !== lastTime) {
        lastTime = text;
        lastTimeMs = parseFileTime(text);
      }
      time.push(lastTimeMs);
      if (Number.isNaN(lastTimeMs)) {
        count(badTimes, 'time', line, fields);
      } else {
        timesRead++;
      }
    }
  };
  if (named === null) {
    take(file.header, 1);
  }
  for await (const { rows, lines } of file.batches()) {
    for (let n = 0; n < rows.length; n++) {
      take(rows[n], lines[n]);
    }
  }
  const pairs: PairColumns = {
    length: user.length(),
    users: users.ids.length,
    items: items.ids.length,
    user: user.finish(),
    item: item.finish(),
    weight: valueColumn < 0 ? null : weight.finish(),
    timeMs: timesRead === 0 ? null : time.finish(),
  };
  const columns = order.filter((meaning) => map[meaning] !== undefined).map((meaning) => `${meaning} = ${named === null ? `column ${map[meaning]! + 1}` : file.header[map[meaning]!]}`).join(', ');
  return { pairs, userIds: users.ids, itemIds: items.ids, rowsRead, skipped, badTimes: badTimes.get('time') ?? null, columns };
}

/**
 * @returns the columns that a header names, or null where the first line is data
 * @throws ImportFileFault where it is a header without user or item, or neither
 */
function findHeader(path: string, fields: readonly string[]): ColumnMap | null {
  const known = new Set(fields.map(meaningOf).filter((meaning) => meaning !== null));
  if (known.has('user') && known.has('item')) {
    return mapColumns(fields, {});
  }
  if (fields.length < 2) {
    throw new ImportFileFault(`${path} has one column (${JSON.stringify(fields[0].slice(0, 60))}); it needs at least user and item, split by comma, semicolon, tab or |.`);
  }
  const value = fields[2] ?? '';
  if (known.size > 0 || (value !== '' && !/nan/i.test(value) && Number.isNaN(Number(value)))) {
    const missing = known.has('user') ? 'an item' : known.has('item') ? 'a user' : 'a user or an item';
    throw new ImportFileFault(`The first line of ${path} is not data (${fields.join(', ').slice(0, 120)}) and names no column that looks like ${missing}. Name the columns ${usualNames}, or leave the header out and keep to that order.`);
  }
  return null;
}

function faultOfIds(userId: string, itemId: string): string | null {
  if (userId === '') {
    return 'no user';
  }
  if (itemId === '') {
    return 'no item';
  }
  if (faultOfId(userId) !== null || userId.includes('\uFFFD')) {
    return 'bad user id';
  }
  if (faultOfId(itemId) !== null || itemId.includes('\uFFFD')) {
    return 'bad item id';
  }
  return null;
}

function faultOfRating(text: string, value: number): string | null {
  if (text === '') {
    return 'no rating';
  }
  if (Number.isNaN(value)) {
    return 'rating is no number';
  }
  return Math.abs(value) <= mostRating ? null : 'rating is out of range';
}

function faultOfWeight(value: number): string | null {
  if (Number.isNaN(value)) {
    return 'value is no number';
  }
  if (value <= 0) {
    return 'value is not above 0';
  }
  return faultOfNumber(value) === null ? null : 'value is out of range';
}

function count(where: Map<string, SkippedRows>, reason: string, line: number, fields: readonly string[]): void {
  const known = where.get(reason);
  if (known === undefined) {
    where.set(reason, { count: 1, firstLine: line, example: fields.join(', ').slice(0, 120) });
  } else {
    known.count++;
  }
}

const blockLength = 1 << 18;

/** A column of unknown length, gathered in blocks: growing by doubling would need three times the memory for a moment. */
function createColumn<T extends Int32Array | Float32Array | Float64Array>(make: (length: number) => T) {
  const blocks: T[] = [];
  let block = make(0);
  let used = 0;
  const length = () => Math.max(0, blocks.length - 1) * blockLength + used;
  return {
    length,
    push(value: number): void {
      if (used === block.length) {
        block = make(blockLength);
        blocks.push(block);
        used = 0;
      }
      block[used++] = value;
    },
    /** All of it as one array; the column is empty afterwards. */
    finish(): T {
      const whole = make(length());
      for (let n = 0; n < blocks.length; n++) {
        const filled = n === blocks.length - 1 ? used : blockLength;
        whole.set(blocks[n].subarray(0, filled), n * blockLength);
      }
      blocks.length = 0;
      block = make(0);
      used = 0;
      return whole;
    },
  };
}
