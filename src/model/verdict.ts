/**
 * Under-, over- or well fitted? Read from learning curves on validation: quality by sweep, by share of the data, by factors, by regularization. Higher is
 * better everywhere. Curves that were not made are left out, and the verdict says what it rests on.
 *
 * The question is what would help most:
 *
 *   nothing measured, or an interval as wide as the figure itself                          → data-limited
 *   nothing helps enough to be worthwhile beside bestsellers, nor would twice the data     → noise-limited; with a wide interval data-limited, for who knows
 *   twice the data (reckoned from the last two doublings), by far: at least `byFar` times as much as any setting                  → data-limited
 *   fewer sweeps, fewer factors or more regularization                                     → overfitted
 *   more sweeps, more factors or less regularization                                       → underfitted; of the two, what has the greater gain
 *   twice the data                                                                         → data-limited
 *   otherwise                                                                              → well-fitted
 *
 * A setting helps if it is better by at least `worthwhile` (sweeps, where more of them were not tried: `stillRising` over their last quarter), relatively, and more than chance where the paired
 * interval is known. That data help is what one expects, so there what was measured stands, chance or not. How the thresholds were set, and how often the verdict is right: `npm run bench:experiment`.
 */
import type { PairedDifference } from './evaluation/bootstrap.ts';
import type { Interval } from './metrics.ts';
import type { NoHoldout } from './split.ts';

export type VerdictCode = 'underfitted' | 'overfitted' | 'well-fitted' | 'data-limited' | 'noise-limited';

export interface CurvePoint {
  /** Sweep, share of the data (0 … 1), number of factors, or regularization. */
  at: number;
  /** The same metric on train rows; null where it was not measured. */
  train: number | null;
  validation: number;
  /** This point against the chosen model on the same users; null where it is not known. */
  difference: PairedDifference | null;
}

export interface ChosenModel {
  validation: Interval;
  train: number | null;
  sweeps: number;
  factors: number;
  regularization: number;
}

/** `Curves` of `experiment/curves.ts` are one. */
export interface VerdictInput {
  /** For people: `NDCG@20`. */
  metric: string;
  /** The chosen model on validation; null where there was nobody to measure on. */
  chosen: ChosenModel | null;
  /** Why there was nobody to measure on, where that is known. */
  unmeasured?: NoHoldout;
  /** Mean of the best list that is not personal (popularity, recent popularity) on the same users. */
  bestBaseline: { name: string; mean: number } | null;
  /** What is served, its other terms added to the factors, on the same users. Where it beats the baseline there is no want of a signal, even if the factors alone do not. */
  served?: number;
  /** Ascending in `at`, the chosen model among them, like in the other curves. */
  bySweep: readonly CurvePoint[];
  byShare?: readonly CurvePoint[];
  byFactors?: readonly CurvePoint[];
  byRegularization?: readonly CurvePoint[];
}

export interface Verdict {
  code: VerdictCode;
  /** What it rests on, in words with figures. */
  reason: string;
  advice: string;
  figures: VerdictFigures;
}

/** Relative to the chosen model's validation figure; null where the curve is missing. */
export interface VerdictFigures {
  validation: number | null;
  /** Width of the 95 % interval over the figure. */
  relativeWidth: number | null;
  /** Chosen over the best baseline, − 1. */
  lift: number | null;
  /** (train − validation) / train. */
  gap: number | null;
  /** What the best earlier sweep, smaller and larger models, more and less regularization have over the chosen one. */
  earlierSweep: number | null;
  /** What the chosen one has over three quarters of its sweeps. */
  lastQuarter: number | null;
  moreSweeps: number | null;
  fewerFactors: number | null;
  moreFactors: number | null;
  moreRegularization: number | null;
  lessRegularization: number | null;
  /** The chosen one over the same with half of the data. */
  doubling: number | null;
  /** What the next doubling should bring: gains per doubling shrink by some ratio, and the last two tell it. */
  nextDoubling: number | null;
}

const limits = {
  /** Relative gain from which on a change is worth making. */
  worthwhile: 0.05,
  /** Gain over the last quarter of the sweeps from which on more of them are worth making. */
  stillRising: 0.02,
  /** Gain of the next doubling of the data from which on it is data that are wanted. */
  doubling: 0.1,
  /** Settings are in one's hand and data are not: so many times a setting's gain the data's must be. */
  byFar: 3,
  /** An interval wider than this share of its figure says nothing; */
  widest: 1,
  /** wider than this, it cannot tell noise from a signal. */
  widestForNoise: 0.5,
} as const;

export function giveVerdict(input: VerdictInput): Verdict {
  const figures = measureCurves(input);
  const { chosen, metric, bestBaseline } = input;
  const tell = (code: VerdictCode, reason: string, advice: string): Verdict => ({ code, reason, advice, figures });
  if (chosen === null || !(chosen.validation.mean >= 0)) {
    const why = input.unmeasured === undefined ? 'Nobody in the later part of the data is known from the earlier one, so nothing could be measured.' : `Nothing could be measured: ${input.unmeasured.message}`;
    return tell('data-limited', why, 'Let time pass, or import older events; send one id for a shopper across visits.');
  }
  const { mean, low, high } = chosen.validation;
  const width = figures.relativeWidth!;
  const interval = `${metric} is ${mean.toFixed(4)} with an interval from ${low.toFixed(4)} to ${high.toFixed(4)}`;
  if (width > limits.widest) return tell('data-limited', `${interval}: too few shoppers to tell.`, 'Collect more events; the model may be used meanwhile, but its figures mean little.');
  const { doubling, nextDoubling } = figures;
  if (bestBaseline !== null && bestAnywhere(input) < (1 + limits.worthwhile) * bestBaseline.mean && (1 + (nextDoubling ?? 0)) * mean <= bestBaseline.mean * (1 + limits.worthwhile)) {
    const nothing = `No setting is worthwhile beside ${bestBaseline.name} (${metric} ${bestBaseline.mean.toFixed(4)}; the model has ${mean.toFixed(4)})`;
    if (width > limits.widestForNoise) return tell('data-limited', `${nothing}, but ${interval}: too few shoppers to tell whether there is more to find.`, 'Collect more events; until then the list of bestsellers serves as well.');
    return tell('noise-limited', `${nothing}${doubling === null ? '' : `, and the last doubling of the data changed ${signed(doubling)}`}.`, 'Shoppers’ choices hardly follow from what they chose before. Check ids and event types; send carts and purchases besides views. The list of bestsellers serves as well.');
  }
  const over = reasonsOf([
    [figures.earlierSweep, limits.worthwhile, (gain) => `an earlier sweep is ${signed(gain)} better`, 'fewer sweeps'],
    [figures.fewerFactors, limits.worthwhile, (gain) => `fewer factors are ${signed(gain)} better`, `fewer than ${chosen.factors} factors`],
    [figures.moreRegularization, limits.worthwhile, (gain) => `more regularization is ${signed(gain)} better`, `more regularization than ${chosen.regularization}`],
  ]);
  const under = reasonsOf([
    // Where it was tried what more of them bring, nothing needs be guessed from what the last ones brought.
    figures.moreSweeps === null
      ? [figures.lastQuarter, limits.stillRising, (gain) => `the last quarter of the sweeps still brought ${signed(gain)}`, 'more sweeps']
      : [figures.moreSweeps, limits.worthwhile, (gain) => `more sweeps are ${signed(gain)} better`, `more than ${chosen.sweeps} sweeps`],
    [figures.moreFactors, limits.worthwhile, (gain) => `more factors are ${signed(gain)} better`, `more than ${chosen.factors} factors`],
    [figures.lessRegularization, limits.worthwhile, (gain) => `less regularization is ${signed(gain)} better`, `less regularization than ${chosen.regularization}`],
  ]);
  const moreDataHelp = nextDoubling !== null && nextDoubling >= limits.doubling;
  const ofSettings = Math.max(over?.gain ?? 0, under?.gain ?? 0);
  if (moreDataHelp && nextDoubling >= limits.byFar * ofSettings) {
    return tell('data-limited', `The last doubling of the data brought ${signed(doubling!)} and the next should bring ${signed(nextDoubling)}${ofSettings > 0 ? `, and far more than any setting (${signed(ofSettings)})` : ''}.`, 'Import older events, send views and carts besides purchases; settings will not do as much.');
  }
  if (over !== null && over.gain >= ofSettings) {
    return tell('overfitted', `The model has learnt its data by heart: on later events ${over.words}${figures.gap === null ? '' : `, and it loses ${per(figures.gap)} from train to validation`}.`, `Use ${over.ways}, or train with full search.`);
  }
  if (under !== null) return tell('underfitted', `The model is too simple, or was stopped too early: ${under.words}.`, `Use ${under.ways}, or train with full search.`);
  return tell('well-fitted', `Neither a simpler nor a richer model is worthwhile${doubling === null ? '' : `, and the last doubling of the data brought ${signed(doubling)}, the next should bring ${signed(nextDoubling!)}`}${figures.lift === null ? '' : `; it has ${signed(figures.lift)} over the best baseline`}.`, 'Nothing to do.');
}

function measureCurves({ chosen, bestBaseline, bySweep, byShare = [], byFactors = [], byRegularization = [] }: VerdictInput): VerdictFigures {
  const mean = chosen?.validation.mean ?? null;
  const over = (value: number, than: number) => (than > 0 ? value / than - 1 : value > 0 ? 1 : 0);
  const best = (points: readonly CurvePoint[]) => (mean === null || points.length === 0 ? null : Math.max(...points.map((point) => gainOf(point, mean, over))));
  const beside = (points: readonly CurvePoint[], at: number | undefined, side: -1 | 1) => best(points.filter((point) => at !== undefined && Math.sign(point.at - at) === side));
  const half = byShare.findLast((point) => point.at <= 0.5);
  const doubling = half === undefined || mean === null ? null : growthOf(over(mean, half.validation), half.at);
  const quarterBefore = chosen === null ? undefined : bySweep.findLast((point) => point.at <= 0.75 * chosen.sweeps);
  return {
    validation: mean,
    relativeWidth: chosen === null ? null : chosen.validation.mean > 0 ? (chosen.validation.high - chosen.validation.low) / chosen.validation.mean : chosen.validation.high > 0 ? Infinity : 0,
    lift: mean === null || bestBaseline === null ? null : over(mean, bestBaseline.mean),
    gap: chosen === null || chosen.train === null || chosen.train <= 0 ? null : (chosen.train - chosen.validation.mean) / chosen.train,
    earlierSweep: beside(bySweep, chosen?.sweeps, -1),
    lastQuarter: quarterBefore === undefined || mean === null ? null : over(mean, quarterBefore.validation),
    moreSweeps: beside(bySweep, chosen?.sweeps, 1),
    fewerFactors: beside(byFactors, chosen?.factors, -1),
    moreFactors: beside(byFactors, chosen?.factors, 1),
    moreRegularization: beside(byRegularization, chosen?.regularization, 1),
    lessRegularization: beside(byRegularization, chosen?.regularization, -1),
    doubling,
    nextDoubling: doubling === null ? null : doubling * shrinkageOf(byShare, half!, doubling, over),
  };
}

/** Per doubling, of a gain that came while the data grew from a share to all. */
function growthOf(gain: number, share: number): number {
  return (1 + gain) ** (1 / Math.log2(1 / share)) - 1;
}

/** The last doubling's gain over that of the one before; 1 where that is not known, or where gains grow. */
function shrinkageOf(byShare: readonly CurvePoint[], half: CurvePoint, doubling: number, over: (value: number, than: number) => number): number {
  const quarter = byShare.findLast((point) => point.at <= half.at / 2);
  const before = quarter === undefined ? 0 : growthOf(over(half.validation, quarter.validation), quarter.at / half.at);
  return before > doubling && doubling > 0 ? doubling / before : 1;
}

/** Relative gain of a point over the chosen model; 0 where it may be chance. */
function gainOf(point: CurvePoint, chosen: number, over: (value: number, than: number) => number): number {
  const gain = over(point.validation, chosen);
  return gain > 0 && mayBeChance(point) ? 0 : gain;
}

/** Whether a point may in truth be no better than the chosen model; where it is not known, what was measured stands. */
function mayBeChance({ difference }: CurvePoint): boolean {
  return difference !== null && !(difference.lowerBound > 0);
}

function bestAnywhere({ chosen, served = 0, bySweep, byShare = [], byFactors = [], byRegularization = [] }: VerdictInput): number {
  const points = [...bySweep, ...byShare, ...byFactors, ...byRegularization];
  // A lucky point among many is no proof: where it is known, its advantage must be more than chance.
  const sure = points.filter((point) => !mayBeChance(point)).map(({ validation }) => validation);
  return Math.max(chosen!.validation.mean, served, ...sure);
}

/** Of ways to another model, each with its gain, the least gain that counts, words for both: those that count, and the greatest gain. */
function reasonsOf(ways: readonly [number | null, number, (gain: number) => string, string][]): { gain: number; words: string; ways: string } | null {
  const found = ways.filter(([gain, least]) => gain !== null && gain >= least);
  if (found.length === 0) return null;
  return { gain: Math.max(...found.map(([gain]) => gain!)), words: found.map(([gain, , words]) => words(gain!)).join(', '), ways: found.map(([, , , way]) => way).join(', ') };
}

function signed(share: number): string {
  return `${share >= 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)} %`;
}

function per(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
