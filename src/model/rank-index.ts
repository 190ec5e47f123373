/**
 * The index of `ranker.ts` as it lies in a WebAssembly memory of its own, made once a model; `kernels/assembly/rank.ts` says what each part is for. Everything lies by position: items with the longest
 * vectors first.
 *
 * Nothing here refers to what it was made from once it is made: a model's bytes can go when its index stands.
 */
import type { HybridTerms } from './hybrid.ts';
import { wasmScratchBytes } from './kernels/wasm.ts';
import { createRankKernels, type RankKernels } from './kernels/wasm-rank.ts';
import type { Factors } from './matrix.ts';
import type { Neighbours } from './neighbours.ts';
import { type InPieces, overRanges } from './pieces.ts';
import { scanSlots } from './top-n.ts';

const headFloats = 16;
const tileRows = 32;
const pageBytes = 65_536;
/** Vectors or lists that are brought to their places in one piece. */
const placesAtOnce = 8192;
/** Of which so many are read ahead. */
const touchedAtOnce = 128;
/** Of 4 bytes each: a cache line. */
const lineFloats = 16;
/** Longest history a call takes. */
export const mostEntries = 8192;
const fields = 17;
/** Numbers of a call that the kernel keeps. */
const queryNumbers = 6;
/** Positions whose sums are always made: they take 8 KB. Beyond them lie 42 % of a history's additions, of which 1 in 30 is needed (38,700 items, K = 100). */
export const mostNear = 2048;
/** Those that a call chooses: where bonus, tiles' bonus and marks are. */
export const bonusField = 6;
export const tileBonusField = 7;
export const marksField = 11;
/** Less is as good as nothing, and must not become it: see `notReached` of the kernel. */
const leastSimilarity = 1e-20;

/** Byte offsets of an index' parts. */
type Places = ReturnType<typeof layOut>['at'];

export interface RankIndex {
  memory: WebAssembly.Memory;
  kernels: RankKernels;
  at: Places;
  /** Items, and the same rounded up to whole tiles. */
  count: number;
  rows: number;
  /** Numbers of a vector, here and where it came from. */
  stride: number;
  itemStride: number;
  placeOf: Int32Array;
}

/** Numbers of 4 bytes each, every part at a multiple of 16 bytes. `touched` has one place more: the kernel writes before it knows whether the place is new. */
function layOut(count: number, rows: number, stride: number, entries: number, withNeighbours: boolean, maxLimit: number) {
  let end = fields * 4;
  const part = (numbers: number) => {
    const at = Math.ceil(end / 16) * 16;
    end = at + numbers * 4;
    return at;
  };
  const at = {
    vectors: part(rows * stride), heads: part(rows * headFloats), norms: part(rows), rests: part(rows), bonus: part(rows), tileBonus: part(rows / tileRows),
    neighbours: part(withNeighbours ? 2 * (count + 1) : 0), entries: part(2 * entries), sums: part(rows), touched: part(rows + 1), itemAt: part(rows),
    scores: part(maxLimit), places: part(maxLimit), query: part(queryNumbers), x: part(stride), history: part(mostEntries), weights: part(mostEntries), all: part(rows),
    solved: part(stride), rowStart: part(2), targets: part(mostEntries), dense: part(2 * stride), ridge: part(2), scratch: part(wasmScratchBytes(stride) / 4), gram: part(2 * stride * stride),
    boosted: part(rows), tileBoosted: part(rows / tileRows), slots: part((scanSlots * rows) / 4),
  };
  return { at, bytes: end };
}

/** `terms.scales` of 0 leave a term out. `nearRows`: a multiple of 32. @throws RangeError where the index takes more than 4 GiB */
export function* createRankIndex(items: Factors, { neighbours, recentPopularity, scales }: HybridTerms, maxLimit: number, nearRows: number): InPieces<RankIndex> {
  const { rows: count, stride: itemStride, data } = items;
  const stride = Math.ceil(itemStride / headFloats) * headFloats;
  const rows = Math.ceil(Math.max(1, count) / tileRows) * tileRows;
  const near = Math.min(nearRows, rows);
  const lists = scales.neighbours > 0 ? neighbours : null;
  const entries = lists?.index.length ?? 0;
  const { at, bytes } = layOut(count, rows, stride, entries, lists !== null, maxLimit);
  const pages = Math.ceil(bytes / pageBytes);
  if (pages > 65_536) throw new RangeError(`an index of ${count} items with ${itemStride} factors and ${entries} neighbours takes more than 4 GiB`);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const kernels = createRankKernels(memory);
  const floats = (from: number, numbers: number) => new Float32Array(memory.buffer, from, numbers);
  const ints = (from: number, numbers: number) => new Int32Array(memory.buffer, from, numbers);
  ints(0, fields).set([
    rows, stride * 4, at.vectors, at.heads, at.norms, at.rests, at.bonus, at.tileBonus, at.neighbours, at.sums, at.touched, at.slots, at.itemAt, at.scores, at.places, near, 0,
  ]);

  const lengths = new Float32Array(count);
  yield* overRanges(count, itemStride, (begin, end) => {
    for (let i = begin; i < end; i++) lengths[i] = roundUp(lengthOf(data, i * itemStride, (i + 1) * itemStride));
  });
  const order = orderByLength(lengths);
  yield;
  const placeOf = new Int32Array(count);
  const itemAt = ints(at.itemAt, rows);
  const vectors = floats(at.vectors, rows * stride);
  const heads = floats(at.heads, rows * headFloats);
  const [norms, rests, bonus] = [floats(at.norms, rows), floats(at.rests, rows), floats(at.bonus, rows)];
  for (let begin = 0; begin < count; begin += placesAtOnce) {
    const end = Math.min(count, begin + placesAtOnce);
    for (let some = begin; some < end; some += touchedAtOnce) {
      const last = Math.min(end, some + touchedAtOnce);
      rests[some] = touchVectors(data, itemStride, order, some, last);
      copyVectors(data, itemStride, order, some, last, vectors, stride);
    }
    for (let place = begin; place < end; place++) {
      const item = order[place]!;
      placeOf[item] = place;
      itemAt[place] = item;
      norms[place] = lengths[item]!;
      bonus[place] = recentPopularity === null ? 0 : scales.recency * recentPopularity[item]!;
    }
    yield;
  }
  yield* overRanges(count, itemStride, (begin, end) => splitVectors(vectors, stride, begin, end, heads, rests));
  const slots = new Uint8Array(memory.buffer, at.slots, scanSlots * rows);
  // Padding is marked, so it is never an answer. Nothing else of a slot is touched before it is set: the system gives no memory for what nobody wrote to.
  for (let slot = 0; slot < scanSlots; slot++) slots.fill(1, slot * rows + count, (slot + 1) * rows);
  bonus.fill(-3e38, count);
  itemAt.fill(count, count);
  kernels.coverTiles(at.bonus, at.tileBonus, rows);
  floats(at.sums, rows).fill(-0, near);
  if (lists !== null) yield* fillLists(memory.buffer, at, lists, order, placeOf, near);
  return { memory, kernels, at, count, rows, stride, itemStride, placeOf };
}

/** Items by falling length, equal ones by index: a length is not below 0, so its bits as a float32 have its order. */
function orderByLength(lengths: Float32Array): Int32Array {
  const count = lengths.length;
  const bits = new Uint32Array(lengths.buffer, lengths.byteOffset, count);
  let [from, to] = [new Int32Array(count), new Int32Array(count)];
  for (let i = 0; i < count; i++) from[i] = i;
  const next = new Int32Array(65_536);
  for (const shift of [0, 16]) {
    next.fill(0);
    for (let i = 0; i < count; i++) next[65_535 - ((bits[i]! >>> shift) & 65_535)]!++;
    let sum = 0;
    for (let digit = 0; digit < 65_536; digit++) {
      const size = next[digit]!;
      next[digit] = sum;
      sum += size;
    }
    for (let i = 0; i < count; i++) to[next[65_535 - ((bits[from[i]!]! >>> shift) & 65_535)]!++] = from[i]!;
    [from, to] = [to, from];
  }
  return from;
}

/**
 * Reads one number of every cache line of some vectors: nothing here waits for another, so the memory brings many at a time, where copying waits for each. Copies then take half the time.
 *
 * @returns their sum, to be put somewhere, or a compiler could leave out the reading
 */
function touchVectors(data: Float32Array, itemStride: number, order: Int32Array, begin: number, end: number): number {
  let sum = 0;
  for (let place = begin; place < end; place++) {
    const from = order[place]! * itemStride;
    for (let k = 0; k < itemStride; k += lineFloats) sum += data[from + k]!;
  }
  return sum;
}

/** The same of some lists. */
function touchLists({ rowStart, index, similarity }: Neighbours, order: Int32Array, begin: number, end: number): number {
  let sum = 0;
  for (let place = begin; place < end; place++) {
    const item = order[place]!;
    const to = rowStart[item + 1]!;
    for (let n = rowStart[item]!; n < to; n += lineFloats) sum += index[n]! + similarity[n]!;
  }
  return sum;
}

/** Vectors `begin` … `end` − 1 by position. */
function copyVectors(data: Float32Array, itemStride: number, order: Int32Array, begin: number, end: number, vectors: Float32Array, stride: number): void {
  for (let place = begin; place < end; place++) {
    const from = order[place]! * itemStride;
    const to = place * stride;
    for (let k = 0; k < itemStride; k++) vectors[to + k] = data[from + k]!;
  }
}

/** The first dimensions of some vectors, and the length of the rest of each. */
function splitVectors(vectors: Float32Array, stride: number, begin: number, end: number, heads: Float32Array, rests: Float32Array): void {
  for (let place = begin; place < end; place++) {
    const from = place * stride;
    for (let k = 0; k < headFloats; k++) heads[place * headFloats + k] = vectors[from + k]!;
    rests[place] = roundUp(lengthOf(vectors, from + headFloats, from + stride));
  }
}

/** Lists by position: near neighbours first, the others by falling similarity. */
function* fillLists(buffer: ArrayBufferLike, at: Places, lists: Neighbours, order: Int32Array, placeOf: Int32Array, near: number): InPieces<void> {
  const count = order.length;
  const numbers = 2 * lists.index.length;
  const out = {
    start: at.entries, pointers: new Uint32Array(buffer, at.neighbours, 2 * (count + 1)), offsets: new Uint32Array(buffer, at.entries, numbers), similar: new Float32Array(buffer, at.entries, numbers),
    farOffsets: new Uint32Array(count), farSimilar: new Float32Array(count),
  };
  let e = 0;
  for (let begin = 0; begin < count; begin += placesAtOnce) {
    const end = Math.min(count, begin + placesAtOnce);
    for (let some = begin; some < end; some += touchedAtOnce) {
      const last = Math.min(end, some + touchedAtOnce);
      out.farSimilar[0] = touchLists(lists, order, some, last);
      e = fillSome(lists, order, placeOf, near, some, last, out, e);
    }
    yield;
  }
  out.pointers.fill(at.entries + e * 4, 2 * count);
}

interface ListsByPlace {
  /** Byte offset of the entries. */
  start: number;
  pointers: Uint32Array;
  offsets: Uint32Array;
  similar: Float32Array;
  /** Room for one list's far neighbours. */
  farOffsets: Uint32Array;
  farSimilar: Float32Array;
}

/** Lists of places `begin` … `end` − 1, from entry `e` on. @returns where the next one begins */
function fillSome({ rowStart, index, similarity }: Neighbours, order: Int32Array, placeOf: Int32Array, near: number, begin: number, end: number, out: ListsByPlace, e: number): number {
  const { start, pointers, offsets, similar, farOffsets, farSimilar } = out;
  for (let place = begin; place < end; place++) {
    const item = order[place]!;
    const to = rowStart[item + 1]!;
    let far = 0;
    let falls = true;
    pointers[2 * place] = start + e * 4;
    for (let n = rowStart[item]!; n < to; n++) {
      const other = placeOf[index[n]!]!;
      const alike = Math.abs(similarity[n]!) < leastSimilarity ? leastSimilarity : similarity[n]!;
      if (other < near) {
        offsets[e] = other * 4;
        similar[e + 1] = alike;
        e += 2;
      } else {
        farOffsets[far] = other * 4;
        farSimilar[far] = alike;
        falls &&= far === 0 || alike <= farSimilar[far - 1]!;
        far++;
      }
    }
    pointers[2 * place + 1] = start + e * 4;
    const from = e;
    for (let n = 0; n < far; n++, e += 2) {
      offsets[e] = farOffsets[n]!;
      similar[e + 1] = farSimilar[n]!;
    }
    if (!falls) sortFar(offsets, similar, from, e);
  }
  return e;
}

/** By falling similarity: training's lists are in this order, others need not be. */
function sortFar(offsets: Uint32Array, similar: Float32Array, from: number, to: number): void {
  const pairs: [number, number][] = [];
  for (let e = from; e < to; e += 2) pairs.push([offsets[e]!, similar[e + 1]!]);
  pairs.sort((a, b) => b[1] - a[1]);
  pairs.forEach(([offset, similarity], n) => {
    offsets[from + 2 * n] = offset;
    similar[from + 2 * n + 1] = similarity;
  });
}

/** Four sums, because each addition would wait for the one before. */
function lengthOf(data: Float32Array, from: number, to: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let k = from;
  for (; k + 3 < to; k += 4) {
    a += data[k]! * data[k]!;
    b += data[k + 1]! * data[k + 1]!;
    c += data[k + 2]! * data[k + 2]!;
    d += data[k + 3]! * data[k + 3]!;
  }
  for (; k < to; k++) a += data[k]! * data[k]!;
  return Math.sqrt(a + b + c + d);
}

/** A float32 no lower than the length. */
function roundUp(length: number): number {
  return length === 0 ? 0 : length * (1 + 2 ** -22);
}
