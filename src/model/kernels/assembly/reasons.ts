/**
 * Symmetric systems in float64 for `reasons.ts`: A = M + P Pᵀ, its Cholesky factor, and A⁻¹ b for four b at a time, which lie side by side: number k of them at k · 32 bytes.
 * Matrices lie by rows; a multiple of 4 rows, rows of a multiple of 2 numbers.
 */

/** The lower triangle of `lower` (rows × rows) += that of P Pᵀ; what lies above it may be overwritten. `bytes`: of a row of P. */
export function addGram(p: usize, rows: usize, bytes: usize, lower: usize): void {
  const across = rows * 8;
  for (let i: usize = 0; i < rows; i += 4) {
    for (let j: usize = 0; j < i + 4; j += 2) gramTile(p + i * bytes, p + j * bytes, bytes, lower + i * across + j * 8, across);
  }
}

function gramTile(a: usize, b: usize, bytes: usize, out: usize, across: usize): void {
  let s00 = f64x2.splat(0), s01 = f64x2.splat(0);
  let s10 = f64x2.splat(0), s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0), s21 = f64x2.splat(0);
  let s30 = f64x2.splat(0), s31 = f64x2.splat(0);
  const a1 = a + bytes;
  const a2 = a1 + bytes;
  const a3 = a2 + bytes;
  const b1 = b + bytes;
  for (let k: usize = 0; k < bytes; k += 16) {
    const left = v128.load(b + k);
    const right = v128.load(b1 + k);
    let y = v128.load(a + k);
    s00 = f64x2.add(s00, f64x2.mul(y, left));
    s01 = f64x2.add(s01, f64x2.mul(y, right));
    y = v128.load(a1 + k);
    s10 = f64x2.add(s10, f64x2.mul(y, left));
    s11 = f64x2.add(s11, f64x2.mul(y, right));
    y = v128.load(a2 + k);
    s20 = f64x2.add(s20, f64x2.mul(y, left));
    s21 = f64x2.add(s21, f64x2.mul(y, right));
    y = v128.load(a3 + k);
    s30 = f64x2.add(s30, f64x2.mul(y, left));
    s31 = f64x2.add(s31, f64x2.mul(y, right));
  }
  addPair(out, s00, s01);
  addPair(out + across, s10, s11);
  addPair(out + 2 * across, s20, s21);
  addPair(out + 3 * across, s30, s31);
}

/** Two numbers at `out` grow by the sums of two vectors. */
// @ts-expect-error: decorator
@inline
function addPair(out: usize, left: v128, right: v128): void {
  v128.store(out, f64x2.add(v128.load(out), f64x2.add(v128.shuffle<f64>(left, right, 0, 2), v128.shuffle<f64>(left, right, 1, 3))));
}

/** A = L Lᵀ, the lower triangle in place; A is positive definite. */
export function factorise(lower: usize, n: usize): void {
  const across = n * 8;
  for (let i: usize = 0; i < n; i++) {
    const row = lower + i * across;
    for (let j: usize = 0; j <= i; j++) {
      const other = lower + j * across;
      const rest = load<f64>(row + j * 8) - dot(row, other, j);
      store<f64>(row + j * 8, i === j ? sqrt(rest) : rest / load<f64>(other + j * 8));
    }
  }
}

function dot(a: usize, b: usize, n: usize): f64 {
  let s0 = f64x2.splat(0), s1 = f64x2.splat(0), s2 = f64x2.splat(0), s3 = f64x2.splat(0);
  const whole = (n & ~7) * 8;
  let k: usize = 0;
  for (; k < whole; k += 64) {
    s0 = f64x2.add(s0, f64x2.mul(v128.load(a + k), v128.load(b + k)));
    s1 = f64x2.add(s1, f64x2.mul(v128.load(a + k, 16), v128.load(b + k, 16)));
    s2 = f64x2.add(s2, f64x2.mul(v128.load(a + k, 32), v128.load(b + k, 32)));
    s3 = f64x2.add(s3, f64x2.mul(v128.load(a + k, 48), v128.load(b + k, 48)));
  }
  s0 = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; k < n * 8; k += 8) sum += load<f64>(a + k) * load<f64>(b + k);
  return sum;
}

/** Four b ← (L Lᵀ)⁻¹ b. */
export function solveFour(lower: usize, n: usize, b: usize): void {
  const across = n * 8;
  for (let i: usize = 0; i < n; i++) {
    const row = lower + i * across;
    const at = b + i * 32;
    let even0 = v128.load(at), even1 = v128.load(at, 16);
    let odd0 = f64x2.splat(0), odd1 = f64x2.splat(0);
    let k: usize = 0;
    for (; k + 2 <= i; k += 2) {
      let s = v128.load_splat<f64>(row + k * 8);
      even0 = f64x2.sub(even0, f64x2.mul(s, v128.load(b + k * 32)));
      even1 = f64x2.sub(even1, f64x2.mul(s, v128.load(b + k * 32, 16)));
      s = v128.load_splat<f64>(row + k * 8, 8);
      odd0 = f64x2.add(odd0, f64x2.mul(s, v128.load(b + k * 32, 32)));
      odd1 = f64x2.add(odd1, f64x2.mul(s, v128.load(b + k * 32, 48)));
    }
    if (k < i) {
      const s = v128.load_splat<f64>(row + k * 8);
      odd0 = f64x2.add(odd0, f64x2.mul(s, v128.load(b + k * 32)));
      odd1 = f64x2.add(odd1, f64x2.mul(s, v128.load(b + k * 32, 16)));
    }
    const diagonal = v128.load_splat<f64>(row + i * 8);
    v128.store(at, f64x2.div(f64x2.sub(even0, odd0), diagonal));
    v128.store(at, f64x2.div(f64x2.sub(even1, odd1), diagonal), 16);
  }
  for (let i = n; i > 0; ) {
    i--;
    const row = lower + i * across;
    const at = b + i * 32;
    const diagonal = v128.load_splat<f64>(row + i * 8);
    const value0 = f64x2.div(v128.load(at), diagonal);
    const value1 = f64x2.div(v128.load(at, 16), diagonal);
    v128.store(at, value0);
    v128.store(at, value1, 16);
    for (let j: usize = 0; j < i; j++) {
      const s = v128.load_splat<f64>(row + j * 8);
      v128.store(b + j * 32, f64x2.sub(v128.load(b + j * 32), f64x2.mul(s, value0)));
      v128.store(b + j * 32, f64x2.sub(v128.load(b + j * 32, 16), f64x2.mul(s, value1)), 16);
    }
  }
}

/** Four out = P b, of `rows` numbers each. */
export function timesFour(p: usize, rows: usize, bytes: usize, b: usize, out: usize): void {
  for (let r: usize = 0; r < rows; r++) {
    const row = p + r * bytes;
    let even0 = f64x2.splat(0), even1 = f64x2.splat(0), odd0 = f64x2.splat(0), odd1 = f64x2.splat(0);
    for (let k: usize = 0, at = b; k < bytes; k += 16, at += 64) {
      let s = v128.load_splat<f64>(row + k);
      even0 = f64x2.add(even0, f64x2.mul(s, v128.load(at)));
      even1 = f64x2.add(even1, f64x2.mul(s, v128.load(at, 16)));
      s = v128.load_splat<f64>(row + k, 8);
      odd0 = f64x2.add(odd0, f64x2.mul(s, v128.load(at, 32)));
      odd1 = f64x2.add(odd1, f64x2.mul(s, v128.load(at, 48)));
    }
    v128.store(out + r * 32, f64x2.add(even0, odd0));
    v128.store(out + r * 32, f64x2.add(even1, odd1), 16);
  }
}
