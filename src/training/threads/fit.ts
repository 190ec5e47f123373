/** A fit without a database: matrices in, factors out, computed by threads while this one stays free. Used by the offline commands and the benches. */
import { FitDiverged, type Recipe } from '../../model/ials.ts';
import type { Factors, SparseRows } from '../../model/matrix.ts';
import type { KernelChoice } from '../../model/kernels/kernels.ts';
import { runThreads, TrainingFailed } from './thread.ts';

export type { KernelChoice };

export interface FitOnThreadsOptions {
  /** Copied, not changed. Weights should have mean 1 (`scaleWeights`), or α₀ and λ mean something else. */
  byUser: SparseRows;
  recipe: Recipe;
  /** From 1. The factors do not depend on it. */
  threads: number;
  kernel?: KernelChoice;
  signal?: AbortSignal;
  onSweep?(sweep: number, of: number, seconds: number): void;
  /** Compute the objective after every sweep and after the closing exact user half-sweep. */
  objective?: boolean;
  /** Begin here in place of random items. */
  start?: { users?: Factors; items: Factors };
  /** Fit ratings: the constant beside the biases (`FitHooks.biases`). */
  biases?: number;
}

/** The factors are views into memory that threads shared; nobody else writes it any more. */
export interface ThreadedFit {
  users: Factors;
  items: Factors;
  /** One value per sweep and one for the finished factors; present if asked for. */
  objective?: number[];
  kernel: 'wasm' | 'reference';
  threads: number;
  /** Matrices in memory → factors in memory, starting threads included. */
  seconds: number;
  secondsPerSweep: number[];
  /** Of the whole process meanwhile. */
  cpuSeconds: number;
  /** Highest resident size of the whole process so far. */
  peakBytes: number;
}

/**
 * @throws FitDiverged; RangeError for a recipe without a solution; TrainingFailed; the signal's reason when cancelled
 */
export async function fitOnThreads(options: FitOnThreadsOptions): Promise<ThreadedFit> {
  const { byUser, recipe, threads, kernel = 'auto', signal, objective = false, start, biases, onSweep } = options;
  const startedMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const secondsPerSweep: number[] = [];
  const fitted = await runThreads({
    job: { kind: 'fit', job: { byUser, recipe, objective, start: start ?? null, biases: biases ?? null } },
    transfer: [],
    team: { threads, kernel },
    signal,
    onMessage: (message) => {
      if (message.kind === 'sweep') {
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
  const cpu = process.cpuUsage(cpuBefore);
  return {
    users: fitted.users,
    items: fitted.items,
    ...(fitted.objective === null ? {} : { objective: fitted.objective }),
    ...fitted.computed,
    seconds: (performance.now() - startedMs) / 1000,
    secondsPerSweep,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}
