/**
 * The watch: every five seconds a look at what this process counts, every five minutes one at what Postgres knows, and after each the alarms are judged. Whoever asks, for metrics or for alerts, is told what was found last; nothing is
 * asked of Postgres for them.
 *
 * Of several replicas each watches by itself: what Postgres knows they all say alike, what a process counts is its own.
 */
import type { Database } from '../storage/database.ts';
import { createPacedWork } from '../storage/paced-work.ts';
import { ALARM_RULES, type Measures } from './alarm-rules.ts';
import { type Alert, type Log, createAlarms } from './alarms.ts';
import { type LiveRates, type Look, lookAt, readLiveRates } from './look.ts';
import type { TrafficTotals } from './traffic.ts';
import type { Vitals } from './vitals.ts';

export interface Found {
  readonly vitals: Vitals;
  /** null: Postgres was not asked yet. */
  readonly look: Look | null;
  readonly rates: LiveRates | null;
  readonly alerts: readonly Alert[];
  readonly pace: Pace;
}

/** A second, over the last minute or what there is of it; null where nothing was counted yet. */
export interface Pace {
  readonly requests: number | null;
  readonly lists: number | null;
}

export interface Watch {
  start(): void;
  /** Takes a sample of this process and judges. */
  sample(): void;
  /** Asks Postgres. @throws what Postgres threw */
  look(): Promise<void>;
  found(): Found;
  /** When alarms were last judged; null: not yet. */
  judgedAtMs(): number | null;
  stop(): Promise<void>;
}

export interface WatchOptions {
  readonly database: Database;
  readonly vitals: () => Vitals;
  readonly traffic: () => TrafficTotals;
  readonly now: () => number;
  readonly log: Log;
}

const SAMPLE_MS = 5_000;
const LOOK_MS = 5 * 60_000;
const LIVE_RATES_MS = 3_600_000;
/** Of its own time at most: looks at a large shop take longer, and come less often. */
const SHARE = 30;
/** What was found so long ago is no longer how things are. */
const LOOK_GOOD_MS = 30 * 60_000;
const PACE_MS = 60_000;
const SHORT_MS = 5 * 60_000;
const LONG_MS = 15 * 60_000;
/** Shares of fewer say nothing. */
const LEAST = 100;
const OUTLIER = 3.5;
const HOUR_MS = 3_600_000;

/** Why a run can end as rejected without the gate: too little data, somebody's word, newer versions. */
const NOT_THE_GATE: ReadonlySet<string> = new Set(['not-enough-data', 'refused', 'outlived']);

/** Counts at a moment, as far as shares are made of them. */
interface Counted {
  readonly atMs: number;
  readonly answers: number;
  readonly faults: number;
  readonly lists: number;
  readonly stale: number;
  readonly personal: number;
  readonly fallbacks: number;
}

/** How many runs, from the newest back, have ended so, without those that say nothing of it. */
function inARow(runs: Look['training']['ended'], is: (state: string, code: string | null) => boolean, isSilent: (state: string, code: string | null) => boolean): number {
  let count = 0;
  for (const { state, code } of runs) {
    if (is(state, code)) {
      count++;
    } else if (!isSilent(state, code)) {
      break;
    }
  }
  return count;
}

function trainingMeasures(look: Look | null, model: Vitals['model'], nowMs: number): Pick<Measures, 'modelAgeHours' | 'failedRunsInARow' | 'refusedRunsInARow' | 'approvalWaits'> {
  if (look === null) {
    return { modelAgeHours: null, failedRunsInARow: null, refusedRunsInARow: null, approvalWaits: null };
  }
  const { ended } = look.training;
  const isRefused = (state: string, code: string | null) => state === 'rejected' && !NOT_THE_GATE.has(code ?? '');
  const nothingNew = ended.find(({ state }) => state === 'skipped')?.finishedAt.getTime() ?? -Infinity;
  const madeAtMs = model?.madeAtMs ?? null;
  return {
    modelAgeHours: madeAtMs === null ? null : (nowMs - Math.max(madeAtMs, nothingNew)) / HOUR_MS,
    failedRunsInARow: inARow(ended, (state) => state === 'failed' || state === 'lost', (state) => state === 'skipped' || state === 'cancelled'),
    refusedRunsInARow: inARow(ended, isRefused, (state) => state === 'skipped' || state === 'cancelled' || state === 'failed' || state === 'lost'),
    approvalWaits: ended.find(({ state }) => state !== 'skipped' && state !== 'cancelled')?.state === 'needs-approval' ? 1 : 0,
  };
}

export function createWatch({ database, vitals, traffic, now, log }: WatchOptions): Watch {
  const alarms = createAlarms<Measures>(ALARM_RULES, log);
  /** Oldest first. */
  let counted: Counted[] = [];
  let look: Look | null = null;
  let lookedAtMs = 0;
  let rates: LiveRates | null = null;
  let ratesAtMs = -Infinity;
  let awaySinceMs: number | null = null;
  let judgedAtMs: number | null = null;
  let isAway = false;
  let timer: NodeJS.Timeout | undefined;

  const listsOf = ({ answers }: Vitals): number => Object.values(answers.lists).reduce((sum, some) => sum + some, 0);

  function count(found: Vitals, { answers: answered, faults }: TrafficTotals, nowMs: number): void {
    const { answers } = found;
    const { personal = 0 } = answers.fallbacks;
    const lists = listsOf(found);
    counted = [...counted.filter(({ atMs }) => atMs >= nowMs - LONG_MS), { atMs: nowMs, answers: answered, faults, lists, stale: answers.stale, personal: (answers.lists.personal ?? 0) + personal, fallbacks: personal }];
  }

  /** Of what was counted in a time: `part` of `whole`; null where the whole is too small. */
  function share(part: keyof Counted, whole: keyof Counted, overMs: number): number | null {
    const newest = counted.at(-1)!;
    const first = counted.find(({ atMs }) => atMs >= newest.atMs - overMs)!;
    const all = newest[whole] - first[whole];
    return all < LEAST ? null : Math.min(1, (newest[part] - first[part]) / all);
  }

  function paceOf(found: Vitals): Pace {
    const nowMs = now();
    const first = counted.find(({ atMs }) => atMs >= nowMs - PACE_MS);
    const seconds = first === undefined ? 0 : (nowMs - first.atMs) / 1000;
    return first === undefined || seconds < 1 ? { requests: null, lists: null } : { requests: (traffic().answers - first.answers) / seconds, lists: (listsOf(found) - first.lists) / seconds };
  }

  function measure({ databaseUp, pressureLevel, model, listsChanged, givenKeysInPages, events }: Vitals, nowMs: number): Measures {
    awaySinceMs = databaseUp ? null : (awaySinceMs ?? nowMs);
    const known = look !== null && nowMs - lookedAtMs <= LOOK_GOOD_MS ? look : null;
    const volume = known?.volume ?? null;
    return {
      databaseAwaySeconds: awaySinceMs === null ? 0 : (nowMs - awaySinceMs) / 1000,
      queueShare: events.queued / events.maxQueued,
      pressureLevel,
      faultShare: share('faults', 'answers', SHORT_MS),
      staleShare: share('stale', 'lists', SHORT_MS),
      fallbackShare: share('fallbacks', 'personal', LONG_MS),
      ...trainingMeasures(known, model, nowMs),
      failedImports: known?.imports.failedSinceDone ?? null,
      keysInPages: known === null ? null : known.keysInPages + givenKeysInPages,
      volumeRatio: volume === null ? null : Math.abs(volume.z) > OUTLIER ? volume.ratio : 1,
      typeDrift: known?.drift.types ?? null, itemDrift: known?.drift.items ?? null, userDrift: known?.drift.users ?? null,
      listOverlap: listsChanged?.overlap ?? null,
      coverageRatio: listsChanged === null || listsChanged.itemsBefore === 0 ? null : listsChanged.itemsAfter / listsChanged.itemsBefore,
    };
  }

  function sample(): void {
    const nowMs = now();
    const found = vitals();
    count(found, traffic(), nowMs);
    alarms.judge(measure(found, nowMs), nowMs);
    judgedAtMs = nowMs;
  }

  async function lookNow(): Promise<void> {
    look = await lookAt(database);
    lookedAtMs = now();
    if (now() - ratesAtMs >= LIVE_RATES_MS) {
      rates = await readLiveRates(database, now());
      ratesAtMs = now();
    }
  }

  const looks = createPacedWork(
    async () => {
      try {
        if (vitals().databaseUp) {
          await lookNow();
          isAway = false;
        }
      } catch (error) {
        if (!isAway) {
          log('the watch could not ask Postgres', { reason: String(error) }, 'error');
        }
        isAway = true;
      }
      looks.note();
    },
    (tookMs) => (look === null ? SAMPLE_MS : Math.max(LOOK_MS, SHARE * tookMs)),
  );

  return {
    sample,
    look: lookNow,
    start() {
      sample();
      timer = setInterval(sample, SAMPLE_MS).unref();
      looks.note();
    },
    found() {
      const found = vitals();
      return { vitals: found, look, rates, alerts: alarms.raised(), pace: paceOf(found) };
    },
    judgedAtMs: () => judgedAtMs,
    async stop() {
      clearInterval(timer);
      await looks.stop();
    },
  };
}
