/**
 * Learning curves on validation: NDCG@20 by sweep, by share of the data, by factors, by regularization. What `verdict.ts` reads.
 *
 * Every point is a fit of its own, from a cold start: that of a model with so many sweeps, such data, so many factors. (What a longer fit looks like on its way is another thing: its last
 * item half-sweep and its closing user half-sweep are missing there.) One and the same users are scored for all points, so that differences are paired. The point of the chosen recipe is
 * fitted once and is in every curve. What the others cost:
 *
 *   by sweep           every number below the recipe's S, at most 8 of them, and twice as many: S (S − 1) / 2 + 2S sweeps (S = 4: four fits, 14 sweeps)
 *   by share           10, 25, 50, 75 %: four fits, 1.6 times the chosen one's time
 *   by factors         ¼, ½, 2 and 4 times as many, the last up to 128: at most four fits, 3 to 10 times the chosen one's time, nearly all of it in the largest
 *   by regularization  λ × ¼, ½, 2, 4, and the default λ where it lies beyond: four or five fits
 *
 * Train quality is that of finding again: the same users, their wanted train items as relevant, nothing left out of the lists. So the gap to validation is the model's and not that of other
 * people; since NDCG asks for the best min(20, wanted) only, long histories do not raise it. All are judged by their factors alone: the terms beside them (`hybrid.ts`) do not over- or underfit.
 */
import { comparePaired, createResamples, intervalsOf, type PairedDifference, type Resamples } from '../evaluation/bootstrap.ts';
import type { FitFunction } from '../fitting.ts';
import { sampleRelevance } from '../holdout.ts';
import { DEFAULT_RECIPE, type Fit, FitDiverged, type Recipe } from '../recipe.ts';
import { meanWeight, scaleWeights, type SparseRows } from '../matrix.ts';
import { evaluateRanking, type Interval, meanOf, rankByFactors, type Ranker } from '../metrics.ts';
import { rankByScore, scorePopularity } from '../popularity.ts';
import { createRandom } from '../random.ts';
import type { Relevance } from '../split.ts';
import type { ChosenModel, CurvePoint } from '../verdict.ts';

export type CurveName = 'bySweep' | 'byShare' | 'byFactors' | 'byRegularization';

/** A point and what it cost. */
export interface FittedPoint extends CurvePoint {
  /** Of the fit. */
  seconds: number;
  /** Numbers in both sides' vectors. */
  parameters: number;
  /** Of memory that they take, padding included. */
  bytes: number;
}

/** Each ascending in `at`, the chosen model among them. Curves that were not asked for are empty. `giveVerdict` takes them as they are. */
export interface Curves extends Record<CurveName, FittedPoint[]> {
  metric: 'NDCG@20';
  /** Scored for every point. */
  users: number;
  /** Null where there is nobody to score. */
  chosen: ChosenModel | null;
  bestBaseline: { name: string; mean: number; difference: PairedDifference } | null;
  /** False where `shouldStop` ended it before all points were made. */
  complete: boolean;
}

export interface CurvesInput {
  /** Weights of mean 1, targets. */
  train: SparseRows;
  /** Of the validation part. At most `mostCurveUsers` of its users are scored, drawn with the recipe's seed. */
  relevance: Relevance;
  /** The chosen one. Factors beyond `mostFactorsOf` must have been cut. */
  recipe: Recipe;
  /** Its factors need only last until its next call. Called cold. */
  fit: FitFunction;
  /** Beside the sweeps, which are always made. */
  kinds: { share: boolean; factors: boolean; regularization: boolean };
  /** What the chosen model is held against, on the same users: lists that are not personal, for who beats them has found a signal. Default: popularity. */
  baselines?: readonly { name: string; rank: Ranker }[];
  /** A clock, in seconds from anywhere. */
  seconds(): number;
  /** Asked before every fit but the first; what was made until then is given back. */
  shouldStop?(): boolean;
  /** A point has been made, the `made`-th of `of` fits; the chosen model's comes first, as `bySweep`. */
  onPoint?(curve: CurveName, point: FittedPoint, made: number, of: number): void;
}

/** The interval of 2,000 users is about ± 4 % of NDCG@20, that of a paired difference narrower still; more users cost time only. */
export const mostCurveUsers = 2000;

const listLength = 20;
const wantedFrom = 0.5;
const mostSweepPoints = 8;
const shares = [0.1, 0.25, 0.5, 0.75] as const;
const regularizationSteps = [1 / 4, 1 / 2, 2, 4] as const;
const factorSteps = [1 / 4, 1 / 2, 2, 4] as const;
/** Four times as many are tried only up to here. */
const mostQuadrupled = 128;

interface PlannedPoint {
  curve: CurveName;
  at: number;
  recipe: Recipe;
  /** Of the entries. */
  share: number;
}

/** The fits that `measureCurves` will make, the chosen one included. */
export function countCurveFits(recipe: Recipe, kinds: CurvesInput['kinds'], { rows, cols }: { rows: number; cols: number }): number {
  return 1 + planPoints(recipe, kinds, rows, cols).length;
}

/**
 * Throws what the chosen fit throws; another point that diverges is left out. Same data, recipe and fit: the same curves but for the seconds.
 */
export function measureCurves(input: CurvesInput): Curves {
  const { train, recipe, kinds, fit, seconds, shouldStop, onPoint } = input;
  const relevance = sampleRelevance(input.relevance, mostCurveUsers, recipe.seed);
  const users = relevance.userRows.length;
  const curves: Curves = { metric: 'NDCG@20', users, chosen: null, bestBaseline: null, bySweep: [], byShare: [], byFactors: [], byRegularization: [], complete: true };
  if (users === 0) return curves;

  const known = wantedOf(train, relevance.userRows);
  const measure = (byUser: SparseRows, used: Recipe) => {
    const before = seconds();
    const fitted = fit(byUser, used, {});
    return { seconds: seconds() - before, ...sizeOf(fitted), validation: ndcgOf(rankByFactors(fitted.users, fitted.items, train, listLength), relevance), train: trainQuality(fitted, known) };
  };
  const points = planPoints(recipe, kinds, train.rows, train.cols);
  const resamples = createResamples(users, { seed: recipe.seed });
  let made = 0;
  const add = (curve: CurveName, at: number, { validation, ...rest }: ReturnType<typeof measure>, difference: PairedDifference) => {
    const point: FittedPoint = { at, ...rest, validation: meanOf(validation), difference };
    curves[curve].push(point);
    onPoint?.(curve, point, made, points.length + 1);
  };

  const chosen = measure(train, recipe);
  made++;
  const none = comparePaired(resamples, chosen.validation, chosen.validation);
  add('bySweep', recipe.sweeps, chosen, none);
  if (kinds.share) add('byShare', 1, chosen, none);
  if (kinds.factors) add('byFactors', recipe.factors, chosen, none);
  if (kinds.regularization) add('byRegularization', recipe.regularization, chosen, none);
  const validation: Interval = intervalsOf(resamples, [chosen.validation])[0]!;
  curves.chosen = { validation, train: chosen.train, sweeps: recipe.sweeps, factors: recipe.factors, regularization: recipe.regularization };
  curves.bestBaseline = findBestBaseline(input, relevance, chosen.validation, resamples);

  const chance = drawChances(train, recipe.seed);
  for (const { curve, at, recipe: used, share } of points) {
    if (shouldStop?.() === true) {
      curves.complete = false;
      break;
    }
    made++;
    try {
      const one = measure(share === 1 ? train : thinOut(train, chance, share), used);
      add(curve, at, one, comparePaired(resamples, one.validation, chosen.validation));
    } catch (error) {
      if (!(error instanceof FitDiverged)) throw error;
    }
  }
  for (const curve of [curves.bySweep, curves.byShare, curves.byFactors, curves.byRegularization]) curve.sort((a, b) => a.at - b.at);
  return curves;
}

/** Of which `byFactors` makes no more: a matrix has no more directions than its shorter side, and half of that leaves something to generalise from. */
export function mostFactorsOf(rows: number, cols: number): number {
  return Math.max(1, Math.floor(Math.min(rows, cols) / 2));
}

/** All but the chosen model. */
function planPoints(recipe: Recipe, kinds: CurvesInput['kinds'], rows: number, cols: number): PlannedPoint[] {
  const { sweeps, factors, regularization } = recipe;
  const fewer = Math.min(Math.max(0, sweeps - 1), mostSweepPoints);
  const sweepPoints = Array.from({ length: fewer }, (_, n) => Math.round(1 + ((sweeps - 2) * n) / Math.max(1, fewer - 1)));
  if (sweeps > 0) sweepPoints.push(2 * sweeps);
  const factorPoints = factorSteps.filter((step) => step < 4 || 4 * factors <= mostQuadrupled).map((step) => Math.round(step * factors));
  const most = mostFactorsOf(rows, cols);
  const usual = DEFAULT_RECIPE.regularization;
  const regularizations = regularizationSteps.map((step) => step * regularization);
  if (usual > regularizations.at(-1)! || usual < regularizations[0]!) regularizations.push(usual);
  const keptFactors = [...new Set(factorPoints)].filter((count) => count >= 1 && count <= most && count !== factors);
  return [
    ...sweepPoints.map((at): PlannedPoint => ({ curve: 'bySweep', at, recipe: { ...recipe, sweeps: at }, share: 1 })),
    ...(kinds.share ? shares : []).map((at): PlannedPoint => ({ curve: 'byShare', at, recipe, share: at })),
    ...(kinds.factors ? keptFactors : []).map((at): PlannedPoint => ({ curve: 'byFactors', at, recipe: { ...recipe, factors: at }, share: 1 })),
    ...(kinds.regularization ? regularizations : []).map((at): PlannedPoint => ({ curve: 'byRegularization', at, recipe: { ...recipe, regularization: at }, share: 1 })),
  ];
}

function sizeOf({ users, items }: Fit): { parameters: number; bytes: number } {
  return { parameters: (users.rows + items.rows) * items.factors, bytes: users.data.byteLength + items.data.byteLength };
}

function ndcgOf(rank: Ranker, relevance: Relevance): Float64Array {
  return evaluateRanking(rank, relevance, [listLength]).at[0]!.ndcg;
}

function findBestBaseline({ train, baselines }: CurvesInput, relevance: Relevance, chosen: Float64Array, resamples: Resamples): Curves['bestBaseline'] {
  let best: Curves['bestBaseline'] = null;
  for (const { name, rank } of baselines ?? [{ name: 'popularity', rank: rankByScore(scorePopularity(train), train) }]) {
    const ndcg = ndcgOf(rank, relevance);
    const mean = meanOf(ndcg);
    if (best === null || mean > best.mean) best = { name, mean, difference: comparePaired(resamples, chosen, ndcg) };
  }
  return best;
}

/** What the users want in the train part: rows, and their items as relevance over these rows. */
function wantedOf(train: SparseRows, userRows: Int32Array): Relevance {
  const rows: number[] = [];
  const rowStart = [0];
  const itemIndex: number[] = [];
  for (const row of userRows) {
    const before = itemIndex.length;
    for (let e = train.rowStart[row]!; e < train.rowStart[row + 1]!; e++) if (train.target[e]! >= wantedFrom) itemIndex.push(train.index[e]!);
    if (itemIndex.length === before) continue;
    rows.push(row);
    rowStart.push(itemIndex.length);
  }
  return { userRows: Int32Array.from(rows), rowStart: Int32Array.from(rowStart), itemIndex: Int32Array.from(itemIndex) };
}

function trainQuality({ users, items }: Fit, known: Relevance): number | null {
  if (known.userRows.length === 0) return null;
  const nothing: SparseRows = { rows: users.rows, cols: items.rows, rowStart: new Int32Array(users.rows + 1), index: new Int32Array(0), weight: new Float32Array(0), target: new Float32Array(0) };
  return meanOf(ndcgOf(rankByFactors(users, items, nothing, listLength), known));
}

/** One number in [0, 1) an entry: an entry is in every share above it, so that smaller shares lie within larger ones. */
function drawChances(train: SparseRows, seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from(train.index, () => random.uniform());
}

/** The entries of a share, weights brought to mean 1 again. Rows and columns stay, some without an entry, so that relevance keeps its meaning. */
export function thinOut(train: SparseRows, chance: Float64Array, share: number): SparseRows {
  const kept = new Int32Array(train.index.length);
  const rowStart = new Int32Array(train.rows + 1);
  let entries = 0;
  for (let r = 0; r < train.rows; r++) {
    for (let e = train.rowStart[r]!; e < train.rowStart[r + 1]!; e++) if (chance[e]! < share) kept[entries++] = e;
    rowStart[r + 1] = entries;
  }
  const pick = (from: Float32Array) => Float32Array.from({ length: entries }, (_, n) => from[kept[n]!]!);
  const thinned: SparseRows = { rows: train.rows, cols: train.cols, rowStart, index: Int32Array.from({ length: entries }, (_, n) => train.index[kept[n]!]!), weight: pick(train.weight), target: pick(train.target) };
  return entries === 0 ? thinned : scaleWeights(thinned, 1 / meanWeight(thinned));
}
