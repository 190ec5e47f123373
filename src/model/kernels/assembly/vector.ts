/** Small pieces the kernels share. Pointers are byte offsets into the one memory; lengths in floats are multiples of 8, so nothing has a remainder. */

/** [Σa, Σb, Σc, Σd]: four vectors become one of their sums. */
// @ts-expect-error: decorator
@inline
export function sumFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7)); // a02 b02 a13 b13
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

// @ts-expect-error: decorator
@inline
export function sumLanes(a: v128): f32 {
  return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 2) + (f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 3));
}

/** Σ a b */
export function dot(a: usize, b: usize, bytes: usize): f32 {
  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 32) {
    even = f32x4.add(even, f32x4.mul(v128.load(a + k), v128.load(b + k)));
    odd = f32x4.add(odd, f32x4.mul(v128.load(a + k, 16), v128.load(b + k, 16)));
  }
  return sumLanes(f32x4.add(even, odd));
}

/** y += scale · x */
export function addScaled(y: usize, scale: f32, x: usize, bytes: usize): void {
  const s = f32x4.splat(scale);
  for (let k: usize = 0; k < bytes; k += 32) {
    v128.store(y + k, f32x4.add(v128.load(y + k), f32x4.mul(s, v128.load(x + k))));
    v128.store(y + k, f32x4.add(v128.load(y + k, 16), f32x4.mul(s, v128.load(x + k, 16))), 16);
  }
}

/** The dot products of x with four rows, as lanes. */
// @ts-expect-error: decorator
@inline
export function dotFour(a: usize, b: usize, c: usize, d: usize, x: usize, bytes: usize): v128 {
  let sa = f32x4.splat(0);
  let sb = f32x4.splat(0);
  let sc = f32x4.splat(0);
  let sd = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 32) {
    let xk = v128.load(x + k);
    sa = f32x4.add(sa, f32x4.mul(xk, v128.load(a + k)));
    sb = f32x4.add(sb, f32x4.mul(xk, v128.load(b + k)));
    sc = f32x4.add(sc, f32x4.mul(xk, v128.load(c + k)));
    sd = f32x4.add(sd, f32x4.mul(xk, v128.load(d + k)));
    xk = v128.load(x + k, 16);
    sa = f32x4.add(sa, f32x4.mul(xk, v128.load(a + k, 16)));
    sb = f32x4.add(sb, f32x4.mul(xk, v128.load(b + k, 16)));
    sc = f32x4.add(sc, f32x4.mul(xk, v128.load(c + k, 16)));
    sd = f32x4.add(sd, f32x4.mul(xk, v128.load(d + k, 16)));
  }
  return sumFour(sa, sb, sc, sd);
}
