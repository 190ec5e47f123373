/**
 * Whether a model goes live. Recipes are compared, never snapshots: candidate and live version's recipe were fitted on the same train part and scored on the
 * same test users (`evaluation/bootstrap.ts`: `comparePaired`); a live snapshot has been refitted on everything and remembers this run's test part.
 *
 *   1. It was measured, and beats the best baseline.
 *   2. Against another live recipe: with 95 % confidence it is worse by less than the margin. Where there are too few users for that, its point estimate is.
 *   3. The refit on everything is what was measured: finite, of like size, with like lists.
 *
 * "Too few" is told by the interval itself, where that does not settle the matter, besides a least number of users. Let w be the distance from the point estimate down to its lower bound. An equal
 * recipe fails 2. with 5 % probability where w is half the margin, and with 50 % where it is all of it; so beyond half the margin the point estimate decides.
 * Up to there, and on to w = margin, a recipe that is twice the margin worse passes at most one time in twenty.
 */
import type { PairedDifference } from './evaluation/bootstrap.ts';
import type { Factors } from './matrix.ts';
import type { NoHoldout } from './split.ts';

export interface GateRules {
  /** How much worse than the live recipe may be, relatively. */
  margin: number;
  /** With fewer test users than this the comparison is `underpowered` whatever its interval says. */
  minUsers: number;
  /** Publish what could not be measured at all. */
  publishUnmeasured: boolean;
  /** A person decides: what would be published waits. */
  manual: boolean;
  /** The refit's root mean square norm of items may be so many times larger or smaller than the scored fit's. */
  normRatio: number;
  /** Least share that lists of the refit and of the scored fit have in common, mean over users. */
  overlap: number;
}

export const defaultGateRules: GateRules = { margin: 0.05, minUsers: 200, publishUnmeasured: false, manual: false, normRatio: 3, overlap: 0.2 };

export interface GateInput {
  /** Of the figures compared, for people: `NDCG@20`. */
  metric: string;
  /** Why nothing could be measured; null where it was. */
  unmeasured: NoHoldout | null;
  /** Candidate against each baseline, on the test users. */
  baselines: readonly { name: string; difference: PairedDifference }[];
  /** Null where no version is live: the first model. */
  live: { version: number; sameRecipe: boolean; difference: PairedDifference | null } | null;
}

export type GateOutcome = 'published' | 'rejected' | 'underpowered' | 'needs-approval';

export type GateCode =
  | 'not-measured' | 'baseline-beaten' | 'baseline-not-beaten' | 'first-model' | 'same-recipe' | 'not-compared' | 'not-worse' | 'worse' | 'underpowered-not-worse' | 'underpowered-worse'
  | 'refit-sound' | 'refit-not-finite' | 'refit-norms' | 'refit-overlap' | 'manual';

/** On the same test users, in pairs: with one of the two names. */
export interface GateComparison {
  baseline: string | null;
  /** Whose recipe was fitted on the same data. */
  version: number | null;
  difference: PairedDifference;
}

export interface GateReason {
  code: GateCode;
  passed: boolean;
  /** Null where the reason is no comparison. */
  figure: number | null;
  threshold: number | null;
  message: string;
  /** What the figure is of, where that is a comparison of two rankings. */
  comparison: GateComparison | null;
}

export interface GateDecision {
  publish: boolean;
  /** `underpowered`: too few users to be sure; `publish` says which way it went. */
  outcome: GateOutcome;
  reasons: GateReason[];
}

/** Before the refit, which need not be made where `publish` is false and the outcome is not `needs-approval`. */
export function judgeCandidate(input: GateInput, rules: GateRules = defaultGateRules): GateDecision {
  if (input.unmeasured !== null) {
    const message = `It could not be measured: ${input.unmeasured.message}${rules.publishUnmeasured ? '' : ' The setting gate.publishUnmeasured makes it live all the same.'}`;
    return conclude([{ code: 'not-measured', passed: rules.publishUnmeasured, figure: null, threshold: null, message, comparison: null }], true, rules);
  }
  const { reason: ofLive, underpowered } = compareWithLive(input, rules);
  return conclude([compareWithBaselines(input), ofLive], underpowered, rules);
}

/** What is looked at once the published fit has been made. */
export interface RefitCheck {
  finite: boolean;
  /** Root mean square norm of item vectors, refit / scored fit. */
  normRatio: number;
  /** Null where there are no users to compare lists of. */
  overlap: number | null;
}

/** After the refit: a decision to publish stands only if the refit is sound. */
export function judgeRefit(decision: GateDecision, refit: RefitCheck, rules: GateRules = defaultGateRules): GateDecision {
  const fault = findRefitFault(refit, rules);
  if (fault !== null) return { publish: false, outcome: 'rejected', reasons: [...decision.reasons, fault] };
  const overlap = refit.overlap === null ? '' : `, ${per(refit.overlap)} of its lists are those of the fit that was measured`;
  const sound: GateReason = { code: 'refit-sound', passed: true, figure: refit.overlap, threshold: rules.overlap, message: `The fit on all data is finite, its items ${refit.normRatio.toFixed(2)} times as long${overlap}.`, comparison: null };
  return { ...decision, reasons: [...decision.reasons, sound] };
}

/** Two fits of one shop: are they finite and of like size? `refit` and `scored` are item factors; their rows need not be the same items. */
export function checkRefit(users: Factors, refit: Factors, scored: Factors, overlap: number | null): RefitCheck {
  const size = meanSquare(refit);
  return { finite: Number.isFinite(size) && Number.isFinite(meanSquare(users)), normRatio: Math.sqrt(size / meanSquare(scored)), overlap };
}

/** Mean share of list a that is in list b, over pairs of lists that both have something; null where there is none. Lists hold the same kind of numbers. */
export function meanOverlap(a: readonly Int32Array[], b: readonly Int32Array[]): number | null {
  let sum = 0;
  let count = 0;
  for (let n = 0; n < a.length; n++) {
    const shorter = Math.min(a[n]!.length, b[n]!.length);
    if (shorter === 0) continue;
    const other = new Set(b[n]);
    sum += a[n]!.reduce((common, item) => common + (other.has(item) ? 1 : 0), 0) / shorter;
    count++;
  }
  return count === 0 ? null : sum / count;
}

function compareWithBaselines({ metric, baselines }: GateInput): GateReason {
  if (baselines.length === 0) throw new RangeError('a gate needs at least one baseline');
  const best = baselines.reduce((a, b) => (b.difference.reference > a.difference.reference ? b : a));
  const { candidate, reference, relative, low, high } = best.difference;
  const passed = candidate > reference;
  return {
    code: passed ? 'baseline-beaten' : 'baseline-not-beaten', passed, figure: candidate, threshold: reference,
    message: `${metric} ${candidate.toFixed(4)} ${passed ? 'beats' : 'does not beat'} the best baseline (${best.name}, ${reference.toFixed(4)}): ${signed(relative)} [${signed(low)}, ${signed(high)}].`,
    comparison: { baseline: best.name, version: null, difference: best.difference },
  };
}

function compareWithLive({ metric, live }: GateInput, rules: GateRules): { reason: GateReason; underpowered: boolean } {
  const plain = (code: GateCode, passed: boolean, message: string) => ({ reason: { code, passed, figure: null, threshold: null, message, comparison: null }, underpowered: false });
  if (live === null) return plain('first-model', true, 'No version is live, so the baselines are what it is compared with.');
  if (live.sameRecipe) return plain('same-recipe', true, `The recipe is that of live version ${live.version}; there is nothing to compare but its data.`);
  if (live.difference === null) return plain('not-compared', false, `The recipe of live version ${live.version} could not be fitted on the same data, so the two could not be compared.`);
  const { users, relative, lowerBound, high } = live.difference;
  const isClear = lowerBound > -rules.margin || high < -rules.margin;
  const underpowered = users < rules.minUsers || (!isClear && !(relative - lowerBound <= rules.margin / 2));
  const figure = underpowered ? relative : lowerBound;
  const passed = figure > -rules.margin;
  const against = `${metric} against the recipe of live version ${live.version}, same data, ${users.toLocaleString('en-US')} users: ${signed(relative)}`;
  const message = underpowered
    ? `${against}. Too few users to be sure (lower 95 % bound ${signed(lowerBound)}), so the estimate itself is held against ${signed(-rules.margin)}.`
    : `${against}, with 95 % confidence above ${signed(lowerBound)}; it must be above ${signed(-rules.margin)}.`;
  const code = underpowered ? (passed ? 'underpowered-not-worse' : 'underpowered-worse') : passed ? 'not-worse' : 'worse';
  return { reason: { code, passed, figure, threshold: -rules.margin, message, comparison: { baseline: null, version: live.version, difference: live.difference } }, underpowered };
}

function conclude(reasons: GateReason[], underpowered: boolean, rules: GateRules): GateDecision {
  const passes = reasons.every(({ passed }) => passed);
  // A baseline that is not beaten needs no power: such a model is not wanted.
  const onlyPower = reasons.every(({ passed, code }) => passed || code === 'underpowered-worse');
  if (!passes) return { publish: false, outcome: underpowered && onlyPower ? 'underpowered' : 'rejected', reasons };
  if (rules.manual) {
    return { publish: false, outcome: 'needs-approval', reasons: [...reasons, { code: 'manual', passed: true, figure: null, threshold: null, message: 'Somebody has to make it live: publishing is set to manual.', comparison: null }] };
  }
  return { publish: true, outcome: underpowered ? 'underpowered' : 'published', reasons };
}

function findRefitFault({ finite, normRatio, overlap }: RefitCheck, rules: GateRules): GateReason | null {
  if (!finite) return { code: 'refit-not-finite', passed: false, figure: null, threshold: null, message: 'The fit on all data has numbers that are not finite.', comparison: null };
  if (!(normRatio <= rules.normRatio && normRatio >= 1 / rules.normRatio)) {
    return { code: 'refit-norms', passed: false, figure: normRatio, threshold: rules.normRatio, message: `The items of the fit on all data are ${normRatio.toFixed(2)} times as long as those of the fit that was measured; at most ${rules.normRatio} times longer or shorter is allowed.`, comparison: null };
  }
  if (overlap !== null && overlap < rules.overlap) {
    return { code: 'refit-overlap', passed: false, figure: overlap, threshold: rules.overlap, message: `Lists of the fit on all data have ${per(overlap)} in common with those of the fit that was measured; at least ${per(rules.overlap)} is needed.`, comparison: null };
  }
  return null;
}

function meanSquare({ data, rows }: Factors): number {
  let sum = 0;
  for (let n = 0; n < data.length; n++) sum += data[n]! * data[n]!;
  return sum / rows;
}

function signed(share: number): string {
  return `${share >= 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)} %`;
}

function per(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
