import { describe, expect, it } from 'vitest';
import type { DemoShop } from '../../src/demo/generator.ts';
import { DEMO_EVENT_TYPES, generateDemoShop } from '../../src/demo/generator.ts';

const DAY_MS = 86_400_000;
const END_MS = Date.UTC(2026, 5, 1, 13, 20);
const DEMO = { users: 2000, items: 1000, events: 100_000, endMs: END_MS };
const VIEW = DEMO_EVENT_TYPES.indexOf('view');
const CART = DEMO_EVENT_TYPES.indexOf('cart');
const PURCHASE = DEMO_EVENT_TYPES.indexOf('purchase');
const RATING = DEMO_EVENT_TYPES.indexOf('rating');
const WEIGHTS = [1, 3, 6, 0];

describe.each([1, 20_260_601, 7e12])('the demo shop of seed %d', (seed) => {
  const shop = generateDemoShop({ ...DEMO, seed });
  const { events, items } = shop;

  it('has exactly the events asked for, in order of time, within the period, with ids that exist', () => {
    expect(events.length).toBe(100_000);
    for (const column of [events.user, events.item, events.type, events.value, events.quantity, events.price, events.group, events.occurredAtMs]) {
      expect(column).toHaveLength(100_000);
    }
    expect(events.occurredAtMs[0]).toBeGreaterThanOrEqual(END_MS - 180 * DAY_MS);
    expect(events.occurredAtMs.at(-1)).toBeLessThanOrEqual(END_MS);
    expect(events.occurredAtMs.at(-1)).toBeGreaterThan(END_MS - DAY_MS);
    expect(events.occurredAtMs.every((ms, e) => e === 0 || ms >= events.occurredAtMs[e - 1]!)).toBe(true);
    expect(events.user.every((user) => user >= 1 && user <= 2000)).toBe(true);
    expect(events.item.every((item) => item >= 1 && item <= 1000)).toBe(true);
    expect(events.type.every((type) => type < 4)).toBe(true);
  });

  it('gives values to ratings only, and quantity and price to carts and purchases only', () => {
    const wrong = { value: 0, quantity: 0, price: 0 };
    for (let e = 0; e < events.length; e++) {
      const type = events.type[e];
      const bought = type === CART || type === PURCHASE;
      const value = events.value[e]!;
      if (!Number.isNaN(value) && (type !== RATING || ![1, 2, 3, 4, 5].includes(value))) wrong.value++;
      if (bought ? !(Math.abs(events.quantity[e]!) >= 1) : !Number.isNaN(events.quantity[e])) wrong.quantity++;
      const full = items[events.item[e]! - 1]!.price;
      if (bought ? !(events.price[e]! > 0.85 * full && events.price[e]! < full + 0.01) : !Number.isNaN(events.price[e])) wrong.price++;
    }
    expect(wrong).toEqual({ value: 0, quantity: 0, price: 0 });
  });

  it('is mostly views, then carts, purchases and ratings, and uses all five ratings', () => {
    const share = countBy(events.type, 4).map((count) => count / events.length);
    expect(share[VIEW]).toBeGreaterThan(0.7);
    expect(share[CART]).toBeGreaterThan(share[PURCHASE]!);
    expect(share[PURCHASE]).toBeGreaterThan(share[RATING]!);
    expect(share[RATING]).toBeGreaterThan(0.02);
    const values = countBy(events.value.filter((value) => value > 0), 6);
    expect(Math.min(...values.slice(1))).toBeGreaterThan(50);
  });

  it('keeps a purchase in the visit of its cart, and a visit with one shopper', () => {
    const shopperOf = new Map<number, number>();
    const carts = new Set<string>();
    let alone = 0;
    let strays = 0;
    for (let e = 0; e < events.length; e++) {
      const group = events.group[e]!;
      if (group === 0) {
        if (events.type[e]! < PURCHASE) strays++;
        continue;
      }
      if (shopperOf.has(group) && shopperOf.get(group) !== events.user[e]) throw new Error(`visit ${group} has two shoppers`);
      shopperOf.set(group, events.user[e]!);
      const key = `${group} ${events.item[e]}`;
      if (events.type[e] === CART) carts.add(key);
      if (events.type[e] === PURCHASE && !carts.has(key)) alone++;
    }
    expect({ alone, strays }).toEqual({ alone: 0, strays: 0 });
    expect(Math.max(...shopperOf.keys())).toBe(shopperOf.size);
  });

  it('names every product once, in two categories, with brand and colour, at a shop price', () => {
    expect(items.map((item) => item.itemId)).toEqual(Array.from({ length: 1000 }, (_, i) => `item-${i + 1}`));
    expect(new Set(items.map((item) => item.title)).size).toBe(1000);
    expect(new Set(items.map((item) => item.categories[0])).size).toBe(12);
    for (const item of items) {
      expect(item.categories).toHaveLength(2);
      expect(item.title.startsWith(String(item.attributes['brand']))).toBe(true);
      expect(item.attributes['color']).toBeTypeOf('string');
      expect(item.price.toFixed(2)).toMatch(/\.(?:50|99)$/);
      expect(item.price).toBeGreaterThan(1);
    }
  });

  it('has a head and a long tail of products, and a few shoppers who do a lot', () => {
    const perItem = countBy(events.item, 1001).slice(1);
    const perUser = countBy(events.user, 2001).slice(1);
    const head = perItem.toSorted((a, b) => b - a).slice(0, 100).reduce((a, b) => a + b);
    expect(head / events.length).toBeGreaterThan(0.4);
    expect(head / events.length).toBeLessThan(0.75);
    expect(gini(perItem)).toBeGreaterThan(0.55);
    expect(gini(perItem)).toBeLessThan(0.8);
    expect(gini(perUser)).toBeGreaterThan(0.4);
    expect(gini(perUser)).toBeLessThan(0.7);
    expect(Math.min(...perUser)).toBeGreaterThanOrEqual(4);
    expect(Math.max(...perUser)).toBeGreaterThan(300);
  });

  it('shows nothing before it is published', () => {
    for (let e = 0; e < events.length; e++) {
      const published = items[events.item[e]! - 1]!.publishedAtMs;
      if (published !== null && published > events.occurredAtMs[e]!) throw new Error(`event ${e} is earlier than its item`);
    }
    const fresh = items.filter((item) => item.publishedAtMs !== null && item.publishedAtMs > END_MS - 180 * DAY_MS);
    expect(fresh.length).toBeGreaterThan(100);
    expect(fresh.length).toBeLessThan(400);
    expect(items.some((item) => item.publishedAtMs === null)).toBe(true);
  });

  it('has the dirt of a real shop', () => {
    const perItem = countBy(events.item, 1001).slice(1);
    const unseen = perItem.filter((count) => count === 0).length;
    expect(unseen).toBeGreaterThanOrEqual(5);
    expect(unseen).toBeLessThan(60);
    const unavailable = items.filter((item) => !item.available);
    expect(unavailable).toHaveLength(2);
    expect(Math.min(...unavailable.map((item) => perItem[Number(item.itemId.slice(5)) - 1]!))).toBeGreaterThan(0);

    let takenBack = 0;
    let returns = 0;
    let repeated = 0;
    let baseless = 0;
    const rated = new Set<number>();
    const bought = new Set<number>();
    const lastView = new Map<number, number>();
    for (let e = 0; e < events.length; e++) {
      const key = events.user[e]! * 1001 + events.item[e]!;
      if (events.type[e] === VIEW) {
        if (events.occurredAtMs[e]! - (lastView.get(key) ?? 0) < 5000) repeated++;
        lastView.set(key, events.occurredAtMs[e]!);
      } else if (events.type[e] === RATING) {
        if (Number.isNaN(events.value[e])) {
          takenBack++;
          if (!rated.has(key)) baseless++;
        }
        rated.add(key);
      } else if (events.type[e] === PURCHASE) {
        if (events.quantity[e]! < 0) {
          returns++;
          if (!bought.has(key)) baseless++;
        }
        bought.add(key);
      }
    }
    expect(baseless, 'returns of what was not bought, and withdrawals of what was not rated').toBe(0);
    expect(takenBack).toBeGreaterThan(10);
    expect(returns).toBeGreaterThan(50);
    expect(repeated).toBeGreaterThan(1000);
    const bots = findBots(shop);
    expect(bots.size).toBeGreaterThanOrEqual(2);
    expect(bots.size).toBeLessThan(10);
  });

  it('has the taste in it: what shoppers buy late is far more to their taste than a random product', () => {
    let later = 0;
    let random = 0;
    let higher = 0;
    let count = 0;
    for (let e = 80_000; e < events.length; e++) {
      if (events.type[e] !== PURCHASE || events.quantity[e]! < 0) continue;
      const own = shop.affinity(events.user[e]!, events.item[e]!);
      const other = shop.affinity(events.user[e]!, 1 + ((e * 37) % 1000));
      later += own;
      random += other;
      if (own > other) higher++;
      count++;
    }
    expect(count).toBeGreaterThan(500);
    expect(later / count - random / count).toBeGreaterThan(3);
    expect(higher / count).toBeGreaterThan(0.9);
  });

  it('rates by taste', () => {
    const sums = [0, 0];
    const counts = [0, 0];
    for (let e = 0; e < events.length; e++) {
      if (!(events.value[e]! > 0)) continue;
      const side = shop.affinity(events.user[e]!, events.item[e]!) > 3 ? 1 : 0;
      sums[side]! += events.value[e]!;
      counts[side]!++;
    }
    expect(sums[1]! / counts[1]! - sums[0]! / counts[0]!).toBeGreaterThan(0.5);
  });

  it('can be learnt, though not from popularity alone: favourite categories beat it on the last fifth, the hidden taste beats both', () => {
    const recall = recallOnLastFifth(shop);
    expect(recall.byPopularity).toBeGreaterThan(0.03);
    expect(recall.byCategory).toBeGreaterThan(1.4 * recall.byPopularity);
    expect(recall.byTaste).toBeGreaterThan(1.1 * recall.byCategory);
  });
});

describe('generateDemoShop', () => {
  it('makes the same shop from the same options and another from another seed', () => {
    const options = { seed: 5, users: 300, items: 200, events: 20_000, endMs: END_MS, days: 90 };
    const a = generateDemoShop(options);
    const b = generateDemoShop(options);
    const c = generateDemoShop({ ...options, seed: 6 });
    expect(b.items).toEqual(a.items);
    expect(b.events).toEqual(a.events);
    expect(b.affinity(17, 42)).toBe(a.affinity(17, 42));
    expect(c.items).not.toEqual(a.items);
    expect(c.events.item).not.toEqual(a.events.item);
  });

  it('moves the seasons with the end of the period', () => {
    const shareOf = (category: string, endMs: number) => {
      const { items, events } = generateDemoShop({ seed: 3, users: 500, items: 600, events: 20_000, endMs, days: 60 });
      return events.item.reduce((sum, item) => sum + Number(items[item - 1]!.categories[0] === category), 0) / events.length;
    };
    const winter = Date.UTC(2026, 1, 1);
    const summer = Date.UTC(2026, 7, 1);
    expect(shareOf('winter sports', winter)).toBeGreaterThan(3 * shareOf('winter sports', summer));
    expect(shareOf('water sports', summer)).toBeGreaterThan(3 * shareOf('water sports', winter));
  });

  it.each([
    { users: 1, items: 1, events: 0 },
    { users: 1, items: 1, events: 50 },
    { users: 100, items: 5, events: 30 },
    { users: 3, items: 40, events: 1001 },
    { users: 60, items: 13, events: 60_000 },
    { users: 999, items: 3000, events: 12_345 },
  ])('makes odd sizes: $users shoppers, $items products, $events events', ({ users, items, events }) => {
    for (const seed of [1, 2, 3]) {
      for (const days of [1, 30]) {
        const shop = generateDemoShop({ seed, users, items, events, endMs: END_MS, days });
        expect(shop.events.length).toBe(events);
        expect(new Set(shop.items.map((item) => item.title)).size).toBe(items);
        expect(shop.events.user.every((user) => user >= 1 && user <= users)).toBe(true);
        expect(shop.events.item.every((item) => item >= 1 && item <= items)).toBe(true);
        expect(shop.events.occurredAtMs.every((ms) => ms >= END_MS - days * DAY_MS && ms <= END_MS)).toBe(true);
        expect(shop.events.occurredAtMs.every((ms, e) => ms >= (shop.events.occurredAtMs[e - 1] ?? 0))).toBe(true);
      }
    }
  });

  it.each([{ users: 0 }, { items: 1.5 }, { events: -1 }, { days: 0 }, { endMs: Number.NaN }, { seed: Number.POSITIVE_INFINITY }])('refuses %o', (wrong) => {
    expect(() => generateDemoShop({ ...DEMO, seed: 1, ...wrong })).toThrow(RangeError);
  });

  it('knows the taste of its own shoppers for its own products only', () => {
    const { affinity } = generateDemoShop({ seed: 1, users: 10, items: 20, events: 100, endMs: END_MS });
    expect(affinity(10, 20)).toBeTypeOf('number');
    for (const [user, item] of [[0, 1], [11, 1], [1, 0], [1, 21]] as const) expect(() => affinity(user, item)).toThrow(RangeError);
  });
});

function countBy(numbers: ArrayLike<number>, size: number): number[] {
  const counts = Array.from({ length: size }, () => 0);
  for (let k = 0; k < numbers.length; k++) counts[numbers[k]!]!++;
  return counts;
}

function gini(counts: readonly number[]): number {
  const sorted = counts.toSorted((a, b) => a - b);
  const total = sorted.reduce((a, b) => a + b);
  const weighted = sorted.reduce((sum, count, k) => sum + (k + 1) * count, 0);
  return (2 * weighted) / (sorted.length * total) - (sorted.length + 1) / sorted.length;
}

/** Shoppers with a visit of 200 events or more at under 3 s each. */
function findBots({ events }: DemoShop): Set<number> {
  const visits = new Map<number, { user: number; count: number; fromMs: number; toMs: number }>();
  for (let e = 0; e < events.length; e++) {
    const ms = events.occurredAtMs[e]!;
    const visit = visits.get(events.group[e]!);
    if (!visit) visits.set(events.group[e]!, { user: events.user[e]!, count: 1, fromMs: ms, toMs: ms });
    else {
      visit.count++;
      visit.toMs = ms;
    }
  }
  visits.delete(0);
  return new Set([...visits.values()].filter((visit) => visit.count >= 200 && visit.toMs - visit.fromMs < 3000 * visit.count).map((visit) => visit.user));
}

/** Mean over users of recall@20 of the products first touched in the last fifth; the rankings leave out what the user already knows. */
function recallOnLastFifth({ events, items, users, affinity, ...shop }: DemoShop) {
  const cut = Math.floor(events.length * 0.8);
  const known = Array.from({ length: users + 1 }, () => new Set<number>());
  const later = Array.from({ length: users + 1 }, () => new Set<number>());
  const popularity = Array.from({ length: items.length + 1 }, () => 0);
  const favourites = Array.from({ length: users + 1 }, () => new Map<string, number>());
  const bots = findBots({ events, items, users, affinity, ...shop });
  for (let e = 0; e < events.length; e++) {
    const user = events.user[e]!;
    const item = events.item[e]!;
    if (e >= cut) {
      if (!known[user]!.has(item)) later[user]!.add(item);
      continue;
    }
    const weight = WEIGHTS[events.type[e]!]!;
    const category = items[item - 1]!.categories[0]!;
    known[user]!.add(item);
    popularity[item]! += weight;
    favourites[user]!.set(category, (favourites[user]!.get(category) ?? 0) + weight);
  }
  const recallOf = (score: (user: number, item: number) => number) => {
    let sum = 0;
    let count = 0;
    for (let user = 1; user <= users; user++) {
      if (later[user]!.size === 0 || known[user]!.size === 0 || bots.has(user)) continue;
      const ranked = items.map((_, i) => ({ item: i + 1, score: score(user, i + 1) })).filter(({ item }) => !known[user]!.has(item));
      ranked.sort((a, b) => b.score - a.score);
      sum += ranked.slice(0, 20).filter(({ item }) => later[user]!.has(item)).length / Math.min(20, later[user]!.size);
      count++;
    }
    return sum / count;
  };
  return {
    byPopularity: recallOf((_, item) => popularity[item]!),
    byCategory: recallOf((user, item) => popularity[item]! * (0.1 + (favourites[user]!.get(items[item - 1]!.categories[0]!) ?? 0))),
    byTaste: recallOf((user, item) => (popularity[item]! + 1) * Math.exp(affinity(user, item))),
  };
}
