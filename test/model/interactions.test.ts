import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventColumns, type EventTypeRule, foldEvents, newestOccurredAt, selectEvents } from '../../src/model/interactions.ts';
import { columnsOf, ruleOf, type TestEvent } from './events.ts';

const rating = ruleOf({ typeNo: 2, name: 'rating', weight: 4, mode: 'latest', threshold: 3.5, hidesDays: null });

function fold(events: readonly TestEvent[], rules: readonly EventTypeRule[], newestDay?: number) {
  const columns = columnsOf(events);
  const folded = foldEvents(columns, rules, newestDay === undefined ? newestOccurredAt(columns) : newestDay * 86_400_000);
  return folded.userNos.length === 0
    ? []
    : [...folded.userNos].flatMap((user, row) =>
        Array.from(folded.itemNos.subarray(folded.rowStart[row]!, folded.rowStart[row + 1]!), (item, at) => {
          const e = folded.rowStart[row]! + at;
          return { user, item, weight: folded.weight[e]!, target: folded.target[e]!, hidden: folded.hidden[e]!, lastDay: folded.lastMs[e]! / 86_400_000 };
        }),
      );
}

/** The weight of the only interaction. */
function weightOf(events: readonly TestEvent[], rule: Partial<EventTypeRule> = {}, newestDay?: number): number {
  const folded = fold(events, [ruleOf(rule)], newestDay);
  expect(folded.length).toBeLessThanOrEqual(1);
  return folded[0]?.weight ?? 0;
}

const one = { user: 1, item: 1 };

describe('a type that sums', () => {
  it('counts w · log2(1 + n)', () => {
    expect(weightOf([one], { weight: 6 })).toBe(6);
    expect(weightOf([one, one, one], { weight: 6 })).toBe(12);
  });

  it('saturates at five times its weight', () => {
    expect(weightOf(Array.from({ length: 31 }, () => one), { weight: 2 })).toBe(10);
    expect(weightOf(Array.from({ length: 500 }, () => one), { weight: 2 })).toBe(10);
  });

  it('halves an event at its half-life, counted from the newest event', () => {
    expect(weightOf([{ ...one, day: 0 }], { halfLifeDays: 10 }, 10)).toBeCloseTo(Math.log2(1.5), 6);
    expect(weightOf([{ ...one, day: 0 }, { ...one, day: 10 }], { halfLifeDays: 10 })).toBeCloseTo(Math.log2(2.5), 6);
  });

  it('gives age 0 to events newer than the newest known', () => {
    expect(weightOf([{ ...one, day: 50 }], { halfLifeDays: 1 }, 10)).toBe(1);
  });

  it('counts the value where the rule says so, 1 where it is missing, never below 0', () => {
    expect(weightOf([{ ...one, value: 7 }], { useValue: true })).toBe(3);
    expect(weightOf([{ ...one, value: null }], { useValue: true })).toBe(1);
    expect(weightOf([{ ...one, value: -5 }, { ...one, value: 1 }], { useValue: true })).toBe(1);
    expect(weightOf([{ ...one, value: 7 }])).toBe(1);
  });
});

describe('returns', () => {
  it('cancel a purchase of the same quantity', () => {
    expect(fold([{ ...one, quantity: 3, day: 1 }, { ...one, quantity: -3, day: 2 }], [ruleOf({ hidesDays: null })])).toEqual([]);
  });

  it('leave a partly cancelled purchase as it was', () => {
    expect(weightOf([{ ...one, quantity: 3 }, { ...one, quantity: -2 }])).toBe(1);
    expect(weightOf([{ ...one, quantity: 3 }, { ...one, quantity: -2 }, { ...one, quantity: -1 }])).toBe(0);
  });

  it('take the newest purchases first', () => {
    const events = [{ ...one, quantity: 1, day: 0 }, { ...one, quantity: 1, day: 10 }, { ...one, quantity: -1, day: 11 }];
    expect(weightOf(events, { halfLifeDays: 10 }, 10)).toBeCloseTo(Math.log2(1.5), 6);
    expect(weightOf([{ ...one, quantity: 2 }, { ...one, quantity: 2 }, { ...one, quantity: -3 }])).toBe(1);
  });

  it('count an absent quantity as 1', () => {
    expect(weightOf([one, one, { ...one, quantity: -1 }])).toBe(1);
  });

  it('do nothing without an earlier purchase of that user, item and type', () => {
    expect(weightOf([{ ...one, quantity: -5, day: 0 }, { ...one, day: 1 }])).toBe(1);
    const others = [{ user: 2, item: 1, quantity: -1, day: 1 }, { user: 1, item: 2, quantity: -1, day: 1 }, { user: 1, item: 1, type: 3, quantity: -1, day: 1 }];
    expect(fold([one, ...others], [ruleOf(), ruleOf({ typeNo: 3 })])).toMatchObject([{ user: 1, item: 1, weight: 1 }]);
  });

  it('follow time, and the event number within one instant', () => {
    expect(weightOf([{ ...one, quantity: -1, day: 5 }, { ...one, day: 4 }])).toBe(0);
    expect(weightOf([{ ...one, quantity: -1, day: 5 }, { ...one, day: 5 }])).toBe(1);
  });
});

describe('a type whose latest event counts', () => {
  const rate = (value: number | null, day: number): TestEvent => ({ ...one, type: 2, value, day });

  it('is positive from the threshold on, and an observed 0 below', () => {
    expect(fold([rate(3.5, 0)], [rating])).toMatchObject([{ weight: 4, target: 1 }]);
    expect(fold([rate(5, 0), rate(2, 1)], [rating])).toMatchObject([{ weight: 4, target: 0 }]);
    expect(fold([rate(-9, 0)], [{ ...rating, threshold: null }])).toMatchObject([{ target: 1 }]);
  });

  it('vanishes when the rating is taken back, and hides no more', () => {
    expect(fold([rate(5, 0), rate(null, 1)], [rating])).toEqual([]);
    expect(fold([rate(null, 0), rate(5, 1)], [rating])).toMatchObject([{ weight: 4, hidden: 1 }]);
  });

  it('fades with its half-life', () => {
    expect(fold([rate(5, 0)], [{ ...rating, halfLifeDays: 7 }], 14)).toMatchObject([{ weight: 1 }]);
  });
});

describe('several types on one item', () => {
  it('add their weights and average their targets', () => {
    const [pair] = fold([one, { ...one, type: 2, value: 1 }], [ruleOf({ weight: 6 }), rating]);
    expect(pair).toMatchObject({ weight: 10, hidden: 1 });
    expect(pair!.target).toBeCloseTo(0.6, 6);
  });

  it('let a negative weight speak against the item', () => {
    const dislike = ruleOf({ typeNo: 3, weight: -2 });
    expect(fold([{ ...one, type: 3 }], [dislike])).toMatchObject([{ weight: 2, target: 0 }]);
    const [pair] = fold([one, { ...one, type: 3 }], [ruleOf({ weight: 2 }), dislike]);
    expect(pair).toMatchObject({ weight: 4, target: 0.5 });
  });

  it('ignore types without a rule', () => {
    expect(fold([{ ...one, type: 99 }], [ruleOf()])).toEqual([]);
  });
});

describe('hidden items', () => {
  it('stay hidden for their days from the newest event', () => {
    const hides = ruleOf({ hidesDays: 90 });
    expect(fold([one], [hides], 89.9)[0]!.hidden).toBe(1);
    expect(fold([one], [hides], 90)[0]!.hidden).toBe(0);
    expect(fold([one, { ...one, day: 5 }], [hides], 94)[0]).toMatchObject({ hidden: 1, lastDay: 5 });
    expect(fold([one], [ruleOf({ hidesDays: 0 })])[0]!.hidden).toBe(0);
    expect(fold([one], [ruleOf({ hidesDays: null })], 1e5)[0]!.hidden).toBe(1);
  });

  it('are kept without a weight, which others are not', () => {
    expect(fold([one], [ruleOf({ weight: 0 })])).toEqual([]);
    expect(fold([one], [ruleOf({ weight: 0, hidesDays: null })])).toMatchObject([{ weight: 0, target: 0, hidden: 1 }]);
  });
});

it('answers no events with no rows', () => {
  expect(foldEvents(columnsOf([]), [ruleOf()], 0).rowStart).toEqual(Int32Array.of(0));
});

/** Far more rows than the comparison sort takes, with equal times, negative times and fractions of milliseconds. */
it('folds many events as it folds each user alone, whatever order they come in', () => {
  const rules = [ruleOf({ halfLifeDays: 3, hidesDays: 2 }), rating];
  const event = fc.record({
    user: fc.integer({ min: -3, max: 40 }),
    item: fc.integer({ min: 1, max: 2 ** 31 - 1 }).map((no) => (no % 3 === 0 ? no : no % 7)),
    type: fc.constantFrom(1, 2, 9),
    value: fc.constantFrom(1, 5, null),
    quantity: fc.constantFrom(undefined, 1, 2, -1),
    day: fc.double({ min: -30, max: 30, noNaN: true }).map((day) => Math.round(day * 4) / 4.000001),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 40, maxLength: 60 }), fc.integer({ min: 1, max: 1000 }), (some, turn) => {
      const events = Array.from({ length: 4000 }, (_, i) => ({ ...some[(i * turn) % some.length]!, user: (i * 31) % 97 }));
      const columns = columnsOf(events);
      const newestMs = newestOccurredAt(columns);
      const all = foldEvents(columns, rules, newestMs);
      const rows = Int32Array.from({ length: events.length }, (_, i) => i);
      const backwards: EventColumns = selectEvents(columns, rows.toReversed());
      expect(foldEvents(backwards, rules, newestMs)).toEqual(all);
      for (const [row, user] of all.userNos.entries()) {
        const alone = foldEvents(selectEvents(columns, rows.filter((i) => columns.user[i] === user)), rules, newestMs);
        const [from, to] = [all.rowStart[row]!, all.rowStart[row + 1]!];
        expect(alone.itemNos).toEqual(all.itemNos.slice(from, to));
        expect(alone.weight).toEqual(all.weight.slice(from, to));
        expect(alone.target).toEqual(all.target.slice(from, to));
        expect(alone.hidden).toEqual(all.hidden.slice(from, to));
        expect(alone.lastMs).toEqual(all.lastMs.slice(from, to));
      }
    }),
    { numRuns: 10 },
  );
});
