/**
 * What a fit is given: where the matrix and the factors to begin from lie in the shared memory, who puts them there, and the numbers of the job that every thread reads. The caller's thread uses
 * this much of a fit and no more.
 */
import { checkRecipe, type FitHooks, type FitStart, type Recipe } from './recipe.ts';
import type { FactorPieces, Factors, SparseRows } from './matrix.ts';
import { growTo, jobAt, jobNumbers, type Layout, layoutOf, type Shape, sharedMemoryLimit, viewFactors, viewSparse } from './shared-memory.ts';

/** Whose factors are in place before a fit begins: nobody's, the items', those of both. */
export type Started = 'none' | 'items' | 'both';
const startedByNumber: readonly Started[] = ['none', 'items', 'both'];

export function startedWith(start: FitStart | undefined): Started {
  return start === undefined ? 'none' : start.users === undefined ? 'items' : 'both';
}

/** What every thread knows of a job. */
export interface Job {
  shape: Shape;
  recipe: Recipe;
  objective: boolean;
  started: Started;
  /** Explicit ratings: the constant beside the biases. 0 = none. */
  biases: number;
}

/** Numbers copied before the caller may look up: about a millisecond. */
const pieceLength = 1 << 19;

/**
 * Makes room for matrix and start where a fit will look for them, and returns what puts them there: piece by piece, so that the caller's thread can do other things
 * in between. Nothing is copied a second time. Threads may be started meanwhile; they wait for `notePlaced`. Throws `FitTooLarge`, and RangeError for a start of
 * another shape.
 */
export function placeFit(memory: WebAssembly.Memory, byUser: SparseRows, recipe: Recipe, start: FitStart | undefined, limitBytes = sharedMemoryLimit): Generator<void> {
  checkRecipe(recipe);
  checkStart({ start }, byUser, recipe);
  const layout = layoutOf(shapeOf(byUser, recipe), 0, 0, limitBytes);
  growTo(memory, layout.bytes);
  return copyIn(memory.buffer, layout, byUser, start);
}

/** What `placeFit` has put there. */
export function viewPlaced(memory: WebAssembly.Memory, shape: Shape): { byUser: SparseRows; users: Factors; items: Factors } {
  const layout = layoutOf(shape, 0, 0);
  return {
    byUser: viewSparse(memory.buffer, layout.user, shape.itemRows, shape.entries),
    users: viewFactors(memory.buffer, layout.user, shape.factors, layout.stride),
    items: viewFactors(memory.buffer, layout.item, shape.factors, layout.stride),
  };
}

export function shapeOf(byUser: SparseRows, recipe: Recipe): Shape {
  return { userRows: byUser.rows, itemRows: byUser.cols, entries: byUser.index.length, factors: recipe.factors };
}

/** Throws RangeError for a start of another shape, and for ratings that cannot be fitted so. */
export function checkStart({ start, biases = 0 }: FitHooks, byUser: SparseRows, recipe: Recipe): void {
  const fits = (factors: Factors | FactorPieces | undefined, rows: number) => factors === undefined || (factors.rows === rows && factors.factors === recipe.factors);
  if (!fits(start?.items, byUser.cols) || !fits(start?.users, byUser.rows)) {
    throw new RangeError(`the start must have ${byUser.rows} users and ${byUser.cols} items of ${recipe.factors} factors`);
  }
  if (biases > 0 && (start !== undefined || recipe.unobservedWeight !== 0 || recipe.factors < 3)) {
    throw new RangeError('ratings are fitted without a start, with an unobserved weight of 0 and 3 columns or more');
  }
}

/** A piece each time it is asked. */
export function* copyIn(buffer: SharedArrayBuffer, layout: Layout, byUser: SparseRows, start: FitStart | undefined): Generator<void> {
  const users = viewSparse(buffer, layout.user, byUser.cols, byUser.index.length);
  const copies: [Int32Array | Float32Array, Int32Array | Float32Array][] = [
    [byUser.rowStart, users.rowStart], [byUser.index, users.index], [byUser.weight, users.weight], [byUser.target, users.target],
  ];
  for (const [factors, at] of [[start?.items, layout.item], [start?.users, layout.user]] as const) {
    if (!factors) continue;
    const { data } = viewFactors(buffer, at, factors.factors, layout.stride);
    let begin = 0;
    for (const piece of 'pieces' in factors ? factors.pieces : [factors.data]) {
      copies.push([piece, data.subarray(begin, begin + piece.length)]);
      begin += piece.length;
    }
  }
  let copied = 0;
  for (const [from, to] of copies) {
    for (let at = 0; at < from.length; at += pieceLength) {
      const piece = from.subarray(at, at + pieceLength);
      to.set(piece, at);
      copied += piece.length;
      if (copied < pieceLength) continue;
      copied = 0;
      yield;
    }
  }
}

export function writeJob(buffer: SharedArrayBuffer, { shape, recipe, objective, started, biases }: Job): void {
  new Float64Array(buffer, jobAt, jobNumbers).set([
    shape.userRows, shape.itemRows, shape.entries, shape.factors, recipe.sweeps, recipe.stepsPerSweep, recipe.regularization, recipe.unobservedWeight,
    recipe.frequencyExponent, recipe.seed, objective ? 1 : 0, startedByNumber.indexOf(started), biases,
  ]);
}

export function readJob(buffer: SharedArrayBuffer): Job {
  const [userRows, itemRows, entries, factors, sweeps, stepsPerSweep, regularization, unobservedWeight, frequencyExponent, seed, objective, started, biases] =
    new Float64Array(buffer, jobAt, jobNumbers) as unknown as [number, number, number, number, number, number, number, number, number, number, number, number, number];
  return {
    shape: { userRows, itemRows, entries, factors },
    recipe: { factors, sweeps, stepsPerSweep, regularization, unobservedWeight, frequencyExponent, seed },
    objective: objective === 1,
    started: startedByNumber[started]!,
    biases,
  };
}
