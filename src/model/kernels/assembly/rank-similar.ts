/** The N best by cosine, and what boosts need. */
import { offer, sortHeap } from './rank-heap';
import { delta, headBytes, headProducts, Index, lengthOf, product, tile } from './rank-index';

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
  const restLengths = f32x4.splat(lengthOf(x, headBytes, bytes));
  const spares = f32x4.splat(lengthOf(x, 0, bytes) * delta);
  const none = f32x4.splat(0);
  let count: usize = 0;
  let floors = f32x4.splat(-f32.MAX_VALUE);
  for (let four: usize = 0; four < rows; four += 4) {
    const lengths = v128.load(norms + four * 4);
    const extra = extras ? v128.load(extras + four * 4) : none;
    const most = f32x4.add(headProducts(heads + four * headBytes, x), f32x4.add(f32x4.mul(restLengths, v128.load(rests + four * 4)), f32x4.mul(spares, lengths)));
    const bounds = f32x4.add(f32x4.div(most, lengths), extra);
    let mask = i32x4.bitmask(v128.and(f32x4.ge(bounds, floors), f32x4.gt(lengths, none)));
    while (mask) {
      const place = four + <usize>ctz(mask);
      mask &= mask - 1;
      if (load<u8>(marks + place)) continue;
      const cosine = product(vectors + place * bytes, x, bytes) / load<f32>(norms + place * 4);
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

/** The largest bonus from each tile on. `pmax` is one instruction where `max`, which minds NaN, is many. */
export function coverTiles(bonus: usize, out: usize, rows: usize): void {
  let most = f32x4.splat(-f32.MAX_VALUE);
  for (let place = rows; place > 0; ) {
    place -= tile;
    for (let four = place; four < place + tile; four += 4) most = f32x4.pmax(most, v128.load(bonus + four * 4));
    store<f32>(out + (place / tile) * 4, max(max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3))));
  }
}
