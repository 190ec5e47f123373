/** The one figure that a search goes by: NDCG@20 on a held-out part, of the factors alone or with terms. */
import { createScoredUsers, type Histories, rankByHybrid, scalesOf, spreadOfProducts } from '../hybrid.ts';
import type { Factors } from '../matrix.ts';
import { sampleRelevance } from '../holdout.ts';
import { evaluateRanking, meanOf } from '../metrics.ts';
import type { Neighbours } from '../neighbours.ts';
import type { Relevance } from '../split.ts';
import { NO_TERMS, type Terms, weightsOf } from '../terms.ts';
import type { TermScorer } from './search.ts';
import { leastUsers } from './split.ts';

export const listLength = 20;
/** More would make the choice hardly surer, and scoring longer than fitting. */
export const mostUsers = 10_000;
/** Scores kept: 2²⁵ float32, 128 MiB a part. */
const mostScores = 2 ** 25;
const mostScoredUsers = 2000;

/** A fit of what lies before a part, and what the part's users came to want. */
export interface FittedPart {
  users: Factors;
  items: Factors;
  histories: Histories;
  relevance: Relevance;
}

export function scoreFactors({ users, items, histories, relevance }: FittedPart): number {
  const rank = rankByHybrid(users, items, histories, { neighbours: null, recentPopularity: null, scales: weightsOf(NO_TERMS) }, listLength);
  return meanOf(evaluateRanking(rank, relevance, [listLength]).at[0]!.ndcg);
}

export interface TermSources {
  seed: number;
  /** Asked once for each K and pair of exponents; the factors do not depend on it. */
  findNeighbours(terms: Terms): Neighbours | Promise<Neighbours>;
  /** One score per item; null where nothing has a time. */
  countFreshUsers(halfLifeDays: number): Float32Array | null;
}

/** Scores of at most 2,000 users are kept, so any combination costs one pass over them, and the factors may be overwritten. */
export function createTermScorer({ users, items, histories, relevance: all, seed, findNeighbours, countFreshUsers }: FittedPart & TermSources): TermScorer {
  const relevance = sampleRelevance(all, Math.max(leastUsers, Math.min(mostScoredUsers, Math.floor(mostScores / items.rows))), seed);
  const scored = createScoredUsers(users, items, histories, relevance.userRows, listLength);
  const spread = spreadOfProducts(users, items);
  const lists = new Map<string, Neighbours>();
  return async (terms) => {
    const weights = weightsOf(terms);
    const key = JSON.stringify([terms.neighbours, terms.neighbourExponents]);
    if (weights.neighbours > 0 && !lists.has(key)) lists.set(key, await findNeighbours(terms));
    const neighbours = weights.neighbours > 0 ? lists.get(key)! : null;
    const recentPopularity = weights.recency > 0 ? countFreshUsers(terms.recencyHalfLifeDays) : null;
    const scales = scalesOf(spread, histories, neighbours, recentPopularity, weights);
    return meanOf(evaluateRanking(scored.ranker({ neighbours, recentPopularity, scales }), relevance, [listLength]).at[0]!.ndcg);
  };
}

export function meanOfScorers(scorers: readonly TermScorer[]): TermScorer {
  return async (terms) => {
    let sum = 0;
    for (const score of scorers) sum += await score(terms);
    return sum / scorers.length;
  };
}
