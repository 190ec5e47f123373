/**
 * When training starts: by the schedule, after so many new events, at somebody's word. One run at a time; what comes while one is under way is not queued, because
 * the next start sees the same events and more.
 */
import type { GateRules } from '../model/gate.ts';
import type { KernelChoice } from '../model/kernels/create.ts';
import type { QualityMinimums } from '../model/quality/findings.ts';
import type { Database } from '../storage/database.ts';
import { countEventsSince } from '../storage/events.ts';
import { findLiveModel } from '../storage/models.ts';
import { lastJudgedWatermark, lastRunStartedAt, noteSkippedRun } from '../storage/training-runs.ts';
import { type RunReport, type RunResult, type RunWishes, type StartedBy, type StartedRun, startTrainingRun } from './run.ts';
import { type Clock, type Schedule, createSchedule, systemTimer } from './schedule.ts';

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
  /** Of a light search; a full one has ten times as much. Default 30. */
  readonly searchSeconds?: number;
  /** In place of the settings'; null: publish whatever comes. */
  readonly gate?: GateRules | null;
  /** Of this program, for the record. */
  readonly codeVersion?: string;
  readonly cron: string | null;
  readonly minEvents: number;
  /** 0: never because of events. */
  readonly afterEvents: number;
  /** Whether the process cannot keep up: a run that nobody asked for waits until it can. */
  readonly isBusy?: () => boolean;
  /** How soon after events they are counted; default 5 s. */
  readonly countDelayMs?: number;
  readonly now: () => number;
  /** For tests with a clock of their own; default: the system's timers. */
  readonly setTimer?: Clock['setTimer'];
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

/** What would start the next run of itself. */
export interface TrainingPlan {
  /** false: this process never trains. */
  readonly enabled: boolean;
  /** By the schedule, milliseconds since 1970; null: there is none. */
  readonly scheduledMs: number | null;
  /** Fewer new events than that and a scheduled run is skipped. */
  readonly minEvents: number;
  /** So many new events start a run; 0: never because of events. */
  readonly afterEvents: number;
  /** Since the newest run that judged a model; counted no further than matters for the two above. */
  readonly newEvents: number;
}

export interface Trainer {
  /** Starts a run now. */
  start(startedBy: StartedBy, wishes?: RunWishes): Promise<'off' | 'busy' | StartedRun>;
  /** Starts the schedule and the watch on new events. */
  watch(): void;
  /** @throws DatabaseUnavailable */
  plan(): Promise<TrainingPlan>;
  /** Called after events were stored, here or elsewhere: soon, but not at once, somebody counts. */
  noteEvents(): void;
  /** Ends the schedule and cancels a run under way. */
  stop(): Promise<void>;
}

/** Between two runs that events start. */
const MIN_GAP_MS = 15 * 60_000;
const COUNT_DELAY_MS = 5_000;
/** A process that could not keep up is looked at again. */
const BUSY_WAIT_MS = 60_000;

export function createTrainer(options: TrainerOptions): Trainer {
  let current: StartedRun | null = null;
  /** A run whose lock is being taken. */
  let starting: Promise<StartedRun | null> | null = null;
  const clock: Clock = { now: options.now, setTimer: options.setTimer ?? systemTimer };
  let schedule: Schedule | null = null;
  /** Takes the count that is due back. */
  let counting: (() => void) | null = null;
  /** Takes a scheduled run back that waits until the process can keep up. */
  let postponed: (() => void) | null = null;
  let watching = false;
  let stopped = false;

  async function start(startedBy: StartedBy, wishes: RunWishes = {}): Promise<'off' | 'busy' | StartedRun> {
    if (!options.enabled || stopped) {
      return 'off';
    }
    starting = startTrainingRun({ ...options, ...wishes, startedBy });
    const run = await starting;
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
    if ('version' in result) {
      options.log(result.state === 'published' ? 'training published a model' : 'training made a model that waits for approval', { run: result.runNo, version: result.version, ...summarise(result.report) });
    } else {
      options.log(`training ${result.state}`, { run: result.runNo, code: result.code, reason: result.message }, result.state === 'failed');
    }
  }

  /**
   * Events since the newest run that judged a model, not since the live model: where a model was rejected, waits for approval, or was rolled back, the same events
   * would only make the same model again.
   */
  async function newEvents(most: number): Promise<number> {
    const last = (await lastJudgedWatermark(options.database)) ?? (await findLiveModel(options.database));
    // A watermark means nothing in another cluster: everything counts as new.
    const watermark = last !== null && last.systemIdentifier === options.systemIdentifier ? last.watermark : null;
    return await countEventsSince(options.database, watermark, most);
  }

  const failedToStart = (error: unknown) => options.log('scheduled training did not start', { reason: String(error) }, true);

  async function bySchedule(): Promise<void> {
    if (options.isBusy?.() === true) {
      options.log('scheduled training waits until the process can keep up', {});
      postponed?.();
      postponed = clock.setTimer(() => {
        postponed = null;
        bySchedule().catch(failedToStart);
      }, BUSY_WAIT_MS);
      return;
    }
    const fresh = await newEvents(options.minEvents);
    if (fresh < options.minEvents) {
      const runNo = await noteSkippedRun(options.database, 'schedule', 'too-few-new-events', `${fresh} new events since the last run; a scheduled run needs ${options.minEvents} (RETRAIN_MIN_EVENTS).`);
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
    // Where the clock went back meanwhile, the last run lies in the future.
    const waitMs = last === null ? 0 : Math.min(MIN_GAP_MS, last.getTime() + MIN_GAP_MS - options.now());
    if (waitMs > 0) {
      countIn(waitMs);
      return;
    }
    if (options.isBusy?.() === true) {
      countIn(BUSY_WAIT_MS);
      return;
    }
    await start('events');
  }

  /** The first call decides when; later ones find it set. */
  function countIn(delayMs: number): void {
    if (counting !== null || !watching || stopped || !options.enabled || options.afterEvents === 0) {
      return;
    }
    counting = clock.setTimer(() => {
      counting = null;
      byEvents().catch((error: unknown) => options.log('could not count new events', { reason: String(error) }, true));
    }, delayMs);
  }

  return {
    start,
    async plan() {
      const { enabled, minEvents, afterEvents } = options;
      return { enabled, scheduledMs: schedule?.dueMs() ?? null, minEvents, afterEvents, newEvents: await newEvents(Math.max(minEvents, afterEvents)) };
    },
    noteEvents: () => countIn(options.countDelayMs ?? COUNT_DELAY_MS),
    watch() {
      watching = true;
      if (options.enabled && options.cron !== null) {
        schedule = createSchedule(options.cron, clock, bySchedule, failedToStart);
      }
      countIn(options.countDelayMs ?? COUNT_DELAY_MS);
    },
    async stop() {
      stopped = true;
      schedule?.stop();
      counting?.();
      postponed?.();
      await starting?.catch(() => undefined);
      current?.cancel();
      await current?.finished;
    },
  };
}

/** The report's figures for a log line. */
function summarise({ events, users, items, interactions, factors, start, sweeps, kernel, threads, seconds, test, gate, verdict }: RunReport): Record<string, unknown> {
  const recallOf = (ranking: { at: readonly { k: number; recall: { mean: number } }[] } | undefined) => ranking?.at.find(({ k }) => k === 20)?.recall.mean ?? null;
  return {
    events, users, items, interactions, factors, start: start?.kind === 'warm' ? `warm from version ${start.fromVersion}` : `cold (${start?.code})`, sweeps, kernel, threads, seconds,
    recallAt20: recallOf(test?.candidate), popularityRecallAt20: recallOf(test?.popularity), gate: gate?.outcome ?? null, verdict: verdict.code,
  };
}
