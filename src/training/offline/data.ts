/** From pairs to what a fit takes, and what stands in the way. */
import type { Recipe } from '../../model/recipe.ts';
import { meanWeight, scaleWeights, type SparseRows } from '../../model/matrix.ts';
import { fadePairs, foldPairs, type PairColumns } from '../../model/pairs.ts';
import { capFactors } from '../../model/fitting.ts';
import type { FitOnThreadsOptions, KernelChoice } from '../threads/fit.ts';
import { OfflineFault } from './fault.ts';
import type { Terms } from '../../model/terms.ts';

/** A file, as whoever reads it hands it over. */
export interface PairData {
  readonly pairs: PairColumns;
  /** Index → id. */
  readonly userIds: readonly string[];
  readonly itemIds: readonly string[];
}

/** For people; never on stdout. */
export type Say = (line: string) => void;

/** How to fit: what `fit` and `evaluate` have in common. */
export interface RecipeChoice {
  readonly recipe: Recipe;
  /** What of the recipe somebody asked for, and is not only the default. */
  readonly asked: { readonly factors: boolean; readonly regularization: boolean; readonly unobservedWeight: boolean; readonly terms?: readonly (keyof Terms)[] };
  /** What is added to the factors' score; as by default where absent. */
  readonly terms?: Terms;
  /** Choose what nobody asked for on a part of the file that is held out. */
  readonly search: boolean;
  readonly threads: number;
  readonly kernel?: KernelChoice;
}

/**
 * Says what is odd about the rows.
 *
 * @throws OfflineFault where there are fewer than two users or items
 */
export function checkPairs(pairs: PairColumns, say: Say): void {
  checkEnough(pairs);
  const { duplicates } = foldPairs(pairs);
  if (duplicates > 0) {
    say(`Warning: ${duplicates} of ${pairs.length} rows repeat the pair of an earlier row; their weights are added up.`);
  }
  if (pairs.weight !== null && pairs.weight.every((weight) => weight === pairs.weight![0])) {
    say(`Warning: every value is ${pairs.weight[0]}; constant values say no more than none.`);
  }
}

/** One row per user; weights faded by age and scaled to mean 1, as training does, so that α₀ and λ mean the same in every file. */
export function matrixOf(pairs: PairColumns, halfLifeDays: number): SparseRows {
  const { matrix } = foldPairs(fadePairs(pairs, halfLifeDays));
  return scaleWeights(matrix, 1 / meanWeight(matrix));
}

/** @throws OfflineFault where there are fewer than two users or items */
export function checkEnough(pairs: PairColumns): void {
  const shortage = [['row', pairs.length, 1], ['user', pairs.users, 2], ['item', pairs.items, 2]] as const;
  const missing = shortage.filter(([, found, least]) => found < least).map(([name, found, least]) => `${found} of at least ${least} ${name}${least === 1 ? '' : 's'}`);
  if (missing.length > 0) {
    throw new OfflineFault(`Not enough data to train: ${missing.join(', ')}.`);
  }
}

/** The part of a fit's options that says where it is computed. */
export function placeOf({ threads, kernel }: Pick<RecipeChoice, 'threads' | 'kernel'>, signal: AbortSignal | undefined): Pick<FitOnThreadsOptions, 'threads' | 'kernel' | 'signal'> {
  return { threads, ...(kernel === undefined ? {} : { kernel }), ...(signal === undefined ? {} : { signal }) };
}

/**
 * The recipe this matrix allows. Where nobody asked for a number of factors it is at most half of the shorter side, as in training; a number asked for is
 * taken up to the shorter side: beyond, there are no more directions.
 */
export function fitRecipe(recipe: Recipe, factorsAskedFor: boolean, byUser: SparseRows, say: Say): Recipe {
  if (!factorsAskedFor) {
    const { used, note } = capFactors(recipe, byUser.rows, byUser.cols);
    if (note !== null) {
      say(`Warning: ${note}`);
    }
    return used;
  }
  const most = Math.min(byUser.rows, byUser.cols);
  if (recipe.factors > most) {
    say(`Warning: ${most} factors in place of ${recipe.factors}: a matrix of ${byUser.rows} users × ${byUser.cols} items has no more directions than its shorter side.`);
  }
  return { ...recipe, factors: Math.min(recipe.factors, most) };
}

/** For each id of `from` its index in `to`, −1 where it is missing. */
export function matchIds(from: readonly string[], to: readonly string[]): Int32Array {
  const indexes = new Map(to.map((id, index) => [id, index]));
  return Int32Array.from(from, (id) => indexes.get(id) ?? -1);
}
