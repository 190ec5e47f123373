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
  /** 32 bits that tell the baskets of one user apart, 0 = none. Absent where no event has any, and in a selection of rows. */
  group?: Int32Array;
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
  /** The type of event that adds most to the pair's weight; 0 where that is not known. */
  mainType: Int16Array;
}

const dayMs = 86_400_000;
/** A `sum` type counts at most this many times its weight, however often the event came. */
const saturation = 5;
/** From this many events on they are grouped by user before they are sorted. */
const groupFromRows = 3000;

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
export function foldEvents(events: EventColumns, rules: readonly EventTypeRule[], newestMs: number): Interactions {
  const ruleOf = new Map(rules.map((rule) => [rule.typeNo, rule]));
  const { columns, order } = sortEvents(events, ruleOf);
  const { user, item, type } = columns;
  const count = order.length;

  let pairs = 0;
  let rows = 0;
  let longestRun = 0;
  for (let i = 0, runFrom = 0; i < count; i++) {
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
  const mainType = new Int16Array(pairs);
  const live: LiveEvents = { event: new Int32Array(longestRun), quantity: new Float64Array(longestRun), count: 0 };
  const pair: Pair = { weight: 0, positive: 0, lastMs: 0, hidden: false, mainType: 0, mainWeight: 0 };

  let row = 0;
  let entry = 0;
  for (let i = 0; i < count; ) {
    const userNo = user[order[i]!]!;
    const rowFrom = entry;
    while (i < count && user[order[i]!] === userNo) {
      const itemNo = item[order[i]!]!;
      pair.weight = 0;
      pair.positive = 0;
      pair.lastMs = -Infinity;
      pair.hidden = false;
      pair.mainType = 0;
      pair.mainWeight = -1;
      while (i < count && item[order[i]!] === itemNo && user[order[i]!] === userNo) {
        const typeNo = type[order[i]!]!;
        const runFrom = i;
        while (i < count && type[order[i]!] === typeNo && item[order[i]!] === itemNo && user[order[i]!] === userNo) i++;
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
      mainType[entry] = pair.mainType;
      entry++;
    }
    if (entry === rowFrom) continue;
    userNos[row] = userNo;
    rowStart[++row] = entry;
  }

  if (entry === pairs && row === rows) return { userNos, rowStart, itemNos, weight, target, lastMs, hidden, mainType };
  return {
    userNos: userNos.slice(0, row),
    rowStart: rowStart.slice(0, row + 1),
    itemNos: itemNos.slice(0, entry),
    weight: weight.slice(0, entry),
    target: target.slice(0, entry),
    lastMs: lastMs.slice(0, entry),
    hidden: hidden.slice(0, entry),
    mainType: mainType.slice(0, entry),
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
  mainType: number;
  mainWeight: number;
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
  if (weight > pair.mainWeight) {
    pair.mainWeight = weight;
    pair.mainType = rule.typeNo;
  }
  if (positive) pair.positive += weight;
  const newestEventMs = occurredAtMs[newest]!;
  if (newestEventMs > pair.lastMs) pair.lastMs = newestEventMs;
  if (rule.hidesDays === null || ageDays(newestEventMs, newestMs) < rule.hidesDays) pair.hidden = true; // the newest hides longest
}

function ageDays(occurredAtMs: number, newestMs: number): number {
  return Math.max(0, newestMs - occurredAtMs) / dayMs;
}

/** Nothing fades below this: an old event stays an event, float32 holds it, and any half-life leaves the same pairs. */
export const leastFreshness = 2 ** -20;

/** 2^(−age / half-life), from 2⁻²⁰ to 1; null = no half-life. */
export function decay(age: number, halfLifeDays: number | null): number {
  return halfLifeDays === null ? 1 : Math.max(leastFreshness, 2 ** (-age / halfLifeDays));
}

interface SortedEvents {
  columns: EventColumns;
  /** Rows of `columns` by (user, item, type, time, event number). */
  order: Int32Array;
}

/**
 * The events with a known type, sorted. Many rows are first copied together user by user; after that every user's rows lie side by side in memory, and
 * sorting and folding them hardly misses the cache. Sorting row numbers of scattered columns took twice as long for ten million rows in random order.
 */
function sortEvents(columns: EventColumns, ruleOf: ReadonlyMap<number, EventTypeRule>): SortedEvents {
  const known = new Int32Array(columns.length);
  let count = 0;
  for (let i = 0; i < columns.length; i++) if (ruleOf.has(columns.type[i]!)) known[count++] = i;
  const rows = known.subarray(0, count);
  const spare = new Int32Array(count);
  if (count < groupFromRows) {
    mergeSort(columns, rows, spare, 0, count);
    return { columns, order: rows };
  }
  const grouped = selectEvents(columns, groupByUser(rows, columns.user));
  const order = new Int32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  const { user } = grouped;
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && user[to] === user[from]) to++;
    mergeSort(grouped, order, spare, from, to);
    from = to;
  }
  return { columns: grouped, order };
}

const digitBits = 11;
const digitValues = 1 << digitBits;

/** Stable radix sort of rows by user number; keys travel with their rows, so every read is sequential. The answer may be `rows` itself, sorted. */
export function groupByUser(rows: Int32Array, user: Int32Array): Int32Array {
  const count = rows.length;
  let order = rows;
  let spareOrder: Int32Array = new Int32Array(count);
  let keys = new Uint32Array(count);
  let spareKeys = new Uint32Array(count);
  let varying = 0;
  for (let i = 0; i < count; i++) {
    keys[i] = user[rows[i]!]! ^ 0x8000_0000; // signed order as unsigned order
    varying |= keys[i]! ^ keys[0]!;
  }
  const next = new Int32Array(digitValues);
  for (let shift = 0; shift < 32; shift += digitBits) {
    if (((varying >>> shift) & (digitValues - 1)) === 0) continue;
    next.fill(0);
    for (let i = 0; i < count; i++) next[(keys[i]! >>> shift) & (digitValues - 1)]!++;
    let sum = 0;
    for (let digit = 0; digit < digitValues; digit++) {
      const size = next[digit]!;
      next[digit] = sum;
      sum += size;
    }
    for (let i = 0; i < count; i++) {
      const to = next[(keys[i]! >>> shift) & (digitValues - 1)]!++;
      spareOrder[to] = order[i]!;
      spareKeys[to] = keys[i]!;
    }
    [order, spareOrder] = [spareOrder, order];
    [keys, spareKeys] = [spareKeys, keys];
  }
  return order;
}

/** Runs up to this length are sorted by insertion before merging begins. */
const insertionRows = 12;

/** Sorts order[from … to − 1], stable, with `spare` (as long as `order`) as working space. */
function mergeSort(columns: EventColumns, order: Int32Array, spare: Int32Array, from: number, to: number): void {
  for (let start = from; start < to; start += insertionRows) {
    const end = Math.min(to, start + insertionRows);
    for (let i = start + 1; i < end; i++) {
      const row = order[i]!;
      let at = i;
      while (at > start && comesBefore(columns, row, order[at - 1]!)) {
        order[at] = order[at - 1]!;
        at--;
      }
      order[at] = row;
    }
  }
  for (let width = insertionRows; width < to - from; width *= 2) {
    for (let start = from; start + width < to; start += 2 * width) {
      const middle = start + width;
      const end = Math.min(to, middle + width);
      if (!comesBefore(columns, order[middle]!, order[middle - 1]!)) continue; // in order already, as events mostly come
      for (let i = start; i < middle; i++) spare[i] = order[i]!;
      let left = start;
      let right = middle;
      for (let at = start; left < middle; at++) {
        order[at] = right < end && comesBefore(columns, order[right]!, spare[left]!) ? order[right++]! : spare[left++]!;
      }
    }
  }
}

function comesBefore(columns: EventColumns, a: number, b: number): boolean {
  const { user, item, type, occurredAtMs, eventNo } = columns;
  if (user[a] !== user[b]) return user[a]! < user[b]!;
  if (item[a] !== item[b]) return item[a]! < item[b]!;
  if (type[a] !== type[b]) return type[a]! < type[b]!;
  if (occurredAtMs[a] !== occurredAtMs[b]) return occurredAtMs[a]! < occurredAtMs[b]!;
  return eventNo[a]! < eventNo[b]!;
}
