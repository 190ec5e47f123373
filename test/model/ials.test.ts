import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFoldIn } from '../../src/model/fold-in.ts';
import { diagonalOf, gramOf, principalAxes, toPrincipalAxes } from '../../src/model/gram.ts';
import { createRowScratch, denseDiagonal, exactSteps, exactTolerance, fitIals, objective, solveRows } from '../../src/model/ials.ts';
import { DEFAULT_RECIPE, FitDiverged, type Recipe, ridgeOf } from '../../src/model/recipe.ts';
import { createFactors, type Factors, transpose } from '../../src/model/matrix.ts';
import { objectiveByPairs, solveSideByNormalEquations } from '../../src/model/reference.ts';
import { bruteForceTopN, createTopN } from '../../src/model/top-n.ts';
import { randomFactors, randomSparse, sparseOf } from './events.ts';

const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 8, sweeps: 5, regularization: 0.05, unobservedWeight: 0.2, frequencyExponent: 0.7 };

/** ‖a − b‖ / ‖b‖ over one row, or 0 where both are 0. */
function relativeDistance(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let length = 0;
  for (let k = 0; k < b.length; k++) {
    difference += (a[k]! - b[k]!) ** 2;
    length += b[k]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / length);
}

function rowOf(factors: Factors, row: number): Float32Array {
  return factors.data.subarray(row * factors.stride, (row + 1) * factors.stride);
}

describe('axes', () => {
  it('sum the Gram matrix over every row, also past a block', () => {
    const factors = randomFactors(4099, 3, 1);
    const gram = gramOf(factors);
    for (const [i, j] of [[0, 0], [0, 2], [2, 1]] as const) {
      let sum = 0;
      for (let r = 0; r < factors.rows; r++) sum += factors.data[r * 8 + i]! * factors.data[r * 8 + j]!;
      expect(gram[i * 8 + j]).toBeCloseTo(sum, 8);
    }
    expect(gram[7 * 8 + 7]).toBe(0);
  });

  it('are orthonormal, strongest first, and rebuild the matrix', () => {
    const gram = gramOf(randomFactors(20, 11, 3));
    const { eigenvalues, vectors } = principalAxes(gram, 11, 16);
    for (let c = 1; c < 11; c++) expect(eigenvalues[c]!).toBeLessThanOrEqual(eigenvalues[c - 1]!);
    for (let i = 0; i < 11; i++) {
      for (let j = 0; j < 11; j++) {
        let rebuilt = 0;
        let product = 0;
        for (let c = 0; c < 11; c++) {
          rebuilt += vectors[i * 16 + c]! * eigenvalues[c]! * vectors[j * 16 + c]!;
          product += vectors[c * 16 + i]! * vectors[c * 16 + j]!;
        }
        expect(rebuilt).toBeCloseTo(gram[i * 16 + j]!, 9);
        expect(product).toBeCloseTo(i === j ? 1 : 0, 9);
      }
    }
  });

  it('leave factors alone that lie along them already', () => {
    const turned = toPrincipalAxes(randomFactors(50, 5, 9));
    expect(turned.vectors).not.toBeNull();
    const again = toPrincipalAxes(turned.factors);
    expect(again.vectors).toBeNull();
    expect(again.factors).toBe(turned.factors);
  });
});

it('solves rows in the eigenbasis as the normal equations do, at odd sizes', () => {
  const size = fc.record({
    rows: fc.integer({ min: 1, max: 19 }),
    cols: fc.integer({ min: 1, max: 29 }),
    factors: fc.integer({ min: 1, max: 21 }),
    density: fc.double({ min: 0, max: 1, noNaN: true }),
    regularization: fc.double({ min: 0.001, max: 1, noNaN: true }),
    unobservedWeight: fc.constantFrom(0, 0.1, 1),
    frequencyExponent: fc.constantFrom(0, 0.75, 1),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(size, ({ rows, cols, density, seed, ...rest }) => {
      const sized: Recipe = { ...recipe, ...rest };
      const observations = randomSparse(rows, cols, density, seed);
      const { factors: fixed, diagonal } = toPrincipalAxes(randomFactors(cols, rest.factors, seed));
      const solved = createFactors(rows, rest.factors);
      const ridge = Float64Array.from({ length: rows }, (_, r) => ridgeOf(observations.rowStart[r + 1]! - observations.rowStart[r]!, cols, sized));
      const scratch = createRowScratch(fixed.stride);
      const dense = denseDiagonal(diagonal, sized);
      const { stride } = fixed;
      expect(solveRows(solved.data, fixed.data, stride, observations, 0, rows, dense, ridge, exactSteps(stride), exactTolerance, scratch)).toBe(-1);
      const wanted = solveSideByNormalEquations(observations, fixed, sized);
      // Numbers have 24 bits: of equations that next to nothing keeps from being singular fewer of them count.
      for (let r = 0; r < rows; r++) expect(relativeDistance(rowOf(solved, r), rowOf(wanted, r))).toBeLessThan(1e-4 / Math.min(1, rest.regularization * 100));
    }),
    { numRuns: 60 },
  );
});

describe('a fit', () => {
  const byUser = randomSparse(61, 43, 0.15, 11);
  const byItem = transpose(byUser);

  it('lowers its objective with every sweep', () => {
    const { objective: values } = fitIals(byUser, byItem, { ...recipe, sweeps: 12 }, { objective: true });
    expect(values).toHaveLength(13);
    for (let s = 1; s < values!.length; s++) expect(values![s]!).toBeLessThanOrEqual(values![s - 1]! * (1 + 1e-6));
    expect(values!.at(-1)!).toBeLessThan(values![0]! * 0.9);
  });

  it('computes the objective that summing over all pairs gives', () => {
    const { users, items } = fitIals(byUser, byItem, recipe);
    const fast = objective(byUser, byItem, users, items, recipe);
    expect(fast / objectiveByPairs(byUser, users, items, recipe)).toBeCloseTo(1, 6);
  });

  it('comes to the fixed point of exact alternating solves', () => {
    const { users, items, objective: values } = fitIals(byUser, byItem, { ...recipe, sweeps: 200 }, { objective: true });
    const exactItems = solveSideByNormalEquations(byItem, users, recipe);
    const exactUsers = solveSideByNormalEquations(byUser, exactItems, recipe);
    expect(objective(byUser, byItem, exactUsers, exactItems, recipe) / values!.at(-1)!).toBeCloseTo(1, 4);
    expect(items.rows).toBe(exactItems.rows);
  });

  it('gives the same bytes for the same seed, others for another', () => {
    const first = fitIals(byUser, byItem, recipe);
    const again = fitIals(byUser, byItem, { ...recipe });
    expect(again.users.data).toEqual(first.users.data);
    expect(again.items.data).toEqual(first.items.data);
    expect(fitIals(byUser, byItem, { ...recipe, seed: 2 }).items.data).not.toEqual(first.items.data);
  });

  it('leaves item factors along their principal axes, strongest first', () => {
    const { items } = fitIals(byUser, byItem, recipe);
    expect(toPrincipalAxes(items).vectors).toBeNull();
    const lengths = diagonalOf(gramOf(items), items.stride);
    for (let k = 1; k < lengths.length; k++) expect(lengths[k]!).toBeLessThanOrEqual(lengths[k - 1]! * (1 + 1e-6));
  });

  it('reports each sweep', () => {
    const seen: string[] = [];
    fitIals(byUser, byItem, { ...recipe, sweeps: 3 }, { onSweep: (sweep, of) => seen.push(`${sweep}/${of}`) });
    expect(seen).toEqual(['1/3', '2/3', '3/3']);
  });

  it('goes on from a start, without changing it', () => {
    const first = fitIals(byUser, byItem, recipe, { objective: true });
    const kept = first.items.data.slice();
    const second = fitIals(byUser, byItem, { ...recipe, sweeps: 1 }, { objective: true, start: first });
    expect(second.objective![0]!).toBeLessThanOrEqual(first.objective!.at(-1)! * (1 + 1e-6));
    expect(first.items.data).toEqual(kept);
    expect(() => fitIals(byUser, byItem, { ...recipe, factors: 3 }, { start: first })).toThrow(RangeError);
  });

  it('throws FitDiverged with sweep, side and row where the numbers end', () => {
    const broken = { ...byUser, weight: byUser.weight.slice() };
    broken.weight[broken.rowStart[7]!] = Number.NaN;
    const fit = () => fitIals(broken, transpose(broken), recipe);
    expect(fit).toThrow(FitDiverged);
    expect(fit).toThrow(expect.objectContaining({ sweep: 1, side: 'user', row: 7 }));
    const overflowing = { ...byUser, weight: byUser.weight.map(() => 1e-30), target: byUser.target.map(() => 3e38) };
    expect(() => fitIals(overflowing, transpose(overflowing), { ...recipe, regularization: 1e-37, unobservedWeight: 0 })).toThrow(FitDiverged);
  });

  it('refuses a recipe that has no solution', () => {
    for (const wrong of [{ regularization: 0 }, { factors: 0 }, { factors: 2.5 }, { sweeps: -1 }, { unobservedWeight: -1 }, { seed: Number.NaN }]) {
      expect(() => fitIals(byUser, byItem, { ...recipe, ...wrong })).toThrow(RangeError);
    }
  });

  it('gives zero vectors to users who only dislike', () => {
    const disliked = sparseOf(3, [[[0, 1, 1], [1, 1, 1]], [[2, 1, 0]]]);
    const { users } = fitIals(disliked, transpose(disliked), { ...recipe, factors: 2 });
    expect([...rowOf(users, 1)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

/** Users and items of two colours; users want their own colour. What is withheld has a known right answer. */
it('fills in the withheld diagonal of a checkerboard', () => {
  const size = 20;
  const board = sparseOf(
    size,
    Array.from({ length: size }, (_, u) => Array.from({ length: size }, (_, i) => [i, 1, 1] as const).filter(([i]) => i % 2 === u % 2 && i !== u)),
  );
  const { users, items } = fitIals(board, transpose(board), { ...recipe, factors: 2, sweeps: 10 });
  const best = createTopN(1);
  for (let u = 0; u < size; u++) {
    const seen = new Uint8Array(size);
    for (let e = board.rowStart[u]!; e < board.rowStart[u + 1]!; e++) seen[board.index[e]!] = 1;
    bruteForceTopN(items, rowOf(users, u), 1, seen, best);
    expect(best.items[0]).toBe(u);
  }
});

describe('fold-in', () => {
  it('gives a training row its trained vector', () => {
    const shape = fc.record({
      users: fc.integer({ min: 2, max: 40 }),
      items: fc.integer({ min: 2, max: 40 }),
      factors: fc.integer({ min: 1, max: 12 }),
      density: fc.double({ min: 0.02, max: 0.9, noNaN: true }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(shape, ({ users: rows, items: cols, factors, density, seed }) => {
        const byUser = randomSparse(rows, cols, density, seed);
        const sized = { ...recipe, factors, seed };
        const { users, items } = fitIals(byUser, transpose(byUser), sized);
        const foldIn = createFoldIn(items, sized, 0.5); // as if training had halved raw weights
        const vector = new Float32Array(items.stride);
        for (let u = 0; u < rows; u++) {
          const [from, to] = [byUser.rowStart[u]!, byUser.rowStart[u + 1]!];
          const raw = byUser.weight.slice(from, to).map((weight) => weight * 2);
          foldIn.solve(byUser.index.slice(from, to), raw, byUser.target.slice(from, to), to - from, vector);
          expect(relativeDistance(vector, rowOf(users, u))).toBeLessThan(1e-4);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('agrees with the normal equations on factors in any basis', () => {
    const items = randomFactors(30, 5, 4);
    const user = randomSparse(1, 30, 0.4, 8);
    const vector = new Float32Array(8);
    expect(createFoldIn(items, recipe, 1).solve(user.index, user.weight, user.target, user.index.length, vector)).toBe(true);
    expect(relativeDistance(vector, rowOf(solveSideByNormalEquations(user, items, recipe), 0))).toBeLessThan(1e-4);
  });

  it('ignores unknown items and entries without weight, and grows with a long history', () => {
    const items = randomFactors(300, 4, 4);
    const foldIn = createFoldIn(items, recipe, 1);
    const plain = new Float32Array(8);
    const padded = new Float32Array(8);
    foldIn.solve([3, 7], [1, 2], [1, 0], 2, plain);
    foldIn.solve([3, -1, 9, 7], [1, 5, 0, 2], [1, 1, 1, 0], 4, padded);
    expect(padded).toEqual(plain);
    const everything = Int32Array.from({ length: 300 }, (_, i) => i);
    const ones = new Float32Array(300).fill(1);
    expect(foldIn.solve(everything, ones, ones, 300, plain)).toBe(true);
    expect(plain.every(Number.isFinite)).toBe(true);
  });

  it('answers nothing usable with the zero vector', () => {
    const out = new Float32Array(8).fill(9);
    const foldIn = createFoldIn(randomFactors(3, 8, 1), recipe, 1);
    expect(foldIn.solve([], [], [], 0, out)).toBe(false);
    expect(out).toEqual(new Float32Array(8));
    expect(foldIn.solve([0], [Number.POSITIVE_INFINITY], [1], 1, out.fill(9))).toBe(false);
    expect(out).toEqual(new Float32Array(8));
  });
});
