/**
 * Where the refit of a live model begins: at the live item factors instead of random ones. Only what is published may begin there; live factors remember the
 * rows that a holdout withholds, so whatever is scored starts cold.
 *
 * Users need no start: the first half-sweep solves them from 0 against the items.
 */
import type { Recipe } from './ials.ts';
import type { EventTypeRule } from './interactions.ts';
import { createFactors, type Factors } from './matrix.ts';
import { createRandom } from './random.ts';

/** Of the live version, what a refit needs that would go on from it. */
export interface LiveItems {
  recipe: Recipe;
  rules: readonly EventTypeRule[];
  /** Ascending. */
  itemNos: Int32Array;
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
      /** Users more than the live version has. */
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
  items: Factors | null;
}

/**
 * How to begin the refit of `recipe` on `events` of `users` users. Cold where the function minimised is another one: four warm sweeps after λ × 1.5 were
 * still 3 to 4 % of NDCG away from the cold fit's.
 */
export function planStart(
  live: LiveModel | { code: ColdStart; note: string }, recipe: Recipe, rules: readonly EventTypeRule[], itemNos: Int32Array, events: number, users: number,
): PlannedStart {
  const cold = (code: ColdStart, note: string): PlannedStart => ({ report: { kind: 'cold', code, note }, sweeps: recipe.sweeps, items: null });
  if ('code' in live) return cold(live.code, live.note);
  const { version, items } = live;
  for (const name of ['factors', 'regularization', 'unobservedWeight', 'frequencyExponent'] as const) {
    if (items.recipe[name] !== recipe[name]) return cold('other-recipe', `${name} is ${recipe[name]}, in live version ${version} it is ${items.recipe[name]}.`);
  }
  if (!sameRules(items.rules, rules)) return cold('other-rules', `The event types weigh otherwise than in live version ${version}.`);
  if (!isFinite(items.factors.data)) return cold('unreadable', `Live version ${version} has factors that are not finite numbers.`);
  const carried = carryItems(items, itemNos, recipe.seed);
  const change = Math.max(Math.abs(events - live.events) / live.events, (carried.added + carried.dropped) / itemNos.length);
  if (!(change <= mostChange)) {
    return cold('changed-too-much', `Events or items changed by ${(100 * change).toFixed(0)} % since live version ${version}; a refit goes on from it up to ${100 * mostChange} %.`);
  }
  const report: StartReport = {
    kind: 'warm', fromVersion: version, warmInARow: live.warmInARow + 1, change,
    carriedItems: carried.carried, newItems: carried.added, droppedItems: carried.dropped, newUsers: Math.max(0, users - live.users),
  };
  return { report, sweeps: Math.min(recipe.sweeps, Math.max(1, Math.ceil(change / changePerSweep))), items: carried.items };
}

/** `every(Number.isFinite)` takes ten times as long: 80 ms for 5 million numbers. A number less itself is NaN where it is NaN or infinite, else 0. */
function isFinite(data: Float32Array): boolean {
  let sum = 0;
  for (let k = 0; k < data.length; k++) sum += data[k]! - data[k]!;
  return sum === 0;
}

/** Names and order say nothing about weights. */
function sameRules(a: readonly EventTypeRule[], b: readonly EventTypeRule[]): boolean {
  const text = (rules: readonly EventTypeRule[]) =>
    rules.map(({ name: _name, ...rule }) => JSON.stringify(Object.entries(rule).toSorted(([x], [y]) => (x < y ? -1 : 1)))).toSorted().join();
  return text(a) === text(b);
}

export interface CarriedItems {
  items: Factors;
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
  const { factors, stride, data } = live.factors;
  const items = createFactors(itemNos.length, factors);
  const random = createRandom(seed);
  const scale = 0.1 / Math.sqrt(factors);
  let carried = 0;
  let from = 0;
  for (let row = 0; row < itemNos.length; row++) {
    while (from < live.itemNos.length && live.itemNos[from]! < itemNos[row]!) from++;
    const base = row * items.stride;
    if (from < live.itemNos.length && live.itemNos[from] === itemNos[row]) {
      carried++;
      items.data.set(data.subarray(from * stride, from * stride + factors), base);
    } else {
      for (let k = 0; k < factors; k++) items.data[base + k] = scale * random.gaussian();
    }
  }
  return { items, carried, added: itemNos.length - carried, dropped: live.itemNos.length - carried };
}
