/**
 * One look at two variants of a live experiment, after all those before it: what differs, within which bounds, and whether that is enough to say so. Pure: counters in, a line of the record out.
 *
 * An experiment is planned by its power: it has all of its information when the standard error is the least effect worth finding divided by `driftFor`. Information is measured, not reckoned from a rate
 * that somebody supposed before: it grows as the lists do, whatever their rate, their shares and how much shoppers differ (Mehta, Tsiatis 2001), and the pooled rate that it is held against does not tell
 * the variants apart. The guard has a day instead of a size: its error is spent by the clock.
 */
import { type ArmRate, type Bounds, crosses, differenceOf, differenceWithin, liftWithin, rateOf } from '../model/evaluation/arms.ts';
import { type SequentialTest, driftFor, isLook, nextInformation, openBoundaries } from '../model/evaluation/sequential.ts';

/** One value a bucket of shoppers. */
export interface ArmCounts {
  readonly lists: Float64Array;
  /** What is measured: clicks, carts, purchases or revenue. */
  readonly outcomes: Float64Array;
  /** How many happenings the outcomes are of. */
  readonly happenings: Float64Array;
}

export interface LookPlan {
  readonly test: SequentialTest;
  /** Least effect worth finding, as a share of the rate, and the chance to find it; null: the plan has a time and no size. */
  readonly size: { readonly minEffect: number; readonly power: number } | null;
}

/** `open`: go on; `none`: all that was planned is there, and no difference was found. */
export type Verdict = 'open' | 'better' | 'worse' | 'none';

/** As it is stored; of bounds that know nothing the ends are null. */
export interface Comparison {
  /** Share of the plan, 0 … 1. */
  readonly time: number;
  readonly information: number;
  /** For z; null: nothing was tested at this look. */
  readonly bound: number | null;
  readonly difference: StoredBounds;
  readonly lift: StoredBounds | null;
  readonly verdict: Verdict;
}

export interface StoredBounds {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** With fewer, sums are no bell curves yet. */
const LEAST_HAPPENINGS = 30;
/** A look is worth its place where it brings so much of what was planned. */
const STEP_OF_PLAN = 0.05;

const finite = (value: number) => (Number.isFinite(value) ? value : null);
const stored = ({ value, low, high }: Bounds): StoredBounds => ({ value, low: finite(low), high: finite(high) });
const sumOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);

/** Rates of both; null where there is too little to compare. */
export function ratesOf(control: ArmCounts, other: ArmCounts): readonly [ArmRate, ArmRate] | null {
  if (Math.min(sumOf(control.happenings), sumOf(other.happenings)) < LEAST_HAPPENINGS / 2 || sumOf(control.happenings) + sumOf(other.happenings) < LEAST_HAPPENINGS) {
    return null;
  }
  const [first, second] = [rateOf(control.outcomes, control.lists), rateOf(other.outcomes, other.lists)];
  return first === null || second === null ? null : [first, second];
}

/**
 * How much of the plan's information is there; may pass 1. The rate of the first variant that the effect is a share of is what it would be, given both together, if the effect were there: that way the plan
 * does not look at which variant is which.
 */
export function progressOf({ test, size }: LookPlan, control: ArmCounts, other: ArmCounts): number | null {
  const rates = ratesOf(control, other);
  if (rates === null || size === null) {
    return null;
  }
  const [controlLists, otherLists] = [sumOf(control.lists), sumOf(other.lists)];
  const lists = controlLists + otherLists;
  const rate = (sumOf(control.outcomes) + sumOf(other.outcomes)) / (lists + size.minEffect * otherLists);
  return differenceOf(...rates).information * ((size.minEffect * rate) / driftFor(test, size.power)) ** 2;
}

/** Two variants, looked at again and again. */
export interface Pair {
  /**
   * The next look.
   *
   * @param elapsed share of the plan's time, for a plan without a size
   * @returns null: not yet, there is nothing new to be seen, or all has been said
   */
  look(control: ArmCounts, other: ArmCounts, elapsed: number): Comparison | null;
}

/** @param past looks at them before, oldest first */
export function openPair(plan: LookPlan, past: readonly Comparison[]): Pair {
  const boundaries = openBoundaries(plan.test);
  past.forEach((look) => boundaries.next(look));
  let last = past.at(-1);
  return {
    look(control, other, elapsed) {
      const rates = ratesOf(control, other);
      if (rates === null || (last !== undefined && last.verdict !== 'open')) {
        return null;
      }
      const time = Math.min(1, plan.size === null ? elapsed : progressOf(plan, control, other)!);
      const isDue = plan.size === null ? time > (last?.time ?? 0) : time >= 1 || time - (last?.time ?? 0) >= STEP_OF_PLAN;
      const difference = differenceOf(...rates);
      // The last look is looked whatever it brings: that the variance was estimated higher than an hour before takes nothing back.
      const information = time >= 1 ? Math.max(difference.information, nextInformation(last?.information ?? 0)) : difference.information;
      if (!isDue || !isLook(information, last?.information ?? 0)) {
        return null;
      }
      const bound = boundaries.next({ information, time });
      const isHigher = crosses(difference, bound);
      const isLower = crosses({ ...difference, value: -difference.value }, bound);
      // With one side, that is the side of harm.
      const verdict: Verdict = isLower ? 'worse' : isHigher && plan.test.sides === 2 ? 'better' : time >= 1 ? 'none' : 'open';
      const lift = liftWithin(...rates, bound);
      last = { time, information, bound: finite(bound), difference: stored(differenceWithin(difference, bound)), lift: lift === null ? null : stored(lift), verdict };
      return last;
    },
  };
}
