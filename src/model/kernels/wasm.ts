/** The kernels of assembly/, bound to a memory. */
import { type EigenAt, eigenRoom, type Kernels } from './kernels.ts';
import { wasmBase64 } from './wasm.generated.ts';

/**
 * Rows of up to so many entries are solved in the dual, exactly; longer ones by conjugate gradients, which get to a sweep’s tolerance in a few steps.
 * Measured in ns an entry, dual : gradients, one thread of a shared machine, 2026-11, 64 and 256 factors: 4 entries 138 : 145 and 434 : 444; 8 entries
 * 135 : 94 and 475 : 467; 16 entries 170 : 85 and 708 : 457; 32 entries 262 : 98 and 747 : 415. Solved to float32's last digits they meet at 12 to 16.
 */
const shortRow = 8;

interface Exports {
  gram(data: number, stride: number, from: number, to: number, packed: number, out: number): void;
  packBasis(vectors: number, stride: number, packed: number): void;
  rotate(data: number, stride: number, from: number, to: number, packed: number, scratch: number): void;
  tridiagonalize(a: number, n: number, stride: number, d: number, e: number, tau: number, work: number): void;
  diagonalize(d: number, e: number, n: number, chases: number, maxChases: number, rotations: number, maxRotations: number): number;
  eigenvectorRows(
    a: number, tau: number, n: number, stride: number, chases: number, chaseCount: number, rotations: number, rank: number, row: number, slice: number,
    vectors: number,
  ): void;
  solveScratchBytes(stride: number, shortRow: number): number;
  solveRows(
    solved: number, fixed: number, stride: number, rowStart: number, index: number, weight: number, target: number, from: number, to: number,
    dense: number, ridge: number, warm: number, maxSteps: number, tolerance: number, relaxation: number, exactPasses: number, shortRow: number, scratch: number,
    frozen: number,
  ): number;
  project(out: number, fixed: number, stride: number, rowStart: number, index: number, weight: number, target: number, from: number, to: number): number;
  observedLoss(
    users: number, items: number, stride: number, rowStart: number, index: number, weight: number, target: number, from: number, to: number,
  ): number;
  ridgeLoss(data: number, stride: number, from: number, to: number, ridge: number): number;
}

let compiled: WebAssembly.Module | null = null;

export function compileKernels(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(wasmBase64), (character) => character.charCodeAt(0)));
  return compiled;
}

/** Where a decomposition's parts lie within its work. */
function partsOf(at: EigenAt, stride: number) {
  const d = at.work;
  const e = d + stride * 8;
  const tau = e + stride * 8;
  const vectors = tau + stride * 8;
  const rank = vectors + 2 * stride * 8;
  const chases = rank + stride * 8;
  return { d, e, tau, vectors, rank, chases, rotations: chases + eigenRoom(stride).chases * 8 };
}

let sizes: Exports | null = null;

/** `scratchBytes` before there is a memory to bind to. */
export function wasmScratchBytes(stride: number): number {
  sizes ??= new WebAssembly.Instance(compileKernels(), { env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }) } }).exports as unknown as Exports;
  return scratchBytesOf(sizes, stride);
}

/** The largest of: 128 packed rows, n × 8 float64, a row's solve. */
function scratchBytesOf(wasm: Exports, stride: number): number {
  return Math.max(128 * stride * 4, stride * 64, wasm.solveScratchBytes(stride, shortRow));
}

export function createWasmKernels(memory: WebAssembly.Memory): Kernels {
  const wasm = new WebAssembly.Instance(compileKernels(), { env: { memory } }).exports as unknown as Exports;
  return {
    name: 'wasm',
    scratchBytes: (stride) => scratchBytesOf(wasm, stride),
    gram: (data, stride, from, to, scratch, out) => wasm.gram(data, stride, from, to, scratch, out),
    decompose(at, factors, stride) {
      const { d, e, tau, vectors, rank, chases, rotations } = partsOf(at, stride);
      const room = eigenRoom(stride);
      wasm.tridiagonalize(at.matrix, factors, stride, d, e, tau, vectors);
      const count = wasm.diagonalize(d, e, factors, chases, room.chases, rotations, room.rotations);
      if (count < 0) throw new RangeError('the eigenvalues of a Gram matrix did not converge');
      const found = new Float64Array(memory.buffer, d, factors);
      const order = Int32Array.from({ length: factors }, (_, c) => c).sort((a, b) => found[b]! - found[a]! || a - b);
      const ranks = new Int32Array(memory.buffer, rank, factors);
      const eigenvalues = new Float64Array(memory.buffer, at.eigenvalues, stride);
      eigenvalues.fill(0);
      for (let place = 0; place < factors; place++) {
        ranks[order[place]!] = place;
        eigenvalues[place] = Math.max(0, found[order[place]!]!); // a Gram matrix has none below 0 but for rounding
      }
      return count;
    },
    eigenvectorRows(at, factors, stride, count, row, scratch) {
      const { tau, rank, chases, rotations } = partsOf(at, stride);
      wasm.eigenvectorRows(at.matrix, tau, factors, stride, chases, count, rotations, rank, row, scratch, at.vectors);
    },
    packBasis: (vectors, stride, packed) => wasm.packBasis(vectors, stride, packed),
    rotate: (data, stride, from, to, _vectors, packed, scratch) => wasm.rotate(data, stride, from, to, packed, scratch),
    solveRows: (solved, fixed, stride, { rowStart, index, weight, target }, from, to, dense, ridge, effort, scratch, frozen = -1) =>
      wasm.solveRows(
        solved, fixed, stride, rowStart, index, weight, target, from, to, dense, ridge, effort.warm ? 1 : 0, effort.steps, effort.tolerance,
        effort.relaxation, effort.exactPasses, shortRow, scratch, frozen,
      ),
    project: (out, fixed, stride, { rowStart, index, weight, target }, from, to) => wasm.project(out, fixed, stride, rowStart, index, weight, target, from, to),
    observedLoss: (users, items, stride, { rowStart, index, weight, target }, from, to) =>
      wasm.observedLoss(users, items, stride, rowStart, index, weight, target, from, to),
    ridgeLoss: (data, stride, from, to, ridge) => wasm.ridgeLoss(data, stride, from, to, ridge),
  };
}
