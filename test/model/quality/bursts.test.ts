import { describe, expect, it } from 'vitest';
import { leaveOutBursts } from '../../../src/model/quality/bursts.ts';
import { createRandom } from '../../../src/model/random.ts';
import { columnsOf, ruleOf, type TestEvent } from '../events.ts';

const rules = [ruleOf()];
const random = createRandom(5);
/** A year of 300 shoppers who come again, and of 300 who come once. */
const shop = Array.from({ length: 9000 }, (_, n): TestEvent => (n % 10 === 0 ? { user: 1000 + (n % 300), item: random.integer(60), day: n % 300 } : { user: random.integer(300), item: random.integer(60), day: random.uniform() * 365 }));
const fakes = (count: number, of: (n: number) => Partial<TestEvent>) => Array.from({ length: count }, (_, n): TestEvent[] => [7, 8, random.integer(60)].map((item) => ({ user: 5000 + n, item, day: 300.5 + n / 3000, ...of(n) }))).flat();
const leaveOut = (events: readonly TestEvent[]) => leaveOutBursts(columnsOf(events), rules, Infinity);

describe('bursts', () => {
  it('are left out with what their one-day users did on the item, and nothing else', () => {
    const attack = fakes(40, () => ({}));
    const { columns, leftOut } = leaveOut([...shop, ...attack]);
    expect(leftOut).toMatchObject({ users: 40, items: [{ itemNo: 7, users: 40 }, { itemNo: 8, users: 40 }] });
    const fillers = attack.filter(({ item }) => item !== 7 && item !== 8);
    expect(leftOut!.events).toBe(attack.length - fillers.length);
    expect([...columns.item]).toEqual([...shop, ...fillers].map(({ item }) => item));
    expect([...columns.user]).toEqual([...shop, ...fillers].map(({ user }) => user));
    expect(columns.length).toBe(columns.eventNo.length);
  });

  it('are none in a quiet shop, with fewer users than it takes, or with as many over a month', () => {
    for (const events of [shop, [...shop, ...fakes(19, () => ({}))], [...shop, ...fakes(40, (n) => ({ day: 250 + n }))]]) {
      const columns = columnsOf(events);
      const result = leaveOutBursts(columns, rules, Infinity);
      expect(result.leftOut).toBeNull();
      expect(result.columns).toBe(columns);
    }
  });

  it('keep the baskets of what stays', () => {
    const events = [...shop, ...fakes(40, () => ({}))];
    const { columns } = leaveOutBursts({ ...columnsOf(events), group: Int32Array.from(events, (_, n) => n + 1) }, rules, Infinity);
    expect([...columns.group!].every((group, n) => events[group - 1]!.item === columns.item[n])).toBe(true);
  });
});
