/**
 * The rows' least-squares problems (see ials.ts): (D + Σ w y yᵀ) x = Σ w t y, D = dense + ridge a diagonal, because the fixed side lies in its Gram's
 * eigenbasis. A row starts at 0, or where it stands (in that basis), and goes ω of the way from there to its solution.
 *
 * Short rows, in the dual: with Z = W^½ Y D^−½ (n × f), A⁻¹ = D^−½ (I − Zᵀ (I + Z Zᵀ)⁻¹ Z) D^−½ (Woodbury), and for the right-hand side itself
 * x = D^−½ Zᵀ (I + Z Zᵀ)⁻¹ W^½ t: an n × n Cholesky in place of iterations, and exact. Long rows: conjugate gradients, preconditioned by the diagonal.
 *
 * All in float32. Where a row must be exact, its residual is computed in float64 and solved for (Wilkinson's iterative refinement), in up to `exactPasses`: float32's errors
 * are in proportion to what a pass moves, so one that moves the row by less than a tenth of its length is the last.
 */
import { addScaled, dot, dotFour, sumFour } from './vector';

/**
 * Bytes of scratch for rows solved in the dual up to `shortRow` (a multiple of 4) entries: 6 float32 vectors and a float64 one, Z, its product, two short vectors.
 */
export function solveScratchBytes(stride: usize, shortRow: usize): usize {
  return stride * (6 * 4 + 8) + shortRow * stride * 4 + shortRow * shortRow * 4 + shortRow * 8;
}

/**
 * Rows `from` … `to` − 1 of `solved`, from where they stand if `warm`. `dense` and `ridge` are float64, the latter by row. Rows of at most `shortRow` entries (0 … 64, a multiple of 4) are
 * solved in the dual, others in at most `maxSteps` steps or until the residual in the preconditioner's norm has fallen to `tolerance` times its first value.
 * Returns the first row without a finite solution, or −1.
 *
 * With a column `frozen` (−1 = none) every row keeps the number it has there, as if that column's share had been taken from the targets: its preconditioner
 * is 0, so no step moves it.
 */
export function solveRows(
  solved: usize, fixed: usize, stride: usize, rowStart: usize, index: usize, weight: usize, target: usize, from: usize, to: usize,
  dense: usize, ridge: usize, warm: bool, maxSteps: i32, tolerance: f32, relaxation: f32, exactPasses: i32, shortRow: usize, scratch: usize, frozen: i32,
): i32 {
  const bytes = stride * 4;
  const omega = f32x4.splat(relaxation);
  const diagonal = scratch; // D
  const inverse = diagonal + bytes; // D^−½ in the dual, 1 / diag A else
  const r = inverse + bytes;
  const p = r + bytes;
  const q = p + bytes;
  const step = q + bytes;
  const wideR = step + bytes;
  const z = wideR + 2 * bytes;
  const product = z + shortRow * bytes;
  const short = product + shortRow * shortRow * 4;

  let failed: i32 = -1;
  for (let row = from; row < to; row++) {
    const x = solved + row * bytes;
    const start = <usize>load<i32>(rowStart + row * 4);
    const n = <usize>load<i32>(rowStart + row * 4, 4) - start;
    const kept: f32 = frozen < 0 ? 0 : load<f32>(x + <usize>frozen * 4);
    if (!warm || n === 0) memory.fill(x, 0, bytes);
    if (frozen >= 0) store<f32>(x + <usize>frozen * 4, kept);
    if (n === 0) continue; // right-hand side 0
    const at = start * 4;
    const columns = index + at;
    const weights = weight + at;
    const targets = target + at;
    const lambda = load<f64>(ridge + row * 8);
    const ridges = f64x2.splat(lambda);
    for (let k: usize = 0; k < bytes; k += 16) {
      const low = f32x4.demote_f64x2_zero(f64x2.add(v128.load(dense + 2 * k), ridges));
      const high = f32x4.demote_f64x2_zero(f64x2.add(v128.load(dense + 2 * k, 16), ridges));
      v128.store(diagonal + k, v128.shuffle<f32>(low, high, 0, 1, 4, 5));
    }

    const padded = (n + 3) & ~3;
    const isShort = padded <= shortRow;
    if (isShort) {
      for (let k: usize = 0; k < bytes; k += 16) v128.store(inverse + k, f32x4.div(f32x4.splat(1), f32x4.sqrt(v128.load(diagonal + k))));
      if (frozen >= 0) store<f32>(inverse + <usize>frozen * 4, 0);
      gatherScaled(z, fixed, bytes, columns, weights, n, padded, inverse);
      multiplyBySelf(product, z, bytes, padded);
      factorize(product, padded);
    } else {
      memory.copy(inverse, diagonal, bytes);
    }
    if (exactPasses > 0) {
      for (let pass = 0; pass < exactPasses; pass++) {
        residual(r, wideR, x, dense, lambda, fixed, stride, columns, weights, targets, n, isShort || pass > 0 ? 0 : inverse);
        if (isShort) {
          for (let k: usize = 0; k < bytes; k += 16) v128.store(r + k, f32x4.mul(v128.load(r + k), v128.load(inverse + k)));
          for (let e: usize = 0; e < padded; e++) store<f32>(short + e * 4, dot(z + e * bytes, r, bytes));
          substitute(product, padded, short);
          for (let e: usize = 0; e < n; e++) addScaled(r, -load<f32>(short + e * 4), z + e * bytes, bytes);
          for (let k: usize = 0; k < bytes; k += 16) v128.store(step + k, f32x4.mul(v128.load(r + k), v128.load(inverse + k)));
        } else {
          if (pass === 0) invert(inverse, bytes, frozen);
          memory.fill(step, 0, bytes);
          conjugateGradients(step, r, p, q, diagonal, inverse, fixed, bytes, columns, weights, n, maxSteps, tolerance, lengthOf(x, inverse, bytes));
        }
        for (let k: usize = 0; k < bytes; k += 16) v128.store(x + k, f32x4.add(v128.load(x + k), v128.load(step + k)));
        if (dot(step, step, bytes) <= 0.01 * dot(x, x, bytes)) break;
      }
    } else if (isShort) {
      for (let e: usize = 0; e < padded; e++) store<f32>(short + e * 4, e < n ? sqrt(load<f32>(weights + e * 4)) * load<f32>(targets + e * 4) : 0);
      if (frozen >= 0) takeFrozen(short, kept, fixed + <usize>frozen * 4, bytes, columns, weights, n);
      substitute(product, padded, short);
      memory.fill(step, 0, bytes);
      for (let e: usize = 0; e < n; e++) addScaled(step, load<f32>(short + e * 4), z + e * bytes, bytes);
      for (let k: usize = 0; k < bytes; k += 16) {
        const change = f32x4.sub(f32x4.mul(v128.load(step + k), v128.load(inverse + k)), v128.load(x + k));
        v128.store(x + k, f32x4.add(v128.load(x + k), f32x4.mul(omega, change)));
      }
      if (frozen >= 0) store<f32>(x + <usize>frozen * 4, kept);
    } else {
      for (let k: usize = 0; k < bytes; k += 16) v128.store(r + k, f32x4.neg(f32x4.mul(v128.load(diagonal + k), v128.load(x + k))));
      addResidual(r, inverse, warm || frozen >= 0 ? x : 0, fixed, bytes, columns, weights, targets, n);
      invert(inverse, bytes, frozen);
      memory.fill(step, 0, bytes);
      conjugateGradients(step, r, p, q, diagonal, inverse, fixed, bytes, columns, weights, n, maxSteps, tolerance, 0);
      for (let k: usize = 0; k < bytes; k += 16) v128.store(x + k, f32x4.add(v128.load(x + k), f32x4.mul(omega, v128.load(step + k))));
    }
    if (failed < 0 && !(dot(x, x, bytes) < f32.MAX_VALUE)) failed = <i32>row;
  }
  return failed;
}

/** Rows `from` … `to` − 1 of `out` grow by Σ w t y. Returns the first that is not finite then, or −1. */
export function project(
  out: usize, fixed: usize, stride: usize, rowStart: usize, index: usize, weight: usize, target: usize, from: usize, to: usize,
): i32 {
  let failed: i32 = -1;
  const bytes = stride * 4;
  for (let row = from; row < to; row++) {
    const x = out + row * bytes;
    let e = <usize>load<i32>(rowStart + row * 4);
    const end = <usize>load<i32>(rowStart + row * 4, 4);
    for (; e + 2 <= end; e += 2) {
      const a = fixed + <usize>load<i32>(index + e * 4) * bytes;
      const b = fixed + <usize>load<i32>(index + e * 4, 4) * bytes;
      const sa = f32x4.splat(load<f32>(weight + e * 4) * load<f32>(target + e * 4));
      const sb = f32x4.splat(load<f32>(weight + e * 4, 4) * load<f32>(target + e * 4, 4));
      for (let k: usize = 0; k < bytes; k += 16) {
        v128.store(x + k, f32x4.add(v128.load(x + k), f32x4.add(f32x4.mul(sa, v128.load(a + k)), f32x4.mul(sb, v128.load(b + k)))));
      }
    }
    if (e < end) addScaled(x, load<f32>(weight + e * 4) * load<f32>(target + e * 4), fixed + <usize>load<i32>(index + e * 4) * bytes, bytes);
    if (failed < 0 && !(dot(x, x, bytes) < f32.MAX_VALUE)) failed = <i32>row;
  }
  return failed;
}

/** The preconditioner: 1 over each number, 0 in column `frozen`. */
function invert(diagonal: usize, bytes: usize, frozen: i32): void {
  for (let k: usize = 0; k < bytes; k += 16) v128.store(diagonal + k, f32x4.div(f32x4.splat(1), v128.load(diagonal + k)));
  if (frozen >= 0) store<f32>(diagonal + <usize>frozen * 4, 0);
}

/** Σ x² / m, without columns where m is 0: what xᵀ diag(A) x is where m = 1 / diag(A). */
function lengthOf(x: usize, m: usize, bytes: usize): f32 {
  let sum = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) {
    const xk = v128.load(x + k);
    const mk = v128.load(m + k);
    sum = f32x4.add(sum, v128.and(f32x4.div(f32x4.mul(xk, xk), mk), f32x4.gt(mk, f32x4.splat(0))));
  }
  return f32x4.extract_lane(sumFour(sum, sum, sum, sum), 0);
}

/** short_e −= √w_e · kept · y_e[frozen], `column` being where that column begins. */
function takeFrozen(short: usize, kept: f32, column: usize, bytes: usize, columns: usize, weights: usize, n: usize): void {
  for (let e: usize = 0; e < n; e++) {
    const share = sqrt(load<f32>(weights + e * 4)) * kept * load<f32>(column + <usize>load<i32>(columns + e * 4) * bytes);
    store<f32>(short + e * 4, load<f32>(short + e * 4) - share);
  }
}

/** z_e = √w_e y_e / √D, and rows of 0 up to `padded`. */
function gatherScaled(z: usize, fixed: usize, bytes: usize, columns: usize, weights: usize, n: usize, padded: usize, inverse: usize): void {
  for (let e: usize = 0; e < n; e++) {
    const y = fixed + <usize>load<i32>(columns + e * 4) * bytes;
    const root = f32x4.splat(sqrt(load<f32>(weights + e * 4)));
    const out = z + e * bytes;
    for (let k: usize = 0; k < bytes; k += 16) v128.store(out + k, f32x4.mul(root, f32x4.mul(v128.load(y + k), v128.load(inverse + k))));
  }
  memory.fill(z + n * bytes, 0, (padded - n) * bytes);
}

/** product = I + Z Zᵀ, n × n, on and above the diagonal, in tiles of 2 × 4. */
function multiplyBySelf(product: usize, z: usize, bytes: usize, n: usize): void {
  for (let i: usize = 0; i < n; i += 2) {
    const u = z + i * bytes;
    const v = u + bytes;
    for (let j: usize = i & ~3; j < n; j += 4) {
      const a = z + j * bytes;
      const b = a + bytes;
      const c = b + bytes;
      const d = c + bytes;
      let ua = f32x4.splat(0), ub = f32x4.splat(0), uc = f32x4.splat(0), ud = f32x4.splat(0);
      let va = f32x4.splat(0), vb = f32x4.splat(0), vc = f32x4.splat(0), vd = f32x4.splat(0);
      for (let k: usize = 0; k < bytes; k += 16) {
        const uk = v128.load(u + k);
        const vk = v128.load(v + k);
        let other = v128.load(a + k);
        ua = f32x4.add(ua, f32x4.mul(uk, other));
        va = f32x4.add(va, f32x4.mul(vk, other));
        other = v128.load(b + k);
        ub = f32x4.add(ub, f32x4.mul(uk, other));
        vb = f32x4.add(vb, f32x4.mul(vk, other));
        other = v128.load(c + k);
        uc = f32x4.add(uc, f32x4.mul(uk, other));
        vc = f32x4.add(vc, f32x4.mul(vk, other));
        other = v128.load(d + k);
        ud = f32x4.add(ud, f32x4.mul(uk, other));
        vd = f32x4.add(vd, f32x4.mul(vk, other));
      }
      v128.store(product + (i * n + j) * 4, sumFour(ua, ub, uc, ud));
      v128.store(product + ((i + 1) * n + j) * 4, sumFour(va, vb, vc, vd));
    }
    store<f32>(product + (i * n + i) * 4, load<f32>(product + (i * n + i) * 4) + 1);
    store<f32>(product + ((i + 1) * n + i + 1) * 4, load<f32>(product + ((i + 1) * n + i + 1) * 4) + 1);
  }
}

/** B = UᵀU in place, U on and above the diagonal, its diagonal kept as 1 / U_kk. What lies below is never read. */
function factorize(b: usize, n: usize): void {
  for (let k: usize = 0; k < n; k++) {
    const u = b + k * n * 4;
    const scale = <f32>1 / sqrt(load<f32>(u + k * 4));
    const s = f32x4.splat(scale);
    for (let j = k & ~3; j < n; j += 4) v128.store(u + j * 4, f32x4.mul(v128.load(u + j * 4), s));
    store<f32>(u + k * 4, scale);
    for (let i = k + 1; i < n; i++) {
      const row = b + i * n * 4;
      const f = v128.load_splat<f32>(u + i * 4);
      for (let j = i & ~3; j < n; j += 4) v128.store(row + j * 4, f32x4.sub(v128.load(row + j * 4), f32x4.mul(f, v128.load(u + j * 4))));
    }
  }
}

/** x ← B⁻¹ x by the factor above. */
function substitute(b: usize, n: usize, x: usize): void {
  for (let k: usize = 0; k < n; k++) {
    const u = b + k * n * 4;
    const value = load<f32>(x + k * 4) * load<f32>(u + k * 4);
    store<f32>(x + k * 4, value);
    for (let j = k + 1; j < n; j++) store<f32>(x + j * 4, load<f32>(x + j * 4) - value * load<f32>(u + j * 4));
  }
  for (let k = n; k > 0; ) {
    k--;
    const u = b + k * n * 4;
    let sum = load<f32>(x + k * 4);
    for (let j = k + 1; j < n; j++) sum -= load<f32>(u + j * 4) * load<f32>(x + j * 4);
    store<f32>(x + k * 4, sum * load<f32>(u + k * 4));
  }
}

/** r += Σ w (t − y·x) y and m += Σ w y², four observations at a time; x = 0 (no pointer) is the right-hand side itself. */
function addResidual(r: usize, m: usize, x: usize, fixed: usize, bytes: usize, columns: usize, weights: usize, targets: usize, n: usize): void {
  let e: usize = 0;
  for (; e + 4 <= n; e += 4) {
    const a = fixed + <usize>load<i32>(columns + e * 4) * bytes;
    const b = fixed + <usize>load<i32>(columns + e * 4, 4) * bytes;
    const c = fixed + <usize>load<i32>(columns + e * 4, 8) * bytes;
    const d = fixed + <usize>load<i32>(columns + e * 4, 12) * bytes;
    const w = v128.load(weights + e * 4);
    const wa = v128.shuffle<f32>(w, w, 0, 0, 0, 0);
    const wb = v128.shuffle<f32>(w, w, 1, 1, 1, 1);
    const wc = v128.shuffle<f32>(w, w, 2, 2, 2, 2);
    const wd = v128.shuffle<f32>(w, w, 3, 3, 3, 3);
    let t = v128.load(targets + e * 4);
    if (x) t = f32x4.sub(t, dotFour(a, b, c, d, x, bytes));
    const ta = v128.shuffle<f32>(t, t, 0, 0, 0, 0);
    const tb = v128.shuffle<f32>(t, t, 1, 1, 1, 1);
    const tc = v128.shuffle<f32>(t, t, 2, 2, 2, 2);
    const td = v128.shuffle<f32>(t, t, 3, 3, 3, 3);
    for (let k: usize = 0; k < bytes; k += 16) {
      const ak = v128.load(a + k);
      const bk = v128.load(b + k);
      const ck = v128.load(c + k);
      const dk = v128.load(d + k);
      const wak = f32x4.mul(wa, ak);
      const wbk = f32x4.mul(wb, bk);
      const wck = f32x4.mul(wc, ck);
      const wdk = f32x4.mul(wd, dk);
      const right = f32x4.add(f32x4.add(f32x4.mul(ta, wak), f32x4.mul(tb, wbk)), f32x4.add(f32x4.mul(tc, wck), f32x4.mul(td, wdk)));
      const square = f32x4.add(f32x4.add(f32x4.mul(ak, wak), f32x4.mul(bk, wbk)), f32x4.add(f32x4.mul(ck, wck), f32x4.mul(dk, wdk)));
      v128.store(r + k, f32x4.add(v128.load(r + k), right));
      v128.store(m + k, f32x4.add(v128.load(m + k), square));
    }
  }
  for (; e < n; e++) {
    const y = fixed + <usize>load<i32>(columns + e * 4) * bytes;
    const w = v128.load_splat<f32>(weights + e * 4);
    const t = f32x4.splat(load<f32>(targets + e * 4) - (x ? dot(y, x, bytes) : 0));
    for (let k: usize = 0; k < bytes; k += 16) {
      const yk = v128.load(y + k);
      const wyk = f32x4.mul(w, yk);
      v128.store(r + k, f32x4.add(v128.load(r + k), f32x4.mul(t, wyk)));
      v128.store(m + k, f32x4.add(v128.load(m + k), f32x4.mul(yk, wyk)));
    }
  }
}

/** q += Σ w (y·p) y: the hot loop. Four observations at a time, so that p and q are read and written once for four. */
function addProducts(q: usize, p: usize, fixed: usize, bytes: usize, columns: usize, weights: usize, n: usize): void {
  let e: usize = 0;
  for (; e + 4 <= n; e += 4) {
    const a = fixed + <usize>load<i32>(columns + e * 4) * bytes;
    const b = fixed + <usize>load<i32>(columns + e * 4, 4) * bytes;
    const c = fixed + <usize>load<i32>(columns + e * 4, 8) * bytes;
    const d = fixed + <usize>load<i32>(columns + e * 4, 12) * bytes;
    const scale = f32x4.mul(dotFour(a, b, c, d, p, bytes), v128.load(weights + e * 4));
    const sa = v128.shuffle<f32>(scale, scale, 0, 0, 0, 0);
    const sb = v128.shuffle<f32>(scale, scale, 1, 1, 1, 1);
    const sc = v128.shuffle<f32>(scale, scale, 2, 2, 2, 2);
    const sd = v128.shuffle<f32>(scale, scale, 3, 3, 3, 3);
    for (let k: usize = 0; k < bytes; k += 32) {
      let ab = f32x4.add(f32x4.mul(sa, v128.load(a + k)), f32x4.mul(sb, v128.load(b + k)));
      let cd = f32x4.add(f32x4.mul(sc, v128.load(c + k)), f32x4.mul(sd, v128.load(d + k)));
      v128.store(q + k, f32x4.add(v128.load(q + k), f32x4.add(ab, cd)));
      ab = f32x4.add(f32x4.mul(sa, v128.load(a + k, 16)), f32x4.mul(sb, v128.load(b + k, 16)));
      cd = f32x4.add(f32x4.mul(sc, v128.load(c + k, 16)), f32x4.mul(sd, v128.load(d + k, 16)));
      v128.store(q + k, f32x4.add(v128.load(q + k, 16), f32x4.add(ab, cd)), 16);
    }
  }
  for (; e < n; e++) {
    const y = fixed + <usize>load<i32>(columns + e * 4) * bytes;
    addScaled(q, load<f32>(weights + e * 4) * dot(y, p, bytes), y, bytes);
  }
}

/**
 * x += A⁻¹ r, approximately; r is used up. Ends where the residual's square in the preconditioner's norm is `tolerance`² times its first value, or times `least` where that is more.
 */
function conjugateGradients(
  x: usize, r: usize, p: usize, q: usize, diagonal: usize, inverse: usize, fixed: usize, bytes: usize, columns: usize, weights: usize, n: usize,
  maxSteps: i32, tolerance: f32, least: f32,
): void {
  let sum = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) {
    const rk = v128.load(r + k);
    const pk = f32x4.mul(v128.load(inverse + k), rk);
    v128.store(p + k, pk);
    sum = f32x4.add(sum, f32x4.mul(rk, pk));
  }
  let rz = f32x4.extract_lane(sumFour(sum, sum, sum, sum), 0);
  const enough = max(rz, least) * tolerance * tolerance;
  for (let step = 0; step < maxSteps && rz > enough; step++) {
    for (let k: usize = 0; k < bytes; k += 16) v128.store(q + k, f32x4.mul(v128.load(diagonal + k), v128.load(p + k)));
    addProducts(q, p, fixed, bytes, columns, weights, n);
    const pq = dot(p, q, bytes);
    if (!(pq > 0)) break; // only rounding, or what is not a number, can do this: A is positive definite
    const length = f32x4.splat(rz / pq);
    sum = f32x4.splat(0);
    for (let k: usize = 0; k < bytes; k += 16) {
      v128.store(x + k, f32x4.add(v128.load(x + k), f32x4.mul(length, v128.load(p + k))));
      const rk = f32x4.sub(v128.load(r + k), f32x4.mul(length, v128.load(q + k)));
      v128.store(r + k, rk);
      sum = f32x4.add(sum, f32x4.mul(f32x4.mul(rk, rk), v128.load(inverse + k)));
    }
    const next = f32x4.extract_lane(sumFour(sum, sum, sum, sum), 0);
    const turn = f32x4.splat(next / rz);
    for (let k: usize = 0; k < bytes; k += 16) {
      v128.store(p + k, f32x4.add(f32x4.mul(v128.load(inverse + k), v128.load(r + k)), f32x4.mul(turn, v128.load(p + k))));
    }
    rz = next;
  }
  // A start that is no number gives no step: say so in x.
  if (!(rz < f32.MAX_VALUE)) store<f32>(x, f32.NaN);
}

/**
 * r = b − A x from the float32 numbers as they are stored, and m += Σ w y² where there is one. Sums are float64, of pieces in float32: two products of x and y, and what four entries add to r. So
 * rounding errors are those of single products, at random, and none is in proportion to a sum. `out` is a float64 row of work.
 */
function residual(
  r: usize, out: usize, x: usize, dense: usize, lambda: f64, fixed: usize, stride: usize, columns: usize, weights: usize, targets: usize, n: usize, m: usize,
): void {
  const bytes = stride * 4;
  const ridge = f64x2.splat(lambda);
  for (let k: usize = 0; k < bytes; k += 16) {
    const xk = v128.load(x + k);
    const low = f64x2.promote_low_f32x4(xk);
    const high = f64x2.promote_low_f32x4(v128.shuffle<f32>(xk, xk, 2, 3, 2, 3));
    v128.store(out + 2 * k, f64x2.neg(f64x2.mul(f64x2.add(v128.load(dense + 2 * k), ridge), low)));
    v128.store(out + 2 * k, f64x2.neg(f64x2.mul(f64x2.add(v128.load(dense + 2 * k, 16), ridge), high)), 16);
  }
  let e: usize = 0;
  for (; e + 4 <= n; e += 4) {
    const a = fixed + <usize>load<i32>(columns + e * 4) * bytes;
    const b = fixed + <usize>load<i32>(columns + e * 4, 4) * bytes;
    const c = fixed + <usize>load<i32>(columns + e * 4, 8) * bytes;
    const d = fixed + <usize>load<i32>(columns + e * 4, 12) * bytes;
    let pa = f64x2.splat(0), pb = f64x2.splat(0), pc = f64x2.splat(0), pd = f64x2.splat(0);
    for (let k: usize = 0; k < bytes; k += 32) {
      const low = v128.load(x + k);
      const high = v128.load(x + k, 16);
      pa = f64x2.add(pa, widen(f32x4.add(f32x4.mul(v128.load(a + k), low), f32x4.mul(v128.load(a + k, 16), high))));
      pb = f64x2.add(pb, widen(f32x4.add(f32x4.mul(v128.load(b + k), low), f32x4.mul(v128.load(b + k, 16), high))));
      pc = f64x2.add(pc, widen(f32x4.add(f32x4.mul(v128.load(c + k), low), f32x4.mul(v128.load(c + k, 16), high))));
      pd = f64x2.add(pd, widen(f32x4.add(f32x4.mul(v128.load(d + k), low), f32x4.mul(v128.load(d + k, 16), high))));
    }
    const ta = f32x4.splat(missOf(targets + e * 4, pa)), tb = f32x4.splat(missOf(targets + e * 4 + 4, pb));
    const tc = f32x4.splat(missOf(targets + e * 4 + 8, pc)), td = f32x4.splat(missOf(targets + e * 4 + 12, pd));
    const wa = v128.load_splat<f32>(weights + e * 4), wb = v128.load_splat<f32>(weights + e * 4 + 4);
    const wc = v128.load_splat<f32>(weights + e * 4 + 8), wd = v128.load_splat<f32>(weights + e * 4 + 12);
    for (let k: usize = 0; k < bytes; k += 16) {
      const ak = v128.load(a + k), bk = v128.load(b + k), ck = v128.load(c + k), dk = v128.load(d + k);
      const wak = f32x4.mul(wa, ak), wbk = f32x4.mul(wb, bk), wck = f32x4.mul(wc, ck), wdk = f32x4.mul(wd, dk);
      const four = f32x4.add(f32x4.add(f32x4.mul(ta, wak), f32x4.mul(tb, wbk)), f32x4.add(f32x4.mul(tc, wck), f32x4.mul(td, wdk)));
      v128.store(out + 2 * k, f64x2.add(v128.load(out + 2 * k), f64x2.promote_low_f32x4(four)));
      v128.store(out + 2 * k, f64x2.add(v128.load(out + 2 * k, 16), f64x2.promote_low_f32x4(v128.shuffle<f32>(four, four, 2, 3, 2, 3))), 16);
      if (m) {
        const square = f32x4.add(f32x4.add(f32x4.mul(ak, wak), f32x4.mul(bk, wbk)), f32x4.add(f32x4.mul(ck, wck), f32x4.mul(dk, wdk)));
        v128.store(m + k, f32x4.add(v128.load(m + k), square));
      }
    }
  }
  for (; e < n; e++) {
    const y = fixed + <usize>load<i32>(columns + e * 4) * bytes;
    let p = f64x2.splat(0);
    for (let k: usize = 0; k < bytes; k += 32) {
      p = f64x2.add(p, widen(f32x4.add(f32x4.mul(v128.load(y + k), v128.load(x + k)), f32x4.mul(v128.load(y + k, 16), v128.load(x + k, 16)))));
    }
    const t = f32x4.splat(missOf(targets + e * 4, p));
    const w = v128.load_splat<f32>(weights + e * 4);
    for (let k: usize = 0; k < bytes; k += 16) {
      const yk = v128.load(y + k);
      const wyk = f32x4.mul(w, yk);
      const one = f32x4.mul(t, wyk);
      v128.store(out + 2 * k, f64x2.add(v128.load(out + 2 * k), f64x2.promote_low_f32x4(one)));
      v128.store(out + 2 * k, f64x2.add(v128.load(out + 2 * k, 16), f64x2.promote_low_f32x4(v128.shuffle<f32>(one, one, 2, 3, 2, 3))), 16);
      if (m) v128.store(m + k, f32x4.add(v128.load(m + k), f32x4.mul(yk, wyk)));
    }
  }
  for (let k: usize = 0; k < bytes; k += 16) {
    const low = f32x4.demote_f64x2_zero(v128.load(out + 2 * k));
    const high = f32x4.demote_f64x2_zero(v128.load(out + 2 * k, 16));
    v128.store(r + k, v128.shuffle<f32>(low, high, 0, 1, 4, 5));
  }
}

/** [a + c, b + d] in float64. */
// @ts-expect-error: decorator
@inline
function widen(four: v128): v128 {
  return f64x2.add(f64x2.promote_low_f32x4(four), f64x2.promote_low_f32x4(v128.shuffle<f32>(four, four, 2, 3, 2, 3)));
}

/** t − the sum of both lanes, rounded once. */
function missOf(target: usize, product: v128): f32 {
  return <f32>(<f64>load<f32>(target) - (f64x2.extract_lane(product, 0) + f64x2.extract_lane(product, 1)));
}
