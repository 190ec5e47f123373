import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdOutByTime, holdOutByUser, sampleRelevance } from '../../src/model/holdout.ts';
import type { PairColumns } from '../../src/model/pairs.ts';

function pairsOf(rows: readonly (readonly [user: number, item: number, timeMs?: number])[]): PairColumns {
  return {
    length: rows.length,
    users: Math.max(-1, ...rows.map((row) => row[0])) + 1,
    items: Math.max(-1, ...rows.map((row) => row[1])) + 1,
    user: Int32Array.from(rows, (row) => row[0]),
    item: Int32Array.from(rows, (row) => row[1]),
    weight: null,
    timeMs: rows.some((row) => row[2] !== undefined) ? Float64Array.from(rows, (row) => row[2] ?? Number.NaN) : null,
  };
}

describe('a part of a file held out', () => {
  it('by time is the latest fifth, an instant undivided; rows without a time are train', () => {
    // Times 1 … 8, and twice 9 where the cut falls: both are held out, though a fifth of eleven is two at the most.
    const early = Array.from({ length: 8 }, (_, n) => [n % 4, n, n + 1] as const);
    const holdout = holdOutByTime(pairsOf([[0, 9, 9], ...early, [1, 0, 9], [9, 5]]))!;
    expect(holdout.by).toBe('time');
    // User 9 becomes row 4; item 9 is cold.
    expect([holdout.train.rows, holdout.train.cols, holdout.train.index.length]).toEqual([5, 8, 9]);
    expect([...holdout.relevance.userRows]).toEqual([0, 1]);
    expect([...holdout.relevance.itemIndex]).toEqual([-1, 0]);
  });

  it('by time is nothing without times, or with one only', () => {
    expect(holdOutByTime(pairsOf([[0, 0], [1, 1]]))).toBeNull();
    expect(holdOutByTime(pairsOf([[0, 0, 5], [1, 1, 5]]))).toBeNull();
  });

  it("by user is about a tenth of each user's items, never all, the same for the same seed, and nothing is lost", () => {
    const row = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 30 }));
    fc.assert(fc.property(fc.array(row, { minLength: 1, maxLength: 200 }), fc.integer({ min: 0, max: 99 }), (rows, seed) => {
      const distinct = new Set(rows.map(([user, item]) => user * 100 + item));
      const holdout = holdOutByUser(pairsOf(rows), seed);
      expect(holdOutByUser(pairsOf(rows), seed)).toEqual(holdout);
      if (holdout === null) return;
      const { train, relevance } = holdout;
      expect(train.index.length + relevance.itemIndex.length).toBe(distinct.size);
      expect(train.rows).toBe(new Set(rows.map(([user]) => user)).size);
      for (let n = 0; n < relevance.userRows.length; n++) {
        const heldOut = relevance.rowStart[n + 1]! - relevance.rowStart[n]!;
        const kept = train.rowStart[relevance.userRows[n]! + 1]! - train.rowStart[relevance.userRows[n]!]!;
        expect(kept).toBeGreaterThan(0);
        expect(heldOut).toBeLessThanOrEqual(Math.ceil((heldOut + kept) / 10));
      }
    }));
    const many = Array.from({ length: 100_000 }, (_, n) => [n % 5000, Math.floor(n / 5000)] as const);
    const share = holdOutByUser(pairsOf(many), 1)!.relevance.itemIndex.length / many.length;
    expect(share).toBeGreaterThan(0.095);
    expect(share).toBeLessThan(0.105);
  });

  it('is thinned to some users, drawn alike, whole', () => {
    const relevance = { userRows: Int32Array.from({ length: 50 }, (_, u) => 2 * u), rowStart: Int32Array.from({ length: 51 }, (_, u) => 3 * u), itemIndex: Int32Array.from({ length: 150 }, (_, e) => e) };
    const sample = sampleRelevance(relevance, 10, 4);
    expect(sample.userRows).toHaveLength(10);
    expect(new Set(sample.userRows).size).toBe(10);
    for (const [n, row] of sample.userRows.entries()) {
      expect([...sample.itemIndex.subarray(sample.rowStart[n], sample.rowStart[n + 1])]).toEqual([0, 1, 2].map((e) => (row / 2) * 3 + e));
    }
    expect(sampleRelevance(relevance, 50, 4)).toBe(relevance);
  });
});
