/** A fit without a database: matrices in, factors out, computed by threads while this one stays free. Used by the offline commands and the benches. */
import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FitDiverged, type FitStart, type Recipe } from '../../model/recipe.ts';
import type { Factors, SparseRows } from '../../model/matrix.ts';
import type { KernelChoice } from '../../model/kernels/create.ts';
import { createSharedMemory, FitTooLarge, notePlaced } from '../../model/shared-memory.ts';
import { placeFit, shapeOf, startedWith } from '../../model/fit-job.ts';
import type { FitJob } from './messages.ts';
import { checkThreads, runThreads, TrainingFailed } from './thread.ts';

export type { KernelChoice };

export interface FitOnThreadsOptions {
  /** Copied into the threads' memory piece by piece while this thread goes on: not to be changed before the fit has ended. Weights should have mean 1 (`scaleWeights`), or α₀ and λ mean something else. */
  byUser: SparseRows;
  recipe: Recipe;
  /** From 1. The factors do not depend on it. */
  threads: number;
  kernel?: KernelChoice;
  signal?: AbortSignal;
  onSweep?(sweep: number, of: number, seconds: number): void;
  /** Compute the objective after every sweep and after the closing exact user half-sweep. */
  objective?: boolean;
  /** Begin from these in place of a cold start. See `planStart`, where rows and factors are others. */
  start?: FitStart;
  /** Fit ratings: the constant beside the biases (`FitHooks.biases`). */
  biases?: number;
  /** Beyond so many bytes of shared memory the plain fit, on one thread, takes over; default: the 4 GiB that can be addressed. */
  limitBytes?: number;
}

/** The factors are views into memory that threads shared; nobody else writes it any more. */
export interface ThreadedFit {
  users: Factors;
  items: Factors;
  /** One value per sweep and one for the finished factors; present if asked for. */
  objective?: number[];
  kernel: 'wasm' | 'reference';
  threads: number;
  /** Matrices in memory → factors in memory, starting threads included, computing the objective left out. */
  seconds: number;
  secondsPerSweep: number[];
  /** Of the whole process since the sweep before, since the call for the first; where an objective is computed, with it. */
  cpuSecondsPerSweep: number[];
  /** Of the whole process meanwhile. */
  cpuSeconds: number;
  /** Highest resident size of the whole process so far. */
  peakBytes: number;
}

/**
 * @throws FitDiverged; RangeError for a recipe without a solution; TrainingFailed; the signal's reason when cancelled
 */
export async function fitOnThreads(options: FitOnThreadsOptions): Promise<ThreadedFit> {
  const { recipe, threads, kernel = 'auto', signal, objective = false, biases = null, limitBytes, onSweep } = options;
  signal?.throwIfAborted();
  checkThreads(threads);
  const startedMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let cpuMicros = cpuBefore.user + cpuBefore.system;
  const secondsPerSweep: number[] = [];
  const cpuSecondsPerSweep: number[] = [];
  const memory = createSharedMemory();
  const place = beginPlacing(memory, options);
  const matrix: FitJob['matrix'] = place === null ? { kind: 'sent', byUser: options.byUser, start: options.start } : { kind: 'placed', shape: shapeOf(options.byUser, recipe), started: startedWith(options.start) };
  // The threads take as long to start as a matrix of a few millions to be placed.
  const running = runThreads({
    job: { kind: 'fit', job: { matrix, recipe, objective, biases } },
    transfer: [],
    team: { threads, kernel, limitBytes, memory },
    signal,
    onMessage: (message) => {
      if (message.kind === 'sweep') {
        const cpuNow = process.cpuUsage();
        cpuSecondsPerSweep.push((cpuNow.user + cpuNow.system - cpuMicros) / 1e6);
        cpuMicros = cpuNow.user + cpuNow.system;
        secondsPerSweep.push(message.seconds);
        onSweep?.(message.sweep, message.of, message.seconds);
      }
      return message.kind === 'fitted' ? message : null;
    },
    failure: (failed) =>
      failed.code === 'diverged'
        ? new FitDiverged(failed.sweep, failed.side, failed.row)
        : failed.code === 'range'
          ? new RangeError(failed.message)
          : new TrainingFailed(failed.code, failed.message),
  });
  const [fitted] = await Promise.all([running, place === null ? undefined : finishPlacing(memory, place, signal)]);
  const cpu = process.cpuUsage(cpuBefore);
  return {
    users: fitted.users,
    items: fitted.items,
    ...(fitted.objective === null ? {} : { objective: fitted.objective }),
    ...fitted.computed,
    seconds: (performance.now() - startedMs) / 1000 - fitted.objectiveSeconds,
    secondsPerSweep,
    cpuSecondsPerSweep,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    peakBytes: readPeakBytes(),
  };
}

/** The matrix goes straight to where the threads will read it. Null: it is too large for that, and is sent to the thread that computes alone. */
function beginPlacing(memory: WebAssembly.Memory, { byUser, recipe, start, limitBytes }: FitOnThreadsOptions): Generator<void> | null {
  try {
    return placeFit(memory, byUser, recipe, start, limitBytes);
  } catch (error) {
    if (!(error instanceof FitTooLarge)) {
      throw error;
    }
    return null;
  }
}

/** A piece a turn of the event loop. */
async function finishPlacing(memory: WebAssembly.Memory, pieces: Generator<void>, signal: AbortSignal | undefined): Promise<void> {
  for (const _piece of pieces) {
    await nextTurn();
    signal?.throwIfAborted();
  }
  notePlaced(memory);
}

/** Linux counts into `maxRSS` what the process that started this one had resident; VmHWM is this program's own. */
function readPeakBytes(): number {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return Number(kibibytes ?? process.resourceUsage().maxRSS) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
