/** Part of a file of pairs held out, to choose parameters on: by time where there are times, else a tenth of each user's items. */
import type { SparseRows } from './matrix.ts';
import { findPairRelevance, foldPairs, type PairColumns, selectPairs } from './pairs.ts';
import { createRandom } from './random.ts';
import type { Relevance } from './split.ts';

export interface PairHoldout {
  by: 'time' | 'user';
  /** Users and items that are left, numbered anew; weights as given. */
  train: SparseRows;
  /** The same as rows. */
  pairs: PairColumns;
  relevance: Relevance;
}

const laterShare = 0.2;
const userShare = 0.1;

/** The latest fifth of the rows that have a time; rows of one instant stay together, rows without a time are train. Null where that leaves nothing to train on or to find. */
export function holdOutByTime(pairs: PairColumns): PairHoldout | null {
  const { timeMs } = pairs;
  if (timeMs === null) return null;
  const times = timeMs.filter((time) => !Number.isNaN(time)).sort();
  const cutMs = times[Math.floor(times.length * (1 - laterShare))]!;
  return holdOut('time', pairs, (row) => !(timeMs[row]! >= cutMs));
}

/** A tenth of each user's items, a random rounding for each, and never all of them. Null where nobody has enough. */
export function holdOutByUser(pairs: PairColumns, seed: number): PairHoldout | null {
  const random = createRandom(seed);
  const { matrix } = foldPairs(pairs);
  const user = new Int32Array(matrix.index.length);
  const isHeldOut = new Uint8Array(matrix.index.length);
  for (let u = 0; u < matrix.rows; u++) {
    const from = matrix.rowStart[u]!;
    const length = matrix.rowStart[u + 1]! - from;
    user.fill(u, from, from + length);
    let wanted = Math.min(length - 1, Math.floor(length * userShare + random.uniform()));
    // Selection sampling: each entry with probability wanted / left.
    for (let n = 0; n < length && wanted > 0; n++) {
      if (random.integer(length - n) < wanted) {
        isHeldOut[from + n] = 1;
        wanted--;
      }
    }
  }
  const folded: PairColumns = { length: user.length, users: matrix.rows, items: matrix.cols, user, item: matrix.index, weight: matrix.weight, timeMs: null };
  return holdOut('user', folded, (row) => isHeldOut[row] === 0);
}

function holdOut(by: 'time' | 'user', pairs: PairColumns, isTrain: (row: number) => boolean): PairHoldout | null {
  const kept = selectPairs(pairs, isTrain);
  const userOf = renumber(kept.user, kept.length, pairs.users);
  const itemOf = renumber(kept.item, kept.length, pairs.items);
  if (userOf.count < 2 || itemOf.count < 2) return null;
  for (let n = 0; n < kept.length; n++) {
    kept.user[n] = userOf.numbers[kept.user[n]!]!;
    kept.item[n] = itemOf.numbers[kept.item[n]!]!;
  }
  const left: PairColumns = { ...kept, users: userOf.count, items: itemOf.count };
  const { matrix: train } = foldPairs(left);
  const relevance = findPairRelevance(train, selectPairs(pairs, (row) => !isTrain(row)), userOf.numbers, itemOf.numbers);
  return relevance.userRows.length === 0 ? null : { by, train, pairs: left, relevance };
}

/** Numbers 0, 1, 2… for the indexes that occur, in their order; −1 for the others. */
function renumber(indexes: Int32Array, length: number, of: number): { numbers: Int32Array; count: number } {
  const numbers = new Int32Array(of).fill(-1);
  for (let n = 0; n < length; n++) numbers[indexes[n]!] = 0;
  let count = 0;
  for (let i = 0; i < of; i++) if (numbers[i] === 0) numbers[i] = count++;
  return { numbers, count };
}

/** At most `most` of the users, drawn with the seed, in their order. */
export function sampleRelevance(relevance: Relevance, most: number, seed: number): Relevance {
  const users = relevance.userRows.length;
  if (users <= most) return relevance;
  const random = createRandom(seed);
  const userRows = new Int32Array(most);
  const rowStart = new Int32Array(most + 1);
  const itemIndex: number[] = [];
  let chosen = 0;
  for (let n = 0; n < users && chosen < most; n++) {
    if (random.integer(users - n) >= most - chosen) continue;
    for (let e = relevance.rowStart[n]!; e < relevance.rowStart[n + 1]!; e++) itemIndex.push(relevance.itemIndex[e]!);
    userRows[chosen++] = relevance.userRows[n]!;
    rowStart[chosen] = itemIndex.length;
  }
  return { userRows, rowStart, itemIndex: Int32Array.from(itemIndex) };
}
