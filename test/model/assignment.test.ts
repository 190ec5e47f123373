import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAssignment, variantOf } from '../../src/model/assignment.ts';
import { createBuckets } from '../../src/serving/recommendation-id.ts';

const bucketOf = createBuckets('bucket');
const IDS = Array.from({ length: 20_000 }, (_, n) => `user-${n}`);

/** χ² of a table of counts against independence, and its degrees of freedom. */
function chiSquare(pairs: readonly (readonly [number, number])[], rows: number, columns: number) {
  const table = Array.from({ length: rows }, () => new Float64Array(columns));
  pairs.forEach(([row, column]) => table[row][column]++);
  const rowSums = table.map((row) => row.reduce((sum, count) => sum + count, 0));
  const columnSums = Array.from({ length: columns }, (_, c) => table.reduce((sum, row) => sum + row[c], 0));
  let chi = 0;
  table.forEach((row, r) => row.forEach((count, c) => {
    const wanted = (rowSums[r] * columnSums[c]) / pairs.length;
    chi += (count - wanted) ** 2 / wanted;
  }));
  return { chi, freedom: (rows - 1) * (columns - 1) };
}

describe('who is in which variant', () => {
  it('is the same at every visit, and the shares are as they were meant', () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 0.05, max: 1, noNaN: true }), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 5 }), (salt, traffic, weights) => {
        const sum = weights.reduce((all, weight) => all + weight, 0);
        const shares = weights.map((weight) => weight / sum);
        const assignment = createAssignment(salt, traffic, shares);
        const counts = new Float64Array(shares.length + 1);
        IDS.forEach((id) => counts[variantOf(assignment, id) + 1]++);
        IDS.slice(0, 50).forEach((id) => expect(variantOf(createAssignment(salt, traffic, shares), id)).toBe(variantOf(assignment, id)));
        [1 - traffic, ...shares.map((share) => share * traffic)].forEach((share, n) => {
          // Five standard deviations of a binomial count.
          expect(Math.abs(counts[n] - IDS.length * share)).toBeLessThanOrEqual(5 * Math.sqrt(IDS.length * share * (1 - share)) + 1e-6);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('says nothing of another experiment, nor of the buckets', () => {
    const [one, other] = [createAssignment('experiment 1', 1, [0.5, 0.5]), createAssignment('experiment 2', 1, [0.5, 0.5])];
    const isIndependent = ({ chi, freedom }: { chi: number; freedom: number }) => Math.abs(chi - freedom) / Math.sqrt(2 * freedom) < 4;
    expect(isIndependent(chiSquare(IDS.map((id) => [variantOf(one, id), variantOf(other, id)] as const), 2, 2))).toBe(true);
    expect(isIndependent(chiSquare(IDS.map((id) => [variantOf(one, id), bucketOf(id)] as const), 2, 100))).toBe(true);
  });
});
