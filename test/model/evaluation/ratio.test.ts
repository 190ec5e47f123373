import { describe, expect, it } from 'vitest';
import { createResamples } from '../../../src/model/evaluation/bootstrap.ts';
import { ratioInterval } from '../../../src/model/evaluation/ratio.ts';
import { createRandom } from '../../../src/model/random.ts';

const BUCKETS = 100;

/** Shoppers in buckets: each sees some lists, and clicks by a rate of their own, so that clicks come in clumps. */
function drawShop(seed: number, shoppers: number, rate: number): { clicks: Float64Array; lists: Float64Array } {
  const random = createRandom(seed);
  const clicks = new Float64Array(BUCKETS);
  const lists = new Float64Array(BUCKETS);
  for (let shopper = 0; shopper < shoppers; shopper++) {
    const bucket = random.integer(BUCKETS);
    const own = rate * -Math.log(1 - random.uniform());
    const seen = 1 + random.integer(20);
    lists[bucket] += seen;
    for (let n = 0; n < seen; n++) {
      clicks[bucket] += random.uniform() < own ? 1 : 0;
    }
  }
  return { clicks, lists };
}

describe('the interval of a rate', () => {
  const resamples = createResamples(BUCKETS, { resamples: 1_000, seed: 1 });

  it.each([[2_000, 0.05], [200, 0.02]])('has the true rate in it about 95 times of 100 (%i shoppers, rate %f)', (shoppers, rate) => {
    const runs = 600;
    let covered = 0;
    for (let seed = 1; seed <= runs; seed++) {
      const { clicks, lists } = drawShop(seed, shoppers, rate);
      const { low, high } = ratioInterval(resamples, clicks, lists, true)!;
      covered += low <= rate && rate <= high ? 1 : 0;
    }
    expect(covered / runs).toBeGreaterThan(0.925);
    expect(covered / runs).toBeLessThan(0.985);
  });

  it('is wider than one that takes clicks for independent', () => {
    const { clicks, lists } = drawShop(7, 2_000, 0.2);
    const [top, bottom] = [clicks, lists].map((values) => values.reduce((sum, value) => sum + value, 0));
    const { mean, low, high } = ratioInterval(resamples, clicks, lists, true)!;
    expect(mean).toBe(top / bottom);
    expect(high - low).toBeGreaterThan(1.3 * 2 * 1.96 * Math.sqrt((mean * (1 - mean)) / bottom));
  });

  it('of nothing clicked is no certainty, and of nothing shown none at all', () => {
    const lists = new Float64Array(BUCKETS).fill(1);
    const none = new Float64Array(BUCKETS);
    // No event in 100: up to 3.7 at 97.5 %.
    expect(ratioInterval(resamples, none, lists, true)).toEqual({ mean: 0, low: 0, high: expect.closeTo(0.0369, 3) as number });
    expect(ratioInterval(resamples, none, none, true)).toBeNull();
  });
});
