import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagonalOf, gramOf, principalAxes, toPrincipalAxes } from '../../../src/model/gram.ts';
import { denseDiagonal } from '../../../src/model/ials.ts';
import { DEFAULT_RECIPE, ridgeOf } from '../../../src/model/recipe.ts';
import { canRunWasm, createKernels } from '../../../src/model/kernels/create.ts';
import { eigenWorkBytes, type EigenAt, type Kernels, type SparseAt } from '../../../src/model/kernels/kernels.ts';
import type { Factors, SparseRows } from '../../../src/model/matrix.ts';
import { createRandom } from '../../../src/model/random.ts';
import { solveSideByNormalEquations } from '../../../src/model/reference.ts';
import { createSharedMemory } from '../../../src/model/shared-memory.ts';
import { randomFactors, randomSparse } from '../events.ts';

const memory = createSharedMemory();
memory.grow(255); // 16 MiB
const kernels = { wasm: await createKernels('wasm', memory), reference: await createKernels('reference', memory) };

/** Puts arrays into the memory one after another. */
function placer() {
  let at = 4096;
  const take = (bytes: number) => {
    const here = at;
    at += Math.ceil(bytes / 64) * 64;
    if (at > memory.buffer.byteLength) throw new Error('the test needs more memory');
    new Uint8Array(memory.buffer, here, at - here).fill(0xff); // what is not written is NaN
    return here;
  };
  const put = (array: Float32Array | Float64Array | Int32Array) => {
    const here = take(array.byteLength);
    new Uint8Array(memory.buffer, here, array.byteLength).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return here;
  };
  const putSparse = (matrix: SparseRows): SparseAt => ({ rowStart: put(matrix.rowStart), index: put(matrix.index), weight: put(matrix.weight), target: put(matrix.target) });
  return { take, put, putSparse };
}

const floats = (at: number, length: number) => new Float32Array(memory.buffer, at, length).slice();
const doubles = (at: number, length: number) => new Float64Array(memory.buffer, at, length).slice();

/** ‖a − b‖ / ‖b‖, or ‖a‖ where b is 0. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let length = 0;
  for (let k = 0; k < b.length; k++) {
    difference += (a[k]! - b[k]!) ** 2;
    length += b[k]! ** 2;
  }
  return Math.sqrt(length === 0 ? difference : difference / length);
}

const shape = { rows: fc.integer({ min: 1, max: 300 }), factors: fc.integer({ min: 1, max: 41 }), seed: fc.integer() };
const range = (rows: number, seed: number) => {
  const random = createRandom(seed);
  const from = random.integer(rows);
  return { from, to: from + 1 + random.integer(rows - from) };
};

it('runs here, and is chosen unless the other is asked for', async () => {
  expect(canRunWasm()).toBe(true);
  expect((await createKernels('auto', memory)).name).toBe('wasm');
  expect((await createKernels('reference', memory)).name).toBe('reference');
});

describe('WebAssembly equals the reference', () => {
  it('in Gram matrices of row ranges', () => {
    fc.assert(
      fc.property(fc.record(shape), ({ rows, factors, seed }) => {
        const y = randomFactors(rows, factors, seed);
        const { from, to } = range(rows, seed);
        const { stride } = y;
        const results = Object.values(kernels).map((one) => {
          const { take, put } = placer();
          const data = put(y.data);
          const out = take(stride * stride * 8);
          one.gram(data, stride, from, to, take(one.scratchBytes(stride)), out);
          return doubles(out, stride * stride).map((value, k) => (k % stride >= Math.floor(k / stride) ? value : 0));
        });
        expect(distance(results[0]!, results[1]!)).toBeLessThan(1e-6);
      }),
      { numRuns: 60 },
    );
  });

  it('in rotations, and leaves rows outside the range alone', () => {
    fc.assert(
      fc.property(fc.record(shape), ({ rows, factors, seed }) => {
        const y = randomFactors(rows, factors, seed);
        const { stride } = y;
        const { vectors } = principalAxes(gramOf(randomFactors(factors + 3, factors, seed + 1)), factors, stride);
        const { from, to } = range(rows, seed);
        const [fast, slow] = Object.values(kernels).map((one) => {
          const { take, put } = placer();
          const [data, q, packed, scratch] = [put(y.data), put(vectors), take(stride * stride * 4), take(one.scratchBytes(stride))];
          one.packBasis(q, stride, packed);
          one.rotate(data, stride, from, to, q, packed, scratch);
          return floats(data, rows * stride);
        });
        expect(distance(fast!, slow!)).toBeLessThan(1e-6);
        expect(fast!.subarray(0, from * stride)).toEqual(y.data.subarray(0, from * stride));
        expect(fast!.subarray(to * stride)).toEqual(y.data.subarray(to * stride));
      }),
      { numRuns: 60 },
    );
  });

  it('in eigenvalues, with vectors that are orthonormal and rebuild the matrix', () => {
    const decompose = (one: Kernels, gram: Float64Array, factors: number, stride: number) => {
      const { take, put } = placer();
      const at: EigenAt = { matrix: put(gram), eigenvalues: take(stride * 8), vectors: take(stride * stride * 8), work: take(eigenWorkBytes(stride)) };
      const scratch = take(one.scratchBytes(stride));
      const told = one.decompose(at, factors, stride);
      for (let row = 0; row < stride; row += 8) one.eigenvectorRows(at, factors, stride, told, row, scratch);
      return { eigenvalues: doubles(at.eigenvalues, stride), vectors: doubles(at.vectors, stride * stride) };
    };
    // fewer rows than factors: some eigenvalues are 0
    fc.assert(
      fc.property(fc.record({ ...shape, rows: fc.integer({ min: 1, max: 60 }), flat: fc.boolean() }), ({ rows, factors, seed, flat }) => {
        const y = randomFactors(rows, factors, seed);
        if (flat) y.data.fill(0, y.stride); // rank 1, and columns of 0
        const { stride } = y;
        const gram = gramOf(y);
        const { eigenvalues, vectors } = decompose(kernels.wasm, gram, factors, stride);
        expect(distance(eigenvalues, decompose(kernels.reference, gram, factors, stride).eigenvalues)).toBeLessThan(1e-12);
        const rebuilt = new Float64Array(stride * stride);
        const products = new Float64Array(stride * stride);
        for (let i = 0; i < stride; i++) {
          for (let j = 0; j < stride; j++) {
            for (let c = 0; c < stride; c++) {
              rebuilt[i * stride + j]! += vectors[i * stride + c]! * eigenvalues[c]! * vectors[j * stride + c]!;
              products[i * stride + j]! += vectors[c * stride + i]! * vectors[c * stride + j]!;
            }
            if (i === j && i < factors) products[i * stride + j]! -= 1;
          }
        }
        expect(distance(rebuilt, gram)).toBeLessThan(1e-12);
        expect(Math.max(...products.map(Math.abs))).toBeLessThan(1e-12);
      }),
      { numRuns: 80 },
    );
  });

  it('in losses and ridges', () => {
    fc.assert(
      fc.property(fc.record({ ...shape, cols: fc.integer({ min: 1, max: 30 }) }), ({ rows, cols, factors, seed }) => {
        const [users, items, matrix] = [randomFactors(rows, factors, seed), randomFactors(cols, factors, seed + 1), randomSparse(rows, cols, 0.2, seed)];
        const { from, to } = range(rows, seed);
        const { stride } = users;
        const [fast, slow] = Object.values(kernels).map((one) => {
          const { put, putSparse } = placer();
          const [x, y, sparse] = [put(users.data), put(items.data), putSparse(matrix)];
          const ridge = put(Float64Array.from({ length: rows }, (_, r) => 0.1 + r));
          return [one.observedLoss(x, y, stride, sparse, from, to), one.ridgeLoss(x, stride, from, to, ridge)];
        });
        expect(distance(fast!, slow!)).toBeLessThan(1e-5);
      }),
      { numRuns: 60 },
    );
  });
});

describe('rows', () => {
  /** Rows `from` … `to` − 1 solved by one set of kernels against factors in their eigenbasis. */
  function solve(one: Kernels, observations: SparseRows, fixed: Factors, recipe: typeof DEFAULT_RECIPE, effort: Parameters<Kernels['solveRows']>[8], from: number, to: number) {
    const { take, put, putSparse } = placer();
    const { stride } = fixed;
    const solved = put(new Float32Array(observations.rows * stride).fill(7));
    const ridge = Float64Array.from({ length: observations.rows }, (_, r) => ridgeOf(observations.rowStart[r + 1]! - observations.rowStart[r]!, observations.cols, recipe));
    const dense = put(denseDiagonal(diagonalOf(gramOf(fixed), stride), recipe));
    const failed = one.solveRows(solved, put(fixed.data), stride, putSparse(observations), from, to, dense, put(ridge), effort, take(one.scratchBytes(stride)));
    return { failed, data: floats(solved, observations.rows * stride) };
  }
  const sizes = {
    rows: fc.integer({ min: 1, max: 9 }), cols: fc.integer({ min: 1, max: 90 }), factors: fc.integer({ min: 1, max: 41 }),
    density: fc.double({ min: 0, max: 1, noNaN: true }), regularization: fc.double({ min: 0.01, max: 1, noNaN: true }),
    unobservedWeight: fc.constantFrom(0, 0.1, 1), frequencyExponent: fc.constantFrom(0, 0.75, 1), seed: fc.integer(),
  };

  it('in the eigenbasis solve the original normal equations, short ones in the dual and long ones by conjugate gradients', () => {
    fc.assert(
      fc.property(fc.record(sizes), ({ rows, cols, density, seed, ...rest }) => {
        const recipe = { ...DEFAULT_RECIPE, ...rest };
        const observations = randomSparse(rows, cols, density, seed);
        const { factors: fixed } = toPrincipalAxes(randomFactors(cols, rest.factors, seed));
        const { stride } = fixed;
        const wanted = solveSideByNormalEquations(observations, fixed, recipe);
        for (const one of Object.values(kernels)) {
          const { data, failed } = solve(one, observations, fixed, recipe, { warm: false, steps: 4 * stride + 32, tolerance: 1e-7, relaxation: 1, exactPasses: 2 }, 0, rows);
          expect(failed).toBe(-1);
          for (let r = 0; r < rows; r++) {
            expect(distance(data.subarray(r * stride, (r + 1) * stride), wanted.data.subarray(r * stride, (r + 1) * stride))).toBeLessThan(1e-5);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('outside the range stay as they are, and empty rows become 0', () => {
    const observations = randomSparse(6, 40, 0.5, 3);
    const empty = { ...observations, rowStart: observations.rowStart.map((start, r) => (r === 3 ? observations.rowStart[2]! : start)) };
    const { factors: fixed } = toPrincipalAxes(randomFactors(40, 9, 5));
    const { data } = solve(kernels.wasm, empty, fixed, DEFAULT_RECIPE, { warm: false, steps: 6, tolerance: 0, relaxation: 1, exactPasses: 0 }, 1, 5);
    expect([...data.subarray(0, 16), ...data.subarray(5 * 16)].every((value) => value === 7)).toBe(true);
    expect(data.subarray(2 * 16, 3 * 16)).toEqual(new Float32Array(16));
  });

  it('that are not finite are named, the first of them', () => {
    for (const [density, wrong] of [[0.1, Number.NaN], [1, Number.NaN], [0.1, Number.POSITIVE_INFINITY], [1, Number.POSITIVE_INFINITY]] as const) {
      const observations = randomSparse(8, 90, density, 2);
      for (const row of [4, 6]) observations.weight[observations.rowStart[row]!] = wrong;
      const { factors: fixed } = toPrincipalAxes(randomFactors(90, 9, 5));
      const failed = Object.values(kernels).map((one) => solve(one, observations, fixed, DEFAULT_RECIPE, { warm: false, steps: 6, tolerance: 0, relaxation: 1, exactPasses: 0 }, 0, 8).failed);
      expect(failed).toEqual([4, 4]);
    }
  });
});
