/** A report as a run writes it, with figures made up so that a reader can tell them apart. */
import type { RankingFigures, RankingReport, SegmentFigures } from '../../src/model/evaluation/ranking.ts';
import { DEFAULT_RATING_RECIPE } from '../../src/model/explicit.ts';
import type { Interval } from '../../src/model/metrics.ts';
import type { KeptReport } from '../../src/training/model-card.ts';

const around = (mean: number): Interval => ({ mean, low: mean * 0.95, high: mean * 1.05 });
const nobody = { mean: null, low: null, high: null } as unknown as Interval;

function ranking(ndcg: number): RankingReport {
  const at = (k: number): RankingFigures => ({
    k, recall: around(0.9 * ndcg), precision: around(0.02), ndcg: around(ndcg), map: around(0.04), mrr: around(0.2), hitRate: around(0.4), novelty: around(6), diversity: k === 10 ? null : around(0.7), coverage: 0.55,
  });
  const segment = (name: SegmentFigures['segment'], users: number): SegmentFigures => ({ segment: name, users, at: [10, 20].map((k) => ({ k, recall: users === 0 ? nobody : around(ndcg), ndcg: users === 0 ? nobody : around(ndcg) })) });
  return { users: 1234, at: [at(10), at(20)], segments: [segment('new', 0), segment('light', 12), segment('heavy', 1222), segment('head', 900), segment('tail', 700)] };
}

export const DAY_MS = 86_400_000;
const newestMs = Date.UTC(2026, 4, 1);

export const REPORT: KeptReport = {
  events: 397_884, users: 4338, items: 3665, interactions: 266_802, oldestMs: newestMs - 370 * DAY_MS, newestMs, factors: 64, sweeps: 2,
  start: { kind: 'warm', fromVersion: 6, warmInARow: 2, change: 0.01, carriedItems: 3660, newItems: 5, droppedItems: 0, carriedUsers: 4321, newUsers: 17 },
  split: { asked: 'time', tried: [], validation: [], test: { by: 'time', cutMs: newestMs - 40 * DAY_MS, oldestMs: newestMs - 40 * DAY_MS, newestMs, trainEvents: 318_307, heldEvents: 79_577, users: 1234, relevant: 45_678, coldShare: 0.12 } },
  unmeasured: null,
  search: { mode: 'light', windows: 2, users: 1100, seconds: 22.4, ended: 'time', chosen: 2, ndcg: 0.12, trials: [1, 2, 3].map((number) => ({ number, origin: 'drawn', factors: 64, regularization: 0.3, unobservedWeight: 0.2, halfLifeDays: 60, sweeps: 2, ndcg: 0.1, seconds: 1, note: null })), terms: [] },
  test: { users: 1234, relevant: 45_678, coldShare: 0.12, candidate: ranking(0.1125), popularity: ranking(0.0415), recentPopularity: ranking(0.0525), itemKnn: ranking(0.0715), live: ranking(0.1105), fingerprint: 'f' },
  ratings: {
    trainRatings: 8000, testRatings: 2100, testUsers: 310, coldShare: 0.07, recipe: DEFAULT_RATING_RECIPE, model: { rmse: around(0.8765), mae: around(0.68) },
    baselines: { mean: { rmse: around(1.1), mae: around(0.9) }, itemMean: { rmse: around(1), mae: around(0.8) }, biases: { rmse: around(0.9), mae: around(0.7) } },
  },
  gate: {
    publish: true, outcome: 'published',
    reasons: [
      { code: 'baseline-beaten', passed: true, figure: 0.1125, threshold: 0.0715, message: 'NDCG@20 0.1125 beats the best baseline (item-kNN, 0.0715): +57.3 % [+50.0 %, +64.0 %].', comparison: { baseline: 'item-kNN', version: null, difference: { users: 1234, candidate: 0.1125, reference: 0.0715, relative: 0.573, lowerBound: 0.51, low: 0.5, high: 0.64 } } },
      { code: 'not-worse', passed: true, figure: -0.01, threshold: -0.05, message: 'NDCG@20 against the recipe of live version 6, same data, 1,234 users: +1.8 %, with 95 % confidence above −1.0 %; it must be above −5.0 %.', comparison: { baseline: null, version: 6, difference: { users: 1234, candidate: 0.1125, reference: 0.1105, relative: 0.018, lowerBound: -0.01, low: -0.015, high: 0.05 } } },
    ],
  },
  verdict: {
    code: 'data-limited', reason: 'The last doubling of the data brought +19.0 % and the next should bring +15.0 %.', advice: 'Import older events.',
    figures: { validation: 0.11, relativeWidth: 0.1, lift: 0.5, gap: 0.4, earlierSweep: 0, moreSweeps: null, lastQuarter: 0, fewerFactors: null, moreFactors: null, moreRegularization: null, lessRegularization: null, doubling: 0.19, nextDoubling: 0.15 },
  },
  curves: {
    metric: 'NDCG@20', users: 2000, complete: true,
    bySweep: [{ at: 1, train: 0.2, validation: 0.08, difference: null, seconds: 0.31, parameters: 512_192, bytes: 2_097_152 }, { at: 2, train: 0.25, validation: 0.1, difference: null, seconds: 0.6, parameters: 512_192, bytes: 2_097_152 }],
    byShare: [{ at: 0.25, train: null, validation: 0.06, difference: null, seconds: 0.2, parameters: 512_192, bytes: 2_097_152 }], byFactors: [], byRegularization: [],
  },
  prequential: { version: 6, users: 321, events: 4567, recall: around(0.083), ndcg: around(0.091), popularity: { recall: around(0.031), ndcg: around(0.037) } },
  dataHash: 'c0ffee'.repeat(10), codeVersion: '0.1.0',
  seconds: { extract: 1.25, search: 22.4, refit: 0.9 }, rows: { fold: 397_884, search: 212_000 },
};
