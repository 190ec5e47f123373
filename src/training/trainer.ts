/**
 * When training starts: by the schedule, after so many new events, at somebody's word. One run at a time; what comes while one is under way is not queued, because
 * the next start sees the same events and more.
 */
import { Cron } from 'croner';
import type { KernelChoice } from '../model/kernels/create.ts';
import type { QualityMinimums } from '../model/quality/findings.ts';
import type { StartReport } from '../model/warm-start.ts';
import type { Database } from '../storage/database.ts';
import { countEventsSince } from '../storage/events.ts';
import { findLiveModel } from '../storage/models.ts';
import { lastRunStartedAt, noteSkippedRun } from '../storage/training-runs.ts';
import { type RunResult, type StartedBy, type StartedRun, startTrainingRun } from './run.ts';

export interface TrainerOptions {
  readonly database: Database;
  readonly connectionString: string;
  readonly systemIdentifier: string;
  /** false: this process never trains. */
  readonly enabled: boolean;
  /** Threads to fit with, from 1; default 1. */
  readonly threads?: number;
  readonly kernel?: KernelChoice;
  /** Of a run's data; see `RunOptions`. */
  readonly minimums?: QualityMinimums;
  /** Every so-manieth version begins cold; default 7. */
  readonly coldEvery?: number;
  readonly cron: string | null;
  readonly minEvents: number;
  /** 0: never because of events. */
  readonly afterEvents: number;
  /** How soon after events they are counted; default 5 s. */
  readonly countDelayMs?: number;
  readonly now: () => number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

export interface Trainer {
  /** Starts a run now. */
  start(startedBy: StartedBy): Promise<'off' | 'busy' | StartedRun>;
  /** Starts the schedule and the watch on new events. */
  watch(): void;
  /** Called after events were stored, here or elsewhere: soon, but not at once, somebody counts. */
  noteEvents(): void;
  /** Ends the schedule and cancels a run under way. */
  stop(): Promise<void>;
}

/** Between two runs that events start. */
const MIN_GAP_MS = 15 * 60_000;
const COUNT_DELAY_MS = 5_000;

export function createTrainer(options: TrainerOptions): Trainer {
  let current: StartedRun | null = null;
  let job: Cron | null = null;
  let counting: NodeJS.Timeout | null = null;
  let watching = false;
  let stopped = false;

  async function start(startedBy: StartedBy): Promise<'off' | 'busy' | StartedRun> {
    if (!options.enabled || stopped) {
      return 'off';
    }
    const run = await startTrainingRun({ ...options, startedBy });
    if (run === null) {
      return 'busy';
    }
    current = run;
    options.log('training started', { run: run.runNo, startedBy });
    void run.finished.then(report).finally(() => {
      if (current === run) {
        current = null;
      }
    });
    return run;
  }

  function report(result: RunResult): void {
    if (result.state === 'published') {
      options.log('training published a model', { run: result.runNo, version: result.version, ...summarise(result.report) });
    } else {
      options.log(`training ${result.state}`, { run: result.runNo, code: result.code, reason: result.message }, result.state === 'failed');
    }
  }

  async function newEvents(most: number): Promise<number> {
    const live = await findLiveModel(options.database);
    // A watermark means nothing in another cluster: everything counts as new.
    const watermark = live !== null && live.systemIdentifier === options.systemIdentifier ? live.watermark : null;
    return await countEventsSince(options.database, watermark, most);
  }

  async function bySchedule(): Promise<void> {
    const fresh = await newEvents(options.minEvents);
    if (fresh < options.minEvents) {
      const runNo = await noteSkippedRun(options.database, 'schedule', 'too-few-new-events', `${fresh} new events since the live model; a scheduled run needs ${options.minEvents} (RETRAIN_MIN_EVENTS).`);
      options.log('training skipped', { run: runNo, newEvents: fresh });
      return;
    }
    await start('schedule');
  }

  async function byEvents(): Promise<void> {
    if (current !== null || (await newEvents(options.afterEvents)) < options.afterEvents) {
      return;
    }
    const last = await lastRunStartedAt(options.database);
    const waitMs = last === null ? 0 : last.getTime() + MIN_GAP_MS - options.now();
    if (waitMs > 0) {
      countIn(waitMs);
      return;
    }
    await start('events');
  }

  /** The first call decides when; later ones find it set. */
  function countIn(delayMs: number): void {
    if (counting !== null || !watching || stopped || !options.enabled || options.afterEvents === 0) {
      return;
    }
    counting = setTimeout(() => {
      counting = null;
      byEvents().catch((error: unknown) => options.log('could not count new events', { reason: String(error) }, true));
    }, delayMs);
    counting.unref();
  }

  return {
    start,
    noteEvents: () => countIn(options.countDelayMs ?? COUNT_DELAY_MS),
    watch() {
      watching = true;
      if (options.enabled && options.cron !== null) {
        job = new Cron(options.cron, { protect: true, unref: true, catch: (error) => options.log('scheduled training did not start', { reason: String(error) }, true) }, bySchedule);
      }
      countIn(options.countDelayMs ?? COUNT_DELAY_MS);
    },
    async stop() {
      stopped = true;
      job?.stop();
      if (counting !== null) {
        clearTimeout(counting);
      }
      current?.cancel();
      await current?.finished;
    },
  };
}

/** The report's figures for a log line. */
function summarise(report: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { events, users, items, interactions, factors, sweeps, kernel, threads, seconds } = report;
  const start = report.start as StartReport;
  const holdout = report.holdout as { model: Record<string, { mean: number }>; popularity: Record<string, { mean: number }> } | null;
  return { events, users, items, interactions, factors, start: start.kind === 'warm' ? `warm from version ${start.fromVersion}` : `cold (${start.code})`, sweeps, kernel, threads, seconds, recallAt20: holdout?.model['recall@20'].mean ?? null, popularityRecallAt20: holdout?.popularity['recall@20'].mean ?? null };
}
