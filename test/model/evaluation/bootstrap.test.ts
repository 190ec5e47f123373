import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePaired, createResamples, intervalsOf, mostUnits, resampleMeans, type Resamples } from '../../../src/model/evaluation/bootstrap.ts';
import { normalShare, studentQuantile } from '../../../src/model/evaluation/normal.ts';
import { createRandom } from '../../../src/model/random.ts';

function normals(n: number, seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: n }, () => 3 + 2 * random.gaussian());
}

const intervalOf = (resamples: Resamples, values: Float64Array) => intervalsOf(resamples, [values])[0]!;

describe('resamples', () => {
  it('draw every user as often as there are users, the same ones for the same seed', () => {
    const { counts } = createResamples(37, { resamples: 20, seed: 3 });
    for (let b = 0; b < 20; b++) expect(counts.subarray(b * 37, (b + 1) * 37).reduce((a, c) => a + c)).toBe(37);
    expect(createResamples(37, { resamples: 20, seed: 3 }).counts).toEqual(counts);
    expect(createResamples(37, { resamples: 20, seed: 4 }).counts).not.toEqual(counts);
  });

  it('draw large crowds in groups, every user in one of them, neighbours apart', () => {
    const users = 2 * mostUnits + 3;
    const { units, unitOf, counts } = createResamples(users, { resamples: 2 });
    expect(units).toBe(Math.ceil(users / 3));
    const sizes = new Int32Array(units);
    for (const unit of unitOf!) sizes[unit]!++;
    expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([1, 3]);
    expect(unitOf!.filter((unit, u) => unit === unitOf![u - 1]).length).toBeLessThan(20);
    expect(counts).toHaveLength(2 * units);
    expect(createResamples(users, { resamples: 2, mostUnits: users })).toMatchObject({ units: users, unitOf: null });
  });

  it('give the means that counting by hand gives, users without a value left out', () => {
    const resamples = createResamples(5, { resamples: 50 });
    const values = Float64Array.of(1, Number.NaN, 4, 2, Number.NaN);
    const others = [Float64Array.of(1, 2, 4, 2, 3), values.map((value) => 2 * value), values, values, values, values, Float64Array.of(5, 5, 5, 5, Number.NaN), Float64Array.of(5, 5, 5, 5, 5)];
    const byHand = Array.from({ length: 50 }, (_, b) => {
      const drawn = Array.from(values).flatMap((value, u) => (Number.isNaN(value) ? [] : Array.from({ length: resamples.counts[b * 5 + u]! }, () => value)));
      return drawn.reduce((a, c) => a + c, 0) / drawn.length;
    });
    const [first, , twice, ...more] = resampleMeans(resamples, [values, ...others]);
    expect([...first!].map((mean) => mean.toFixed(12))).toEqual(byHand.map((mean) => mean.toFixed(12)));
    // Columns of the same users, or of others, do not disturb one another.
    expect([...twice!]).toEqual(Array.from(first!, (mean) => 2 * mean));
    for (const same of more.slice(0, 4)) expect(same).toEqual(first);
    for (const constant of more.slice(4)) expect(constant.every((mean) => mean === 5 || Number.isNaN(mean))).toBe(true);
    expect(more).toHaveLength(6);
  });

  it('refuse values of other users', () => {
    expect(() => resampleMeans(createResamples(5), [new Float64Array(4)])).toThrow(/one value a user: 5, not 4/);
  });
});

describe('intervals', () => {
  it('are as wide as theory has it, also where many users are drawn in groups', () => {
    for (const users of [400, 20_000, 2 * mostUnits + 1]) {
      // In order of their values, as if the first shoppers were of another kind: groups must not make that look like less users.
      const values = normals(users, users).sort();
      const { mean, low, high } = intervalOf(createResamples(users, { resamples: users > 50_000 ? 300 : 1000 }), values);
      const width = (2 * 1.96 * 2) / Math.sqrt(users);
      expect([users, (high - low) / width]).toEqual([users, expect.closeTo(1, 0.7)]);
      expect(mean).toBeCloseTo(values.reduce((a, b) => a + b) / users, 10);
      expect(low).toBeLessThan(mean);
      expect(high).toBeGreaterThan(mean);
    }
  });

  it('cover the truth about as often as they say', () => {
    const draws = 300;
    const random = createRandom(9);
    const resamples = createResamples(100, { resamples: 400 });
    let covered = 0;
    for (let d = 0; d < draws; d++) {
      // Skewed, as recall is: mean 0.3.
      const { low, high } = intervalOf(resamples, Float64Array.from({ length: 100 }, () => (random.uniform() < 0.6 ? 0 : 1.5 * random.uniform())));
      if (low <= 0.3 && 0.3 <= high) covered++;
    }
    expect(covered / draws).toBeGreaterThan(0.9);
    expect(covered / draws).toBeLessThan(0.985);
  });

  it('are those of the definition: resamples one by one, their places moved for skewness and for few users', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.constantFrom(0, 0, 0, 0.2, 0.5, 1), { nil: Number.NaN }), { minLength: 2, maxLength: 40 }), fc.nat(99), (list, seed) => {
        const present = list.filter((value) => !Number.isNaN(value));
        fc.pre(present.length > 1 && new Set(present).size > 1);
        const resamples = createResamples(list.length, { resamples: 200, seed });
        const means = Array.from({ length: 200 }, (_, b) => {
          const drawn = list.flatMap((value, u) => (Number.isNaN(value) ? [] : Array.from({ length: resamples.counts[b * list.length + u]! }, () => value)));
          return drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
        }).filter((mean) => !Number.isNaN(mean));
        const n = present.length;
        const mean = present.reduce((sum, value) => sum + value, 0) / n;
        const moment = (k: number) => present.reduce((sum, value) => sum + (value - mean) ** k, 0) / n;
        const a = moment(3) / moment(2) ** 1.5 / 6 / Math.sqrt(n);
        const end = (share: number) => {
          const z = Math.sqrt(n / (n - 1)) * studentQuantile(share, n - 1);
          const corrected = normalShare(a + (a + z) / (1 - a * (a + z)));
          const sorted = means.toSorted((x, y) => x - y);
          // The k-th of B, k from 1, has k / (B + 1) below it.
          const k = Math.min(sorted.length, Math.max(1, corrected * (sorted.length + 1)));
          const [below, above] = [sorted[Math.floor(k) - 1]!, sorted[Math.ceil(k) - 1]!];
          return below + (k - Math.floor(k)) * (above - below);
        };
        const interval = intervalOf(resamples, Float64Array.from(list));
        expect([interval.mean, interval.low, interval.high].map((value) => value.toFixed(9))).toEqual([mean, end(0.025), end(0.975)].map((value) => value.toFixed(9)));
        expect(interval.low).toBeLessThanOrEqual(interval.mean);
        expect(interval.high).toBeGreaterThanOrEqual(interval.mean);
      }),
      { numRuns: 100 },
    );
  });

  it('miss a truth above them no more often than one below, though hits are rare', () => {
    const random = createRandom(4);
    const resamples = createResamples(60, { resamples: 400 });
    const missed = [0, 0];
    for (let d = 0; d < 600; d++) {
      const { low, high } = intervalOf(resamples, Float64Array.from({ length: 60 }, () => (random.uniform() < 0.7 ? 0 : random.uniform() ** 3)));
      if (low > 0.075) missed[0]!++;
      if (high < 0.075) missed[1]!++;
    }
    // Plain percentiles miss 2 % below and 8 % above.
    for (const one of missed) expect(one / 600).toBeLessThan(0.055);
  });

  it('are NaN without any value, and without width for one', () => {
    expect(intervalOf(createResamples(3), new Float64Array(3).fill(Number.NaN))).toEqual({ mean: Number.NaN, low: Number.NaN, high: Number.NaN });
    expect(intervalOf(createResamples(1), Float64Array.of(2))).toEqual({ mean: 2, low: 2, high: 2 });
  });

  it('cost well under a second for all metrics at two lengths of 20,000 users', () => {
    const columns = Array.from({ length: 16 }, (_, n) => normals(20_000, n));
    const before = performance.now();
    const resamples = createResamples(20_000);
    intervalsOf(resamples, columns);
    // Twice the goal: this machine may be busy with other tests.
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe('the paired difference', () => {
  const users = 2000;
  const reference = normals(users, 1).map(Math.abs);
  const resamples = createResamples(users);

  it('of a model from itself is none, whatever the users', () => {
    expect(comparePaired(resamples, reference, reference)).toMatchObject({ users, relative: 0, lowerBound: 0, low: 0, high: 0 });
  });

  it('of a model that is a tenth worse for everyone is exactly that', () => {
    const { relative, lowerBound, high } = comparePaired(resamples, reference.map((value) => 0.9 * value), reference);
    for (const figure of [relative, lowerBound, high]) expect(figure).toBeCloseTo(-0.1, 10);
  });

  it('is far narrower than that of unpaired users, and its lower bound lies within the interval', () => {
    const noise = normals(users, 2);
    const candidate = reference.map((value, u) => value + 0.05 * (noise[u]! - 3));
    const paired = comparePaired(resamples, candidate, reference);
    expect(paired.low).toBeLessThan(paired.lowerBound);
    expect(paired.lowerBound).toBeLessThan(paired.relative);
    const alone = intervalOf(resamples, candidate);
    expect(paired.high - paired.low).toBeLessThan(0.2 * ((alone.high - alone.low) / alone.mean));
  });

  it('is defined where the reference finds nothing', () => {
    const none = new Float64Array(users);
    expect(comparePaired(resamples, none, none).relative).toBe(0);
    expect(comparePaired(resamples, reference, none)).toMatchObject({ relative: 1, lowerBound: 1 });
    expect(comparePaired(createResamples(0), new Float64Array(0), new Float64Array(0)).lowerBound).toBeNaN();
  });
});
