/**
 * Parameters for a file, chosen by `model/experiment/search.ts` on parts of it that are held out.
 *
 * Where there are times, two successive windows are held out, the latest fifth and the latest fifth of what was before it, and the means of both decide, so that one
 * season does not decide alone. Every fit starts cold, and nothing but the held-out parts of the one file is looked at.
 */
import { createTermScorer, listLength, meanOfScorers, mostUsers, scoreFactors } from '../../model/experiment/scoring.ts';
import { rungsOf, search, type TermScorer } from '../../model/experiment/search.ts';
import { leastUsers } from '../../model/experiment/split.ts';
import { holdOutByTime, holdOutByUser, type PairHoldout, sampleRelevance } from '../../model/holdout.ts';
import type { Histories } from '../../model/hybrid.ts';
import type { Recipe } from '../../model/recipe.ts';
import { countFreshUsers, foldFreshness, type PairColumns } from '../../model/pairs.ts';
import type { Relevance } from '../../model/split.ts';
import { DEFAULT_TERMS, settingsOf, type Terms } from '../../model/terms.ts';
import { fitOnThreads } from '../threads/fit.ts';
import { findNeighboursOnThreads } from '../threads/neighbours.ts';
import { matrixOf, placeOf, type RecipeChoice, type Say } from './data.ts';

/** How the parameters were chosen. */
export interface SearchReport {
  readonly heldOutBy: 'time' | 'user';
  /** Parts held out, one after the other. */
  readonly windows: number;
  /** Over all windows. */
  readonly users: number;
  /** Candidates fitted, each once a window. */
  readonly trials: number;
  /** Of what was chosen, on the held-out parts: optimistic, since it was chosen for them. */
  readonly 'ndcg@20': number;
}

export interface SearchResult {
  readonly recipe: Recipe;
  readonly terms: Terms;
  /** Null where nothing could be held out, or nothing was to be searched, and the parameters are as they were. */
  readonly search: SearchReport | null;
}

/** A part held out, and what is before it. */
interface Window {
  readonly pairs: PairColumns;
  readonly relevance: Relevance;
  readonly by: 'time' | 'user';
}

/**
 * What was asked for stays as it is; what was not is searched.
 *
 * @throws whatever a fit throws, but a candidate that diverges only scores 0
 */
export async function searchRecipe(pairs: PairColumns, choice: RecipeChoice, say: Say, signal?: AbortSignal): Promise<SearchResult> {
  const { recipe, asked, terms: given = DEFAULT_TERMS } = choice;
  if (!choice.search) {
    return { recipe, terms: given, search: null };
  }
  const windows = holdOut(pairs, recipe.seed);
  if (windows.length === 0) {
    say(`Warning: no search: fewer than ${leastUsers} users are left to choose on when a part of the file is held out.`);
    return { recipe, terms: given, search: null };
  }
  const { by } = windows[0];
  const users = windows.reduce((sum, { relevance }) => sum + relevance.userRows.length, 0);
  say(`Search: ${by === 'time' ? (windows.length === 2 ? 'the latest fifth, and the latest fifth of what is before it,' : 'the latest fifth') : "a tenth of each user's items"} held out, ${users} users to choose on`);
  const found = await search({
    recipe, terms: given, live: null, asked, rungs: rungsOf.full,
    mostFactors: Math.max(1, Math.floor(Math.min(...windows.flatMap(({ pairs: { users: rows, items } }) => [rows, items])) / 2)),
    fades: windows.some(({ pairs: { timeMs } }) => timeMs !== null),
    seconds: () => performance.now() / 1000,
    async tryRecipe(one, halfLifeDays) {
      let ndcg = 0;
      for (const window of windows) {
        const { fit, histories } = await fitWindow(window, one, halfLifeDays, choice, signal);
        ndcg += scoreFactors({ ...fit, histories, relevance: window.relevance }) / windows.length;
      }
      return ndcg;
    },
    async fitForTerms(one, { halfLifeDays }) {
      const scored: TermScorer[] = [];
      for (const window of windows) {
        const { fit, histories, byUser } = await fitWindow(window, one, halfLifeDays, choice, signal);
        scored.push(createTermScorer({
          ...fit, histories, relevance: window.relevance, seed: recipe.seed,
          findNeighbours: (terms) => findNeighboursOnThreads({ byUser, settings: settingsOf(terms), threads: choice.threads, ...(signal === undefined ? {} : { signal }) }),
          countFreshUsers: (days) => countFreshUsers(window.pairs, days),
        }));
      }
      return meanOfScorers(scored);
    },
    onTrial: ({ number, factors, regularization, unobservedWeight, halfLifeDays, sweeps, ndcg }) =>
      say(`  ${String(number).padStart(2)}: ${factors} factors, regularization ${regularization}, unobserved weight ${unobservedWeight}, half-life ${halfLifeDays}, ${sweeps} sweeps: ndcg@${listLength} ${(ndcg ?? 0).toFixed(4)}`),
    onTerms: ({ name, value, ndcg }) => say(`  ${name === 'given' ? 'terms as given' : `${name} ${JSON.stringify(value)}`}: ndcg@${listLength} ${ndcg.toFixed(4)}`),
  });
  return { recipe: found.recipe, terms: found.terms, search: { heldOutBy: by, windows: windows.length, users, trials: found.trials.length, 'ndcg@20': found.ndcg } };
}

function holdOut(pairs: PairColumns, seed: number): Window[] {
  const windowOf = (holdout: PairHoldout | null): Window[] =>
    holdout !== null && holdout.relevance.userRows.length >= leastUsers ? [{ pairs: holdout.pairs, relevance: sampleRelevance(holdout.relevance, mostUsers, seed), by: holdout.by }] : [];
  const latest = windowOf(holdOutByTime(pairs));
  return latest.length > 0 ? [...latest, ...windowOf(holdOutByTime(latest[0].pairs))] : windowOf(holdOutByUser(pairs, seed));
}

async function fitWindow({ pairs }: Window, recipe: Recipe, halfLifeDays: number, choice: RecipeChoice, signal: AbortSignal | undefined) {
  const byUser = matrixOf(pairs, halfLifeDays);
  const fit = await fitOnThreads({ byUser, recipe, ...placeOf(choice, signal) });
  const histories: Histories = foldFreshness(pairs, halfLifeDays);
  return { byUser, fit, histories };
}
