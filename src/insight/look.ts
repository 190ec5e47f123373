/** What only Postgres knows of how things are: read on a slow schedule, never when somebody asks. */
import { minWindow, stabilityIndex } from '../model/quality/drift.ts';
import { type Unusual, compareWithUsual } from '../model/usual.ts';
import { countKeysInPages } from '../storage/api-keys.ts';
import { type Mix, type MixCounts, MIXES, countArrivals, countMixes } from '../storage/arrivals.ts';
import type { Database } from '../storage/database.ts';
import { readImportRecord } from '../storage/imports.ts';
import { readTrainingSettings } from '../storage/settings.ts';
import { type TrainingRecord, readTrainingRecord } from '../storage/training-runs.ts';
import { type LiveRow, readLiveMetrics } from './live-metrics.ts';

export interface Look {
  /** Events of the last sixty minutes. */
  readonly lastHour: number;
  /** Against the same sixty minutes of former weeks; null: too little is known. */
  readonly volume: Unusual | null;
  /** Population stability index of the last 24 hours against the same a week before; null: too few events in one of them. */
  readonly drift: Readonly<Record<Mix, number | null>>;
  readonly training: TrainingRecord;
  readonly imports: Awaited<ReturnType<typeof readImportRecord>>;
  /** Keys of the database that a page has sent and that must not be in one, and that still open doors. */
  readonly keysInPages: number;
}

/** Of the last seven days, all lists together. */
export type LiveRates = Pick<LiveRow, 'lists' | 'clicks' | 'purchases' | 'clickRate' | 'clicksPerList' | 'purchasesPerList' | 'revenuePerList'>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LIVE_DAYS = 7;

/** PSI over bins (`model/quality/drift.ts`); windows of fewer events, or for users of fewer users, would show chance. */
export function driftOfMix({ before, since }: MixCounts, least: number): number | null {
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  return Math.min(total(before), total(since)) < least ? null : stabilityIndex(before, since);
}

/** PSI of equal populations is about (bins − 1) · 2 / n; six bins of so many users make less than 0.1 of it. */
const LEAST_USERS = 200;

/** @throws DatabaseUnavailable */
export async function lookAt(database: Database): Promise<Look> {
  // One after the other: nobody waits, and answers need the connections.
  const { lastHour, formerWeeks } = await countArrivals(database);
  const mixes = await countMixes(database);
  const training = await readTrainingRecord(database);
  const imports = await readImportRecord(database);
  const keysInPages = await countKeysInPages(database);
  const drift = Object.fromEntries(MIXES.map((mix) => [mix, driftOfMix(mixes[mix], mix === 'users' ? LEAST_USERS : minWindow)])) as Record<Mix, number | null>;
  return { lastHour, volume: compareWithUsual(lastHour, formerWeeks), drift, training, imports, keysInPages };
}

/** @returns null where no list was given out. @throws DatabaseUnavailable */
export async function readLiveRates(database: Database, nowMs: number): Promise<LiveRates | null> {
  const { attributionHours } = await readTrainingSettings(database);
  // Lists are counted by the hour.
  const toMs = Math.ceil((nowMs + 1) / HOUR_MS) * HOUR_MS;
  const { rows } = await readLiveMetrics(database, { from: new Date(toMs - LIVE_DAYS * DAY_MS), to: new Date(toMs), by: 'total', scenarioNo: null }, attributionHours);
  return rows.at(0) ?? null;
}
