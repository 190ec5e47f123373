/** The rows of a fit of ratings (explicit.ts): a vector, a bias, and the constant that carries the other side's bias. What the threads' fit needs to know of them. */
import { createRandom } from './random.ts';

/** Columns of a row beside its vector: a bias and the constant. */
export const biasColumns = 2;

/** The column that does not move while this side is solved. `factors` counts the biases. */
export function frozenColumn(side: 'user' | 'item', factors: number): number {
  return side === 'user' ? factors - 1 : factors - 2;
}

/** Rows that are given their start in one piece. */
export const startBlockRows = 256;

/**
 * Rows `block` · 256 … of one side before the first sweep: items with random vectors, deviation 0.5 / f^¼, so that their products with users of the same
 * deviation have one of ¼, whatever f is; users at 0. Biases at 0, the constant in its column. `factors` counts the biases.
 */
export function fillBiasedStart(data: Float32Array, block: number, factors: number, stride: number, seed: number, constant: number, side: 'user' | 'item'): void {
  const random = createRandom(seed + block * 0x1_0000_0001);
  const vector = factors - biasColumns;
  const scale = (0.5 * Math.sqrt(12)) / Math.sqrt(Math.sqrt(vector));
  const to = Math.min(data.length, (block + 1) * startBlockRows * stride);
  for (let base = block * startBlockRows * stride; base < to; base += stride) {
    for (let k = 0; k < vector; k++) data[base + k] = side === 'user' ? 0 : scale * (random.uniform() - 0.5);
    data.fill(0, base + vector, base + stride);
    data[base + frozenColumn(side, factors)] = constant;
  }
}

/** What the constants' column would add to the objective: it is no parameter. */
export function constantsLoss(constant: number, ridges: readonly Float64Array[]): number {
  let sum = 0;
  for (const ridge of ridges) for (let r = 0; r < ridge.length; r++) sum += ridge[r]!;
  return sum * constant * constant;
}
