/**
 * Exact top-N by score_i = x·y_i + (b_i + s_i), where b is an item's own bonus (recent popularity) and s what a user's history adds: Σ_j h_j S_ji over short lists.
 *
 * Items lie by *position*, longest vector first. Most of the catalogue is not multiplied: x·y ≤ ‖x‖ ‖y‖, so an item is passed over where even that is too little; of those that remain, the first 16
 * dimensions, which lie by themselves (`heads`), and ‖x_rest‖ ‖y_rest‖ decide next.
 *
 * Most of what a history reaches is not added up either. A list has its neighbours among the first positions, the *near* ones, in front; their sums stay in the nearest cache and are scanned whatever
 * the bounds say. The others follow by falling similarity. Once the near ones are scanned, the N-th best score says what s an item beyond them would need. It can have no more than Σ_j h_j S_j with
 * each list's largest, and mostly that is too little. Where it is not, the largest of each list are added up until what is left is too little, and the few items that remain are looked at one by one.
 * Only where others might be answers without any s, or where those few are many, all lists are added up, and the scan goes on until no later item can do it (`tileBonus`: the largest b from each
 * tile on).
 *
 * Bounds are never below what they bound: lengths come rounded up, δ ‖x‖ ‖y‖ with δ = 2⁻¹⁷ covers all rounding of the products (64 sums in float32 err by less than a tenth of it), and what is added
 * afterwards is added in the same order to the score and to its bound, which rounding keeps in order. Sums of n numbers in two orders differ by less than n 2⁻²² of them.
 */
import { offer, sortHeap } from './rank-heap';
import { delta, headBytes, headProduct, headProducts, Index, lengthOf, product, tile } from './rank-index';
import { sumLanes } from './vector';

/** Two orders of n additions differ by less than n times this share. */
const orderShare: f32 = 1.0 / 4194304.0;
/** Items looked at one by one at most: each costs a look through all lists. */
const mostSingles: usize = 8;
/** Reached most: at least this share of the most reached, and at most so many and three. */
const mostReachedShare: f32 = 0.4;
const mostSeen: usize = 128;
/**
 * Bits of −0, the sum of a position that was not reached: added to anything it changes nothing, and no sum comes back to it, because a − a is +0. (Products are never −0: similarities are kept away
 * from 0 and weights above it.)
 */
const notReached: u32 = 0x80000000;

// @ts-expect-error: decorator
@inline
function listOf(at: Index, history: usize, e: usize): usize {
  return at.neighbours + <usize>load<u32>(history + e * 4) * 8;
}

/** Loads what the lists of a history are about to be read from, all at once: one by one each would wait for memory. */
function fetchLists(at: Index, history: usize, n: usize): usize {
  let any: usize = 0;
  for (let e: usize = 0; e < n; e++) {
    const list = listOf(at, history, e);
    const end = <usize>load<u32>(list, 4);
    for (let k = <usize>load<u32>(list); k < end; k += 64) any += <usize>load<u32>(k);
    any += <usize>load<u32>(end);
  }
  return any;
}

/** s += h S over the near entries of a history's lists. */
function reachNear(at: Index, history: usize, weights: usize, n: usize): void {
  const sums = at.sums;
  for (let e: usize = 0; e < n; e++) {
    const h = load<f32>(weights + e * 4);
    const list = listOf(at, history, e);
    const end = <usize>load<u32>(list, 4);
    for (let k = <usize>load<u32>(list); k < end; k += 8) {
      const place = sums + <usize>load<u32>(k);
      store<f32>(place, load<f32>(place) + h * load<f32>(k, 4));
    }
  }
}

/**
 * The same over the others where h S is `least` or more; returns how many positions were reached, their offsets listed in `touched`. `sparse`: those that the mask leaves out, nearly all, are passed over:
 * their marks lie closer together than their sums, and nothing has to be taken back.
 */
function reachFar(at: Index, history: usize, weights: usize, n: usize, least: f32, sparse: bool): usize {
  const sums = at.sums;
  const marks = at.marks;
  const touched = at.touched;
  let count: usize = 0;
  for (let e: usize = 0; e < n; e++) {
    const h = load<f32>(weights + e * 4);
    const list = listOf(at, history, e);
    const end = <usize>load<u32>(list, 8);
    for (let k = <usize>load<u32>(list, 4); k < end; k += 8) {
      const more = h * load<f32>(k, 4);
      if (more < least) break;
      const offset = <usize>load<u32>(k);
      if (sparse && load<u8>(marks + (offset >> 2))) continue;
      const place = sums + offset;
      store<u32>(touched + count * 4, <u32>offset);
      count += <usize>(load<u32>(place) === notReached);
      store<f32>(place, load<f32>(place) + more);
    }
  }
  return count;
}

/** No position beyond the near ones has a larger s: every addition of it is one of these or less, in the same order. */
function mostFar(at: Index, history: usize, weights: usize, n: usize): f32 {
  let sum: f32 = 0;
  for (let e: usize = 0; e < n; e++) {
    const list = listOf(at, history, e);
    const first = <usize>load<u32>(list, 4);
    if (first === <usize>load<u32>(list, 8)) continue;
    const more = load<f32>(weights + e * 4) * load<f32>(first, 4);
    if (more > 0) sum += more;
  }
  return sum;
}

/** s of one position, by looking for it in all lists. */
function sumOf(at: Index, history: usize, weights: usize, n: usize, place: usize): f32 {
  const offset = <u32>(place * 4);
  const near = place < at.near;
  let sum: f32 = 0;
  for (let e: usize = 0; e < n; e++) {
    const list = listOf(at, history, e);
    const end = near ? <usize>load<u32>(list, 4) : <usize>load<u32>(list, 8);
    for (let k = near ? <usize>load<u32>(list) : <usize>load<u32>(list, 4); k < end; k += 8) {
      if (load<u32>(k) !== offset) continue;
      sum += load<f32>(weights + e * 4) * load<f32>(k, 4);
      break;
    }
  }
  return sum;
}

/** What all bounds of a call are made from. */
// @ts-expect-error: decorator
@unmanaged
class Query {
  x: usize;
  limit: usize;
  /** How many answers there are so far. */
  count: usize;
  /** ‖x‖ and what rounding may add to it; ‖x beyond its head‖; δ ‖x‖. */
  length: f32;
  rest: f32;
  spare: f32;
}

/** The N-th best score, once there are N. */
// @ts-expect-error: decorator
@inline
function floorOf(at: Index, query: Query): f32 {
  return query.count === query.limit ? load<f32>(at.scores) : -f32.MAX_VALUE;
}

/** Positions from `from`, whose s are known, until `to` or until none of those can be an answer by an s of at most `most`. */
function scan(at: Index, query: Query, from: usize, to: usize, most: f32): void {
  const x = query.x;
  const limit = query.limit;
  const bytes = at.bytes;
  const heads = at.heads;
  const norms = at.norms;
  const rests = at.rests;
  const bonus = at.bonus;
  const sums = at.sums;
  const marks = at.marks;
  const vectors = at.vectors;
  const length = f32x4.splat(query.length);
  const rest = f32x4.splat(query.rest);
  const spare = f32x4.splat(query.spare);
  let count = query.count;
  let floor = floorOf(at, query);
  let floors = f32x4.splat(floor);
  let end = from;
  for (; end < to; end += tile) {
    if (query.length * load<f32>(norms + end * 4) + (load<f32>(at.tileBonus + (end / tile) * 4) + most) < floor) break;
    for (let four = end; four < end + tile; four += 4) {
      // Where a mask leaves few, most fours have nobody in them.
      if (load<u32>(marks + four) === 0x01010101) continue;
      const extras = f32x4.add(v128.load(bonus + four * 4), v128.load(sums + four * 4));
      const lengths = v128.load(norms + four * 4);
      let mask = i32x4.bitmask(f32x4.ge(f32x4.add(f32x4.mul(length, lengths), extras), floors));
      if (!mask) continue;
      const bounds = f32x4.add(headProducts(heads + four * headBytes, x), f32x4.add(f32x4.mul(rest, v128.load(rests + four * 4)), f32x4.mul(spare, lengths)));
      mask &= i32x4.bitmask(f32x4.ge(f32x4.add(bounds, extras), floors));
      while (mask) {
        const place = four + <usize>ctz(mask);
        mask &= mask - 1;
        if (load<u8>(marks + place)) continue;
        const score = product(vectors + place * bytes, x, bytes) + (load<f32>(bonus + place * 4) + load<f32>(sums + place * 4));
        if (score < floor) continue;
        count = offer(at, limit, count, score, place);
        if (count === limit) {
          floor = load<f32>(at.scores);
          floors = f32x4.splat(floor);
        }
      }
    }
  }
  query.count = count;
  at.scanned = end;
}

/** The largest of some numbers, their count a multiple of 32, and 0. */
function largest(numbers: usize, count: usize): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0);
  for (let k: usize = 0; k < count * 4; k += 32) {
    a = f32x4.pmax(a, v128.load(numbers + k));
    b = f32x4.pmax(b, v128.load(numbers + k, 16));
  }
  const four = f32x4.pmax(a, b);
  return max(max(f32x4.extract_lane(four, 0), f32x4.extract_lane(four, 1)), max(f32x4.extract_lane(four, 2), f32x4.extract_lane(four, 3)));
}

/**
 * The near positions that a history reaches most are looked at first: their scores raise the N-th best before the others are held against it, which matters where a mask leaves few. They are marked, so that
 * the scan passes them over, and listed in `touched`; returns how many there are.
 */
function considerMostReached(at: Index, query: Query, most: f32): usize {
  const leasts = f32x4.splat(most * mostReachedShare);
  const sums = at.sums;
  const marks = at.marks;
  const touched = at.touched;
  let seen: usize = 0;
  for (let four: usize = 0; four < at.near && seen < mostSeen; four += 4) {
    let mask = i32x4.bitmask(f32x4.ge(v128.load(sums + four * 4), leasts));
    while (mask) {
      const place = four + <usize>ctz(mask);
      mask &= mask - 1;
      if (load<u8>(marks + place)) continue;
      store<u8>(marks + place, 1);
      store<u32>(touched + seen++ * 4, <u32>place);
      const score = product(at.vectors + place * at.bytes, query.x, at.bytes) + (load<f32>(at.bonus + place * 4) + load<f32>(sums + place * 4));
      if (score >= floorOf(at, query)) query.count = offer(at, query.limit, query.count, score, place);
    }
  }
  return seen;
}

/** Whether a position might be an answer if its b + s is no more than `extra`. */
function mightDo(at: Index, query: Query, place: usize, extra: f32): bool {
  const floor = floorOf(at, query);
  const norm = load<f32>(at.norms + place * 4);
  if (query.length * norm + extra < floor || load<u8>(at.marks + place)) return false;
  return sumLanes(headProduct(at.heads + place * headBytes, query.x)) + (query.rest * load<f32>(at.rests + place * 4) + query.spare * norm) + extra >= floor;
}

/** One position of known b + s. */
function consider(at: Index, query: Query, place: usize, extra: f32): void {
  if (!mightDo(at, query, place, extra)) return;
  const score = product(at.vectors + place * at.bytes, query.x, at.bytes) + extra;
  if (score >= floorOf(at, query)) query.count = offer(at, query.limit, query.count, score, place);
}

/** Whether all that are not near are done with, without adding up their lists: see above. */
function passFar(at: Index, query: Query, history: usize, weights: usize, n: usize, sparse: bool): bool {
  if (query.count < query.limit) return false;
  const floor = floorOf(at, query);
  const most = query.length * load<f32>(at.norms + at.near * 4);
  const bonus = load<f32>(at.tileBonus + (at.near / tile) * 4);
  if (most + (bonus + mostFar(at, history, weights, n)) < floor) return true;
  const needed = floor - (most + bonus);
  if (!(needed > 0)) return false;
  const least = needed / (2 * <f32>n);
  const share: f32 = 1 + <f32>n * orderShare;
  const left = least * <f32>n * share;
  if (!(most + (bonus + left) < floor)) return false;
  const reached = reachFar(at, history, weights, n, least, sparse);
  const touched = at.touched;
  let singles: usize = 0;
  for (let k: usize = 0; k < reached; k++) {
    const offset = <usize>load<u32>(touched + k * 4);
    const sum = load<f32>(at.sums + offset) * share + left;
    store<u32>(at.sums + offset, notReached);
    if (mightDo(at, query, offset >> 2, load<f32>(at.bonus + offset) + sum)) store<u32>(touched + singles++ * 4, <u32>offset);
  }
  if (singles > mostSingles) return false;
  for (let k: usize = 0; k < singles; k++) {
    const offset = <usize>load<u32>(touched + k * 4);
    consider(at, query, offset >> 2, load<f32>(at.bonus + offset) + sumOf(at, history, weights, n, offset >> 2));
  }
  return true;
}

/** By adding up all lists. */
function scanFar(at: Index, query: Query, history: usize, weights: usize, n: usize, sparse: bool): void {
  const reached = reachFar(at, history, weights, n, -f32.MAX_VALUE, sparse);
  scan(at, query, at.near, at.rows, 0);
  const touched = at.touched;
  for (let k: usize = 0; k < reached; k++) {
    const offset = <usize>load<u32>(touched + k * 4);
    const sum = load<f32>(at.sums + offset);
    store<u32>(at.sums + offset, notReached);
    if (offset >> 2 >= at.scanned) consider(at, query, offset >> 2, load<f32>(at.bonus + offset) + sum);
  }
}

/**
 * The `limit` ≥ 1 best positions for vector `x` and a history of `n` positions with weights (h times the term's scale) into scores and places, best first; returns how many there are. `query` is room
 * for one. `sparse`: the mask leaves few, which changes the way and not the answer.
 */
export function rank(index: usize, room: usize, x: usize, history: usize, weights: usize, n: usize, limit: usize, sparse: bool): usize {
  const at = changetype<Index>(index);
  const query = changetype<Query>(room);
  const length = lengthOf(x, 0, at.bytes);
  query.x = x;
  query.limit = limit;
  query.count = 0;
  query.length = length * (1 + delta);
  query.rest = lengthOf(x, headBytes, at.bytes);
  query.spare = length * delta;
  at.scanned = fetchLists(at, history, n);
  reachNear(at, history, weights, n);
  const most: f32 = n > 0 ? largest(at.sums, at.near) : 0;
  const seen = sparse && most > 0 ? considerMostReached(at, query, most) : 0;
  scan(at, query, 0, at.near, most);
  for (let k: usize = 0; k < seen; k++) store<u8>(at.marks + <usize>load<u32>(at.touched + k * 4), 0);
  if (n > 0) memory.fill(at.sums, 0, at.near * 4);
  if (at.near < at.rows && !passFar(at, query, history, weights, n, sparse)) scanFar(at, query, history, weights, n, sparse);
  sortHeap(at, query.count);
  return query.count;
}

/** x·y of one position, to the bit as it is ranked by. */
export function scoreFactors(index: usize, x: usize, place: usize): f32 {
  const at = changetype<Index>(index);
  return product(at.vectors + place * at.bytes, x, at.bytes);
}

/** s of one position, of a history as `rank` takes it. */
export function scoreNeighbours(index: usize, history: usize, weights: usize, n: usize, place: usize): f32 {
  return sumOf(changetype<Index>(index), history, weights, n, place);
}

/** What each entry of a history adds to s of `count` positions, no two of them the same: out[k · n + e], float32, all 0 before. */
export function shareNeighbours(index: usize, history: usize, weights: usize, n: usize, places: usize, count: usize, out: usize): void {
  const at = changetype<Index>(index);
  const sums = at.sums;
  // In a sum's place stands which of the positions it is, from 1 on; what stands there otherwise is no such number.
  for (let k: usize = 0; k < count; k++) store<u32>(sums + <usize>load<u32>(places + k * 4) * 4, <u32>k + 1);
  for (let e: usize = 0; e < n; e++) {
    const h = load<f32>(weights + e * 4);
    const list = listOf(at, history, e);
    const end = <usize>load<u32>(list, 8);
    for (let entry = <usize>load<u32>(list); entry < end; entry += 8) {
      const which = <usize>(load<u32>(sums + <usize>load<u32>(entry)) - 1);
      if (which < count) store<f32>(out + (which * n + e) * 4, h * load<f32>(entry, 4));
    }
  }
  for (let k: usize = 0; k < count; k++) {
    const place = <usize>load<u32>(places + k * 4);
    store<u32>(sums + place * 4, place < at.near ? 0 : notReached);
  }
}

/** All scores, by position, into `out`, marked or not: what a scan is tested against. */
export function scoreEverything(index: usize, x: usize, history: usize, weights: usize, n: usize, out: usize): void {
  const at = changetype<Index>(index);
  reachNear(at, history, weights, n);
  const reached = reachFar(at, history, weights, n, -f32.MAX_VALUE, false);
  for (let place: usize = 0; place < at.rows; place++) {
    const extra = load<f32>(at.bonus + place * 4) + load<f32>(at.sums + place * 4);
    store<f32>(out + place * 4, product(at.vectors + place * at.bytes, x, at.bytes) + extra);
  }
  memory.fill(at.sums, 0, at.near * 4);
  for (let k: usize = 0; k < reached; k++) store<u32>(at.sums + <usize>load<u32>(at.touched + k * 4), notReached);
}
