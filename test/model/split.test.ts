import { expect, it } from 'vitest';
import { foldEvents } from '../../src/model/interactions.ts';
import { indexInteractions } from '../../src/model/matrix.ts';
import { findRelevance, splitByTime } from '../../src/model/split.ts';
import { columnsOf, dayMs, ruleOf, type TestEvent } from './events.ts';

/** One event per day given, users 1 and 2 in turn. */
function split(days: readonly number[], testShare?: number) {
  const result = splitByTime(columnsOf(days.map((day, i) => ({ user: 1 + (i % 2), item: i, day }))), testShare);
  return 'reason' in result ? result.reason.code : { cutDay: result.cutMs / dayMs, train: result.train.length, test: result.test.length };
}

it('cuts at the time quantile, events before the cut are train', () => {
  expect(split([9, 1, 2, 3, 4, 5, 6, 7, 8, 0])).toEqual({ cutDay: 8, train: 8, test: 2 });
  expect(split([9, 1, 2, 3, 4, 5, 6, 7, 8, 0], 0.5)).toEqual({ cutDay: 5, train: 5, test: 5 });
});

it('does not tear one instant apart, but takes its nearer edge', () => {
  expect(split([0, 1, 2, 3, 4, 5, 6, 7, 7, 7])).toEqual({ cutDay: 7, train: 7, test: 3 });
  expect(split([0, 1, 2, 3, 5, 5, 5, 5, 5, 9])).toEqual({ cutDay: 9, train: 9, test: 1 });
  expect(split([0, 0, 0, 0, 0, 0, 0, 0, 0, 9])).toEqual({ cutDay: 9, train: 9, test: 1 });
  expect(split([0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9])).toBe('too-few-train-users');
  expect(split([0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9])).toEqual({ cutDay: 9, train: 2, test: 9 });
});

it('says why there is no split', () => {
  expect(split([1, 2, 3])).toBe('too-few-events');
  expect(split(Array.from({ length: 50 }, () => 4))).toBe('one-point-in-time');
  const oneUser = splitByTime(columnsOf(Array.from({ length: 20 }, (_, day) => ({ user: 1, item: day, day }))));
  expect(oneUser).toMatchObject({ reason: { code: 'too-few-train-users', message: 'Only 1 user has events before the cut; at least 2 are needed.' } });
});

it('finds relevant what known users newly want, cold items included', () => {
  const rules = [ruleOf(), ruleOf({ typeNo: 2, mode: 'latest', threshold: 3 })];
  const train: TestEvent[] = [{ user: 1, item: 10 }, { user: 2, item: 20 }, { user: 3, item: 10 }];
  const test: TestEvent[] = [
    { user: 1, item: 10 }, // known already
    { user: 1, item: 20 },
    { user: 1, item: 99 }, // cold
    { user: 2, item: 10, type: 2, value: 1 }, // disliked
    { user: 3, item: 20, quantity: 1 },
    { user: 3, item: 20, quantity: -1 }, // sent back
    { user: 4, item: 10 }, // unknown user
  ];
  const folded = foldEvents(columnsOf(train), rules, 0);
  const { userNos, itemNos } = indexInteractions(folded);
  expect(findRelevance(columnsOf(test), rules, folded, userNos, itemNos)).toEqual({
    userRows: Int32Array.of(0),
    rowStart: Int32Array.of(0, 2),
    itemIndex: Int32Array.of(1, -1),
  });
});
