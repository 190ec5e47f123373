/**
 * One training run, from the lock to the live model:
 *
 *   lock (one run at a time over all replicas) → row in training_runs → extract (REPEATABLE READ; its snapshot is the watermark) → thread: data-quality report, split, fit, evaluate,
 *   refit, snapshot → publish, on the lock's own connection.
 *
 * A run with too little data ends with what is missing, and with its data-quality report. A run that fails or is cancelled leaves the live model alone and says why in its row.
 */
import { availableParallelism } from 'node:os';
import type pg from 'pg';
import { DEFAULT_RECIPE, type Recipe } from '../model/recipe.ts';
import type { KernelChoice } from '../model/kernels/create.ts';
import type { QualityMinimums } from '../model/quality/findings.ts';
import type { QualityReport } from '../model/quality/report.ts';
import { extractTrainingData } from '../storage/extract.ts';
import { RunNoLongerOurs, findLiveModel, findModel, loadModelPart, publishModel } from '../storage/models.ts';
import { findRunQuality } from '../storage/quality-reports.ts';
import { type TrainingLock, endRun, noteProgress, startRun, takeTrainingLock } from '../storage/training-runs.ts';
import type { IdColumns, TrainJob } from './threads/messages.ts';
import { TrainingFailed, trainInThread } from './threads/thread.ts';

export type StartedBy = 'schedule' | 'events' | 'api' | 'cli' | 'start';

export type RunResult =
  | { readonly state: 'published'; readonly runNo: number; readonly version: number; readonly report: Readonly<Record<string, unknown>> }
  | { readonly state: 'failed' | 'cancelled'; readonly runNo: number; readonly code: string; readonly message: string };

export interface RunOptions {
  readonly connectionString: string;
  readonly systemIdentifier: string;
  readonly startedBy: StartedBy;
  readonly recipe?: Recipe;
  /** Threads to fit with, from 1 (`threadsOf`); default 1. The model does not depend on it. */
  readonly threads?: number;
  readonly kernel?: KernelChoice;
  /** Below these a run ends with what is missing. Without them: below what has a solution at all. */
  readonly minimums?: QualityMinimums;
  /** Every so-manieth version begins cold, the others may go on from the live one; 1: all. Default 7. */
  readonly coldEvery?: number;
  readonly now: () => number;
  readonly onProgress?: (phase: string, progress: number, secondsLeft: number | null) => void;
}

export interface StartedRun {
  readonly runNo: number;
  readonly finished: Promise<RunResult>;
  cancel(): void;
}

/** Share of a run's time that reading takes; the rest is the thread's. */
const EXTRACT_SHARE = 0.15;
const NOTE_INTERVAL_MS = 500;
const DEFAULT_COLD_EVERY = 7;

class RunCancelled extends Error {
  constructor() {
    super('The run was cancelled.');
    this.name = 'RunCancelled';
  }
}

/** Threads for a setting of 0: one less than the machine's cores where this process also answers, all of them where it only trains. */
export function threadsOf(setting: number, answersToo: boolean): number {
  return setting > 0 ? setting : Math.max(1, availableParallelism() - (answersToo ? 1 : 0));
}

/** @returns null where another run is under way, in this process or elsewhere */
export async function startTrainingRun(options: RunOptions): Promise<StartedRun | null> {
  const lock = await takeTrainingLock(options.connectionString);
  if (lock === null) {
    return null;
  }
  let runNo: number;
  try {
    runNo = await startRun(lock.connection, options.startedBy);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const controller = new AbortController();
  return {
    runNo,
    finished: carryOut(options, lock, runNo, controller).finally(async () => await lock.release()),
    cancel: () => controller.abort(new RunCancelled()),
  };
}

async function carryOut(options: RunOptions, lock: TrainingLock, runNo: number, controller: AbortController): Promise<RunResult> {
  const notes = createNotes(options, lock, runNo, controller);
  const { signal } = controller;
  let quality: QualityReport | null = null;
  try {
    notes.say('extract', 0);
    const extractStarted = options.now();
    const extract = await extractTrainingData(options.connectionString, signal);
    const extractSeconds = (options.now() - extractStarted) / 1000;
    const lastQuality = await findRunQuality(lock.connection);
    const live = await findStart(lock.connection, options.coldEvery ?? DEFAULT_COLD_EVERY);
    const threadStarted = options.now();
    const trained = await trainInThread(
      { columns: extract.columns, rules: extract.rules, recipe: options.recipe ?? DEFAULT_RECIPE, users: extract.users satisfies IdColumns, items: extract.items, live,
        quality: { nowMs: options.now(), minimums: options.minimums ?? { interactions: 0, users: 0 }, lastEventNo: lastQuality?.report.newestEventNo ?? null },
      },
      signal,
      (phase, fraction) => notes.say(phase, EXTRACT_SHARE + (1 - EXTRACT_SHARE) * 0.97 * fraction),
      { threads: options.threads ?? 1, kernel: options.kernel ?? 'auto' },
      (report) => {
        quality = report;
      },
    );
    const trainSeconds = (options.now() - threadStarted) / 1000;
    notes.say('publish', 0.98);
    await notes.settled();
    signal.throwIfAborted();
    const report = { ...trained.report, quality, ...trained.computed, seconds: { extract: extractSeconds, train: trainSeconds }, bytes: { item: trained.itemPart.length, user: trained.userPart.length } };
    const version = await publishModel(lock.connection, runNo, {
      recipe: trained.recipe, report, watermark: extract.watermark, systemIdentifier: options.systemIdentifier, itemPart: trained.itemPart, userPart: trained.userPart,
    });
    options.onProgress?.('published', 1, 0);
    return { state: 'published', runNo, version, report };
  } catch (error) {
    await notes.settled();
    const cancelled = error instanceof RunCancelled || error instanceof RunNoLongerOurs;
    const state = cancelled ? 'cancelled' : 'failed';
    const code = cancelled ? 'cancelled' : error instanceof TrainingFailed ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    // Where the lock's connection is what broke, the row stays `running` and the next run marks it as interrupted.
    await endRun(lock.connection, runNo, state, code, message, quality === null ? null : { quality }).catch(() => undefined);
    return { state, runNo, code, message };
  }
}

/** Progress, written to the run's row at most twice a second; the answer says whether to stop. */
function createNotes(options: RunOptions, lock: TrainingLock, runNo: number, controller: AbortController) {
  const startedMs = options.now();
  let lastMs = -Infinity;
  let pending: Promise<void> = Promise.resolve();
  let writing = false;
  return {
    say(phase: string, progress: number): void {
      const nowMs = options.now();
      const elapsed = (nowMs - startedMs) / 1000;
      const secondsLeft = progress > 0.02 ? (elapsed / progress) * (1 - progress) : null;
      options.onProgress?.(phase, progress, secondsLeft);
      if (writing || nowMs - lastMs < NOTE_INTERVAL_MS) {
        return;
      }
      lastMs = nowMs;
      writing = true;
      pending = noteProgress(lock.connection, runNo, phase, progress, secondsLeft)
        .then((stop) => (stop ? controller.abort(new RunCancelled()) : undefined))
        // The lock went with its connection: whatever this run makes could not be published.
        .catch(() => controller.abort(new TrainingFailed('lock-lost', 'The connection that holds the training lock broke.')))
        .finally(() => {
          writing = false;
        });
    },
    settled: async () => await pending,
  };
}

/**
 * What the published fit may go on from. Whatever is wrong with the live version costs a cold start and a note, never the run; a broken connection shows itself
 * in the next statement.
 */
async function findStart(connection: pg.Client, coldEvery: number): Promise<TrainJob['live']> {
  const live = await findLiveModel(connection);
  if (live === null) {
    return { code: 'no-live-model', note: 'There is no live version to go on from.' };
  }
  const { version } = live;
  const { events, users, start } = ((await findModel(connection, version))?.report ?? {}) as { events?: unknown; users?: unknown; start?: { warmInARow?: unknown } };
  const warmInARow = typeof start?.warmInARow === 'number' ? start.warmInARow : 0;
  if (warmInARow + 1 >= coldEvery) {
    return { code: 'turn', note: coldEvery === 1 ? 'Every version begins cold (TRAIN_COLD_EVERY).' : `One version in ${coldEvery} begins cold (TRAIN_COLD_EVERY).` };
  }
  if (typeof events !== 'number' || typeof users !== 'number') {
    return { code: 'unreadable', note: `The report of live version ${version} does not say what it was fitted on.` };
  }
  try {
    const itemPart = await loadModelPart(connection, version, 'item');
    const userPart = await loadModelPart(connection, version, 'user').catch(() => null); // without it the refit takes a half-sweep more
    return { version, events, users, warmInARow, itemPart, userPart };
  } catch (error) {
    return { code: 'unreadable', note: error instanceof Error ? error.message : String(error) };
  }
}
