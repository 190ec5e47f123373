/** Users who look like programs, and how a busiest hour is found. */
import type { EventColumns } from '../interactions.ts';
import { type EventProfile, hourMs } from './profile.ts';

export const suspectLimits = {
  /** Moments with an event in any 60 minutes: one every 12 seconds for an hour is no shopper. A basket's lines share a moment and are one. */
  momentsPerHour: 300,
  /** Different items, and this share of all items with events besides. */
  breadthItems: 500,
  breadthShare: 0.25,
} as const;

export interface Suspect {
  /** Index of the user or the item. */
  index: number;
  /** What speaks against it: moments an hour, items, or users in an hour. */
  figure: number;
}

/** Most suspicious first. */
export function findFastUsers(columns: EventColumns, { rows, rowStart, eventsPerUser }: EventProfile): Suspect[] {
  const limit = suspectLimits.momentsPerHour;
  const found: Suspect[] = [];
  for (let u = 0; u < eventsPerUser.length; u++) {
    if (eventsPerUser[u]! < limit) continue;
    const times = Float64Array.from(rows.subarray(rowStart[u]!, rowStart[u + 1]!), (row) => columns.occurredAtMs[row]!).sort();
    let moments = 0;
    for (let i = 0; i < times.length; i++) if (i === 0 || times[i] !== times[i - 1]) times[moments++] = times[i]!;
    const figure = moments < limit ? 0 : busiestHour(times.subarray(0, moments)).count;
    if (figure >= limit) found.push({ index: u, figure });
  }
  return found.sort(bySuspicion);
}

/** Users who have been nearly everywhere. */
export function findBroadUsers({ itemsPerUser, usersPerItem }: EventProfile): Suspect[] {
  const { breadthItems, breadthShare } = suspectLimits;
  let items = 0;
  for (let i = 0; i < usersPerItem.length; i++) if (usersPerItem[i]! > 0) items++;
  const least = Math.max(breadthItems, breadthShare * items);
  const found: Suspect[] = [];
  for (let u = 0; u < itemsPerUser.length; u++) if (itemsPerUser[u]! >= least) found.push({ index: u, figure: itemsPerUser[u]! });
  return found.sort(bySuspicion);
}

export function bySuspicion(a: Suspect, b: Suspect): number {
  return b.figure - a.figure || a.index - b.index;
}

/** The 60 minutes, from one of the times on, that hold the most of them. `times` ascend. */
export function busiestHour(times: Float64Array): { count: number; fromMs: number } {
  let best = { count: 0, fromMs: 0 };
  let to = 0;
  for (let from = 0; from < times.length; from++) {
    while (to < times.length && times[to]! < times[from]! + hourMs) to++;
    if (to - from > best.count) best = { count: to - from, fromMs: times[from]! };
  }
  return best;
}

/** How many of the ascending numbers lie below. */
export function lowerBound(sorted: Float64Array, below: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < below) low = middle + 1;
    else high = middle;
  }
  return low;
}
