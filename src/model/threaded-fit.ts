/**
 * A fit by several threads over one shared memory. All of them run the same function, phase by phase, with a barrier after each; a phase's blocks of rows are
 * taken by an atomic counter. The thread that calls `fit` is one of them (number 0), the others wait in `serve`.
 *
 *   one half-sweep, Y fixed:  Gram of each block → blocks added in order → decomposition → Y ← YQ → every row of X
 *
 * Rows do not depend on one another, and whatever is summed over rows is summed by fixed blocks in their order: the same data and seed give the same bytes
 * with any number of threads.
 *
 * Unlike `fitIals`, rows start at 0 and not where they stand: the solved side then needs no turning into the new basis, a dense f² product a row. Twice the
 * steps make up for it, few rows need them all, and the shortest are solved exactly in any case.
 */
import { constantsLoss, fillBiasedStart, frozenColumn, startBlockRows } from './explicit.ts';
import { checkRecipe, type Fit, FitDiverged, type FitHooks, type Recipe, ridgeOf } from './ials.ts';
import type { Effort, Kernels } from './kernels/kernels.ts';
import { transposeInto, type SparseRows } from './matrix.ts';
import { createRandom } from './random.ts';
import {
  jobAt, jobNumbers, type Layout, layoutOf, messageAt, messageRoom, noRow, rowBlocks, type Shape, type SideAt, sumBlockRows, viewFactors, viewSparse, word,
} from './shared-memory.ts';

/**
 * What remains enters the objective squared. On 970,000 interactions of the generator, 30,000 × 40,000, 64 and 256 factors, 1e-3 and 1e-2 gave the same
 * objectives to five digits sweep by sweep, 1e-1 did not (2026-11). In small dense matrices 1e-2 leaves the fixed point 3e-4 above the exact one.
 */
const sweepTolerance = 1e-3;
/** The closing half-sweep: the second pass takes the first's error times 1e-5 again, down to float32's last digits. */
const exactEffort = (stride: number): Effort => ({ steps: 4 * stride + 32, tolerance: 1e-5, refinements: 1 });

/** Rows turned, or filled with the start, per grab of the counter. */
const turnBlockRows = 256;
/** Looks at a word before sleeping on it; a few microseconds. */
const spins = 400;

/** Another thread threw; its words are the message. */
export class ThreadCrashed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ThreadCrashed';
  }
}

/** What every thread knows of a job. */
interface Job {
  shape: Shape;
  recipe: Recipe;
  objective: boolean;
  /** Items are in place already. */
  started: boolean;
  /** Explicit ratings: the constant beside the biases. 0 = none. */
  biases: number;
}

export interface FitThread {
  /**
   * Thread 0: fits. The factors are views into the shared memory, valid until the next fit. Throws what `fitIals` throws, and `FitTooLarge`, `ThreadCrashed`.
   */
  fit(byUser: SparseRows, recipe: Recipe, hooks?: FitHooks): Fit;
  /** The other threads: takes part in every fit until the thread is ended. */
  serve(): never;
}

/** `kernels` are bound to `memory`; `thread` counts from 0. */
export function createFitThread(memory: WebAssembly.Memory, kernels: Kernels, thread: number, threads: number): FitThread {
  return {
    fit(byUser, recipe, hooks = {}) {
      checkRecipe(recipe);
      const { start } = hooks;
      if (start && (start.items.rows !== byUser.cols || start.items.factors !== recipe.factors)) {
        throw new RangeError(`the start must have ${byUser.cols} items of ${recipe.factors} factors`);
      }
      const { biases = 0 } = hooks;
      if (biases > 0 && (start || recipe.unobservedWeight !== 0 || recipe.factors < 3)) throw new RangeError('ratings are fitted without a start, with an unobserved weight of 0 and 3 columns or more');
      const shape: Shape = { userRows: byUser.rows, itemRows: byUser.cols, entries: byUser.index.length, factors: recipe.factors };
      const job: Job = { shape, recipe, objective: hooks.objective === true, started: start !== undefined, biases };
      const stride = Math.ceil(recipe.factors / 8) * 8;
      const layout = layoutOf(shape, threads, kernels.scratchBytes(stride));
      awaitHelpers(new Int32Array(memory.buffer, 0, 16), threads - 1);
      if (memory.buffer.byteLength < layout.bytes) memory.grow(Math.ceil((layout.bytes - memory.buffer.byteLength) / 65_536));
      placeMatrix(memory.buffer, layout, byUser, recipe);
      if (start) viewFactors(memory.buffer, layout.item, recipe.factors, stride).data.set(start.items.data);
      writeJob(memory.buffer, job);
      const words = new Int32Array(memory.buffer, 0, 16);
      words[word.failedRow] = noRow;
      Atomics.store(words, word.idle, 0);
      Atomics.add(words, word.job, 1);
      Atomics.notify(words, word.job);
      return runFit(memory, kernels, layout, job, thread, threads, hooks);
    },
    serve() {
      const words = new Int32Array(memory.buffer, 0, 16);
      for (;;) {
        const jobs = Atomics.load(words, word.job);
        Atomics.add(words, word.idle, 1);
        Atomics.notify(words, word.idle);
        while (Atomics.load(words, word.job) === jobs) Atomics.wait(words, word.job, jobs);
        const job = readJob(memory.buffer);
        const layout = layoutOf(job.shape, threads, kernels.scratchBytes(Math.ceil(job.shape.factors / 8) * 8));
        // another thread grew it; this one's view follows at its next interruption
        while (memory.buffer.byteLength < layout.bytes) Atomics.wait(words, word.generation, Atomics.load(words, word.generation), 1);
        try {
          runFit(memory, kernels, layout, job, thread, threads, {});
        } catch (error) {
          // Thread 0 throws the same; what only this one knows it was told through `crashed`.
          if (!(error instanceof FitDiverged || error instanceof ThreadCrashed)) throw error;
        }
      }
    },
  };
}

/** A fit begins only when all have left the one before. */
function awaitHelpers(words: Int32Array, helpers: number): void {
  for (let idle = Atomics.load(words, word.idle); idle < helpers; idle = Atomics.load(words, word.idle)) Atomics.wait(words, word.idle, idle);
}

function placeMatrix(buffer: SharedArrayBuffer, layout: Layout, byUser: SparseRows, recipe: Recipe): void {
  const entries = byUser.index.length;
  const users = viewSparse(buffer, layout.user, byUser.cols, entries);
  users.rowStart.set(byUser.rowStart);
  users.index.set(byUser.index);
  users.weight.set(byUser.weight);
  users.target.set(byUser.target);
  const items = viewSparse(buffer, layout.item, byUser.rows, entries);
  transposeInto(users, items);
  for (const [at, matrix] of [[layout.user, users], [layout.item, items]] as const) {
    const ridge = new Float64Array(buffer, at.ridge, at.rows);
    for (let r = 0; r < at.rows; r++) ridge[r] = ridgeOf(matrix.rowStart[r + 1]! - matrix.rowStart[r]!, matrix.cols, recipe);
    cutBlocks(matrix, new Int32Array(buffer, at.blockStart, rowBlocks + 1));
  }
}

/** What a row costs beside its entries, counted in entries. */
const rowCost = 8;

/** Blocks of about equal work; none is cut where a row alone is more. */
function cutBlocks({ rows, rowStart, index }: SparseRows, blockStart: Int32Array): void {
  const all = index.length + rows * rowCost;
  blockStart[0] = 0;
  let row = 0;
  for (let block = 1; block <= rowBlocks; block++) {
    const until = (all * block) / rowBlocks;
    while (row < rows && rowStart[row + 1]! + (row + 1) * rowCost <= until) row++;
    blockStart[block] = block === rowBlocks ? rows : row;
  }
}

function writeJob(buffer: SharedArrayBuffer, { shape, recipe, objective, started, biases }: Job): void {
  new Float64Array(buffer, jobAt, jobNumbers).set([
    shape.userRows, shape.itemRows, shape.entries, shape.factors, recipe.sweeps, recipe.stepsPerSweep, recipe.regularization, recipe.unobservedWeight,
    recipe.frequencyExponent, recipe.seed, objective ? 1 : 0, started ? 1 : 0, biases,
  ]);
}

function readJob(buffer: SharedArrayBuffer): Job {
  const [userRows, itemRows, entries, factors, sweeps, stepsPerSweep, regularization, unobservedWeight, frequencyExponent, seed, objective, started, biases] =
    new Float64Array(buffer, jobAt, jobNumbers) as unknown as [number, number, number, number, number, number, number, number, number, number, number, number, number];
  return {
    shape: { userRows, itemRows, entries, factors },
    recipe: { factors, sweeps, stepsPerSweep, regularization, unobservedWeight, frequencyExponent, seed },
    objective: objective === 1,
    started: started === 1,
    biases,
  };
}

/** The whole fit, as each thread runs it. */
function runFit(memory: WebAssembly.Memory, kernels: Kernels, layout: Layout, job: Job, thread: number, threads: number, hooks: FitHooks): Fit {
  const { buffer } = memory;
  const { shape, recipe } = job;
  const { stride, user, item, eigen } = layout;
  const words = new Int32Array(buffer, 0, 16);
  const gram = new Float64Array(buffer, layout.gram, stride * stride);
  const eigenvalues = new Float64Array(buffer, eigen.eigenvalues, stride);
  const dense = new Float64Array(buffer, layout.dense, stride);
  const scratch = layout.scratch + thread * layout.scratchBytes;
  const leads = thread === 0;
  const objectives: number[] = [];
  let phase = 0;

  /** Runs `work` for every block number that this thread gets hold of, then waits for the others. */
  const share = (blocks: number, work: (block: number) => void) => {
    const counter = word.counters + (phase & 7);
    phase++;
    try {
      for (let block = Atomics.add(words, counter, 1); block < blocks; block = Atomics.add(words, counter, 1)) work(block);
    } catch (error) {
      crash(buffer, words, error);
      throw error;
    }
    meet(buffer, words, counter, threads);
  };
  const alone = (work: () => void) => share(1, work);

  const sumGram = (side: SideAt) => {
    const rowsPerBlock = sumBlockRows(side.rows);
    const blocks = Math.ceil(side.rows / rowsPerBlock);
    const size = stride * stride;
    share(blocks, (block) => {
      const from = block * rowsPerBlock;
      kernels.gram(side.factors, stride, from, Math.min(side.rows, from + rowsPerBlock), scratch, layout.partialGrams + block * size * 8);
    });
    // a row of the Gram at a time: block after block, then its mirror image below the diagonal
    const partials = new Float64Array(buffer, layout.partialGrams, blocks * size);
    share(stride / 8, (eight) => {
      for (let i = eight * 8; i < eight * 8 + 8; i++) {
        const row = i * stride;
        gram.fill(0, row + i, row + stride);
        for (let at = row; at < partials.length; at += size) for (let j = i; j < stride; j++) gram[row + j]! += partials[at + j]!;
        for (let j = i + 1; j < stride; j++) gram[j * stride + i] = gram[row + j]!;
      }
    });
  };

  /** The decomposition does not end on NaN, so the Gram is looked at first. */
  const turnToAxes = (fixed: SideAt, side: 'user' | 'item', sweep: number, exactly: boolean) => {
    const told = new Int32Array(buffer, layout.losses, 1); // free outside an objective
    alone(() => {
      if (!gram.every(Number.isFinite)) {
        const { data } = viewFactors(buffer, fixed, shape.factors, stride);
        const at = data.findIndex((value) => !Number.isFinite(value));
        words[word.failedRow] = Math.max(0, Math.floor(at / stride));
        return;
      }
      new Float64Array(buffer, eigen.matrix, stride * stride).set(gram);
      told[0] = kernels.decompose(eigen, shape.factors, stride);
    });
    checkFailed(words, side, sweep);
    share(stride / 8, (eight) => kernels.eigenvectorRows(eigen, shape.factors, stride, told[0]!, eight * 8, scratch));
    alone(() => {
      kernels.packBasis(eigen.vectors, stride, layout.packed);
      for (let k = 0; k < stride; k++) dense[k] = recipe.unobservedWeight * eigenvalues[k]!;
    });
    share(Math.ceil(fixed.rows / turnBlockRows), (block) => {
      const from = block * turnBlockRows;
      const to = Math.min(fixed.rows, from + turnBlockRows);
      if (exactly) kernels.rotateExactly(fixed.factors, stride, from, to, eigen.vectors, scratch);
      else kernels.rotate(fixed.factors, stride, from, to, eigen.vectors, layout.packed, scratch);
    });
  };

  const solveSide = (side: 'user' | 'item', sweep: number, effort: Effort) => {
    const [solved, fixed] = side === 'user' ? [user, item] : [item, user];
    const blockStart = new Int32Array(buffer, solved.blockStart, rowBlocks + 1);
    const frozen = job.biases > 0 ? frozenColumn(side, shape.factors) : -1;
    share(rowBlocks, (block) => {
      const failed = kernels.solveRows(
        solved.factors, fixed.factors, stride, solved.sparse, blockStart[block]!, blockStart[block + 1]!, layout.dense, solved.ridge, effort, scratch, frozen,
      );
      if (failed >= 0) lower(words, word.failedRow, failed);
    });
    checkFailed(words, side, sweep);
  };

  /**
   * The objective where one side's Gram is the diagonal `other` and the other's is in `gram`: Σ_all (x·y)² = tr(XᵀX · YᵀY) then needs only both diagonals.
   */
  const addObjective = (other: Float64Array) => {
    const losses = layout.losses + 64;
    let everywhere = 0;
    for (let k = 0; k < stride; k++) everywhere += other[k]! * gram[k * stride + k]!;
    objectives.push(recipe.unobservedWeight * everywhere);
    for (const [place, side] of [[0, user], [1, user], [2, item]] as const) {
      const rowsPerBlock = sumBlockRows(side.rows);
      const blocks = Math.ceil(side.rows / rowsPerBlock);
      const sums = new Float64Array(buffer, losses, blocks);
      share(blocks, (block) => {
        const from = block * rowsPerBlock;
        const to = Math.min(side.rows, from + rowsPerBlock);
        sums[block] = place === 0 ? kernels.observedLoss(user.factors, item.factors, stride, user.sparse, from, to) : kernels.ridgeLoss(side.factors, stride, from, to, side.ridge);
      });
      for (let block = 0; block < blocks; block++) objectives[objectives.length - 1]! += sums[block]!;
      share(0, () => undefined); // nobody writes the next sums before all have read these
    }
  };

  const fitted = (): Fit => ({
    users: viewFactors(buffer, user, shape.factors, stride),
    items: viewFactors(buffer, item, shape.factors, stride),
    ...(job.objective ? { objective: objectives } : {}),
  });

  /** Ratings: no Gram and no axes to turn to; rows start where they stand, so a sweep does not raise the objective. */
  const sweepRatings = () => {
    const begin = (name: 'user' | 'item') => {
      const side = name === 'user' ? user : item;
      const { data } = viewFactors(buffer, side, shape.factors, stride);
      share(Math.ceil(side.rows / startBlockRows), (block) => fillBiasedStart(data, block, shape.factors, stride, recipe.seed, job.biases, name));
    };
    begin('user');
    begin('item');
    alone(() => {
      dense.fill(0);
      gram.fill(0); // for the objective, to which it adds nothing
    });
    const constants = constantsLoss(job.biases, [user, item].map((side) => new Float64Array(buffer, side.ridge, side.rows)));
    const note = () => {
      if (!job.objective) return;
      addObjective(dense);
      objectives[objectives.length - 1]! -= constants;
    };
    for (let sweep = 1; sweep <= recipe.sweeps; sweep++) {
      for (const side of ['user', 'item'] as const) solveSide(side, sweep, { steps: recipe.stepsPerSweep, tolerance: sweepTolerance, refinements: 0 });
      note();
      if (leads) hooks.onSweep?.(sweep, recipe.sweeps);
    }
    begin('user'); // as fold-in does, which knows no earlier solution
    solveSide('user', recipe.sweeps, exactEffort(stride));
    note();
  };
  if (job.biases > 0) {
    sweepRatings();
    return fitted();
  }

  const sweepEffort: Effort = { steps: 2 * recipe.stepsPerSweep, tolerance: sweepTolerance, refinements: 0 };
  if (!job.started) {
    const { data } = viewFactors(buffer, item, shape.factors, stride);
    share(Math.ceil(item.rows / turnBlockRows), (block) => fillRandom(data, block, shape.factors, stride, recipe.seed));
  }
  sumGram(item);
  for (let sweep = 1; sweep <= recipe.sweeps; sweep++) {
    turnToAxes(item, 'item', sweep, false);
    solveSide('user', sweep, sweepEffort);
    sumGram(user);
    turnToAxes(user, 'user', sweep, false);
    solveSide('item', sweep, sweepEffort);
    sumGram(item);
    if (job.objective) addObjective(eigenvalues);
    if (leads) hooks.onSweep?.(sweep, recipe.sweeps);
  }

  turnToAxes(item, 'item', recipe.sweeps, true);
  sumGram(item); // of the float32 numbers as they are stored now, which is what fold-in will see
  alone(() => {
    for (let k = 0; k < stride; k++) {
      eigenvalues[k] = gram[k * stride + k]!;
      dense[k] = recipe.unobservedWeight * eigenvalues[k]!;
    }
  });
  solveSide('user', recipe.sweeps, exactEffort(stride));
  if (job.objective) {
    sumGram(user);
    addObjective(eigenvalues);
  }
  return fitted();
}

function checkFailed(words: Int32Array, side: 'user' | 'item', sweep: number): void {
  const row = Atomics.load(words, word.failedRow);
  if (row !== noRow) throw new FitDiverged(sweep, side, row);
}

/** Uniform numbers about 0, seeded by block, so that any thread can make any block. */
function fillRandom(data: Float32Array, block: number, factors: number, stride: number, seed: number): void {
  const random = createRandom(seed + block * 0x1_0000_0001);
  const scale = (0.2 * Math.sqrt(3)) / Math.sqrt(factors); // the deviation of fitIals' start
  const to = Math.min(data.length, (block + 1) * turnBlockRows * stride);
  for (let base = block * turnBlockRows * stride; base < to; base += stride) {
    for (let k = 0; k < factors; k++) data[base + k] = scale * (random.uniform() - 0.5);
    data.fill(0, base + factors, base + stride);
  }
}

/** The barrier: the last to arrive opens it, and sets back the phase's counter, which is used again eight phases on. */
function meet(buffer: SharedArrayBuffer, words: Int32Array, counter: number, threads: number): void {
  const generation = Atomics.load(words, word.generation);
  if (Atomics.add(words, word.arrived, 1) === threads - 1) {
    Atomics.store(words, counter, 0);
    Atomics.store(words, word.arrived, 0);
    Atomics.add(words, word.generation, 1);
    Atomics.notify(words, word.generation);
  } else {
    let looks = 0;
    while (Atomics.load(words, word.generation) === generation) {
      if (Atomics.load(words, word.crashed) === 1) break;
      if (++looks > spins) Atomics.wait(words, word.generation, generation);
    }
  }
  if (Atomics.load(words, word.crashed) === 1) throw new ThreadCrashed(readMessage(buffer, words));
}

/** Lets the others know, and wakes them: they would wait for ever. */
function crash(buffer: SharedArrayBuffer, words: Int32Array, error: unknown): void {
  const bytes = new TextEncoder().encode(error instanceof Error ? error.message : String(error)).subarray(0, messageRoom);
  new Uint8Array(buffer, messageAt, messageRoom).set(bytes);
  words[word.messageLength] = bytes.length;
  Atomics.store(words, word.crashed, 1);
  Atomics.add(words, word.generation, 1);
  Atomics.notify(words, word.generation);
}

function readMessage(buffer: SharedArrayBuffer, words: Int32Array): string {
  return new TextDecoder().decode(new Uint8Array(buffer, messageAt, words[word.messageLength]!).slice());
}

/** words[at] = min(words[at], value) */
function lower(words: Int32Array, at: number, value: number): void {
  for (let found = Atomics.load(words, at); value < found; ) {
    const before = Atomics.compareExchange(words, at, found, value);
    if (before === found) return;
    found = before;
  }
}
