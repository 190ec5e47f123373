import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findAudience } from '../../src/model/audience.ts';
import type { HybridTerms } from '../../src/model/hybrid.ts';
import { createFactors, type Factors } from '../../src/model/matrix.ts';
import { findNeighbours } from '../../src/model/neighbours.ts';
import { createPlainScan } from '../../src/model/plain-scan.ts';
import { createRandom } from '../../src/model/random.ts';
import { createRanker } from '../../src/model/ranker.ts';
import { createTopN } from '../../src/model/top-n.ts';
import { randomSparse } from './events.ts';

function randomFactors(rows: number, factors: number, seed: number): Factors {
  const random = createRandom(seed);
  const made = createFactors(rows, factors);
  // Every fifth row is a copy of the one before, so that there are ties.
  for (let row = 0; row < rows; row++) for (let k = 0; k < factors; k++) made.data[row * made.stride + k] = row % 5 === 4 ? made.data[(row - 1) * made.stride + k]! : random.gaussian();
  return made;
}

describe('an audience', () => {
  it('is those of the highest scores, as the scan scores them, without those who have the item unless they are asked for', () => {
    fc.assert(fc.property(
      fc.record({ rows: fc.integer({ min: 1, max: 25 }), cols: fc.integer({ min: 2, max: 20 }), factors: fc.integer({ min: 1, max: 9 }), limit: fc.integer({ min: 0, max: 30 }), seed: fc.integer({ min: 1, max: 1e6 }), w: fc.constantFrom(0, 0.7), p: fc.constantFrom(0, 0.2), hidden: fc.boolean() }),
      ({ rows, cols, factors, limit, seed, w, p, hidden }) => {
        const matrix = randomSparse(rows, cols, 0.3, seed);
        const [users, items] = [randomFactors(rows, factors, seed + 1), randomFactors(cols, factors, seed + 2)];
        users.data.fill(0, 0, users.stride); // gone
        const neighbours = w === 0 ? null : findNeighbours(matrix, { most: 4, ownExponent: 0.75, otherExponent: 0.25 });
        const terms: HybridTerms = { neighbours, recentPopularity: p === 0 ? null : Float32Array.from({ length: cols }, (_, i) => i % 3), scales: { neighbours: w, recency: p } };
        const history = { index: matrix.index, weight: matrix.weight.map((_, e) => (e % 3) / 2), hidden: Uint8Array.from(matrix.index, (_, e) => e % 2) };
        const scan = createPlainScan(items, terms, 1);
        const scores = Array.from({ length: rows }, (_, row) => scan.scoreAll(users.data.subarray(row * users.stride, (row + 1) * users.stride), history, matrix.rowStart[row]!, matrix.rowStart[row + 1]!));
        for (const [item, by] of [[0, scan], [cols - 1, createRanker(items, terms, 1)]] as const) {
          const out = findAudience(users, by, matrix.rowStart, history, { item, limit, includeHidden: hidden }, createTopN(30));
          const has = (row: number) => [...matrix.index.subarray(matrix.rowStart[row], matrix.rowStart[row + 1])].some((i, e) => i === item && history.hidden[matrix.rowStart[row]! + e] === 1);
          const wanted = Array.from({ length: rows }, (_, row) => row).filter((row) => row > 0 && (hidden || !has(row)));
          wanted.sort((a, b) => scores[b]![item]! - scores[a]![item]! || a - b);
          expect(out.count).toBe(Math.min(limit, wanted.length));
          const found = [...out.items.subarray(0, out.count)];
          expect(new Set(found).size).toBe(found.length);
          expect(found.every((row) => wanted.includes(row))).toBe(true);
          found.forEach((row, n) => {
            expect(out.scores[n]).toBeCloseTo(scores[wanted[n]!]![item]!, 5);
            expect(out.scores[n]).toBeCloseTo(scores[row]![item]!, 5);
          });
        }
      }), { numRuns: 80 });
  });

  it('puts equal users in the order of their rows', () => {
    const users = createFactors(6, 2);
    for (let row = 0; row < 6; row++) users.data[row * 8] = row === 4 ? 2 : 1;
    const items = createFactors(1, 2);
    items.data[0] = 1;
    const none: HybridTerms = { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } };
    const history = { index: new Int32Array(0), weight: new Float32Array(0), hidden: new Uint8Array(0) };
    const out = findAudience(users, createPlainScan(items, none, 1), new Int32Array(7), history, { item: 0, limit: 4, includeHidden: false }, createTopN(4));
    expect([...out.items]).toEqual([4, 0, 1, 2]);
  });
});
