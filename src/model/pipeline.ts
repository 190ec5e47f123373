/**
 * One training, from events to a model and its report: what a training thread runs. Pure: no clock, no I/O, same input, same bytes.
 *
 * The order: fold → split by time → fit the train part → score it on the later part beside both baselines → fit everything again, from
 * the live item factors where these are given and near, else from a cold start → check → arrays. What is scored never begins at live factors: they know the
 * test part. Where no honest split is possible the model is fitted
 * all the same, and the report says why it was not scored.
 */
import { fitIals } from './ials.ts';
import { DEFAULT_RECIPE, type Fit, FitDiverged, type FitHooks, type Recipe } from './recipe.ts';
import { type EventColumns, type EventTypeRule, foldEvents, type Interactions, newestOccurredAt } from './interactions.ts';
import { type Factors, indexInteractions, indexOfNo, meanWeight, scaleWeights, type SparseRows, transpose } from './matrix.ts';
import { bootstrapInterval, evaluateRanking, type Interval, rankByFactors, type Ranker } from './metrics.ts';
import { rankByScore, scorePopularity, scoreRecentPopularity } from './popularity.ts';
import type { ItemSide, UserHistory, UserSide } from './snapshot.ts';
import { findRelevance, type NoHoldout, type Relevance, splitByTime } from './split.ts';
import { NO_TERMS } from './terms.ts';
import { type ColdStart, type LiveModel, planStart, type PlannedStart, type StartReport } from './warm-start.ts';

export type TrainingPhase = 'fold' | 'split' | 'fit' | 'evaluate' | 'refit' | 'finish';

export type FitFunction = (byUser: SparseRows, recipe: Recipe, hooks: FitHooks) => Fit;

export interface TrainingInput {
  columns: EventColumns;
  rules: readonly EventTypeRule[];
  recipe?: Recipe;
  /** Share of the events, the latest ones, to score on. */
  testShare?: number;
  /** The live version, for the published fit to go on from; or why it cannot. */
  live?: LiveModel | { code: ColdStart; note: string };
  /** How to fit, `fitIals` where not given. What it returns need not outlive its next call. */
  fit?: FitFunction;
  /** `fraction` of the whole training, 0 … 1, never falling. */
  onProgress?(phase: TrainingPhase, fraction: number): void;
}

/** Recall and NDCG at 10 and 20, means over test users with 95 % bootstrap intervals. */
export type RankingSummary = Record<'recall@10' | 'recall@20' | 'ndcg@10' | 'ndcg@20', Interval>;

export interface HoldoutReport {
  /** Events before this were trained on, the others scored on. */
  cutMs: number;
  trainEvents: number;
  testEvents: number;
  /** Users scored: known before the cut, and wanting something new after it. */
  users: number;
  /** Items those users came to want, over all of them. */
  relevant: number;
  /** Of these, the share no one had touched before the cut: out of any model's reach. */
  coldShare: number;
  model: RankingSummary;
  popularity: RankingSummary;
  recentPopularity: RankingSummary;
}

export interface TrainingReport {
  events: number;
  users: number;
  items: number;
  /** (user, item) pairs with a weight. */
  interactions: number;
  oldestMs: number;
  newestMs: number;
  /** Factors of the published fit, and why they are fewer than the recipe's. */
  factors: number;
  factorsNote: string | null;
  /** Where the published fit began. The scored one always begins cold. */
  start: StartReport;
  /** Of the published fit: the recipe's, or fewer after a warm start. */
  sweeps: number;
  /** The published fit's objective after every sweep, and after the closing exact half-sweep. */
  objective: number[];
  /** Null exactly when there is a `holdoutReason`. */
  holdout: HoldoutReport | null;
  holdoutReason: NoHoldout | null;
}

export interface TrainedModel {
  /** Complete but for the ids, which are the caller's to add: `itemNos` and `userNos` say whose. */
  itemSide: Omit<ItemSide, 'itemIds'>;
  userSide: Omit<UserSide, 'userIds'>;
  report: TrainingReport;
}

/** Fewer than this and there is nothing to factorise. */
const minimum = { users: 2, items: 2, positiveInteractions: 1 };

/** Too little data for any model. `missing` names what, in words, with both numbers. */
export class NotEnoughData extends Error {
  readonly users: number;
  readonly items: number;
  readonly interactions: number;
  readonly missing: string[];

  constructor(users: number, items: number, interactions: number, missing: string[]) {
    super(`Not enough data to train: ${missing.join(', ')}.`);
    this.name = 'NotEnoughData';
    this.users = users;
    this.items = items;
    this.interactions = interactions;
    this.missing = missing;
  }
}

/** Throws `NotEnoughData` and `FitDiverged`. */
export function trainModel(input: TrainingInput): TrainedModel {
  const { columns, rules, recipe = DEFAULT_RECIPE, fit = fitAlone, testShare, live = noLiveModel, onProgress } = input;
  const newestMs = newestOccurredAt(columns);
  onProgress?.('fold', 0);
  const interactions = foldEvents(columns, rules, newestMs);
  checkEnoughData(interactions);

  onProgress?.('split', 0.05);
  const holdout = evaluateHoldout(columns, rules, recipe, fit, testShare, onProgress);

  onProgress?.('refit', 0.5);
  const final = fitInteractions(interactions, recipe, fit, true, (done) => onProgress?.('refit', 0.5 + 0.45 * done), (used, itemNos, userNos) =>
    planStart(live, used, rules, itemNos, columns.length, userNos),
  );
  onProgress?.('finish', 0.95);
  checkFinite(final.users, 'user', final.sweeps);
  checkFinite(final.items, 'item', final.sweeps);
  const itemSide = {
    recipe: final.recipe,
    weightScale: final.weightScale,
    newestMs,
    rules: [...rules],
    terms: { ...NO_TERMS },
    hybrid: { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } },
    itemNos: final.itemNos,
    factors: final.items,
    popularity: scorePopularity(final.matrix),
    recentPopularity: scoreRecentPopularity(columns, rules, final.itemNos),
  };
  const userSide = { userNos: final.userNos, factors: final.users, history: historyOf(interactions, final.userNos, final.itemNos) };
  const report: TrainingReport = {
    events: columns.length,
    users: final.userNos.length,
    items: final.itemNos.length,
    interactions: final.matrix.index.length,
    oldestMs: oldestOccurredAt(columns),
    newestMs,
    factors: final.recipe.factors,
    factorsNote: final.note,
    start: final.start,
    sweeps: final.sweeps,
    objective: final.objective,
    holdout: 'code' in holdout ? null : holdout,
    holdoutReason: 'code' in holdout ? holdout : null,
  };
  onProgress?.('finish', 1);
  return { itemSide, userSide, report };
}

function evaluateHoldout(
  columns: EventColumns, rules: readonly EventTypeRule[], recipe: Recipe, fit: FitFunction, testShare: number | undefined,
  onProgress: TrainingInput['onProgress'],
): HoldoutReport | NoHoldout {
  const split = splitByTime(columns, testShare);
  if ('reason' in split) return split.reason;
  const { train, test, cutMs } = split;
  const interactions = foldEvents(train, rules, newestOccurredAt(train));
  const shortage = findShortage(interactions);
  if (shortage.length > 0) return { code: 'too-few-train-users', message: `Too little before the cut: ${shortage.join(', ')}.` };

  const indexed = indexInteractions(interactions);
  const relevance = findRelevance(test, rules, interactions, indexed.userNos, indexed.itemNos);
  const users = relevance.userRows.length;
  if (users === 0) {
    return { code: 'no-test-users', message: 'No user known before the cut wanted anything new after it.' };
  }
  const fitted = fitInteractions(interactions, recipe, fit, false, (done) => onProgress?.('fit', 0.05 + 0.4 * done));
  onProgress?.('evaluate', 0.45);
  const relevant = relevance.itemIndex.length;
  const cold = relevance.itemIndex.reduce((count, item) => count + (item < 0 ? 1 : 0), 0);
  return {
    cutMs,
    trainEvents: train.length,
    testEvents: test.length,
    users,
    relevant,
    coldShare: cold / relevant,
    model: summarize(rankByFactors(fitted.users, fitted.items, fitted.matrix, 20), relevance),
    popularity: summarize(rankByScore(scorePopularity(fitted.matrix), fitted.matrix), relevance),
    recentPopularity: summarize(rankByScore(scoreRecentPopularity(train, rules, fitted.itemNos), fitted.matrix), relevance),
  };
}

function summarize(rank: Ranker, relevance: Relevance): RankingSummary {
  const [ten, twenty] = evaluateRanking(rank, relevance, [10, 20]).at;
  return {
    'recall@10': bootstrapInterval(ten!.recall),
    'recall@20': bootstrapInterval(twenty!.recall),
    'ndcg@10': bootstrapInterval(ten!.ndcg),
    'ndcg@20': bootstrapInterval(twenty!.ndcg),
  };
}

const noLiveModel = { code: 'no-live-model', note: 'There is no live version to go on from.' } as const;

const fitAlone: FitFunction = (byUser, recipe, hooks) => fitIals(byUser, transpose(byUser), recipe, hooks);

/** Begins cold unless `plan` says otherwise. The recipe given back is the one asked for: its sweeps are those of a cold start. */
function fitInteractions(
  interactions: Interactions, recipe: Recipe, fit: FitFunction, withObjective: boolean, onFraction: (done: number) => void,
  plan: (used: Recipe, itemNos: Int32Array, userNos: Int32Array) => PlannedStart = (used, itemNos, users) => planStart(noLiveModel, used, [], itemNos, 0, users),
) {
  const { userNos, itemNos, matrix } = indexInteractions(interactions);
  const weightScale = 1 / meanWeight(matrix);
  const byUser = scaleWeights(matrix, weightScale);
  const { used, note } = capFactors(recipe, matrix.rows, matrix.cols);
  const { start: begin, sweeps, report: start } = plan(used, itemNos, userNos);
  const fitted = fit(byUser, { ...used, sweeps }, { objective: withObjective, ...(begin ? { start: begin } : {}), onSweep: (sweep, of) => onFraction(sweep / of) });
  return { userNos, itemNos, matrix, weightScale, recipe: used, note, start, sweeps, users: fitted.users, items: fitted.items, objective: fitted.objective ?? [] };
}

/** A matrix has no more directions than its shorter side; half of that leaves the fit something to generalise from. */
export function capFactors(recipe: Recipe, users: number, items: number): { used: Recipe; note: string | null } {
  const most = Math.max(1, Math.floor(Math.min(users, items) / 2));
  if (recipe.factors <= most) return { used: recipe, note: null };
  const note = `${most} factors in place of ${recipe.factors}: at most half of the shorter side of ${users} users × ${items} items.`;
  return { used: { ...recipe, factors: most }, note };
}

/** The users' entries by item index, hidden ones included; entries of items the model does not know are left out. */
function historyOf(interactions: Interactions, userNos: Int32Array, itemNos: Int32Array): UserHistory {
  const rowStart = new Int32Array(userNos.length + 1);
  const kept = new Int32Array(interactions.itemNos.length);
  const itemIndex = new Int32Array(interactions.itemNos.length);
  let entries = 0;
  let row = 0;
  for (let r = 0; r < interactions.userNos.length; r++) {
    if (interactions.userNos[r] !== userNos[row]) continue;
    for (let e = interactions.rowStart[r]!; e < interactions.rowStart[r + 1]!; e++) {
      const item = indexOfNo(itemNos, interactions.itemNos[e]!);
      if (item < 0) continue;
      kept[entries] = e;
      itemIndex[entries++] = item;
    }
    rowStart[++row] = entries;
  }
  const pick = <T extends Float32Array | Float64Array | Uint8Array>(to: T, from: T): T => {
    for (let e = 0; e < entries; e++) to[e] = from[kept[e]!]!;
    return to;
  };
  return {
    rowStart,
    itemIndex: itemIndex.slice(0, entries),
    weight: pick(new Float32Array(entries), interactions.weight),
    target: pick(new Float32Array(entries), interactions.target),
    lastMs: pick(new Float64Array(entries), interactions.lastMs),
    hidden: pick(new Uint8Array(entries), interactions.hidden),
  };
}

function checkEnoughData(interactions: Interactions): void {
  const missing = findShortage(interactions);
  if (missing.length === 0) return;
  const { users, items, entries } = countUsable(interactions);
  throw new NotEnoughData(users, items, entries, missing);
}

function findShortage(interactions: Interactions): string[] {
  const { users, items, positive } = countUsable(interactions);
  const missing: string[] = [];
  if (users < minimum.users) missing.push(`${users} of at least ${minimum.users} users`);
  if (items < minimum.items) missing.push(`${items} of at least ${minimum.items} items`);
  if (positive < minimum.positiveInteractions) missing.push(`${positive} of at least ${minimum.positiveInteractions} positive interaction`);
  return missing;
}

function countUsable(interactions: Interactions): { users: number; items: number; entries: number; positive: number } {
  const { userNos, itemNos, matrix } = indexInteractions(interactions);
  let positive = 0;
  for (let e = 0; e < matrix.target.length; e++) if (matrix.target[e]! > 0) positive++;
  return { users: userNos.length, items: itemNos.length, entries: matrix.index.length, positive };
}

function checkFinite(factors: Factors, side: 'user' | 'item', sweep: number): void {
  const at = factors.data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new FitDiverged(sweep, side, Math.floor(at / factors.stride));
}

function oldestOccurredAt(columns: EventColumns): number {
  let oldest = Infinity;
  for (let i = 0; i < columns.length; i++) if (columns.occurredAtMs[i]! < oldest) oldest = columns.occurredAtMs[i]!;
  return oldest;
}
