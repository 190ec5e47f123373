/**
 * A fit by several threads over one shared memory. All of them run the same function, phase by phase, with a barrier after each; a phase's blocks of rows are
 * taken by an atomic counter. The thread that calls `fit` is one of them (number 0), the others wait in `serve`.
 *
 *   one half-sweep, Y fixed:  Gram of each block → blocks added in order → decomposition → Y ← YQ → every row of X
 *
 * Rows do not depend on one another, and whatever is summed over rows is summed by fixed blocks in their order: the same data and seed give the same bytes
 * with any number of threads.
 *
 * Two things make it need a third of the sweeps of `fitIals`:
 *
 * - A start that knows the data. Two steps of subspace iteration on I + RᵀR, R the weighted targets (Halko, Martinsson, Tropp 2011, §4.5), with the axes
 *   evened out between them and then set to the lengths that balance both sides. Each costs two passes over the entries, no row is solved.
 * - Over-relaxation (Young 1971, ch. 5, for two blocks; each block's problem is quadratic, so any ω in (0, 2) lowers the objective): a row goes ω of the way
 *   from where it stood to its solution. That takes turning the solved side into the new basis as well, an f² product a row, which the steps of conjugate
 *   gradients saved by starting there about pay for. The first sweep and the last item half-sweep go just to the solution.
 */
import { constantsLoss, fillBiasedStart, frozenColumn, startBlockRows } from './biased-rows.ts';
import { checkStart, copyIn, type Job, readJob, shapeOf, startedWith, writeJob } from './fit-job.ts';
import { checkRecipe, type Fit, FitDiverged, type FitHooks, type Recipe, ridgeOf } from './recipe.ts';
import type { Effort, Kernels } from './kernels/kernels.ts';
import { countColumns, type SparseRows, transposeColumns } from './matrix.ts';
import { createRandom } from './random.ts';
import {
  growTo, type Layout, layoutOf, noRow, rowBlocks, sharedMemoryLimit, type SideAt, strideOf, sumBlockRows,
  viewFactors, viewSparse, word,
} from './shared-memory.ts';
import { crash, lower, meet, ThreadCrashed } from './thread-barrier.ts';

/**
 * Residuals that end a row early, relative to its start's. What remains enters the objective squared. On 970,000 interactions of the generator, 30,000 ×
 * 40,000, 64 and 256 factors, three sweeps: 0.03, 0.1 and 0.3 end at objectives within 0.02 % of one another (2026-11).
 */
const coldTolerance = 1e-3;
const warmTolerance = 0.1;
/**
 * ω of successive over-relaxation. The same data, three sweeps, 64 / 128 / 256 factors: 1.4 ends 0.04 % above 1.6, 1.7 within 0.005 % of it; without (1) it
 * takes five sweeps to come as low.
 */
const relaxation = 1.6;
/**
 * The closing half-sweep. With 3e-6 the furthest of 2,300 users is 5e-6 from its fold-in (970,000 interactions, 128 factors; 7e-6 with α₀ = 0.01), with 1e-5 2e-5, and a tenth of that with
 * 1e-6. Most rows stand near their solution, and one pass does it.
 */
const exactEffort = (stride: number): Effort => ({ warm: true, steps: 4 * stride + 32, tolerance: 3e-6, relaxation: 1, exactPasses: 2 });
/** An axis with less than this share of the longest's eigenvalue is not stretched further: it may be rounding. */
const flatAxis = 1e-10;

/** One item in so many tells how long the axes are, where that need not be exact. */
const sampled = 8;
/** Rows turned, or filled with the start, per grab of the counter. */
const turnBlockRows = 256;
export interface FitThread {
  /**
   * Thread 0: fits. `placed`: matrix and start are `viewPlaced`'s and stay where they are, else they are copied into the memory. The factors are views into
   * the shared memory, valid until the next fit. Throws what `fitIals` throws, and `FitTooLarge`, `ThreadCrashed`.
   */
  fit(byUser: SparseRows, recipe: Recipe, hooks?: FitHooks, placed?: boolean): Fit;
  /** The other threads: takes part in every fit until the thread is ended. */
  serve(): never;
}

/** `kernels` are bound to `memory`; `thread` counts from 0; a fit that needs more than `limitBytes` is refused with `FitTooLarge`. */
export function createFitThread(memory: WebAssembly.Memory, kernels: Kernels, thread: number, threads: number, limitBytes = sharedMemoryLimit): FitThread {
  return {
    fit(byUser, recipe, hooks = {}, placed = false) {
      checkRecipe(recipe);
      checkStart(hooks, byUser, recipe);
      const shape = shapeOf(byUser, recipe);
      const job: Job = { shape, recipe, objective: hooks.objective === true, started: startedWith(hooks.start), biases: hooks.biases ?? 0 };
      const layout = layoutOf(shape, threads, kernels.scratchBytes(strideOf(recipe.factors)), limitBytes);
      awaitHelpers(new Int32Array(memory.buffer, 0, 16), threads - 1);
      growTo(memory, layout.bytes);
      if (!placed) for (const _piece of copyIn(memory.buffer, layout, byUser, hooks.start)) continue;
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
        const layout = layoutOf(job.shape, threads, kernels.scratchBytes(strideOf(job.shape.factors)), limitBytes);
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

  /** The other side of the matrix, a range of columns a thread, and what follows from both sides for their rows. */
  const prepareSides = () => {
    const users = viewSparse(buffer, user, shape.itemRows, shape.entries);
    const items = viewSparse(buffer, item, shape.userRows, shape.entries);
    const prepareRows = (at: SideAt, matrix: SparseRows) => {
      const ridge = new Float64Array(buffer, at.ridge, at.rows);
      for (let r = 0; r < at.rows; r++) ridge[r] = ridgeOf(matrix.rowStart[r + 1]! - matrix.rowStart[r]!, matrix.cols, recipe);
      cutBlocks(matrix, new Int32Array(buffer, at.blockStart, rowBlocks + 1));
    };
    share(2, (part) => (part === 0 ? countColumns(users, items.rowStart) : prepareRows(user, users)));
    const columnAt = (entry: number) => {
      let column = 0;
      while (column < items.rows && items.rowStart[column]! < entry) column++;
      return column;
    };
    share(threads, (part) => transposeColumns(users, items, columnAt((shape.entries * part) / threads), part === threads - 1 ? items.rows : columnAt((shape.entries * (part + 1)) / threads)));
    alone(() => prepareRows(item, items));
  };

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

  /**
   * Turns `fixed`, whose Gram is in `gram`, to its principal axes, and `along` with it. The decomposition does not end on NaN, so the Gram is looked at first.
   * `scaleOf` stretches an axis by its eigenvalue.
   */
  const turnToAxes = (fixed: SideAt, side: 'user' | 'item', sweep: number, along: SideAt | null, scaleOf?: (eigenvalue: number) => number) => {
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
      if (scaleOf) scaleAxes(new Float64Array(buffer, eigen.vectors, stride * stride), eigenvalues, shape.factors, stride, scaleOf);
      kernels.packBasis(eigen.vectors, stride, layout.packed);
      for (let k = 0; k < stride; k++) dense[k] = recipe.unobservedWeight * eigenvalues[k]!;
    });
    const blocks = Math.ceil(fixed.rows / turnBlockRows);
    share(blocks + (along === null ? 0 : Math.ceil(along.rows / turnBlockRows)), (block) => {
      const turned = block < blocks ? fixed : along!;
      const from = (block < blocks ? block : block - blocks) * turnBlockRows;
      kernels.rotate(turned.factors, stride, from, Math.min(turned.rows, from + turnBlockRows), eigen.vectors, layout.packed, scratch);
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

  /** Y ← Y + Rᵀ(RY), R the weighted targets: the right-hand sides of both sides' systems, without solving them. */
  const multiply = () => {
    for (const [side, grown, fixed] of [['user', user, item], ['item', item, user]] as const) {
      const blockStart = new Int32Array(buffer, grown.blockStart, rowBlocks + 1);
      const factors = new Float32Array(buffer, grown.factors, grown.rows * stride);
      share(rowBlocks, (block) => {
        const from = blockStart[block]!;
        const to = blockStart[block + 1]!;
        if (side === 'user') factors.fill(0, from * stride, to * stride);
        const failed = kernels.project(grown.factors, fixed.factors, stride, grown.sparse, from, to);
        if (failed >= 0) lower(words, word.failedRow, failed);
      });
      checkFailed(words, side, 1);
    }
  };

  const cold: Effort = { warm: false, steps: 2 * recipe.stepsPerSweep, tolerance: coldTolerance, relaxation: 1, exactPasses: 0 };
  const warm: Effort = { warm: true, steps: recipe.stepsPerSweep, tolerance: warmTolerance, relaxation: 1, exactPasses: 0 };
  const beyond: Effort = { ...warm, relaxation };
  const fitted = (): Fit => ({
    users: viewFactors(buffer, user, shape.factors, stride),
    items: viewFactors(buffer, item, shape.factors, stride),
    ...(job.objective ? { objective: objectives } : {}),
  });

  prepareSides();

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
      if (leads) hooks.onObjective?.(true);
      addObjective(dense);
      objectives[objectives.length - 1]! -= constants;
      if (leads) hooks.onObjective?.(false);
    };
    for (let sweep = 1; sweep <= recipe.sweeps; sweep++) {
      for (const side of ['user', 'item'] as const) solveSide(side, sweep, sweep === 1 ? warm : beyond);
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

  /**
   * Users whose row is 0, against the items as they were handed over. Those lie in their eigenbasis but for what came and went, and any start near the solution
   * will do: the Gram's diagonal, of a part of them, stands for the Gram.
   */
  const solveNewUsers = () => {
    alone(() => {
      const { data: items } = viewFactors(buffer, item, shape.factors, stride);
      dense.fill(0);
      for (let base = 0; base < items.length; base += stride * sampled) for (let k = 0; k < stride; k++) dense[k]! += recipe.unobservedWeight * sampled * items[base + k]! ** 2;
    });
    const { data } = viewFactors(buffer, user, shape.factors, stride);
    const isNew = (row: number) => data.subarray(row * stride, (row + 1) * stride).every((value) => value === 0);
    const blockStart = new Int32Array(buffer, user.blockStart, rowBlocks + 1);
    share(rowBlocks, (block) => {
      const to = blockStart[block + 1]!;
      for (let row = blockStart[block]!; row < to; row++) {
        if (data[row * stride] !== 0 || !isNew(row)) continue;
        const failed = kernels.solveRows(user.factors, item.factors, stride, user.sparse, row, row + 1, layout.dense, user.ridge, cold, scratch);
        if (failed >= 0) lower(words, word.failedRow, failed);
      }
    });
    checkFailed(words, 'user', 1);
  };

  if (job.started === 'none') {
    const { data } = viewFactors(buffer, item, shape.factors, stride);
    share(Math.ceil(item.rows / turnBlockRows), (block) => fillRandom(data, block, shape.factors, stride, recipe.seed));
    multiply();
    sumGram(item);
    turnToAxes(item, 'item', 1, null, (eigenvalue) => eigenvalue ** -0.5);
    multiply();
  }
  if (job.started !== 'both') sumGram(item);
  for (let sweep = 1; sweep <= recipe.sweeps; sweep++) {
    const [first, last] = [sweep === 1, sweep === recipe.sweeps];
    if (first && job.started === 'both') {
      solveNewUsers();
    } else {
      turnToAxes(item, 'item', sweep, first ? null : user, first && job.started === 'none' ? (eigenvalue) => eigenvalue ** (-3 / 8) : undefined);
      solveSide('user', sweep, first ? cold : beyond);
    }
    sumGram(user);
    turnToAxes(user, 'user', sweep, item);
    solveSide('item', sweep, first || last ? warm : beyond);
    sumGram(item);
    if (job.objective) {
      if (leads) hooks.onObjective?.(true);
      addObjective(eigenvalues);
      if (leads) hooks.onObjective?.(false);
    }
    if (leads) hooks.onSweep?.(sweep, recipe.sweeps);
  }

  // Twice: the first time leaves float32's errors of the long axes in the short ones.
  turnToAxes(item, 'item', recipe.sweeps, user);
  sumGram(item);
  turnToAxes(item, 'item', recipe.sweeps, null);
  sumGram(item); // of the float32 numbers as they are stored now, which is what fold-in will see
  alone(() => {
    for (let k = 0; k < stride; k++) {
      eigenvalues[k] = gram[k * stride + k]!;
      dense[k] = recipe.unobservedWeight * eigenvalues[k]!;
    }
  });
  solveSide('user', recipe.sweeps, exactEffort(stride));
  if (job.objective) {
    if (leads) hooks.onObjective?.(true);
    sumGram(user);
    addObjective(eigenvalues);
    if (leads) hooks.onObjective?.(false);
  }
  return fitted();
}

/** Axes times a factor each; the eigenvalues, which are squared lengths, follow. */
function scaleAxes(vectors: Float64Array, eigenvalues: Float64Array, factors: number, stride: number, scaleOf: (eigenvalue: number) => number): void {
  const least = Math.max(eigenvalues[0]! * flatAxis, Number.MIN_VALUE);
  for (let k = 0; k < factors; k++) {
    const scale = scaleOf(Math.max(eigenvalues[k]!, least));
    for (let row = 0; row < factors; row++) vectors[row * stride + k]! *= scale;
    eigenvalues[k]! *= scale * scale;
  }
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
