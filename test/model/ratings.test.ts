import { describe, expect, it } from 'vitest';
import type { PairColumns } from '../../src/model/pairs.ts';
import { foldRatings, markTenth, measureErrors, selectRatings, wantRatings } from '../../src/model/ratings.ts';
import { randomSparse } from './events.ts';

const pairsOf = (rows: readonly (readonly [number, number, number, number?])[], users: number, items: number): PairColumns => ({
  length: rows.length, users, items, user: Int32Array.from(rows, ([u]) => u), item: Int32Array.from(rows, ([, i]) => i), weight: Float32Array.from(rows, ([, , rating]) => rating),
  timeMs: rows.some((row) => row.length > 3) ? Float64Array.from(rows, ([, , , time]) => time ?? Number.NaN) : null,
});

describe('ratings of a file', () => {
  it('count once a pair, the newest: by time, else the last row; a row with a time beats one without', () => {
    const timed = foldRatings(pairsOf([[0, 1, 5, 20], [0, 1, 4, 10], [0, 1, 3], [0, 0, 1, 7], [0, 0, 2, 7], [1, 1, -1], [1, 1, 0]], 2, 2));
    expect([...timed.matrix.target]).toEqual([2, 5, 0]);
    expect([...timed.matrix.index]).toEqual([0, 1, 1]);
    expect([...timed.matrix.rowStart]).toEqual([0, 2, 3]);
    expect(timed.replaced).toBe(4);
    expect([...foldRatings(pairsOf([[0, 1, 5], [0, 1, 4]], 1, 2)).matrix.target]).toEqual([4]);
  });

  it('are split into two parts that make the whole, a tenth of each user and never all of it', () => {
    const ratings = randomSparse(60, 80, 0.4, 5);
    const marks = markTenth(ratings, 1);
    const [kept, held] = [selectRatings(ratings, marks, 0), selectRatings(ratings, marks, 1)];
    expect(kept.index.length + held.index.length).toBe(ratings.index.length);
    expect(held.index.length / ratings.index.length).toBeCloseTo(0.1, 1);
    for (let u = 0; u < 60; u++) expect(kept.rowStart[u + 1]! - kept.rowStart[u]!).toBeGreaterThan(0);
    expect(markTenth(ratings, 1)).toEqual(marks);
    expect(markTenth(ratings, 2)).not.toEqual(marks);
  });
});

describe('errors', () => {
  it('are those counted by hand, and the interval is over users', () => {
    const { matrix } = foldRatings(pairsOf([[0, 0, 1], [0, 1, 2], [2, 0, 5]], 3, 2));
    const wanted = wantRatings(matrix, Int32Array.of(4, -1, 7), Int32Array.of(-1, 9));
    expect([...wanted.user]).toEqual([4, 4, 7]);
    expect([...wanted.item]).toEqual([-1, 9, -1]);
    const { rmse, mae } = measureErrors(() => 2, wanted);
    expect(rmse.mean).toBeCloseTo(Math.sqrt((1 + 0 + 9) / 3), 12);
    expect(mae.mean).toBeCloseTo((1 + 0 + 3) / 3, 12);
    expect(mae.low).toBeCloseTo(0.5, 12); // only the first user
    expect(mae.high).toBeCloseTo(3, 12); // only the other
  });

  it('have the same interval by resampling and by the normal law, where they meet', () => {
    const errorsOf = (users: number) => {
      const rows = Array.from({ length: users * 4 }, (_, n) => [n >> 2, n % 4, Math.sin(n * 12.9898) * ((n >> 2) % 3)] as const);
      const wanted = wantRatings(foldRatings(pairsOf(rows, users, 4)).matrix, new Int32Array(users), new Int32Array(4));
      const { mean, low, high } = measureErrors(() => 0, wanted).rmse;
      return [(high - mean) / mean, (mean - low) / mean] as const;
    };
    const [drawn, computed] = [errorsOf(5000), errorsOf(5001)];
    expect(drawn[0] / computed[0]).toBeCloseTo(1, 0);
    expect(drawn[1] / computed[1]).toBeGreaterThan(0.85);
    expect(drawn[1] / computed[1]).toBeLessThan(1.15);
  });
});
