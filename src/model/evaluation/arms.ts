/**
 * Two groups of shoppers beside each other, from counters by bucket: the rate of each, their difference with an interval that keeps a shopper's clicks together, and whether the groups are of the size
 * they should be.
 *
 * A rate is R = Σc / Σl over buckets of shoppers, and its variance that of a ratio of sums of independent buckets (delta method; Cochran 1977, eq. 2.39): V = B/(B−1) · Σ_b (c_b − R l_b)² / (Σl)².
 */
import { studentFromNormal, normalShare } from './normal.ts';

export interface ArmRate {
  readonly rate: number;
  readonly variance: number;
  /** Of the variance: buckets that hold anything, less one. */
  readonly freedom: number;
}

export interface Bounds {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** With fewer buckets the variance is a guess. */
const LEAST_BUCKETS = 20;

/**
 * @param tops one value a bucket, as `bottoms`
 * @returns null where fewer than 20 buckets hold anything, or nothing varies
 */
export function rateOf(tops: Float64Array, bottoms: Float64Array): ArmRate | null {
  let [top, bottom, filled] = [0, 0, 0];
  for (let b = 0; b < bottoms.length; b++) {
    top += tops[b];
    bottom += bottoms[b];
    filled += bottoms[b] > 0 ? 1 : 0;
  }
  if (filled < LEAST_BUCKETS) {
    return null;
  }
  const rate = top / bottom;
  let squares = 0;
  for (let b = 0; b < bottoms.length; b++) {
    squares += (tops[b] - rate * bottoms[b]) ** 2;
  }
  const variance = ((filled / (filled - 1)) * squares) / bottom ** 2;
  return variance > 0 ? { rate, variance, freedom: filled - 1 } : null;
}

export interface Difference {
  /** Of the second less the first. */
  readonly value: number;
  readonly deviation: number;
  /** 1 / variance. */
  readonly information: number;
  /** Welch's degrees of freedom. */
  readonly freedom: number;
}

export function differenceOf(control: ArmRate, other: ArmRate): Difference {
  const variance = control.variance + other.variance;
  return {
    value: other.rate - control.rate, deviation: Math.sqrt(variance), information: 1 / variance,
    freedom: variance ** 2 / (control.variance ** 2 / control.freedom + other.variance ** 2 / other.freedom),
  };
}

/** Whether a difference crosses a boundary for z, by Student's t for what the buckets know of the variance. */
export function crosses({ value, deviation, freedom }: Difference, bound: number): boolean {
  return Number.isFinite(bound) && value / deviation >= studentFromNormal(bound, freedom);
}

/** The difference ± what lies within the boundary. */
export function differenceWithin({ value, deviation, freedom }: Difference, bound: number): Bounds {
  const reach = Number.isFinite(bound) ? studentFromNormal(bound, freedom) * deviation : Number.POSITIVE_INFINITY;
  return { value, low: value - reach, high: value + reach };
}

/**
 * The same as a share of the control's rate, by Fieller's theorem (1954): all ρ for which R_other − ρ R_control lies within the boundary, so that it holds 0 just where the difference's does.
 *
 * @returns null where the control's rate is nothing; bounds are infinite where it may be
 */
export function liftWithin(control: ArmRate, other: ArmRate, bound: number): Bounds | null {
  if (control.rate <= 0) {
    return null;
  }
  const value = other.rate / control.rate - 1;
  const reach = Number.isFinite(bound) ? studentFromNormal(bound, differenceOf(control, other).freedom) ** 2 : Number.POSITIVE_INFINITY;
  const a = control.rate ** 2 - reach * control.variance;
  if (!(a > 0)) {
    return { value, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  }
  const b = control.rate * other.rate;
  const c = other.rate ** 2 - reach * other.variance;
  const root = Math.sqrt(Math.max(0, b * b - a * c));
  return { value, low: (b - root) / a - 1, high: (b + root) / a - 1 };
}

/**
 * Sample ratio mismatch: the chance that groups of these sizes come of the shares that were meant. Lists of a shopper come together, so the plain chi-square test of the lists would cry wolf; here each
 * group's excess over its share is compared with how much it varies between buckets, and the smallest of the p-values counts as many times as there are independent ones (Bonferroni).
 *
 * @param sizes by group, then by bucket
 * @param shares of the groups, any unit
 * @returns p; 1 where there is too little to tell
 */
export function mismatchOf(sizes: readonly Float64Array[], shares: readonly number[]): number {
  const whole = shares.reduce((sum, share) => sum + share, 0);
  const buckets = sizes[0].length;
  let least = 1;
  for (let group = 0; group < sizes.length; group++) {
    let [excess, squares, filled] = [0, 0, 0];
    for (let b = 0; b < buckets; b++) {
      const all = sizes.reduce((sum, size) => sum + size[b], 0);
      const own = sizes[group][b] - (all * shares[group]) / whole;
      excess += own;
      squares += own * own;
      filled += all > 0 ? 1 : 0;
    }
    if (filled >= LEAST_BUCKETS && squares > 0) {
      const spread = squares - (excess * excess) / filled;
      const t = spread > 0 ? excess / Math.sqrt((filled / (filled - 1)) * spread) : Number.POSITIVE_INFINITY;
      // Of two groups one has what the other lacks: that is one test.
      least = Math.min(least, (sizes.length === 2 ? 1 : sizes.length) * tailOfStudent(t, filled - 1));
    }
  }
  return Math.min(1, least);
}

/** Two-sided p of Student's t, by Wallace's transformation to a normal (1959), within a hundredth from 20 degrees of freedom on. */
function tailOfStudent(t: number, freedom: number): number {
  const z = ((8 * freedom + 1) / (8 * freedom + 3)) * Math.sqrt(freedom * Math.log1p((t * t) / freedom));
  return 2 * normalShare(-z);
}
