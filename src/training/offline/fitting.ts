/** What `evaluate` and `fit` begin with: look at the rows, search, fit, find the neighbours. */
import { type HybridTerms, type Histories, scaleTerms } from '../../model/hybrid.ts';
import type { SparseRows } from '../../model/matrix.ts';
import { countFreshUsers, foldFreshness, type PairColumns } from '../../model/pairs.ts';
import { fitOnThreads, type ThreadedFit } from '../threads/fit.ts';
import { findNeighboursOnThreads } from '../threads/neighbours.ts';
import { checkPairs, fitRecipe, matrixOf, placeOf, type RecipeChoice, type Say } from './data.ts';
import { type SearchReport, searchRecipe } from './search.ts';
import { type Params, settingsOf, weightsOf } from '../../model/terms.ts';

/** What was fitted, how, and what it took: the part that both reports have. */
export interface FitFigures {
  readonly users: number;
  readonly items: number;
  /** Pairs, repeated ones once. */
  readonly interactions: number;
  readonly params: Params;
  readonly sweeps: number;
  /** How the parameters were chosen; null without a search. */
  readonly search: SearchReport | null;
  readonly threads: number;
  readonly kernel: string;
  /** Matrices in memory → factors in memory; starting threads included, computing the objective not. */
  readonly fitSeconds: number;
  /** Finding the neighbours, after it; 0 without. */
  readonly neighbourSeconds: number;
  /** Of all threads, during the fit. */
  readonly cpuSeconds: number;
  /** Highest resident size of the process up to the end of the fit, reading the file included. */
  readonly peakMemoryBytes: number;
}

export interface FittedFile {
  readonly byUser: SparseRows;
  readonly histories: Histories;
  readonly fit: ThreadedFit;
  readonly terms: HybridTerms;
  readonly figures: FitFigures;
}

/** @throws OfflineFault where there is too little to fit; FitDiverged; the signal's reason */
export async function fitFile(pairs: PairColumns, choice: RecipeChoice, objective: boolean, say: Say, signal?: AbortSignal): Promise<FittedFile> {
  checkPairs(pairs, say);
  const { recipe: chosen, terms: chosenTerms, search } = await searchRecipe(pairs, choice, say, signal);
  if (pairs.timeMs === null && choice.asked.terms?.some((name) => name === 'halfLifeDays' || name === 'recencyWeight' || name === 'recencyHalfLifeDays')) {
    say('Warning: the file has no times, so nothing fades and nothing is recent.');
  }
  const byUser = matrixOf(pairs, chosenTerms.halfLifeDays);
  const recipe = fitRecipe(chosen, choice.asked.factors, byUser, say);
  const fit = await fitOnThreads({ byUser, recipe, objective, ...placeOf(choice, signal) });
  const { rowStart, index, weight } = foldFreshness(pairs, chosenTerms.halfLifeDays);
  const histories: Histories = { rowStart, index, weight };
  const before = performance.now();
  const weights = weightsOf(chosenTerms);
  const neighbours = weights.neighbours > 0
    ? await findNeighboursOnThreads({ byUser, settings: settingsOf(chosenTerms), threads: choice.threads, ...(signal === undefined ? {} : { signal }) })
    : null;
  const neighbourSeconds = neighbours === null ? 0 : (performance.now() - before) / 1000;
  const recentPopularity = weights.recency > 0 ? countFreshUsers(pairs, chosenTerms.recencyHalfLifeDays) : null;
  const scales = scaleTerms(fit.users, fit.items, histories, neighbours, recentPopularity, weights);
  const figures: FitFigures = {
    users: byUser.rows,
    items: byUser.cols,
    interactions: byUser.index.length,
    params: { ...recipe, ...chosenTerms },
    sweeps: recipe.sweeps,
    search,
    threads: fit.threads,
    kernel: fit.kernel,
    fitSeconds: fit.seconds,
    neighbourSeconds,
    cpuSeconds: fit.cpuSeconds,
    peakMemoryBytes: fit.peakBytes,
  };
  return { byUser, histories, fit, terms: { neighbours, recentPopularity, scales }, figures };
}
