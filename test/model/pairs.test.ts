import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countFreshUsers, countRecentUsers, countUsers, fadePairs, findPairRelevance, foldFreshness, foldPairs, type PairColumns } from '../../src/model/pairs.ts';

type Row = readonly [user: number, item: number, weight?: number, day?: number];

function pairsOf(rows: readonly Row[], users = 6, items = 7): PairColumns {
  return {
    length: rows.length, users, items,
    user: Int32Array.from(rows, (row) => row[0]),
    item: Int32Array.from(rows, (row) => row[1]),
    weight: rows.some((row) => row[2] !== undefined) ? Float32Array.from(rows, (row) => row[2] ?? 1) : null,
    timeMs: rows.some((row) => row[3] !== undefined) ? Float64Array.from(rows, (row) => (row[3] ?? Number.NaN) * 86_400_000) : null,
  };
}

describe('pairs', () => {
  it('fold to one entry each, their weights summed, in order', () => {
    const row = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 9 }));
    fc.assert(fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
      const { matrix, duplicates } = foldPairs(pairsOf(rows));
      const sums = new Map<number, number>();
      for (const [user, item, weight] of rows) sums.set(user * 7 + item, (sums.get(user * 7 + item) ?? 0) + weight);
      expect(duplicates).toBe(rows.length - sums.size);
      const found: [number, number][] = [];
      for (let u = 0; u < 6; u++) for (let e = matrix.rowStart[u]!; e < matrix.rowStart[u + 1]!; e++) found.push([u * 7 + matrix.index[e]!, matrix.weight[e]!]);
      expect(found).toEqual([...sums].sort((a, b) => a[0] - b[0]));
      expect([...matrix.target].every((target) => target === 1)).toBe(true);
    }));
  });

  it('count as relevant once, when they are news, for users who are known', () => {
    const { matrix: train } = foldPairs(pairsOf([[0, 0], [0, 1], [1, 2], [2, 3]], 3, 4));
    // The later file's users: 0 = train 2, 1 = train 0, 2 = unknown, 3 = train 1. Its items: 0 = train 0, 1 = train 3, 2 and 3 = cold.
    const later = pairsOf([[1, 0], [1, 1], [1, 1], [1, 2], [1, 2], [1, 3], [0, 1], [2, 0], [3, 0]], 4, 4);
    const { userRows, rowStart, itemIndex } = findPairRelevance(train, later, Int32Array.of(2, 0, -1, 1), Int32Array.of(0, 3, -1, -1));
    // User 2 came back to item 3 alone: left out.
    expect([...userRows]).toEqual([0, 1]);
    expect([...rowStart]).toEqual([0, 3, 4]);
    expect([...itemIndex]).toEqual([3, -1, -1, 0]);
  });

  it('are popular by users, and lately by users of the last days', () => {
    const pairs = pairsOf([[0, 0, 50, 1], [0, 0, 1, 2], [1, 1, 1, 60], [2, 1, 1, 32.1], [3, 2, 1, 31.9], [4, 3, 1, undefined]]);
    expect([...countUsers(foldPairs(pairs).matrix)]).toEqual([1, 2, 1, 1, 0, 0, 0]);
    expect([...countRecentUsers(pairs, 28)!]).toEqual([0, 2, 0, 0, 0, 0, 0]);
    expect(countRecentUsers(pairsOf([[0, 0]]), 28)).toBeNull();
  });

  it('fade by age from the newest row; rows without a time are as old as the oldest', () => {
    const pairs = pairsOf([[0, 1, 4, 100], [0, 1, 2, 110], [1, 2, 8, 90], [1, 3, 8], [2, 3, 1, 120]]);
    expect([...fadePairs(pairs, 10).weight!]).toEqual([1, 1, 1, 1, 1]);
    expect(fadePairs(pairs, 0)).toBe(pairs);
    const fresh = foldFreshness(pairs, 10);
    expect([...fresh.index]).toEqual([1, 2, 3, 3]);
    expect([...fresh.weight]).toEqual([0.5, 0.125, 0.125, 1]);
    expect([...countFreshUsers(pairs, 10)!]).toEqual([0, 0.5, 0.125, 1.125, 0, 0, 0]);
    const timeless = pairsOf([[0, 1, 4], [1, 2, 8]]);
    expect(fadePairs(timeless, 10)).toBe(timeless);
    expect([...foldFreshness(timeless, 10).weight]).toEqual([1, 1]);
    expect(countFreshUsers(timeless, 10)).toBeNull();
    // However old: still above 0, in float32 too.
    expect(fadePairs(pairsOf([[0, 1, 1, 0], [1, 2, 1, 20_000]]), 1).weight![0]).toBe(2 ** -20);
  });
});
