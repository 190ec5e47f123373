import { beforeAll, describe, expect, it } from 'vitest';
import { createFoldIn } from '../../src/model/fold-in.ts';
import { DEFAULT_RECIPE, type Recipe } from '../../src/model/recipe.ts';
import type { EventColumns } from '../../src/model/interactions.ts';
import { defaultGateRules } from '../../src/model/gate.ts';
import { NotEnoughData } from '../../src/model/enough.ts';
import type { TrainingPhase } from '../../src/model/experiment/report.ts';
import { capFactors } from '../../src/model/fitting.ts';
import { type TrainedModel, trainModel, type TrainingInput, type TrainingReport } from '../../src/model/pipeline.ts';
import { createRandom } from '../../src/model/random.ts';
import { decodeItemSide, decodeUserSide, encodeItemSide, encodeUserSide } from '../../src/model/snapshot.ts';
import { DEFAULT_TERMS } from '../../src/model/terms.ts';
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
/** Whatever comes is published: these tests look at the fit. */
const ungated = { gate: null };
const trained = async (input: TrainingInput) => {
  const { report, model } = await trainModel({ ...input, settings: { ...ungated, ...input.settings } });
  return { report, ...model! };
};

describe('a training', () => {
  let itemSide: TrainedModel['itemSide'];
  let userSide: TrainedModel['userSide'];
  let report: TrainingReport;
  beforeAll(async () => {
    ({ itemSide, userSide, report } = await trained({ columns: shop, rules, recipe, settings: { gate: defaultGateRules } }));
  });

  it('scores the fit on later events beside the baselines, beats them, and so goes live', () => {
    const { split, test, gate, unmeasured } = report;
    expect(split.test!.trainEvents + split.test!.heldEvents).toBe(report.events);
    expect(split.test!.cutMs).toBeLessThan(report.newestMs);
    expect(split.validation).toHaveLength(2);
    expect(test!.users).toBeGreaterThan(100);
    const of = (name: 'candidate' | 'popularity' | 'recentPopularity' | 'itemKnn') => test![name].at[0]!.ndcg;
    expect(of('candidate').low).toBeGreaterThan(1.5 * Math.max(of('popularity').mean, of('recentPopularity').mean));
    for (const name of ['candidate', 'popularity', 'recentPopularity', 'itemKnn'] as const) {
      expect(test![name].at.map(({ k }) => k)).toEqual([10, 20]);
      expect(of(name).low < of(name).mean && of(name).mean < of(name).high).toBe(true);
    }
    expect(unmeasured).toBeNull();
    expect(gate).toMatchObject({ publish: true, outcome: 'published' });
    expect(gate!.reasons.map(({ code }) => code)).toEqual(['baseline-beaten', 'first-model', 'refit-sound']);
  });

  it('reports its data, its objective, its curve by sweep and a verdict', () => {
    expect(report).toMatchObject({ events: 6000, users: 200, items: itemSide.itemNos.length, sweeps: 6, factors: 8, factorsNote: null, newestEventNo: 6000, search: null, prequential: null });
    expect(report.objective).toHaveLength(7);
    expect(report.curves!.bySweep.map(({ at }) => at)).toEqual([1, 2, 3, 4, 5, 6, 12]);
    expect(report.curves!.byShare).toEqual([]);
    expect(report.verdict.code).toEqual(expect.any(String));
    expect(report.params).toEqual({ ...recipe, ...DEFAULT_TERMS });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('gives both sides of a snapshot, with the terms that were measured', () => {
    const items = { ...itemSide, itemIds: Array.from(itemSide.itemNos, (no) => `item-${no}`) };
    const users = { ...userSide, userIds: Array.from(userSide.userNos, (no) => `user-${no}`) };
    expect(decodeItemSide(encodeItemSide(items))).toEqual(items);
    expect(decodeUserSide(encodeUserSide(users))).toEqual(users);
    expect(itemSide.terms).toEqual(DEFAULT_TERMS);
    expect(itemSide.hybrid.neighbours!.items).toBe(report.items);
    expect(itemSide.hybrid.scales.neighbours).toBeGreaterThan(0);
    expect(itemSide.hybrid.scales.recency).toBeGreaterThan(0);
    expect(itemSide.rules.map(({ halfLifeDays }) => halfLifeDays)).toEqual([60, 60, 60]);
  });

  it('folds every history into its trained vector', () => {
    const { rowStart, itemIndex, weight, target } = userSide.history;
    const foldIn = createFoldIn(itemSide.factors, itemSide.recipe, itemSide.weightScale);
    const { stride, data } = userSide.factors;
    const vector = new Float32Array(stride);
    for (let u = 0; u < report.users; u++) {
      const [from, to] = [rowStart[u]!, rowStart[u + 1]!];
      foldIn.solve(itemIndex.subarray(from, to), weight.subarray(from, to), target.subarray(from, to), to - from, vector);
      const vectorOf = data.subarray(u * stride, (u + 1) * stride);
      expect(Math.hypot(...vector.map((x, k) => x - vectorOf[k]!))).toBeLessThanOrEqual(1e-4 * Math.hypot(...vectorOf));
    }
  });

  it('gives the same bytes for the same events', async () => {
    expect(await trained({ columns: shop, rules, recipe, settings: { gate: defaultGateRules } })).toEqual({ itemSide, userSide, report });
  });

  it('shows its progress, which never falls', async () => {
    const seen: [TrainingPhase, number][] = [];
    await trainModel({ columns: shop, rules, recipe, settings: { search: 'light' }, onProgress: (phase, fraction) => seen.push([phase, fraction]) });
    expect([...new Set(seen.map(([phase]) => phase))]).toEqual(['fold', 'split', 'search', 'evaluate', 'curves', 'refit', 'finish']);
    for (let n = 1; n < seen.length; n++) expect(seen[n]![1]).toBeGreaterThanOrEqual(seen[n - 1]![1]);
    expect(seen.at(-1)).toEqual(['finish', 1]);
  });
});

it('keeps hidden items without a weight in the history, and out of the fit', async () => {
  const events: TestEvent[] = [{ user: 1, item: 1 }, { user: 1, item: 2, type: 3 }, { user: 2, item: 1 }, { user: 2, item: 2 }, { user: 3, item: 9, type: 3 }];
  const { userSide, itemSide, report } = await trained({ columns: columnsOf(events), rules, recipe });
  expect(report).toMatchObject({ users: 2, items: 2, interactions: 3 });
  expect([...itemSide.itemNos]).toEqual([1, 2]);
  expect([...userSide.history.rowStart]).toEqual([0, 2, 4]);
  expect([...userSide.history.weight]).toEqual([6, 0, 6, 6]);
  expect([...userSide.history.hidden]).toEqual([1, 1, 1, 1]);
});

/** Null for too little data; any other error is one. */
async function trainOrNull(events: TestEvent[]) {
  try {
    return await trained({ columns: columnsOf(events), rules, recipe });
  } catch (error) {
    if (error instanceof NotEnoughData) return null;
    throw error;
  }
}

describe('with little data', () => {
  it('is not measured, says why, and stays unpublished unless the rules say otherwise', async () => {
    const columns = columnsOf([{ user: 1, item: 1 }, { user: 2, item: 1 }, { user: 2, item: 2 }]);
    const { report, model } = await trainModel({ columns, rules, recipe });
    expect(report).toMatchObject({ test: null, unmeasured: { code: 'too-few-events' }, gate: { publish: false, outcome: 'rejected', reasons: [{ code: 'not-measured' }] }, verdict: { code: 'data-limited' } });
    expect(model).toBeNull();
    const willing = await trainModel({ columns, rules, recipe, settings: { gate: { ...defaultGateRules, publishUnmeasured: true } } });
    expect(willing.report.factors).toBe(1);
    expect(willing.report.factorsNote).toMatch(/1 factors in place of 8.*2 users × 2 items/);
    expect(willing.model!.itemSide.factors.factors).toBe(1);
  });

  it('caps factors at half the shorter side', () => {
    expect(capFactors(recipe, 100, 11).used.factors).toBe(5);
    expect(capFactors(recipe, 100, 16)).toEqual({ used: recipe, note: null });
  });

  it('throws NotEnoughData with what is missing', async () => {
    const train = async (events: TestEvent[], weighed = rules) => await trainModel({ columns: columnsOf(events), rules: weighed, recipe });
    await expect(train([])).rejects.toThrow(NotEnoughData);
    await expect(train([{ user: 1, item: 1 }, { user: 1, item: 2 }])).rejects.toThrow('Not enough data to train: 1 of at least 2 users.');
    await expect(train([{ user: 1, item: 1 }, { user: 2, item: 1 }])).rejects.toThrow(expect.objectContaining({ users: 2, items: 1, interactions: 2 }));
    await expect(train([{ user: 1, item: 1, type: 3 }, { user: 2, item: 2, type: 3 }])).rejects.toThrow(NotEnoughData);
    await expect(train([{ user: 1, item: 1 }, { user: 2, item: 2 }], [ruleOf({ weight: -1 })])).rejects.toThrow(/0 of at least 1 positive interaction/);
  });

  it('trains whatever small mess it is given, or says it is not enough', async () => {
    const random = createRandom(3);
    for (let round = 0; round < 40; round++) {
      const events = Array.from({ length: 2 + random.integer(40) }, (): TestEvent => ({
        user: random.integer(5),
        item: random.integer(6),
        type: 1 + random.integer(4),
        quantity: random.integer(4) - 1,
        day: random.integer(3),
      }));
      const made = await trainOrNull(events);
      if (made === null) continue;
      expect(made.userSide.factors.data.every(Number.isFinite)).toBe(true);
      expect((made.report.test === null) === (made.report.unmeasured !== null)).toBe(true);
    }
  });

  it.each<[string, TestEvent[]]>([
    ['all at one instant', Array.from({ length: 300 }, (_, n) => ({ user: n % 30, item: (n * 7) % 11 }))],
    ['one item that everybody has, another that few have', Array.from({ length: 300 }, (_, n) => ({ user: n % 150, item: n % 150 < 3 ? n % 2 : 0, day: n }))],
    ['choices by chance', shopEvents(60, 400, 900, 400, 9).map((event, n) => ({ ...event, item: (n * 7919) % 397 }))],
  ])('never lets a model live that is not better than bestsellers: %s', async (_name, events) => {
    const { report, model } = await trainModel({ columns: columnsOf(events), rules, recipe });
    const ndcg = (name: 'candidate' | 'popularity' | 'recentPopularity' | 'itemKnn') => report.test?.[name].at[1]!.ndcg.mean ?? 0;
    const better = ndcg('candidate') > Math.max(ndcg('popularity'), ndcg('recentPopularity'), ndcg('itemKnn'));
    expect(model !== null).toBe(better && report.gate!.publish);
    expect(report.test === null ? report.gate!.outcome : 'rejected').toBe('rejected');
  });
});

it('with the default recipe, recommends twice as well as popularity in a shop of a thousand', async () => {
  const events: EventColumns = columnsOf(shopEvents(1000, 500, 30_000, 12, 5));
  const { test } = (await trainModel({ columns: events, rules })).report;
  expect(test!.candidate.at[1]!.recall.mean).toBeGreaterThan(2 * test!.popularity.at[1]!.recall.mean);
});
