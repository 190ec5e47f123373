/** What a training says of itself. Everything in it is JSON: figures that nobody has are null. */
import type { FittedPoint } from './curves.ts';
import type { RatingsReport } from './ratings.ts';
import type { SearchMode, TermTrial, Trial } from './search.ts';
import type { SplitReport } from './split.ts';
import type { RankingReport } from '../evaluation/ranking.ts';
import type { GateDecision } from '../gate.ts';
import type { Interval } from '../metrics.ts';
import type { LeftOut } from '../quality/bursts.ts';
import type { NoHoldout } from '../split.ts';
import type { Params } from '../terms.ts';
import type { Verdict } from '../verdict.ts';
import type { StartReport } from '../warm-start.ts';

export type TrainingPhase = 'fold' | 'split' | 'search' | 'evaluate' | 'curves' | 'refit' | 'finish';

export interface SearchReport {
  mode: SearchMode;
  /** Held-out parts, and users in them, that decided. */
  windows: number;
  users: number;
  seconds: number;
  ended: 'done' | 'time';
  /** Number of the trial that was chosen, and its NDCG@20 there: optimistic, since it was chosen for it. */
  chosen: number;
  ndcg: number;
  trials: Trial[];
  terms: TermTrial[];
}

export interface TestReport {
  /** Users scored: known before the cut, and wanting something new after it. Beyond 20,000 a sample. */
  users: number;
  /** Items those users came to want, over all of them; cold ones, out of any model's reach, included. */
  relevant: number;
  /** Share of these that no one had touched before the cut. */
  coldShare: number;
  candidate: RankingReport;
  popularity: RankingReport;
  recentPopularity: RankingReport;
  itemKnn: RankingReport;
  /** The live version's recipe, fitted on the same events; null where there is none, or it is the same. */
  live: RankingReport | null;
  /** Equal exactly where the scored factors are: nothing of the test part can change it. */
  fingerprint: string;
}

/** How the live version really did: ranked as it was published, scored on the events that came after. */
export interface PrequentialReport {
  version: number;
  events: number;
  users: number;
  recall: Interval;
  ndcg: Interval;
  /** The version's own list of bestsellers, on the same users. */
  popularity: { recall: Interval; ndcg: Interval };
}

export interface CurvesReport {
  metric: string;
  users: number;
  complete: boolean;
  bySweep: FittedPoint[];
  byShare: FittedPoint[];
  byFactors: FittedPoint[];
  byRegularization: FittedPoint[];
}

export interface TrainingReport {
  events: number;
  users: number;
  items: number;
  /** (user, item) pairs with a weight. */
  interactions: number;
  oldestMs: number;
  newestMs: number;
  /** The newest event's number: what came after is new to this version. */
  newestEventNo: number;
  params: Params;
  /** Users who count less than in full for others (`voices.ts`). */
  quietUsers: number;
  /** Bursts on single items that were left out before anything else; null where none was, or nobody asked for it. */
  leftOut: LeftOut | null;
  /** Factors of the published fit, and why they are fewer than the recipe's. */
  factors: number;
  factorsNote: string | null;
  /** Where the published fit began, null where it was not made. The scored ones always begin cold. */
  start: StartReport | null;
  /** Of the published fit: the recipe's, or fewer after a warm start. */
  sweeps: number;
  /** The published fit's objective after every sweep, and after the closing exact half-sweep. */
  objective: number[];
  split: SplitReport;
  /** Why nothing could be measured; null where it was. */
  unmeasured: NoHoldout | null;
  search: SearchReport | null;
  test: TestReport | null;
  /** Null where there are too few ratings to tell. */
  ratings: RatingsReport | null;
  curves: CurvesReport | null;
  verdict: Verdict;
  prequential: PrequentialReport | null;
  /** Null: it was told to publish whatever comes. */
  gate: GateDecision | null;
  /** Wall time by phase, and what each had to do with. */
  seconds: Partial<Record<TrainingPhase, number>>;
  rows: Partial<Record<TrainingPhase, number>>;
}

/** NaN, which JSON does not know, as null. */
export function jsonOf<T>(value: T): T {
  if (typeof value === 'number') return (Number.isFinite(value) ? value : null) as T;
  if (Array.isArray(value)) return value.map(jsonOf) as T;
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonOf(inner)])) as T;
  return value;
}
