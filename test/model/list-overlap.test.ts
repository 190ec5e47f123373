import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlapAt, rankBiasedOverlap } from '../../src/model/list-overlap.ts';

const list = fc.uniqueArray(fc.nat(30), { maxLength: 25 });

describe('overlap of lists', () => {
  it('is the share of the longer one that both have', () => {
    expect(overlapAt([1, 2, 3, 4], [4, 3, 9, 8], 4)).toBe(0.5);
    expect(overlapAt([1, 2, 3, 4], [4, 3, 9, 8], 2)).toBe(0);
    expect(overlapAt([1, 2], [2], 20)).toBe(0.5);
    expect(overlapAt([], [], 20)).toBe(1);
  });

  it('is the same from either side, 1 of equal lists, 0 of lists with nothing in common, and between the two else', () => {
    fc.assert(
      fc.property(list, list, fc.integer({ min: 1, max: 25 }), (a, b, k) => {
        for (const measure of [overlapAt, rankBiasedOverlap]) {
          expect(measure(a, b, k)).toBeCloseTo(measure(b, a, k), 12);
          expect(measure(a, a, k)).toBeCloseTo(1, 12);
          expect(measure(a, b, k)).toBeGreaterThanOrEqual(0);
          expect(measure(a, b, k)).toBeLessThanOrEqual(1 + 1e-12);
          expect(measure([...a, 1_000], b.map((item) => item + 2_000), k)).toBe(0);
        }
      }),
    );
  });

  it('by rank is what its definition says, and cares for the first places', () => {
    const byDefinition = (a: readonly number[], b: readonly number[], k: number, p: number) => {
      let [sum, whole] = [0, 0];
      for (let d = 1; d <= Math.min(k, Math.max(a.length, b.length)); d++) {
        const head = new Set(a.slice(0, d));
        sum += (p ** (d - 1) * b.slice(0, d).filter((item) => head.has(item)).length) / d;
        whole += p ** (d - 1);
      }
      return whole === 0 ? 1 : sum / whole;
    };
    fc.assert(
      fc.property(list, list, fc.integer({ min: 1, max: 25 }), (a, b, k) => {
        expect(rankBiasedOverlap(a, b, k, 0.8)).toBeCloseTo(byDefinition(a, b, k, 0.8), 10);
      }),
    );
    expect(rankBiasedOverlap([1, 2, 3, 4], [1, 2, 8, 9], 4)).toBeGreaterThan(rankBiasedOverlap([1, 2, 3, 4], [8, 9, 3, 4], 4));
  });
});
