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
import { createSymmetricSystem } from './kernels/symmetric.ts';
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

/** Entries whose vectors are taken up at a time, where there are more than factors. */
const chunkEntries = 128;

/**
 * Working space is kept from call to call, so a reasoner is single-threaded. 27 entries in 10 items, 64 factors: 19 µs; 200 entries 240 µs (`npm run bench:kinds`, 2 shared cores,
 * 2026-11).
 *
 * @param rows items of the model
 * @param gram YᵀY of the vectors, stride × stride; or its diagonal alone, where that is all there is
 * @param weightScale as `createFoldIn` takes it
 * @param inWasm for tests: whether by WebAssembly; else where it can run
 */
export function createReasoner(vectors: ItemVectors, rows: number, gram: Float64Array, recipe: Recipe, weightScale: number, inWasm?: boolean): Reasoner {
  const { data, stride } = vectors;
  const alongAxes = gram.length === stride || isDiagonal(gram, stride);
  const diagonal = gram.length === stride ? gram : diagonalOf(gram, stride);
  const inverseRoot = new Float64Array(stride); // D^−½
  const system = createSymmetricSystem(Math.max(stride, chunkEntries), stride * Math.max(stride, chunkEntries), inWasm);
  const { p, lower, b, out: solved } = system;
  let room = 0;
  let entry = new Int32Array(0);
  let offset = new Int32Array(0);
  let weights = new Float64Array(0);

  function makeRoom(n: number): void {
    if (n <= room) return;
    room = Math.max(64, 2 * n);
    entry = new Int32Array(room);
    offset = new Int32Array(room);
    weights = new Float64Array(room);
  }

  /** Vectors of up to four items, times `scale` where there is one, into `b`. */
  function takeItems(items: ArrayLike<number>, from: number, to: number, scale: Float64Array | null): void {
    if (to - from < 4) b.fill(0, 0, 4 * stride);
    for (let m = from; m < to; m++) {
      const y = vectors.offsetOf(items[m]!);
      for (let k = 0; k < stride; k++) b[4 * k + m - from] = data[y + k]! * (scale === null ? 1 : scale[k]!);
    }
  }

  /** n ≤ f. */
  function explainInDual(known: number, n: number, target: ArrayLike<number>, ridge: number, items: ArrayLike<number>, count: number, out: Float64Array): void {
    for (let k = 0; k < stride; k++) inverseRoot[k] = 1 / Math.sqrt(recipe.unobservedWeight * diagonal[k]! + ridge);
    for (let j = 0; j < known; j++) {
      const root = Math.sqrt(weights[j]!);
      for (let k = 0; k < stride; k++) p[j * stride + k] = root * data[offset[j]! + k]! * inverseRoot[k]!;
    }
    const padded = Math.ceil(known / 4) * 4;
    p.fill(0, known * stride, padded * stride);
    lower.fill(0, 0, padded * padded);
    for (let j = 0; j < padded; j++) lower[j * padded + j] = 1;
    system.addGram(padded, stride);
    system.factorise(padded);
    for (let m = 0; m < count; m += 4) {
      const end = Math.min(count, m + 4);
      takeItems(items, m, end, inverseRoot);
      system.times(padded, stride);
      system.solve(padded, 'out');
      for (let j = 0; j < known; j++) {
        const scale = Math.sqrt(weights[j]!) * target[entry[j]!]!;
        for (let c = m; c < end; c++) out[c * n + entry[j]!] = scale * solved[4 * j + c - m]!;
      }
    }
  }

  function explainInPrimal(known: number, n: number, target: ArrayLike<number>, ridge: number, items: ArrayLike<number>, count: number, out: Float64Array): void {
    lower.fill(0, 0, stride * stride);
    for (let k = 0; k < stride; k++) {
      if (gram.length === stride) lower[k * stride + k] = recipe.unobservedWeight * gram[k]!;
      else for (let j = 0; j <= k; j++) lower[k * stride + j] = recipe.unobservedWeight * gram[k * stride + j]!;
      lower[k * stride + k]! += ridge;
    }
    for (let from = 0; from < known; from += chunkEntries) {
      // By columns: a row of P is a factor.
      const some = Math.min(chunkEntries, known - from);
      const padded = some + (some & 1);
      for (let j = 0; j < some; j++) {
        const root = Math.sqrt(weights[from + j]!);
        for (let k = 0; k < stride; k++) p[k * padded + j] = root * data[offset[from + j]! + k]!;
      }
      if (padded > some) for (let k = 0; k < stride; k++) p[k * padded + some] = 0;
      system.addGram(stride, padded);
    }
    system.factorise(stride);
    for (let m = 0; m < count; m += 4) {
      const end = Math.min(count, m + 4);
      takeItems(items, m, end, null);
      system.solve(stride, 'b');
      for (let from = 0; from < known; from += chunkEntries) {
        const some = Math.min(chunkEntries, known - from);
        // One chunk, and it is still there from the group before.
        if (m === 0 || known > chunkEntries) for (let j = 0; j < some; j++) for (let k = 0; k < stride; k++) p[j * stride + k] = data[offset[from + j]! + k]!;
        system.times(some, stride);
        for (let j = 0; j < some; j++) {
          const scale = weights[from + j]! * target[entry[from + j]!]!;
          for (let c = m; c < end; c++) out[c * n + entry[from + j]!] = scale * solved[4 * j + c - m]!;
        }
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
