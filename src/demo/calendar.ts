/**
 * When people shop: busier weekends and evenings, a run-up to Christmas, and every category with its own time of year. Everything follows from `endMs`;
 * nothing asks the clock. Days are periods of 24 hours counted from the start, hours are UTC, and times inside the demo are whole seconds from the start.
 */
import type { Random } from '../model/random.ts';
import { findInTotals, runningTotals } from './sampling.ts';
import type { Category } from './words.ts';

export const DAY_SECONDS = 86_400;
const DAY_MS = DAY_SECONDS * 1000;
const YEAR_MS = 365.2425 * DAY_MS;

export interface Calendar {
  startMs: number;
  days: number;
  /** Running total of how busy each day is. */
  dayTotals: Float64Array;
  hourTotals: Float64Array;
  /** Seconds between UTC midnight and the start of each demo day. */
  phaseSeconds: number;
  /** days × categories: demand relative to the category's mean over a year. */
  season: Float32Array;
}

const HOURS = [3, 2, 1, 1, 1, 2, 5, 9, 12, 14, 15, 16, 18, 16, 14, 14, 15, 18, 22, 27, 30, 26, 17, 8];

/** Sunday is day 3 of the count from 1 January 1970, a Thursday. */
const WEEKDAYS = [1, 1.05, 1.2, 1.35, 1, 0.95, 0.95];

export function createCalendar(endMs: number, days: number, categories: readonly Category[]): Calendar {
  const startMs = endMs - days * DAY_MS;
  const busy = new Float64Array(days);
  const season = new Float32Array(days * categories.length);
  for (let day = 0; day < days; day++) {
    const noonMs = startMs + (day + 0.5) * DAY_MS;
    const year = fraction(noonMs / YEAR_MS);
    const weekday = Math.floor(fraction(noonMs / (7 * DAY_MS)) * 7);
    busy[day] = WEEKDAYS[weekday]! * (1 + 0.6 * Math.exp(-(((year - 0.93) / 0.035) ** 2)));
    for (const [c, category] of categories.entries()) {
      season[day * categories.length + c] = 1 + category.swing * Math.cos(2 * Math.PI * (year - category.peak));
    }
  }
  return {
    startMs,
    days,
    dayTotals: runningTotals(busy),
    hourTotals: runningTotals(HOURS),
    phaseSeconds: Math.floor(fraction(startMs / DAY_MS) * DAY_SECONDS),
    season,
  };
}

/** Second at which a visit begins, on `firstDay` or later. */
export function drawVisitSecond(calendar: Calendar, firstDay: number, random: Random): number {
  const { dayTotals } = calendar;
  const before = firstDay > 0 ? dayTotals[firstDay - 1]! : 0;
  const day = findInTotals(dayTotals, before + random.uniform() * (dayTotals.at(-1)! - before));
  return day * DAY_SECONDS + drawSecondOfDay(calendar, random);
}

/** Busy hours more often than quiet ones; counts from the beginning of a demo day. */
export function drawSecondOfDay({ hourTotals, phaseSeconds }: Calendar, random: Random): number {
  const hour = findInTotals(hourTotals, random.uniform() * hourTotals.at(-1)!);
  const clock = hour * 3600 + random.integer(3600) - phaseSeconds;
  return clock < 0 ? clock + DAY_SECONDS : clock;
}

function fraction(x: number): number {
  return x - Math.floor(x);
}
