/**
 * What a shop's events look like, counted once: the measures that `report.ts` judges.
 *
 * Order of work: one pass over the events for types, values and times; a counting sort of rows by user; one pass over each user's rows for pairs, repeated
 * events, returns and the first event. Everything is held in typed arrays by index; memory is about 30 bytes an event, 50 a user and 30 an item.
 */
import type { EventColumns, EventTypeRule } from '../interactions.ts';
import { distinctSorted, indexOfNo } from '../matrix.ts';
import { createDuplicateFinder, markEvents } from './duplicates.ts';
import { createValueCounter, type TypeValues } from './values.ts';

export const dayMs = 86_400_000;
export const hourMs = 3_600_000;
/** Shops on the net are younger: an earlier date is a default value or a wrong unit. */
export const earliestMs = Date.UTC(1990, 0, 1);
/** Senders' clocks may be ahead by as much. */
export const clockSlackMs = hourMs;

/** Numbers of users or items as indexes 0, 1, 2… in ascending order. */
export interface Numbering {
  /** Index → number. */
  nos: Int32Array;
  /** Event → index. */
  index: Int32Array;
}

export interface EventProfile {
  /** All events; those of a type without a rule are in `unknownTypeEvents` and in no other figure. */
  events: number;
  unknownTypeEvents: number;
  /** Events that speak for their item. */
  positiveEvents: number;
  types: TypeValues[];
  users: Numbering;
  items: Numbering;
  /** Per user index. */
  eventsPerUser: Int32Array;
  itemsPerUser: Int32Array;
  /** Per item index. */
  usersPerItem: Int32Array;
  /** Events by user: rows rowStart[u] … rowStart[u + 1] − 1 of `rows`. */
  rows: Int32Array;
  rowStart: Int32Array;
  /** Distinct (user, item). */
  pairs: number;
  /** Events that say in every column what an earlier one of the same user says. */
  duplicates: number;
  /** Pairs with returns, and those of them where more went back than was ever bought. */
  returnedPairs: number;
  excessReturnPairs: number;
  futureEvents: number;
  earlyEvents: number;
  oldestMs: number;
  newestMs: number;
  /** Events of each UTC day from `firstDay` (days since 1970) on; impossible dates are not among them. */
  firstDay: number;
  perDay: Int32Array;
}

/** @param nowMs what is later, by more than an hour, is the future */
export function profileEvents(columns: EventColumns, rules: readonly EventTypeRule[], nowMs: number): EventProfile {
  const { length } = columns;
  const slotOf = slotsOf(rules);
  const times = countTimes(columns, slotOf, nowMs);
  const values = createValueCounter(rules, length);
  let unknownTypeEvents = 0;
  for (let i = 0; i < length; i++) {
    const slot = slotOf[columns.type[i]! & 0xffff]!;
    if (slot < 0) unknownTypeEvents++;
    else values.add(slot, columns.value[i]!, columns.quantity[i]!);
  }
  const types = values.finish();
  values.countOutliers(columns, slotOf, types);

  const users = numberColumn(columns.user, length);
  const items = numberColumn(columns.item, length);
  const { rows, rowStart } = groupRows(columns.type, slotOf, users, length);
  return {
    events: length,
    unknownTypeEvents,
    positiveEvents: types.reduce((sum, type) => sum + type.positive, 0),
    types, users, items, rows, rowStart,
    ...countUsers(columns, users.nos.length, items, rows, rowStart),
    ...times,
  };
}

/** Type number (as 16 bits) → place in the list of rules, −1 for none. */
export function slotsOf(rules: readonly EventTypeRule[]): Int16Array {
  const slots = new Int16Array(0x1_0000).fill(-1);
  for (const [slot, rule] of rules.entries()) slots[rule.typeNo & 0xffff] = slot;
  return slots;
}

function countTimes({ length, occurredAtMs, type }: EventColumns, slotOf: Int16Array, nowMs: number) {
  const latestMs = nowMs + clockSlackMs;
  let futureEvents = 0;
  let earlyEvents = 0;
  let oldestMs = Infinity;
  let newestMs = -Infinity;
  let firstMs = Infinity;
  let lastMs = -Infinity;
  for (let i = 0; i < length; i++) {
    if (slotOf[type[i]! & 0xffff]! < 0) continue;
    const ms = occurredAtMs[i]!;
    if (ms < oldestMs) oldestMs = ms;
    if (ms > newestMs) newestMs = ms;
    if (ms > latestMs) futureEvents++;
    else if (ms < earliestMs) earlyEvents++;
    else {
      if (ms < firstMs) firstMs = ms;
      if (ms > lastMs) lastMs = ms;
    }
  }
  const firstDay = firstMs === Infinity ? 0 : Math.floor(firstMs / dayMs);
  const perDay = new Int32Array(firstMs === Infinity ? 0 : Math.floor(lastMs / dayMs) - firstDay + 1);
  for (let i = 0; i < length; i++) {
    const ms = occurredAtMs[i]!;
    if (ms >= firstMs && ms <= lastMs && slotOf[type[i]! & 0xffff]! >= 0) perDay[Math.floor(ms / dayMs) - firstDay]!++;
  }
  return { futureEvents, earlyEvents, oldestMs: oldestMs === Infinity ? 0 : oldestMs, newestMs: newestMs === -Infinity ? 0 : newestMs, firstDay, perDay };
}

/** By a table over the range of numbers, which identity columns fill well; by search where they do not. */
function numberColumn(column: Int32Array, length: number): Numbering {
  let least = length === 0 ? 0 : column[0]!;
  let most = least;
  for (let i = 0; i < length; i++) {
    if (column[i]! < least) least = column[i]!;
    else if (column[i]! > most) most = column[i]!;
  }
  const index = new Int32Array(length);
  const range = most - least + 1;
  if (range > Math.max(1 << 22, 4 * length)) {
    const nos = distinctSorted(column.subarray(0, length));
    for (let i = 0; i < length; i++) index[i] = indexOfNo(nos, column[i]!);
    return { nos, index };
  }
  const place = new Int32Array(range);
  for (let i = 0; i < length; i++) place[column[i]! - least] = 1;
  let count = 0;
  for (let k = 0; k < range; k++) if (place[k] === 1) place[k] = count++;
  const nos = new Int32Array(length === 0 ? 0 : count);
  for (let i = 0; i < length; i++) {
    index[i] = place[column[i]! - least]!;
    nos[index[i]!] = column[i]!;
  }
  return { nos, index };
}

function groupRows(type: Int16Array, slotOf: Int16Array, users: Numbering, length: number): { rows: Int32Array; rowStart: Int32Array } {
  const rowStart = new Int32Array(users.nos.length + 1);
  let known = 0;
  for (let i = 0; i < length; i++) {
    if (slotOf[type[i]! & 0xffff]! < 0) continue;
    rowStart[users.index[i]! + 1]!++;
    known++;
  }
  for (let u = 0; u < users.nos.length; u++) rowStart[u + 1]! += rowStart[u]!;
  const next = rowStart.slice();
  const rows = new Int32Array(known);
  for (let i = 0; i < length; i++) if (slotOf[type[i]! & 0xffff]! >= 0) rows[next[users.index[i]!]!++] = i;
  return { rows, rowStart };
}

/**
 * One user after another. What is needed of their events is first copied together: reading scattered columns in the loops below took twice as long for ten
 * million events.
 */
function countUsers(columns: EventColumns, userCount: number, items: Numbering, rows: Int32Array, rowStart: Int32Array) {
  const item = gather(items.index, rows);
  const findDuplicates = createDuplicateFinder(columns, rows, gather(markEvents(columns), rows));
  const eventsPerUser = new Int32Array(userCount);
  const itemsPerUser = new Int32Array(userCount);
  const usersPerItem = new Int32Array(items.nos.length);
  const lastUser = new Int32Array(items.nos.length).fill(-1); // a mark in place of a set of items per user
  let pairs = 0;
  let duplicates = 0;
  for (let u = 0; u < userCount; u++) {
    const to = rowStart[u + 1]!;
    let breadth = 0;
    for (let n = rowStart[u]!; n < to; n++) {
      const i = item[n]!;
      if (lastUser[i] !== u) {
        lastUser[i] = u;
        usersPerItem[i]!++;
        breadth++;
      }
    }
    eventsPerUser[u] = to - rowStart[u]!;
    itemsPerUser[u] = breadth;
    pairs += breadth;
    duplicates += findDuplicates(rowStart[u]!, to);
  }
  return { eventsPerUser, itemsPerUser, usersPerItem, pairs, duplicates, ...countReturns(columns.quantity, item, rows, rowStart, items.nos.length) };
}

/** Pairs with a negative quantity, and those of them whose quantities add up to less than nothing. */
function countReturns(quantity: Float32Array, item: Int32Array, rows: Int32Array, rowStart: Int32Array, itemCount: number) {
  const balance = new Float64Array(itemCount);
  const returned = new Uint8Array(itemCount);
  let returnedPairs = 0;
  let excessReturnPairs = 0;
  let from = 0;
  if (quantity.every((pieces) => !(pieces < 0))) return { returnedPairs, excessReturnPairs };
  for (let u = 1; u < rowStart.length; u++, from = rowStart[u - 1]!) {
    let hasReturns = false;
    for (let n = from; n < rowStart[u]!; n++) {
      const pieces = quantity[rows[n]!]!;
      if (pieces < 0) {
        returned[item[n]!] = 1;
        hasReturns = true;
      }
      balance[item[n]!]! += Number.isNaN(pieces) ? 0 : pieces;
    }
    for (let n = from; n < rowStart[u]!; n++) {
      const i = item[n]!;
      if (hasReturns && returned[i] === 1) {
        returned[i] = 0;
        returnedPairs++;
        if (balance[i]! < 0) excessReturnPairs++;
      }
      balance[i] = 0;
    }
  }
  return { returnedPairs, excessReturnPairs };
}

function gather<T extends Int32Array | Float64Array>(column: T, rows: Int32Array): T {
  const gathered = new (column.constructor as new (length: number) => T)(rows.length);
  for (let n = 0; n < rows.length; n++) gathered[n] = column[rows[n]!]!;
  return gathered;
}
