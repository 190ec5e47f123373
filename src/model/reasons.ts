/**
 * Why an item is in a user's list: the exact share of each of the user's own items in its score.
 *
 * A folded-in vector is x = A⁻¹ Σ_j w_j t_j y_j with A = D + Σ_j w_j y_j y_jᵀ, D = α₀ YᵀY + λ_u I (`ials.ts`). So the factor score is a sum over the history,
 *
 *   x·y_i = Σ_j c_ij,     c_ij = w_j t_j y_jᵀ A⁻¹ y_i        (Hu, Koren, Volinsky 2008, section 5, for weights and real targets of one's own)
 *
 * and by Woodbury's identity, with the history's vectors as rows of Y_h, W = diag(w), P = W^½ Y_h D^−½ and q_i = D^−½ y_i,
 *
 *   Y_h A⁻¹ y_i = W^−½ (I + P Pᵀ)⁻¹ P q_i,   so   c_ij = √w_j t_j [(I + P Pᵀ)⁻¹ P q_i]_j
 *
 * An n × n system in place of the f × f one: what n ≤ f entries are explained by, where D is a diagonal, as it is along principal axes. Its eigenvalues are at least 1, whatever the weights. An entry
 * without weight or with target 0 has no share of its own, but one with weight and target 0 takes from the shares of those like it.
 */
import { diagonalOf, isDiagonal } from './gram.ts';
import { type Recipe, ridgeOf } from './recipe.ts';
import type { ItemVectors } from './matrix.ts';

export interface Reasoner {
  /**
   * Shares of entries 0 … n − 1, as `FoldIn.solve` takes them (an item the model does not know: −1; weights unscaled), in the factor scores of the items: c of the k-th item and entry e is
   * out[k · n + e]. They sum to x·y of the vector that `FoldIn.solve` gives for the same entries.
   *
   * @param items indexes of `count` items
   * @param out room for count · n
   */
  explain(itemIndex: ArrayLike<number>, weight: ArrayLike<number>, target: ArrayLike<number>, n: number, items: ArrayLike<number>, count: number, out: Float64Array): void;
}

/**
 * Working space is kept from call to call, so a reasoner is single-threaded. 27 entries in 10 items, 64 factors: 58 µs; 200 entries 1.5 ms (`npm run bench:kinds`, 2 shared cores,
 * 2026-11).
 *
 * @param rows items of the model
 * @param gram YᵀY of the vectors, stride × stride; or its diagonal alone, where that is all there is
 * @param weightScale as `createFoldIn` takes it
 */
export function createReasoner(vectors: ItemVectors, rows: number, gram: Float64Array, recipe: Recipe, weightScale: number): Reasoner {
  const { data, stride } = vectors;
  const alongAxes = gram.length === stride || isDiagonal(gram, stride);
  const diagonal = gram.length === stride ? gram : diagonalOf(gram, stride);
  const inverseRoot = new Float64Array(stride); // D^−½
  const query = new Float64Array(stride);
  const right = new Float64Array(stride);
  let dense: Float64Array | null = null; // A, then its Cholesky factor, where n > f: its lower triangle
  let room = 0;
  let entry = new Int32Array(0);
  let offset = new Int32Array(0);
  let weights = new Float64Array(0);
  let solution = new Float64Array(0);
  let scaled = new Float64Array(0); // P
  let small = new Float64Array(0); // I + P Pᵀ, then its Cholesky factor

  function makeRoom(n: number): void {
    if (n <= room) return;
    room = Math.max(64, 2 * n);
    entry = new Int32Array(room);
    offset = new Int32Array(room);
    weights = new Float64Array(room);
    solution = new Float64Array(room);
  }

  /** n ≤ f. */
  function explainInDual(known: number, n: number, target: ArrayLike<number>, ridge: number, items: ArrayLike<number>, count: number, out: Float64Array): void {
    if (scaled.length === 0) {
      scaled = new Float64Array(stride * stride);
      small = new Float64Array(stride * stride);
    }
    for (let k = 0; k < stride; k++) inverseRoot[k] = 1 / Math.sqrt(recipe.unobservedWeight * diagonal[k]! + ridge);
    for (let j = 0; j < known; j++) {
      const root = Math.sqrt(weights[j]!);
      for (let k = 0; k < stride; k++) scaled[j * stride + k] = root * data[offset[j]! + k]! * inverseRoot[k]!;
    }
    for (let i = 0; i < known; i++) {
      for (let j = 0; j <= i; j++) small[i * known + j] = dot(scaled, i * stride, scaled, j * stride, stride);
      small[i * known + i]! += 1;
    }
    factorise(small, known);
    for (let m = 0; m < count; m++) {
      const y = vectors.offsetOf(items[m]!);
      for (let k = 0; k < stride; k++) query[k] = data[y + k]! * inverseRoot[k]!;
      for (let j = 0; j < known; j++) solution[j] = dot(scaled, j * stride, query, 0, stride);
      substitute(small, known, solution);
      for (let j = 0; j < known; j++) out[m * n + entry[j]!] = Math.sqrt(weights[j]!) * target[entry[j]!]! * solution[j]!;
    }
  }

  function explainInPrimal(known: number, n: number, target: ArrayLike<number>, ridge: number, items: ArrayLike<number>, count: number, out: Float64Array): void {
    dense ??= new Float64Array(stride * stride);
    dense.fill(0);
    addWeighted(dense, stride, data, offset, weights, known);
    for (let k = 0; k < stride; k++) {
      if (gram.length === stride) dense[k * stride + k]! += recipe.unobservedWeight * gram[k]!;
      else for (let j = 0; j <= k; j++) dense[k * stride + j]! += recipe.unobservedWeight * gram[k * stride + j]!;
      dense[k * stride + k]! += ridge;
    }
    factorise(dense, stride);
    for (let m = 0; m < count; m++) {
      const y = vectors.offsetOf(items[m]!);
      for (let k = 0; k < stride; k++) right[k] = data[y + k]!;
      substitute(dense, stride, right);
      for (let j = 0; j < known; j++) {
        let product = 0;
        for (let k = 0; k < stride; k++) product += data[offset[j]! + k]! * right[k]!;
        out[m * n + entry[j]!] = weights[j]! * target[entry[j]!]! * product;
      }
    }
  }

  return {
    explain(itemIndex, weight, target, n, items, count, out) {
      makeRoom(n);
      let known = 0;
      for (let e = 0; e < n; e++) {
        if (itemIndex[e]! < 0 || !(weight[e]! > 0)) continue;
        entry[known] = e;
        offset[known] = vectors.offsetOf(itemIndex[e]!);
        weights[known++] = weight[e]! * weightScale;
      }
      out.fill(0, 0, count * n);
      if (known === 0) return;
      const ridge = ridgeOf(known, rows, recipe);
      if (alongAxes && known <= stride) explainInDual(known, n, target, ridge, items, count, out);
      else explainInPrimal(known, n, target, ridge, items, count, out);
    },
  };
}

/** lower += Σ w y yᵀ, the lower triangle alone, four rows a pass: in float64, as float32 sums are not exact enough where next to nothing lies on the diagonal. */
function addWeighted(lower: Float64Array, stride: number, data: Float32Array, offset: Int32Array, weights: Float64Array, count: number): void {
  for (let j = 0; j < count; j += 4) {
    const [y0, y1, y2, y3] = [offset[j]!, offset[Math.min(j + 1, count - 1)]!, offset[Math.min(j + 2, count - 1)]!, offset[Math.min(j + 3, count - 1)]!];
    const [w0, w1, w2, w3] = [weights[j]!, j + 1 < count ? weights[j + 1]! : 0, j + 2 < count ? weights[j + 2]! : 0, j + 3 < count ? weights[j + 3]! : 0];
    for (let a = 0; a < stride; a++) {
      const [v0, v1, v2, v3] = [w0 * data[y0 + a]!, w1 * data[y1 + a]!, w2 * data[y2 + a]!, w3 * data[y3 + a]!];
      const row = a * stride;
      for (let b = 0; b <= a; b++) lower[row + b]! += v0 * data[y0 + b]! + v1 * data[y1 + b]! + (v2 * data[y2 + b]! + v3 * data[y3 + b]!);
    }
  }
}

/** M = L Lᵀ, its lower triangle in place; M is positive definite. */
function factorise(matrix: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const rest = matrix[i * n + j]! - dotTo(matrix, i * n, matrix, j * n, j);
      matrix[i * n + j] = i === j ? Math.sqrt(rest) : rest / matrix[j * n + j]!;
    }
  }
}

/** b ← (L Lᵀ)⁻¹ b. */
function substitute(lower: Float64Array, n: number, b: Float64Array): void {
  for (let i = 0; i < n; i++) b[i] = (b[i]! - dotTo(lower, i * n, b, 0, i)) / lower[i * n + i]!;
  for (let i = n - 1; i >= 0; i--) {
    const value = b[i]! / lower[i * n + i]!;
    b[i] = value;
    for (let j = 0; j < i; j++) b[j]! -= value * lower[i * n + j]!;
  }
}

function dotTo(a: Float64Array, from: number, b: Float64Array, other: number, length: number): number {
  let sum = 0;
  for (let k = 0; k < length; k++) sum += a[from + k]! * b[other + k]!;
  return sum;
}

/** Lengths that are multiples of 8, four sums side by side. */
function dot(a: Float64Array, from: number, b: Float64Array, other: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < length; k += 4) {
    s0 += a[from + k]! * b[other + k]!;
    s1 += a[from + k + 1]! * b[other + k + 1]!;
    s2 += a[from + k + 2]! * b[other + k + 2]!;
    s3 += a[from + k + 3]! * b[other + k + 3]!;
  }
  return s0 + s1 + (s2 + s3);
}
