/**
 * Plain (user, item) pairs, as data scientists' files hold them: a value is the pair's weight and every target is 1. No event types, no decay, no returns:
 * those are `interactions.ts`.
 */
import { leastFreshness } from './interactions.ts';
import type { SparseRows } from './matrix.ts';
import type { Relevance } from './split.ts';

const dayMs = 86_400_000;

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
  return fold(pairs, pairs.weight, false);
}

function fold({ length, users, items, user, item }: PairColumns, weight: Float32Array | null, isLargest: boolean): FoldedPairs {
  const byItem = countingSort(item, null, items, length).order;
  const { order, start } = countingSort(user, byItem, users, length);
  const rowStart = new Int32Array(users + 1);
  const index = new Int32Array(length);
  const folded = new Float32Array(length);
  let entries = 0;
  for (let u = 0; u < users; u++) {
    for (let n = start[u]!; n < start[u + 1]!; n++) {
      const row = order[n]!;
      const value = weight === null ? 1 : weight[row]!;
      if (entries > rowStart[u]! && index[entries - 1] === item[row]) {
        folded[entries - 1] = isLargest ? Math.max(folded[entries - 1]!, value) : folded[entries - 1]! + value;
      } else {
        index[entries] = item[row]!;
        folded[entries++] = value;
      }
    }
    rowStart[u + 1] = entries;
  }
  const matrix: SparseRows = { rows: users, cols: items, rowStart, index: index.slice(0, entries), weight: folded.slice(0, entries), target: new Float32Array(entries).fill(1) };
  return { matrix, duplicates: length - entries };
}

/**
 * 2^(−age / half-life) of each row. Ages count in days from the newest row, never from the wall clock; rows without a time are as old as the oldest. Null where
 * nothing fades: without times, or with a half-life of 0.
 */
function freshnessOf({ length, timeMs }: PairColumns, halfLifeDays: number): Float32Array | null {
  if (timeMs === null || halfLifeDays === 0) return null;
  let newest = -Infinity;
  let oldest = Infinity;
  for (let n = 0; n < length; n++) {
    if (timeMs[n]! > newest) newest = timeMs[n]!;
    if (timeMs[n]! < oldest) oldest = timeMs[n]!;
  }
  if (newest === -Infinity) return null;
  const freshness = new Float32Array(length);
  for (let n = 0; n < length; n++) {
    const time = Number.isNaN(timeMs[n]!) ? oldest : timeMs[n]!;
    freshness[n] = Math.max(leastFreshness, 2 ** (-(newest - time) / (halfLifeDays * dayMs)));
  }
  return freshness;
}

/** The same rows, each weight times its freshness; `halfLifeDays` 0 leaves them as they are. */
export function fadePairs(pairs: PairColumns, halfLifeDays: number): PairColumns {
  const freshness = freshnessOf(pairs, halfLifeDays);
  if (freshness === null) return pairs;
  const { weight } = pairs;
  return { ...pairs, weight: weight === null ? freshness : weight.map((value, n) => value * freshness[n]!) };
}

/** Who has what, and how fresh the pair's newest row is: weights from 2⁻²⁰ to 1, values do not count. 1 throughout where nothing fades. */
export function foldFreshness(pairs: PairColumns, halfLifeDays: number): SparseRows {
  return fold(pairs, freshnessOf(pairs, halfLifeDays), true).matrix;
}

/** Recent popularity: Σ over an item's users of their pair's freshness. Null where no row has a time. */
export function countFreshUsers(pairs: PairColumns, halfLifeDays: number): Float32Array | null {
  if (freshnessOf(pairs, halfLifeDays) === null) return null;
  const { cols, index, weight } = foldFreshness(pairs, halfLifeDays);
  const users = new Float64Array(cols);
  for (let e = 0; e < index.length; e++) users[index[e]!]! += weight[e]!;
  return Float32Array.from(users);
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
