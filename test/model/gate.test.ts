import { describe, expect, it } from 'vitest';
import { comparePaired, createResamples, type PairedDifference } from '../../src/model/evaluation/bootstrap.ts';
import { checkRefit, defaultGateRules, type GateInput, type GateRules, judgeCandidate, judgeRefit, meanOverlap } from '../../src/model/gate.ts';
import { createRandom } from '../../src/model/random.ts';
import { randomFactors } from './events.ts';

/** Candidate 0.1 against a reference so that the relative difference, and its lower bound, are as given. */
function difference(relative: number, lowerBound: number, users = 6000): PairedDifference {
  const reference = 0.1 / (1 + relative);
  return { users, candidate: 0.1, reference, relative, lowerBound, low: lowerBound - 0.005, high: 2 * relative - lowerBound + 0.005 };
}

const good: GateInput = {
  metric: 'NDCG@20', unmeasured: null,
  baselines: [{ name: 'popularity', difference: difference(0.5, 0.4) }, { name: 'item-kNN', difference: difference(0.2, 0.15) }],
  live: { version: 7, sameRecipe: false, difference: difference(0.01, -0.005) },
};
const live = (relative: number, lowerBound: number, users?: number): Partial<GateInput> => ({ live: { version: 7, sameRecipe: false, difference: difference(relative, lowerBound, users) } });
const weak: Partial<GateInput> = { baselines: [...good.baselines, { name: 'recent popularity', difference: difference(-0.02, -0.1) }] };
const unmeasured: Partial<GateInput> = { unmeasured: { code: 'too-few-events', message: 'A holdout needs at least 10 events; there are 4.' } };

describe('the gate', () => {
  it.each<[string, Partial<GateInput>, Partial<GateRules>, boolean, string, string[]]>([
    ['publishes what is surely not worse', {}, {}, true, 'published', ['baseline-beaten', 'not-worse']],
    ['publishes what is a little worse, within the margin', live(-0.03, -0.045), {}, true, 'published', ['baseline-beaten', 'not-worse']],
    ['rejects what may be worse by more than the margin', live(-0.03, -0.051), {}, false, 'rejected', ['baseline-beaten', 'worse']],
    ['holds a bound that is exactly the margin for too low', live(-0.03, -0.05), {}, false, 'rejected', ['baseline-beaten', 'worse']],
    ['goes by the estimate where the interval is too wide, and says so', live(-0.04, -0.2), {}, true, 'underpowered', ['baseline-beaten', 'underpowered-not-worse']],
    ['goes by the estimate, which may speak against it', live(-0.06, -0.2), {}, false, 'underpowered', ['baseline-beaten', 'underpowered-worse']],
    ['goes by the estimate where the users are few, however narrow the interval', live(-0.03, -0.051, 199), {}, true, 'underpowered', ['baseline-beaten', 'underpowered-not-worse']],
    ['needs no estimate where even a wide interval is clear of the margin', live(0.3, 0.1), {}, true, 'published', ['baseline-beaten', 'not-worse']],
    ['rejects what is worse throughout a wide interval', live(-0.3, -0.4), {}, false, 'rejected', ['baseline-beaten', 'worse']],
    ['takes another margin and number of users', live(-0.03, -0.051, 199), { margin: 0.08, minUsers: 100 }, true, 'published', ['baseline-beaten', 'not-worse']],
    ['rejects what the best baseline beats, though it is better than the live one', { ...weak, ...live(0.3, 0.25) }, {}, false, 'rejected', ['baseline-not-beaten', 'not-worse']],
    ['rejects it also where there are few users', { ...weak, ...live(0.3, 0.1, 50) }, {}, false, 'rejected', ['baseline-not-beaten', 'underpowered-not-worse']],
    ['rejects what only equals the best baseline', { baselines: [{ name: 'popularity', difference: difference(0, 0) }] }, {}, false, 'rejected', ['baseline-not-beaten', 'not-worse']],
    ['asks of a first model to beat the baselines only', { live: null }, {}, true, 'published', ['baseline-beaten', 'first-model']],
    ['rejects a first model that does not', { live: null, ...weak }, {}, false, 'rejected', ['baseline-not-beaten', 'first-model']],
    ['compares a recipe with itself by nothing but the baselines', { live: { version: 7, sameRecipe: true, difference: null } }, {}, true, 'published', ['baseline-beaten', 'same-recipe']],
    ['rejects the live recipe too, where its data no longer beat the baselines', { live: { version: 7, sameRecipe: true, difference: null }, ...weak }, {}, false, 'rejected', ['baseline-not-beaten', 'same-recipe']],
    ['rejects what could not be compared with the live recipe', { live: { version: 7, sameRecipe: false, difference: null } }, {}, false, 'rejected', ['baseline-beaten', 'not-compared']],
    ['rejects what could not be measured', unmeasured, {}, false, 'rejected', ['not-measured']],
    ['publishes what could not be measured where it is told to, and says so', unmeasured, { publishUnmeasured: true }, true, 'underpowered', ['not-measured']],
    ['leaves it to a person in manual mode', {}, { manual: true }, false, 'needs-approval', ['baseline-beaten', 'not-worse', 'manual']],
    ['asks no person about what is rejected anyway', weak, { manual: true }, false, 'rejected', ['baseline-not-beaten', 'not-worse']],
  ])('%s', (_title, changes, rules, publish, outcome, codes) => {
    const decision = judgeCandidate({ ...good, ...changes }, { ...defaultGateRules, ...rules });
    expect({ publish: decision.publish, outcome: decision.outcome, codes: decision.reasons.map(({ code }) => code) }).toEqual({ publish, outcome, codes });
    expect(decision.reasons.map(({ message }) => message).join(' ')).not.toMatch(/NaN|undefined|null/);
  });

  it('says in words what it goes by', () => {
    const [ofBaselines, ofLive] = judgeCandidate({ ...good, ...live(-0.03, -0.051) }).reasons.map(({ message }) => message);
    expect(ofBaselines).toBe('NDCG@20 0.1000 beats the best baseline (item-kNN, 0.0833): +20.0 % [+14.5 %, +25.5 %].');
    expect(ofLive).toBe('NDCG@20 against the recipe of live version 7, same data, 6,000 users: −3.0 %, with 95 % confidence above −5.1 %; it must be above −5.0 %.');
    expect(judgeCandidate({ ...good, ...live(-0.04, -0.2, 150) }).reasons[1]!.message).toMatch(/150 users: −4\.0 %\. Too few users to be sure \(lower 95 % bound −20\.0 %\), so the estimate itself is held against −5\.0 %/);
  });

  it('keeps with a comparison what was compared, in pairs', () => {
    const { reasons } = judgeCandidate({ ...good, ...live(-0.03, -0.051) });
    expect(reasons.map(({ comparison }) => comparison && [comparison.baseline, comparison.version, comparison.difference.users])).toEqual([['item-kNN', null, 6000], [null, 7, 6000]]);
    expect(judgeCandidate({ ...good, live: null }).reasons[1]!.comparison).toBeNull();
  });

  it('needs a baseline', () => {
    expect(() => judgeCandidate({ ...good, baselines: [] })).toThrow(/at least one baseline/);
  });

  it('errs no more often than it may: an equal recipe with another seed, and one that is a tenth worse, on 5,000 users', () => {
    const users = 5000;
    const trials = 100;
    const resamples = createResamples(users, { resamples: 200 });
    const random = createRandom(5);
    let [equalRejected, worsePublished] = [0, 0];
    for (let trial = 0; trial < trials; trial++) {
      // NDCG: two thirds of the users 0; another seed changes a fifth of them, up or down.
      const score = () => (random.uniform() < 0.66 ? 0 : random.uniform() ** 2);
      const reference = Float64Array.from({ length: users }, score);
      const reseeded = reference.map((value) => (random.uniform() < 0.2 ? score() : value));
      const publishes = (candidate: Float64Array) => judgeCandidate({ ...good, live: { version: 1, sameRecipe: false, difference: comparePaired(resamples, candidate, reference) } }).publish;
      if (!publishes(reseeded)) equalRejected++;
      if (publishes(reseeded.map((value) => 0.9 * value))) worsePublished++;
    }
    expect(worsePublished / trials).toBeLessThanOrEqual(0.05);
    expect(equalRejected / trials).toBeLessThanOrEqual(0.1);
  });
});

describe('the refit', () => {
  const passed = judgeCandidate(good);
  const sound = { finite: true, normRatio: 1.1, overlap: 0.6 };

  it.each([
    ['sound', {}, true, 'refit-sound'],
    ['sound without lists to compare', { overlap: null }, true, 'refit-sound'],
    ['not finite', { finite: false }, false, 'refit-not-finite'],
    ['far too long', { normRatio: 3.1 }, false, 'refit-norms'],
    ['far too short', { normRatio: 0.3 }, false, 'refit-norms'],
    ['of no length', { normRatio: Number.NaN }, false, 'refit-norms'],
    ['of quite other lists', { overlap: 0.19 }, false, 'refit-overlap'],
  ])('that is %s', (_title, changes, publish, code) => {
    const decision = judgeRefit(passed, { ...sound, ...changes });
    expect(decision).toMatchObject({ publish, outcome: publish ? 'published' : 'rejected' });
    expect(decision.reasons.map((reason) => reason.code)).toEqual(['baseline-beaten', 'not-worse', code]);
  });

  it('leaves the outcome of a sound fit as it was', () => {
    for (const rules of [{ manual: true }, { minUsers: 1e6 }]) {
      const decision = judgeCandidate(good, { ...defaultGateRules, ...rules });
      expect(judgeRefit(decision, sound)).toMatchObject({ publish: decision.publish, outcome: decision.outcome });
    }
  });

  it('is looked at number by number', () => {
    const [users, items] = [randomFactors(5, 3, 1), randomFactors(7, 3, 2)];
    const longer = { ...items, data: items.data.map((value) => 2 * value) };
    expect(checkRefit(users, longer, items, 0.5)).toEqual({ finite: true, normRatio: expect.closeTo(2, 6), overlap: 0.5 });
    const broken = { ...users, data: users.data.slice() };
    broken.data[4] = Number.NaN;
    expect(checkRefit(broken, items, items, null).finite).toBe(false);
    broken.data[4] = Infinity;
    expect(checkRefit(users, broken, items, null).finite).toBe(false);
  });

  it('overlaps by what its lists have in common with those before', () => {
    expect(meanOverlap([Int32Array.of(1, 2, 3, 4), Int32Array.of(5, 6)], [Int32Array.of(4, 9, 1, 8), Int32Array.of(6, 5)])).toBe(0.75);
    expect(meanOverlap([Int32Array.of(1, 2), Int32Array.of(3)], [Int32Array.of(2), new Int32Array(0)])).toBe(1);
    expect(meanOverlap([], [])).toBeNull();
  });
});
