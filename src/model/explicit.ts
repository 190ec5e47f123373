/**
 * Explicit ratings: α₀ = 0, so only what was rated counts, and every user and item has a bias beside its vector (Koren, Bell, Volinsky 2009):
 *
 *   score = μ + b_u + b_i + x·y
 *   minimise  Σ_rated (rating − score)²  +  Σ_u λ_u ‖x_u‖²  +  Σ_i λ_i ‖y_i‖²  +  Σ_u β_u b_u²  +  Σ_i β_i b_i²,     λ_row = λ n_row^ν, β_row = β n_row^ν
 *
 * Biases are columns of the same row system. A user's row is [x, b_u, 1], an item's [y, 1, b_i], and a score is μ and the product of the two. Where users are
 * solved the items' column of ones is the regressor whose coefficient is b_u, and the users' own ones, which carry b_i, are frozen. With the items the other
 * way round. No Gram, no axes: the dense part of a row's system is its ridge, and rows start where they stand.
 *
 * Ratings are fitted as (rating − μ) / spread, so that λ means the same for stars and for percentages. β comes in by the constant: with c = √(λ/β) in place
 * of 1 the coefficient is b / c, and λ (b / c)² = β b². `toRatingModel` puts both right.
 */
import { createRowScratch, exactSteps, exactTolerance, objective, solveRows } from './ials.ts';
import { type Fit, FitDiverged, type FitHooks, type Recipe, ridgeOf } from './recipe.ts';
import { biasColumns, constantsLoss, fillBiasedStart, frozenColumn, startBlockRows } from './biased-rows.ts';
import { createFactors, type Factors, type SparseRows, transpose } from './matrix.ts';
import { measureErrors, type RatingErrors, type WantedRatings } from './ratings.ts';

/** Parameters of a fit of ratings. */
export interface RatingRecipe {
  /** Length of a vector, biases not counted. */
  factors: number;
  sweeps: number;
  /** Conjugate-gradient steps a row takes per sweep. */
  stepsPerSweep: number;
  /** λ > 0, for ratings of variance 1. */
  regularization: number;
  /** β > 0: the same for the biases. */
  biasRegularization: number;
  /** ν */
  frequencyExponent: number;
  seed: number;
}

/**
 * One choice for five sets of generated ratings of known noise (2026-11; 30,000 to 780,000 ratings to learn from, rank 3, 8, 8, 8 and 20): at most 1.2 % above
 * the best λ and ν for 8 factors in each. ν = ½ is .1 % better where there is plenty, but its best λ triples from there to 13 ratings a user, where the one for
 * plenty does worse than biases alone; at ν = ¼ it doubles. The number of factors matters more: 16 in place of the right 8 cost 2 to 4 %, 4 as much, 8 in place of 20
 * more than 5 %. With doubts, search.
 */
export const DEFAULT_RATING_RECIPE: Readonly<RatingRecipe> = {
  factors: 8,
  sweeps: 20,
  stepsPerSweep: 4,
  regularization: 2.2,
  biasRegularization: 1.1,
  frequencyExponent: 0.25,
  seed: 1,
};

/** The recipe of the row system, biases counted. */
export function rowRecipe({ factors, sweeps, stepsPerSweep, regularization, frequencyExponent, seed }: RatingRecipe): Recipe {
  return { factors: factors + biasColumns, sweeps, stepsPerSweep, regularization, unobservedWeight: 0, frequencyExponent, seed };
}

/** c, which `FitHooks.biases` takes, as rows hold it. */
export function biasConstant({ regularization, biasRegularization }: RatingRecipe): number {
  return Math.fround(Math.sqrt(regularization / biasRegularization));
}

export interface ScaledRatings {
  /** Targets of mean 0 and variance 1. */
  matrix: SparseRows;
  /** μ */
  mean: number;
  /** Standard deviation; 1 where all ratings are alike. */
  spread: number;
  /** The lowest and the highest rating. */
  low: number;
  high: number;
}

/** `ratings` has them as targets. */
export function scaleRatings(ratings: SparseRows): ScaledRatings {
  const { target } = ratings;
  let sum = 0;
  let low = Infinity;
  let high = -Infinity;
  for (let e = 0; e < target.length; e++) {
    sum += target[e]!;
    low = Math.min(low, target[e]!);
    high = Math.max(high, target[e]!);
  }
  const mean = sum / target.length;
  let squares = 0;
  for (let e = 0; e < target.length; e++) squares += (target[e]! - mean) ** 2;
  const spread = low === high ? 1 : Math.sqrt(squares / target.length);
  return { matrix: { ...ratings, target: target.map((rating) => (rating - mean) / spread) }, mean, spread, low, high };
}

/** The fit in one thread and in float64: what the threads' is tested against, and what steps in where theirs cannot run. `recipe` is a `rowRecipe`. */
export function fitExplicit(byUser: SparseRows, byItem: SparseRows, recipe: Recipe, constant: number, hooks: FitHooks = {}): Fit {
  const { factors, sweeps } = recipe;
  const users = createFactors(byUser.rows, factors);
  const items = createFactors(byItem.rows, factors);
  const { stride } = items;
  for (const [side, { rows, data }] of [['user', users], ['item', items]] as const) {
    for (let block = 0; block * startBlockRows < rows; block++) fillBiasedStart(data, block, factors, stride, recipe.seed, constant, side);
  }
  const ridges = (matrix: SparseRows) => Float64Array.from({ length: matrix.rows }, (_, r) => ridgeOf(matrix.rowStart[r + 1]! - matrix.rowStart[r]!, matrix.cols, recipe));
  const userRidge = ridges(byUser);
  const itemRidge = ridges(byItem);
  const dense = new Float64Array(stride);
  const scratch = createRowScratch(stride);
  const solve = (side: 'user' | 'item', sweep: number, steps: number, tolerance: number) => {
    const [solved, fixed, matrix, ridge] = side === 'user' ? ([users, items, byUser, userRidge] as const) : ([items, users, byItem, itemRidge] as const);
    const failed = solveRows(solved.data, fixed.data, stride, matrix, 0, matrix.rows, dense, ridge, steps, tolerance, scratch, frozenColumn(side, factors));
    if (failed >= 0) throw new FitDiverged(sweep, side, failed);
  };
  const objectives: number[] = [];
  const note = () => {
    if (hooks.objective) objectives.push(objective(byUser, byItem, users, items, recipe) - constantsLoss(constant, [userRidge, itemRidge]));
  };
  for (let sweep = 1; sweep <= sweeps; sweep++) {
    solve('user', sweep, recipe.stepsPerSweep, 0);
    solve('item', sweep, recipe.stepsPerSweep, 0);
    note();
    hooks.onSweep?.(sweep, sweeps);
  }
  for (let block = 0; block * startBlockRows < users.rows; block++) fillBiasedStart(users.data, block, factors, stride, recipe.seed, constant, 'user');
  solve('user', sweeps, exactSteps(stride), exactTolerance);
  note();
  return { users, items, ...(hooks.objective ? { objective: objectives } : {}) };
}

/** Rows as in the head of this file, in units of the ratings. */
export interface RatingModel {
  users: Factors;
  items: Factors;
  mean: number;
  low: number;
  high: number;
}

/** Out of the units of the fit, in place: vectors times √spread, biases times c · spread, constants 1. */
export function toRatingModel({ users, items }: Pick<Fit, 'users' | 'items'>, { mean, spread, low, high }: ScaledRatings, constant: number): RatingModel {
  const root = Math.sqrt(spread);
  for (const [side, { rows, factors, stride, data }] of [['user', users], ['item', items]] as const) {
    const ones = frozenColumn(side, factors);
    const bias = frozenColumn(side === 'user' ? 'item' : 'user', factors);
    for (let base = 0; base < rows * stride; base += stride) {
      for (let k = 0; k < factors - biasColumns; k++) data[base + k]! *= root;
      data[base + bias]! *= constant * spread;
      data[base + ones] = 1;
    }
  }
  return { users, items, mean, low, high };
}

/** Within the range of the ratings that were fitted. Row −1 is a user or item that the model does not know: what is known of the other one counts. */
export function predictRating({ users, items, mean, low, high }: RatingModel, user: number, item: number): number {
  const { factors, stride } = users;
  let score = mean;
  if (user >= 0 && item >= 0) {
    for (let k = 0; k < factors; k++) score += users.data[user * stride + k]! * items.data[item * stride + k]!;
  } else if (user >= 0) {
    score += users.data[user * stride + factors - 2]!;
  } else if (item >= 0) {
    score += items.data[item * stride + factors - 1]!;
  }
  return Math.min(high, Math.max(low, score));
}

export interface Biases {
  user: Float64Array;
  item: Float64Array;
}

/** The same function without vectors: b_u and b_i solved in turn until they stand still. In units of the ratings; λ and ν are those of the biases. */
export function fitBiases(byUser: SparseRows, byItem: SparseRows, mean: number, regularization: number, frequencyExponent: number): Biases {
  const user = new Float64Array(byUser.rows);
  const item = new Float64Array(byItem.rows);
  const solve = ({ rows, rowStart, index, target }: SparseRows, own: Float64Array, other: Float64Array) => {
    let moved = 0;
    for (let r = 0; r < rows; r++) {
      const n = rowStart[r + 1]! - rowStart[r]!;
      if (n === 0) continue;
      let sum = 0;
      for (let e = rowStart[r]!; e < rowStart[r + 1]!; e++) sum += target[e]! - mean - other[index[e]!]!;
      const bias = sum / (n + regularization * n ** frequencyExponent);
      moved = Math.max(moved, Math.abs(bias - own[r]!));
      own[r] = bias;
    }
    return moved;
  };
  const mostSweeps = 200;
  for (let sweep = 0, first = 0; sweep < mostSweeps; sweep++) {
    const moved = solve(byUser, user, item) + solve(byItem, item, user);
    first ||= moved;
    if (moved <= 1e-7 * first) break;
  }
  return { user, item };
}

/** Errors on the same ratings without a model: μ for all; the item's mean; μ + b_u + b_i, no vectors. */
export interface RatingBaselines {
  mean: RatingErrors;
  itemMean: RatingErrors;
  biases: RatingErrors;
}

/** @param byUser what was fitted, ratings as targets */
export function measureRatingBaselines(byUser: SparseRows, { mean, low, high }: Pick<RatingModel, 'mean' | 'low' | 'high'>, recipe: RatingRecipe, wanted: WantedRatings): RatingBaselines {
  const byItem = transpose(byUser);
  const clip = (rating: number) => Math.min(high, Math.max(low, rating));
  const itemMeans = new Float64Array(byItem.rows);
  for (let i = 0; i < byItem.rows; i++) {
    const [from, to] = [byItem.rowStart[i]!, byItem.rowStart[i + 1]!];
    let sum = 0;
    for (let e = from; e < to; e++) sum += byItem.target[e]!;
    itemMeans[i] = from === to ? mean : sum / (to - from);
  }
  const biases = fitBiases(byUser, byItem, mean, recipe.biasRegularization, recipe.frequencyExponent);
  return {
    mean: measureErrors(() => mean, wanted),
    itemMean: measureErrors((_, item) => (item < 0 ? mean : itemMeans[item]!), wanted),
    biases: measureErrors((user, item) => clip(mean + (user < 0 ? 0 : biases.user[user]!) + (item < 0 ? 0 : biases.item[item]!)), wanted),
  };
}
