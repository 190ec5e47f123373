/**
 * Plain (user, item) pairs, as data scientists' files hold them: a value is the pair's weight and every target is 1. No event types, no decay, no returns:
 * those are `interactions.ts`.
 */
import type { SparseRows } from './matrix.ts';
import type { Relevance } from './split.ts';

/** Row n of every column belongs together. Users and items are indexes into lists of ids, which the mathematics never sees. */
export interface PairColumns {
  length: number;
  users: number;
  items: number;
  user: Int32Array;
  item: Int32Array;
  /** Finite and above 0; null where there is no such column: 1 each. Where the file is one of ratings these are the ratings: finite. */
  weight: Float32Array | null;
  /** Milliseconds since 1970, NaN where a row has none; null where no row has. */
  timeMs: Float64Array | null;
}

export interface FoldedPairs {
  /** users × items; weights as given, targets 1. */
  matrix: SparseRows;
  /** Rows whose pair an earlier row had already: their weights are added to it. */
  duplicates: number;
}

/** One entry per pair. Two counting sorts, O(rows + users + items): by item, then stable by user. */
export function foldPairs(pairs: PairColumns): FoldedPairs {
  const { length, users, items, user, item, weight } = pairs;
  const byItem = countingSort(item, null, items, length).order;
  const { order, start } = countingSort(user, byItem, users, length);
  const rowStart = new Int32Array(users + 1);
  const index = new Int32Array(length);
  const sum = new Float32Array(length);
  let entries = 0;
  for (let u = 0; u < users; u++) {
    for (let n = start[u]!; n < start[u + 1]!; n++) {
      const row = order[n]!;
      const value = weight === null ? 1 : weight[row]!;
      if (entries > rowStart[u]! && index[entries - 1] === item[row]) {
        sum[entries - 1]! += value;
      } else {
        index[entries] = item[row]!;
        sum[entries++] = value;
      }
    }
    rowStart[u + 1] = entries;
  }
  const matrix: SparseRows = { rows: users, cols: items, rowStart, index: index.slice(0, entries), weight: sum.slice(0, entries), target: new Float32Array(entries).fill(1) };
  return { matrix, duplicates: length - entries };
}

/** Rows by key, stable against `before` (null: as they stand). The rows of key k are order[start[k]] … order[start[k + 1] − 1]. */
export function countingSort(key: Int32Array, before: Int32Array | null, keys: number, length: number): { order: Int32Array; start: Int32Array } {
  const start = new Int32Array(keys + 1);
  for (let n = 0; n < length; n++) start[key[n]! + 1]!++;
  for (let k = 0; k < keys; k++) start[k + 1]! += start[k]!;
  const next = start.slice(0, keys);
  const order = new Int32Array(length);
  for (let n = 0; n < length; n++) {
    const row = before === null ? n : before[n]!;
    order[next[key[row]!]!++] = row;
  }
  return { order, start };
}

/**
 * What the users of a later file came to want. `userOf` and `itemOf` turn the later file's indexes into rows and columns of `train`, −1 where it has none.
 * A pair counts once however often it stands there; pairs that `train` has are no news and do not count; users without any other are left out, as are users
 * whom `train` does not know.
 */
export function findPairRelevance(train: SparseRows, test: PairColumns, userOf: Int32Array, itemOf: Int32Array): Relevance {
  const { matrix } = foldPairs(test);
  const laterOf = new Int32Array(train.rows).fill(-1);
  for (let u = 0; u < matrix.rows; u++) if (userOf[u]! >= 0) laterOf[userOf[u]!] = u;
  const known = new Uint8Array(train.cols);
  const userRows: number[] = [];
  const rowStart = [0];
  const itemIndex: number[] = [];
  for (let row = 0; row < train.rows; row++) {
    const later = laterOf[row]!;
    if (later < 0) continue;
    for (let e = train.rowStart[row]!; e < train.rowStart[row + 1]!; e++) known[train.index[e]!] = 1;
    const before = itemIndex.length;
    for (let e = matrix.rowStart[later]!; e < matrix.rowStart[later + 1]!; e++) {
      const item = itemOf[matrix.index[e]!]!;
      if (item < 0 || known[item] === 0) itemIndex.push(item);
    }
    for (let e = train.rowStart[row]!; e < train.rowStart[row + 1]!; e++) known[train.index[e]!] = 0;
    if (itemIndex.length === before) continue;
    userRows.push(row);
    rowStart.push(itemIndex.length);
  }
  return { userRows: Int32Array.from(userRows), rowStart: Int32Array.from(rowStart), itemIndex: Int32Array.from(itemIndex) };
}

const dayMs = 86_400_000;

/** Users per item. Weights do not count: a raw count of a thousand is still one user. */
export function countUsers(matrix: SparseRows): Float32Array {
  const users = new Float64Array(matrix.cols);
  for (let e = 0; e < matrix.index.length; e++) users[matrix.index[e]!]!++;
  return Float32Array.from(users);
}

/** Users per item in the last `days` up to the newest row. Null where no row has a time. */
export function countRecentUsers(pairs: PairColumns, days: number): Float32Array | null {
  const { length, timeMs } = pairs;
  if (timeMs === null) return null;
  let newest = -Infinity;
  for (let n = 0; n < length; n++) if (timeMs[n]! > newest) newest = timeMs[n]!;
  const from = newest - days * dayMs;
  const recent = selectPairs(pairs, (row) => timeMs[row]! > from);
  return recent.length === 0 ? null : countUsers(foldPairs(recent).matrix);
}

/** The rows that `isKept` keeps, copied. Users and items keep their indexes. */
export function selectPairs(pairs: PairColumns, isKept: (row: number) => boolean): PairColumns {
  const rows = new Int32Array(pairs.length);
  let length = 0;
  for (let n = 0; n < pairs.length; n++) if (isKept(n)) rows[length++] = n;
  const selected: PairColumns = {
    ...pairs,
    length,
    user: new Int32Array(length),
    item: new Int32Array(length),
    weight: pairs.weight && new Float32Array(length),
    timeMs: pairs.timeMs && new Float64Array(length),
  };
  for (let n = 0; n < length; n++) {
    const row = rows[n]!;
    selected.user[n] = pairs.user[row]!;
    selected.item[n] = pairs.item[row]!;
    if (selected.weight !== null) selected.weight[n] = pairs.weight![row]!;
    if (selected.timeMs !== null) selected.timeMs[n] = pairs.timeMs![row]!;
  }
  return selected;
}
