/** Pictures against slow, obvious counting of the same events. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distributionsOf } from '../../../src/model/quality/distributions.ts';
import { giniOf } from '../../../src/model/quality/figures.ts';
import { binActivity, countItemEvents, longTailOf, mostDays, pictureData, sparsityBins } from '../../../src/model/quality/pictures.ts';
import { profileEvents } from '../../../src/model/quality/profile.ts';
import { createRandom } from '../../../src/model/random.ts';
import { columnsOf, dayMs, ruleOf, type TestEvent } from '../events.ts';

const rules = [ruleOf({ typeNo: 1, name: 'view' }), ruleOf({ typeNo: 2, name: 'rating', mode: 'latest', threshold: 3.5 })];
const today = 20_000;

function picturesOf(events: readonly TestEvent[], types = rules) {
  const columns = columnsOf(events);
  const profile = profileEvents(columns, types, today * dayMs);
  return pictureData(columns, types, profile, countItemEvents(columns, types, profile), { checkedAtMs: 0, newestEventNo: 0 });
}

function groupBy(events: readonly TestEvent[], key: 'user' | 'item'): Map<number, TestEvent[]> {
  const groups = new Map<number, TestEvent[]>();
  for (const event of events) groups.set(event[key], [...(groups.get(event[key]) ?? []), event]);
  return groups;
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
const anyEvent = fc.record({ user: fc.integer({ min: 1, max: 150 }), item: fc.integer({ min: 1, max: 90 }), type: fc.constantFrom(1, 1, 2, 7), day: fc.integer({ min: today - 500, max: today - 1 }) });

describe('pictures of the data', () => {
  it('of nothing are empty, and of the same shape', () => {
    expect(picturesOf([])).toEqual({
      checkedAtMs: 0, newestEventNo: 0, events: 0, eventsPerDay: { first: null, types: [] },
      longTail: { items: { count: 0, gini: 0, shares: [], events: [] }, users: { count: 0, gini: 0, shares: [], events: [] }, top: [] },
      activity: { users: [], items: [] }, values: [], sparsity: { users: 0, items: 0, pairs: 0, density: 0, userBins: [], itemBins: [], cells: [] },
    });
  });

  it('count each event of a known type once, by day, by activity and in the curves', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 200 }), (events) => {
        const known = events.filter(({ type }) => type !== 7);
        const { eventsPerDay, longTail, activity, events: counted } = picturesOf(events);
        expect(counted).toBe(known.length);
        if (known.length === 0) return;
        const last = Math.max(...known.map(({ day }) => day));
        const first = Math.max(Math.min(...known.map(({ day }) => day)), last - mostDays + 1);
        expect(eventsPerDay.first).toBe(new Date(first * dayMs).toISOString().slice(0, 10));
        for (const { name, events: perDay } of eventsPerDay.types) {
          const typeNo = rules.find((rule) => rule.name === name)!.typeNo;
          expect(perDay).toEqual(Array.from({ length: last - first + 1 }, (_, k) => known.filter(({ type, day }) => type === typeNo && day === first + k).length));
        }
        for (const side of ['users', 'items'] as const) {
          const key = side === 'users' ? 'user' : 'item';
          const counts = [...groupBy(known, key).values()].map((group) => group.length);
          expect(longTail[side].count).toBe(counts.length);
          expect(sum(activity[side].map(({ count }) => count))).toBe(counts.length);
          for (const { from, to, count } of activity[side]) expect(count).toBe(counts.filter((n) => n >= from && n <= to).length);
        }
        expect(longTail.top.map(({ events: many }) => many)).toEqual([...groupBy(known, 'item').values()].map((group) => group.length).sort((a, b) => b - a).slice(0, 20));
      }),
    );
  });

  it('have curves that rise from nothing to all, bend the one way, and enclose the Gini coefficient', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 300 }), (numbers) => {
        const counts = Int32Array.from([1, ...numbers]);
        const { shares, events, gini } = longTailOf(counts);
        expect([shares[0], events[0], shares.at(-1), events.at(-1)]).toEqual([0, 0, 1, 1]);
        expect(events).toEqual(events.toSorted((a, b) => a - b));
        let area = 0;
        for (let k = 1; k < shares.length; k++) {
          // On a grid the area is a little too small, by what the curve bends within a step.
          area += ((events[k]! + events[k - 1]!) / 2) * (shares[k]! - shares[k - 1]!);
        }
        expect(gini).toBeCloseTo(giniOf(counts.filter((count) => count > 0)), 4);
        expect(2 * area - 1).toBeGreaterThan(gini - 0.02);
        expect(2 * area - 1).toBeLessThan(gini + 1e-4);
      }),
    );
    expect(longTailOf(Int32Array.of(90, 5, 5, 0)).events[longTailOf(Int32Array.of(90, 5, 5)).shares.indexOf(0.5)]).toBeCloseTo((90 + 0.5 * 5) / 100, 5);
  });

  it('double the width of each bin of activity', () => {
    expect(binActivity(Int32Array.of(0, 1, 1, 3, 4, 7, 8, 1_000_000)).filter(({ count }) => count > 0)).toEqual([
      { from: 1, to: 1, count: 2 }, { from: 2, to: 3, count: 1 }, { from: 4, to: 7, count: 2 }, { from: 8, to: 15, count: 1 }, { from: 524_288, to: 1_048_575, count: 1 },
    ]);
  });

  it('show the matrix cell by cell, the busiest in the first corner', () => {
    const random = createRandom(3);
    const shop = Array.from({ length: 9000 }, () => ({ user: 1 + Math.floor(400 * random.uniform() ** 2), item: 1 + Math.floor(250 * random.uniform() ** 2), day: today - 1 }));
    const { sparsity } = picturesOf([...shop, ...shop]);
    const pairs = new Set(shop.map(({ user, item }) => `${user} ${item}`));
    const breadth = (key: 'user' | 'item', other: 'user' | 'item') => [...groupBy(shop, key)].map(([no, group]) => [no, new Set(group.map((event) => event[other])).size] as const).sort(([a, m], [b, n]) => n - m || a - b).map(([no]) => no);
    const [users, items] = [breadth('user', 'item'), breadth('item', 'user')];
    expect(sparsity).toMatchObject({ users: users.length, items: items.length, pairs: pairs.size, density: pairs.size / users.length / items.length });
    expect([sparsity.userBins.length, sparsity.itemBins.length, sum(sparsity.userBins), sum(sparsity.itemBins), sum(sparsity.cells)]).toEqual([sparsityBins, sparsityBins, users.length, items.length, pairs.size]);
    expect(Math.max(...sparsity.userBins) - Math.min(...sparsity.userBins)).toBeLessThanOrEqual(1);
    let [firstUser] = [0];
    for (let r = 0; r < sparsityBins; r++) {
      let firstItem = 0;
      for (let c = 0; c < sparsityBins; c++) {
        const [userBin, itemBin] = [users.slice(firstUser, firstUser + sparsity.userBins[r]!), items.slice(firstItem, firstItem + sparsity.itemBins[c]!)];
        expect(sparsity.cells[r * sparsityBins + c]).toBe(sum(userBin.map((user) => itemBin.filter((item) => pairs.has(`${user} ${item}`)).length)));
        firstItem += sparsity.itemBins[c]!;
      }
      firstUser += sparsity.userBins[r]!;
    }
    // Fewer than there are bins: one each.
    expect(picturesOf([{ user: 1, item: 1, day: 1e4 }, { user: 1, item: 2, day: 1e4 }, { user: 2, item: 2, day: 1e4 }]).sparsity).toMatchObject({ userBins: [1, 1], itemBins: [1, 1], cells: [1, 1, 1, 0] });
  });

  it('add up what is beyond twelve types', () => {
    const many = Array.from({ length: 15 }, (_, k) => ruleOf({ typeNo: k + 1, name: `type ${k}` }));
    const { types } = picturesOf(many.flatMap(({ typeNo }) => Array.from({ length: 20 - typeNo }, () => ({ user: 1, item: 1, type: typeNo, day: today - 1 }))), many).eventsPerDay;
    expect(types.map(({ name, events }) => [name, events[0]])).toEqual([...Array.from({ length: 11 }, (_, k) => [`type ${k}`, 19 - k]), [null, 8 + 7 + 6 + 5]]);
  });
});

describe('distributions of values', () => {
  const ofRatings = (values: readonly number[]) => distributionsOf(columnsOf(values.map((value) => ({ user: 1, item: 1, type: 2, value }))), rules)[0]!;

  it('give each step of a scale a bar, in the digits it was sent in', () => {
    expect(ofRatings([4.1, 5, 5, 1, Number.NaN])).toEqual({
      name: 'rating', events: 5, quantities: null,
      values: { count: 4, min: 1, max: 5, mean: 3.775, isDiscrete: true, bars: [{ from: 1, to: 1, count: 1 }, { from: 4.1, to: 4.1, count: 1 }, { from: 5, to: 5, count: 2 }], below: 0, above: 0 },
    });
  });

  it('leave out nothing, whatever the numbers, and a far one flattens nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: Math.fround(-1e6), max: Math.fround(1e6), noNaN: true }), { minLength: 30, maxLength: 100 }), (values) => {
        const { bars, below, above, count } = ofRatings(values).values!;
        expect(sum(bars.map((bar) => bar.count)) + below + above).toBe(count);
        expect(bars.length).toBeLessThanOrEqual(42);
      }),
      { numRuns: 50 },
    );
    const { values } = ofRatings([...Array.from({ length: 200_000 }, (_, k) => k % 1000), 1e9]);
    expect(values).toMatchObject({ count: 200_001, max: 1e9, isDiscrete: false, below: 0 });
    expect(values!.above).toBeLessThan(2_000 + 1);
    expect(values!.bars.length).toBeGreaterThan(15);
    expect(values!.bars.at(-1)!.to).toBeLessThanOrEqual(1050);
  });
});
