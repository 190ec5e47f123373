/**
 * The honest split: a shop trains on the past and answers for the future, so events are cut by time, before they are folded. A random split would let the
 * model see a shopper's later purchases, and through counts and returns even the held-out ones.
 */
import { type EventColumns, foldEvents, type EventTypeRule, type Interactions, newestOccurredAt, selectEvents } from './interactions.ts';
import { indexOfNo } from './matrix.ts';

/** Why there is no holdout: a code for programs, words for people. */
export interface NoHoldout {
  code: 'too-few-events' | 'one-point-in-time' | 'too-few-train-users' | 'too-few-train-items' | 'nothing-wanted' | 'too-few-test-users' | 'no-test-users';
  message: string;
}

export interface TimeSplit {
  /** Events before this are train, the others test. */
  cutMs: number;
  train: EventColumns;
  test: EventColumns;
}

/** A split needs at least this many events: below, the test part says nothing. */
export const minSplitEvents = 10;

/**
 * Cuts at the time before which `1 − testShare` of the events lie. Events of the same instant stay together: the cut is the nearer edge of the instant
 * that the quantile falls into.
 */
export function splitByTime(columns: EventColumns, testShare = 0.2): TimeSplit | { reason: NoHoldout } {
  const { length, occurredAtMs, user } = columns;
  if (length < minSplitEvents) {
    return { reason: { code: 'too-few-events', message: `A holdout needs at least ${minSplitEvents} events; there are ${length}.` } };
  }
  const times = occurredAtMs.slice(0, length).sort();
  const wanted = Math.min(length - 1, Math.max(1, Math.round(length * (1 - testShare))));
  const instant = times[wanted]!;
  let first = wanted; // events before the instant
  while (first > 0 && times[first - 1] === instant) first--;
  let past = wanted; // events up to and including it
  while (past < length && times[past] === instant) past++;
  if (first === 0 && past === length) {
    return { reason: { code: 'one-point-in-time', message: 'All events have the same time, so none of them is later than the others.' } };
  }
  const trainLength = first === 0 || (past < length && past - wanted < wanted - first) ? past : first;
  const cutMs = times[trainLength]!;

  const trainRows = new Int32Array(trainLength);
  const testRows = new Int32Array(length - trainLength);
  const trainUsers = new Set<number>();
  let train = 0;
  let test = 0;
  for (let i = 0; i < length; i++) {
    if (occurredAtMs[i]! < cutMs) {
      trainRows[train++] = i;
      if (trainUsers.size < 2) trainUsers.add(user[i]!);
    } else {
      testRows[test++] = i;
    }
  }
  if (trainUsers.size < 2) {
    return { reason: { code: 'too-few-train-users', message: `Only ${trainUsers.size} user has events before the cut; at least 2 are needed.` } };
  }
  return { cutMs, train: selectEvents(columns, trainRows), test: selectEvents(columns, testRows) };
}

/** What a ranking should have found: per test user, the items they came to want. */
export interface Relevance {
  /** Row of each test user in the train matrix, ascending. */
  userRows: Int32Array;
  /** users + 1 offsets into `itemIndex`. */
  rowStart: Int32Array;
  /** Item index in the train matrix; −1 = an item the train part does not know (cold). It counts as relevant and cannot be found. */
  itemIndex: Int32Array;
}

/** From this target on an interaction counts as wanted. */
const positiveTarget = 0.5;

/**
 * A test user's relevant items: positive in the test part and without any interaction in the train part. Users the train part does not know are left out,
 * and so are users without a relevant item. `userNos` and `itemNos` are the train matrix' rows and columns.
 */
export function findRelevance(
  test: EventColumns, rules: readonly EventTypeRule[], train: Interactions, userNos: Int32Array, itemNos: Int32Array,
): Relevance {
  const later = foldEvents(test, rules, newestOccurredAt(test));
  const userRows: number[] = [];
  const rowStart = [0];
  const itemIndex: number[] = [];
  for (let r = 0; r < later.userNos.length; r++) {
    const userRow = indexOfNo(userNos, later.userNos[r]!);
    if (userRow < 0) continue;
    const trainRow = indexOfNo(train.userNos, later.userNos[r]!);
    const known = train.itemNos.subarray(train.rowStart[trainRow]!, train.rowStart[trainRow + 1]!);
    const before = itemIndex.length;
    for (let e = later.rowStart[r]!; e < later.rowStart[r + 1]!; e++) {
      if (later.weight[e]! > 0 && later.target[e]! >= positiveTarget && indexOfNo(known, later.itemNos[e]!) < 0) {
        itemIndex.push(indexOfNo(itemNos, later.itemNos[e]!));
      }
    }
    if (itemIndex.length === before) continue;
    userRows.push(userRow);
    rowStart.push(itemIndex.length);
  }
  return { userRows: Int32Array.from(userRows), rowStart: Int32Array.from(rowStart), itemIndex: Int32Array.from(itemIndex) };
}
