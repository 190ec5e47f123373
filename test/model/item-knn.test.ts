import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findItemNeighbours, rankByNeighbours } from '../../src/model/item-knn.ts';
import { type SparseRows, transpose } from '../../src/model/matrix.ts';
import { foldPairs } from '../../src/model/pairs.ts';

/** One list of items per user. */
function matrixOf(rows: readonly (readonly number[])[], items: number): SparseRows {
  const pairs = rows.flatMap((list, user) => list.map((item) => [user, item] as const));
  return foldPairs({
    length: pairs.length, users: rows.length, items, user: Int32Array.from(pairs, ([user]) => user), item: Int32Array.from(pairs, ([, item]) => item), weight: null, timeMs: null,
  }).matrix;
}

/** The obvious way: the full item × item matrix, sorted. */
function cosines(rows: readonly (readonly number[])[], items: number): number[][] {
  const sets = Array.from({ length: items }, (_, item) => rows.map((list) => (list.includes(item) ? 1 : 0)));
  const dot = (a: number[], b: number[]) => a.reduce<number>((sum, value, n) => sum + value * b[n]!, 0);
  return sets.map((a) => sets.map((b) => (dot(a, b) === 0 ? 0 : dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
}

const shops = fc.record({ items: fc.integer({ min: 1, max: 9 }), most: fc.integer({ min: 1, max: 10 }) }).chain(({ items, most }) =>
  fc.record({
    items: fc.constant(items), most: fc.constant(most),
    rows: fc.array(fc.uniqueArray(fc.integer({ min: 0, max: items - 1 }), { maxLength: items }), { minLength: 1, maxLength: 8 }),
  }));

describe('item-kNN', () => {
  it('finds the K nearest by cosine, as the full matrix has them', () => {
    fc.assert(fc.property(shops, ({ items, most, rows }) => {
      const byUser = matrixOf(rows, items);
      const { rowStart, index, similarity } = findItemNeighbours(byUser, transpose(byUser), most);
      const full = cosines(rows, items);
      for (let j = 0; j < items; j++) {
        const found = [...index.subarray(rowStart[j], rowStart[j + 1])];
        const wanted = full[j]!.map((cosine, i) => ({ cosine, i })).filter(({ cosine, i }) => cosine > 0 && i !== j).sort((a, b) => b.cosine - a.cosine || a.i - b.i).slice(0, most);
        expect(found).toHaveLength(wanted.length);
        expect(new Set(found).size).toBe(found.length);
        expect(found).not.toContain(j);
        for (const [n, { cosine }] of wanted.entries()) {
          expect(similarity[rowStart[j]! + n]).toBeCloseTo(cosine, 6);
          expect(full[j]![found[n]!]).toBeCloseTo(cosine, 6);
        }
      }
    }));
  });

  it('ranks by the sum over the history, without what the user has', () => {
    // Item 2 goes with both of user 0's items, item 3 with one; item 4 with none.
    const rows = [[0, 1], [0, 1, 2], [0, 2], [1, 2, 3], [4]];
    const byUser = matrixOf(rows, 5);
    const rank = rankByNeighbours(findItemNeighbours(byUser, transpose(byUser)), byUser, 4);
    const list = new Int32Array(4);
    expect([...list.subarray(0, rank(0, list))]).toEqual([2, 3]);
    expect(rank(4, list)).toBe(0);
    // The same user again: nothing of the others is left over.
    expect([...list.subarray(0, rank(0, list))]).toEqual([2, 3]);
  });

  it('needs no room for item × item: 100,000 items with two users each', () => {
    const items = 100_000;
    const rows = Array.from({ length: items }, (_, user) => [user, (user + 1) % items]);
    const byUser = matrixOf(rows, items);
    const { rowStart, index } = findItemNeighbours(byUser, transpose(byUser), 10);
    expect(rowStart[items]).toBe(2 * items);
    expect([...index.subarray(rowStart[7], rowStart[8])]).toEqual([6, 8]);
  });
});
