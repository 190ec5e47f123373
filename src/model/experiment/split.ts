/**
 * Train | validation | test. Everything is chosen on validation, once, and the test part is looked at once.
 *
 *   by time         the latest fifth of the events is test; of the rest the latest fifth is validation, and of what is then left the latest fifth a second, earlier validation window, so that
 *                   one season does not choose alone. A shop trains on the past and answers for the future, so this is the default
 *   leave-last-out  each user's time is cut where they first met the last item they came to want: what is before is train, the rest test; of what is left the same again is validation. Everybody
 *                   with two such items is scored, so it serves young shops; but a user's past lies beside others' future, and its figures are somewhat too good
 *
 * Either way events of one instant stay together, a cut is made before events are folded, and users are scored who are known before it and want something new after it.
 *
 * The chain: a method that leaves `enoughUsers` to score is taken; by time goes first, unless leave-last-out was asked for. Where none does, the one that leaves most, if these are at least
 * `leastUsers`; else the data are unmeasured. For validation the chain begins with the test part's method; without any, nothing can be chosen, but the test part still measures.
 */
import { distinctSorted, indexInteractions, indexOfNo } from '../matrix.ts';
import { type EventColumns, type EventTypeRule, foldEvents, newestOccurredAt, selectEvents } from '../interactions.ts';
import { findRelevance, minSplitEvents, type NoHoldout, splitByTime } from '../split.ts';

export type SplitMethod = 'time' | 'leave-last-out';

/** What to fit on, and what to score on. */
export interface HeldOut {
  train: EventColumns;
  held: EventColumns;
  report: HeldOutReport;
}

export interface HeldOutReport {
  by: SplitMethod;
  /** Events before this are train, the others held out; null: every user has a cut of their own. */
  cutMs: number | null;
  /** Of the held-out events. */
  oldestMs: number;
  newestMs: number;
  trainEvents: number;
  heldEvents: number;
  /** Users to score: known to the train part, and wanting something new in the other. */
  users: number;
  /** Items these came to want, over all of them. */
  relevant: number;
  /** Of these, the share no one had touched before the cut: out of any model's reach. */
  coldShare: number;
}

export interface ThreeWaySplit {
  /** `train` is all that is not test: what the recipe that was chosen is fitted on. */
  test: HeldOut;
  /** Latest first; at most two, of one method; none where the part before the test part is too small. */
  validation: HeldOut[];
  report: SplitReport;
}

export interface SplitReport {
  asked: SplitMethod;
  /** Null where nothing can be measured: the last of `tried` says why. */
  test: HeldOutReport | null;
  validation: HeldOutReport[];
  /** Methods that were tried and not taken, in that order. */
  tried: { part: 'test' | 'validation'; by: SplitMethod; reason: NoHoldout }[];
}

/** A method with so many users to score is taken without looking at the next. */
export const enoughUsers = 25;
/** With fewer, figures are those of a handful of people. */
export const leastUsers = 10;
const share = 0.2;

/** `reason` where nothing can be measured. Time: a fold of the events for each method tried and part. */
export function splitThreeWays(columns: EventColumns, rules: readonly EventTypeRule[], { by = 'time' }: { by?: SplitMethod } = {}): ThreeWaySplit | { reason: NoHoldout; report: SplitReport } {
  const report: SplitReport = { asked: by, test: null, validation: [], tried: [] };
  const test = holdOut(columns, rules, by, 'test', report);
  if (test === null) return { reason: report.tried.at(-1)!.reason, report };
  report.test = test.report;
  const validation: HeldOut[] = [];
  const latest = holdOut(test.train, rules, test.report.by, 'validation', report);
  if (latest !== null) {
    validation.push(latest);
    const earlier = tryMethod(latest.train, rules, latest.report.by);
    if (!('code' in earlier) && earlier.report.users >= leastUsers) validation.push(earlier);
  }
  report.validation = validation.map((part) => part.report);
  return { test, validation, report };
}

function holdOut(columns: EventColumns, rules: readonly EventTypeRule[], first: SplitMethod, part: 'test' | 'validation', { tried }: SplitReport): HeldOut | null {
  const few: HeldOut[] = [];
  for (const by of first === 'time' ? (['time', 'leave-last-out'] as const) : (['leave-last-out'] as const)) {
    const held = tryMethod(columns, rules, by);
    if ('code' in held) {
      tried.push({ part, by, reason: held });
      continue;
    }
    const { users } = held.report;
    if (users >= enoughUsers) return held;
    const wanted = `${by === 'time' ? 'A cut in time' : 'Leaving out the last item of each'} leaves ${users} ${users === 1 ? 'user' : 'users'} to score`;
    tried.push({ part, by, reason: { code: 'too-few-test-users', message: `${wanted}; ${users < leastUsers ? `at least ${leastUsers} are needed` : `with ${enoughUsers} no other way would be tried`}.` } });
    if (users >= leastUsers) few.push(held);
  }
  const most = few.toSorted((a, b) => b.report.users - a.report.users)[0] ?? null;
  // What is taken after all was not "not taken".
  if (most !== null) tried.splice(tried.findLastIndex((one) => one.part === part && one.by === most.report.by), 1);
  return most;
}

function tryMethod(columns: EventColumns, rules: readonly EventTypeRule[], by: SplitMethod): HeldOut | NoHoldout {
  const parts = by === 'time' ? splitByTime(columns, share) : leaveLastOut(columns, rules);
  if ('reason' in parts) return parts.reason;
  const { train, held, cutMs } = 'test' in parts ? { ...parts, held: parts.test } : { ...parts, cutMs: null };
  const before = foldEvents(train, rules, newestOccurredAt(train));
  const { userNos, itemNos, matrix } = indexInteractions(before);
  const [users, items] = [userNos.length, itemNos.length];
  if (users < 2) return { code: 'too-few-train-users', message: `Only ${users} ${users === 1 ? 'user has' : 'users have'} anything before the cut; at least 2 are needed.` };
  if (items < 2) return { code: 'too-few-train-items', message: `Only ${items} ${items === 1 ? 'item' : 'items'} before the cut; at least 2 are needed.` };
  if (!matrix.target.some((target) => target > 0)) return { code: 'nothing-wanted', message: 'No event before the cut speaks for an item: all are dislikes.' };
  const { userRows, itemIndex } = findRelevance(held, rules, before, userNos, itemNos);
  if (userRows.length === 0) return { code: 'no-test-users', message: 'No user known before the cut wanted anything new after it.' };
  let oldestMs = Infinity;
  for (let i = 0; i < held.length; i++) oldestMs = Math.min(oldestMs, held.occurredAtMs[i]!);
  const cold = itemIndex.reduce((count, item) => count + (item < 0 ? 1 : 0), 0);
  return {
    train, held,
    report: { by, cutMs, oldestMs, newestMs: newestOccurredAt(held), trainEvents: train.length, heldEvents: held.length, users: userRows.length, relevant: itemIndex.length, coldShare: cold / itemIndex.length },
  };
}

/**
 * A user's cut is the time at which they first met the latest met of the items they want: items met at that instant are held out together, and so is everything that came after. Users who
 * met all their items at one instant are train.
 */
function leaveLastOut(columns: EventColumns, rules: readonly EventTypeRule[]): { train: EventColumns; held: EventColumns } | { reason: NoHoldout } {
  const { length, user, item, type, value, quantity, occurredAtMs } = columns;
  if (length < minSplitEvents) return { reason: { code: 'too-few-events', message: `A holdout needs at least ${minSplitEvents} events; there are ${length}.` } };
  const ruleOf = new Map(rules.map((rule) => [rule.typeNo, rule]));
  const speaksFor = (i: number): boolean => {
    const { weight, mode, threshold } = ruleOf.get(type[i]!)!;
    if (!(weight > 0) || quantity[i]! < 0) return false;
    return mode === 'sum' || !(Number.isNaN(value[i]!) || (threshold !== null && value[i]! < threshold));
  };
  const { rowStart, order, userOf } = groupByUser(user, length);
  const cutOf = new Float64Array(rowStart.length - 1).fill(Infinity);
  const metAt = new Map<number, number>();
  const wanted = new Set<number>();
  let held = 0;
  for (let u = 0; u + 1 < rowStart.length; u++) {
    metAt.clear();
    wanted.clear();
    for (let n = rowStart[u]!; n < rowStart[u + 1]!; n++) {
      const i = order[n]!;
      if (!ruleOf.has(type[i]!)) continue;
      const at = metAt.get(item[i]!);
      if (at === undefined || occurredAtMs[i]! < at) metAt.set(item[i]!, occurredAtMs[i]!);
      if (speaksFor(i)) wanted.add(item[i]!);
    }
    let cut = -Infinity;
    let first = Infinity;
    for (const [no, at] of metAt) {
      first = Math.min(first, at);
      if (at > cut && wanted.has(no)) cut = at;
    }
    if (cut <= first) continue;
    cutOf[u] = cut;
    for (let n = rowStart[u]!; n < rowStart[u + 1]!; n++) if (occurredAtMs[order[n]!]! >= cut) held++;
  }
  if (held === 0) return { reason: { code: 'no-test-users', message: 'Nobody met two items at different times.' } };
  const trainRows = new Int32Array(length - held);
  const heldRows = new Int32Array(held);
  let [t, h] = [0, 0];
  for (let i = 0; i < length; i++) {
    if (occurredAtMs[i]! >= cutOf[userOf[i]!]!) heldRows[h++] = i;
    else trainRows[t++] = i;
  }
  return { train: selectEvents(columns, trainRows), held: selectEvents(columns, heldRows) };
}

/** Rows of each user: order[rowStart[u]] … , users ascending by number; `userOf` the other way round. */
function groupByUser(user: Int32Array, length: number): { rowStart: Int32Array; order: Int32Array; userOf: Int32Array } {
  const nos = distinctSorted(user.subarray(0, length));
  const userOf = new Int32Array(length);
  const rowStart = new Int32Array(nos.length + 1);
  for (let i = 0; i < length; i++) {
    userOf[i] = indexOfNo(nos, user[i]!);
    rowStart[userOf[i]! + 1]!++;
  }
  for (let u = 0; u < nos.length; u++) rowStart[u + 1]! += rowStart[u]!;
  const next = rowStart.slice(0, nos.length);
  const order = new Int32Array(length);
  for (let i = 0; i < length; i++) order[next[userOf[i]!]!++] = i;
  return { rowStart, order, userOf };
}
