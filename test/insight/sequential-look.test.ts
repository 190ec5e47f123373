import { describe, expect, it } from 'vitest';
import { GUARD_PLAN, planOf } from '../../src/insight/experiment-plan.ts';
import { type ArmCounts, openPair } from '../../src/insight/sequential-look.ts';
import { createRandom } from '../../src/model/random.ts';

/** Lists of a hundred buckets with so many clicks each. */
function arm(seed: number, lists: number, rate: number): ArmCounts {
  const random = createRandom(seed);
  const own = Float64Array.from({ length: 100 }, () => Math.round((lists / 100) * (0.5 + random.uniform())));
  const clicks = own.map((count) => Math.max(0, Math.round(count * rate + random.gaussian() * Math.sqrt(count * rate))));
  return { lists: own, outcomes: clicks, happenings: clicks };
}

describe('looking at two variants', () => {
  const plan = planOf(2, { minEffect: 0.1, power: 0.8 });

  it('finds what is clearly better, and then says no more', () => {
    const pair = openPair(plan, []);
    expect(pair.look(arm(1, 4_000, 0.1), arm(2, 4_000, 0.11), 0)).toMatchObject({ verdict: 'open' });
    const told = pair.look(arm(1, 60_000, 0.1), arm(2, 60_000, 0.125), 0)!;
    expect(told).toMatchObject({ verdict: 'better', time: 1 });
    expect(told.lift!.low).toBeGreaterThan(0.1);
    expect(pair.look(arm(1, 600_000, 0.1), arm(2, 600_000, 0.09), 0)).toBeNull();
  });

  it('says at the end that it found nothing', () => {
    const told = openPair(plan, []).look(arm(1, 90_000, 0.1), arm(2, 90_000, 0.1), 0)!;
    expect([told.verdict, told.difference.low! < 0, told.difference.high! > 0]).toEqual(['none', true, true]);
  });

  it('does not look where little has come since, or next to nothing is there', () => {
    expect(openPair(plan, []).look(arm(1, 100, 0.1), arm(2, 100, 0.1), 0)).toBeNull();
    const pair = openPair(plan, []);
    expect(pair.look(arm(1, 10_000, 0.1), arm(2, 10_000, 0.1), 0)).not.toBeNull();
    expect(pair.look(arm(1, 10_100, 0.1), arm(2, 10_100, 0.1), 0)).toBeNull();
  });

  it('goes on from stored looks as if it had never been away', () => {
    const [first, second] = [[arm(1, 20_000, 0.1), arm(2, 20_000, 0.103)], [arm(3, 45_000, 0.1), arm(4, 45_000, 0.103)]] as const;
    const whole = openPair(plan, []);
    const past = whole.look(...first, 0)!;
    const then = whole.look(...second, 0);
    expect(openPair(plan, JSON.parse(JSON.stringify([past]))).look(...second, 0)).toEqual(then);
  });

  it('is one-sided for the guard, goes by the clock, and looks at the end whatever it brings', () => {
    const better = openPair(GUARD_PLAN, []);
    expect(better.look(arm(1, 8_000, 0.1), arm(2, 32_000, 0.2), 0.5)).toMatchObject({ verdict: 'open', time: 0.5 });
    expect(better.look(arm(1, 8_000, 0.1), arm(2, 32_000, 0.2), 0.5)).toBeNull();
    expect(better.look(arm(1, 8_000, 0.1), arm(2, 32_000, 0.2), 1)).toMatchObject({ verdict: 'none', time: 1 });
    expect(openPair(GUARD_PLAN, []).look(arm(1, 8_000, 0.2), arm(2, 32_000, 0.1), 0.5)).toMatchObject({ verdict: 'worse' });
  });
});
