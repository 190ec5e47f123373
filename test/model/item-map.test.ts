/** The plane against singular values of the same vectors by ml-matrix. */
import fc from 'fast-check';
import { Matrix, SVD } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { mapToPlane } from '../../src/model/item-map.ts';
import { atOnce } from '../../src/model/pieces.ts';
import { createRandom } from '../../src/model/random.ts';

describe('the plane of a set of vectors', () => {
  it('is that of the largest two singular values of what is left without the mean', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 40 }), fc.constantFrom(1, 2, 5, 8), fc.integer({ min: 1, max: 1e6 }), (rows, stride, seed) => {
        const random = createRandom(seed);
        const vectors = Float32Array.from({ length: rows * stride }, (_, k) => 3 + (k % stride + 1) * random.gaussian());
        const centred = new Matrix(rows, stride);
        for (let r = 0; r < rows; r++) for (let k = 0; k < stride; k++) centred.set(r, k, vectors[r * stride + k]!);
        centred.subRowVector(centred.mean('column'));
        const squares = new SVD(centred, { autoTranspose: true }).diagonal.map((value) => value * value);
        const all = squares.reduce((a, b) => a + b);
        const { x, y, shares } = atOnce(mapToPlane(vectors, rows, stride));
        const length = (axis: Float32Array) => axis.reduce((sum, value) => sum + value * value, 0);
        expect(shares[0]).toBeCloseTo(squares[0]! / all, 4);
        expect(shares[1]).toBeCloseTo((squares[1] ?? 0) / all, 4);
        expect(length(x) / all).toBeCloseTo(shares[0], 4);
        expect(length(y) / all).toBeCloseTo(shares[1], 4);
        expect(Math.abs(x.reduce((sum, value, row) => sum + value * y[row]!, 0)) / all).toBeLessThan(1e-4);
      }),
      { numRuns: 50 },
    );
  });

  it('is the same point for all where there is one vector, or only one direction of it', () => {
    for (const vectors of [[], [1, 2], [1, 2, 1, 2, 1, 2]]) {
      const { x, y, shares } = atOnce(mapToPlane(Float32Array.from(vectors), vectors.length / 2, 2));
      expect([...x, ...y, ...shares]).toEqual(Array.from({ length: vectors.length + 2 }, () => 0));
    }
  });
});
