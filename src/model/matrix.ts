/** The two shapes the model computes with: sparse observations (CSR) and dense factors, and the step from interactions to the first. */
import type { Interactions } from './interactions.ts';

/** Observations by row: entries rowStart[r] … rowStart[r + 1] − 1 belong to row r. */
export interface SparseRows {
  rows: number;
  cols: number;
  rowStart: Int32Array;
  /** Column of each entry, ascending within a row. */
  index: Int32Array;
  weight: Float32Array;
  target: Float32Array;
}

/** rows × factors, row-major. Rows lie `stride` apart, `factors` rounded up to a multiple of 8; the padding is 0. */
export interface Factors {
  rows: number;
  factors: number;
  stride: number;
  data: Float32Array;
}

/** Where item vectors lie, whoever keeps them: that of an item is data[offsetOf(item)] … + stride − 1, padded with 0. `stride` is a multiple of 8. */
export interface ItemVectors {
  readonly data: Float32Array;
  readonly stride: number;
  offsetOf(item: number): number;
}

export function vectorsOf({ data, stride }: Factors): ItemVectors {
  return { data, stride, offsetOf: (item) => item * stride };
}

/** The same, its rows in pieces that follow one another: what is put together of other factors, without a copy. */
export interface FactorPieces extends Omit<Factors, 'data'> {
  pieces: readonly Float32Array[];
}

export function joinPieces({ rows, factors, pieces }: FactorPieces): Factors {
  const joined = createFactors(rows, factors);
  let at = 0;
  for (const piece of pieces) {
    joined.data.set(piece, at);
    at += piece.length;
  }
  return joined;
}

export interface IndexedInteractions {
  /** Row → user number, ascending. */
  userNos: Int32Array;
  /** Column → item number, ascending. */
  itemNos: Int32Array;
  matrix: SparseRows;
}

export function createFactors(rows: number, factors: number): Factors {
  const stride = Math.ceil(factors / 8) * 8;
  return { rows, factors, stride, data: new Float32Array(rows * stride) };
}

/** Rows become columns. Entries stay ascending within a row because rows are read in order. */
export function transpose(matrix: SparseRows): SparseRows {
  const entries = matrix.index.length;
  const transposed: SparseRows = {
    rows: matrix.cols,
    cols: matrix.rows,
    rowStart: new Int32Array(matrix.cols + 1),
    index: new Int32Array(entries),
    weight: new Float32Array(entries),
    target: new Float32Array(entries),
  };
  transposeInto(matrix, transposed);
  return transposed;
}

/** The same into arrays that are there already. */
export function transposeInto(matrix: SparseRows, transposed: SparseRows): void {
  countColumns(matrix, transposed.rowStart);
  transposeColumns(matrix, transposed, 0, matrix.cols);
}

/** Where each column's entries begin in the transpose. */
export function countColumns({ cols, index }: SparseRows, start: Int32Array): void {
  start.fill(0);
  for (let e = 0; e < index.length; e++) start[index[e]! + 1]!++;
  for (let c = 0; c < cols; c++) start[c + 1]! += start[c]!;
}

/** The columns `from` … `to` − 1 of the transpose, whose `rowStart` is known. */
export function transposeColumns({ rows, rowStart, index, weight, target }: SparseRows, transposed: SparseRows, from: number, to: number): void {
  const next = transposed.rowStart.slice(from, to);
  const wanted = to - from;
  for (let r = 0; r < rows; r++) {
    const end = rowStart[r + 1]!;
    for (let e = rowStart[r]!; e < end; e++) {
      const column = (index[e]! - from) >>> 0; // below 0 it is beyond 2³¹
      if (column >= wanted) continue;
      const at = next[column]!++;
      transposed.index[at] = r;
      transposed.weight[at] = weight[e]!;
      transposed.target[at] = target[e]!;
    }
  }
}

/**
 * Numbers users and items 0, 1, 2… in ascending order of their numbers, and drops what the fit must not see: entries of weight 0 (kept only to be
 * hidden) and entries where `keep`, one mark per entry, is 0. Users and items left without an entry get no index.
 */
export function indexInteractions(interactions: Interactions, keep: Uint8Array | null = null): IndexedInteractions {
  const { userNos, rowStart, itemNos, weight, target } = interactions;
  const isKept = (e: number) => weight[e]! > 0 && (keep === null || keep[e] !== 0);

  let entries = 0;
  let rows = 0;
  for (let r = 0; r < userNos.length; r++) {
    const before = entries;
    for (let e = rowStart[r]!; e < rowStart[r + 1]!; e++) if (isKept(e)) entries++;
    if (entries > before) rows++;
  }
  const users = new Int32Array(rows);
  const index = new Int32Array(entries);
  const matrix: SparseRows = { rows, cols: 0, rowStart: new Int32Array(rows + 1), index, weight: new Float32Array(entries), target: new Float32Array(entries) };
  let entry = 0;
  let row = 0;
  for (let r = 0; r < userNos.length; r++) {
    const before = entry;
    for (let e = rowStart[r]!; e < rowStart[r + 1]!; e++) {
      if (!isKept(e)) continue;
      index[entry] = itemNos[e]!;
      matrix.weight[entry] = weight[e]!;
      matrix.target[entry] = target[e]!;
      entry++;
    }
    if (entry === before) continue;
    users[row] = userNos[r]!;
    matrix.rowStart[++row] = entry;
  }
  const items = distinctSorted(index);
  for (let e = 0; e < entries; e++) index[e] = indexOfNo(items, index[e]!);
  matrix.cols = items.length;
  return { userNos: users, itemNos: items, matrix };
}

export function distinctSorted(numbers: Int32Array): Int32Array {
  const sorted = numbers.slice().sort();
  let count = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i]!;
  return sorted.slice(0, count);
}

/** Index of a number among the first `length` of an ascending list of distinct numbers, −1 where it is missing. */
export function indexOfNo(sortedNos: Int32Array, no: number, length = sortedNos.length): number {
  let low = 0;
  let high = length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = sortedNos[middle]!;
    if (found === no) return middle;
    if (found < no) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

export function meanWeight(matrix: SparseRows): number {
  let sum = 0;
  for (let e = 0; e < matrix.weight.length; e++) sum += matrix.weight[e]!;
  return matrix.weight.length === 0 ? 0 : sum / matrix.weight.length;
}

/** The same observations, every weight times `weightScale`. Training scales to mean 1, so that α₀ and λ mean the same in every shop. */
export function scaleWeights(matrix: SparseRows, weightScale: number): SparseRows {
  return { ...matrix, weight: matrix.weight.map((weight) => weight * weightScale) };
}
