/**
 * How well would a recipe have done? Fits on one file and ranks for the users of another, without a database.
 *
 * The order is the honesty: the first file is folded and fitted, and only then is the second one read, by the callback that is passed in. So nothing in it
 * can reach the parameters or the factors, however it is used.
 */
import { createHash } from 'node:crypto';
import { rankByHybrid } from '../../model/hybrid.ts';
import { findItemNeighbours, rankByNeighbours } from '../../model/item-knn.ts';
import { type Factors, type SparseRows, transpose } from '../../model/matrix.ts';
import { evaluateRanking, type Interval, type Ranker } from '../../model/metrics.ts';
import { createResamples, intervalsOf } from '../../model/evaluation/bootstrap.ts';
import { countRecentUsers, countUsers, findPairRelevance } from '../../model/pairs.ts';
import { rankByScore, recentDays } from '../../model/popularity.ts';
import type { Relevance } from '../../model/split.ts';
import { matchIds, type PairData, type RecipeChoice, type Say } from './data.ts';
import { OfflineFault } from './fault.ts';
import { type FitFigures, fitFile } from './fitting.ts';

export interface EvaluateOptions extends RecipeChoice {
  readonly train: PairData;
  /** Called once, after the fit has ended. */
  readTest(): Promise<PairData>;
  /** Lengths of list to measure at, from 1. */
  readonly ks: readonly number[];
  readonly say: Say;
  readonly signal?: AbortSignal;
}

/** `recall@k` and `ndcg@k` for every k: means over the scored users with 95 % intervals. */
export type Metrics = Record<string, Interval>;

export interface Evaluation extends FitFigures {
  readonly test: {
    /** Users scored: known to the fit, and wanting something new to them. */
    readonly users: number;
    /** Pairs to be found, over all of them. */
    readonly relevant: number;
    /** Of these, the share whose item the fit does not know: out of any model's reach, and counted all the same. */
    readonly coldShare: number;
  };
  readonly metrics: Metrics;
  /** The same for lists that need no fit. `recentPopularity` is null where the file has no times. */
  readonly baselines: { readonly popularity: Metrics; readonly recentPopularity: Metrics | null; readonly itemKnn: Metrics };
}

/**
 * Candidates are the whole catalogue of the fitted file less what the user has in it.
 *
 * @throws OfflineFault where there is too little to fit or nobody to score; FitDiverged; whatever `readTest` throws
 */
export async function evaluateOffline(options: EvaluateOptions): Promise<Evaluation> {
  const { train, readTest, ks, say, signal } = options;
  const { pairs } = train;
  const recent = countRecentUsers(pairs, recentDays);
  const { byUser, histories, fit, terms, figures } = await fitFile(pairs, options, false, say, signal);
  say(`Fitted ${JSON.stringify(figures.params)} in ${fit.seconds.toFixed(2)} s (${fit.threads} thread${fit.threads === 1 ? '' : 's'}, ${fit.kernel}); factors ${fingerprint(fit.users, fit.items)}`);

  const test = await readTest();
  const relevance = findRelevant(train, test, byUser);
  const relevant = relevance.itemIndex.length;
  const coldShare = relevance.itemIndex.reduce((count, item) => count + (item < 0 ? 1 : 0), 0) / relevant;
  if (coldShare === 1) {
    say('Warning: the training file knows none of the items to be found; every recall is 0.');
  }
  const most = Math.max(...ks);
  const measure = (rank: Ranker) => summarize(rank, relevance, ks);
  return {
    ...figures,
    test: { users: relevance.userRows.length, relevant, coldShare },
    metrics: measure(rankByHybrid(fit.users, fit.items, histories, terms, most)),
    baselines: {
      popularity: measure(rankByScore(countUsers(byUser), byUser)),
      recentPopularity: recent === null ? null : measure(rankByScore(recent, byUser)),
      itemKnn: measure(rankByNeighbours(findItemNeighbours(byUser, transpose(byUser)), byUser, most)),
    },
  };
}

function findRelevant(train: PairData, test: PairData, byUser: SparseRows): Relevance {
  const userOf = matchIds(test.userIds, train.userIds);
  const known = userOf.reduce((count, row) => count + (row < 0 ? 0 : 1), 0);
  if (test.pairs.length === 0) {
    throw new OfflineFault('The test file has no row that can be used.');
  }
  if (known === 0) {
    throw new OfflineFault(`None of the ${test.userIds.length} users of the test file is in the training file, so nobody can be scored. Are the ids written alike in both?`);
  }
  const relevance = findPairRelevance(byUser, test.pairs, userOf, matchIds(test.itemIds, train.itemIds));
  if (relevance.userRows.length === 0) {
    throw new OfflineFault(`All that the ${known} known users of the test file did is in the training file already, so there is nothing to be found.`);
  }
  return relevance;
}

function summarize(rank: Ranker, relevance: Relevance, ks: readonly number[]): Metrics {
  const metrics: Metrics = {};
  const resamples = createResamples(relevance.userRows.length);
  for (const { k, recall, ndcg } of evaluateRanking(rank, relevance, ks).at) {
    [metrics[`recall@${k}`], metrics[`ndcg@${k}`]] = intervalsOf(resamples, [recall, ndcg]);
  }
  return metrics;
}

/** Equal exactly where the factors are, to the bit: same data, same seed, any number of threads. */
export function fingerprint(users: Factors, items: Factors): string {
  const hash = createHash('sha256');
  for (const { data } of [users, items]) {
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex').slice(0, 16);
}
