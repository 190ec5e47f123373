/**
 * The inner loops of a fit, twice: WebAssembly SIMD (assembly/, built into wasm.generated.ts) and the plain TypeScript it is tested against, which also
 * steps in where WebAssembly may not run. Both are functions over byte offsets into one shared memory and a range of rows, so that threads share the rows out.
 */

/** CSR by byte offsets: rowStart and index int32, weight and target float32. */
export interface SparseAt {
  rowStart: number;
  index: number;
  weight: number;
  target: number;
}

/** Where a decomposition keeps its parts; sizes for n factors in rows of `stride` numbers. */
export interface EigenAt {
  /** float64, stride × stride: the symmetric matrix, whole; used up. */
  matrix: number;
  /** float64, stride: the eigenvalues, descending, none below 0. */
  eigenvalues: number;
  /** float64, stride × stride: column c belongs to eigenvalue c. */
  vectors: number;
  /** `eigenWorkBytes(stride)`. */
  work: number;
}

/** How exactly rows are solved. */
export interface Effort {
  /** Begin where the row stands, which must be in the fixed side's basis; else at 0. */
  warm: boolean;
  /** Of conjugate gradients. */
  steps: number;
  /** Residual, relative to the start's in the preconditioner's norm, that ends them early. */
  tolerance: number;
  /** ω: the row moves by so much of the way from its start to its solution. 1 = to the solution; above, beyond it. */
  relaxation: number;
  /**
   * Above 0: rows are solved exactly, for residuals computed in float64, in so many passes at most; `tolerance` is then relative to the row's own length, or to
   * its first residual where that is more.
   */
  exactPasses: number;
}

/** Offsets are in bytes, rows from `from` to `to` − 1, `stride` a multiple of 8. */
export interface Kernels {
  readonly name: 'wasm' | 'reference';
  /** Bytes of scratch that any one of these needs, per thread. */
  scratchBytes(stride: number): number;
  /** out (float64, stride × stride) = Σ y yᵀ, what lies below the diagonal left undefined. */
  gram(data: number, stride: number, from: number, to: number, scratch: number, out: number): void;
  /** The part of a decomposition that one thread does alone. Returns what `eigenvectorRows` must be told, or throws a RangeError where it does not converge. */
  decompose(at: EigenAt, factors: number, stride: number): number;
  /** The part that threads share: rows `row` … `row` + 7 of the eigenvectors. */
  eigenvectorRows(at: EigenAt, factors: number, stride: number, told: number, row: number, scratch: number): void;
  /** Vectors (float64) as `rotate` wants them, into `packed`, stride × stride float32. */
  packBasis(vectors: number, stride: number, packed: number): void;
  /** Y ← YQ. */
  rotate(data: number, stride: number, from: number, to: number, vectors: number, packed: number, scratch: number): void;
  /**
   * Rows of `solved`. `dense` and `ridge` float64. With a column `frozen` every row keeps its number there. Returns the first row without a finite solution,
   * or −1.
   */
  solveRows(
    solved: number, fixed: number, stride: number, sparse: SparseAt, from: number, to: number, dense: number, ridge: number, effort: Effort, scratch: number,
    frozen?: number,
  ): number;
  /** Rows of `out` grow by Σ w t y over their entries. Returns the first row that is not finite then, or −1. */
  project(out: number, fixed: number, stride: number, sparse: SparseAt, from: number, to: number): number;
  /** Σ w (t − x·y)² over the entries of the users. */
  observedLoss(users: number, items: number, stride: number, sparse: SparseAt, from: number, to: number): number;
  /** Σ λ_r ‖x_r‖². */
  ridgeLoss(data: number, stride: number, from: number, to: number, ridge: number): number;
}

/** Chases and rotations of the QL steps: 1.7 chases a value and 0.85 n² rotations are usual; this holds more than twice as many. */
export function eigenRoom(stride: number): { chases: number; rotations: number } {
  return { chases: 8 * stride, rotations: 2 * stride * stride + 64 * stride };
}

/** Two diagonals, τ, two vectors of work, ranks; chases; rotations. */
export function eigenWorkBytes(stride: number): number {
  const { chases, rotations } = eigenRoom(stride);
  return stride * 8 * 6 + chases * 8 + rotations * 16;
}
