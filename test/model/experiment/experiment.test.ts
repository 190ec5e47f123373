/** What a whole training does with a live version, a clock, ratings and a past to look back on. */
import { describe, expect, it } from 'vitest';
import { defaultGateRules } from '../../../src/model/gate.ts';
import { DEFAULT_RECIPE, type Recipe } from '../../../src/model/recipe.ts';
import { trainModel, type TrainingInput } from '../../../src/model/pipeline.ts';
import { createRandom } from '../../../src/model/random.ts';
import { DEFAULT_TERMS, type Terms } from '../../../src/model/terms.ts';
import { columnsOf, ruleOf, type TestEvent } from '../events.ts';

const rules = [ruleOf({ weight: 6, hidesDays: 90 }), ruleOf({ typeNo: 4, name: 'rating', mode: 'latest', threshold: 3 })];
const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 6, sweeps: 3 };

/** Groups of taste; nine of ten events stay within the group. */
function shop(events: number, seed = 1): TestEvent[] {
  const random = createRandom(seed);
  return Array.from({ length: events }, (_, i) => {
    const user = random.integer(150);
    return { user: user + 1, item: Math.floor(random.uniform() ** 2 * 20) * 6 + (random.uniform() < 0.9 ? user % 6 : random.integer(6)) + 1, day: (100 * i) / events };
  });
}
const columns = columnsOf(shop(5000));
const train = async (input: Partial<TrainingInput> = {}) => await trainModel({ columns, rules, recipe, ...input });
const live = (change: { recipe?: Partial<Recipe>; terms?: Partial<Terms> } = {}) => ({ version: 7, recipe: { ...recipe, ...change.recipe }, terms: { ...DEFAULT_TERMS, ...change.terms } });

describe('beside a live version', () => {
  it('of the same recipe only the baselines are to be beaten', async () => {
    const { report, model } = await train({ live: live() });
    expect(report.gate!.reasons.map(({ code }) => code)).toEqual(['baseline-beaten', 'same-recipe', 'refit-sound']);
    expect(report.test!.live).toBeNull();
    expect(model).not.toBeNull();
  });

  it('of another recipe both are fitted on the same past and compared user by user', async () => {
    const { report } = await train({ live: live({ recipe: { regularization: 0.25 } }) });
    expect(report.gate!.reasons[1]).toMatchObject({ code: expect.stringMatching(/not-worse/) as string, passed: true });
    expect(report.test!.live!.users).toBe(report.test!.users);
  });

  it('that is much better keeps its place, and the fit on everything is not even made', async () => {
    const { report, model } = await train({ recipe: { ...recipe, factors: 1, sweeps: 1 }, terms: { ...DEFAULT_TERMS, neighbourWeight: 0, recencyWeight: 0 }, live: live(), settings: { gate: { ...defaultGateRules, minUsers: 50 } } });
    expect(report.gate).toMatchObject({ publish: false, outcome: 'rejected' });
    expect(report.gate!.reasons.find(({ code }) => code === 'worse')!.figure).toBeLessThan(-0.05);
    expect(report).toMatchObject({ start: null, objective: [] });
    expect(report.seconds).not.toHaveProperty('refit');
    expect(model).toBeNull();
  });

  it('stays what is fitted where nothing is searched and nobody names a recipe', async () => {
    const { report } = await trainModel({ columns, rules, live: live({ recipe: { factors: 5, regularization: 0.7 }, terms: { neighbours: 20 } }) });
    expect(report.params).toMatchObject({ factors: 5, regularization: 0.7, neighbours: 20, sweeps: DEFAULT_RECIPE.sweeps });
  });

  it('waits for a person where the rules say so', async () => {
    const { report, model } = await train({ live: live(), settings: { gate: { ...defaultGateRules, manual: true } } });
    expect(report.gate).toMatchObject({ publish: false, outcome: 'needs-approval' });
    expect(model).not.toBeNull();
  });

  it('is looked back on: how it did on what came after it', async () => {
    const before = columnsOf(shop(5000).slice(0, 4500));
    const { model, report: earlier } = await train({ columns: before, settings: { gate: null } });
    const snapshot = { version: 7, newestEventNo: earlier.newestEventNo, itemSide: { ...model!.itemSide, itemIds: [] }, userSide: { ...model!.userSide, userIds: [] } };
    const { report } = await train({ snapshot });
    expect(report.prequential).toMatchObject({ version: 7, events: 500 });
    expect(report.prequential!.users).toBeGreaterThan(50);
    expect(report.prequential!.ndcg.mean).toBeGreaterThan(report.prequential!.popularity.ndcg.mean);
    expect((await train({ columns: before, snapshot })).report.prequential).toBeNull();
  });
});

describe('a search', () => {
  const searched = async (input: Partial<TrainingInput> = {}) => (await trainModel({ columns, rules, settings: { search: 'light' }, ...input })).report;

  it('tries the live recipe first, the default next, lists every trial, and says which it took', async () => {
    const { search, params } = await searched({ live: live({ recipe: { regularization: 0.44 } }) });
    expect(search!.trials.slice(0, 2).map(({ origin }) => origin)).toEqual(['live', 'default']);
    expect(search!.trials).toHaveLength(8 + 3);
    expect(search!.trials[0]).toMatchObject({ number: 1, factors: 6, regularization: 0.44, halfLifeDays: DEFAULT_TERMS.halfLifeDays, note: null });
    const chosen = search!.trials.findLast(({ number }) => number === search!.chosen)!;
    expect(params).toMatchObject({ factors: chosen.factors, regularization: chosen.regularization, unobservedWeight: chosen.unobservedWeight, halfLifeDays: chosen.halfLifeDays });
    expect(search).toMatchObject({ mode: 'light', windows: 2, ended: 'done' });
    expect(search!.terms[0]!.name).toBe('given');
    expect(search!.ndcg).toBeGreaterThanOrEqual(Math.max(...search!.terms.map(({ ndcg }) => ndcg)) / 1.011);
  });

  it('keeps what is live unless something is better by more than chance would have it', async () => {
    const { search, params } = await searched();
    const again = await searched({ live: { version: 1, recipe: params, terms: params } });
    expect(again.search!.trials[0]!.origin).toBe('live');
    expect(again.params).toMatchObject({ factors: params.factors, regularization: params.regularization, halfLifeDays: params.halfLifeDays });
    expect(search).not.toBeNull();
  });

  it('ends in time: what would not be finished is not begun, and the report says so', async () => {
    let now = 0;
    // Every look at the clock is a second.
    const { search } = await searched({ settings: { search: 'full', searchSeconds: 20 }, seconds: () => now++ });
    expect(search!.ended).toBe('time');
    const skipped = search!.trials.filter(({ ndcg }) => ndcg === null);
    expect(skipped.length).toBeGreaterThan(0);
    for (const { note } of skipped) expect(note).toMatch(/^Not fitted: it would take about \d+\.\d s, and \d+\.\d s are left\.$/);
    expect(search!.terms).toEqual([]);
  });
});

describe('ratings', () => {
  const random = createRandom(4);
  const taste = Array.from({ length: 90 }, () => random.gaussian());
  const rated = Array.from({ length: 6000 }, (_, n): TestEvent => {
    const [user, item] = [random.integer(90), random.integer(60)];
    const value = 3 + 0.8 * taste[user]! + (item % 2 === user % 2 ? 0.9 : -0.9) + 0.3 * random.gaussian();
    return { user: user + 1, item: item + 1, type: 4, value, day: n / 60 };
  });

  it('are predicted on the test part, better than by biases', async () => {
    const { ratings } = (await train({ columns: columnsOf(rated), settings: { gate: null } })).report;
    expect(ratings!.testRatings).toBeGreaterThan(500);
    expect(ratings!.model.rmse.mean).toBeLessThan(0.6 * ratings!.baselines.biases.rmse.mean);
    expect(ratings!.baselines.biases.rmse.mean).toBeLessThan(ratings!.baselines.mean.rmse.mean);
    expect(ratings!.model.rmse.low).toBeLessThan(ratings!.model.rmse.mean);
    expect(ratings!.model.mae.mean).toBeLessThan(ratings!.model.rmse.mean);
  });

  it('taken back are none, and of a pair the newest counts', async () => {
    const back = rated.map((event): TestEvent => (event.day! > 80 && event.item > 30 ? { ...event, value: null } : event));
    const [all, fewer] = await Promise.all([rated, back].map(async (events) => (await train({ columns: columnsOf(events), settings: { gate: null } })).report.ratings!));
    expect(fewer!.testRatings).toBeLessThan(0.7 * all!.testRatings);
  });

  it('of a handful are not measured', async () => {
    expect((await train()).report.ratings).toBeNull();
    expect((await train({ columns: columnsOf(rated.slice(0, 900)), settings: { gate: null } })).report.ratings).toBeNull();
  });
});
