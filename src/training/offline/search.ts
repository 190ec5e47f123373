/**
 * Parameters chosen on parts held out: successive halving (Jamieson, Talwalkar 2016) over factors, regularization, unobserved weight and half-life, then the
 * weights of the terms one after another.
 *
 * Where there are times, two successive windows are held out, the latest fifth and the latest fifth of what was before it, and the means of both decide, so that one
 * season does not decide alone. Sixteen candidates, the default among them and the rest drawn from log-uniform ranges, are fitted for half
 * of the sweeps, the best five as they would be used. The terms need no other fit: for the best candidate the factors' scores of some users are kept, and a
 * combination costs one pass over them. Every fit starts cold, and nothing but the held-out parts of the one file is looked at.
 */
import { createScoredUsers, type Histories, rankByHybrid, scaleTerms, type ScoredUsers } from '../../model/hybrid.ts';
import { FitDiverged, type Recipe } from '../../model/recipe.ts';
import { holdOutByTime, holdOutByUser, type PairHoldout, sampleRelevance } from '../../model/holdout.ts';
import { evaluateRanking, meanOf } from '../../model/metrics.ts';
import type { Neighbours } from '../../model/neighbours.ts';
import { countFreshUsers, foldFreshness, type PairColumns } from '../../model/pairs.ts';
import { createRandom } from '../../model/random.ts';
import type { Relevance } from '../../model/split.ts';
import { fitOnThreads, type ThreadedFit } from '../threads/fit.ts';
import { findNeighboursOnThreads } from '../threads/neighbours.ts';
import { matrixOf, placeOf, type RecipeChoice, type Say } from './data.ts';
import { DEFAULT_TERMS, settingsOf, type Terms, weightsOf } from '../../model/terms.ts';

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

const rungs = [{ candidates: 16, share: 1 / 2 }, { candidates: 5, share: 1 }] as const;
const factorChoices = [16, 32, 64, 128, 256];
const halfLifeChoices = [0, 30, 60, 120];
const ranges = { regularization: [0.1, 1], unobservedWeight: [0.05, 2] } as const;
/** Tried one after the other, each with the others as they stand. */
const termChoices: readonly { readonly name: keyof Terms; readonly values: readonly Terms[keyof Terms][] }[] = [
  { name: 'recencyWeight', values: [0, 0.05, 0.1, 0.2, 0.4] },
  { name: 'recencyHalfLifeDays', values: [3.5, 7, 14, 28] },
  { name: 'neighbourExponents', values: [[0.75, 0.25], [0.6, 0.4], [0.5, 0.5]] },
  { name: 'neighbours', values: [20, 50, 100, 200] },
  { name: 'neighbourWeight', values: [0, 0.05, 0.15, 0.3, 0.6, 1] },
  { name: 'recencyWeight', values: [0, 0.05, 0.1, 0.2, 0.4] },
];
const listLength = 20;
/** More would make the choice hardly surer, and scoring longer than fitting. */
const mostUsers = 10_000;
/** Fewer, and the choice would be chance. */
const leastUsers = 10;

/** A part held out, and what is before it. */
interface Window {
  readonly pairs: PairColumns;
  readonly relevance: Relevance;
  readonly by: 'time' | 'user';
}

export interface Candidate {
  readonly number: number;
  readonly recipe: Recipe;
  readonly halfLifeDays: number;
  /** On the held-out parts, in the last rung that it was in. */
  ndcg: number;
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

  const trial = (window: Window, one: Recipe, terms: Terms) => fitWindow(window, one, terms, choice, signal);
  const most = Math.max(1, Math.floor(Math.min(...windows.flatMap(({ pairs: { users: rows, items } }) => [rows, items])) / 2));
  let candidates = drawCandidates(recipe, asked, most, given.halfLifeDays, windows.some(({ pairs: { timeMs } }) => timeMs !== null) && asked.terms?.includes('halfLifeDays') !== true);
  let trials = 0;
  for (const rung of rungs) {
    candidates = candidates.slice(0, rung.candidates);
    const sweeps = Math.max(1, Math.ceil(recipe.sweeps * rung.share));
    for (const candidate of candidates) {
      const { factors, regularization, unobservedWeight } = candidate.recipe;
      const terms = { ...given, halfLifeDays: candidate.halfLifeDays };
      candidate.ndcg = 0;
      try {
        for (const window of windows) {
          const { fit, histories } = await trial(window, { ...candidate.recipe, sweeps }, terms);
          candidate.ndcg += scoreFactors(fit, histories, window) / windows.length;
        }
      } catch (error) {
        if (!(error instanceof FitDiverged)) {
          throw error;
        }
        candidate.ndcg = 0;
      }
      trials++;
      say(`  ${String(candidate.number).padStart(2)}: ${factors} factors, regularization ${regularization}, unobserved weight ${unobservedWeight}, half-life ${candidate.halfLifeDays}, ${sweeps} sweeps: ndcg@${listLength} ${candidate.ndcg.toFixed(4)}`);
    }
    candidates.sort((a, b) => b.ndcg - a.ndcg || a.number - b.number);
  }
  const [best] = candidates;
  const start: Terms = { ...given, halfLifeDays: best.halfLifeDays };
  if (best.ndcg === 0) {
    return { recipe: best.recipe, terms: start, search: { heldOutBy: by, windows: windows.length, users, trials, 'ndcg@20': 0 } };
  }
  const scored: ScoredWindow[] = [];
  for (const window of windows) {
    const { fit, histories, byUser } = await trial(window, best.recipe, start);
    scored.push(scoreWindow(window, fit, histories, (terms) => findNeighboursOnThreads({ byUser, settings: settingsOf(terms), threads: choice.threads, ...(signal === undefined ? {} : { signal }) }), recipe.seed));
  }
  const { terms, ndcg } = await searchTerms(start, asked.terms ?? [], scored, say);
  return { recipe: best.recipe, terms, search: { heldOutBy: by, windows: windows.length, users, trials, 'ndcg@20': ndcg } };
}

function holdOut(pairs: PairColumns, seed: number): Window[] {
  const windowOf = (holdout: PairHoldout | null): Window[] =>
    holdout !== null && holdout.relevance.userRows.length >= leastUsers ? [{ pairs: holdout.pairs, relevance: sampleRelevance(holdout.relevance, mostUsers, seed), by: holdout.by }] : [];
  const latest = windowOf(holdOutByTime(pairs));
  return latest.length > 0 ? [...latest, ...windowOf(holdOutByTime(latest[0].pairs))] : windowOf(holdOutByUser(pairs, seed));
}

async function fitWindow({ pairs }: Window, recipe: Recipe, { halfLifeDays }: Terms, choice: RecipeChoice, signal: AbortSignal | undefined) {
  const byUser = matrixOf(pairs, halfLifeDays);
  const fit = await fitOnThreads({ byUser, recipe, ...placeOf(choice, signal) });
  const histories: Histories = foldFreshness(pairs, halfLifeDays);
  return { byUser, fit, histories };
}

function scoreFactors({ users, items }: ThreadedFit, histories: Histories, { relevance }: Window): number {
  const rank = rankByHybrid(users, items, histories, { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } }, listLength);
  return meanOf(evaluateRanking(rank, relevance, [listLength]).at[0].ndcg);
}

/** Scores kept: 2²⁵ float32, 128 MiB a window. */
const mostScores = 2 ** 25;
const mostScoredUsers = 2000;

/** ndcg of a combination of terms on one window. */
type ScoredWindow = (terms: Terms) => Promise<number>;

/** @param find asked once for each K and pair of exponents; the factors do not depend on it */
function scoreWindow({ pairs, relevance: all }: Window, { users, items }: ThreadedFit, histories: Histories, find: (terms: Terms) => Promise<Neighbours>, seed: number): ScoredWindow {
  const relevance = sampleRelevance(all, Math.max(leastUsers, Math.min(mostScoredUsers, Math.floor(mostScores / items.rows))), seed);
  const scored: ScoredUsers = createScoredUsers(users, items, histories, relevance.userRows, listLength);
  const lists = new Map<string, Neighbours>();
  return async (terms) => {
    const weights = weightsOf(terms);
    const key = JSON.stringify([terms.neighbours, terms.neighbourExponents]);
    if (weights.neighbours > 0 && !lists.has(key)) {
      lists.set(key, await find(terms));
    }
    const neighbours = weights.neighbours > 0 ? lists.get(key)! : null;
    const recentPopularity = weights.recency > 0 ? countFreshUsers(pairs, terms.recencyHalfLifeDays) : null;
    const scales = scaleTerms(users, items, histories, neighbours, recentPopularity, weights);
    return meanOf(evaluateRanking(scored.ranker({ neighbours, recentPopularity, scales }), relevance, [listLength]).at[0].ndcg);
  };
}

/** Coordinate by coordinate; what was asked for stays, and so does what no other value beats. */
async function searchTerms(start: Terms, asked: readonly (keyof Terms)[], windows: readonly ScoredWindow[], say: Say): Promise<{ terms: Terms; ndcg: number }> {
  const score = async (terms: Terms) => {
    let sum = 0;
    for (const window of windows) {
      sum += await window(terms);
    }
    return sum / windows.length;
  };
  let terms = start;
  let ndcg = await score(start);
  say(`  terms as given: ndcg@${listLength} ${ndcg.toFixed(4)}`);
  for (const { name, values } of termChoices) {
    // No lists without K, whatever their weight.
    if (asked.includes(name) || (terms.neighbours === 0 && name.startsWith('neighbour'))) {
      continue;
    }
    for (const value of values) {
      const other = { ...terms, [name]: value };
      if (JSON.stringify(other) === JSON.stringify(terms)) {
        continue;
      }
      const found = await score(other);
      say(`  ${name} ${JSON.stringify(value)}: ndcg@${listLength} ${found.toFixed(4)}`);
      if (found > ndcg) {
        terms = other;
        ndcg = found;
      }
    }
  }
  return { terms, ndcg };
}

/** Different ones only: where everything but one thing was asked for there may be fewer than the first rung has room for. */
export function drawCandidates(recipe: Recipe, asked: RecipeChoice['asked'], mostFactors: number, halfLifeDays: number, fades: boolean): Candidate[] {
  const random = createRandom(recipe.seed);
  const choices = factorChoices.filter((factors) => factors <= mostFactors);
  const logUniform = ([low, high]: readonly [number, number]) => Number((low * (high / low) ** random.uniform()).toPrecision(3));
  const drawn = new Map<string, { recipe: Recipe; halfLifeDays: number }>();
  const add = (one: Recipe, days: number) => drawn.set(JSON.stringify([one, days]), { recipe: one, halfLifeDays: days });
  add({ ...recipe, factors: Math.min(recipe.factors, mostFactors) }, halfLifeDays);
  for (let attempt = 0; attempt < 4 * rungs[0].candidates && drawn.size < rungs[0].candidates; attempt++) {
    const factors = choices.length === 0 ? mostFactors : choices[random.integer(choices.length)];
    const regularization = logUniform(ranges.regularization);
    const unobservedWeight = logUniform(ranges.unobservedWeight);
    const days = halfLifeChoices[random.integer(halfLifeChoices.length)];
    add({
      ...recipe,
      factors: asked.factors ? Math.min(recipe.factors, mostFactors) : factors,
      regularization: asked.regularization ? recipe.regularization : regularization,
      unobservedWeight: asked.unobservedWeight ? recipe.unobservedWeight : unobservedWeight,
    }, fades ? days : halfLifeDays);
  }
  return [...drawn.values()].map((one, n) => ({ number: n + 1, ...one, ndcg: 0 }));
}
