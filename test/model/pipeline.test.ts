import { describe, expect, it } from 'vitest';
import { createFoldIn } from '../../src/model/fold-in.ts';
import { DEFAULT_RECIPE, type Recipe } from '../../src/model/recipe.ts';
import type { EventColumns } from '../../src/model/interactions.ts';
import { capFactors, NotEnoughData, trainModel, type TrainingPhase } from '../../src/model/pipeline.ts';
import { createRandom } from '../../src/model/random.ts';
import { decodeItemSide, decodeUserSide, encodeItemSide, encodeUserSide } from '../../src/model/snapshot.ts';
import { columnsOf, ruleOf, type TestEvent } from './events.ts';

const rules = [ruleOf({ weight: 6, hidesDays: 90 }), ruleOf({ typeNo: 2, name: 'view' }), ruleOf({ typeNo: 3, name: 'mute', weight: 0, hidesDays: null })];
const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 8, sweeps: 6 };

/** A small shop with tastes: users and items come in groups, and nine events of ten stay within the group. */
function shopEvents(users: number, items: number, events: number, groups: number, seed: number): TestEvent[] {
  const random = createRandom(seed);
  return Array.from({ length: events }, (_, i) => {
    const user = random.integer(users);
    const item = Math.floor(random.uniform() ** 2 * (items / groups)) * groups + (random.uniform() < 0.9 ? user % groups : random.integer(groups));
    return { user: user + 1, item: 10 * item + 7, type: 1 + random.integer(2), day: (100 * i) / events };
  });
}

const shop = columnsOf(shopEvents(200, 120, 6000, 6, 1));

describe('a training', () => {
  const { itemSide, userSide, report } = trainModel({ columns: shop, rules, recipe });

  it('scores the fit on later events beside both baselines, and beats them', () => {
    const holdout = report.holdout!;
    expect(holdout.trainEvents + holdout.testEvents).toBe(report.events);
    expect(holdout.cutMs).toBeLessThan(report.newestMs);
    expect(holdout.users).toBeGreaterThan(100);
    const best = Math.max(holdout.popularity['ndcg@10'].mean, holdout.recentPopularity['ndcg@10'].mean);
    expect(holdout.model['ndcg@10'].low).toBeGreaterThan(1.5 * best);
    for (const { mean, low, high } of Object.values(holdout.model)) expect(low < mean && mean < high).toBe(true);
    expect(report.holdoutReason).toBeNull();
  });

  it('reports its data and its objective', () => {
    expect(report).toMatchObject({ events: 6000, users: 200, items: itemSide.itemNos.length, sweeps: 6, factors: 8, factorsNote: null });
    expect(report.objective).toHaveLength(7);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('gives both sides of a snapshot', () => {
    const items = { ...itemSide, itemIds: Array.from(itemSide.itemNos, (no) => `item-${no}`) };
    const users = { ...userSide, userIds: Array.from(userSide.userNos, (no) => `user-${no}`) };
    expect(decodeItemSide(encodeItemSide(items))).toEqual(items);
    expect(decodeUserSide(encodeUserSide(users))).toEqual(users);
  });

  it('folds every history into its trained vector', () => {
    const { rowStart, itemIndex, weight, target } = userSide.history;
    const foldIn = createFoldIn(itemSide.factors, itemSide.recipe, itemSide.weightScale);
    const { stride, data } = userSide.factors;
    const vector = new Float32Array(stride);
    for (let u = 0; u < report.users; u++) {
      const [from, to] = [rowStart[u]!, rowStart[u + 1]!];
      foldIn.solve(itemIndex.subarray(from, to), weight.subarray(from, to), target.subarray(from, to), to - from, vector);
      const trained = data.subarray(u * stride, (u + 1) * stride);
      expect(Math.hypot(...vector.map((x, k) => x - trained[k]!))).toBeLessThanOrEqual(1e-4 * Math.hypot(...trained));
    }
  });

  it('gives the same bytes for the same events', () => {
    const again = trainModel({ columns: shop, rules, recipe });
    expect(again).toEqual({ itemSide, userSide, report });
  });

  it('shows its progress, which never falls', () => {
    const seen: [TrainingPhase, number][] = [];
    trainModel({ columns: shop, rules, recipe, onProgress: (phase, fraction) => seen.push([phase, fraction]) });
    expect([...new Set(seen.map(([phase]) => phase))]).toEqual(['fold', 'split', 'fit', 'evaluate', 'refit', 'finish']);
    for (let n = 1; n < seen.length; n++) expect(seen[n]![1]).toBeGreaterThanOrEqual(seen[n - 1]![1]);
    expect(seen.at(-1)).toEqual(['finish', 1]);
  });
});

it('keeps hidden items without a weight in the history, and out of the fit', () => {
  const events: TestEvent[] = [{ user: 1, item: 1 }, { user: 1, item: 2, type: 3 }, { user: 2, item: 1 }, { user: 2, item: 2 }, { user: 3, item: 9, type: 3 }];
  const { userSide, itemSide, report } = trainModel({ columns: columnsOf(events), rules, recipe });
  expect(report).toMatchObject({ users: 2, items: 2, interactions: 3 });
  expect([...itemSide.itemNos]).toEqual([1, 2]);
  expect([...userSide.history.rowStart]).toEqual([0, 2, 4]);
  expect([...userSide.history.weight]).toEqual([6, 0, 6, 6]);
  expect([...userSide.history.hidden]).toEqual([1, 1, 1, 1]);
});

/** Null for too little data; any other error is one. */
function trainOrNull(events: TestEvent[]) {
  try {
    return trainModel({ columns: columnsOf(events), rules, recipe });
  } catch (error) {
    if (error instanceof NotEnoughData) return null;
    throw error;
  }
}

describe('with little data', () => {
  it('fits without a score, and says why', () => {
    const events = [{ user: 1, item: 1 }, { user: 2, item: 1 }, { user: 2, item: 2 }];
    const { report } = trainModel({ columns: columnsOf(events), rules, recipe });
    expect(report.holdout).toBeNull();
    expect(report.holdoutReason).toMatchObject({ code: 'too-few-events' });
    expect(report.factors).toBe(1);
    expect(report.factorsNote).toMatch(/1 factors in place of 8.*2 users × 2 items/);
  });

  it('caps factors at half the shorter side', () => {
    expect(capFactors(recipe, 100, 11).used.factors).toBe(5);
    expect(capFactors(recipe, 100, 16)).toEqual({ used: recipe, note: null });
  });

  it('throws NotEnoughData with what is missing', () => {
    const train = (events: TestEvent[]) => () => trainModel({ columns: columnsOf(events), rules, recipe });
    expect(train([])).toThrow(NotEnoughData);
    expect(train([{ user: 1, item: 1 }, { user: 1, item: 2 }])).toThrow('Not enough data to train: 1 of at least 2 users.');
    expect(train([{ user: 1, item: 1 }, { user: 2, item: 1 }])).toThrow(expect.objectContaining({ users: 2, items: 1, interactions: 2 }));
    expect(train([{ user: 1, item: 1, type: 3 }, { user: 2, item: 2, type: 3 }])).toThrow(NotEnoughData);
    const disliked = [ruleOf({ weight: -1 })];
    const events = columnsOf([{ user: 1, item: 1 }, { user: 2, item: 2 }]);
    expect(() => trainModel({ columns: events, rules: disliked, recipe })).toThrow(/0 of at least 1 positive interaction/);
  });

  it('trains whatever small mess it is given, or says it is not enough', () => {
    const random = createRandom(3);
    for (let round = 0; round < 40; round++) {
      const events = Array.from({ length: 2 + random.integer(40) }, (): TestEvent => ({
        user: random.integer(5),
        item: random.integer(6),
        type: 1 + random.integer(4),
        quantity: random.integer(4) - 1,
        day: random.integer(3),
      }));
      const trained = trainOrNull(events);
      if (trained === null) continue;
      expect(trained.userSide.factors.data.every(Number.isFinite)).toBe(true);
      expect((trained.report.holdout === null) === (trained.report.holdoutReason !== null)).toBe(true);
    }
  });
});

it('with the default recipe, recommends twice as well as popularity in a shop of a thousand', () => {
  const events: EventColumns = columnsOf(shopEvents(1000, 500, 30_000, 12, 5));
  const { holdout } = trainModel({ columns: events, rules }).report;
  expect(holdout!.model['recall@20'].mean).toBeGreaterThan(2 * holdout!.popularity['recall@20'].mean);
});
