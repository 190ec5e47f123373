/** What every fit is given and gives back, whichever way it is computed. Free of the computing itself, so that a thread that only fits loads no more than it runs. */
import type { FactorPieces, Factors } from './matrix.ts';

/** Parameters of a fit, without data. */
export interface Recipe {
  /** f, length of a vector. */
  factors: number;
  /** One sweep solves all users, then all items. */
  sweeps: number;
  /** Conjugate-gradient steps a row takes per sweep. */
  stepsPerSweep: number;
  /** λ > 0. */
  regularization: number;
  /** α₀ ≥ 0: the weight of "nothing observed here" beside the mean observation's 1. */
  unobservedWeight: number;
  /** ν: how much more busy rows are regularised; 0 = all alike, 1 = in proportion to their data. */
  frequencyExponent: number;
  seed: number;
}

/**
 * One choice for shops of any size, from time splits at 80 % of Online Retail (4,324 × 3,645, recall@20 .091) and of generated shops of 2,000 × 1,000 and
 * 20,000 × 8,000. ν = 1 scores as well at its best λ, but is brittle: at α₀ = 0.3, λ .010 → .015 costs 13 % of the recall on Online Retail and 26 % in the
 * large shop, since α₀ · |other side| grows with the catalogue. At ν = 0.5 doubling λ (.2 → .4) costs 5 % in the first and gains in both others.
 */
export const DEFAULT_RECIPE: Readonly<Recipe> = {
  factors: 64,
  sweeps: 4,
  stepsPerSweep: 3,
  regularization: 0.3,
  unobservedWeight: 0.2,
  frequencyExponent: 0.5,
  seed: 1,
};

/** As many rows as there are users and items, as many factors as the recipe has. Users whose row is 0 are solved first. */
export interface FitStart {
  users?: Factors | FactorPieces;
  items: Factors | FactorPieces;
}

export interface FitHooks {
  onSweep?(sweep: number, of: number): void;
  /** Compute the objective after every sweep. */
  objective?: boolean;
  /** Begin here in place of random items; for the refit of a live model only, whatever is scored must start cold. */
  start?: FitStart;
  /** The objective's computation begins (true) or has ended: it is no part of a fit, and who counts seconds leaves it out. */
  onObjective?(begins: boolean): void;
  /** Above 0: explicit ratings. The last two of the factors are a bias and this constant; the unobserved weight must be 0 (explicit.ts). */
  biases?: number;
}

export interface Fit {
  users: Factors;
  items: Factors;
  /** One value per sweep and one after the exact user half-sweep; present if asked for. */
  objective?: number[];
}

/** A row's solution is no longer a finite number. Names where, so that the row's data can be looked at. */
export class FitDiverged extends Error {
  readonly sweep: number;
  readonly side: 'user' | 'item';
  readonly row: number;

  constructor(sweep: number, side: 'user' | 'item', row: number) {
    super(`The fit diverged in sweep ${sweep} at ${side} row ${row}: its solution is not a finite number.`);
    this.name = 'FitDiverged';
    this.sweep = sweep;
    this.side = side;
    this.row = row;
  }
}

/** λ_row for a row of n observations against `otherSide` rows. */
export function ridgeOf(n: number, otherSide: number, recipe: Recipe): number {
  return recipe.regularization * (n + recipe.unobservedWeight * otherSide) ** recipe.frequencyExponent;
}

export function checkRecipe(recipe: Recipe): void {
  const wrong = (name: keyof Recipe, wanted: string) => new RangeError(`recipe.${name} must be ${wanted}, not ${recipe[name]}`);
  for (const name of ['factors', 'stepsPerSweep'] as const) if (!Number.isInteger(recipe[name]) || recipe[name] < 1) throw wrong(name, 'a whole number from 1');
  if (!Number.isInteger(recipe.sweeps) || recipe.sweeps < 0) throw wrong('sweeps', 'a whole number from 0');
  if (!(recipe.regularization > 0 && recipe.regularization < Infinity)) throw wrong('regularization', 'a positive number');
  if (!(recipe.unobservedWeight >= 0 && recipe.unobservedWeight < Infinity)) throw wrong('unobservedWeight', 'a number from 0');
  if (!Number.isFinite(recipe.frequencyExponent)) throw wrong('frequencyExponent', 'a finite number');
  if (!Number.isFinite(recipe.seed)) throw wrong('seed', 'a finite number');
}
