/**
 * One training run, from the lock to the live model:
 *
 *   lock (one run at a time over all replicas) → row in training_runs → extract (REPEATABLE READ; its snapshot is the watermark) → thread: data-quality report, then the
 *   experiment (`model/pipeline.ts`), which ends in a decision → publish, or leave as a candidate, on the lock's own connection.
 *
 * A run with too little data, or whose model the gate refuses, ends as `rejected` with the reason and the whole report. A run that fails or is cancelled says why in its row. Each of these leaves
 * the live model alone.
 */
import { availableParallelism } from 'node:os';
import type pg from 'pg';
import type { GateRules } from '../model/gate.ts';
import type { Recipe } from '../model/recipe.ts';
import type { KernelChoice } from '../model/kernels/create.ts';
import type { QualityMinimums } from '../model/quality/findings.ts';
import type { QualityReport } from '../model/quality/report.ts';
import type { SearchMode } from '../model/experiment/search.ts';
import type { ExperimentSettings } from '../model/experiment/context.ts';
import type { TrainingReport } from '../model/pipeline.ts';
import { NO_TERMS, type Params, type Terms } from '../model/terms.ts';
import { bePatient } from '../storage/connections.ts';
import { extractTrainingData } from '../storage/extract.ts';
import { countImportedRows } from '../storage/imports.ts';
import { loadModelPart } from '../storage/model-parts.ts';
import { RunNoLongerOurs, findLiveModel, findModel, publishModel } from '../storage/models.ts';
import { findRunQuality } from '../storage/quality-reports.ts';
import { readTrainingSettings } from '../storage/settings.ts';
import { type TrainingLock, endRun, noteProgress, startRun, takeTrainingLock } from '../storage/training-runs.ts';
import type { IdColumns, LivePart } from './threads/messages.ts';
import { TrainingFailed, trainInThread } from './threads/thread.ts';
import { keepPictures } from './pictures.ts';

export type StartedBy = 'schedule' | 'events' | 'api' | 'cli' | 'start';

/** What is kept of a run, and with the version that it made. */
export interface RunReport extends Omit<TrainingReport, 'seconds'> {
  readonly quality: QualityReport | null;
  /** SHA-256 of the events it was made from. */
  readonly dataHash: string;
  /** Of the program that made it; null where nobody said. */
  readonly codeVersion: string | null;
  readonly kernel: string;
  readonly threads: number;
  readonly seconds: Readonly<Record<string, number>>;
  /** Of the snapshot; null where none was made. */
  readonly bytes: { readonly item: number; readonly user: number } | null;
}

export type RunResult =
  | { readonly state: 'published' | 'needs-approval'; readonly runNo: number; readonly version: number; readonly report: RunReport }
  | { readonly state: 'rejected'; readonly runNo: number; readonly code: string; readonly message: string; readonly report: RunReport | null }
  | { readonly state: 'failed' | 'cancelled'; readonly runNo: number; readonly code: string; readonly message: string };

/** What somebody may ask of one run; else the settings say. */
export interface RunWishes {
  readonly search?: SearchMode | undefined;
  /** Curves by share of the data, factors and regularization too; default: with full search, and for the first model. */
  readonly curves?: boolean | undefined;
  /** Begin the published fit from the start, whatever is live. */
  readonly cold?: boolean | undefined;
}

export interface RunOptions extends RunWishes {
  readonly connectionString: string;
  readonly systemIdentifier: string;
  readonly startedBy: StartedBy;
  /** The one to fit: nothing is searched then, unless asked for. */
  readonly recipe?: Recipe;
  readonly terms?: Terms;
  /** Wall time of a light search; a full one has ten times as much. Default 30. */
  readonly searchSeconds?: number;
  /** In place of the settings'; null: publish whatever comes. */
  readonly gate?: GateRules | null;
  /** Of this program, for the record. */
  readonly codeVersion?: string;
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
    bePatient(options.connectionString, lock.connection);
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
  let keeping: Promise<void> | undefined;
  try {
    notes.say('extract', 0);
    const extractStarted = options.now();
    const extract = await extractTrainingData(options.connectionString, signal);
    const extractSeconds = (options.now() - extractStarted) / 1000;
    const lastQuality = await findRunQuality(lock.connection);
    const live = await findLive(lock.connection, options);
    const { settings, leaveOutBursts } = await readSettings(lock.connection, options, live !== null);
    const { columns, rules, users, items } = extract;
    const trained = await trainInThread(
      { columns, rules, users: users satisfies IdColumns, items, live, settings, leaveOutBursts, ...(options.recipe === undefined ? {} : { recipe: options.recipe }), ...(options.terms === undefined ? {} : { terms: options.terms }),
        quality: { nowMs: options.now(), minimums: options.minimums ?? { interactions: 0, users: 0 }, lastEventNo: lastQuality?.report.newestEventNo ?? null, imported: await countImportedRows(lock.connection) },
      },
      signal,
      {
        onProgress: (phase, fraction) => notes.say(phase, EXTRACT_SHARE + (1 - EXTRACT_SHARE) * 0.97 * fraction),
        onChecked: (check) => {
          quality = check.report;
          // They are for looking at: a run does not fail for them.
          keeping = keepPictures(lock.connection, check).catch(() => undefined);
        },
        onTrial: notes.addTrial,
        onPoint: notes.addPoint,
      },
      { threads: options.threads ?? 1, kernel: options.kernel ?? 'auto' },
    );
    const { parts, dataHash, computed } = trained;
    const report: RunReport = {
      ...trained.report, quality, dataHash, codeVersion: options.codeVersion ?? null, ...computed,
      seconds: { extract: extractSeconds, ...trained.report.seconds }, bytes: parts === null ? null : { item: parts.item.length, user: parts.user.length },
    };
    notes.say('publish', 0.98);
    await notes.stop();
    await keeping;
    signal.throwIfAborted();
    if (parts === null) {
      const reasons = report.gate!.reasons.filter(({ passed }) => !passed);
      const [code, message] = [reasons[0].code, reasons.map((reason) => reason.message).join(' ')];
      await endRun(lock.connection, runNo, 'rejected', code, message, report);
      return { state: 'rejected', runNo, code, message, report };
    }
    const waits = report.gate?.outcome === 'needs-approval';
    const version = await publishModel(lock.connection, runNo, {
      recipe: report.params, report, watermark: extract.watermark, systemIdentifier: options.systemIdentifier, itemPart: parts.item, userPart: parts.user,
    }, waits ? 'candidate' : 'live');
    const state = waits ? 'needs-approval' : 'published';
    options.onProgress?.(state, 1, 0);
    return { state, runNo, version, report };
  } catch (error) {
    await notes.stop();
    await keeping;
    const cancelled = error instanceof RunCancelled || error instanceof RunNoLongerOurs;
    const code = cancelled ? 'cancelled' : error instanceof TrainingFailed ? error.code : 'internal';
    const state = cancelled ? 'cancelled' : code === 'not-enough-data' ? 'rejected' : 'failed';
    const message = error instanceof Error ? error.message : String(error);
    // Where the lock's connection is what broke, the row stays `running` and whoever looks next marks it as lost.
    await endRun(lock.connection, runNo, state, code, message, quality === null ? null : { quality }).catch(() => undefined);
    return state === 'rejected' ? { state, runNo, code, message, report: null } : { state, runNo, code, message };
  }
}

/** Full search may take so many times as long as light search. */
const FULL_SEARCH_TIMES = 10;
const DEFAULT_SEARCH_SECONDS = 30;

async function readSettings(connection: pg.Client, options: RunOptions, hasLive: boolean): Promise<{ settings: ExperimentSettings; leaveOutBursts: boolean }> {
  const settings = await readTrainingSettings(connection);
  const search = options.search ?? (options.recipe === undefined ? settings.search : 'off');
  const seconds = options.searchSeconds ?? DEFAULT_SEARCH_SECONDS;
  const { rampDays, hourlyEvents, leaveOutBursts } = settings;
  return {
    leaveOutBursts,
    settings: {
      search, searchSeconds: search === 'full' ? FULL_SEARCH_TIMES * seconds : seconds, curves: options.curves ?? (search === 'full' || !hasLive),
      split: settings.split, voices: { rampDays, hourlyEvents }, gate: options.gate === undefined ? settings.gate : options.gate,
    },
  };
}

/**
 * Progress, written to the run's row at most twice a second, and once a second where there is none: the answer says whether to stop, and a long fit must not make
 * whoever cancels it wait.
 */
function createNotes(options: RunOptions, lock: TrainingLock, runNo: number, controller: AbortController) {
  const startedMs = options.now();
  let lastMs = -Infinity;
  let pending: Promise<void> = Promise.resolve();
  let writing = false;
  let said: [phase: string, progress: number] = ['starting', 0];
  const trials: object[] = [];
  const points: object[] = [];
  let detailChanged = false;

  function note(): void {
    const [phase, progress] = said;
    const elapsed = (options.now() - startedMs) / 1000;
    const secondsLeft = progress > 0.02 ? (elapsed / progress) * (1 - progress) : null;
    options.onProgress?.(phase, progress, secondsLeft);
    if (writing || performance.now() - lastMs < NOTE_INTERVAL_MS) {
      return;
    }
    lastMs = performance.now();
    writing = true;
    const detail = detailChanged ? { trials, points } : undefined;
    detailChanged = false;
    pending = noteProgress(lock.connection, runNo, phase, progress, secondsLeft, detail)
      .then((stop) => (stop ? controller.abort(new RunCancelled()) : undefined))
      // The lock went with its connection: whatever this run makes could not be published.
      .catch(() => controller.abort(new TrainingFailed('lock-lost', 'The connection that holds the training lock broke.')))
      .finally(() => {
        writing = false;
      });
  }

  const ticking = setInterval(note, 2 * NOTE_INTERVAL_MS);
  return {
    say(phase: string, progress: number): void {
      said = [phase, progress];
      note();
    },
    addTrial(trial: object): void {
      trials.push(trial);
      detailChanged = true;
    },
    addPoint(curve: string, point: object): void {
      points.push({ curve, ...point });
      detailChanged = true;
    },
    /** Nothing is noted any more, and what was is written, the last points too: whoever follows the run is told of them. */
    async stop(): Promise<void> {
      clearInterval(ticking);
      await pending;
      if (detailChanged) {
        detailChanged = false;
        await noteProgress(lock.connection, runNo, said[0], said[1], null, { trials, points }).catch(() => undefined);
      }
    },
  };
}

/**
 * The live version, as far as it can be read. Whatever is wrong with its parts costs a cold start, a note and the look back, never the run; a broken connection shows
 * itself in the next statement.
 */
async function findLive(connection: pg.Client, { coldEvery = DEFAULT_COLD_EVERY, cold: asked }: RunOptions): Promise<LivePart | null> {
  const live = await findLiveModel(connection);
  if (live === null) {
    return null;
  }
  const { version } = live;
  const model = await findModel(connection, version);
  const { events, users, newestEventNo, start } = (model?.report ?? {}) as { events?: unknown; users?: unknown; newestEventNo?: unknown; start?: { warmInARow?: unknown } | null };
  const warmInARow = typeof start?.warmInARow === 'number' ? start.warmInARow : 0;
  const params = paramsOf(model?.recipe ?? {});
  let cold: LivePart['cold'] = null;
  if (asked === true) {
    cold = { code: 'turn', note: 'It was asked to begin cold.' };
  } else if (warmInARow + 1 >= coldEvery) {
    cold = { code: 'turn', note: coldEvery === 1 ? 'Every version begins cold (TRAIN_COLD_EVERY).' : `One version in ${coldEvery} begins cold (TRAIN_COLD_EVERY).` };
  } else if (typeof events !== 'number' || typeof users !== 'number') {
    cold = { code: 'unreadable', note: `The report of live version ${version} does not say what it was fitted on.` };
  }
  const part = async (name: 'item' | 'user') => {
    try {
      return await loadModelPart(connection, version, name);
    } catch (error) {
      if (name === 'item') {
        cold ??= { code: 'unreadable', note: error instanceof Error ? error.message : String(error) };
      }
      return null;
    }
  };
  const itemPart = await part('item');
  const userPart = live.hasUserPart ? await part('user') : null;
  return { version, params, cold, events: Number(events), users: Number(users), newestEventNo: typeof newestEventNo === 'number' ? newestEventNo : null, warmInARow, itemPart, userPart };
}

/** Versions from before there were terms have none of them in their recipe. */
function paramsOf(recipe: Record<string, unknown>): Params | null {
  const params = { ...NO_TERMS, ...recipe };
  return ['factors', 'sweeps', 'stepsPerSweep', 'regularization', 'unobservedWeight', 'frequencyExponent'].every((name) => typeof params[name as keyof typeof params] === 'number') ? (params as Params) : null;
}
