import fc from 'fast-check';
import { expect, it } from 'vitest';
import { normalQuantile, normalShare, studentQuantile } from '../../../src/model/evaluation/normal.ts';

it('the normal distribution is that of the tables', () => {
  for (const [z, share] of [[0, 0.5], [1, 0.841344746], [-1.959963985, 0.025], [2.575829304, 0.995], [-3.090232306, 0.001]] as const) {
    expect(normalShare(z)).toBeCloseTo(share, 6);
    expect(normalQuantile(share)).toBeCloseTo(z, 6);
  }
  expect([normalShare(-40), normalShare(40), normalShare(Infinity)]).toEqual([0, 1, 1]);
});

it('a quantile is the share turned round', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-5, max: 1 - 1e-5, noNaN: true }), (share) => {
      expect(normalShare(normalQuantile(share))).toBeCloseTo(share, 6);
      expect(normalQuantile(share)).toBeCloseTo(-normalQuantile(1 - share), 6);
    }),
  );
});

it("Student's t is that of the tables, and the normal where there is much of freedom", () => {
  for (const [freedom, share, t] of [[5, 0.975, 2.5706], [10, 0.975, 2.2281], [10, 0.95, 1.8125], [30, 0.025, -2.0423], [59, 0.975, 2.001], [5, 0.995, 4.0321]] as const) {
    expect(studentQuantile(share, freedom) / t).toBeCloseTo(1, 1.7);
  }
  expect(studentQuantile(0.975, 1e6)).toBeCloseTo(1.959966, 5);
});
