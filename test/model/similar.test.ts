import { describe, expect, it } from 'vitest';
import type { HybridScan, HybridTerms } from '../../src/model/hybrid.ts';
import { createFactors } from '../../src/model/matrix.ts';
import { createPlainScan } from '../../src/model/plain-scan.ts';
import { createRanker } from '../../src/model/ranker.ts';
import { findSimilar } from '../../src/model/similar.ts';

const NO_TERMS: HybridTerms = { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } };
const items = createFactors(5, 2);
for (const [row, vector] of [[1, 0], [10, 1], [0, 3], [0, 0], [-2, 0]].entries()) items.data.set(vector, row * 8);

function listOf(scan: HybridScan, to: number[], mask = 0) {
  const best = findSimilar(scan, to, 10, mask)!;
  return { items: [...best.items.subarray(0, best.count)], scores: [...best.scores.subarray(0, best.count)] };
}

describe.each([['kernel', createRanker], ['plain scan', createPlainScan]] as const)('similar items by the %s', (_name, create) => {
  const scan = create(items, NO_TERMS, 10);

  it('come by angle, not by length, without themselves and without zero vectors', () => {
    const best = listOf(scan, [0]);
    expect(best.items).toEqual([1, 2, 4]);
    expect(best.scores[0]).toBeCloseTo(10 / Math.sqrt(101), 6);
    expect(best.scores[2]).toBeCloseTo(-1, 6);
  });

  it('to several items lie near their mean direction', () => {
    const best = listOf(scan, [0, 2]);
    expect(best.items).toEqual([1, 4]);
    expect(best.scores[0]).toBeCloseTo(11 / Math.sqrt(202), 6);
  });

  it('respect marks, and leave none behind', () => {
    scan.setMask(7, Uint8Array.of(0, 1, 0, 0, 0));
    expect(listOf(scan, [0], 7).items).toEqual([2, 4]);
    expect(listOf(scan, [2], 7).items).toEqual([0, 4]);
    expect(listOf(scan, [2]).items).toEqual([1, 0, 4]);
  });

  it('are lifted and lowered by boosts', () => {
    scan.setMask(9, Uint8Array.of(0, 0, 0, 1, 1));
    const boosted = (amount: number) => {
      const best = findSimilar(scan, [0], 10, 0, [{ slot: 9, amount }])!;
      return [...best.items.subarray(0, best.count)];
    };
    expect(boosted(3)).toEqual([4, 1, 2]);
    expect(boosted(-3)).toEqual([1, 2, 4]);
  });

  it('to nothing with a direction are none', () => {
    expect(findSimilar(scan, [3], 10, 0)).toBeNull();
    expect(findSimilar(scan, [0, 4], 10, 0)).toBeNull();
    expect(findSimilar(scan, [], 10, 0)).toBeNull();
  });
});
