/**
 * The one memory of a fit on threads: control words first, then both sides of the matrix, the factors, and what the phases need, each at a multiple of 64
 * bytes. Every thread derives the same layout from the same few numbers, so no offset travels.
 */
import { type EigenAt, eigenWorkBytes, type SparseAt } from './kernels/kernels.ts';
import type { Factors, SparseRows } from './matrix.ts';

/** Pages of 64 KiB: 4 GiB, all that 32-bit offsets reach. The address space is reserved, the memory is taken when used. */
const maximumPages = 65_536;
export const sharedMemoryLimit = maximumPages * 65_536;

export function createSharedMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared: true });
}

/** Room for a layout; what is added is 0. Every thread sees it at its next look at `memory.buffer`. */
export function growTo(memory: WebAssembly.Memory, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
}

/** A fit needs more shared memory than there may be. */
export class FitTooLarge extends Error {
  constructor(bytes: number, limitBytes: number) {
    super(`The fit needs ${(bytes / 2 ** 30).toPrecision(2)} GiB of shared memory; threads can address ${(limitBytes / 2 ** 30).toPrecision(2)}.`);
    this.name = 'FitTooLarge';
  }
}

/** Control words, int32, by index. */
export const word = {
  /** Counts jobs up; helpers wait on it. */
  job: 0,
  arrived: 1,
  generation: 2,
  /** 1: a thread has thrown; the message's bytes follow the words. */
  crashed: 3,
  messageLength: 4,
  /** First row without a finite solution, `noRow` = none. */
  failedRow: 5,
  /** Helpers that wait for a job. */
  idle: 6,
  /** 1: what a caller puts into the memory before a fit is there. */
  placed: 7,
  /** Eight counters, one a phase, used in turn. */
  counters: 8,
} as const;
export const noRow = 0x7fff_ffff;

export function notePlaced(memory: WebAssembly.Memory): void {
  const words = new Int32Array(memory.buffer, 0, 16);
  Atomics.store(words, word.placed, 1);
  Atomics.notify(words, word.placed);
}

/** Workers only: it blocks. */
export function awaitPlaced(memory: WebAssembly.Memory): void {
  const words = new Int32Array(memory.buffer, 0, 16);
  while (Atomics.load(words, word.placed) === 0) Atomics.wait(words, word.placed, 0);
}

/** Bytes: 16 words, numbers of the job (float64), a crash's message. */
export const jobAt = 256;
export const jobNumbers = 16;
export const messageAt = 1024;
export const messageRoom = 1024;
const headerBytes = 4096;

/** Rows whose Gram or loss is summed in one piece: by the number of rows alone, never by the threads, because sums depend on it. */
export function sumBlockRows(rows: number): number {
  return Math.max(512, Math.ceil(rows / 32 / 128) * 128);
}

export function strideOf(factors: number): number {
  return Math.ceil(factors / 8) * 8;
}

export interface Shape {
  userRows: number;
  itemRows: number;
  entries: number;
  factors: number;
}

export interface SideAt {
  rows: number;
  sparse: SparseAt;
  factors: number;
  /** λ by row, float64. */
  ridge: number;
  /** Beginnings of the row blocks that threads take one at a time, int32, `blocks` + 1. */
  blockStart: number;
}

export interface Layout {
  stride: number;
  /** Matrix and factors come first, at places that follow from the shape alone: whoever knows it can put them there before any thread runs. */
  user: SideAt;
  item: SideAt;
  /** One float64 matrix a sum block. */
  partialGrams: number;
  /** float64 matrices and vectors of `stride`. */
  gram: number;
  eigen: EigenAt;
  packed: number;
  dense: number;
  /** 64 bytes for what a decomposition must tell, then one float64 a sum block. */
  losses: number;
  scratch: number;
  scratchBytes: number;
  bytes: number;
}

/** Row blocks a side: enough that the last one is short beside the whole. */
export const rowBlocks = 512;

/** Throws `FitTooLarge` beyond `limitBytes`, or where memory ends. */
export function layoutOf(shape: Shape, threads: number, scratchBytes: number, limitBytes = sharedMemoryLimit): Layout {
  const { userRows, itemRows, entries, factors } = shape;
  const stride = strideOf(factors);
  let at = headerBytes;
  const take = (bytes: number) => {
    const here = at;
    at += Math.ceil(bytes / 64) * 64;
    return here;
  };
  const side = (rows: number): SideAt => ({
    rows,
    sparse: { rowStart: take((rows + 1) * 4), index: take(entries * 4), weight: take(entries * 4), target: take(entries * 4) },
    factors: take(rows * stride * 4),
    ridge: take(rows * 8),
    blockStart: take((rowBlocks + 1) * 4),
  });
  const sumBlocks = Math.max(...[userRows, itemRows].map((rows) => Math.ceil(rows / sumBlockRows(rows))), 1);
  const matrix = stride * stride * 8;
  const layout = {
    stride,
    user: side(userRows),
    item: side(itemRows),
    partialGrams: take(sumBlocks * matrix),
    gram: take(matrix),
    eigen: { matrix: take(matrix), eigenvalues: take(stride * 8), vectors: take(matrix), work: take(eigenWorkBytes(stride)) },
    packed: take(stride * stride * 4),
    dense: take(stride * 8),
    losses: take(64 + sumBlocks * 8),
    scratch: take(threads * Math.ceil(scratchBytes / 64) * 64),
    scratchBytes: Math.ceil(scratchBytes / 64) * 64,
  };
  if (at > limitBytes) throw new FitTooLarge(at, limitBytes);
  return { ...layout, bytes: at };
}

export function viewSparse(buffer: SharedArrayBuffer, at: SideAt, cols: number, entries: number): SparseRows {
  return {
    rows: at.rows,
    cols,
    rowStart: new Int32Array(buffer, at.sparse.rowStart, at.rows + 1),
    index: new Int32Array(buffer, at.sparse.index, entries),
    weight: new Float32Array(buffer, at.sparse.weight, entries),
    target: new Float32Array(buffer, at.sparse.target, entries),
  };
}

export function viewFactors(buffer: SharedArrayBuffer, at: SideAt, factors: number, stride: number): Factors {
  return { rows: at.rows, factors, stride, data: new Float32Array(buffer, at.factors, at.rows * stride) };
}
