import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countCurveFits, type CurvesInput, type FittedPoint, measureCurves, mostFactorsOf, thinOut } from '../../../src/model/experiment/curves.ts';
import { fitIals } from '../../../src/model/ials.ts';
import { DEFAULT_RECIPE, FitDiverged, type Recipe } from '../../../src/model/recipe.ts';
import { meanWeight, type SparseRows, transpose } from '../../../src/model/matrix.ts';
import type { FitFunction } from '../../../src/model/fitting.ts';
import { createRandom } from '../../../src/model/random.ts';
import type { Relevance } from '../../../src/model/split.ts';
import { giveVerdict } from '../../../src/model/verdict.ts';
import { randomSparse, sparseOf } from '../events.ts';

const all = { share: true, factors: true, regularization: true };
const fit: FitFunction = (byUser, recipe) => fitIals(byUser, transpose(byUser), recipe);
const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 4, sweeps: 3 };

/** Users and items come in groups; each user has some of the group's items, and wants two others. */
function blocks(users: number, items: number, groups: number, seed: number): { train: SparseRows; relevance: Relevance } {
  const random = createRandom(seed);
  const wanted: number[] = [];
  const rows = Array.from({ length: users }, (_, user) => {
    const own = Array.from({ length: items / groups }, (_, n) => n * groups + (user % groups));
    for (let n = own.length - 1; n > 0; n--) {
      const other = random.integer(n + 1);
      [own[n], own[other]] = [own[other]!, own[n]!];
    }
    wanted.push(...own.slice(0, 2));
    return own.slice(2, 8).map((item) => [item, 1, 1] as const);
  });
  return { train: sparseOf(items, rows), relevance: { userRows: Int32Array.from(rows, (_, u) => u), rowStart: Int32Array.from({ length: users + 1 }, (_, u) => 2 * u), itemIndex: Int32Array.from(wanted) } };
}

/** A clock that goes a second a look. */
function ticking(): () => number {
  let now = 0;
  return () => now++;
}
const shop = blocks(120, 80, 8, 1);
const input = (changes: Partial<CurvesInput> = {}): CurvesInput => ({ ...shop, recipe, fit, kinds: all, seconds: ticking(), ...changes });
const places = (points: readonly FittedPoint[]) => points.map(({ at }) => at);

describe('the curves', () => {
  const curves = measureCurves(input());

  it('have a point for every number of sweeps, share, number of factors and regularization, the chosen model in each', () => {
    expect(places(curves.bySweep)).toEqual([1, 2, 3, 6]);
    expect(places(curves.byShare)).toEqual([0.1, 0.25, 0.5, 0.75, 1]);
    expect(places(curves.byFactors)).toEqual([1, 2, 4, 8, 16]);
    expect(places(curves.byRegularization)).toEqual([0.075, 0.15, 0.3, 0.6, 1.2]);
    const mean = curves.chosen!.validation.mean;
    for (const [points, at] of [[curves.bySweep, 3], [curves.byShare, 1], [curves.byFactors, 4], [curves.byRegularization, 0.3]] as const) {
      expect(points.find((point) => point.at === at)).toMatchObject({ validation: mean, difference: { relative: 0, lowerBound: 0 } });
    }
    expect(curves.complete).toBe(true);
  });

  it('are what fits of their own are, with their size and their seconds', () => {
    const one = curves.byFactors.find(({ at }) => at === 8)!;
    const alone = measureCurves(input({ recipe: { ...recipe, factors: 8 }, kinds: { share: false, factors: false, regularization: false } }));
    expect(one.validation).toBe(alone.chosen!.validation.mean);
    expect(one.train).toBe(alone.chosen!.train);
    expect(one).toMatchObject({ seconds: 1, parameters: (120 + 80) * 8, bytes: (120 + 80) * 8 * 4 });
    expect(one.difference!.candidate).toBe(one.validation);
    expect(one.difference!.reference).toBe(curves.chosen!.validation.mean);
    expect(measureCurves(input())).toEqual(curves);
  });

  it('rise with factors up to the groups that there are, on train rows as on validation', () => {
    const [one, , , eight] = curves.byFactors;
    expect(eight!.validation).toBeGreaterThan(1.5 * one!.validation);
    expect(eight!.train).toBeGreaterThan(1.5 * one!.train!);
    expect(eight!.difference!.lowerBound).toBeGreaterThan(0);
    expect(curves.bestBaseline!.name).toBe('popularity');
    expect(curves.bestBaseline!.difference.relative).toBeGreaterThan(1);
    expect(giveVerdict(measureCurves(input({ recipe: { ...recipe, factors: 2 } })))).toMatchObject({ code: 'underfitted', reason: expect.stringMatching(/more factors are/) as string });
  });

  it('score train rows by finding again what the users have, without leaving it out', () => {
    // Two groups, two factors, one user each who wants what the others of the group have: all is found, in train and later.
    const easy = blocks(40, 16, 2, 3);
    const { chosen } = measureCurves(input({ ...easy, recipe: { ...recipe, factors: 2 } }));
    expect(chosen!.validation.mean).toBeCloseTo(1, 6);
    expect(chosen!.train).toBeGreaterThan(0.8);
    expect(measureCurves(input({ ...easy, train: { ...easy.train, target: easy.train.target.map(() => 0) } })).chosen).toMatchObject({ train: null });
  });

  it('make as many fits as they say, one after the other, and no more than was asked for', () => {
    for (const kinds of [all, { share: false, factors: false, regularization: false }, { ...all, factors: false }]) {
      let fits = 0;
      const told: [number, number][] = [];
      const made = measureCurves(input({ kinds, fit: (...given) => (fits++, fit(...given)), onPoint: (_curve, _point, nth, of) => told.push([nth, of]) }));
      expect(fits).toBe(countCurveFits(recipe, kinds, shop.train));
      expect(told.every(([nth, of], n) => of === fits && nth >= (told[n - 1]?.[0] ?? 1))).toBe(true);
      expect(told.at(-1)).toEqual([fits, fits]);
      expect([made.byShare.length > 0, made.byFactors.length > 0, made.byRegularization.length > 0]).toEqual([kinds.share, kinds.factors, kinds.regularization]);
    }
  });

  it('end where they are told to, with what was made', () => {
    let asked = 0;
    const stopped = measureCurves(input({ shouldStop: () => ++asked > 4 }));
    expect(stopped.complete).toBe(false);
    expect([places(stopped.bySweep), places(stopped.byShare), places(stopped.byFactors)]).toEqual([[1, 2, 3, 6], [0.1, 1], [4]]);
    expect(giveVerdict(stopped).code).toBeDefined();
  });

  it('leave out a point that diverges, and end where the chosen one does', () => {
    const failing = (wrong: (used: Recipe) => boolean): FitFunction => (byUser, used, hooks) => {
      if (wrong(used)) throw new FitDiverged(1, 'item', 0);
      return fit(byUser, used, hooks);
    };
    expect(places(measureCurves(input({ fit: failing(({ regularization }) => regularization < 0.1) })).byRegularization)).toEqual([0.15, 0.3, 0.6, 1.2]);
    expect(() => measureCurves(input({ fit: failing(() => true) }))).toThrow(FitDiverged);
    expect(() => measureCurves(input({ fit: () => { throw new Error('out of paper'); } }))).toThrow('out of paper');
  });

  it('read the factors before the next fit takes their place', () => {
    let last: ReturnType<FitFunction> | null = null;
    const reusing: FitFunction = (byUser, used, hooks) => {
      last?.users.data.fill(Number.NaN);
      last?.items.data.fill(Number.NaN);
      last = fit(byUser, used, hooks);
      return last;
    };
    expect(measureCurves(input({ fit: reusing }))).toEqual(curves);
  });

  it('score a sample where there are many users', () => {
    const many = blocks(2400, 16, 2, 5);
    const { users, chosen, bySweep } = measureCurves(input({ ...many, recipe: { ...recipe, factors: 2, sweeps: 1 }, kinds: { share: false, factors: false, regularization: false } }));
    expect(users).toBe(2000);
    expect(places(bySweep)).toEqual([1, 2]);
    expect(chosen!.validation.mean).toBeGreaterThan(0.9);
  });

  it('take other baselines, and the best of them', () => {
    const own = (...items: number[]) => (_row: number, out: Int32Array) => (out.set(items), items.length);
    const { bestBaseline } = measureCurves(input({ baselines: [{ name: 'none', rank: () => 0 }, { name: 'some', rank: own(0, 1, 2, 3) }, { name: 'one', rank: own(0) }] }));
    expect(bestBaseline).toMatchObject({ name: 'some' });
  });

  it('are empty where there is nobody to score', () => {
    const nobody = measureCurves(input({ relevance: { userRows: new Int32Array(0), rowStart: Int32Array.of(0), itemIndex: new Int32Array(0) }, fit: () => { throw new Error('needless'); } }));
    expect(nobody).toMatchObject({ users: 0, chosen: null, bestBaseline: null, bySweep: [], byShare: [], complete: true });
    expect(giveVerdict(nobody).code).toBe('data-limited');
  });

  it('know at most half of the shorter side of factors, and pick some of many sweeps', () => {
    expect(mostFactorsOf(7, 100)).toBe(3);
    expect(mostFactorsOf(1, 1)).toBe(1);
    const tiny = sparseOf(3, [[[0, 1, 1]], [[1, 1, 1], [2, 1, 1]], [[0, 1, 1]]]);
    const relevance: Relevance = { userRows: Int32Array.of(0), rowStart: Int32Array.of(0, 1), itemIndex: Int32Array.of(1) };
    const made = measureCurves(input({ train: tiny, relevance, recipe: { ...recipe, factors: 1, sweeps: 20 } }));
    expect(places(made.byFactors)).toEqual([1]);
    expect(places(made.bySweep)).toEqual([1, 4, 6, 9, 11, 14, 16, 19, 20, 40]);
  });
});

it('a share keeps that part of the entries, within every larger share, with weights of mean 1', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 9 }), fc.nat(50), fc.double({ min: 0.05, max: 0.95, noNaN: true }), (rows, cols, seed, share) => {
      const train = randomSparse(rows, cols, 0.6, seed);
      const random = createRandom(seed);
      const chance = Float64Array.from(train.index, () => random.uniform());
      const entriesOf = (part: SparseRows) => Array.from({ length: part.rows }, (_, r) => Array.from(part.index.subarray(part.rowStart[r], part.rowStart[r + 1]), (item, n) => [r, item, part.target[part.rowStart[r]! + n]]).map(String)).flat();
      const [part, larger] = [thinOut(train, chance, share), thinOut(train, chance, (1 + share) / 2)];
      expect([part.rows, part.cols]).toEqual([rows, train.cols]);
      expect(part.index.length).toBe(chance.filter((one) => one < share).length);
      const within = new Set(entriesOf(larger));
      for (const entry of entriesOf(part)) expect(within.has(entry)).toBe(true);
      for (const entry of within) expect(entriesOf(train)).toContain(entry);
      expect(part.index.length === 0 ? 1 : meanWeight(part)).toBeCloseTo(1, 5);
    }),
    { numRuns: 60 },
  );
});
