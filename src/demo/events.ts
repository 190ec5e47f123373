/** The demo's events as columns: no object per event, so that ten million fit. */

export const DEMO_EVENT_TYPES = ['view', 'cart', 'purchase', 'rating'] as const;
export const VIEW = 0;
export const CART = 1;
export const PURCHASE = 2;
export const RATING = 3;

export interface DemoEvents {
  length: number;
  /** n for user-n: counts from 1. */
  user: Int32Array;
  /** n for item-n: counts from 1. */
  item: Int32Array;
  /** Index into DEMO_EVENT_TYPES. */
  type: Uint8Array;
  /** Ratings 1–5. NaN = null: every other event, and a rating taken back. */
  value: Float32Array;
  /** Carts and purchases; negative: a return. NaN = null. */
  quantity: Float32Array;
  /** Price of one piece. Carts and purchases. NaN = null. */
  price: Float32Array;
  /** Number of the visit: its views, carts and purchases share it. 0 = none (ratings, returns). */
  group: Int32Array;
  /** Whole seconds after the start of the period. Ascending. */
  occurredAtMs: Float64Array;
}

/** The same columns while they are written, shopper by shopper, with indexes from 0 and seconds from the start. */
export interface EventLog {
  length: number;
  groups: number;
  user: Int32Array;
  item: Int32Array;
  type: Uint8Array;
  value: Float32Array;
  quantity: Float32Array;
  price: Float32Array;
  group: Int32Array;
  second: Uint32Array;
}

export function createEventLog(capacity: number): EventLog {
  return {
    length: 0,
    groups: 0,
    user: new Int32Array(capacity),
    item: new Int32Array(capacity),
    type: new Uint8Array(capacity),
    value: new Float32Array(capacity).fill(Number.NaN),
    quantity: new Float32Array(capacity).fill(Number.NaN),
    price: new Float32Array(capacity).fill(Number.NaN),
    group: new Int32Array(capacity),
    second: new Uint32Array(capacity),
  };
}

/** Appends an event without value, quantity and price, and returns its place for those who have them. The log must have room. */
export function appendEvent(log: EventLog, user: number, item: number, type: number, group: number, second: number): number {
  const e = log.length++;
  log.user[e] = user + 1;
  log.item[e] = item + 1;
  log.type[e] = type;
  log.group[e] = group;
  log.second[e] = second;
  return e;
}

/**
 * The log in order of time; events of one second stay in the order they were written. Visits are numbered anew in that order, as a shop's would be.
 * Second and place go into one double (whole numbers below 2⁵³) and are sorted as numbers: 10 million take about a second.
 */
export function sortByTime(log: EventLog, startMs: number): DemoEvents {
  const { length } = log;
  const keys = new Float64Array(length);
  for (let e = 0; e < length; e++) keys[e] = log.second[e]! * length + e;
  keys.sort();
  const order = new Uint32Array(length);
  for (let e = 0; e < length; e++) {
    const second = Math.floor(keys[e]! / length);
    order[e] = keys[e]! - second * length;
    keys[e] = startMs + second * 1000;
  }
  return {
    length,
    user: reorder(log.user, order, new Int32Array(length)),
    item: reorder(log.item, order, new Int32Array(length)),
    type: reorder(log.type, order, new Uint8Array(length)),
    value: reorder(log.value, order, new Float32Array(length)),
    quantity: reorder(log.quantity, order, new Float32Array(length)),
    price: reorder(log.price, order, new Float32Array(length)),
    group: renumber(reorder(log.group, order, new Int32Array(length)), log.groups),
    occurredAtMs: keys,
  };
}

type Column = Int32Array | Uint8Array | Float32Array;

function reorder<T extends Column>(from: T, order: Uint32Array, to: T): T {
  for (let e = 0; e < order.length; e++) to[e] = from[order[e]!]!;
  return to;
}

function renumber(group: Int32Array, groups: number): Int32Array {
  const numbers = new Int32Array(groups + 1);
  let last = 0;
  for (let e = 0; e < group.length; e++) {
    const old = group[e]!;
    if (old === 0) continue;
    if (numbers[old] === 0) numbers[old] = ++last;
    group[e] = numbers[old]!;
  }
  return group;
}
