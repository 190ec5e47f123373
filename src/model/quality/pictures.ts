/**
 * A shop's events as pictures: what the report says in figures, binned so far that it can be looked at whatever the shop's size. A few tens of kilobytes for ten million events, and no
 * id in it: items are named by number, and users not at all.
 */
import type { EventColumns, EventTypeRule } from '../interactions.ts';
import { type Distribution, distributionsOf } from './distributions.ts';
import { dayName, giniOf } from './figures.ts';
import { dayMs, type EventProfile, slotsOf } from './profile.ts';

/** Days that are kept, the newest of the data. */
export const mostDays = 366;
/** Event types that have a row of their own in `eventsPerDay`; those with fewer events are added up under `others`. */
const mostTypes = 12;
/** Bins of the sparsity picture, a side. */
export const sparsityBins = 64;
const topItems = 20;

export interface DataPictures {
  checkedAtMs: number;
  /** Highest event number seen; 0 where there are no events. */
  newestEventNo: number;
  /** Events of a known type: all that follows is of these. */
  events: number;
  eventsPerDay: EventsPerDay;
  longTail: { items: LongTail; users: LongTail; top: TopItem[] };
  /** How many users and items have how many events. */
  activity: { users: ActivityBin[]; items: ActivityBin[] };
  values: TypeDistributions[];
  sparsity: Sparsity;
}

export interface EventsPerDay {
  /** Day of the first number, UTC, `YYYY-MM-DD`; null where there are no events. */
  first: string | null;
  /** By type, most events first; numbers by day, oldest first. `name` null: all further types together. */
  types: { name: string | null; events: number[] }[];
}

/** How events are shared out: the busiest `shares[k]` of all have `events[k]` of all events. Both are shares from 0 to 1, and ascend. */
export interface LongTail {
  count: number;
  /** 0: all have as many events; 1: one has all. */
  gini: number;
  shares: number[];
  events: number[];
}

export interface TopItem {
  itemNo: number;
  events: number;
  users: number;
}

/** `count` users or items have `from` to `to` events. */
export interface ActivityBin {
  from: number;
  to: number;
  count: number;
}

export interface TypeDistributions {
  name: string;
  events: number;
  /** Null where no event carries one. */
  values: Distribution | null;
  quantities: Distribution | null;
}

/**
 * The matrix of users and items from far away. Both are sorted by how many of the others they have met, the most first, and cut into bins as equal as can be; `pairs[r · itemBins.length + c]` counts
 * the distinct pairs of user bin r and item bin c, which has room for userBins[r] · itemBins[c].
 */
export interface Sparsity {
  users: number;
  items: number;
  pairs: number;
  /** pairs / (users · items); 0 without events. */
  density: number;
  userBins: number[];
  itemBins: number[];
  cells: number[];
}

/**
 * Memory: 12 bytes a user and an item beside the profile's.
 *
 * @param eventsPerItem of `countItemEvents`
 * @param looked when, and up to which event
 */
export function pictureData(columns: EventColumns, rules: readonly EventTypeRule[], profile: EventProfile, eventsPerItem: Int32Array, looked: Pick<DataPictures, 'checkedAtMs' | 'newestEventNo'>): DataPictures {
  const { eventsPerUser, usersPerItem, items } = profile;
  return {
    checkedAtMs: looked.checkedAtMs,
    newestEventNo: looked.newestEventNo,
    events: profile.rows.length,
    eventsPerDay: countDays(columns, rules, profile),
    longTail: { items: longTailOf(eventsPerItem), users: longTailOf(eventsPerUser), top: findTop(eventsPerItem, usersPerItem, items.nos) },
    activity: { users: binActivity(eventsPerUser), items: binActivity(eventsPerItem) },
    values: distributionsOf(columns, rules),
    sparsity: binPairs(profile),
  };
}

/** Events of known types by item index. */
export function countItemEvents({ type }: EventColumns, rules: readonly EventTypeRule[], { items }: Pick<EventProfile, 'items'>): Int32Array {
  const counts = new Int32Array(items.nos.length);
  const slotOf = slotsOf(rules);
  for (let i = 0; i < type.length; i++) if (slotOf[type[i]! & 0xffff]! >= 0) counts[items.index[i]!]!++;
  return counts;
}

function countDays({ type, occurredAtMs }: EventColumns, rules: readonly EventTypeRule[], { firstDay, perDay, types }: EventProfile): EventsPerDay {
  if (perDay.length === 0) return { first: null, types: [] };
  const from = firstDay + Math.max(0, perDay.length - mostDays);
  const days = firstDay + perDay.length - from;
  const slotOf = slotsOf(rules);
  const order = types.map((_, slot) => slot).filter((slot) => types[slot]!.events > 0).sort((a, b) => types[b]!.events - types[a]!.events || a - b);
  const shown = order.length > mostTypes ? mostTypes - 1 : order.length;
  const rowOf = new Int16Array(rules.length).fill(shown);
  for (let k = 0; k < shown; k++) rowOf[order[k]!] = k;
  const rows = order.length > shown ? shown + 1 : shown;
  const counts = new Int32Array(rows * days);
  for (let i = 0; i < type.length; i++) {
    const slot = slotOf[type[i]! & 0xffff]!;
    const day = Math.floor(occurredAtMs[i]! / dayMs) - from;
    if (slot >= 0 && day >= 0 && day < days) counts[rowOf[slot]! * days + day]!++;
  }
  return { first: dayName(from), types: Array.from({ length: rows }, (_, row) => ({ name: row < shown ? rules[order[row]!]!.name : null, events: Array.from(counts.subarray(row * days, (row + 1) * days)) })) };
}

/** By tenths of a per cent up to one, then by per cents: the head is where the curve bends. */
const curveShares = [0, ...Array.from({ length: 9 }, (_, k) => (k + 1) / 1000), ...Array.from({ length: 100 }, (_, k) => (k + 1) / 100)];

/** Of those with at least one event. */
export function longTailOf(counts: Int32Array): LongTail {
  const sorted = counts.filter((count) => count > 0).sort();
  const n = sorted.length;
  if (n === 0) return { count: 0, gini: 0, shares: [], events: [] };
  const upTo = new Float64Array(n + 1); // events of the k busiest
  for (let k = 0; k < n; k++) upTo[k + 1] = upTo[k]! + sorted[n - 1 - k]!;
  const events = curveShares.map((share) => {
    const whole = Math.min(n, Math.floor(share * n + 1e-9));
    const rest = whole === n ? 0 : Math.max(0, share * n - whole) * sorted[n - 1 - whole]!;
    return rounded((upTo[whole]! + rest) / upTo[n]!);
  });
  return { count: n, gini: rounded(giniOf(sorted)), shares: curveShares, events };
}

function findTop(eventsPerItem: Int32Array, usersPerItem: Int32Array, nos: Int32Array): TopItem[] {
  return orderByCount(eventsPerItem).slice(0, topItems).map((item) => ({ itemNo: nos[item]!, events: eventsPerItem[item]!, users: usersPerItem[item]! }));
}

/** Bins 1, 2–3, 4–7 …: each twice as wide as the one before, so that many who do little and few who do much fit one picture. */
export function binActivity(counts: Int32Array): ActivityBin[] {
  const bins: ActivityBin[] = [];
  for (let i = 0; i < counts.length; i++) {
    if (counts[i]! < 1) continue;
    const bin = 31 - Math.clz32(counts[i]!);
    while (bins.length <= bin) bins.push({ from: 2 ** bins.length, to: 2 ** (bins.length + 1) - 1, count: 0 });
    bins[bin]!.count++;
  }
  return bins;
}

/** Indexes of those that count at least 1, the most first, of equals the smaller index. */
function orderByCount(counts: Int32Array): number[] {
  const order: number[] = [];
  for (let i = 0; i < counts.length; i++) if (counts[i]! > 0) order.push(i);
  return order.sort((a, b) => counts[b]! - counts[a]! || a - b);
}

function binPairs({ itemsPerUser, usersPerItem, items, rows, rowStart, pairs }: EventProfile): Sparsity {
  const [userBin, userBins] = cutByCount(itemsPerUser);
  const [itemBin, itemBins] = cutByCount(usersPerItem);
  const cells = new Int32Array(userBins.length * itemBins.length);
  const lastUser = new Int32Array(usersPerItem.length).fill(-1); // a mark in place of a set of items per user
  for (let u = 0; u < itemsPerUser.length; u++) {
    const row = userBin[u]! * itemBins.length;
    for (let n = rowStart[u]!; n < rowStart[u + 1]!; n++) {
      const i = items.index[rows[n]!]!;
      if (lastUser[i] !== u) {
        lastUser[i] = u;
        cells[row + itemBin[i]!]!++;
      }
    }
  }
  const sum = (bins: number[]) => bins.reduce((all, count) => all + count, 0);
  const [users, itemCount] = [sum(userBins), sum(itemBins)];
  return { users, items: itemCount, pairs, density: users === 0 ? 0 : pairs / users / itemCount, userBins, itemBins, cells: Array.from(cells) };
}

/** @returns the bin of each, by index, and how many lie in each bin */
function cutByCount(counts: Int32Array): [Uint8Array, number[]] {
  const order = orderByCount(counts);
  const bins = Math.min(sparsityBins, order.length);
  const binOf = new Uint8Array(counts.length);
  const sizes = Array.from({ length: bins }, () => 0);
  for (let rank = 0; rank < order.length; rank++) {
    const bin = Math.floor((rank * bins) / order.length);
    binOf[order[rank]!] = bin;
    sizes[bin]!++;
  }
  return [binOf, sizes];
}

/** Five digits are what a picture shows. */
function rounded(share: number): number {
  return Math.round(share * 1e5) / 1e5;
}
