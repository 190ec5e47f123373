/**
 * Fold-in: one user's vector solved against fixed item factors, by the row solver of the fit itself. This is how an event changes the next answer without
 * a training: seconds-old history in, exact vector out.
 */
import { toPrincipalAxes } from './gram.ts';
import { createRowScratch, denseDiagonal, exactSteps, exactTolerance, solveRow } from './ials.ts';
import { type Recipe, ridgeOf } from './recipe.ts';
import type { Factors } from './matrix.ts';

export interface FoldIn {
  /**
   * Writes the user's vector, `items.stride` numbers, to `out`. Entries 0 … n − 1: item index (−1 = the model does not know the item: ignored), weight as
   * `foldEvents` made it (0 = kept only to be hidden: ignored), target. No usable entry, or numbers that are not finite: the zero vector, and false.
   */
  solve(itemIndex: ArrayLike<number>, weight: ArrayLike<number>, target: ArrayLike<number>, n: number, out: Float32Array): boolean;
}

/** `weightScale` is the one training applied; callers hand in weights unscaled. The scratch inside makes a FoldIn single-threaded. */
export function createFoldIn(items: Factors, recipe: Recipe, weightScale: number): FoldIn {
  const { factors, diagonal, vectors } = toPrincipalAxes(items);
  const { stride, rows } = factors;
  const dense = denseDiagonal(diagonal, recipe);
  const scratch = createRowScratch(stride);
  let index = new Int32Array(64);
  let weights = new Float32Array(64);
  let targets = new Float32Array(64);

  return {
    solve(itemIndex, weight, target, n, out) {
      if (n > index.length) {
        const room = 2 * n;
        index = new Int32Array(room);
        weights = new Float32Array(room);
        targets = new Float32Array(room);
      }
      let known = 0;
      for (let e = 0; e < n; e++) {
        if (itemIndex[e]! < 0 || !(weight[e]! > 0)) continue;
        index[known] = itemIndex[e]!;
        weights[known] = weight[e]! * weightScale;
        targets[known] = target[e]!;
        known++;
      }
      const { x } = scratch;
      x.fill(0);
      const solved =
        known > 0 &&
        solveRow(factors.data, stride, index, weights, targets, 0, known, dense, ridgeOf(known, rows, recipe), exactSteps(stride), exactTolerance, scratch);
      if (!solved) {
        out.fill(0, 0, stride);
        return false;
      }
      if (vectors === null) {
        for (let k = 0; k < stride; k++) out[k] = x[k]!;
      } else {
        rotateBack(x, vectors, stride, out);
      }
      return true;
    },
  };
}

/** out = Q x: from the principal axes back to the given factors' own. */
function rotateBack(x: Float64Array, vectors: Float64Array, stride: number, out: Float32Array): void {
  for (let i = 0; i < stride; i++) {
    let sum = 0;
    for (let j = 0; j < stride; j++) sum += vectors[i * stride + j]! * x[j]!;
    out[i] = sum;
  }
}
