/** The index that ranking kernels read, and what they multiply by: products and lengths of its vectors. */
import { sumFour, sumLanes } from './vector';

/** Where the parts of an index lie: byte offsets and numbers, 32 bits each, written by ranker.ts. */
// @ts-expect-error: decorator
@unmanaged
export class Index {
  rows: usize;
  /** Bytes of a vector, a multiple of 64. */
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
  /**
   * Of each position two pointers: to its list, and to what in it is not near. A list ends where the next begins. An entry is the byte offset of a position in `sums`, and the similarity.
   */
  neighbours: usize;
  /** s: 0 for near positions and −0 for others between calls. */
  sums: usize;
  touched: usize;
  /** 1: leave out. */
  marks: usize;
  /** Position → item index, by which ties are broken. */
  itemAt: usize;
  /** The answer: scores and positions. */
  scores: usize;
  places: usize;
  /** How many positions are near, a multiple of 32. */
  near: usize;
  /** The position that the last scan ended at. */
  scanned: usize;
}

export const headBytes: usize = 64;
export const tile: usize = 32;
export const delta: f32 = 1.0 / 131072.0;

/** x·y, in the order of additions that every score is made by. */
export function product(a: usize, b: usize, bytes: usize): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 64) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a + k), v128.load(b + k)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a + k, 16), v128.load(b + k, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a + k, 32), v128.load(b + k, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a + k, 48), v128.load(b + k, 48)));
  }
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

// @ts-expect-error: decorator
@inline
export function headProduct(head: usize, x: usize): v128 {
  return f32x4.add(
    f32x4.add(f32x4.mul(v128.load(head), v128.load(x)), f32x4.mul(v128.load(head, 16), v128.load(x, 16))),
    f32x4.add(f32x4.mul(v128.load(head, 32), v128.load(x, 32)), f32x4.mul(v128.load(head, 48), v128.load(x, 48))),
  );
}

/** The products of four heads that follow one another. */
// @ts-expect-error: decorator
@inline
export function headProducts(head: usize, x: usize): v128 {
  return sumFour(headProduct(head, x), headProduct(head + headBytes, x), headProduct(head + 2 * headBytes, x), headProduct(head + 3 * headBytes, x));
}

/** Rounded up: 64 squares in float32 err by less than 2⁻²⁰ of their sum. */
export function lengthOf(x: usize, from: usize, to: usize): f32 {
  let sum = f32x4.splat(0);
  for (let k = from; k < to; k += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(x + k), v128.load(x + k)));
  return sqrt(sumLanes(sum)) * (1 + <f32>1e-6) + <f32>1e-18;
}
