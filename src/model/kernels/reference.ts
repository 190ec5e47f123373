/** The same functions in plain TypeScript, by way of gram.ts and ials.ts, in float64. Slower and plainer: what the WebAssembly is tested against. */
import { addGramOfRows, principalAxes, rotateRows } from '../gram.ts';
import { createRowScratch, exactSteps, exactTolerance, solveRows } from '../ials.ts';
import type { Kernels, SparseAt } from './kernels.ts';

export function createReferenceKernels(memory: WebAssembly.Memory): Kernels {
  const floats = (at: number, length: number) => new Float32Array(memory.buffer, at, length);
  const doubles = (at: number, length: number) => new Float64Array(memory.buffer, at, length);
  /** Views that begin where the arrays do and end with the rows asked for. */
  const sparseRows = (at: SparseAt, to: number) => {
    const rowStart = new Int32Array(memory.buffer, at.rowStart, to + 1);
    const entries = rowStart[to]!;
    return { rows: to, cols: 0, rowStart, index: new Int32Array(memory.buffer, at.index, entries), weight: floats(at.weight, entries), target: floats(at.target, entries) };
  };
  const dot = (a: Float32Array, atA: number, b: Float32Array, atB: number, length: number) => {
    let sum = 0;
    for (let k = 0; k < length; k++) sum += a[atA + k]! * b[atB + k]!;
    return sum;
  };
  return {
    name: 'reference',
    scratchBytes: (stride) => stride * 8,
    gram(data, stride, from, to, _scratch, out) {
      const gram = doubles(out, stride * stride).fill(0);
      addGramOfRows(floats(data, to * stride), stride, from, to, gram);
    },
    decompose(at, factors, stride) {
      const { eigenvalues, vectors } = principalAxes(doubles(at.matrix, stride * stride), factors, stride);
      doubles(at.eigenvalues, stride).set(eigenvalues);
      doubles(at.vectors, stride * stride).set(vectors);
      return 0;
    },
    eigenvectorRows: () => undefined, // done already
    packBasis: () => undefined, // rotates by the float64 vectors themselves
    rotate: (data, stride, from, to, vectors, _packed, scratch) =>
      rotateRows(floats(data, to * stride), stride, from, to, doubles(vectors, stride * stride), doubles(scratch, stride)),
    solveRows(solved, fixed, stride, sparse, from, to, dense, ridge, { warm, steps, tolerance, relaxation, exactPasses }, _scratch, frozen = -1) {
      const rows = sparseRows(sparse, to);
      const out = floats(solved, to * stride);
      if (!warm) for (let at = from * stride; at < out.length; at++) if (at % stride !== frozen) out[at] = 0;
      const start = out.slice(from * stride);
      const all = new Float32Array(memory.buffer, fixed);
      const exact = exactPasses > 0;
      const failed = solveRows(
        out, all, stride, rows, from, to, doubles(dense, stride), doubles(ridge, to), exact ? exactSteps(stride) : steps, exact ? exactTolerance : tolerance,
        createRowScratch(stride), frozen,
      );
      for (let row = from; row < to; row++) {
        if (rows.rowStart[row] === rows.rowStart[row + 1]) continue; // 0 is exact, and nothing to go beyond
        for (let at = row * stride; at < (row + 1) * stride; at++) out[at] = start[at - from * stride]! + relaxation * (out[at]! - start[at - from * stride]!);
      }
      return failed;
    },
    project(out, fixed, stride, sparse, from, to) {
      const { rowStart, index, weight, target } = sparseRows(sparse, to);
      const x = floats(out, to * stride);
      const y = new Float32Array(memory.buffer, fixed);
      for (let row = from; row < to; row++) {
        for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) {
          const scale = weight[e]! * target[e]!;
          for (let k = 0; k < stride; k++) x[row * stride + k]! += scale * y[index[e]! * stride + k]!;
        }
      }
      for (let row = from; row < to; row++) if (!(dot(x, row * stride, x, row * stride, stride) < Infinity)) return row;
      return -1;
    },
    observedLoss(users, items, stride, sparse, from, to) {
      const { rowStart, index, weight, target } = sparseRows(sparse, to);
      const x = floats(users, to * stride);
      const y = new Float32Array(memory.buffer, items);
      let sum = 0;
      for (let row = from; row < to; row++) {
        for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) sum += weight[e]! * (target[e]! - dot(x, row * stride, y, index[e]! * stride, stride)) ** 2;
      }
      return sum;
    },
    ridgeLoss(data, stride, from, to, ridge) {
      const x = floats(data, to * stride);
      const lambda = doubles(ridge, to);
      let sum = 0;
      for (let row = from; row < to; row++) sum += lambda[row]! * dot(x, row * stride, x, row * stride, stride);
      return sum;
    },
  };
}
