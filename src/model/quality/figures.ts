/** The figures of a quality report: plain numbers, as they go into a run's report. Times are milliseconds since 1970, shares are 0 … 1. */
import type { Drift } from './drift.ts';
import { dayMs, type EventProfile } from './profile.ts';
import type { TypeValues } from './values.ts';

export interface QualityFigures {
  events: number;
  /** With at least one event of a known type. */
  users: number;
  items: number;
  /** Distinct (user, item) with an event of a known type. Taken-back ratings and returned goods are still among them. */
  interactions: number;
  /** Users with at least two different items: the only ones who say what goes with what. */
  usersWithTwo: number;
  positiveEvents: number;
  unknownTypeEvents: number;
  duplicates: number;
  futureEvents: number;
  earlyEvents: number;
  returnedPairs: number;
  /** Pairs where more was returned than bought. */
  excessReturnPairs: number;
  /** 0 where there are no events. */
  oldestMs: number;
  newestMs: number;
  /** Users with one item, and items with fewer than `coldItemUsers` users, as shares. */
  coldUserShare: number;
  coldItemShare: number;
  /** Items of the catalogue without any event; null where no catalogue is known. */
  catalogueItems: number | null;
  catalogueWithoutEvents: number | null;
  /** Gini coefficient of users per item: 0 = all items alike, 1 = one has everything. */
  popularityGini: number;
  /** 1 − interactions / (users · items). */
  sparsity: number;
  types: TypeFigures[];
  days: DayFigures;
  /** Against the last run; null where there was none, or too little is new. */
  drift: Drift | null;
}

export interface TypeFigures {
  name: string;
  events: number;
  positive: number;
  returns: number;
  /** Of the events that carry one; null where none does. Quantiles are from a sample. */
  values: { count: number; min: number; max: number; mean: number; p10: number; p50: number; p90: number } | null;
}

export interface DayFigures {
  /** Days from the first to the last with a possible date. */
  span: number;
  withoutEvents: number;
  /** Longest run of days without events between two with some. */
  longestGap: number;
  /** Over the days that have events. */
  median: number;
  most: number;
  /** The day with the most, `YYYY-MM-DD`; null where there is none. */
  busiest: string | null;
  /** Events of the newest days, oldest first, at most 90. `first` is the day of the first number. */
  recent: { first: string | null; events: number[] };
}

/** Fewer users than this say little about an item. */
export const coldItemUsers = 3;
const recentDays = 90;

export function figuresOf(profile: EventProfile, drift: Drift | null, catalogueItems: number | null): QualityFigures {
  const { itemsPerUser, usersPerItem, pairs } = profile;
  const users = countFrom(itemsPerUser, 1);
  const items = countFrom(usersPerItem, 1);
  const usersWithTwo = countFrom(itemsPerUser, 2);
  return {
    events: profile.events,
    users,
    items,
    interactions: pairs,
    usersWithTwo,
    positiveEvents: profile.positiveEvents,
    unknownTypeEvents: profile.unknownTypeEvents,
    duplicates: profile.duplicates,
    futureEvents: profile.futureEvents,
    earlyEvents: profile.earlyEvents,
    returnedPairs: profile.returnedPairs,
    excessReturnPairs: profile.excessReturnPairs,
    oldestMs: profile.oldestMs,
    newestMs: profile.newestMs,
    coldUserShare: shareOf(users - usersWithTwo, users),
    coldItemShare: shareOf(items - countFrom(usersPerItem, coldItemUsers), items),
    catalogueItems,
    catalogueWithoutEvents: catalogueItems === null ? null : Math.max(0, catalogueItems - items),
    popularityGini: giniOf(usersPerItem.filter((count) => count > 0)),
    sparsity: users === 0 ? 1 : 1 - pairs / users / items,
    types: profile.types.map(typeFigures),
    days: dayFigures(profile),
    drift,
  };
}

export function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** G = 2 Σ k·x_k / (n Σ x) − (n + 1) / n over ascending x, k from 1. 0 for no numbers. */
export function giniOf(counts: Int32Array): number {
  const sorted = counts.slice().sort();
  const n = sorted.length;
  let sum = 0;
  let ranked = 0;
  for (let k = 0; k < n; k++) {
    sum += sorted[k]!;
    ranked += (k + 1) * sorted[k]!;
  }
  return sum === 0 ? 0 : (2 * ranked) / (n * sum) - (n + 1) / n;
}

function countFrom(counts: Int32Array, least: number): number {
  let found = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i]! >= least) found++;
  return found;
}

function typeFigures({ name, events, positive, returns, values, min, max, mean, p10, p50, p90 }: TypeValues): TypeFigures {
  return { name, events, positive, returns, values: values === 0 ? null : { count: values, min, max, mean, p10, p50, p90 } };
}

function dayFigures({ firstDay, perDay }: EventProfile): DayFigures {
  const filled = perDay.filter((events) => events > 0).sort();
  let longestGap = 0;
  let gap = 0;
  let busiest = -1;
  for (let day = 0; day < perDay.length; day++) {
    gap = perDay[day] === 0 ? gap + 1 : 0;
    if (gap > longestGap) longestGap = gap;
    if (busiest < 0 || perDay[day]! > perDay[busiest]!) busiest = day;
  }
  const recentFrom = Math.max(0, perDay.length - recentDays);
  return {
    span: perDay.length,
    withoutEvents: perDay.length - filled.length,
    longestGap,
    median: filled.length === 0 ? 0 : (filled[(filled.length - 1) >> 1]! + filled[filled.length >> 1]!) / 2,
    most: busiest < 0 ? 0 : perDay[busiest]!,
    busiest: busiest < 0 ? null : dayName(firstDay + busiest),
    recent: { first: perDay.length === 0 ? null : dayName(firstDay + recentFrom), events: Array.from(perDay.subarray(recentFrom)) },
  };
}

export function dayName(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}
