/**
 * What came since the last run against as many events before it, by the population stability index over bins:
 *
 *   PSI = Σ_b (a_b − e_b) · ln(a_b / e_b),   e_b, a_b = shares before and since, at least 10⁻⁴ each
 *
 * Below 0.1 is usually read as stable, from 0.25 on as another population. Both windows hold the same number of events, by event number (order of arrival),
 * and bins are chosen from both together, so that without drift neither side is favoured: bins ranked by the earlier window alone would always find
 * that its bestsellers had lost. By chance alone PSI is about 2 · (bins − 1) / events, hence `minWindow`.
 */
import type { EventColumns } from '../interactions.ts';
import type { EventProfile } from './profile.ts';

export interface Drift {
  /** Events in each of the two windows. */
  window: number;
  /** Events with a number above the last run's highest. */
  newEvents: number;
  /** PSI over event types. */
  types: number;
  /** PSI over the 20 most frequent items of both windows and 20 groups of the others. */
  items: number;
  /** PSI of users by how many events they have in the window: 1, 2–3, 4–7, 8–15, 16–31, 32 or more. */
  users: number;
  /** Share of the later window's events whose user, or item, the last run did not know. */
  newUserShare: number;
  newItemShare: number;
}

/** Fewer events than this on either side, and chance would look like drift. */
export const minWindow = 2000;
const floorShare = 1e-4;
const topItems = 20;
const otherGroups = 20;
const activityClasses = 6;

/** Population stability index of two lists of counts, bin by bin. 0 where either is empty. */
export function stabilityIndex(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  let before = 0;
  let since = 0;
  for (let b = 0; b < expected.length; b++) {
    before += expected[b]!;
    since += actual[b]!;
  }
  if (before === 0 || since === 0) return 0;
  let index = 0;
  for (let b = 0; b < expected.length; b++) {
    if (expected[b] === 0 && actual[b] === 0) continue;
    const e = Math.max(floorShare, expected[b]! / before);
    const a = Math.max(floorShare, actual[b]! / since);
    index += (a - e) * Math.log(a / e);
  }
  return index;
}

/** @param lastEventNo the highest event number that the last run saw. @returns null where one of the windows would be too small */
export function measureDrift(columns: EventColumns, profile: EventProfile, lastEventNo: number): Drift | null {
  const { length, eventNo } = columns;
  let newEvents = 0;
  for (let i = 0; i < length; i++) if (eventNo[i]! > lastEventNo) newEvents++;
  const window = Math.min(newEvents, length - newEvents);
  if (window < minWindow) return null;
  // Ascending, so the windows are the `window` numbers below the boundary and the last `window` of all.
  const sorted = isAscending(eventNo, length) ? eventNo : eventNo.slice(0, length).sort();
  const beforeFrom = sorted[length - newEvents - window]!;
  const sinceFrom = sorted[length - window]!;
  const side = new Int8Array(length).fill(-1);
  for (let i = 0; i < length; i++) {
    if (eventNo[i]! >= sinceFrom) side[i] = 1;
    else if (eventNo[i]! >= beforeFrom && eventNo[i]! <= lastEventNo) side[i] = 0;
  }
  return {
    window,
    newEvents,
    types: driftOf(side, columns.type, 0x1_0000),
    items: itemDrift(side, profile),
    users: userDrift(side, profile),
    ...newShares(columns, profile, side, lastEventNo),
  };
}

function isAscending(numbers: Float64Array, length: number): boolean {
  for (let i = 1; i < length; i++) if (numbers[i]! < numbers[i - 1]!) return false;
  return true;
}

function driftOf(side: Int8Array, bin: ArrayLike<number>, bins: number): number {
  const counts = [new Int32Array(bins), new Int32Array(bins)];
  for (let i = 0; i < side.length; i++) if (side[i]! >= 0) counts[side[i]!]![bin[i]! & 0xffff]!++;
  return stabilityIndex(counts[0]!, counts[1]!);
}

function itemDrift(side: Int8Array, { items }: EventProfile): number {
  const pooled = new Int32Array(items.nos.length);
  for (let i = 0; i < side.length; i++) if (side[i]! >= 0) pooled[items.index[i]!]!++;
  const order = Int32Array.from(pooled, (_, item) => item).sort((a, b) => pooled[b]! - pooled[a]! || a - b);
  const binOf = Int32Array.from(items.nos, (no) => topItems + ((Math.imul(no, 0x9e3779b1) >>> 8) % otherGroups));
  for (let rank = 0; rank < Math.min(topItems, order.length); rank++) binOf[order[rank]!] = rank;
  return driftOf(side, items.index.map((item) => binOf[item]!), topItems + otherGroups);
}

function userDrift(side: Int8Array, { users }: EventProfile): number {
  const perUser = [new Int32Array(users.nos.length), new Int32Array(users.nos.length)];
  for (let i = 0; i < side.length; i++) if (side[i]! >= 0) perUser[side[i]!]![users.index[i]!]!++;
  const classes = perUser.map((counts) => {
    const binned = new Int32Array(activityClasses);
    for (let u = 0; u < counts.length; u++) if (counts[u]! > 0) binned[Math.min(activityClasses - 1, 31 - Math.clz32(counts[u]!))]!++;
    return binned;
  });
  return stabilityIndex(classes[0]!, classes[1]!);
}

function newShares({ length, eventNo }: EventColumns, { users, items }: EventProfile, side: Int8Array, lastEventNo: number) {
  const knownUser = new Uint8Array(users.nos.length);
  const knownItem = new Uint8Array(items.nos.length);
  for (let i = 0; i < length; i++) {
    if (eventNo[i]! > lastEventNo) continue;
    knownUser[users.index[i]!] = 1;
    knownItem[items.index[i]!] = 1;
  }
  let [window, byNewUsers, onNewItems] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    if (side[i] !== 1) continue;
    window++;
    if (knownUser[users.index[i]!] === 0) byNewUsers++;
    if (knownItem[items.index[i]!] === 0) onNewItems++;
  }
  return { newUserShare: byNewUsers / window, newItemShare: onNewItems / window };
}
