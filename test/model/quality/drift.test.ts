import { describe, expect, it } from 'vitest';
import type { EventColumns } from '../../../src/model/interactions.ts';
import { measureDrift, stabilityIndex } from '../../../src/model/quality/drift.ts';
import { profileEvents } from '../../../src/model/quality/profile.ts';
import { createRandom } from '../../../src/model/random.ts';
import { columnsOf, ruleOf, type TestEvent } from '../events.ts';

const rules = [ruleOf({ typeNo: 1 }), ruleOf({ typeNo: 2, name: 'view' })];

function drift(events: readonly TestEvent[], lastEventNo: number, change: (columns: EventColumns) => void = () => undefined) {
  const columns = columnsOf(events);
  change(columns);
  return measureDrift(columns, profileEvents(columns, rules, 1e12), lastEventNo);
}

/** Users with 1 to 40 events, items by popularity. */
function steady(count: number, seed = 1): TestEvent[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => ({ user: Math.floor(400 * random.uniform() ** 2), item: Math.floor(200 * random.uniform() ** 2), type: random.uniform() < 0.3 ? 1 : 2 }));
}

describe('the population stability index', () => {
  it('is what one reckons by hand', () => {
    expect(stabilityIndex([50, 50], [75, 25])).toBeCloseTo(0.25 * Math.log(1.5) + -0.25 * Math.log(0.5), 12);
    expect(stabilityIndex([1, 2, 3], [10, 20, 30])).toBeCloseTo(0, 12);
    // An empty bin counts as a ten-thousandth.
    expect(stabilityIndex([100, 0], [50, 50])).toBeCloseTo(-0.5 * Math.log(0.5) + (0.5 - 1e-4) * Math.log(0.5 / 1e-4), 12);
    expect(stabilityIndex([0, 0], [1, 2])).toBe(0);
  });

  it('says the same of both directions, up to the empty bins', () => {
    expect(stabilityIndex([60, 30, 10], [20, 30, 50])).toBeCloseTo(stabilityIndex([20, 30, 50], [60, 30, 10]), 12);
  });
});

describe('drift', () => {
  it('is small where nothing has changed, and its windows are equal', () => {
    const found = drift(steady(20_000), 15_000)!;
    expect(found).toMatchObject({ window: 5000, newEvents: 5000, newUserShare: 0 });
    for (const figure of [found.types, found.items, found.users]) expect(figure).toBeLessThan(0.05);
  });

  it('of types is that of their shares in both windows', () => {
    const mixed = (count: number, every: number): TestEvent[] => Array.from({ length: count }, (_, n) => ({ user: n % 300, item: n % 50, type: n % every === 0 ? 1 : 2 }));
    const found = drift([...mixed(4000, 2), ...mixed(4000, 4)], 4000)!;
    expect(found.types).toBeCloseTo(-0.25 * Math.log(0.5) + 0.25 * Math.log(1.5), 12);
    expect(found.items).toBeCloseTo(0, 12);
  });

  it('of items sees another choice, of users another activity', () => {
    const before = steady(10_000);
    const other = steady(5000, 2).map((event) => ({ ...event, item: event.item + 1000 }));
    expect(drift([...before, ...other], 10_000)).toMatchObject({ items: expect.toSatisfy((psi: number) => psi > 0.25) as number, users: expect.toSatisfy((psi: number) => psi < 0.1) as number, newItemShare: 1, newUserShare: 0 });
    const visitors = steady(5000, 3).map((event, n) => ({ ...event, user: 1000 + n }));
    expect(drift([...before, ...visitors], 10_000)).toMatchObject({ users: expect.toSatisfy((psi: number) => psi > 0.25) as number, newUserShare: 1, newItemShare: 0 });
  });

  it('goes by event numbers, in whatever order the rows come', () => {
    const events = [...steady(6000), ...steady(4000, 2).map((event) => ({ ...event, item: event.item * 3 }))];
    const shuffled = drift(events, 6000, (columns) => {
      const order = events.map((_, i) => (i * 7919) % events.length);
      const from = columnsOf(events);
      for (const [to, i] of order.entries()) {
        for (const name of ['user', 'item', 'type', 'eventNo'] as const) columns[name][to] = from[name][i]!;
      }
    });
    expect(shuffled).toEqual(drift(events, 6000));
  });

  it('is not measured on less than two thousand events on either side', () => {
    expect(drift(steady(5000), 3001)).toBeNull();
    expect(drift(steady(5000), 1999)).toBeNull();
    expect(drift(steady(5000), 3000)).not.toBeNull();
  });
});
