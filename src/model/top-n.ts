/**
 * Exact top-N by inner product over the whole catalogue, without computing most of it.
 *
 * Items lie in one block sorted by norm, longest first. By Cauchy–Schwarz x·y ≤ ‖x‖·‖y‖, so the scan ends at the first item whose norm cannot reach the
 * N-th best score. Before that, an item's product is built up sixteen dimensions at a time, and given up as soon as what is summed plus the bound
 * ‖x_rest‖·‖y_rest‖ on the rest cannot reach it either; factors along their principal axes (as a fit leaves them) have most of their length in front. Both
 * bounds hold for scores of any sign.
 *
 * Bounds are compared with a slack of 2⁻²⁰ ‖x‖·‖y‖, far above their rounding errors. Every score is made by the same additions in the same order
 * (`scoreItem`), so it does not depend on how an item was found. Equal scores: the smaller item index is first.
 */
import type { Factors } from './matrix.ts';

const slack = 2 ** -20;
/** Dimensions between two looks at the bound. */
const blockLength = 16;

export interface ScanIndex {
  /** Items: their indexes lie below it. */
  rows: number;
  /** Length of a query. */
  sourceStride: number;
  /** The same rounded up to whole blocks, padded with 0. */
  stride: number;
  /** stride / 16 */
  blocks: number;
  /** Position in the scan → item index. */
  itemAt: Int32Array;
  /** rows × stride, in scan order. */
  data: Float32Array;
  /** rows × blocks: the norm of what lies beyond each block's beginning; the first is the item's norm, by which the scan order descends. */
  restNorm: Float64Array;
  /** The query and its own rest norms as float64, written by every scan: an index is single-threaded. */
  query: Float64Array;
  queryRest: Float64Array;
}

/** The answer of a scan, reused from one to the next. */
export interface TopN {
  /** Entries of the last answer, best first. */
  count: number;
  items: Int32Array;
  scores: Float64Array;
}

/** Slots of marks that a scan has room for. */
export const scanSlots = 32;

/** @throws RangeError for more than an answer has room for */
export function checkLimit(limit: number, maxLimit: number): void {
  if (limit > maxLimit) throw new RangeError(`limit ${limit} is more than this scan gives (${maxLimit})`);
}

export function createTopN(maxLimit: number): TopN {
  return { count: 0, items: new Int32Array(maxLimit), scores: new Float64Array(maxLimit) };
}

/** Takes an entry into an answer that is being gathered, a heap of at most `limit` ≤ `maxLimit` until `sortTopN` ends it. */
export function offerTopN(out: TopN, limit: number, score: number, item: number): void {
  const { scores, items, count } = out;
  if (count < limit) {
    siftUp(scores, items, out.count++, score, item);
  } else if (limit > 0 && goesBefore(scores[0]!, items[0]!, score, item)) {
    siftDown(scores, items, count, score, item);
  }
}

/** Best first, ties to the smaller index. */
export function sortTopN(out: TopN): void {
  sortHeap(out.scores, out.items, out.count);
}

/** Copies the factors into scan order. */
export function createScanIndex(items: Factors): ScanIndex {
  const { rows, stride: sourceStride, data } = items;
  const blocks = Math.ceil(sourceStride / blockLength);
  const stride = blocks * blockLength;
  const norms = Float64Array.from({ length: rows }, (_, i) => normOf(data, i * sourceStride, (i + 1) * sourceStride));
  const order = Int32Array.from({ length: rows }, (_, i) => i).sort((a, b) => norms[b]! - norms[a]! || a - b);
  const index: ScanIndex = {
    rows,
    sourceStride,
    stride,
    blocks,
    itemAt: order,
    data: new Float32Array(rows * stride),
    restNorm: new Float64Array(rows * blocks),
    query: new Float64Array(stride),
    queryRest: new Float64Array(blocks),
  };
  for (let at = 0; at < rows; at++) {
    const base = order[at]! * sourceStride;
    index.data.set(data.subarray(base, base + sourceStride), at * stride);
    for (let b = 0; b < blocks; b++) index.restNorm[at * blocks + b] = normOf(data, base + b * blockLength, base + sourceStride);
  }
  return index;
}

/**
 * The `limit` best items for the vector `x` (stride numbers), best first, into `out`. `skip` marks by item index what to leave out (1). Fewer come back
 * where the catalogue holds fewer.
 */
export function scanTopN(index: ScanIndex, x: ArrayLike<number>, limit: number, skip: Uint8Array | null, out: TopN): TopN {
  const { rows, sourceStride, stride, blocks, itemAt, data, restNorm, query, queryRest } = index;
  const { items, scores } = out;
  out.count = 0;
  if (limit > items.length) throw new RangeError(`limit ${limit} is more than this TopN holds (${items.length})`);
  if (limit <= 0) return out;

  for (let k = 0; k < sourceStride; k++) query[k] = x[k]!;
  for (let b = 0; b < blocks; b++) queryRest[b] = normOf(query, b * blockLength, stride);
  const queryNorm = queryRest[0]!;

  let count = 0;
  let worst = -Infinity; // the N-th best score, once there are N
  scan: for (let at = 0; at < rows; at++) {
    const rest = at * blocks;
    const reach = queryNorm * restNorm[rest]!;
    const floor = worst - slack * reach;
    if (reach < floor) break;
    const base = at * stride;
    let score = 0;
    for (let b = 0; ; ) {
      score += dotBlock(data, base + b * blockLength, query, b * blockLength);
      if (++b === blocks) break;
      if (score + queryRest[b]! * restNorm[rest + b]! < floor) continue scan;
    }
    if (score < worst) continue;
    const item = itemAt[at]!;
    if (skip !== null && skip[item] !== 0) continue;
    if (count < limit) {
      siftUp(scores, items, count++, score, item);
      if (count === limit) worst = scores[0]!;
    } else if (score > worst || item < items[0]!) {
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
  const base = item * stride;
  let score = 0;
  let k = 0;
  for (; k + blockLength <= stride; k += blockLength) score += dotBlock(data, base + k, x, k);
  if (k < stride) score += dotHalfBlock(data, base + k, x, k); // strides are multiples of 8
  return score;
}

/**
 * Sixteen dimensions of x·y: four sums side by side, so that additions do not wait for one another. Written out because the scan's time is spent here: a
 * loop takes half as long again.
 */
function dotBlock(data: Float32Array, y: number, x: Float64Array, k: number): number {
  const a = data[y]! * x[k]! + data[y + 4]! * x[k + 4]! + data[y + 8]! * x[k + 8]! + data[y + 12]! * x[k + 12]!;
  const b = data[y + 1]! * x[k + 1]! + data[y + 5]! * x[k + 5]! + data[y + 9]! * x[k + 9]! + data[y + 13]! * x[k + 13]!;
  const c = data[y + 2]! * x[k + 2]! + data[y + 6]! * x[k + 6]! + data[y + 10]! * x[k + 10]! + data[y + 14]! * x[k + 14]!;
  const d = data[y + 3]! * x[k + 3]! + data[y + 7]! * x[k + 7]! + data[y + 11]! * x[k + 11]! + data[y + 15]! * x[k + 15]!;
  return a + b + (c + d);
}

/** The same additions where the other eight dimensions are padding. */
function dotHalfBlock(data: Float32Array, y: number, x: Float64Array, k: number): number {
  const a = data[y]! * x[k]! + data[y + 4]! * x[k + 4]!;
  const b = data[y + 1]! * x[k + 1]! + data[y + 5]! * x[k + 5]!;
  const c = data[y + 2]! * x[k + 2]! + data[y + 6]! * x[k + 6]!;
  const d = data[y + 3]! * x[k + 3]! + data[y + 7]! * x[k + 7]!;
  return a + b + (c + d);
}

function normOf(data: Float32Array | Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let k = from; k < to; k++) sum += data[k]! * data[k]!;
  return Math.sqrt(sum);
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
