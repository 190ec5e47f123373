import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constantsLoss, frozenColumn } from '../../src/model/biased-rows.ts';
import { biasConstant, DEFAULT_RATING_RECIPE, fitBiases, fitExplicit, predictRating, type RatingRecipe, rowRecipe, scaleRatings, toRatingModel } from '../../src/model/explicit.ts';
import { createRowScratch, exactSteps, exactTolerance, solveRow, solveRows } from '../../src/model/ials.ts';
import { ridgeOf } from '../../src/model/recipe.ts';
import { createKernels } from '../../src/model/kernels/create.ts';
import type { Kernels } from '../../src/model/kernels/kernels.ts';
import { type SparseRows, transpose } from '../../src/model/matrix.ts';
import { createRandom } from '../../src/model/random.ts';
import { createSharedMemory } from '../../src/model/shared-memory.ts';
import { randomFactors, randomSparse } from './events.ts';

/** Rows × cols, each pair rated with probability `density`. */
export function ratingsOf(rows: number, cols: number, density: number, seed: number, rate: (row: number, col: number) => number): SparseRows {
  const matrix = randomSparse(rows, cols, density, seed);
  const target = new Float32Array(matrix.index.length);
  for (let r = 0; r < rows; r++) for (let e = matrix.rowStart[r]!; e < matrix.rowStart[r + 1]!; e++) target[e] = rate(r, matrix.index[e]!);
  return { ...matrix, weight: matrix.weight.map(() => 1), target };
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let length = 0;
  for (let k = 0; k < b.length; k++) {
    difference += (a[k]! - b[k]!) ** 2;
    length += b[k]! ** 2;
  }
  return Math.sqrt(length === 0 ? difference : difference / length);
}

/** The other coefficients by dense normal equations, the frozen column's share taken from the targets. */
function solveDensely(observations: SparseRows, row: number, fixed: Float32Array, factors: number, stride: number, ridge: number, frozen: number, kept: number): number[] {
  const free = Array.from({ length: factors }, (_, k) => k).filter((k) => k !== frozen);
  const entries = Array.from({ length: observations.rowStart[row + 1]! - observations.rowStart[row]! }, (_, n) => observations.rowStart[row]! + n);
  const solution = Array.from({ length: factors }, (_, k) => (k === frozen ? kept : 0));
  if (entries.length === 0 || free.length === 0) return solution;
  const y = new Matrix(entries.map((e) => free.map((k) => Math.sqrt(observations.weight[e]!) * fixed[observations.index[e]! * stride + k]!)));
  const t = Matrix.columnVector(entries.map((e) => Math.sqrt(observations.weight[e]!) * (observations.target[e]! - kept * fixed[observations.index[e]! * stride + frozen]!)));
  const system = y.transpose().mmul(y).add(Matrix.eye(free.length).mul(ridge));
  const x = new CholeskyDecomposition(system).solve(y.transpose().mmul(t));
  free.forEach((k, n) => (solution[k] = x.get(n, 0)));
  return solution;
}

describe('rows with a frozen column', async () => {
  const memory = createSharedMemory();
  memory.grow(63);
  const kernels = { wasm: await createKernels('wasm', memory), reference: await createKernels('reference', memory) };

  function solve(one: Kernels, observations: SparseRows, solved: Float32Array, fixed: Float32Array, stride: number, ridge: Float64Array, frozen: number) {
    let at = 4096;
    const put = (array: Float32Array | Float64Array | Int32Array) => {
      const here = at;
      at += Math.ceil(array.byteLength / 64) * 64;
      new Uint8Array(memory.buffer, here, array.byteLength).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return here;
    };
    const out = put(solved);
    const sparse = { rowStart: put(observations.rowStart), index: put(observations.index), weight: put(observations.weight), target: put(observations.target) };
    const failed = one.solveRows(
      out, put(fixed), stride, sparse, 0, observations.rows, put(new Float64Array(stride)), put(ridge), { warm: true, steps: 4 * stride + 32, tolerance: 1e-7, relaxation: 1, exactPasses: 2 },
      put(new Float64Array(one.scratchBytes(stride) / 8)), frozen,
    );
    return { failed, data: new Float32Array(memory.buffer, out, solved.length).slice() };
  }

  it('solve the dense normal equations of the others, from wherever they stand, short and long', () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 6 }), cols: fc.integer({ min: 1, max: 70 }), factors: fc.integer({ min: 1, max: 35 }), density: fc.double({ min: 0, max: 1, noNaN: true }),
      lambda: fc.double({ min: 0.05, max: 5, noNaN: true }), seed: fc.integer(), place: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ rows, cols, factors, density, lambda, seed, place }) => {
        const frozen = place % factors;
        const observations = randomSparse(rows, cols, density, seed);
        const fixed = randomFactors(cols, factors, seed);
        const start = randomFactors(rows, factors, seed + 1);
        for (let k = 0; k < start.data.length; k++) start.data[k]! *= 0.1; // what ends the gradients is relative to where they began
        const { stride } = fixed;
        const ridge = new Float64Array(rows).map((_, r) => lambda * (1 + r));
        for (const one of Object.values(kernels)) {
          const { failed, data } = solve(one, observations, start.data, fixed.data, stride, ridge, frozen);
          expect(failed).toBe(-1);
          for (let r = 0; r < rows; r++) {
            const kept = start.data[r * stride + frozen]!;
            expect(data[r * stride + frozen]).toBe(kept);
            // Numbers have 24 bits, and of equations that little keeps from being singular as many fewer count as the largest of what is solved is larger than the ridge: at most the trace is.
            let trace = ridge[r]!;
            for (let e = observations.rowStart[r]!; e < observations.rowStart[r + 1]!; e++) {
              const at = observations.index[e]! * stride;
              trace += observations.weight[e]! * fixed.data.subarray(at, at + factors).reduce((sum, value) => sum + value * value, 0);
            }
            const far = distance(data.subarray(r * stride, r * stride + factors), solveDensely(observations, r, fixed.data, factors, stride, ridge[r]!, frozen, kept));
            // Six times what the worst of 6,000 such systems came to.
            expect(far).toBeLessThan(Math.min(1e-4 / Math.min(1, ridge[r]! * 2), 2e-5 + 4 * 2 ** -24 * (trace / ridge[r]!)));
            expect([...data.subarray(r * stride + factors, (r + 1) * stride)].every((value) => value === 0)).toBe(true);
          }
        }
      }),
      { numRuns: 80 },
    );
  });

  it('do not raise the error where steps are few', () => {
    const observations = randomSparse(5, 60, 0.8, 4);
    const fixed = randomFactors(60, 12, 5);
    const exact = randomFactors(5, 12, 6);
    const scratch = createRowScratch(fixed.stride);
    const ridge = new Float64Array(5).fill(0.5);
    const args = [fixed.data, fixed.stride, observations, 0, 5, new Float64Array(fixed.stride), ridge] as const;
    solveRows(exact.data, ...args, exactSteps(16), exactTolerance, scratch, 3);
    const again = exact.data.slice();
    solveRows(again, ...args, 1, 0, scratch, 3);
    expect(distance(again, exact.data)).toBeLessThan(1e-6);
  });
});

describe('a fit of ratings', () => {
  const recipe: RatingRecipe = { ...DEFAULT_RATING_RECIPE, factors: 3, sweeps: 12, regularization: 0.3, biasRegularization: 0.2 };
  const random = createRandom(3);
  const numbers = (length: number) => Float64Array.from({ length }, () => random.gaussian());
  const [x, y, ofUser, ofItem] = [numbers(90), numbers(60), numbers(90), numbers(60)];
  const rate = (u: number, i: number) => -40 + 10 * (ofUser[u]! + ofItem[i]! + x[u]! * y[i]!);
  const byUser = ratingsOf(90, 60, 0.5, 7, rate);
  const byItem = transpose(byUser);
  const fit = (ratings: SparseRows, used: RatingRecipe) => {
    const scaled = scaleRatings(ratings);
    const constant = biasConstant(used);
    const rows = fitExplicit(scaled.matrix, transpose(scaled.matrix), rowRecipe(used), constant, { objective: true });
    const raw = { users: { ...rows.users, data: rows.users.data.slice() }, items: { ...rows.items, data: rows.items.data.slice() } };
    return { scaled, constant, rows: raw, objective: rows.objective!, model: toRatingModel(rows, scaled, constant) };
  };

  it('recovers one direction of taste and the biases, to the last pair that nobody rated', () => {
    const { model } = fit(byUser, { ...recipe, factors: 1, sweeps: 60, regularization: 1e-4, biasRegularization: 1e-4 });
    let squares = 0;
    for (let u = 0; u < 90; u++) for (let i = 0; i < 60; i++) squares += (predictRating(model, u, i) - Math.min(model.high, Math.max(model.low, rate(u, i)))) ** 2;
    expect(Math.sqrt(squares / 5400)).toBeLessThan(0.05); // of a spread of 17
    expect(fit(byUser, { ...recipe, factors: 1 }).scaled.spread).toBeGreaterThan(10);
  });

  it('lowers its objective with every sweep, and it is the function of the head of the file', () => {
    const { objective, model, scaled } = fit(byUser, recipe);
    expect(objective).toHaveLength(recipe.sweeps + 1);
    for (let s = 1; s < objective.length; s++) expect(objective[s]!).toBeLessThanOrEqual(objective[s - 1]! * (1 + 1e-9));
    let sum = 0;
    const { users, items } = model;
    for (const [side, matrix, bias] of [[users, byUser, 3], [items, byItem, 4]] as const) {
      for (let r = 0; r < side.rows; r++) {
        const row = side.data.subarray(r * side.stride, (r + 1) * side.stride);
        const frequency = (matrix.rowStart[r + 1]! - matrix.rowStart[r]!) ** recipe.frequencyExponent;
        sum += frequency * (recipe.regularization * scaled.spread * (row[0]! ** 2 + row[1]! ** 2 + row[2]! ** 2) + recipe.biasRegularization * row[bias]! ** 2);
        expect(row[7 - bias]).toBe(1);
      }
    }
    const unclipped = { ...model, low: -Infinity, high: Infinity };
    for (let u = 0; u < 90; u++) for (let e = byUser.rowStart[u]!; e < byUser.rowStart[u + 1]!; e++) sum += (byUser.target[e]! - predictRating(unclipped, u, byUser.index[e]!)) ** 2;
    expect((objective.at(-1)! * scaled.spread ** 2) / sum).toBeCloseTo(1, 5);
  });

  it('gives the same predictions on another scale, times that scale', () => {
    const { model } = fit(byUser, recipe);
    const shifted = fit({ ...byUser, target: byUser.target.map((rating) => 3 - rating / 8) }, recipe).model;
    for (const [u, i] of [[0, 0], [17, 3], [89, 59], [-1, 5], [6, -1], [-1, -1]] as const) {
      expect(predictRating(shifted, u, i)).toBeCloseTo(3 - predictRating(model, u, i) / 8, 2);
    }
  });

  it('ends so that folding in a training row gives its trained row', () => {
    const { rows: { users, items }, scaled: { matrix }, constant } = fit(byUser, recipe);
    const { stride, factors } = items;
    const scratch = createRowScratch(stride);
    for (let u = 0; u < users.rows; u++) {
      scratch.x.fill(0);
      scratch.x[frozenColumn('user', factors)] = constant;
      const [start, end] = [matrix.rowStart[u]!, matrix.rowStart[u + 1]!];
      solveRow(items.data, stride, matrix.index, matrix.weight, matrix.target, start, end, new Float64Array(stride), ridgeOf(end - start, 60, rowRecipe(recipe)), exactSteps(stride), exactTolerance, scratch, frozenColumn('user', factors));
      expect(distance(users.data.subarray(u * stride, (u + 1) * stride), scratch.x)).toBeLessThan(1e-4);
    }
  });

  it('with vectors shrunk to nothing is biases alone', () => {
    const { model } = fit(byUser, { ...recipe, factors: 1, sweeps: 40, regularization: 1e6, biasRegularization: 2 });
    const biases = fitBiases(byUser, byItem, model.mean, 2, recipe.frequencyExponent);
    for (let u = 0; u < 90; u++) expect(model.users.data[u * 8 + 1]).toBeCloseTo(biases.user[u]!, 2);
    for (let i = 0; i < 60; i++) expect(model.items.data[i * 8 + 2]).toBeCloseTo(biases.item[i]!, 2);
  });

  it('takes a rating of everything alike, and knows what it does not know', () => {
    const { model, objective } = fit({ ...byUser, target: byUser.target.map(() => -2) }, recipe);
    expect(predictRating(model, 0, 0)).toBe(-2);
    expect(objective.at(-1)).toBeCloseTo(0, 9);
    const { model: usual } = fit(byUser, recipe);
    const { users, items, mean } = usual;
    expect(predictRating(usual, -1, -1)).toBeCloseTo(mean, 9);
    expect(predictRating(usual, 4, -1)).toBeCloseTo(mean + users.data[4 * users.stride + 3]!, 9);
    expect(predictRating(usual, -1, 4)).toBeCloseTo(mean + items.data[4 * items.stride + 4]!, 9);
    expect(constantsLoss(2, [Float64Array.of(1, 2), Float64Array.of(3)])).toBe(24);
  });
});
