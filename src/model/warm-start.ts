/**
 * Where the refit of a live model begins: at the live factors instead of random ones. Only what is published may begin there; live factors remember the rows
 * that a holdout withholds, so whatever is scored starts cold.
 *
 * With the live users' vectors the first half-sweep is the items'; the users that are new are solved before it. Without them (an activated older version keeps
 * none) the users' half-sweep comes first and solves them from 0 against the live items.
 */
import type { FitStart, Recipe } from './recipe.ts';
import type { EventTypeRule } from './interactions.ts';
import type { FactorPieces, Factors } from './matrix.ts';
import { createRandom } from './random.ts';

/** Of the live version, what a refit needs that would go on from it. */
export interface LiveItems {
  recipe: Recipe;
  rules: readonly EventTypeRule[];
  /** Ascending. */
  itemNos: Int32Array;
  factors: Factors;
}

/** The same of its users, in the items' basis. */
export interface LiveUsers {
  /** Ascending. */
  userNos: Int32Array;
  factors: Factors;
}

export interface LiveModel {
  version: number;
  /** Events and users it was fitted on. */
  events: number;
  users: number;
  /** Warm refits since the last cold one, itself included; 0 = it began cold. */
  warmInARow: number;
  items: LiveItems;
  /** Null where the version has none. */
  userSide: LiveUsers | null;
}

/** Where a fit began. */
export type StartReport =
  | { kind: 'cold'; code: ColdStart; note: string }
  | {
      kind: 'warm';
      fromVersion: number;
      warmInARow: number;
      /** The larger of: events more or fewer by share, items come or gone by share. */
      change: number;
      carriedItems: number;
      newItems: number;
      droppedItems: number;
      /** Whose vectors were taken over; 0 where the version has none. */
      carriedUsers: number;
      /** Users that the live version does not have; without its vectors, how many more they are. */
      newUsers: number;
    };

export type ColdStart = 'no-live-model' | 'unreadable' | 'turn' | 'other-recipe' | 'other-rules' | 'changed-too-much';

/**
 * One warm sweep for every begun 5 % of change, a cold start beyond 20 %. NDCG@20 on later events, against the cold fit of 8 sweeps (generated shop of
 * 925,000 interactions, 64 factors, 2026-11): 2 % new events, 1 sweep +0.2 %; 10 %, 1 sweep −0.5 %, 2 sweeps 0.0 %; 20 %, 1 sweep −1.0 %, 2 sweeps −0.3 %;
 * 40 %, 2 sweeps −1.0 %. After 2 % the objective is below the cold fit's with 1 sweep.
 */
const changePerSweep = 0.05;
const mostChange = 0.2;

export interface PlannedStart {
  report: StartReport;
  sweeps: number;
  /** Null: cold. */
  start: FitStart | null;
}

/**
 * How to begin the refit of `recipe` on `events` of the users `userNos` (ascending). Cold where the function minimised is another one: four warm sweeps after λ × 1.5 were
 * still 3 to 4 % of NDCG away from the cold fit's.
 */
export function planStart(
  live: LiveModel | { code: ColdStart; note: string }, recipe: Recipe, rules: readonly EventTypeRule[], itemNos: Int32Array, events: number, userNos: Int32Array,
): PlannedStart {
  const cold = (code: ColdStart, note: string): PlannedStart => ({ report: { kind: 'cold', code, note }, sweeps: recipe.sweeps, start: null });
  if ('code' in live) return cold(live.code, live.note);
  const { version, items, userSide } = live;
  for (const name of ['factors', 'regularization', 'unobservedWeight', 'frequencyExponent'] as const) {
    if (items.recipe[name] !== recipe[name]) return cold('other-recipe', `${name} is ${recipe[name]}, in live version ${version} it is ${items.recipe[name]}.`);
  }
  if (!sameRules(items.rules, rules)) return cold('other-rules', `The event types weigh otherwise than in live version ${version}.`);
  if (!isFinite(items.factors.data) || (userSide !== null && !isFinite(userSide.factors.data))) return cold('unreadable', `Live version ${version} has factors that are not finite numbers.`);
  const carried = carryItems(items, itemNos, recipe.seed);
  const change = Math.max(Math.abs(events - live.events) / live.events, (carried.added + carried.dropped) / itemNos.length);
  if (!(change <= mostChange)) {
    return cold('changed-too-much', `Events or items changed by ${(100 * change).toFixed(0)} % since live version ${version}; a refit goes on from it up to ${100 * mostChange} %.`);
  }
  const carriedUsers = userSide === null || userSide.factors.factors !== recipe.factors ? null : carryUsers(userSide, userNos);
  const report: StartReport = {
    kind: 'warm', fromVersion: version, warmInARow: live.warmInARow + 1, change,
    carriedItems: carried.carried, newItems: carried.added, droppedItems: carried.dropped,
    carriedUsers: carriedUsers?.carried ?? 0, newUsers: carriedUsers?.added ?? Math.max(0, userNos.length - live.users),
  };
  const start = { items: carried.items, ...(carriedUsers === null ? {} : { users: carriedUsers.users }) };
  return { report, sweeps: Math.min(recipe.sweeps, Math.max(1, Math.ceil(change / changePerSweep))), start };
}

/** `every(Number.isFinite)` takes ten times as long: 80 ms for 5 million numbers. A sum is finite where all are: float64 holds the sum of any float32 numbers. `length` is a multiple of 4. */
function isFinite(data: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let k = 0; k < data.length; k += 4) {
    a += data[k]!;
    b += data[k + 1]!;
    c += data[k + 2]!;
    d += data[k + 3]!;
  }
  return Number.isFinite(a + b + c + d);
}

/** Names and order say nothing about weights. */
function sameRules(a: readonly EventTypeRule[], b: readonly EventTypeRule[]): boolean {
  const text = (rules: readonly EventTypeRule[]) =>
    rules.map(({ name: _name, ...rule }) => JSON.stringify(Object.entries(rule).toSorted(([x], [y]) => (x < y ? -1 : 1)))).toSorted().join();
  return text(a) === text(b);
}

export interface CarriedItems {
  items: FactorPieces;
  /** Rows taken over, rows begun at random, live rows that are gone. */
  carried: number;
  added: number;
  dropped: number;
}

/**
 * The live rows in the new order: an item that is gone is dropped, a new one begins at a small random vector as in a cold fit, drawn with the seed in the
 * order of the numbers. (At 0, users and items that are new together would stay there: each side's solution is 0 where the other's is. The first half-sweep
 * solves every item against its users whatever it began with, so nothing better than random is needed.)
 */
export function carryItems(live: { itemNos: Int32Array; factors: Factors }, itemNos: Int32Array, seed: number): CarriedItems {
  const random = createRandom(seed);
  const scale = 0.1 / Math.sqrt(live.factors.factors);
  const { rows: items, carried } = carryRows(live.itemNos, live.factors, itemNos, () => scale * random.gaussian());
  return { items, carried, added: itemNos.length - carried, dropped: live.itemNos.length - carried };
}

/** The live users in the new order; one that is new begins at 0, which a fit takes for "to be solved first". */
export function carryUsers(live: LiveUsers, userNos: Int32Array): { users: FactorPieces; carried: number; added: number } {
  const { rows: users, carried } = carryRows(live.userNos, live.factors, userNos, () => 0);
  return { users, carried, added: userNos.length - carried };
}

/** Rows by number, both lists ascending: runs of numbers that both have are pieces of the live rows themselves, others are made of `number()`. */
function carryRows(from: Int32Array, { factors, stride, data }: Factors, to: Int32Array, number: () => number): { rows: FactorPieces; carried: number } {
  const pieces: Float32Array[] = [];
  let carried = 0;
  let at = 0;
  for (let row = 0; row < to.length; ) {
    while (at < from.length && from[at]! < to[row]!) at++;
    let length = 0;
    while (row + length < to.length && at + length < from.length && from[at + length] === to[row + length]) length++;
    if (length > 0) {
      pieces.push(data.subarray(at * stride, (at + length) * stride));
      carried += length;
      at += length;
    } else {
      length = 1;
      const added = new Float32Array(stride);
      for (let k = 0; k < factors; k++) added[k] = number();
      pieces.push(added);
    }
    row += length;
  }
  return { rows: { rows: to.length, factors, stride, pieces }, carried };
}
