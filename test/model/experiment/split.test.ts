import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeldOut, leastUsers, type SplitMethod, splitThreeWays, type ThreeWaySplit } from '../../../src/model/experiment/split.ts';
import type { EventColumns } from '../../../src/model/interactions.ts';
import { columnsOf, dayMs, ruleOf, type TestEvent } from '../events.ts';

const rules = [ruleOf(), ruleOf({ typeNo: 2, name: 'rating', mode: 'latest', threshold: 3 }), ruleOf({ typeNo: 3, name: 'complaint', weight: -1 })];
const split = (events: readonly TestEvent[], by?: SplitMethod) => splitThreeWays(columnsOf(events), rules, by === undefined ? {} : { by });
const made = (events: readonly TestEvent[], by?: SplitMethod) => split(events, by) as ThreeWaySplit;
const eventsOf = (columns: EventColumns) => Array.from(columns.eventNo).toSorted((a, b) => a - b);
const rowsOf = ({ length, user, item, occurredAtMs }: EventColumns) => Array.from({ length }, (_, i) => [user[i]!, item[i]!, occurredAtMs[i]! / dayMs]).toSorted((a, b) => a[0]! - b[0]! || a[2]! - b[2]! || a[1]! - b[1]!);

/** Each user meets an item a day, of 200, on days 0 … `days` − 1. */
const steady = (users: number, days: number): TestEvent[] =>
  Array.from({ length: users * days }, (_, n) => ({ user: 1 + (n % users), item: (7 * n + Math.floor(n / users)) % 200, day: Math.floor(n / users) }));

describe('train, validation and test', () => {
  it('are cut by time, a fifth each, and the cuts are reported', () => {
    const { test, validation, report } = made(steady(30, 100));
    expect([test, ...validation].map(({ report: { cutMs, by } }) => [by, cutMs! / dayMs])).toEqual([['time', 80], ['time', 64], ['time', 51]]);
    expect(report).toMatchObject({ asked: 'time', tried: [], test: test.report, validation: validation.map((part) => part.report) });
    expect(test.report).toMatchObject({ oldestMs: 80 * dayMs, newestMs: 99 * dayMs, trainEvents: 2400, heldEvents: 600 });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('are cut user by user where that is asked for', () => {
    // The last item met, not the last one touched; two of one instant go together, and what comes after the cut goes with them.
    const own: TestEvent[] = [{ user: 1, item: 1, day: 1 }, { user: 1, item: 2, day: 2 }, { user: 1, item: 3, day: 3 }, { user: 1, item: 4, day: 4 }, { user: 1, item: 5, day: 4 }, { user: 1, item: 1, day: 5 }];
    const others = Array.from({ length: 40 }, (_, u) => [1, 2, 3].map((day) => ({ user: 2 + u, item: 10 * day + (u % 3), day }))).flat();
    const { test, validation, report } = made([...own, ...others], 'leave-last-out');
    expect(rowsOf(test.held).filter(([user]) => user === 1)).toEqual([[1, 4, 4], [1, 5, 4], [1, 1, 5]]);
    expect(rowsOf(test.held).filter(([user]) => user === 2)).toEqual([[2, 30, 3]]);
    expect(rowsOf(validation[0]!.held).filter(([user]) => user! <= 2)).toEqual([[1, 3, 3], [2, 20, 2]]);
    // Only user 1 is left with two items.
    expect(validation).toHaveLength(1);
    expect(report).toMatchObject({ asked: 'leave-last-out', test: { by: 'leave-last-out', cutMs: null, users: 41 }, validation: [{ by: 'leave-last-out', users: 41 }], tried: [] });
  });

  it('hold out wanted items only, and count a dislike or a return as no wish', () => {
    const last: Partial<TestEvent>[] = [{ type: 2, value: 1 }, { type: 3 }, { quantity: -1 }, { type: 9 }, { type: 2, value: null }];
    const events = last.flatMap((one, u) => [{ user: u, item: 1, day: 1 }, { user: u, item: 2, day: 2 }, { user: u, item: 3, day: 3, ...one }]);
    const many = Array.from({ length: 30 }, (_, u) => [{ user: 100 + u, item: 1 + (u % 2), day: 1 }, { user: 100 + u, item: 3, day: 2, type: 2, value: 4 }]).flat();
    const { test } = made([...events, ...many], 'leave-last-out');
    for (const u of last.keys()) expect(rowsOf(test.held).find(([user]) => user === u)).toEqual([u, 2, 2]);
    expect(test.report.users).toBe(35);
  });

  it('fall back to the users’ last items where a cut in time leaves nobody to score', () => {
    // A young shop: every user comes on a day of their own and never again.
    const young = Array.from({ length: 60 }, (_, u) => [0, 1, 2, 3].map((n) => ({ user: u, item: (u + n) % 9, day: u + n / 10 }))).flat();
    const { test, validation, report } = made(young);
    expect([test, ...validation].map((part) => part.report.by)).toEqual(['leave-last-out', 'leave-last-out', 'leave-last-out']);
    expect(report.tried).toEqual([{ part: 'test', by: 'time', reason: { code: 'no-test-users', message: 'No user known before the cut wanted anything new after it.' } }]);
  });

  it('take the way that leaves most users where no way leaves enough', () => {
    const { test, validation, report } = made(steady(leastUsers + 2, 10));
    expect(test.report).toMatchObject({ by: 'time', users: leastUsers + 2 });
    expect(report.tried.map(({ part, by, reason }) => [part, by, reason.code])).toEqual([['test', 'leave-last-out', 'too-few-test-users'], ['validation', 'leave-last-out', 'too-few-test-users']]);
    expect(validation).toHaveLength(2);
  });

  it('measure without validation where what is before the test part is too small', () => {
    const events = Array.from({ length: 40 }, (_, u) => [{ user: u, item: u % 5, day: 0 }, { user: u, item: 5 + (u % 5), day: 1 }]).flat();
    const { validation, report } = made(events);
    expect(validation).toEqual([]);
    expect(report.tried).toMatchObject([{ part: 'validation', by: 'time', reason: { code: 'one-point-in-time' } }, { part: 'validation', by: 'leave-last-out', reason: { code: 'no-test-users' } }]);
  });

  it.each<[string, TestEvent[], string, RegExp]>([
    ['no events', [], 'too-few-events', /at least 10 events; there are 0\./],
    ['one user', steady(1, 40), 'too-few-train-users', /Only 1 user has anything/],
    ['all at one instant', steady(50, 1), 'no-test-users', /Nobody met two items at different times/],
    ['all on one item', steady(50, 20).map((event) => ({ ...event, item: 1 })), 'no-test-users', /Nobody met two items/],
    ['all negative', steady(50, 20).map((event) => ({ ...event, type: 3 })), 'no-test-users', /Nobody/],
    ['all rated badly', steady(50, 20).map((event) => ({ ...event, type: 2, value: 1 })), 'no-test-users', /Nobody/],
    ['no event of a known type', steady(50, 20).map((event) => ({ ...event, type: 77 })), 'no-test-users', /Nobody/],
    ['nine users', steady(9, 40), 'too-few-test-users', /Leaving out the last item of each leaves 9 users to score; at least 10 are needed\./],
  ])('say why there are none: %s', (_title, events, code, message) => {
    for (const by of ['time', 'leave-last-out'] as const) {
      const none = split(events, by);
      expect(none).toMatchObject({ reason: { code, message: expect.stringMatching(message) as string }, report: { asked: by, test: null, validation: [] } });
      expect('report' in none && none.report.tried.map((one) => one.by)).toEqual(by === 'time' ? ['time', 'leave-last-out'] : ['leave-last-out']);
    }
  });

  it('say of a cut in time what is missing before it', () => {
    const codeOf = (events: TestEvent[]) => split(events).report.tried[0]!.reason;
    expect(codeOf(steady(50, 20).map((event) => ({ ...event, item: 1 })))).toMatchObject({ code: 'too-few-train-items' });
    expect(codeOf(steady(50, 20).map((event) => ({ ...event, type: 3 })))).toEqual({ code: 'nothing-wanted', message: 'No event before the cut speaks for an item: all are dislikes.' });
    expect(codeOf(steady(50, 1))).toMatchObject({ code: 'one-point-in-time' });
  });

  it('lose no event, tear no instant, and hold out nothing that is older than what it is scored by, whatever the events', () => {
    const event = fc.record({ user: fc.nat(30), item: fc.nat(12), type: fc.integer({ min: 1, max: 4 }), value: fc.integer({ min: 1, max: 5 }), quantity: fc.integer({ min: -1, max: 2 }), day: fc.nat(15) });
    fc.assert(
      fc.property(fc.array(event, { minLength: 300, maxLength: 500 }), fc.constantFrom<SplitMethod>('time', 'leave-last-out'), (events, by) => {
        const parts = split(events, by);
        fc.pre('test' in parts);
        let whole = columnsOf(events);
        for (const part of [parts.test, parts.validation[0]].filter((one): one is HeldOut => one !== undefined)) {
          expect(eventsOf(part.train).concat(eventsOf(part.held)).toSorted((a, b) => a - b)).toEqual(eventsOf(whole));
          const newest = new Map<number, number>();
          for (const [user, , day] of rowsOf(part.train)) newest.set(part.report.by === 'time' ? 0 : user!, Math.max(day!, newest.get(part.report.by === 'time' ? 0 : user!) ?? -1));
          for (const [user, , day] of rowsOf(part.held)) expect(day).toBeGreaterThan(newest.get(part.report.by === 'time' ? 0 : user!) ?? -1);
          whole = part.train;
        }
      }),
      { numRuns: 40 },
    );
  });
});
