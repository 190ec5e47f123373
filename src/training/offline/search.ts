/**
 * A recipe chosen on a part held out: successive halving (Jamieson, Talwalkar 2016) over factors, regularization and unobserved weight.
 *
 * Sixteen candidates, the default among them and the rest drawn from log-uniform ranges, are fitted for a quarter of the sweeps; the best six for half of
 * them; the best three as they would be used. So a search costs ten full fits, whatever the file, and holds one of them in memory at a time: every fit
 * starts cold. Nothing but the held-out part of the one file is looked at.
 */
import { FitDiverged, type Recipe } from '../../model/ials.ts';
import { holdOutByTime, holdOutByUser, type PairHoldout, sampleRelevance } from '../../model/holdout.ts';
import { meanWeight, scaleWeights } from '../../model/matrix.ts';
import { evaluateRanking, meanOf, rankByFactors } from '../../model/metrics.ts';
import type { PairColumns } from '../../model/pairs.ts';
import { createRandom } from '../../model/random.ts';
import { fitOnThreads } from '../threads/fit.ts';
import { placeOf, type RecipeChoice, type Say } from './data.ts';

/** How a recipe was chosen. */
export interface SearchReport {
  readonly heldOutBy: 'time' | 'user';
  readonly users: number;
  /** Fits made. */
  readonly trials: number;
  /** Of the chosen recipe on the held-out part: optimistic, since it was chosen for it. */
  readonly 'ndcg@20': number;
}

export interface SearchResult {
  readonly recipe: Recipe;
  /** Null where nothing could be held out, or nothing was to be searched, and the recipe is as it was. */
  readonly search: SearchReport | null;
}

const rungs = [{ candidates: 16, share: 1 / 4 }, { candidates: 6, share: 1 / 2 }, { candidates: 3, share: 1 }] as const;
const factorChoices = [16, 32, 64, 128, 256];
const ranges = { regularization: [0.03, 3], unobservedWeight: [0.02, 2] } as const;
const listLength = 20;
/** More would make the choice hardly surer, and scoring longer than fitting. */
const mostUsers = 10_000;
/** Fewer, and the choice would be chance. */
const leastUsers = 10;

export interface Candidate {
  readonly number: number;
  readonly recipe: Recipe;
  /** On the held-out part, in the last rung that it was in. */
  ndcg: number;
}

/**
 * What was asked for stays as it is; what was not is searched.
 *
 * @throws whatever a fit throws, but a candidate that diverges only scores 0
 */
export async function searchRecipe(pairs: PairColumns, choice: RecipeChoice, say: Say, signal?: AbortSignal): Promise<SearchResult> {
  const { recipe, asked } = choice;
  if (!choice.search) {
    return { recipe, search: null };
  }
  const enough = (holdout: PairHoldout | null) => (holdout !== null && holdout.relevance.userRows.length >= leastUsers ? holdout : null);
  const holdout = enough(holdOutByTime(pairs)) ?? enough(holdOutByUser(pairs, recipe.seed));
  if (holdout === null) {
    say(`Warning: no search: fewer than ${leastUsers} users are left to choose on when a part of the file is held out.`);
    return { recipe, search: null };
  }
  const relevance = sampleRelevance(holdout.relevance, mostUsers, recipe.seed);
  const byUser = scaleWeights(holdout.train, 1 / meanWeight(holdout.train));
  say(`Search: ${holdout.by === 'time' ? 'the latest fifth' : "a tenth of each user's items"} held out, ${relevance.userRows.length} users to choose on`);

  const most = Math.max(1, Math.floor(Math.min(byUser.rows, byUser.cols) / 2));
  let candidates = drawCandidates(recipe, asked, most);
  let trials = 0;
  for (const rung of rungs) {
    candidates = candidates.slice(0, rung.candidates);
    const sweeps = Math.max(1, Math.ceil(recipe.sweeps * rung.share));
    for (const candidate of candidates) {
      candidate.ndcg = await score({ ...candidate.recipe, sweeps });
      trials++;
      const { factors, regularization, unobservedWeight } = candidate.recipe;
      say(`  ${String(candidate.number).padStart(2)}: ${factors} factors, regularization ${regularization}, unobserved weight ${unobservedWeight}, ${sweeps} sweeps: ndcg@${listLength} ${candidate.ndcg.toFixed(4)}`);
    }
    candidates.sort((a, b) => b.ndcg - a.ndcg || a.number - b.number);
  }
  const [best] = candidates;
  return { recipe: best.recipe, search: { heldOutBy: holdout.by, users: relevance.userRows.length, trials, 'ndcg@20': best.ndcg } };

  async function score(trial: Recipe): Promise<number> {
    try {
      const { users, items } = await fitOnThreads({ byUser, recipe: trial, ...placeOf(choice, signal) });
      return meanOf(evaluateRanking(rankByFactors(users, items, byUser, listLength), relevance, [listLength]).at[0].ndcg);
    } catch (error) {
      if (error instanceof FitDiverged) {
        return 0;
      }
      throw error;
    }
  }
}

/** Different ones only: where everything but one thing was asked for there may be fewer than the first rung has room for. */
export function drawCandidates(recipe: Recipe, asked: RecipeChoice['asked'], mostFactors: number): Candidate[] {
  const random = createRandom(recipe.seed);
  const choices = factorChoices.filter((factors) => factors <= mostFactors);
  const logUniform = ([low, high]: readonly [number, number]) => Number((low * (high / low) ** random.uniform()).toPrecision(3));
  const drawn = new Map<string, Recipe>();
  const add = (one: Recipe) => drawn.set(JSON.stringify(one), one);
  add({ ...recipe, factors: Math.min(recipe.factors, mostFactors) });
  for (let attempt = 0; attempt < 4 * rungs[0].candidates && drawn.size < rungs[0].candidates; attempt++) {
    const factors = choices.length === 0 ? mostFactors : choices[random.integer(choices.length)];
    const regularization = logUniform(ranges.regularization);
    const unobservedWeight = logUniform(ranges.unobservedWeight);
    add({
      ...recipe,
      factors: asked.factors ? Math.min(recipe.factors, mostFactors) : factors,
      regularization: asked.regularization ? recipe.regularization : regularization,
      unobservedWeight: asked.unobservedWeight ? recipe.unobservedWeight : unobservedWeight,
    });
  }
  return [...drawn.values()].map((one, n) => ({ number: n + 1, recipe: one, ndcg: 0 }));
}
