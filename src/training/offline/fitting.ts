/** What `evaluate` and `fit` begin with: look at the rows, search, fit, find the neighbours. */
import { type HybridTerms, type Histories, scaleTerms } from '../../model/hybrid.ts';
import type { SparseRows } from '../../model/matrix.ts';
import { countFreshUsers, foldFreshness, type PairColumns } from '../../model/pairs.ts';
import { fitOnThreads, type ThreadedFit } from '../threads/fit.ts';
import { findNeighboursOnThreads } from '../threads/neighbours.ts';
import { checkPairs, fitRecipe, matrixOf, placeOf, type RecipeChoice, type Say } from './data.ts';
import { type SearchReport, searchRecipe } from './search.ts';
import { type Params, settingsOf, weightsOf } from '../../model/terms.ts';

export interface FittedFile {
  readonly byUser: SparseRows;
  readonly histories: Histories;
  readonly params: Params;
  readonly search: SearchReport | null;
  readonly fit: ThreadedFit;
  readonly terms: HybridTerms;
  /** Wall time of the neighbour lists; 0 without. */
  readonly neighbourSeconds: number;
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
  return { byUser, histories, params: { ...recipe, ...chosenTerms }, search, fit, terms: { neighbours, recentPopularity, scales }, neighbourSeconds };
}
