/**
 * Symmetric systems (M + P Pᵀ) x = b in float64, four b at a time, by Cholesky's factor: the kernels of assembly/reasons.ts over a memory of their own, or the same in plain TypeScript where
 * WebAssembly cannot run. Matrices lie by rows, four vectors side by side.
 */
import { canRunWasm } from './create.ts';
import { compileKernels } from './wasm.ts';

export interface SymmetricSystem {
  /** P: rows of `length` numbers, one after the other. */
  readonly p: Float64Array;
  /** M, of which the lower triangle counts, and what becomes of it: n × n. */
  readonly lower: Float64Array;
  /** Number k of the m-th of four vectors at 4 k + m. */
  readonly b: Float64Array;
  readonly out: Float64Array;
  /** M ← M + P Pᵀ. `rows` is a multiple of 4 and `length` of 2. */
  addGram(rows: number, length: number): void;
  /** M ← L, for M = L Lᵀ positive definite. */
  factorise(n: number): void;
  /** Four x ← (L Lᵀ)⁻¹ x, of those in `b` or in `out`. */
  solve(n: number, where: 'b' | 'out'): void;
  /** out ← P b. `length` is a multiple of 2. */
  times(rows: number, length: number): void;
}

interface Exports {
  addGram(p: number, rows: number, bytes: number, lower: number): void;
  factorise(lower: number, n: number): void;
  solveFour(lower: number, n: number, b: number): void;
  timesFour(p: number, rows: number, bytes: number, b: number, out: number): void;
}

/** @param most rows and numbers of a row @param pNumbers room for P */
export function createSymmetricSystem(most: number, pNumbers: number, inWasm = canRunWasm()): SymmetricSystem {
  const sizes = [pNumbers, most * most, 4 * most, 4 * most];
  const bytes = 8 * sizes.reduce((sum, size) => sum + size, 0);
  const pages = Math.ceil(bytes / 65_536);
  const memory = inWasm ? new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) : null;
  const buffer = memory === null ? new ArrayBuffer(bytes) : memory.buffer;
  let end = 0;
  const [p, lower, b, out] = sizes.map((size) => {
    const part = new Float64Array(buffer, end, size);
    end += 8 * size;
    return part;
  }) as [Float64Array, Float64Array, Float64Array, Float64Array];
  if (memory === null) return { p, lower, b, out, ...inPlainSteps(p, lower, b, out) };
  const kernels = new WebAssembly.Instance(compileKernels(), { env: { memory } }).exports as unknown as Exports;
  return {
    p, lower, b, out,
    addGram: (rows, length) => kernels.addGram(p.byteOffset, rows, 8 * length, lower.byteOffset),
    factorise: (n) => kernels.factorise(lower.byteOffset, n),
    solve: (n, where) => kernels.solveFour(lower.byteOffset, n, (where === 'b' ? b : out).byteOffset),
    times: (rows, length) => kernels.timesFour(p.byteOffset, rows, 8 * length, b.byteOffset, out.byteOffset),
  };
}

function inPlainSteps(p: Float64Array, lower: Float64Array, b: Float64Array, out: Float64Array): Pick<SymmetricSystem, 'addGram' | 'factorise' | 'solve' | 'times'> {
  const dot = (a: Float64Array, from: number, other: Float64Array, otherFrom: number, step: number, length: number) => {
    let sum = 0;
    for (let k = 0; k < length; k++) sum += a[from + k]! * other[otherFrom + k * step]!;
    return sum;
  };
  return {
    addGram(rows, length) {
      for (let i = 0; i < rows; i++) for (let j = 0; j <= i; j++) lower[i * rows + j]! += dot(p, i * length, p, j * length, 1, length);
    },
    factorise(n) {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j <= i; j++) {
          const rest = lower[i * n + j]! - dot(lower, i * n, lower, j * n, 1, j);
          lower[i * n + j] = i === j ? Math.sqrt(rest) : rest / lower[j * n + j]!;
        }
      }
    },
    solve(n, where) {
      const x = where === 'b' ? b : out;
      for (let m = 0; m < 4; m++) {
        for (let i = 0; i < n; i++) x[4 * i + m] = (x[4 * i + m]! - dot(lower, i * n, x, m, 4, i)) / lower[i * n + i]!;
        for (let i = n - 1; i >= 0; i--) {
          x[4 * i + m]! /= lower[i * n + i]!;
          for (let j = 0; j < i; j++) x[4 * j + m]! -= lower[i * n + j]! * x[4 * i + m]!;
        }
      }
    },
    times(rows, length) {
      for (let r = 0; r < rows; r++) for (let m = 0; m < 4; m++) out[4 * r + m] = dot(p, r * length, b, m, 4, length);
    },
  };
}
