/**
 * Fake shoppers who push items: the profile injection attacks of the literature (Lam & Riedl 2004; Mobasher, Burke, Bhaumik and Williams 2007), turned from ratings to events. A fake shopper has
 * events on every target, and fillers that make them look like people, or close to people:
 *
 *   random      fillers are any items
 *   average     fillers are drawn as people choose: in proportion to their shoppers (with ratings: near each item's mean)
 *   bandwagon   half of the fillers are the bestsellers, so that fake shoppers are neighbours of everybody; the others are any
 */
import type { EventColumns } from '../model/interactions.ts';
import { createRandom, type Random } from '../model/random.ts';
import { drawByWeight } from './sampling.ts';

export type AttackKind = 'random' | 'average' | 'bandwagon';

/** When fake shoppers come: all within the newest hour, each on one day of the newest thirty, or each on many days of the newest sixty, a few events at a time. */
export type AttackPace = 'hour' | 'day' | 'drip';

export interface Attack {
  readonly kind: AttackKind;
  readonly pace: AttackPace;
  /** Fake shoppers. */
  readonly users: number;
  /** Items, by number. */
  readonly targets: Int32Array;
  /** Filler items a fake shopper. */
  readonly fillers: number;
  /** Of the events on targets and fillers. */
  readonly typeNo: number;
  /** Events a fake shopper has on each of their targets. Default 1. */
  readonly repeats?: number;
  /** Each fake shopper has so many of the targets, in turn. Default: all. */
  readonly targetsEach?: number;
  readonly seed: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const dripDays = 60;
const dripVisits = 12;
const bestsellers = 20;

/** The events and those of the fake shoppers after them, in the order of their times. Fake shoppers have numbers above all others: the answer's `firstFake` and up. */
export function addFakeShoppers(columns: EventColumns, attack: Attack): { columns: EventColumns; firstFake: number } {
  const { users, targets, fillers, typeNo, repeats = 1, targetsEach = targets.length, seed } = attack;
  const random = createRandom(seed);
  const choice = createFillerChoice(columns, targets, attack.kind, random);
  let [firstFake, newestMs, newestNo] = [0, -Infinity, 0];
  for (let i = 0; i < columns.length; i++) {
    firstFake = Math.max(firstFake, columns.user[i]! + 1);
    newestMs = Math.max(newestMs, columns.occurredAtMs[i]!);
    newestNo = Math.max(newestNo, columns.eventNo[i]!);
  }
  const made: { user: number; item: number; ms: number }[] = [];
  for (let k = 0; k < users; k++) {
    const when = createClock(attack.pace, newestMs, random);
    const items = new Set<number>();
    while (items.size < fillers) items.add(choice(items.size / fillers));
    for (const item of items) made.push({ user: firstFake + k, item, ms: when() });
    for (let t = 0; t < targetsEach; t++) {
      for (let n = 0; n < repeats; n++) made.push({ user: firstFake + k, item: targets[(k * targetsEach + t) % targets.length]!, ms: when() });
    }
  }
  made.sort((a, b) => a.ms - b.ms);
  const joined = <T extends Int32Array | Int16Array | Float32Array | Float64Array>(old: T, of: (one: (typeof made)[number], n: number) => number): T => {
    const all = new (old.constructor as new (length: number) => T)(columns.length + made.length);
    all.set(old.subarray(0, columns.length) as never);
    for (const [n, one] of made.entries()) all[columns.length + n] = of(one, n);
    return all;
  };
  return {
    firstFake,
    columns: {
      length: columns.length + made.length,
      user: joined(columns.user, ({ user }) => user),
      item: joined(columns.item, ({ item }) => item),
      type: joined(columns.type, () => typeNo),
      value: joined(columns.value, () => Number.NaN),
      quantity: joined(columns.quantity, () => Number.NaN),
      occurredAtMs: joined(columns.occurredAtMs, ({ ms }) => ms),
      eventNo: joined(columns.eventNo, (_, n) => newestNo + 1 + n),
      ...(columns.group === undefined ? {} : { group: joined(columns.group, () => 0) }),
    },
  };
}

/** Whole seconds, none later than the newest event. */
function createClock(pace: AttackPace, newestMs: number, random: Random): () => number {
  const endMs = Math.floor(newestMs / 1000) * 1000;
  if (pace === 'hour') return () => endMs - 1000 * random.integer(hourMs / 1000);
  if (pace === 'day') {
    const startMs = endMs - hourMs - dayMs * random.integer(30);
    return () => startMs + 1000 * random.integer(hourMs / 1000);
  }
  const visits = Array.from({ length: dripVisits }, () => endMs - hourMs - dayMs * random.integer(dripDays));
  return () => visits[random.integer(dripVisits)]! + 1000 * random.integer(hourMs / 1000);
}

/** Draws a filler; `done` of the shopper's fillers are chosen. */
function createFillerChoice(columns: EventColumns, targets: Int32Array, kind: AttackKind, random: Random): (done: number) => number {
  const isTarget = new Set(targets);
  const shoppers = new Map<number, Set<number>>();
  for (let i = 0; i < columns.length; i++) {
    const item = columns.item[i]!;
    if (isTarget.has(item)) continue;
    const own = shoppers.get(item);
    if (own === undefined) shoppers.set(item, new Set([columns.user[i]!]));
    else own.add(columns.user[i]!);
  }
  const items = [...shoppers.keys()].toSorted((a, b) => shoppers.get(b)!.size - shoppers.get(a)!.size || a - b);
  const weights = items.map((item) => shoppers.get(item)!.size);
  if (kind === 'random') return () => items[random.integer(items.length)]!;
  if (kind === 'average') return () => items[drawByWeight(weights, random)]!;
  return (done) => (done < 0.5 ? items[random.integer(Math.min(bestsellers, items.length))]! : items[random.integer(items.length)]!);
}
