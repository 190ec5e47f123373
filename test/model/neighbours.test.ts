import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SparseRows } from '../../src/model/matrix.ts';
import { findNeighbours, mostPerUser, type Neighbours } from '../../src/model/neighbours.ts';
import { foldPairs } from '../../src/model/pairs.ts';
import { findNeighboursOnThreads } from '../../src/training/threads/neighbours.ts';
import { randomSparse } from './events.ts';

/** One list of items per user. */
function matrixOf(rows: readonly (readonly number[])[], items: number): SparseRows {
  const pairs = rows.flatMap((list, user) => list.map((item) => [user, item] as const));
  return foldPairs({
    length: pairs.length, users: rows.length, items, user: Int32Array.from(pairs, ([user]) => user), item: Int32Array.from(pairs, ([, item]) => item), weight: null, timeMs: null,
  }).matrix;
}

/** The formula over the full item × item matrix. */
function similarities(rows: readonly (readonly number[])[], items: number, a: number, b: number): number[][] {
  const degree = Array.from({ length: items }, (_, item) => rows.filter((list) => list.includes(item)).length);
  return degree.map((dj, j) => degree.map((di, i) => {
    const common = rows.filter((list) => list.includes(i) && list.includes(j)).reduce((sum, list) => sum + 1 / list.length, 0);
    return common === 0 ? 0 : common / (dj ** a * di ** b);
  }));
}

const shops = fc.record({ items: fc.integer({ min: 1, max: 9 }), most: fc.integer({ min: 1, max: 10 }), a: fc.constantFrom(0, 0.25, 0.75, 1), b: fc.constantFrom(0, 0.25, 0.5, 1) }).chain((shop) =>
  fc.record({ shop: fc.constant(shop), rows: fc.array(fc.uniqueArray(fc.integer({ min: 0, max: shop.items - 1 }), { maxLength: shop.items }), { minLength: 1, maxLength: 8 }) }));

const bytesOf = ({ rowStart, index, similarity }: Neighbours) => [rowStart, index, similarity].map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64'));

describe('neighbours', () => {
  it('are the K best of the full matrix, with its values', () => {
    fc.assert(fc.property(shops, ({ shop: { items, most, a, b }, rows }) => {
      const { rowStart, index, similarity } = findNeighbours(matrixOf(rows, items), { most, ownExponent: a, otherExponent: b });
      const full = similarities(rows, items, a, b);
      for (let j = 0; j < items; j++) {
        const found = [...index.subarray(rowStart[j], rowStart[j + 1])];
        const wanted = full[j]!.filter((value, i) => value > 0 && i !== j).sort((x, y) => y - x).slice(0, most);
        expect(found).toHaveLength(wanted.length);
        expect(new Set(found).size).toBe(found.length);
        expect(found).not.toContain(j);
        for (const [n, value] of wanted.entries()) {
          expect(similarity[rowStart[j]! + n]).toBeCloseTo(value, 5);
          expect(full[j]![found[n]!]).toBeCloseTo(value, 5);
        }
      }
    }));
  });

  it('have the same bytes with any number of threads, and as one thread makes them', async () => {
    const byUser = randomSparse(301, 173, 0.07, 5);
    const settings = { most: 11, ownExponent: 0.75, otherExponent: 0.25 };
    const alone = findNeighbours(byUser, settings);
    expect(alone.rowStart[173]).toBeGreaterThan(173 * 5);
    for (const threads of [1, 2, 3]) {
      expect(bytesOf(await findNeighboursOnThreads({ byUser, settings, threads }))).toEqual(bytesOf(alone));
    }
  });

  it('end with the reason when cancelled, and refuse settings no list can have', async () => {
    const byUser = randomSparse(20, 15, 0.3, 5);
    const settings = { most: 3, ownExponent: 0.75, otherExponent: 0.25 };
    await expect(findNeighboursOnThreads({ byUser, settings, threads: 1, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    await expect(findNeighboursOnThreads({ byUser, settings: { ...settings, most: 0 }, threads: 1 })).rejects.toThrow(/whole number from 1/);
    await expect(findNeighboursOnThreads({ byUser, settings: { ...settings, otherExponent: Number.NaN }, threads: 1 })).rejects.toThrow(/exponents must be/);
    expect(() => findNeighbours({ ...byUser, cols: 2 ** 29 }, settings)).toThrow(/take fewer/);
  });

  it('need no room for item × item: 100,000 items with two users each', () => {
    const items = 100_000;
    const { rowStart, index } = findNeighbours(matrixOf(Array.from({ length: items }, (_, user) => [user, (user + 1) % items]), items), { most: 10, ownExponent: 0.75, otherExponent: 0.25 });
    expect(rowStart[items]).toBe(2 * items);
    expect([...index.subarray(rowStart[7], rowStart[8])]).toEqual([6, 8]);
  });

  it('take a very busy user for an evenly spread part of their items', () => {
    const items = 3 * mostPerUser;
    const everything = Array.from({ length: items }, (_, item) => item);
    const settings = { most: 5, ownExponent: 0.5, otherExponent: 0.5 };
    const part = everything.filter((item) => item % 3 === 0);
    expect(bytesOf(findNeighbours(matrixOf([everything, [0, 1], [4, 5]], items), settings))).toEqual(bytesOf(findNeighbours(matrixOf([part, [0, 1], [4, 5]], items), settings)));
  });
});
