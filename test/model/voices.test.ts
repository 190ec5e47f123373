import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFoldIn } from '../../src/model/fold-in.ts';
import { fitPlain } from '../../src/model/fitting.ts';
import { findNeighbours } from '../../src/model/neighbours.ts';
import { scorePopularity } from '../../src/model/popularity.ts';
import { DEFAULT_RECIPE, type Recipe } from '../../src/model/recipe.ts';
import { defaultVoiceRules, fitWithVoices, fullVoices, measureVoices } from '../../src/model/voices.ts';
import { columnsOf, randomFactors, randomSparse, ruleOf, sparseOf, type TestEvent } from './events.ts';

const rules = [ruleOf()];
const hour = 1 / 24;
const measure = (events: readonly TestEvent[], voiceRules = defaultVoiceRules) => {
  const columns = columnsOf(events);
  return measureVoices(columns, rules, Int32Array.from(new Set(columns.user)).sort(), voiceRules);
};

describe('voices', () => {
  it('grow with the days on which a user was there, not with how much they did', () => {
    const events: TestEvent[] = [];
    for (let user = 1; user <= 4; user++) for (let day = 0; day < user; day++) for (let n = 0; n < 10; n++) events.push({ user, item: n, day: 3 * day + n * hour });
    expect([...measure(events, { rampDays: 4, hourlyEvents: 0 })!]).toEqual([0.25, 0.5, 0.75, 1]);
    expect([...measure(events)!]).toEqual([0.5, 1, 1, 1]);
    expect(measure(events, fullVoices)).toBeNull();
  });

  it('shrink with an hour of more events than the cap, in proportion', () => {
    const events = Array.from({ length: 40 }, (_, n): TestEvent => ({ user: 1, item: n, day: hour * (n / 40) })).concat(Array.from({ length: 40 }, (_, n) => ({ user: 2, item: n, day: n * hour })));
    expect([...measure(events, { rampDays: 1, hourlyEvents: 10 })!]).toEqual([0.25, 1]);
    expect(measure(events, { rampDays: 1, hourlyEvents: 40 })).toBeNull();
  });

  it('are full for everybody where nobody has come on a second day', () => {
    expect(measure(Array.from({ length: 30 }, (_, n) => ({ user: n % 5, item: n })))).toBeNull();
    expect(measure([])).toBeNull();
  });

  it('do not depend on the order of the events, lie in (0, 1], and know no events of unknown types', () => {
    const event = fc.record({ user: fc.integer({ min: 1, max: 6 }), item: fc.integer({ min: 1, max: 9 }), day: fc.double({ min: -3, max: 9, noNaN: true }), type: fc.constantFrom(1, 1, 1, 2) });
    fc.assert(fc.property(fc.array(event, { minLength: 1, maxLength: 80 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 6 }), fc.infiniteStream(fc.nat()), (events, rampDays, hourlyEvents, chance) => {
      const keys = new Map(events.map((one) => [one, chance.next().value]));
      const userNos = Int32Array.from(new Set(events.filter(({ type }) => type === 1).map(({ user }) => user))).sort();
      const of = (list: readonly TestEvent[]) => measureVoices(columnsOf(list), rules, userNos, { rampDays, hourlyEvents });
      const voices = of(events);
      expect(of(events.toSorted((a, b) => keys.get(a)! - keys.get(b)!))).toEqual(voices);
      expect(of(events.filter(({ type }) => type === 1))).toEqual(voices);
      for (const voice of voices ?? []) expect(voice > 0 && voice <= 1).toBe(true);
    }));
  });
});

describe('a fit with voices', () => {
  const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 6, sweeps: 40 };
  const byUser = randomSparse(60, 40, 0.2, 3);
  const voices = Float32Array.from({ length: 60 }, (_, u) => (u % 3 === 0 ? 0.25 : 1));
  const fitted = fitWithVoices(fitPlain, voices)(byUser, recipe, {});

  it('ends where every user is what folding their entries in gives', () => {
    const foldIn = createFoldIn(fitted.items, recipe, 1);
    const vector = new Float32Array(fitted.users.stride);
    for (let u = 0; u < byUser.rows; u++) {
      const [from, to] = [byUser.rowStart[u]!, byUser.rowStart[u + 1]!];
      foldIn.solve(byUser.index.subarray(from, to), byUser.weight.subarray(from, to), byUser.target.subarray(from, to), to - from, vector);
      const trained = fitted.users.data.subarray(u * vector.length, (u + 1) * vector.length);
      expect(Math.hypot(...vector.map((x, k) => x - trained[k]!))).toBeLessThan(1e-4 * Math.hypot(...trained));
    }
  });

  it('hears two users of half a voice as one of a full voice', () => {
    // λ of an item counts heads, which copies change; with ν = 0 it does not.
    const plain: Recipe = { ...recipe, frequencyExponent: 0, sweeps: 4 };
    const rows = Array.from({ length: 30 }, (_, row) => Array.from({ length: byUser.rowStart[row + 1]! - byUser.rowStart[row]! }, (_, n): [number, number, number] => {
      const e = byUser.rowStart[row]! + n;
      return [byUser.index[e]!, byUser.weight[e]!, byUser.target[e]!];
    }));
    const start = { items: randomFactors(byUser.cols, 6, 2) };
    const once = fitPlain(sparseOf(byUser.cols, rows), plain, { start });
    const halves = Float32Array.from({ length: 40 }, (_, u) => (u < 10 || u >= 30 ? 0.5 : 1));
    const twice = fitWithVoices(fitPlain, halves)(sparseOf(byUser.cols, [...rows, ...rows.slice(0, 10)]), plain, { start });
    const scoreOf = ({ users, items }: typeof once, u: number, i: number) => users.data.subarray(u * users.stride, (u + 1) * users.stride).reduce((sum, x, k) => sum + x * items.data[i * items.stride + k]!, 0);
    for (let u = 0; u < 40; u++) for (let i = 0; i < byUser.cols; i++) expect(Math.abs(scoreOf(twice, u, i) - scoreOf(once, u < 30 ? u : u - 30, i))).toBeLessThan(1e-3);
  });

  it('is the very fit where all are full, and goes on from users as they are', () => {
    expect(fitWithVoices(fitPlain, null)).toBe(fitPlain);
    const again = fitWithVoices(fitPlain, voices)(byUser, { ...recipe, sweeps: 1 }, { start: fitted, objective: true });
    const cold = fitWithVoices(fitPlain, voices)(byUser, { ...recipe, sweeps: 1 }, { objective: true });
    expect(again.objective!.at(-1)).toBeLessThan(cold.objective!.at(-1)!);
    expect(fitted.users.data.some((x) => x !== 0)).toBe(true);
  });
});

it('counts quiet users less as neighbours and as popularity', () => {
  const byUser = sparseOf(3, [[[0, 1, 1], [1, 1, 1]], [[0, 1, 1], [2, 1, 1]]]);
  const settings = { most: 2, ownExponent: 0.5, otherExponent: 0.5 };
  const { index, similarity } = findNeighbours(byUser, settings, Float32Array.of(1, 0.25));
  expect([...index.subarray(0, 2)]).toEqual([1, 2]);
  expect(similarity[1]! / similarity[0]!).toBeCloseTo(0.25, 6);
  expect([...scorePopularity(byUser, Float32Array.of(1, 0.25))]).toEqual([1.25, 1, 0.25]);
});
