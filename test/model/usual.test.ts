import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/model/random.ts';
import { compareWithUsual } from '../../src/model/usual.ts';

describe('what is usual', () => {
  it('is the median of former counts, which one promotion among them does not move', () => {
    expect(compareWithUsual(100, [100, 110, 90, 100, 1_000])).toMatchObject({ usual: 100, z: 0, ratio: 1 });
    // By mean and standard deviation 0 would lie 0.8 of them away.
    expect(compareWithUsual(0, [100, 110, 90, 100, 1_000])!.z).toBeLessThan(-3.5);
    expect(compareWithUsual(300, [100, 110, 90, 100, 1_000])!.z).toBeGreaterThan(3.5);
  });

  it('is not known of fewer than three former counts, or where hardly anything is', () => {
    expect(compareWithUsual(100, [100, 100])).toBeNull();
    expect(compareWithUsual(0, [19, 19, 19])).toBeNull();
    expect(compareWithUsual(0, [20, 20, 20])!.z).toBeLessThan(-3.5);
  });

  it('lets counts scatter as counts do, and a tenth besides', () => {
    expect(Math.abs(compareWithUsual(125, [100, 100, 100, 100])!.z)).toBeLessThan(3.5);
    expect(Math.abs(compareWithUsual(12_000, [10_000, 10_000, 10_000])!.z)).toBeLessThan(3.5);
    const random = createRandom(7);
    const poissonLike = (mean: number) => Array.from({ length: mean * 2 }, () => random.uniform()).filter((one) => one < 0.5).length;
    const outliers = Array.from({ length: 500 }, () => compareWithUsual(poissonLike(100), Array.from({ length: 8 }, () => poissonLike(100)))!).filter(({ z }) => Math.abs(z) > 3.5);
    expect(outliers).toEqual([]);
  });

  it('does not depend on the order of former counts', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.array(fc.nat(1_000), { minLength: 3, maxLength: 8 }), (count, former) => {
        expect(compareWithUsual(count, former)).toEqual(compareWithUsual(count, former.toReversed()));
      }),
    );
  });
});
