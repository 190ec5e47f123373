/** The one look at the test part: the chosen recipe, that of the live version, and the baselines, all fitted on what came before. */
import { createResamples, type Resamples } from '../evaluation/bootstrap.ts';
import { measureRanking, type MeasuredRanking, type RankingContext, summarizeRanking } from '../evaluation/ranking.ts';
import { capFactors } from '../fitting.ts';
import { sampleRelevance } from '../holdout.ts';
import { FitDiverged } from '../recipe.ts';
import { findItemNeighbours, rankByNeighbours } from '../item-knn.ts';
import { type Factors, type SparseRows, transpose } from '../matrix.ts';
import type { Ranker } from '../metrics.ts';
import { countEntries, keepMostPerUser } from '../neighbours.ts';
import { rankByScore, scorePopularity, scoreRecentPopularity } from '../popularity.ts';
import { type Chosen, sameRecipe } from './choose.ts';
import type { Context } from './context.ts';
import { createPart, type FittedRecipe, fitPart, type Part } from './part.ts';
import type { TestReport } from './report.ts';
import type { ThreeWaySplit } from './split.ts';

/** Lists compared between the scored fit and the refit. */
const comparedUsers = 300;
const mostTestUsers = 20_000;
const ks = [10, 20];

export interface Measured {
  unmeasured: null;
  test: TestReport;
  ndcg: { candidate: Float64Array; baselines: { name: string; values: Float64Array }[]; live: Float64Array | null };
  resamples: Resamples;
  /** What the refit is held against. */
  scored: { items: Factors; userNos: Int32Array; lists: Int32Array[] };
}

/** The one look at the test part: everything has been chosen. */
export function measureOnTest(context: Context, split: ThreeWaySplit, chosen: Chosen): Measured {
  const { rules, live, fit, recipe } = context;
  const part = createPart(split.test.train, rules, split.test.held, context.settings.voices);
  const all = part.relevance!;
  context.enter('evaluate', all.userRows.length);
  const relevance = sampleRelevance(all, mostTestUsers, recipe.seed);
  const resamples = createResamples(relevance.userRows.length, { seed: recipe.seed });

  const candidate = fitPart(part, capFactors(chosen.recipe, part.userNos.length, part.itemNos.length).used, chosen.terms, fit);
  const items: Factors = { ...candidate.items, data: candidate.items.data.slice() };
  const fingerprint = fingerprintOf(candidate);
  const train = part.fold(0).matrix; // baselines know no half-life
  const ranking: RankingContext = { relevance, train, itemFactors: items, ks };
  const ofCandidate = measureRanking(candidate.rank(20), ranking);
  const scored = { items, ...listsOf(candidate.rank(20), part, everyNth(relevance.userRows)) };
  context.progress(0.4);
  const baselines: { key: 'popularity' | 'recentPopularity' | 'itemKnn'; name: string; measured: MeasuredRanking }[] = [
    { key: 'popularity', name: 'popularity', measured: measureRanking(rankByScore(scorePopularity(train), train), ranking) },
    { key: 'recentPopularity', name: 'popularity of 28 days', measured: measureRanking(rankByScore(scoreRecentPopularity(part.columns, rules, part.itemNos), train), ranking) },
    { key: 'itemKnn', name: 'item-kNN', measured: measureRanking(rankItemKnn(train), ranking) },
  ];
  context.progress(0.7);
  const ofLive = live === null || sameRecipe(live, chosen) ? null : measureLive(context, part, ranking);
  const summarize = (measured: MeasuredRanking) => summarizeRanking(measured, ranking, resamples);
  const test: TestReport = {
    users: relevance.userRows.length,
    relevant: all.itemIndex.length,
    coldShare: all.itemIndex.reduce((count, item) => count + (item < 0 ? 1 : 0), 0) / all.itemIndex.length,
    candidate: summarize(ofCandidate),
    popularity: summarize(baselines[0]!.measured),
    recentPopularity: summarize(baselines[1]!.measured),
    itemKnn: summarize(baselines[2]!.measured),
    live: ofLive === null ? null : summarize(ofLive),
    fingerprint,
  };
  const deciding = (measured: MeasuredRanking) => measured.at.find(({ k }) => k === 20)!.ndcg;
  const ndcg = { candidate: deciding(ofCandidate), baselines: baselines.map(({ name, measured }) => ({ name, values: deciding(measured) })), live: ofLive === null ? null : deciding(ofLive) };
  context.progress(1);
  return { unmeasured: null, test, ndcg, resamples, scored };
}

/** The recipe of the live version, on the same events: never its snapshot, which has seen the test part. Null where it has no solution any more. */
function measureLive({ live, fit }: Context, part: Part, ranking: RankingContext): MeasuredRanking | null {
  const { used } = capFactors(live!.recipe, part.userNos.length, part.itemNos.length);
  try {
    return measureRanking(fitPart(part, used, live!.terms, fit).rank(20), ranking);
  } catch (error) {
    if (error instanceof FitDiverged) return null;
    throw error;
  }
}

/** Neighbours of plain cosine; the busiest users count as in `neighbours.ts`. */
function rankItemKnn(train: SparseRows): Ranker {
  const entries = countEntries(train.rowStart);
  const rowStart = new Int32Array(train.rows + 1);
  const index = new Int32Array(entries);
  keepMostPerUser(train.rowStart, train.index, rowStart, index);
  const thinned: SparseRows = { ...train, rowStart, index, weight: new Float32Array(entries), target: new Float32Array(entries) };
  return rankByNeighbours(findItemNeighbours(thinned, transpose(thinned)), train, 20);
}

function everyNth(rows: Int32Array): Int32Array {
  const step = Math.max(1, Math.floor(rows.length / comparedUsers));
  return rows.filter((_, n) => n % step === 0);
}

/** Lists as item numbers, which other fits of the shop share. */
export function listsOf(rank: Ranker, { userNos, itemNos }: Pick<Part, 'userNos' | 'itemNos'>, rows: Int32Array): { userNos: Int32Array; lists: Int32Array[] } {
  const out = new Int32Array(20);
  return { userNos: Int32Array.from(rows, (row) => userNos[row]!), lists: Array.from(rows, (row) => Int32Array.from(out.subarray(0, rank(row, out)), (item) => itemNos[item]!)) };
}

/** FNV-1a over the bytes of both sides: equal exactly where the factors are. */
function fingerprintOf({ users, items }: FittedRecipe): string {
  let hash = 0x811c9dc5;
  for (const { data } of [users, items]) {
    const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
    for (let n = 0; n < words.length; n++) hash = Math.imul(hash ^ words[n]!, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
