/**
 * What intervals cost: a whole report (all metrics at 10 and 20, segments, 1,000 resamples) of a model and three baselines, and the paired differences from these, for 20,000 users. Beside it the same with
 * every user drawn for themselves, which is what drawing in groups replaces. In turn, medians.
 */
import { comparePaired, createResamples } from '../../dist/model/evaluation/bootstrap.js';
import { measureRanking, summarizeRanking } from '../../dist/model/evaluation/ranking.js';
import { sampleRelevance } from '../../dist/model/holdout.js';
import { DEFAULT_RECIPE } from '../../dist/model/recipe.js';
import { findItemNeighbours, rankByNeighbours } from '../../dist/model/item-knn.js';
import { transpose } from '../../dist/model/matrix.js';
import { rankByFactors } from '../../dist/model/metrics.js';
import { rankByScore, scorePopularity } from '../../dist/model/popularity.js';
import { addRow, check, median } from '../train/table.mjs';
import { createFit, generateColumns, splitShop } from './shop.mjs';

const wanted = 20_000;

export async function measureReport({ rounds, seed }) {
  const { train, relevance: all } = splitShop(generateColumns({ users: 90_000, items: 5000, events: 2_250_000, seed }));
  const relevance = sampleRelevance(all, wanted, seed);
  check(relevance.userRows.length === wanted, `${relevance.userRows.length} users to score, not ${wanted}`);
  const { users, items } = (await createFit())(train, { ...DEFAULT_RECIPE, seed }, {});
  const context = { relevance, train, itemFactors: items, ks: [10, 20] };
  const popularity = rankByScore(scorePopularity(train), train);
  const startedMs = performance.now();
  // Two popularities cost what popularity and recent popularity do: the report does not look at the lists' origin.
  const measured = [rankByFactors(users, items, train, 20), popularity, popularity, rankByNeighbours(findItemNeighbours(train, transpose(train)), train, 20)].map((rank) => measureRanking(rank, context));
  const rankSeconds = (performance.now() - startedMs) / 1000;
  const make = (options) => {
    const beganMs = performance.now();
    const resamples = createResamples(wanted, options);
    const reports = measured.map((one) => summarizeRanking(one, context, resamples));
    const differences = measured.slice(1).map((one) => comparePaired(resamples, measured[0].at[1].ndcg, one.at[1].ndcg));
    return { seconds: (performance.now() - beganMs) / 1000, reports, differences };
  };
  const runs = Array.from({ length: rounds }, () => ({ alone: make({ mostUnits: wanted }), grouped: make({}) }));
  const [alone, grouped] = ['alone', 'grouped'].map((kind) => median(runs.map((run) => run[kind].seconds)));
  const width = ({ low, high }) => high - low;
  const [a, g] = [runs[0].alone.reports[0].at[1].ndcg, runs[0].grouped.reports[0].at[1].ndcg];
  check(Math.abs(a.mean - g.mean) < 1e-12 && Math.abs(width(g) / width(a) - 1) < 0.15, 'drawn in groups, the intervals are others');
  addRow({
    measure: 'report with intervals, 20,000 users, 4 rankings', floor: 1, goal: 1, figure: grouped, unit: 's',
    raw: `${alone.toFixed(2)} s with every user drawn alone, ${(alone / grouped).toFixed(1)} ×; NDCG@20 [${g.low.toFixed(4)}, ${g.high.toFixed(4)}], alone [${a.low.toFixed(4)}, ${a.high.toFixed(4)}]; making the lists ${rankSeconds.toFixed(1)} s`,
  });
}
