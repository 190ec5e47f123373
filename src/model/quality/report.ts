/** The data-quality report: what a shop's events are like before anything is learnt from them, and what to do about it. */
import type { EventColumns, EventTypeRule } from '../interactions.ts';
import { findBursts } from './bursts.ts';
import { measureDrift } from './drift.ts';
import { figuresOf, type QualityFigures } from './figures.ts';
import { type Finding, type ImportedRows, judge, type QualityMinimums } from './findings.ts';
import { type EventProfile, profileEvents } from './profile.ts';
import { findBroadUsers, findFastUsers } from './suspects.ts';

export interface QualityInput {
  columns: EventColumns;
  rules: readonly EventTypeRule[];
  /** When this is asked: what lies later is the future. */
  nowMs: number;
  minimums: QualityMinimums;
  /** Items known, with and without events; null where there is no catalogue. */
  catalogueItems: number | null;
  /** `newestEventNo` of the run before; null where there was none: then there is no drift to measure. */
  lastEventNo: number | null;
  /** What came in by files; left out where nothing is known of that. */
  imported?: ImportedRows | null;
}

export interface QualityReport {
  checkedAtMs: number;
  minimums: QualityMinimums;
  /** Highest event number seen, for the drift of the next report; 0 where there are no events. */
  newestEventNo: number;
  figures: QualityFigures;
  findings: Finding[];
  /** What stands between these data and a model, in words; empty where nothing does. */
  missing: string[];
}

/**
 * Ten million events in a few seconds; memory as `profile.ts` says.
 *
 * @param profile of these events, where it has been made already
 */
export function reportQuality({ columns, rules, nowMs, minimums, catalogueItems, lastEventNo, imported = null }: QualityInput, profile: EventProfile = profileEvents(columns, rules, nowMs)): QualityReport {
  const drift = lastEventNo === null ? null : measureDrift(columns, profile, lastEventNo);
  const figures = figuresOf(profile, drift, catalogueItems);
  const suspects = { fast: findFastUsers(columns, profile), broad: findBroadUsers(profile), bursts: findBursts(columns, profile) };
  let newestEventNo = 0;
  for (let i = 0; i < columns.length; i++) if (columns.eventNo[i]! > newestEventNo) newestEventNo = columns.eventNo[i]!;
  return {
    checkedAtMs: nowMs,
    minimums,
    newestEventNo,
    figures,
    findings: judge({ figures, profile, ...suspects, minimums, nowMs, imported }),
    missing: findMissing(figures, minimums),
  };
}

function findMissing({ interactions, usersWithTwo }: QualityFigures, minimums: QualityMinimums): string[] {
  const missing: string[] = [];
  if (interactions < minimums.interactions) missing.push(`${interactions} of at least ${minimums.interactions} interactions`);
  if (usersWithTwo < minimums.users) missing.push(`${usersWithTwo} of at least ${minimums.users} users with 2 items or more`);
  return missing;
}
