import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crosses, differenceOf, differenceWithin, liftWithin, mismatchOf, rateOf } from '../../../src/model/evaluation/arms.ts';
import { createRandom } from '../../../src/model/random.ts';

const buckets = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 30 })), { minLength: 100, maxLength: 100 });
const armOf = (cells: [number, number][]) => rateOf(Float64Array.from(cells, ([, top]) => top), Float64Array.from(cells, ([bottom]) => bottom));

describe('rates of two groups', () => {
  it('have the variance of independent lists where lists are independent', () => {
    const random = createRandom(5);
    const lists = new Float64Array(100).fill(2_000);
    const clicks = Float64Array.from(lists, (count) => Array.from({ length: count }).filter(() => random.uniform() < 0.3).length);
    const { rate, variance, freedom } = rateOf(clicks, lists)!;
    expect(rate).toBeCloseTo(0.3, 2);
    expect(variance / ((0.3 * 0.7) / 200_000)).toBeGreaterThan(0.7);
    expect(variance / ((0.3 * 0.7) / 200_000)).toBeLessThan(1.35);
    expect(freedom).toBe(99);
  });

  it('are not compared where few buckets hold anything, or nothing varies', () => {
    const few = new Float64Array(100);
    few.fill(3, 0, 19);
    expect(rateOf(few, few)).toBeNull();
    expect(rateOf(new Float64Array(100), new Float64Array(100).fill(4))).toBeNull();
  });

  it('differ by the same, however one puts it: the lift holds 0 just where the difference does', () => {
    fc.assert(
      fc.property(buckets, buckets, fc.double({ min: 0.5, max: 4, noNaN: true }), (a, b, bound) => {
        const [control, other] = [armOf(a), armOf(b)];
        fc.pre(control !== null && other !== null);
        const difference = differenceOf(control, other);
        const { low, high } = differenceWithin(difference, bound);
        const lift = liftWithin(control, other, bound)!;
        const isOutside = crosses(difference, bound) || crosses({ ...difference, value: -difference.value }, bound);
        expect(low >= 0 || high <= 0).toBe(isOutside);
        // On the very edge rounding decides.
        fc.pre(Math.min(Math.abs(low), Math.abs(high)) > 1e-9 && Number.isFinite(lift.low));
        expect(lift.low > 0 || lift.high < 0).toBe(isOutside);
        expect([low <= difference.value, difference.value <= high]).toEqual([true, true]);
      }),
    );
  });

  it('say nothing within an infinite bound', () => {
    const rate = { rate: 0.3, variance: 1e-4, freedom: 99 };
    expect(crosses(differenceOf(rate, { ...rate, rate: 9 }), Number.POSITIVE_INFINITY)).toBe(false);
    expect(liftWithin(rate, rate, Number.POSITIVE_INFINITY)).toMatchObject({ low: Number.NEGATIVE_INFINITY });
  });
});

describe('a sample ratio mismatch', () => {
  /** Shoppers with a geometric number of lists each, in two groups. */
  function sizes(seed: number, share: number) {
    const random = createRandom(seed);
    const groups = [new Float64Array(100), new Float64Array(100)];
    for (let shopper = 0; shopper < 4_000; shopper++) {
      const [group, bucket] = [random.uniform() < share ? 0 : 1, random.integer(100)];
      do {
        groups[group][bucket]++;
      } while (random.uniform() < 0.9);
    }
    return groups;
  }

  it('is seldom cried where there is none, although a shopper’s lists come together', () => {
    const chances = Array.from({ length: 300 }, (_, seed) => mismatchOf(sizes(seed, 0.3), [0.3, 0.7]));
    expect(chances.filter((p) => p < 0.05).length).toBeLessThan(27);
    expect(chances.filter((p) => p < 0.001).length).toBeLessThan(4);
  });

  it('is found where a tenth of one group is missing', () => {
    const found = Array.from({ length: 20 }, (_, seed) => mismatchOf(sizes(seed, 0.45), [0.5, 0.5])).filter((p) => p < 0.001);
    expect(found.length).toBeGreaterThan(15);
  });

  it('is not told from nothing', () => {
    expect(mismatchOf([new Float64Array(100), new Float64Array(100)], [1, 1])).toBe(1);
  });
});
