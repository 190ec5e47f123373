/**
 * Events become interactions: everything one user did with one item, as one weight and one target. Training folds all users, serving folds one
 * (fold-in), both through `foldEvents`, so this file is the definition of what an event is worth.
 *
 * Why one weight and one target are enough: several observations of the same pair with weights w_k and targets t_k enter the loss as
 * Σ w_k (t_k − s)² = W (T − s)² + constant, with W = Σ w_k and T = Σ w_k t_k / W. Nothing is lost by folding them.
 *
 * The order of work: events of known types are sorted by (user, item, type, time, event number); each run of one type is reduced on its own (returns
 * cancel, the newest counts, or a decayed sum saturates); the types of a pair are added up.
 */

/** What an event of one type means. Days, not milliseconds: these are what a shop owner sets. */
export interface EventTypeRule {
  typeNo: number;
  name: string;
  /** Weight of one such event. Negative: the event speaks against the item (|weight|, target 0). */
  weight: number;
  /** `sum`: events add up and saturate. `latest`: only the newest counts, as with ratings; one without a value takes it back. */
  mode: 'sum' | 'latest';
  /** An event of this age counts half; null = events do not age. */
  halfLifeDays: number | null;
  /** `latest` only: values from here on are positive, values below an observed dislike; null = every value is positive. */
  threshold: number | null;
  /** `sum` only: an event counts its value (minutes watched, say; at least 0) in place of 1. */
  useValue: boolean;
  /** How long such an event keeps the item out of the user's answers: null = for ever, 0 = not at all. */
  hidesDays: number | null;
}

/** Events by column; row i of every column is the same event. Rows may come in any order. */
export interface EventColumns {
  length: number;
  user: Int32Array;
  item: Int32Array;
  type: Int16Array;
  /** NaN = null. */
  value: Float32Array;
  /** NaN = absent, counts as 1; negative = a return. */
  quantity: Float32Array;
  occurredAtMs: Float64Array;
  eventNo: Float64Array;
}

/** One row per user (CSR). Entries have a positive weight, or are kept with weight 0 only because they are hidden. */
export interface Interactions {
  /** Ascending, one per row. Users without any entry have no row. */
  userNos: Int32Array;
  /** rows + 1 offsets into the columns below. */
  rowStart: Int32Array;
  /** Ascending within a row. */
  itemNos: Int32Array;
  weight: Float32Array;
  /** 1 = wanted, 0 = not wanted, between = the weighted mean of both. */
  target: Float32Array;
  /** The newest live event of the pair. */
  lastMs: Float64Array;
  /** 1 = left out of this user's answers. */
  hidden: Uint8Array;
}

const dayMs = 86_400_000;
/** A `sum` type counts at most this many times its weight, however often the event came. */
const saturation = 5;
/** Below this many events a comparison sort beats the radix sort's fixed cost of clearing its counters (one user's history is such a case). */
const radixFromRows = 3000;

/** The time ages are counted from: the newest event seen, never the wall clock. 0 when there are no events. */
export function newestOccurredAt(columns: EventColumns): number {
  const { occurredAtMs, length } = columns;
  if (length === 0) return 0;
  let newest = occurredAtMs[0]!;
  for (let i = 1; i < length; i++) if (occurredAtMs[i]! > newest) newest = occurredAtMs[i]!;
  return newest;
}

/** The events of the given rows, copied, in the given order. */
export function selectEvents(columns: EventColumns, rows: Int32Array): EventColumns {
  const length = rows.length;
  const selected: EventColumns = {
    length,
    user: new Int32Array(length),
    item: new Int32Array(length),
    type: new Int16Array(length),
    value: new Float32Array(length),
    quantity: new Float32Array(length),
    occurredAtMs: new Float64Array(length),
    eventNo: new Float64Array(length),
  };
  for (let i = 0; i < length; i++) {
    const row = rows[i]!;
    selected.user[i] = columns.user[row]!;
    selected.item[i] = columns.item[row]!;
    selected.type[i] = columns.type[row]!;
    selected.value[i] = columns.value[row]!;
    selected.quantity[i] = columns.quantity[row]!;
    selected.occurredAtMs[i] = columns.occurredAtMs[row]!;
    selected.eventNo[i] = columns.eventNo[row]!;
  }
  return selected;
}

/**
 * Folds events into one weight and target per (user, item). Age counts from `newestMs`; younger events have age 0. Events of a type without a rule are
 * ignored. A return (negative quantity) cancels the same user's earlier events of that item and type, newest first, quantity by quantity; what is left
 * of a partly cancelled event counts as before, and a return that finds nothing does nothing.
 */
export function foldEvents(columns: EventColumns, rules: readonly EventTypeRule[], newestMs: number): Interactions {
  const ruleOf = new Map(rules.map((rule) => [rule.typeNo, rule]));
  const order = sortEvents(columns, ruleOf);
  const { user, item, type } = columns;
  const events = order.length;

  let pairs = 0;
  let rows = 0;
  let longestRun = 0;
  for (let i = 0, runFrom = 0; i < events; i++) {
    const event = order[i]!;
    const before = i === 0 ? -1 : order[i - 1]!;
    const newUser = before < 0 || user[event] !== user[before];
    const newPair = newUser || item[event] !== item[before];
    if (newUser) rows++;
    if (newPair) pairs++;
    if (newPair || type[event] !== type[before]) runFrom = i;
    if (i - runFrom + 1 > longestRun) longestRun = i - runFrom + 1;
  }

  const userNos = new Int32Array(rows);
  const rowStart = new Int32Array(rows + 1);
  const itemNos = new Int32Array(pairs);
  const weight = new Float32Array(pairs);
  const target = new Float32Array(pairs);
  const lastMs = new Float64Array(pairs);
  const hidden = new Uint8Array(pairs);
  const live: LiveEvents = { event: new Int32Array(longestRun), quantity: new Float64Array(longestRun), count: 0 };
  const pair: Pair = { weight: 0, positive: 0, lastMs: 0, hidden: false };

  let row = 0;
  let entry = 0;
  for (let i = 0; i < events; ) {
    const userNo = user[order[i]!]!;
    const rowFrom = entry;
    while (i < events && user[order[i]!] === userNo) {
      const itemNo = item[order[i]!]!;
      pair.weight = 0;
      pair.positive = 0;
      pair.lastMs = -Infinity;
      pair.hidden = false;
      while (i < events && item[order[i]!] === itemNo && user[order[i]!] === userNo) {
        const typeNo = type[order[i]!]!;
        const runFrom = i;
        while (i < events && type[order[i]!] === typeNo && item[order[i]!] === itemNo && user[order[i]!] === userNo) i++;
        cancelReturns(columns, order, runFrom, i, live);
        addType(columns, live, ruleOf.get(typeNo)!, newestMs, pair);
      }
      const folded = Math.fround(pair.weight);
      if (folded === 0 && !pair.hidden) continue;
      itemNos[entry] = itemNo;
      weight[entry] = folded;
      target[entry] = folded === 0 ? 0 : pair.positive / pair.weight;
      lastMs[entry] = pair.lastMs;
      hidden[entry] = pair.hidden ? 1 : 0;
      entry++;
    }
    if (entry === rowFrom) continue;
    userNos[row] = userNo;
    rowStart[++row] = entry;
  }

  if (entry === pairs && row === rows) return { userNos, rowStart, itemNos, weight, target, lastMs, hidden };
  return {
    userNos: userNos.slice(0, row),
    rowStart: rowStart.slice(0, row + 1),
    itemNos: itemNos.slice(0, entry),
    weight: weight.slice(0, entry),
    target: target.slice(0, entry),
    lastMs: lastMs.slice(0, entry),
    hidden: hidden.slice(0, entry),
  };
}

/** The events of one run that no return has cancelled, oldest first: a stack, because returns take the newest first. */
interface LiveEvents {
  event: Int32Array;
  /** What is left of the event's quantity. */
  quantity: Float64Array;
  count: number;
}

interface Pair {
  weight: number;
  positive: number;
  lastMs: number;
  hidden: boolean;
}

function cancelReturns(columns: EventColumns, order: Int32Array, from: number, to: number, live: LiveEvents): void {
  const { quantity } = columns;
  let count = 0;
  for (let i = from; i < to; i++) {
    const event = order[i]!;
    const amount = quantity[event]!;
    if (amount < 0) {
      let back = -amount;
      while (back > 0 && count > 0) {
        const left = live.quantity[count - 1]!;
        if (left > back) {
          live.quantity[count - 1] = left - back;
          break;
        }
        back -= left;
        count--;
      }
    } else {
      live.event[count] = event;
      live.quantity[count] = amount > 0 ? amount : 1; // absent (NaN), or 0: the event did happen
      count++;
    }
  }
  live.count = count;
}

/** Adds what the live events of one type are worth to their pair. */
function addType(columns: EventColumns, live: LiveEvents, rule: EventTypeRule, newestMs: number, pair: Pair): void {
  if (live.count === 0) return;
  const { occurredAtMs, value } = columns;
  const newest = live.event[live.count - 1]!;
  const size = Math.abs(rule.weight);
  let weight: number;
  let positive = rule.weight > 0;
  if (rule.mode === 'latest') {
    const rating = value[newest]!;
    if (Number.isNaN(rating)) return;
    weight = size * decay(ageDays(occurredAtMs[newest]!, newestMs), rule.halfLifeDays);
    if (rule.threshold !== null && rating < rule.threshold) positive = false;
  } else {
    let sum = 0;
    for (let i = 0; i < live.count; i++) {
      const event = live.event[i]!;
      const counted = rule.useValue && !Number.isNaN(value[event]!) ? Math.max(0, value[event]!) : 1;
      sum += counted * decay(ageDays(occurredAtMs[event]!, newestMs), rule.halfLifeDays);
    }
    weight = Math.min(saturation * size, size * Math.log2(1 + sum));
  }
  pair.weight += weight;
  if (positive) pair.positive += weight;
  const newestEventMs = occurredAtMs[newest]!;
  if (newestEventMs > pair.lastMs) pair.lastMs = newestEventMs;
  if (rule.hidesDays === null || ageDays(newestEventMs, newestMs) < rule.hidesDays) pair.hidden = true; // the newest hides longest
}

function ageDays(occurredAtMs: number, newestMs: number): number {
  return Math.max(0, newestMs - occurredAtMs) / dayMs;
}

function decay(age: number, halfLifeDays: number | null): number {
  return halfLifeDays === null ? 1 : 2 ** (-age / halfLifeDays);
}

/** Row numbers of the events with a known type, by (user, item, type, time, event number). */
function sortEvents(columns: EventColumns, ruleOf: ReadonlyMap<number, EventTypeRule>): Int32Array {
  const { length, user, item, type, occurredAtMs, eventNo } = columns;
  let known = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) if (ruleOf.has(type[i]!)) known[count++] = i;
  known = known.subarray(0, count);
  if (count < radixFromRows) {
    return known.sort(
      (a, b) =>
        user[a]! - user[b]! || item[a]! - item[b]! || type[a]! - type[b]! || occurredAtMs[a]! - occurredAtMs[b]! || eventNo[a]! - eventNo[b]! || a - b,
    );
  }
  // Least significant key first; every pass is stable. Rows usually arrive in event order, so the first passes cost one look.
  const sorter: RadixSorter = { order: known, spare: new Int32Array(count), keys: new Uint32Array(length), counts: new Int32Array(digitValues) };
  sortByFloat64(sorter, eventNo);
  sortByFloat64(sorter, occurredAtMs);
  sortByInteger(sorter, type);
  sortByInteger(sorter, item);
  sortByInteger(sorter, user);
  return sorter.order;
}

const digitBits = 11;
const digitValues = 1 << digitBits;

interface RadixSorter {
  order: Int32Array;
  spare: Int32Array;
  keys: Uint32Array;
  counts: Int32Array;
}

function isSortedBy(order: Int32Array, values: Float64Array | Int32Array | Int16Array): boolean {
  for (let i = 1; i < order.length; i++) if (values[order[i]!]! < values[order[i - 1]!]!) return false;
  return true;
}

function sortByInteger(sorter: RadixSorter, values: Int32Array | Int16Array): void {
  if (isSortedBy(sorter.order, values)) return;
  const { keys } = sorter;
  for (let i = 0; i < keys.length; i++) keys[i] = values[i]! ^ 0x8000_0000; // signed order as unsigned order
  sortByKeys(sorter);
}

/** IEEE 754 bits order like the numbers once the sign bit is turned over, and all other bits too for negative ones. */
function sortByFloat64(sorter: RadixSorter, values: Float64Array): void {
  if (isSortedBy(sorter.order, values)) return;
  const { keys } = sorter;
  const number = new Float64Array(1);
  const words = new Uint32Array(number.buffer);
  for (let i = 0; i < keys.length; i++) {
    number[0] = values[i]! + 0; // −0 → 0
    keys[i] = words[1]! >>> 31 ? ~words[0]! : words[0]!;
  }
  sortByKeys(sorter);
  for (let i = 0; i < keys.length; i++) {
    number[0] = values[i]! + 0;
    keys[i] = words[1]! >>> 31 ? ~words[1]! : words[1]! ^ 0x8000_0000;
  }
  sortByKeys(sorter);
}

function sortByKeys(sorter: RadixSorter): void {
  const { keys, counts } = sorter;
  let varying = 0;
  for (let i = 1; i < keys.length; i++) varying |= keys[i]! ^ keys[0]!;
  for (let shift = 0; shift < 32; shift += digitBits) {
    if (((varying >>> shift) & (digitValues - 1)) === 0) continue;
    const { order, spare } = sorter;
    counts.fill(0);
    for (let i = 0; i < order.length; i++) counts[(keys[order[i]!]! >>> shift) & (digitValues - 1)]!++;
    let sum = 0;
    for (let digit = 0; digit < digitValues; digit++) {
      const count = counts[digit]!;
      counts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < order.length; i++) {
      const row = order[i]!;
      spare[counts[(keys[row]! >>> shift) & (digitValues - 1)]!++] = row;
    }
    sorter.order = spare;
    sorter.spare = order;
  }
}
