/**
 * Factors and regularization of a fit of ratings, chosen by RMSE on a part held out. RMSE is smooth in both, so a coarse grid with half of the sweeps and a
 * finer one about its best, with all of them, find what a random search finds with more fits. Nothing but the held-out part of the one file is looked at.
 */
import { biasConstant, predictRating, type RatingRecipe, scaleRatings } from '../../model/explicit.ts';
import { FitDiverged } from '../../model/recipe.ts';
import type { SparseRows } from '../../model/matrix.ts';
import { type PairColumns, selectPairs } from '../../model/pairs.ts';
import { foldRatings, markTenth, measureErrors, selectRatings, type WantedRatings, wantRatings } from '../../model/ratings.ts';
import type { Say } from './data.ts';
import { fitScaled, type RatingChoice } from './ratings.ts';

/** How a recipe was chosen. */
export interface RatingSearchReport {
  readonly heldOutBy: 'time' | 'user';
  /** Held out, user and item known. */
  readonly ratings: number;
  /** Fits made. */
  readonly trials: number;
  /** Of the chosen recipe on these: optimistic, since it was chosen for it. */
  readonly rmse: number;
}

const factorChoices = [2, 4, 8, 16, 32];
const regularizations = [0.1, 0.3, 0.8, 2, 5];
const finer = [0.6, 1, 1.6];
const laterShare = 0.2;
/** Fewer, and the choice would be chance. */
const leastRatings = 50;

interface Holdout {
  readonly by: 'time' | 'user';
  readonly train: SparseRows;
  readonly wanted: WantedRatings;
}

/**
 * What was asked for stays as it is; what was not is searched. Biases are regularised in the proportion that the given recipe has.
 *
 * @throws whatever a fit throws, but a candidate that diverges is only the worst
 */
export async function searchRatingRecipe(
  pairs: PairColumns, ratings: SparseRows, choice: RatingChoice, say: Say, signal?: AbortSignal,
): Promise<{ recipe: RatingRecipe; search: RatingSearchReport | null }> {
  const { recipe, asked } = choice;
  if (!choice.search) {
    return { recipe, search: null };
  }
  const enough = (holdout: Holdout | null) => (holdout !== null && holdout.wanted.rating.length >= leastRatings ? holdout : null);
  const holdout = enough(holdOutLatest(pairs)) ?? enough(holdOutTenth(ratings, recipe.seed));
  if (holdout === null) {
    say(`Warning: no search: fewer than ${leastRatings} ratings of known users and items are left to choose on when a part of the file is held out.`);
    return { recipe, search: null };
  }
  const { train, wanted, by } = holdout;
  say(`Search: ${by === 'time' ? 'the latest fifth' : "a tenth of each user's ratings"} held out, ${wanted.rating.length} ratings to choose on`);
  const scaled = scaleRatings(train);
  const most = Math.max(1, Math.floor(Math.min(train.rows, train.cols) / 2));
  const biasShare = 1 / biasConstant(recipe) ** 2;
  let trials = 0;
  let best = { recipe, rmse: Number.POSITIVE_INFINITY };

  const attempt = async (factors: number, regularization: number, sweeps: number) => {
    const trial = { ...recipe, factors, regularization, biasRegularization: biasShare * regularization };
    const rmse = await score({ ...trial, sweeps });
    trials++;
    say(`  ${String(trials).padStart(2)}: ${factors} factors, regularization ${regularization}, ${sweeps} sweeps: rmse ${rmse.toFixed(4)}`);
    if (rmse < best.rmse) {
      best = { recipe: trial, rmse };
    }
  };
  const factors = asked.factors ? [Math.min(recipe.factors, most)] : [...new Set(factorChoices.map((one) => Math.min(one, most)))];
  const lambdas = asked.regularization ? [recipe.regularization] : regularizations;
  for (const one of factors) {
    for (const lambda of lambdas) {
      await attempt(one, lambda, Math.ceil(recipe.sweeps / 2));
    }
  }
  const { factors: chosen, regularization: about } = best.recipe;
  best = { recipe: best.recipe, rmse: Number.POSITIVE_INFINITY };
  const nearby = asked.factors ? [chosen] : [...new Set([chosen, Math.ceil(chosen * 0.75), Math.min(most, Math.round(chosen * 1.5))])];
  for (const one of nearby) {
    for (const times of asked.regularization || one !== chosen ? [1] : finer) {
      await attempt(one, Number((about * times).toPrecision(3)), recipe.sweeps);
    }
  }
  return { recipe: best.recipe, search: { heldOutBy: by, ratings: wanted.rating.length, trials, rmse: best.rmse } };

  async function score(trial: RatingRecipe): Promise<number> {
    try {
      const { model } = await fitScaled(scaled, trial, choice, false, signal);
      return measureErrors((user, item) => predictRating(model, user, item), wanted).rmse.mean;
    } catch (error) {
      if (error instanceof FitDiverged) {
        return Number.POSITIVE_INFINITY;
      }
      throw error;
    }
  }
}

/** The latest fifth of the rows that have a time. */
function holdOutLatest(pairs: PairColumns): Holdout | null {
  const { timeMs } = pairs;
  if (timeMs === null) {
    return null;
  }
  const times = timeMs.filter((time) => !Number.isNaN(time)).sort();
  const cutMs = times[Math.floor(times.length * (1 - laterShare))];
  const later = (row: number) => timeMs[row] >= cutMs;
  return holdOut('time', foldRatings(selectPairs(pairs, (row) => !later(row))).matrix, foldRatings(selectPairs(pairs, later)).matrix);
}

function holdOutTenth(ratings: SparseRows, seed: number): Holdout | null {
  const marks = markTenth(ratings, seed);
  return holdOut('user', selectRatings(ratings, marks, 0), selectRatings(ratings, marks, 1));
}

/** Users and items keep their numbers; of the held-out ratings only those count whose user and item are left. */
function holdOut(by: 'time' | 'user', train: SparseRows, held: SparseRows): Holdout | null {
  if (train.index.length === 0) {
    return null;
  }
  const items = new Uint8Array(train.cols);
  for (let e = 0; e < train.index.length; e++) {
    items[train.index[e]] = 1;
  }
  const isKnown = new Uint8Array(held.index.length);
  for (let u = 0; u < held.rows; u++) {
    for (let e = held.rowStart[u]; e < held.rowStart[u + 1]; e++) {
      isKnown[e] = train.rowStart[u + 1] > train.rowStart[u] ? items[held.index[e]] : 0;
    }
  }
  const same = (length: number) => Int32Array.from({ length }, (_, n) => n);
  return { by, train, wanted: wantRatings(selectRatings(held, isKnown, 1), same(held.rows), same(held.cols)) };
}
