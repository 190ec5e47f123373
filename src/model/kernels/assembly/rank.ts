/**
 * Exact top-N by score_i = x·y_i + (b_i + s_i), where b is an item's own bonus (recent popularity) and s what a user's history adds: Σ_j h_j S_ji over short lists.
 *
 * Items lie by *position*, longest vector first. Three things keep most of the catalogue from being multiplied: x·y ≤ ‖x‖ ‖y‖, so an item is passed over where even that is too little, and the scan
 * ends where nothing that follows can do it (`tileBonus`: the largest b from each tile on); of those that remain, the first 16 dimensions, which lie by themselves (`heads`), and ‖x_rest‖ ‖y_rest‖
 * decide next. Items that the history reaches have their s in the sums the scan reads, and those beyond its end are looked at one by one.
 *
 * Bounds are never below what they bound: lengths come rounded up, δ ‖x‖ ‖y‖ with δ = 2⁻¹⁷ covers all rounding of the products (64 sums in float32 err by less than a tenth of it), and what is added
 * afterwards is added in the same order to the score and to its bound, which rounding keeps in order.
 */
import { dot, dotFour } from './vector';

/** Where the parts of an index lie: byte offsets and numbers, 32 bits each, written by ranker.ts. */
// @ts-expect-error: decorator
@unmanaged
class Index {
  rows: usize;
  /** Bytes of a vector. */
  bytes: usize;
  vectors: usize;
  /** 16 float32 a row. */
  heads: usize;
  /** ‖y‖ and ‖y beyond its head‖, rounded up. */
  norms: usize;
  rests: usize;
  /** b. */
  bonus: usize;
  /** The largest b from each tile of 32 positions on. */
  tileBonus: usize;
  /** Neighbours of position j: entries start[j] … start[j + 1] − 1. 0: there are none. */
  neighbourStart: usize;
  neighbourAt: usize;
  neighbourSimilarity: usize;
  /** s, −0 between calls. */
  sums: usize;
  touched: usize;
  /** 1: leave out. */
  marks: usize;
  /** Position → item index, by which ties are broken. */
  itemAt: usize;
  /** The answer: scores and positions. */
  scores: usize;
  places: usize;
}

const headBytes: usize = 64;
const tile: usize = 32;
const delta: f32 = 1.0 / 131072.0;
/**
 * Bits of −0, the sum of a position that was not reached: added to anything it changes nothing, and no sum comes back to it, because a − a is +0. (Products are never −0: similarities are kept away
 * from 0 and weights above it.)
 */
const notReached: u32 = 0x80000000;

/** s += h S over a history; returns how many positions were reached, listed in `touched`. */
function reach(at: Index, history: usize, weights: usize, n: usize): usize {
  const start = at.neighbourStart;
  if (!start) return 0;
  const sums = at.sums;
  const touched = at.touched;
  const neighbourAt = at.neighbourAt;
  const similarity = at.neighbourSimilarity;
  let count: usize = 0;
  for (let e: usize = 0; e < n; e++) {
    const h = load<f32>(weights + e * 4);
    if (!(h > 0)) continue;
    const j = start + <usize>load<i32>(history + e * 4) * 4;
    const end = <usize>load<i32>(j, 4);
    for (let k = <usize>load<i32>(j); k < end; k++) {
      const i = <usize>load<i32>(neighbourAt + k * 4);
      const place = sums + i * 4;
      store<i32>(touched + count * 4, <i32>i);
      count += <usize>(load<u32>(place) === notReached);
      store<f32>(place, load<f32>(place) + h * load<f32>(similarity + k * 4));
    }
  }
  return count;
}

// @ts-expect-error: decorator
@inline
function headProduct(a: usize, b: usize): f32 {
  const low = f32x4.add(f32x4.mul(v128.load(a), v128.load(b)), f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
  const high = f32x4.add(f32x4.mul(v128.load(a, 32), v128.load(b, 32)), f32x4.mul(v128.load(a, 48), v128.load(b, 48)));
  const sum = f32x4.add(low, high);
  const half = f32x4.add(sum, v128.shuffle<f32>(sum, sum, 2, 3, 0, 1));
  return f32x4.extract_lane(half, 0) + f32x4.extract_lane(half, 1);
}

function lengthOf(x: usize, from: usize, to: usize): f32 {
  let sum: f64 = 0;
  for (let k = from; k < to; k += 4) sum += <f64>load<f32>(x + k) * <f64>load<f32>(x + k);
  return <f32>sqrt(sum) * (1 + <f32>1e-7) + <f32>1e-38;
}

/**
 * The `limit` ≥ 1 best positions for vector `x` and a history of `n` positions with weights (h times the term's scale) into scores and places, best first; returns how many there are.
 */
export function rank(index: usize, x: usize, history: usize, weights: usize, n: usize, limit: usize): usize {
  const at = changetype<Index>(index);
  const rows = at.rows;
  const bytes = at.bytes;
  const heads = at.heads;
  const norms = at.norms;
  const rests = at.rests;
  const bonus = at.bonus;
  const sums = at.sums;
  const marks = at.marks;
  const vectors = at.vectors;
  const length = lengthOf(x, 0, bytes);
  const reachLength = length * (1 + delta);
  const restLength = bytes > headBytes ? lengthOf(x, headBytes, bytes) : 0;
  const spare = length * delta;
  const lengths = f32x4.splat(reachLength);

  const touched = reach(at, history, weights, n);
  let count: usize = 0;
  let floor: f32 = -f32.MAX_VALUE; // the N-th best score, once there are N
  let floors = f32x4.splat(floor);
  let end: usize = 0;
  for (; end < rows; end += tile) {
    if (reachLength * load<f32>(norms + end * 4) + load<f32>(at.tileBonus + (end / tile) * 4) < floor) break;
    for (let four = end; four < end + tile; four += 4) {
      const extras = f32x4.add(v128.load(bonus + four * 4), v128.load(sums + four * 4));
      let mask = i32x4.bitmask(f32x4.ge(f32x4.add(f32x4.mul(lengths, v128.load(norms + four * 4)), extras), floors));
      if (!mask) continue;
      do {
        const place = four + <usize>ctz(mask);
        mask &= mask - 1;
        if (load<u8>(marks + place)) continue;
        const extra = load<f32>(bonus + place * 4) + load<f32>(sums + place * 4);
        const head = headProduct(heads + place * headBytes, x);
        if (head + (restLength * load<f32>(rests + place * 4) + spare * load<f32>(norms + place * 4)) + extra < floor) continue;
        const score = dot(vectors + place * bytes, x, bytes) + extra;
        if (score < floor) continue;
        count = offer(at, limit, count, score, place);
        if (count === limit) {
          floor = load<f32>(at.scores);
          floors = f32x4.splat(floor);
        }
      } while (mask);
    }
  }
  const list = at.touched;
  for (let k: usize = 0; k < touched; k++) {
    const place = <usize>load<i32>(list + k * 4);
    const sum = load<f32>(sums + place * 4);
    store<u32>(sums + place * 4, notReached);
    const extra = load<f32>(bonus + place * 4) + sum;
    const norm = load<f32>(norms + place * 4);
    if (reachLength * norm + extra < floor || place < end || load<u8>(marks + place)) continue;
    const head = headProduct(heads + place * headBytes, x);
    if (head + (restLength * load<f32>(rests + place * 4) + spare * norm) + extra < floor) continue;
    const score = dot(vectors + place * bytes, x, bytes) + extra;
    if (score < floor) continue;
    count = offer(at, limit, count, score, place);
    floor = load<f32>(at.scores);
  }
  sortHeap(at, count);
  return count;
}

/**
 * The `limit` ≥ 1 best positions by x·y / ‖y‖ + e, where `extras` (0: there are none) has an e for each; as `rank` otherwise. Four heads at a time decide which vectors are multiplied: no length can
 * end the scan, since a cosine does not depend on it.
 */
export function rankSimilar(index: usize, x: usize, extras: usize, limit: usize): usize {
  const at = changetype<Index>(index);
  const rows = at.rows;
  const bytes = at.bytes;
  const heads = at.heads;
  const norms = at.norms;
  const rests = at.rests;
  const marks = at.marks;
  const vectors = at.vectors;
  const restLengths = f32x4.splat(bytes > headBytes ? lengthOf(x, headBytes, bytes) : 0);
  const spares = f32x4.splat(lengthOf(x, 0, bytes) * delta);
  const none = f32x4.splat(0);
  let count: usize = 0;
  let floors = f32x4.splat(-f32.MAX_VALUE);
  for (let four: usize = 0; four < rows; four += 4) {
    const lengths = v128.load(norms + four * 4);
    const extra = extras ? v128.load(extras + four * 4) : none;
    const head = heads + four * headBytes;
    const products = dotFour(head, head + headBytes, head + 2 * headBytes, head + 3 * headBytes, x, headBytes);
    const most = f32x4.add(products, f32x4.add(f32x4.mul(restLengths, v128.load(rests + four * 4)), f32x4.mul(spares, lengths)));
    const bounds = f32x4.add(f32x4.div(most, lengths), extra);
    let mask = i32x4.bitmask(v128.and(f32x4.ge(bounds, floors), f32x4.gt(lengths, none)));
    while (mask) {
      const place = four + <usize>ctz(mask);
      mask &= mask - 1;
      if (load<u8>(marks + place)) continue;
      const cosine = dot(vectors + place * bytes, x, bytes) / load<f32>(norms + place * 4);
      count = offer(at, limit, count, extras ? cosine + load<f32>(extras + place * 4) : cosine, place);
      if (count === limit) floors = f32x4.splat(load<f32>(at.scores));
    }
  }
  sortHeap(at, count);
  return count;
}

/** out += amount · marks, by position; `rows` is a multiple of 16. */
export function addMarked(marks: usize, amount: f32, out: usize, rows: usize): void {
  const amounts = f32x4.splat(amount);
  for (let place: usize = 0; place < rows; place += 16, out += 64) {
    const bytes = v128.load(marks + place);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    v128.store(out, f32x4.add(v128.load(out), f32x4.mul(amounts, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(low)))));
    v128.store(out, f32x4.add(v128.load(out, 16), f32x4.mul(amounts, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(low)))), 16);
    v128.store(out, f32x4.add(v128.load(out, 32), f32x4.mul(amounts, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(high)))), 32);
    v128.store(out, f32x4.add(v128.load(out, 48), f32x4.mul(amounts, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(high)))), 48);
  }
}

/** The largest bonus from each tile on. */
export function coverTiles(bonus: usize, out: usize, rows: usize): void {
  let most = f32x4.splat(-f32.MAX_VALUE);
  for (let place = rows; place > 0; ) {
    place -= tile;
    for (let four = place; four < place + tile; four += 4) most = f32x4.max(most, v128.load(bonus + four * 4));
    store<f32>(out + (place / tile) * 4, max(max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3))));
  }
}

/** x·y of one position, to the bit as it is ranked by. */
export function scoreFactors(index: usize, x: usize, place: usize): f32 {
  const at = changetype<Index>(index);
  return dot(at.vectors + place * at.bytes, x, at.bytes);
}

/** s of one position. */
export function scoreNeighbours(index: usize, history: usize, weights: usize, n: usize, place: usize): f32 {
  const at = changetype<Index>(index);
  const start = at.neighbourStart;
  let sum: f32 = 0;
  if (!start) return sum;
  for (let e: usize = 0; e < n; e++) {
    const j = start + <usize>load<i32>(history + e * 4) * 4;
    const end = <usize>load<i32>(j, 4);
    for (let k = <usize>load<i32>(j); k < end; k++) {
      if (load<i32>(at.neighbourAt + k * 4) === <i32>place) sum += load<f32>(weights + e * 4) * load<f32>(at.neighbourSimilarity + k * 4);
    }
  }
  return sum;
}

/** All scores, by position, into `out`, marked or not: what a scan is tested against. */
export function scoreEverything(index: usize, x: usize, history: usize, weights: usize, n: usize, out: usize): void {
  const at = changetype<Index>(index);
  const touched = reach(at, history, weights, n);
  for (let place: usize = 0; place < at.rows; place++) {
    const extra = load<f32>(at.bonus + place * 4) + load<f32>(at.sums + place * 4);
    store<f32>(out + place * 4, dot(at.vectors + place * at.bytes, x, at.bytes) + extra);
  }
  for (let k: usize = 0; k < touched; k++) store<u32>(at.sums + <usize>load<i32>(at.touched + k * 4) * 4, notReached);
}

// A binary heap with the entry that must go first at the root: the lowest score, among equals the largest item index.

// @ts-expect-error: decorator
@inline
function goesBefore(at: Index, scoreA: f32, placeA: usize, scoreB: f32, placeB: usize): bool {
  return scoreA < scoreB || (scoreA === scoreB && load<i32>(at.itemAt + placeA * 4) > load<i32>(at.itemAt + placeB * 4));
}

/** Takes an entry in; returns how many there are then. */
function offer(at: Index, limit: usize, count: usize, score: f32, place: usize): usize {
  const scores = at.scores;
  const places = at.places;
  if (count < limit) {
    let k = count;
    while (k > 0) {
      const parent = (k - 1) >> 1;
      const parentScore = load<f32>(scores + parent * 4);
      const parentPlace = <usize>load<i32>(places + parent * 4);
      if (!goesBefore(at, score, place, parentScore, parentPlace)) break;
      store<f32>(scores + k * 4, parentScore);
      store<i32>(places + k * 4, <i32>parentPlace);
      k = parent;
    }
    store<f32>(scores + k * 4, score);
    store<i32>(places + k * 4, <i32>place);
    return count + 1;
  }
  if (goesBefore(at, load<f32>(scores), <usize>load<i32>(places), score, place)) siftDown(at, count, score, place);
  return count;
}

/** Puts an entry in the root's place. */
function siftDown(at: Index, count: usize, score: f32, place: usize): void {
  const scores = at.scores;
  const places = at.places;
  let k: usize = 0;
  for (;;) {
    let child: usize = 2 * k + 1;
    if (child >= count) break;
    let childScore = load<f32>(scores + child * 4);
    let childPlace = <usize>load<i32>(places + child * 4);
    if (child + 1 < count) {
      const otherScore = load<f32>(scores + child * 4, 4);
      const otherPlace = <usize>load<i32>(places + child * 4, 4);
      if (goesBefore(at, otherScore, otherPlace, childScore, childPlace)) {
        child++;
        childScore = otherScore;
        childPlace = otherPlace;
      }
    }
    if (!goesBefore(at, childScore, childPlace, score, place)) break;
    store<f32>(scores + k * 4, childScore);
    store<i32>(places + k * 4, <i32>childPlace);
    k = child;
  }
  store<f32>(scores + k * 4, score);
  store<i32>(places + k * 4, <i32>place);
}

/** Heap → best first. */
function sortHeap(at: Index, count: usize): void {
  const scores = at.scores;
  const places = at.places;
  for (let last = count; last > 1; ) {
    last--;
    const score = load<f32>(scores + last * 4);
    const place = <usize>load<i32>(places + last * 4);
    store<f32>(scores + last * 4, load<f32>(scores));
    store<i32>(places + last * 4, load<i32>(places));
    siftDown(at, last, score, place);
  }
}
