/** The slow, obvious solver: dense normal equations by Cholesky, one row at a time. Tests hold the fast one against it; nothing else uses it. */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { type Recipe, ridgeOf } from './recipe.ts';
import { createFactors, type Factors, type SparseRows } from './matrix.ts';

/** One exact half-sweep: (α₀ YᵀY + λ_row I + Σ w y yᵀ) x = Σ w t y for every row of `observations`, Y = `fixed`. */
export function solveSideByNormalEquations(observations: SparseRows, fixed: Factors, recipe: Recipe): Factors {
  const y = toMatrix(fixed);
  const dense = y.transpose().mmul(y).mul(recipe.unobservedWeight);
  const solved = createFactors(observations.rows, fixed.factors);
  for (let row = 0; row < observations.rows; row++) {
    const start = observations.rowStart[row]!;
    const end = observations.rowStart[row + 1]!;
    if (start === end) continue; // right-hand side 0
    const system = dense.clone().add(Matrix.eye(fixed.factors).mul(ridgeOf(end - start, observations.cols, recipe)));
    const right = Matrix.zeros(fixed.factors, 1);
    for (let e = start; e < end; e++) {
      const column = y.getRowVector(observations.index[e]!).transpose();
      system.add(column.mmul(column.transpose()).mul(observations.weight[e]!));
      right.add(column.mul(observations.weight[e]! * observations.target[e]!));
    }
    const x = new CholeskyDecomposition(system).solve(right);
    for (let k = 0; k < fixed.factors; k++) solved.data[row * solved.stride + k] = x.get(k, 0);
  }
  return solved;
}

/** The objective, pair by pair, observed or not. */
export function objectiveByPairs(byUser: SparseRows, users: Factors, items: Factors, recipe: Recipe): number {
  const scores = toMatrix(users).mmul(toMatrix(items).transpose());
  const itemCounts = new Int32Array(items.rows);
  let sum = 0;
  for (let u = 0; u < users.rows; u++) {
    for (let i = 0; i < items.rows; i++) sum += recipe.unobservedWeight * scores.get(u, i) ** 2;
    for (let e = byUser.rowStart[u]!; e < byUser.rowStart[u + 1]!; e++) {
      sum += byUser.weight[e]! * (byUser.target[e]! - scores.get(u, byUser.index[e]!)) ** 2;
      itemCounts[byUser.index[e]!]!++;
    }
    sum += ridgeOf(byUser.rowStart[u + 1]! - byUser.rowStart[u]!, items.rows, recipe) * squaredNorm(users, u);
  }
  for (let i = 0; i < items.rows; i++) sum += ridgeOf(itemCounts[i]!, users.rows, recipe) * squaredNorm(items, i);
  return sum;
}

function squaredNorm(factors: Factors, row: number): number {
  let sum = 0;
  for (let k = 0; k < factors.factors; k++) sum += factors.data[row * factors.stride + k]! ** 2;
  return sum;
}

function toMatrix(factors: Factors): Matrix {
  const matrix = new Matrix(factors.rows, factors.factors);
  for (let r = 0; r < factors.rows; r++) for (let k = 0; k < factors.factors; k++) matrix.set(r, k, factors.data[r * factors.stride + k]!);
  return matrix;
}
