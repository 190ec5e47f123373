/** Shops made with one fault each: the report must find that fault, with its figure, and a sound shop must have none. */
import { describe, expect, it } from 'vitest';
import { giniOf } from '../../../src/model/quality/figures.ts';
import type { EventTypeRule } from '../../../src/model/interactions.ts';
import type { FindingCode } from '../../../src/model/quality/findings.ts';
import { type QualityInput, reportQuality } from '../../../src/model/quality/report.ts';
import { createRandom } from '../../../src/model/random.ts';
import { columnsOf, dayMs, ruleOf, type TestEvent } from '../events.ts';

const rules = [ruleOf({ typeNo: 1, name: 'view' }), ruleOf({ typeNo: 2, name: 'rating', mode: 'latest', threshold: 3.5 })];
/** Day 20,000 since 1970 is in 2024. */
const today = 20_000;

/** 2,000 users with 30 views each of 300 items over 60 days. */
function soundShop(): TestEvent[] {
  const random = createRandom(1);
  return Array.from({ length: 60_000 }, (_, n) => ({ user: n % 2000, item: Math.floor(300 * random.uniform() ** 1.5), day: today - 60 * random.uniform() }));
}

function report(events: readonly TestEvent[], changes: Partial<QualityInput> = {}) {
  const columns = columnsOf(events);
  return reportQuality({ columns, rules, nowMs: today * dayMs, minimums: { interactions: 1000, users: 25 }, catalogueItems: null, lastEventNo: null, ...changes });
}

function codes(events: readonly TestEvent[], changes: Partial<QualityInput> = {}): string[] {
  return report(events, changes).findings.map(({ code, severity }) => `${severity} ${code}`);
}

function find(events: readonly TestEvent[], code: FindingCode, changes: Partial<QualityInput> = {}) {
  return report(events, changes).findings.find((finding) => finding.code === code);
}

const shop = soundShop();
const minute = 1 / 1440;

describe('the quality report', () => {
  it('knows what share of imported files was kept aside', () => {
    expect(find(shop, 'rows-kept-aside', { imported: { rowsRead: 60_000, rowsKeptAside: 0 } })).toBeUndefined();
    expect(find(shop, 'rows-kept-aside', { imported: { rowsRead: 60_000, rowsKeptAside: 6 } })).toMatchObject({ severity: 'info', figure: 0.0001 });
    expect(find(shop, 'rows-kept-aside', { imported: { rowsRead: 60_000, rowsKeptAside: 3_000 } })).toMatchObject({ severity: 'warning', figure: 0.05, threshold: 0.01, message: expect.stringContaining('3,000 rows of imported files (5.0 %)') });
  });

  it('has nothing to say of a sound shop, and counts it right', () => {
    const { findings, figures, missing, newestEventNo } = report(shop);
    expect(findings).toEqual([]);
    expect(missing).toEqual([]);
    expect(newestEventNo).toBe(60_000);
    const pairs = new Set(shop.map(({ user, item }) => `${user} ${item}`)).size;
    expect(figures).toMatchObject({ events: 60_000, users: 2000, items: 300, interactions: pairs, usersWithTwo: 2000, duplicates: 0, sparsity: 1 - pairs / 600_000, coldUserShare: 0, drift: null });
    expect(figures.days.recent.events.reduce((a, b) => a + b)).toBe(60_000);
    expect(figures.days).toMatchObject({ span: 60, withoutEvents: 0, longestGap: 0, recent: { first: new Date((today - 60) * dayMs).toISOString().slice(0, 10) } });
  });

  it('says of each finding what it is and what to do', () => {
    const { findings } = report(shop.slice(0, 2000).map((event, n) => ({ ...event, type: n % 2, day: n % 3 })));
    expect(findings.length).toBeGreaterThan(4);
    for (const finding of findings) expect(finding).toMatchObject({ message: expect.stringMatching(/\S\.$/) as string, advice: expect.stringMatching(/\S\.$/) as string });
  });

  it('names what is missing below the minimums, with both numbers, and is content with smaller ones', () => {
    const few = Array.from({ length: 60 }, (_, n) => ({ user: n < 40 ? n % 20 : n, item: n % 7, day: today - n / 10 }));
    const { findings, missing } = report(few);
    expect(missing).toEqual(['60 of at least 1000 interactions', '20 of at least 25 users with 2 items or more']);
    expect(findings.slice(0, 2)).toMatchObject([{ code: 'too-few-interactions', severity: 'error', figure: 60, threshold: 1000 }, { code: 'too-few-users', severity: 'error', figure: 20, threshold: 25 }]);
    expect(report(few, { minimums: { interactions: 60, users: 20 } }).missing).toEqual([]);
  });

  it.each([
    ['no events', [], ['error too-few-interactions', 'error too-few-users']],
    ['one user at one instant on one item', Array.from({ length: 30 }, () => ({ user: 1, item: 1, day: today - 1 })), ['error too-few-interactions', 'error too-few-users', 'error too-few-items', 'warning duplicates', 'warning one-instant', 'warning cold-users', 'warning cold-items']],
    ['dislikes alone', Array.from({ length: 40 }, (_, n) => ({ user: n % 8, item: n % 7, type: 2, value: 1 + (n % 2), day: today - n / 40 })), ['error too-few-interactions', 'error too-few-users', 'error nothing-positive', 'warning one-sided-ratings']],
  ])('survives %s', (_name, events, expected) => {
    expect(codes(events)).toEqual(expected);
    expect(JSON.stringify(report(events))).not.toMatch(/NaN|Infinity|:null,"max"/);
  });

  it('finds a crawler by its pace and by its breadth, and not a large basket', () => {
    const crawler = Array.from({ length: 700 }, (_, n) => ({ user: 77_000, item: n % 300, day: today - 5 + n / 86_400 }));
    const basket = Array.from({ length: 400 }, (_, n) => ({ user: 5, item: n % 300, quantity: n, day: today - 3 }));
    expect(find([...shop, ...basket], 'fast-users')).toBeUndefined();
    expect(find([...shop, ...crawler], 'fast-users')).toMatchObject({ severity: 'warning', figure: 700, threshold: 300, userNos: [77_000] });
    const wide = Array.from({ length: 500 }, (_, n) => ({ user: 77_001, item: 1000 + n, day: today - n / 10 }));
    expect(find([...shop, ...wide], 'broad-users')).toMatchObject({ severity: 'info', figure: 500, threshold: 500, userNos: [77_001] });
    expect(find([...shop, ...wide.slice(1)], 'broad-users')).toBeUndefined();
  });

  it('finds an item that new users fall upon, and no burst where everything comes at once', () => {
    const burst = Array.from({ length: 40 }, (_, n) => ({ user: 90_000 + n, item: 7, day: today - 10 + n * minute }));
    expect(find([...shop, ...burst], 'item-burst')).toMatchObject({ severity: 'warning', figure: 40, itemNos: [7], message: expect.stringContaining('2024-') as string });
    expect(find([...shop, ...burst.map((event, n) => ({ ...event, day: today - 10 - n / 2 }))], 'item-burst')).toBeUndefined();
    expect(find(Array.from({ length: 5000 }, (_, n) => ({ user: n, item: n % 10, day: today })), 'item-burst')).toBeUndefined();
  });

  it('finds dates that cannot be: one is a warning, many are an error', () => {
    expect(find([...shop, { user: 1, item: 1, day: today + 1 }], 'future-dates')).toMatchObject({ severity: 'warning', figure: 1 });
    expect(find([...shop, { user: 1, item: 1, day: today + minute }], 'future-dates')).toBeUndefined();
    expect(find([...shop, { user: 1, item: 1, day: 1 }], 'early-dates')).toMatchObject({ severity: 'warning', figure: 1 });
    expect(find(shop.map((event, n) => (n % 10 === 0 ? { ...event, day: 0 } : event)), 'early-dates')).toMatchObject({ severity: 'error', figure: 6000 });
    // And they are no days of the shop.
    expect(report([...shop, { user: 1, item: 1, day: 1 }, { user: 1, item: 1, day: 40_000 }]).figures.days.span).toBe(60);
  });

  it('counts repeated events, and takes another time, value or quantity for another event', () => {
    const one = { user: 3, item: 3, type: 2, value: 4, quantity: 1, day: today - 1 };
    const others = [one, { ...one, value: 5 }, { ...one, quantity: 2 }, { ...one, day: today - 1 - 1 / 86_400_000 }, { ...one, item: 4 }, { ...one, user: 4 }, { ...one, type: 1 }];
    expect(report(others).figures.duplicates).toBe(0);
    expect(report([...others, ...others, one]).figures.duplicates).toBe(8);
    expect(find([...shop, ...shop.slice(0, 600)], 'duplicates')).toMatchObject({ severity: 'info' });
    expect(find([...shop, ...shop.slice(0, 6000)], 'duplicates')).toMatchObject({ severity: 'warning', figure: 6000 / 66_000, threshold: 0.01 });
  });

  it('finds values no scale has, and says how values lie', () => {
    const ratings = Array.from({ length: 1000 }, (_, n) => ({ user: n % 50, item: n % 60, type: 2, value: 1 + (n % 5), day: today - n / 100 }));
    expect(report(ratings).figures.types).toMatchObject([{ name: 'view', values: null }, { name: 'rating', events: 1000, positive: 400, values: { count: 1000, min: 1, max: 5, mean: 3, p10: 1, p50: 3, p90: 5 } }]);
    expect(find(ratings, 'value-outliers')).toBeUndefined();
    expect(find([...ratings, { user: 1, item: 1, type: 2, value: 1_700_000_000, day: today }], 'value-outliers')).toMatchObject({ severity: 'warning', figure: 1 });
    expect(find(ratings.map((event) => ({ ...event, value: 5 })), 'constant-values')).toMatchObject({ severity: 'info', figure: 5 });
    const minutes: EventTypeRule[] = [ruleOf({ useValue: true })];
    expect(find([{ user: 1, item: 1, value: -4 }, { user: 1, item: 2, value: 4 }], 'negative-values', { rules: minutes })).toMatchObject({ figure: 1 });
  });

  it('counts returns of what was never bought', () => {
    const sales = [{ user: 1, item: 1, quantity: 5 }, { user: 1, item: 1, quantity: -5, day: 1 }, { user: 1, item: 2, quantity: -1 }, { user: 2, item: 2, quantity: 3 }, { user: 2, item: 2, quantity: -4 }];
    expect(report(sales).figures).toMatchObject({ returnedPairs: 3, excessReturnPairs: 2 });
    expect(find(sales, 'excess-returns')).toMatchObject({ figure: 2 / 3 });
  });

  it('finds gaps, spikes, old data, types without a rule, cold users and items, skew', () => {
    const gap = shop.map((event) => (event.day! > today - 30 && event.day! < today - 20 ? { ...event, day: event.day! - 15 } : event));
    expect(find(gap, 'days-without-events')).toMatchObject({ figure: expect.toSatisfy((days: number) => days >= 8 && days <= 10) as number, threshold: 7 });
    expect(find([...shop, ...Array.from({ length: 15_000 }, (_, n) => ({ user: n % 2000, item: n % 300, day: today - 9.5 }))], 'day-spike')).toMatchObject({ severity: 'warning' });
    expect(find(shop, 'old-data', { nowMs: (today + 40) * dayMs })).toMatchObject({ severity: 'info', figure: 40 });
    expect(find([...shop, { user: 1, item: 1, type: 9 }], 'unknown-types')).toMatchObject({ figure: 1 });
    expect(report([{ user: 1, item: 1, type: 9 }]).figures).toMatchObject({ users: 0, items: 0, interactions: 0 });
    const strangers = Array.from({ length: 9000 }, (_, n) => ({ user: 10_000 + n, item: 5000 + n, day: today - n / 300 }));
    expect(codes([...shop, ...strangers])).toEqual(expect.arrayContaining(['warning cold-users', 'warning cold-items']));
    const one = Array.from({ length: 4000 }, (_, n) => ({ user: 10 + (n % 2000), item: n < 2000 ? 1 : n, day: today - n / 300 }));
    expect(find(one.concat(Array.from({ length: 30_000 }, (_, n) => ({ user: n, item: 1, day: today - n / 3000 }))), 'popularity-skew')).toMatchObject({ severity: 'warning' });
    expect(find(shop, 'items-without-events', { catalogueItems: 1000 })).toMatchObject({ figure: 0.7 });
  });

  it('numbers users by search where their numbers lie far apart', () => {
    const far = [{ user: -2_000_000_000, item: 1 }, { user: 2_000_000_000, item: 2 }, { user: 2_000_000_000, item: 1 }];
    expect(report(far).figures).toMatchObject({ users: 2, items: 2, interactions: 3, usersWithTwo: 1 });
  });
});

describe('the Gini coefficient', () => {
  it('is 0 for equals, (n − 1) / n for one who has all, and known between', () => {
    expect(giniOf(Int32Array.of(4, 4, 4))).toBeCloseTo(0, 12);
    expect(giniOf(Int32Array.of(0, 0, 0, 8))).toBeCloseTo(3 / 4, 12);
    expect(giniOf(Int32Array.of(3, 1))).toBeCloseTo(1 / 4, 12);
    expect(giniOf(new Int32Array(0))).toBe(0);
  });
});
