import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { basketTypes, findBaskets, findTogether } from '../../src/model/baskets.ts';
import type { EventColumns } from '../../src/model/interactions.ts';
import { distinctSorted } from '../../src/model/matrix.ts';
import { columnsOf, ruleOf, type TestEvent } from './events.ts';

const rules = [ruleOf({ typeNo: 1, name: 'view', weight: 1 }), ruleOf({ typeNo: 2, name: 'cart', weight: 3 }), ruleOf({ typeNo: 3, weight: 6 }), ruleOf({ typeNo: 4, name: 'rating', weight: 9, mode: 'latest' }), ruleOf({ typeNo: 5, name: 'dislike', weight: -9 })];
const hour = 1 / 24;

type Bought = TestEvent & { group?: number };
function columnsWithGroups(events: readonly Bought[]): EventColumns {
  return { ...columnsOf(events.map((event) => ({ type: 3, ...event }))), group: Int32Array.from(events, (event) => event.group ?? 0) };
}
const itemNos = Int32Array.of(10, 20, 30, 40);
function basketsOf(events: readonly Bought[], columns = columnsWithGroups(events)): number[][] {
  const { rows, rowStart, index } = findBaskets(columns, rules, itemNos);
  return Array.from({ length: rows }, (_, row) => [...index.subarray(rowStart[row], rowStart[row + 1])].map((item) => itemNos[item]!)).sort();
}

describe('baskets', () => {
  it('are what a user bought under one group, whenever that was, each item once', () => {
    expect(basketsOf([
      { user: 1, item: 20, group: 7 }, { user: 1, item: 10, group: 7, day: 9 }, { user: 1, item: 20, group: 7 },
      { user: 1, item: 30, group: -8 }, { user: 1, item: 40, group: -8 },
      { user: 2, item: 30, group: 7 }, { user: 2, item: 20, group: 7 }, // another user's group of the same bits
    ])).toEqual([[10, 20], [20, 30], [30, 40]]);
  });

  it('without a group are a day from the basket’s first event, which no chain of events makes longer', () => {
    const every20Hours = [10, 20, 30, 40].map((item, n) => ({ user: 1, item, day: 20 * n * hour }));
    expect(basketsOf(every20Hours)).toEqual([[10, 20], [30, 40]]);
    const { group: _group, ...ungrouped } = columnsWithGroups(every20Hours);
    expect(basketsOf([], ungrouped)).toEqual([[10, 20], [30, 40]]);
  });

  it('hold what was bought or put into a cart, and no views, ratings, returns, or items without a number here', () => {
    expect([...basketTypes(rules)]).toEqual([2, 3]);
    expect([...basketTypes([ruleOf({ typeNo: 1, name: 'play', weight: 2 }), ruleOf({ typeNo: 2, name: 'skip', weight: -1 })])]).toEqual([1]);
    expect([...basketTypes([])]).toEqual([]);
    expect(basketsOf([
      { user: 1, item: 10, type: 2 }, { user: 1, item: 20 }, { user: 1, item: 30, type: 1 }, { user: 1, item: 40, type: 4, value: 5 }, { user: 1, item: 30, quantity: -1 }, { user: 1, item: 99 },
      { user: 2, item: 10 }, { user: 2, item: 99 }, // one known item goes with nothing
    ])).toEqual([[10, 20]]);
  });

  it('come in the same number whatever the order of the rows', () => {
    fc.assert(fc.property(fc.array(fc.record({ user: fc.integer({ min: 1, max: 3 }), item: fc.constantFrom(10, 20, 30, 40), group: fc.integer({ min: -1, max: 2 }), day: fc.integer({ min: 0, max: 50 }).map((h) => h * hour) }), { maxLength: 25 }), fc.infiniteStream(fc.nat()), (events, keys) => {
      const shuffled = events.map((event) => ({ event, key: keys.next().value as number })).toSorted((a, b) => a.key - b.key).map(({ event }) => event);
      expect(basketsOf(shuffled)).toEqual(basketsOf(events));
    }));
  });
});

describe('bought together', () => {
  it('is the cosine of the items’ baskets, a pair of one basket left out', () => {
    fc.assert(fc.property(fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 7 }).map((n) => 10 * n), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 12 }), (lists) => {
      const events = lists.flatMap((list, group) => list.map((item) => ({ user: 1 + (group % 2), item, group: group + 1 })));
      const columns = columnsWithGroups(events);
      const nos = distinctSorted(columns.item);
      const kept = lists.filter((list) => list.length > 1);
      const degree = (item: number) => kept.filter((list) => list.includes(item)).length;
      const together = findTogether(columns, rules, nos);
      let pairs = 0;
      for (const [j, a] of nos.entries()) {
        const wanted = [...nos].filter((b) => a !== b && kept.filter((list) => list.includes(a) && list.includes(b)).length >= 2)
          .map((b) => kept.filter((list) => list.includes(a) && list.includes(b)).reduce((sum, list) => sum + 1 / list.length, 0) / Math.sqrt(degree(a) * degree(b))).sort((x, y) => y - x);
        pairs += wanted.length;
        const found = together === null ? [] : [...together.similarity.subarray(together.rowStart[j], together.rowStart[j + 1])];
        expect(found).toHaveLength(wanted.length);
        wanted.forEach((value, n) => expect(found[n]).toBeCloseTo(value, 5));
      }
      expect(together === null).toBe(pairs === 0);
    }));
  });

  it('names the partners', () => {
    const lists = [[10, 20], [20, 10, 30], [30, 40], [40, 30], [10, 40]];
    const together = findTogether(columnsWithGroups(lists.flatMap((list, n) => list.map((item) => ({ user: n, item, group: 1 })))), rules, itemNos)!;
    const partners = (item: number) => [...together.index.subarray(together.rowStart[item], together.rowStart[item + 1])];
    expect([0, 1, 2, 3].map(partners)).toEqual([[1], [0], [3], [2]]);
    expect(together.items).toBe(4);
  });
});
