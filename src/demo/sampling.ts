import type { Random } from '../model/random.ts';

/** Alias tables (Walker 1977, built as by Vose 1991), one per group: a draw costs one random number and one place in memory, whatever the group's size. */
export interface AliasTables {
  /** Group g's members stand in rows starts[g] … starts[g + 1] − 1. */
  starts: Int32Array;
  /** rows × ALIAS_STRIDE: a member, the other member of the row, and how often it is the first one, of 2³⁰. */
  rows: Int32Array;
}

const ALIAS_STRIDE = 4;
const ALIAS_OTHER = 1;
const ALIAS_STAY = 2;
const ALIAS_ONE = 2 ** 30;

/** Members with a weight of 0 are left out, so that no rounding can draw them. A group may be empty; it must then not be drawn from. */
export function createAliasTables(groups: Uint8Array, groupCount: number, weights: Float64Array): AliasTables {
  const starts = new Int32Array(groupCount + 1);
  for (let i = 0; i < groups.length; i++) if (weights[i]! > 0) starts[groups[i]! + 1]!++;
  for (let g = 0; g < groupCount; g++) starts[g + 1]! += starts[g]!;
  const total = starts[groupCount]!;
  const rows = new Int32Array(total * ALIAS_STRIDE);
  const next = starts.slice();
  for (let i = 0; i < groups.length; i++) if (weights[i]! > 0) rows[next[groups[i]!]!++ * ALIAS_STRIDE] = i;

  const scaled = new Float64Array(total);
  const stack = new Int32Array(total);
  for (let g = 0; g < groupCount; g++) {
    const from = starts[g]!;
    const to = starts[g + 1]!;
    let sum = 0;
    for (let r = from; r < to; r++) sum += weights[rows[r * ALIAS_STRIDE]!]!;
    // Rows below the mean are stacked from the left, the others from the right, of the same stretch of `stack`.
    let small = from;
    let large = to;
    for (let r = from; r < to; r++) {
      scaled[r] = (weights[rows[r * ALIAS_STRIDE]!]! * (to - from)) / sum;
      if (scaled[r]! < 1) stack[small++] = r;
      else stack[--large] = r;
    }
    while (small > from && large < to) {
      const low = stack[--small]!;
      const high = stack[large]!;
      rows[low * ALIAS_STRIDE + ALIAS_OTHER] = rows[high * ALIAS_STRIDE]!;
      rows[low * ALIAS_STRIDE + ALIAS_STAY] = Math.round(scaled[low]! * ALIAS_ONE);
      scaled[high] = scaled[high]! - (1 - scaled[low]!);
      if (scaled[high]! < 1) {
        large++;
        stack[small++] = high;
      }
    }
    while (small > from) rows[stack[--small]! * ALIAS_STRIDE + ALIAS_STAY] = ALIAS_ONE;
    while (large < to) rows[stack[large++]! * ALIAS_STRIDE + ALIAS_STAY] = ALIAS_ONE;
  }
  return { starts, rows };
}

export function drawMember(tables: AliasTables, group: number, random: Random): number {
  const from = tables.starts[group]!;
  const x = random.uniform() * (tables.starts[group + 1]! - from);
  const step = Math.floor(x);
  const row = (from + step) * ALIAS_STRIDE;
  return tables.rows[(x - step) * ALIAS_ONE < tables.rows[row + ALIAS_STAY]! ? row : row + ALIAS_OTHER]!;
}

/** The member with the lowest index. */
export function firstMember(tables: AliasTables, group: number): number {
  return tables.rows[tables.starts[group]! * ALIAS_STRIDE]!;
}

/** The first index whose running total exceeds `x`. `totals` ascends; at most its last index is returned. */
export function findInTotals(totals: Float64Array, x: number): number {
  let low = 0;
  let high = totals.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (totals[middle]! > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function runningTotals(weights: ArrayLike<number>): Float64Array {
  const totals = new Float64Array(weights.length);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) totals[i] = sum += weights[i]!;
  return totals;
}

export function drawByWeight(weights: ArrayLike<number>, random: Random): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]!;
  let x = random.uniform() * sum;
  for (let i = 0; i < weights.length; i++) {
    x -= weights[i]!;
    if (x < 0) return i;
  }
  return weights.length - 1;
}
