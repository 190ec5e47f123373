/**
 * The dense side of the algebra: Gram matrices G = YᵀY, their eigenvectors, and turning factors into that basis. In the eigenbasis G is the diagonal Λ,
 * which is what makes a row of iALS cheap (see ials.ts) and lets the first dimensions carry most of a score (see top-n.ts).
 *
 * Square matrices are Float64Array, stride × stride, row-major; sums are kept in float64, factors in float32.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { createFactors, type Factors } from './matrix.ts';

/** Rows summed on their own before they are added up, in order: the result does not depend on who sums which block. */
const gramBlockRows = 4096;

/** G = YᵀY. */
export function gramOf(factors: Factors): Float64Array {
  const { rows, stride, data } = factors;
  const gram = new Float64Array(stride * stride);
  const block = new Float64Array(stride * stride);
  for (let from = 0; from < rows; from += gramBlockRows) {
    block.fill(0);
    addGramOfRows(data, stride, from, Math.min(rows, from + gramBlockRows), block);
    for (let k = 0; k < block.length; k++) gram[k]! += block[k]!;
  }
  for (let i = 1; i < stride; i++) for (let j = 0; j < i; j++) gram[i * stride + j] = gram[j * stride + i]!;
  return gram;
}

/** Adds the upper triangle of Σ y yᵀ over a range of rows; four rows per pass, so that each sum is loaded and stored once for four products. */
export function addGramOfRows(data: Float32Array, stride: number, from: number, to: number, gram: Float64Array): void {
  let row = from;
  for (; row + 4 <= to; row += 4) {
    const a = row * stride;
    const b = a + stride;
    const c = b + stride;
    const d = c + stride;
    for (let i = 0; i < stride; i++) {
      const ai = data[a + i]!;
      const bi = data[b + i]!;
      const ci = data[c + i]!;
      const di = data[d + i]!;
      const g = i * stride;
      for (let j = i; j < stride; j++) gram[g + j]! += ai * data[a + j]! + bi * data[b + j]! + ci * data[c + j]! + di * data[d + j]!;
    }
  }
  for (; row < to; row++) {
    const a = row * stride;
    for (let i = 0; i < stride; i++) {
      const ai = data[a + i]!;
      for (let j = i; j < stride; j++) gram[i * stride + j]! += ai * data[a + j]!;
    }
  }
}

export interface PrincipalAxes {
  /** Descending; 0 in the padding. */
  eigenvalues: Float64Array;
  /** Q, stride × stride, row-major: column c is the eigenvector of eigenvalue c. The padding is 0. */
  vectors: Float64Array;
}

/** G = QΛQᵀ, largest eigenvalue first. */
export function principalAxes(gram: Float64Array, factors: number, stride: number): PrincipalAxes {
  const matrix = new Matrix(factors, factors);
  for (let i = 0; i < factors; i++) for (let j = 0; j < factors; j++) matrix.set(i, j, gram[i * stride + j]!);
  const decomposition = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const ascending = decomposition.realEigenvalues;
  const ascendingVectors = decomposition.eigenvectorMatrix;
  const eigenvalues = new Float64Array(stride);
  const vectors = new Float64Array(stride * stride);
  for (let c = 0; c < factors; c++) {
    eigenvalues[c] = Math.max(0, ascending[factors - 1 - c]!); // a Gram matrix has none below 0 but for rounding
    for (let i = 0; i < factors; i++) vectors[i * stride + c] = ascendingVectors.get(i, factors - 1 - c);
  }
  return { eigenvalues, vectors };
}

/** Y ← YQ for a range of rows. `scratch` holds one row. */
export function rotateRows(data: Float32Array, stride: number, from: number, to: number, vectors: Float64Array, scratch: Float64Array): void {
  for (let row = from; row < to; row++) {
    const base = row * stride;
    scratch.fill(0);
    for (let i = 0; i < stride; i += 4) {
      const a = data[base + i]!;
      const b = data[base + i + 1]!;
      const c = data[base + i + 2]!;
      const d = data[base + i + 3]!;
      const q = i * stride;
      for (let j = 0; j < stride; j++) {
        scratch[j]! += a * vectors[q + j]! + b * vectors[q + stride + j]! + c * vectors[q + 2 * stride + j]! + d * vectors[q + 3 * stride + j]!;
      }
    }
    for (let j = 0; j < stride; j++) data[base + j] = scratch[j]!;
  }
}

export interface PrincipalFactors {
  /** YQ; the given factors themselves where they lie along their principal axes already, as those of a finished fit do. */
  factors: Factors;
  /** Diagonal of (YQ)ᵀ(YQ), taken from the float32 values actually stored. */
  diagonal: Float64Array;
  /** Q; null = no rotation was needed. */
  vectors: Float64Array | null;
}

/** Off-diagonal entries below this share of √(G_ii G_jj) are float32 rounding. */
const diagonalTolerance = 1e-5;

/** Factors along their principal axes. Never changes its argument. Throws a RangeError where a factor is not finite. */
export function toPrincipalAxes(factors: Factors): PrincipalFactors {
  const { stride } = factors;
  const gram = gramOf(factors);
  if (!gram.every(Number.isFinite)) throw new RangeError('factors must be finite numbers');
  const diagonal = diagonalOf(gram, stride);
  if (isDiagonal(gram, stride)) return { factors, diagonal, vectors: null };
  const { vectors } = principalAxes(gram, factors.factors, stride);
  const rotated = createFactors(factors.rows, factors.factors);
  rotated.data.set(factors.data.subarray(0, rotated.data.length));
  rotateRows(rotated.data, stride, 0, rotated.rows, vectors, new Float64Array(stride));
  return { factors: rotated, diagonal: diagonalOf(gramOf(rotated), stride), vectors };
}

export function diagonalOf(gram: Float64Array, stride: number): Float64Array {
  return Float64Array.from({ length: stride }, (_, i) => gram[i * stride + i]!);
}

/** What the spread of scores over all rows y follows from. */
export interface ScoreMoments {
  rows: number;
  /** G = Σ y yᵀ, stride × stride; its diagonal alone where the axes are principal ones. */
  gram: Float64Array;
  /** Σ y */
  sum: Float64Array;
}

export function sumOfRows({ rows, stride, data }: Factors): Float64Array {
  const sum = new Float64Array(stride);
  for (let row = 0; row < rows; row++) for (let k = 0; k < stride; k++) sum[k]! += data[row * stride + k]!;
  return sum;
}

/** Standard deviation of x·y over all rows: √(xᵀGx / n − (x·Σy / n)²). */
export function spreadOfScores(x: ArrayLike<number>, { rows, gram, sum }: ScoreMoments): number {
  const stride = sum.length;
  let squares = 0;
  let mean = 0;
  for (let i = 0; i < stride; i++) {
    mean += x[i]! * sum[i]!;
    if (gram.length === stride) squares += x[i]! * x[i]! * gram[i]!;
    else for (let j = 0; j < stride; j++) squares += x[i]! * x[j]! * gram[i * stride + j]!;
  }
  return rows === 0 ? 0 : Math.sqrt(Math.max(0, squares / rows - (mean / rows) ** 2));
}

/** Whether axes are principal ones already, as far as float32 factors can say; of a symmetric matrix what lies below the diagonal is looked at. */
export function isDiagonal(gram: Float64Array, stride: number): boolean {
  for (let i = 0; i < stride; i++) {
    for (let j = 0; j < i; j++) {
      if (!(Math.abs(gram[i * stride + j]!) <= diagonalTolerance * Math.sqrt(gram[i * stride + i]! * gram[j * stride + j]!))) return false;
    }
  }
  return true;
}
