/**
 * Ratings from files: `--objective rating` of `jongleur evaluate` and `jongleur fit`. As in evaluate.ts, the test file is read when search and fit have ended.
 */
import { resolve } from 'node:path';
import { biasConstant, measureRatingBaselines, predictRating, type RatingBaselines, type RatingModel, type RatingRecipe, rowRecipe, type ScaledRatings, scaleRatings, toRatingModel } from '../../model/explicit.ts';
import { DEFAULT_RECIPE } from '../../model/recipe.ts';
import type { SparseRows } from '../../model/matrix.ts';
import type { PairColumns } from '../../model/pairs.ts';
import { foldRatings, measureErrors, type RatingErrors, type WantedRatings, wantRatings } from '../../model/ratings.ts';
import { fitOnThreads, type ThreadedFit } from '../threads/fit.ts';
import { checkEnough, fitRecipe, matchIds, type PairData, placeOf, type RecipeChoice, type Say } from './data.ts';
import { fingerprint } from './evaluate.ts';
import { OfflineFault } from './fault.ts';
import { checkOut, writeFit } from './fit.ts';
import { type RatingSearchReport, searchRatingRecipe } from './ratings-search.ts';

/** How to fit. Of pairs, `weight` holds the ratings. */
export interface RatingChoice extends Pick<RecipeChoice, 'search' | 'threads' | 'kernel'> {
  readonly recipe: RatingRecipe;
  readonly asked: { readonly factors: boolean; readonly regularization: boolean };
}

export interface FitRatingsOptions extends RatingChoice {
  readonly train: PairData;
  readonly say: Say;
  readonly signal?: AbortSignal;
}

/** What was fitted and how: the part that both reports have. */
export interface RatingsFitted {
  readonly users: number;
  readonly items: number;
  /** Pairs, repeated ones once. */
  readonly interactions: number;
  readonly params: RatingRecipe;
  readonly sweeps: number;
  /** How the parameters were chosen; null without a search. */
  readonly search: RatingSearchReport | null;
  readonly threads: number;
  readonly kernel: string;
  /** μ: a prediction is this and the product of two rows… */
  readonly mean: number;
  /** …cut to the range of the ratings that were fitted. */
  readonly lowest: number;
  readonly highest: number;
  /** Matrices in memory → factors in memory, starting threads included. */
  readonly fitSeconds: number;
  readonly cpuSeconds: number;
  /** Highest resident size of the process up to the end of the fit, reading the file included. */
  readonly peakMemoryBytes: number;
}

export interface RatingEvaluation extends RatingsFitted {
  readonly test: {
    readonly ratings: number;
    readonly users: number;
    /** Share whose user, item or both the fit does not know: predicted by μ and the bias that is known. */
    readonly coldShare: number;
  };
  /** Over all ratings of the test file, 95 % intervals over its users. */
  readonly metrics: RatingErrors;
  /** On the same ratings: μ for all; the item's mean; μ + b_u + b_i without vectors. */
  readonly baselines: RatingBaselines;
}

export interface RatingFitReport extends RatingsFitted {
  /** The function the fit minimises, in squared units of the ratings: one value per sweep, and one for the finished factors. */
  readonly objective: readonly number[];
  readonly secondsPerSweep: readonly number[];
}

/** @throws OfflineFault where there is too little to fit or nothing to predict; FitDiverged; whatever `readTest` throws */
export async function evaluateRatings(options: FitRatingsOptions & { readTest(): Promise<PairData> }): Promise<RatingEvaluation> {
  const { train, say } = options;
  const { byUser, model, fit, fitted } = await fitRatings(options, false);
  say(`Fitted ${JSON.stringify(fitted.params)} in ${fit.seconds.toFixed(2)} s (${fit.threads} thread${fit.threads === 1 ? '' : 's'}, ${fit.kernel}); factors ${fingerprint(model.users, model.items)}`);

  const test = await options.readTest();
  const wanted = findWanted(train, test, say);
  const cold = wanted.user.reduce((count, user, n) => count + (user < 0 || wanted.item[n] < 0 ? 1 : 0), 0);
  if (cold === wanted.rating.length) {
    say('Warning: the training file knows user and item of none of the ratings; every prediction is the mean and what bias is known.');
  }
  return {
    ...fitted,
    test: { ratings: wanted.rating.length, users: new Set(wanted.group).size, coldShare: cold / wanted.rating.length },
    metrics: measureErrors((user, item) => predictRating(model, user, item), wanted),
    baselines: measureRatingBaselines(byUser, model, fitted.params, wanted),
  };
}

/** @throws OfflineFault where there is too little to fit, or `out` cannot be taken; FitDiverged */
export async function fitRatingsToFiles(options: FitRatingsOptions & { readonly out: string; readonly force: boolean }): Promise<RatingFitReport> {
  const { train, force, signal } = options;
  const out = resolve(options.out);
  await checkOut(out, force);
  const { model, fit, fitted, spread } = await fitRatings(options, true);
  const report: RatingFitReport = { ...fitted, objective: (fit.objective ?? []).map((value) => value * spread ** 2), secondsPerSweep: fit.secondsPerSweep };
  await writeFit(out, force, { users: model.users, items: model.items, userIds: train.userIds, itemIds: train.itemIds, report }, signal);
  return report;
}

async function fitRatings({ train: { pairs }, say, signal, ...choice }: FitRatingsOptions, objective: boolean) {
  const byUser = prepareRatings(pairs, say);
  const scaled = scaleRatings(byUser);
  if (scaled.low === scaled.high) {
    say(`Warning: every rating is ${scaled.low}; there is nothing to learn, and every prediction is that.`);
  }
  const { recipe: chosen, search } = await searchRatingRecipe(pairs, byUser, choice, say, signal);
  const { factors } = fitRecipe({ ...DEFAULT_RECIPE, factors: chosen.factors }, choice.asked.factors, byUser, say);
  const recipe = { ...chosen, factors };
  const { fit, model } = await fitScaled(scaled, recipe, choice, objective, signal);
  const fitted: RatingsFitted = {
    users: byUser.rows,
    items: byUser.cols,
    interactions: byUser.index.length,
    params: recipe,
    sweeps: recipe.sweeps,
    search,
    threads: fit.threads,
    kernel: fit.kernel,
    mean: scaled.mean,
    lowest: scaled.low,
    highest: scaled.high,
    fitSeconds: fit.seconds,
    cpuSeconds: fit.cpuSeconds,
    peakMemoryBytes: fit.peakBytes,
  };
  return { byUser, model, fit, fitted, spread: scaled.spread };
}

/** A fit of ratings on threads, its factors in units of the ratings. */
export async function fitScaled(
  scaled: ScaledRatings, recipe: RatingRecipe, place: Pick<RatingChoice, 'threads' | 'kernel'>, objective: boolean, signal?: AbortSignal,
): Promise<{ fit: ThreadedFit; model: RatingModel }> {
  const biases = biasConstant(recipe);
  const fit = await fitOnThreads({ byUser: scaled.matrix, recipe: rowRecipe(recipe), biases, objective, ...placeOf(place, signal) });
  return { fit, model: toRatingModel(fit, scaled, biases) };
}

/** One row per user, a rating per pair. @throws OfflineFault where there are fewer than two users or items */
function prepareRatings(pairs: PairColumns, say: Say): SparseRows {
  checkEnough(pairs);
  const { matrix, replaced } = foldRatings(pairs);
  sayReplaced(replaced, pairs.length, say);
  return matrix;
}

function sayReplaced(replaced: number, rows: number, say: Say): void {
  if (replaced > 0) {
    say(`Warning: ${replaced} of ${rows} rows are older ratings of a pair that was rated again; the newest counts.`);
  }
}

function findWanted(train: PairData, test: PairData, say: Say): WantedRatings {
  if (test.pairs.length === 0) {
    throw new OfflineFault('The test file has no row that can be used.');
  }
  const userOf = matchIds(test.userIds, train.userIds);
  const itemOf = matchIds(test.itemIds, train.itemIds);
  if (Math.max(...[userOf, itemOf].map((rows) => rows.reduce((most, row) => Math.max(most, row), -1))) < 0) {
    throw new OfflineFault(`None of the ${test.userIds.length} users and ${test.itemIds.length} items of the test file is in the training file, so there is nothing to predict from. Are the ids written alike in both?`);
  }
  const { matrix, replaced } = foldRatings(test.pairs);
  sayReplaced(replaced, test.pairs.length, say);
  return wantRatings(matrix, userOf, itemOf);
}
