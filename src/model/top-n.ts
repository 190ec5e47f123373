/**
 * Exact top-N by inner product over the whole catalogue, without computing most of it.
 *
 * Items lie in one block sorted by norm, longest first. By Cauchy–Schwarz x·y ≤ ‖x‖·‖y‖, so the scan ends at the first item whose norm cannot reach the
 * N-th best score. Before that, an item's first `headLength` dimensions plus the bound ‖x_tail‖·‖y_tail‖ on the others decide whether its full product is
 * needed; factors along their principal axes (as a fit leaves them) have most of their length in the head. Both bounds hold for scores of any sign.
 *
 * Bounds are compared with a slack of 2⁻²⁰ ‖x‖·‖y‖, far above their rounding errors. Every score is made by the same additions in the same order
 * (`scoreItem`), so it does not depend on how an item was found. Equal scores: the smaller item index is first.
 */
import type { Factors } from './matrix.ts';

const slack = 2 ** -20;
/** Dimensions of the first look. */
const headLength = 16;

export interface ScanIndex {
  /** Items that can be returned. */
  length: number;
  /** Rows of the catalogue: item indexes lie below it. */
  rows: number;
  stride: number;
  /** Head dimensions, min(stride, 16). */
  head: number;
  /** Position in the scan → item index. */
  itemAt: Int32Array;
  /** length × head, in scan order. */
  heads: Float32Array;
  /** length × (stride − head), in scan order. */
  tails: Float32Array;
  /** Norm of each item in scan order, descending. */
  norm: Float64Array;
  tailNorm: Float64Array;
  /** The query as float64, written by every scan: an index is single-threaded. */
  query: Float64Array;
}

/** The answer of a scan, reused from one to the next. */
export interface TopN {
  /** Entries of the last answer, best first. */
  count: number;
  items: Int32Array;
  scores: Float64Array;
}

export function createTopN(maxLimit: number): TopN {
  return { count: 0, items: new Int32Array(maxLimit), scores: new Float64Array(maxLimit) };
}

/** Copies the factors into scan order. `withoutZero` leaves out items of norm 0, which have no direction. */
export function createScanIndex(items: Factors, withoutZero = false): ScanIndex {
  const { rows, stride, data } = items;
  const head = Math.min(stride, headLength);
  const tail = stride - head;
  const norms = new Float64Array(rows);
  let length = rows;
  for (let i = 0; i < rows; i++) {
    norms[i] = normOf(data, i * stride, stride);
    if (withoutZero && norms[i] === 0) length--;
  }
  const order = Int32Array.from({ length: rows }, (_, i) => i).sort((a, b) => norms[b]! - norms[a]! || a - b);
  const index: ScanIndex = {
    length,
    rows,
    stride,
    head,
    itemAt: order.slice(0, length),
    heads: new Float32Array(length * head),
    tails: new Float32Array(length * tail),
    norm: new Float64Array(length),
    tailNorm: new Float64Array(length),
    query: new Float64Array(stride),
  };
  for (let at = 0; at < length; at++) {
    const base = index.itemAt[at]! * stride;
    index.heads.set(data.subarray(base, base + head), at * head);
    index.tails.set(data.subarray(base + head, base + stride), at * tail);
    index.norm[at] = norms[index.itemAt[at]!]!;
    index.tailNorm[at] = normOf(data, base + head, tail);
  }
  return index;
}

/**
 * The `limit` best items for the vector `x` (stride numbers), best first, into `out`. `skip` marks by item index what to leave out (1). Fewer come back
 * where the catalogue holds fewer.
 */
export function scanTopN(index: ScanIndex, x: ArrayLike<number>, limit: number, skip: Uint8Array | null, out: TopN): TopN {
  const { length, stride, head, itemAt, heads, tails, norm, tailNorm, query } = index;
  const tail = stride - head;
  const { items, scores } = out;
  out.count = 0;
  if (limit > items.length) throw new RangeError(`limit ${limit} is more than this TopN holds (${items.length})`);
  if (limit <= 0) return out;

  for (let k = 0; k < stride; k++) query[k] = x[k]!;
  const tailX = Math.sqrt(squaredLength(query, head, stride));
  const lengthX = Math.sqrt(squaredLength(query, 0, stride));

  let count = 0;
  let worst = -Infinity; // the N-th best score, once there are N
  for (let at = 0; at < length; at++) {
    const reach = lengthX * norm[at]!;
    const allowance = slack * reach;
    if (reach + allowance < worst) break;
    const headScore = dot(heads, at * head, query, 0, head);
    if (headScore + tailX * tailNorm[at]! + allowance < worst) continue;
    const item = itemAt[at]!;
    if (skip !== null && skip[item] !== 0) continue;
    const score = headScore + dot(tails, at * tail, query, head, tail);
    if (count < limit) {
      siftUp(scores, items, count++, score, item);
      if (count === limit) worst = scores[0]!;
    } else if (score > worst || (score === worst && item < items[0]!)) {
      siftDown(scores, items, count, score, item);
      worst = scores[0]!;
    }
  }
  sortHeap(scores, items, count);
  out.count = count;
  return out;
}

/** The same answer by scoring everything and sorting: the reference in tests. */
export function bruteForceTopN(items: Factors, x: ArrayLike<number>, limit: number, skip: Uint8Array | null, out: TopN): TopN {
  const query = Float64Array.from({ length: items.stride }, (_, k) => x[k]!);
  const candidates: { item: number; score: number }[] = [];
  for (let item = 0; item < items.rows; item++) if (skip === null || skip[item] === 0) candidates.push({ item, score: scoreItem(items, query, item) });
  candidates.sort((a, b) => b.score - a.score || a.item - b.item);
  out.count = Math.min(limit, candidates.length);
  for (let n = 0; n < out.count; n++) {
    out.items[n] = candidates[n]!.item;
    out.scores[n] = candidates[n]!.score;
  }
  return out;
}

/** x·y of one item, to the last bit as a scan computes it. */
export function scoreItem(items: Factors, x: Float64Array, item: number): number {
  const { stride, data } = items;
  const head = Math.min(stride, headLength);
  const base = item * stride;
  return dot(data, base, x, 0, head) + dot(data, base + head, x, head, stride - head);
}

/** Four sums side by side, so that additions do not wait for one another; `length` is a multiple of 8, or 0. */
function dot(data: Float32Array, at: number, x: Float64Array, xAt: number, length: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let k = 0; k < length; k += 4) {
    a += data[at + k]! * x[xAt + k]!;
    b += data[at + k + 1]! * x[xAt + k + 1]!;
    c += data[at + k + 2]! * x[xAt + k + 2]!;
    d += data[at + k + 3]! * x[xAt + k + 3]!;
  }
  return a + b + (c + d);
}

function normOf(data: Float32Array, at: number, length: number): number {
  let sum = 0;
  for (let k = at; k < at + length; k++) sum += data[k]! * data[k]!;
  return Math.sqrt(sum);
}

function squaredLength(x: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let k = from; k < to; k++) sum += x[k]! * x[k]!;
  return sum;
}

// A binary heap with the entry that must go first at the root: the lowest score, among equals the largest item index.

function goesBefore(scoreA: number, itemA: number, scoreB: number, itemB: number): boolean {
  return scoreA < scoreB || (scoreA === scoreB && itemA > itemB);
}

function siftUp(scores: Float64Array, items: Int32Array, at: number, score: number, item: number): void {
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!goesBefore(score, item, scores[parent]!, items[parent]!)) break;
    scores[at] = scores[parent]!;
    items[at] = items[parent]!;
    at = parent;
  }
  scores[at] = score;
  items[at] = item;
}

/** Puts an entry in the root's place. */
function siftDown(scores: Float64Array, items: Int32Array, count: number, score: number, item: number): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && goesBefore(scores[child + 1]!, items[child + 1]!, scores[child]!, items[child]!)) child++;
    if (!goesBefore(scores[child]!, items[child]!, score, item)) break;
    scores[at] = scores[child]!;
    items[at] = items[child]!;
    at = child;
  }
  scores[at] = score;
  items[at] = item;
}

/** Heap → best first. */
function sortHeap(scores: Float64Array, items: Int32Array, count: number): void {
  for (let last = count - 1; last > 0; last--) {
    const score = scores[last]!;
    const item = items[last]!;
    scores[last] = scores[0]!;
    items[last] = items[0]!;
    siftDown(scores, items, last, score, item);
  }
}
