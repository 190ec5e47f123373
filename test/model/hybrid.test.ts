import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HybridTerms, rankByHybrid, scaleTerms, spreadOfProducts } from '../../src/model/hybrid.ts';
import { createFactors, type Factors } from '../../src/model/matrix.ts';
import { rankByFactors } from '../../src/model/metrics.ts';
import { addNeighbours, findNeighbours } from '../../src/model/neighbours.ts';
import { createRandom } from '../../src/model/random.ts';
import { randomSparse } from './events.ts';

function randomFactors(rows: number, factors: number, seed: number): Factors {
  const random = createRandom(seed);
  const made = createFactors(rows, factors);
  for (let row = 0; row < rows; row++) for (let k = 0; k < factors; k++) made.data[row * made.stride + k] = random.uniform() - 0.3;
  return made;
}

const dot = (a: Factors, row: number, b: Factors, other: number) => Array.from({ length: a.factors }, (_, k) => a.data[row * a.stride + k]! * b.data[other * b.stride + k]!).reduce((x, y) => x + y, 0);
const deviation = (values: readonly number[]) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};

describe('the hybrid score', () => {
  it('ranks as scoring everything by the formula does', () => {
    fc.assert(fc.property(
      fc.record({
        users: fc.integer({ min: 2, max: 9 }), items: fc.integer({ min: 2, max: 37 }), factors: fc.integer({ min: 1, max: 19 }), seed: fc.integer({ min: 1, max: 1e6 }),
        w: fc.constantFrom(0, 0.2, 3), p: fc.constantFrom(0, 0.1, 2), limit: fc.integer({ min: 1, max: 12 }),
      }),
      ({ users: rows, items: cols, factors, seed, w, p, limit }) => {
        const matrix = randomSparse(rows, cols, 0.3, seed);
        const [users, items] = [randomFactors(rows, factors, seed + 1), randomFactors(cols, factors, seed + 2)];
        const neighbours = findNeighbours(matrix, { most: 4, ownExponent: 0.75, otherExponent: 0.25 });
        const recentPopularity = Float32Array.from({ length: cols }, (_, i) => i % 5);
        const histories = { rowStart: matrix.rowStart, index: matrix.index, weight: matrix.weight.map((_, e) => 0.5 ** (e % 4)) };
        const scales = scaleTerms(users, items, histories, neighbours, recentPopularity, { neighbours: w, recency: p });
        const terms: HybridTerms = { neighbours, recentPopularity, scales };

        const all = Array.from({ length: rows }, (_, u) => Array.from({ length: cols }, (_, i) => {
          let near = 0;
          for (let e = matrix.rowStart[u]!; e < matrix.rowStart[u + 1]!; e++) {
            const j = matrix.index[e]!;
            for (let n = neighbours.rowStart[j]!; n < neighbours.rowStart[j + 1]!; n++) if (neighbours.index[n] === i) near += histories.weight[e]! * neighbours.similarity[n]!;
          }
          return { near, product: dot(users, u, items, i) };
        }));
        const spread = deviation(all.flat().map(({ product }) => product));
        const nearSpread = deviation(all.flat().map(({ near }) => near));
        expect(spreadOfProducts(users, items)).toBeCloseTo(spread, 5);
        expect(scales.neighbours).toBeCloseTo(w > 0 && nearSpread > 1e-9 ? (w * spread) / nearSpread : 0, 4);
        expect(scales.recency).toBeCloseTo(p > 0 ? (p * spread) / deviation([...recentPopularity]) : 0, 4);

        const rank = rankByHybrid(users, items, histories, terms, limit);
        const list = new Int32Array(limit);
        for (let u = 0; u < rows; u++) {
          const own = new Set(matrix.index.subarray(matrix.rowStart[u], matrix.rowStart[u + 1]));
          const score = (i: number) => all[u]![i]!.product + scales.neighbours * all[u]![i]!.near + scales.recency * recentPopularity[i]!;
          const wanted = Array.from({ length: cols }, (_, i) => i).filter((i) => !own.has(i)).map(score).sort((a, b) => b - a).slice(0, limit);
          const found = [...list.subarray(0, rank(u, list))];
          expect(new Set(found).size).toBe(found.length);
          expect(found.some((i) => own.has(i))).toBe(false);
          expect(found).toHaveLength(wanted.length);
          for (const [n, i] of found.entries()) expect(score(i)).toBeCloseTo(wanted[n]!, 5);
        }
      }), { numRuns: 60 });
  });

  it('without terms ranks as the factors do', () => {
    const matrix = randomSparse(30, 50, 0.2, 3);
    const [users, items] = [randomFactors(30, 9, 1), randomFactors(50, 9, 2)];
    const terms: HybridTerms = { neighbours: findNeighbours(matrix, { most: 5, ownExponent: 0.5, otherExponent: 0.5 }), recentPopularity: new Float32Array(50).fill(3), scales: { neighbours: 0, recency: 0 } };
    // Popularity that all items share has no spread, and so no say.
    expect(scaleTerms(users, items, matrix, terms.neighbours, terms.recentPopularity, { neighbours: 0, recency: 1 })).toEqual({ neighbours: 0, recency: 0 });
    const [hybrid, plain] = [rankByHybrid(users, items, matrix, terms, 10), rankByFactors(users, items, matrix, 10)];
    const [a, b] = [new Int32Array(10), new Int32Array(10)];
    for (let u = 0; u < 30; u++) {
      expect(hybrid(u, a)).toBe(plain(u, b));
      expect(a).toEqual(b);
    }
  });

  it('finds what goes with the latest purchase, where factors say nothing', () => {
    // Pairs (0,1), (2,3), (4,5): user 3 has 0 and, long ago, 2.
    const matrix = threePairs();
    const neighbours = findNeighbours(matrix, { most: 2, ownExponent: 0.75, otherExponent: 0.25 });
    const histories = { rowStart: matrix.rowStart, index: matrix.index, weight: matrix.weight.map((_, e) => (e === matrix.rowStart[3]! + 1 ? 0.1 : 1)) };
    const [sums, touched] = [new Float64Array(6), new Int32Array(6)];
    expect(addNeighbours(neighbours, histories, 3, sums, touched)).toBeGreaterThanOrEqual(2);
    expect(sums[1]).toBeGreaterThan(5 * sums[3]!);
    const rank = rankByHybrid(createFactors(4, 2), createFactors(6, 2), histories, { neighbours, recentPopularity: null, scales: { neighbours: 1, recency: 0 } }, 2);
    const list = new Int32Array(2);
    expect([...list.subarray(0, rank(3, list))]).toEqual([1, 3]);
  });
});

function threePairs() {
  const rows = [[0, 1], [2, 3], [4, 5], [0, 2]];
  return { rows: 4, cols: 6, rowStart: Int32Array.of(0, 2, 4, 6, 8), index: Int32Array.from(rows.flat()), weight: new Float32Array(8).fill(1), target: new Float32Array(8).fill(1) };
}
