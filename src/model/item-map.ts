/** Vectors as points on a sheet of paper: the plane through their mean on which they lie furthest apart (principal component analysis, Pearson 1901). */
import { addGramOfRows, principalAxes } from './gram.ts';
import { type InPieces, overRanges } from './pieces.ts';

export interface PlaneMap {
  /** By row, around 0. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Share of the variance that lies along each of the two: what the picture shows of what there is. */
  readonly shares: readonly [x: number, y: number];
}

/**
 * In pieces; the decomposition, which takes some milliseconds for 64 numbers a vector and a tenth of a second for 256, is one of them.
 *
 * @param vectors `rows` × `stride` numbers; they are centred in place
 */
export function* mapToPlane(vectors: Float32Array, rows: number, stride: number): InPieces<PlaneMap> {
  const [x, y] = [new Float32Array(rows), new Float32Array(rows)];
  const mean = new Float64Array(stride);
  yield* overRanges(rows, stride, (from, to) => {
    for (let row = from; row < to; row++) for (let k = 0; k < stride; k++) mean[k]! += vectors[row * stride + k]! / rows;
  });
  const covariance = new Float64Array(stride * stride); // times rows: only its directions and shares are used
  yield* overRanges(rows, (stride * stride) / 2, (from, to) => {
    for (let row = from; row < to; row++) for (let k = 0; k < stride; k++) vectors[row * stride + k]! -= mean[k]!;
    addGramOfRows(vectors, stride, from, to, covariance);
  });
  for (let i = 1; i < stride; i++) for (let j = 0; j < i; j++) covariance[i * stride + j] = covariance[j * stride + i]!;
  let variance = 0;
  for (let k = 0; k < stride; k++) variance += covariance[k * stride + k]!;
  if (!(variance > 0)) return { x, y, shares: [0, 0] };
  const { eigenvalues, vectors: axes } = principalAxes(covariance, stride, stride);
  yield;
  yield* overRanges(rows, 2 * stride, (from, to) => {
    project(vectors, stride, axes, 0, from, to, x);
    if (stride > 1) project(vectors, stride, axes, 1, from, to, y);
  });
  return { x, y, shares: [Math.min(1, eigenvalues[0]! / variance), stride > 1 ? Math.min(1, eigenvalues[1]! / variance) : 0] };
}

/** An axis has no sign: the one is taken that makes its largest number positive, so that the same vectors give the same map. */
function project(vectors: Float32Array, stride: number, axes: Float64Array, axis: number, from: number, to: number, out: Float32Array): void {
  let largest = 0;
  for (let k = 0; k < stride; k++) if (Math.abs(axes[k * stride + axis]!) > Math.abs(largest)) largest = axes[k * stride + axis]!;
  const sign = largest < 0 ? -1 : 1;
  for (let row = from; row < to; row++) {
    let sum = 0;
    for (let k = 0; k < stride; k++) sum += vectors[row * stride + k]! * axes[k * stride + axis]!;
    out[row] = sign * sum;
  }
}
