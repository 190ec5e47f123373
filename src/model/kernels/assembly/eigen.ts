/**
 * Eigenvectors of a symmetric matrix in three steps: Householder reflections to tridiagonal form, implicit QL on the two diagonals alone (its plane rotations
 * are written down, not applied), and then the reflections and rotations applied to the identity, eight rows of Q at a time. Rows do not depend on one
 * another, so the last step, three quarters of the work, is shared out among threads. (Golub, Van Loan, Matrix Computations, 8.3; EISPACK tred2 and tql2.)
 */

/**
 * A (float64, n × n in rows of `stride`, n ≤ stride) → diagonal d and off-diagonal e (e[k] between k and k + 1), n float64 each. A's row k keeps the
 * Householder vector of step k from column k + 1, `tau` its factor: H = I − τ v vᵀ. `work`: 2 × stride float64.
 */
export function tridiagonalize(a: usize, n: usize, stride: usize, d: usize, e: usize, tau: usize, work: usize): void {
  const wide = stride * 8;
  const p = work;
  for (let k: usize = 0; k + 1 < n; k++) {
    const v = a + k * wide;
    store<f64>(d + k * 8, load<f64>(v + k * 8));
    let tail: f64 = 0;
    for (let j = k + 2; j < n; j++) tail += load<f64>(v + j * 8) * load<f64>(v + j * 8);
    const first = load<f64>(v + (k + 1) * 8);
    if (!(tail > 0)) {
      store<f64>(e + k * 8, first);
      store<f64>(tau + k * 8, 0);
      continue;
    }
    const length = sqrt(first * first + tail);
    const turned = first > 0 ? -length : length;
    const head = first - turned;
    store<f64>(e + k * 8, turned);
    store<f64>(v + (k + 1) * 8, head);
    const factor = 2 / (head * head + tail);
    store<f64>(tau + k * 8, factor);

    // p = τ A v, then A −= v wᵀ + w vᵀ with w = p − (τ/2)(pᵀv) v. Columns from an even one, so that pairs are whole: what lies before has v = 0.
    const from = (k + 1) & ~1;
    if (from <= k) store<f64>(v + from * 8, 0);
    let pv: f64 = 0;
    for (let i = k + 1; i < n; i++) {
      const row = a + i * wide;
      let even = f64x2.splat(0);
      let odd = f64x2.splat(0);
      let j = from;
      for (; j + 4 <= n; j += 4) {
        even = f64x2.add(even, f64x2.mul(v128.load(row + j * 8), v128.load(v + j * 8)));
        odd = f64x2.add(odd, f64x2.mul(v128.load(row + j * 8, 16), v128.load(v + j * 8, 16)));
      }
      even = f64x2.add(even, odd);
      let sum = f64x2.extract_lane(even, 0) + f64x2.extract_lane(even, 1);
      for (; j < n; j++) sum += load<f64>(row + j * 8) * load<f64>(v + j * 8);
      sum *= factor;
      store<f64>(p + i * 8, sum);
      pv += sum * load<f64>(v + i * 8);
    }
    const half = 0.5 * factor * pv;
    for (let i = k + 1; i < n; i++) store<f64>(p + i * 8, load<f64>(p + i * 8) - half * load<f64>(v + i * 8));
    if (from <= k) store<f64>(p + from * 8, 0);
    for (let i = k + 1; i < n; i++) {
      const row = a + i * wide;
      const vi = f64x2.splat(load<f64>(v + i * 8));
      const wi = f64x2.splat(load<f64>(p + i * 8));
      let j = from;
      for (; j + 2 <= n; j += 2) {
        const change = f64x2.add(f64x2.mul(vi, v128.load(p + j * 8)), f64x2.mul(wi, v128.load(v + j * 8)));
        v128.store(row + j * 8, f64x2.sub(v128.load(row + j * 8), change));
      }
      for (; j < n; j++) {
        const change = load<f64>(v + i * 8) * load<f64>(p + j * 8) + load<f64>(p + i * 8) * load<f64>(v + j * 8);
        store<f64>(row + j * 8, load<f64>(row + j * 8) - change);
      }
    }
  }
  store<f64>(d + (n - 1) * 8, load<f64>(a + (n - 1) * wide + (n - 1) * 8));
  store<f64>(e + (n - 1) * 8, 0);
  store<f64>(tau + (n - 1) * 8, 0);
}

/**
 * Eigenvalues of the tridiagonal matrix, into d, unsorted; e is used up. Chases of rotations are written to `chases` as pairs of int32 (first plane, number
 * of planes going down) and their (cos, sin) to `rotations`, float64 pairs. Returns the number of chases, or −1 where it does not converge or
 * `maxRotations` do not hold them.
 */
export function diagonalize(d: usize, e: usize, n: usize, chases: usize, maxChases: usize, rotations: usize, maxRotations: usize): i32 {
  let norm: f64 = 0;
  for (let i: usize = 0; i < n; i++) norm = max(norm, abs(load<f64>(d + i * 8)) + abs(load<f64>(e + i * 8)));
  const negligible = f64.EPSILON * norm * 0.5;
  let chase: usize = 0;
  let rotation: usize = 0;
  for (let l: usize = 0; l < n; l++) {
    for (let iteration = 0; ; iteration++) {
      let m = l;
      while (m + 1 < n && abs(load<f64>(e + m * 8)) > negligible) m++;
      if (m === l) break;
      if (iteration === 60 || chase === maxChases || rotation + (m - l) > maxRotations) return -1;
      let g = (load<f64>(d + (l + 1) * 8) - load<f64>(d + l * 8)) / (2 * load<f64>(e + l * 8));
      let r = sqrt(g * g + 1);
      g = load<f64>(d + m * 8) - load<f64>(d + l * 8) + load<f64>(e + l * 8) / (g < 0 ? g - r : g + r);
      let s: f64 = 1;
      let c: f64 = 1;
      let p: f64 = 0;
      let done: usize = 0;
      let split = false;
      for (let i = m; i > l; i--) {
        const at = i - 1;
        const f = s * load<f64>(e + at * 8);
        const b = c * load<f64>(e + at * 8);
        r = sqrt(f * f + g * g);
        store<f64>(e + i * 8, r);
        if (r === 0) {
          store<f64>(d + i * 8, load<f64>(d + i * 8) - p);
          store<f64>(e + m * 8, 0);
          split = true;
          break;
        }
        s = f / r;
        c = g / r;
        g = load<f64>(d + i * 8) - p;
        r = (load<f64>(d + at * 8) - g) * s + 2 * c * b;
        p = s * r;
        store<f64>(d + i * 8, g + p);
        g = c * r - b;
        store<f64>(rotations + rotation * 16, c);
        store<f64>(rotations + rotation * 16, s, 8);
        rotation++;
        done++;
      }
      store<i32>(chases + chase * 8, <i32>(m - 1));
      store<i32>(chases + chase * 8, <i32>done, 4);
      chase++;
      if (split) continue;
      store<f64>(d + l * 8, load<f64>(d + l * 8) - p);
      store<f64>(e + l * 8, g);
      store<f64>(e + m * 8, 0);
    }
  }
  return <i32>chase;
}

/**
 * Rows `row` … `row` + 7 of Q into `vectors` (float64, rows of `stride`), their columns in the order of `rank` (int32: column c of the tridiagonal's goes to
 * rank[c]). `slice`: n × 8 float64 of scratch.
 */
export function eigenvectorRows(
  a: usize, tau: usize, n: usize, stride: usize, chases: usize, chaseCount: usize, rotations: usize, rank: usize, row: usize, slice: usize, vectors: usize,
): void {
  // eight rows of the identity, columns one after another
  memory.fill(slice, 0, n * 64);
  for (let r: usize = 0; r < 8 && row + r < n; r++) store<f64>(slice + (row + r) * 64 + r * 8, 1);

  for (let k: usize = 0; k + 1 < n; k++) {
    const factor = load<f64>(tau + k * 8);
    if (factor === 0) continue;
    const v = a + k * stride * 8;
    let s0 = f64x2.splat(0), s1 = f64x2.splat(0), s2 = f64x2.splat(0), s3 = f64x2.splat(0);
    for (let j = k + 1; j < n; j++) {
      const vj = v128.load_splat<f64>(v + j * 8);
      const x = slice + j * 64;
      s0 = f64x2.add(s0, f64x2.mul(vj, v128.load(x)));
      s1 = f64x2.add(s1, f64x2.mul(vj, v128.load(x, 16)));
      s2 = f64x2.add(s2, f64x2.mul(vj, v128.load(x, 32)));
      s3 = f64x2.add(s3, f64x2.mul(vj, v128.load(x, 48)));
    }
    const t = f64x2.splat(factor);
    s0 = f64x2.mul(s0, t);
    s1 = f64x2.mul(s1, t);
    s2 = f64x2.mul(s2, t);
    s3 = f64x2.mul(s3, t);
    for (let j = k + 1; j < n; j++) {
      const vj = v128.load_splat<f64>(v + j * 8);
      const x = slice + j * 64;
      v128.store(x, f64x2.sub(v128.load(x), f64x2.mul(vj, s0)));
      v128.store(x, f64x2.sub(v128.load(x, 16), f64x2.mul(vj, s1)), 16);
      v128.store(x, f64x2.sub(v128.load(x, 32), f64x2.mul(vj, s2)), 32);
      v128.store(x, f64x2.sub(v128.load(x, 48), f64x2.mul(vj, s3)), 48);
    }
  }

  // a chase turns planes (i, i + 1) for falling i: column i stays in registers from one plane to the next
  let turn = rotations;
  for (let chase: usize = 0; chase < chaseCount; chase++) {
    const first = <usize>load<i32>(chases + chase * 8);
    const count = <usize>load<i32>(chases + chase * 8, 4);
    let x = slice + (first + 1) * 64;
    let h0 = v128.load(x), h1 = v128.load(x, 16), h2 = v128.load(x, 32), h3 = v128.load(x, 48);
    for (let done: usize = 0; done < count; done++, turn += 16, x -= 64) {
      const c = v128.load_splat<f64>(turn);
      const s = v128.load_splat<f64>(turn, 8);
      const low = x - 64;
      const l0 = v128.load(low), l1 = v128.load(low, 16), l2 = v128.load(low, 32), l3 = v128.load(low, 48);
      v128.store(x, f64x2.add(f64x2.mul(s, l0), f64x2.mul(c, h0)));
      v128.store(x, f64x2.add(f64x2.mul(s, l1), f64x2.mul(c, h1)), 16);
      v128.store(x, f64x2.add(f64x2.mul(s, l2), f64x2.mul(c, h2)), 32);
      v128.store(x, f64x2.add(f64x2.mul(s, l3), f64x2.mul(c, h3)), 48);
      h0 = f64x2.sub(f64x2.mul(c, l0), f64x2.mul(s, h0));
      h1 = f64x2.sub(f64x2.mul(c, l1), f64x2.mul(s, h1));
      h2 = f64x2.sub(f64x2.mul(c, l2), f64x2.mul(s, h2));
      h3 = f64x2.sub(f64x2.mul(c, l3), f64x2.mul(s, h3));
    }
    v128.store(x, h0);
    v128.store(x, h1, 16);
    v128.store(x, h2, 32);
    v128.store(x, h3, 48);
  }

  for (let r: usize = 0; r < 8; r++) {
    const out = vectors + (row + r) * stride * 8;
    memory.fill(out, 0, stride * 8);
    if (row + r < n) for (let c: usize = 0; c < n; c++) store<f64>(out + <usize>load<i32>(rank + c * 4) * 8, load<f64>(slice + c * 64 + r * 8));
  }
}
