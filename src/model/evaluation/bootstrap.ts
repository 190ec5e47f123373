/**
 * Intervals by resampling users (Efron 1979): how much would a figure move had other shoppers been drawn?
 *
 * The draws are made once, as counts per user and resample, and serve every metric, every segment and every model on the same users. So all figures of an evaluation rest on the same draws, and
 * differences between models are paired. Beyond `mostUnits` users, groups of users are drawn, put together at random: the spread of a mean is known from 1,000 to 2,000 groups to 2 %, which is less than
 * 1,000 resamples themselves are off (4 %), and a report costs a fraction.
 *
 * The ends of an interval are not simply 2.5 and 97.5 % of the resamples. Metrics of few shoppers are skewed (most find nothing, some all), and then plain percentiles miss a true figure above them
 * two to three times as often as one below, and are too narrow as well. The places are corrected for both: BCa (Efron 1987) with the constants that a mean has, z₀ = a = skewness / (6 √n)
 * (DiCiccio, Efron 1996), and Student's t in place of the normal, widened by √(n / (n − 1)) (Hesterberg 2015, §5.3.4). It costs one more pass over the values. How often they cover: `npm run bench:experiment`.
 */
import { type Interval, quantileOfSorted } from '../metrics.ts';
import { createRandom, type Random } from '../random.ts';
import { normalShare, studentQuantile } from './normal.ts';

export interface Resamples {
  users: number;
  resamples: number;
  units: number;
  /** Unit of each user; null: every user is one. */
  unitOf: Int32Array | null;
  /** How often unit i was drawn in resample b: counts[b · units + i]. */
  counts: Uint8Array;
}

/** Beyond, users are drawn in groups. */
export const mostUnits = 2000;

/** @param options.mostUnits no fewer than users: each is drawn for itself */
export function createResamples(users: number, { resamples = 1000, seed = 1, mostUnits: most = mostUnits }: { resamples?: number; seed?: number; mostUnits?: number } = {}): Resamples {
  const unitUsers = Math.max(1, Math.ceil(users / most));
  const units = Math.ceil(users / unitUsers);
  const counts = new Uint8Array(resamples * units);
  const random = createRandom(seed);
  for (let b = 0; b < resamples; b++) {
    const from = b * units;
    for (let n = 0; n < units; n++) counts[from + random.integer(units)]!++;
  }
  return { users, resamples, units, unitOf: unitUsers === 1 ? null : shareOut(users, unitUsers, random), counts };
}

/** Groups at random: users who came at one time may be alike, and drawing them together would count them as fewer than they are. */
function shareOut(users: number, unitUsers: number, random: Random): Int32Array {
  const unitOf = Int32Array.from({ length: users }, (_, u) => Math.floor(u / unitUsers));
  for (let u = users - 1; u > 0; u--) {
    const other = random.integer(u + 1);
    const unit = unitOf[u]!;
    unitOf[u] = unitOf[other]!;
    unitOf[other] = unit;
  }
  return unitOf;
}

/** Means of each resample, a list per column of one value a user; users whose value is NaN are in none of them. A resample without any value has NaN. */
export function resampleMeans(resamples: Resamples, columns: readonly Float64Array[]): Float64Array[] {
  const units = columns.map((values) => sumUnits(resamples, values));
  const means: Float64Array[] = [];
  for (let from = 0; from < units.length; ) {
    // Columns of the same users go together: their draws are read, and counted, once for all of them.
    let to = from + 1;
    while (to < units.length && haveSameUsers(units[from]!, units[to]!)) to++;
    const { filled, sizes } = units[from]!;
    const isCounted = filled !== null || resamples.unitOf !== null;
    const totals = weigh(resamples, [...units.slice(from, to).map(({ sums }) => sums), ...(isCounted ? [sizes] : [])], filled);
    const drawn = isCounted ? totals.pop()! : null;
    for (const sums of totals) {
      for (let b = 0; b < sums.length; b++) sums[b]! /= drawn === null ? resamples.units : drawn[b]!;
      means.push(sums);
    }
    from = to;
  }
  return means;
}

/** Intervals of the means of columns of one value a user; NaN = the user has none. Without any value all three are NaN. */
export function intervalsOf(resamples: Resamples, columns: readonly Float64Array[], level = 0.95): Interval[] {
  return resampleMeans(resamples, columns).map((all, n) => {
    const means = all.filter((mean) => !Number.isNaN(mean)).sort();
    if (means.length === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN };
    const moments = momentsOf(columns[n]!);
    const at = (share: number) => endOf(means, share, moments);
    // What is left of a sum's rounding must not put the mean of equal values outside.
    return { mean: moments.mean, low: Math.min(moments.mean, at((1 - level) / 2)), high: Math.max(moments.mean, at((1 + level) / 2)) };
  });
}

interface Moments {
  count: number;
  mean: number;
  /** 0 where all values are the same. */
  skewness: number;
}

function momentsOf(values: Float64Array): Moments {
  let count = 0;
  let sum = 0;
  for (let u = 0; u < values.length; u++) {
    if (Number.isNaN(values[u]!)) continue;
    sum += values[u]!;
    count++;
  }
  const mean = sum / count;
  let squares = 0;
  let cubes = 0;
  for (let u = 0; u < values.length; u++) {
    const off = values[u]! - mean;
    if (Number.isNaN(off)) continue;
    squares += off * off;
    cubes += off * off * off;
  }
  return { count, mean, skewness: squares > 0 ? (cubes / count) / (squares / count) ** 1.5 : 0 };
}

/**
 * The end beyond which `share` of the distribution is. The k-th of B resamples has k / (B + 1) of it below: with the k / (B − 1) of a sample's own quantiles both ends would lie a tenth of a
 * per cent too far in.
 */
function endOf(sorted: Float64Array, share: number, { count, skewness }: Moments): number {
  let corrected = share;
  if (count > 1) {
    const z = Math.sqrt(count / (count - 1)) * studentQuantile(share, count - 1);
    const a = skewness / (6 * Math.sqrt(count));
    corrected = normalShare(a + (a + z) / (1 - a * (a + z)));
  }
  const last = sorted.length - 1;
  return last === 0 ? sorted[0]! : quantileOfSorted(sorted, Math.min(1, Math.max(0, ((last + 2) * corrected - 1) / last)));
}

export interface PairedDifference {
  users: number;
  candidate: number;
  reference: number;
  /** candidate / reference − 1; 0 where both are 0, 1 where the reference alone is. */
  relative: number;
  /** One-sided: with confidence `level` the true relative difference is above this. */
  lowerBound: number;
  /** Two-sided, of the same level. */
  low: number;
  high: number;
}

/** The relative difference of two models' means over the same users, paired: each resample draws users, and with them both values. */
export function comparePaired(resamples: Resamples, candidate: Float64Array, reference: Float64Array, level = 0.95): PairedDifference {
  const [differences, references] = resampleMeans(resamples, [candidate, reference]) as [Float64Array, Float64Array];
  for (let b = 0; b < differences.length; b++) differences[b] = relativeDifference(differences[b]!, references[b]!);
  differences.sort();
  const means = { candidate: momentsOf(candidate).mean, reference: momentsOf(reference).mean };
  const ratio = means.reference === 0 ? 0 : means.candidate / means.reference;
  // A ratio of means moves with each user as the mean of these would (its influence function, but for a factor).
  const moments = momentsOf(candidate.map((value, u) => value - ratio * reference[u]!));
  const at = (share: number) => (resamples.users === 0 ? Number.NaN : endOf(differences, share, moments));
  return {
    users: resamples.users, ...means, relative: relativeDifference(means.candidate, means.reference),
    lowerBound: at(1 - level), low: at((1 - level) / 2), high: at((1 + level) / 2),
  };
}

function relativeDifference(candidate: number, reference: number): number {
  if (reference !== 0) return candidate / reference - 1;
  return candidate > 0 ? 1 : 0;
}

interface Units {
  /** Per unit: the sum and the number of its values. */
  sums: Float64Array;
  sizes: Float64Array;
  /** The units that have any, null where all do. */
  filled: Int32Array | null;
}

function sumUnits({ users, unitOf, units }: Resamples, values: Float64Array): Units {
  if (values.length !== users) throw new RangeError(`one value a user: ${users}, not ${values.length}`);
  const sums = new Float64Array(units);
  const sizes = new Float64Array(units);
  for (let u = 0; u < users; u++) {
    if (Number.isNaN(values[u]!)) continue;
    const unit = unitOf === null ? u : unitOf[u]!;
    sums[unit]! += values[u]!;
    sizes[unit]!++;
  }
  const filled = Int32Array.from({ length: units }, (_, unit) => unit).filter((unit) => sizes[unit]! > 0);
  return { sums, sizes, filled: filled.length === units ? null : filled };
}

function haveSameUsers(a: Units, b: Units): boolean {
  return a.sizes.every((size, unit) => size === b.sizes[unit]);
}

/** Σ count · value of every resample, for all columns at once: finding and reading a count costs more than multiplying by it. */
function weigh({ resamples, units, counts }: Resamples, columns: readonly Float64Array[], filled: Int32Array | null): Float64Array[] {
  const totals = columns.map(() => new Float64Array(resamples));
  const packed = columns.map((values) => (filled === null ? values : Float64Array.from(filled, (unit) => values[unit]!)));
  const length = filled === null ? units : filled.length;
  const drawn = new Float64Array(length);
  for (let b = 0; b < resamples; b++) {
    const from = b * units;
    if (filled === null) for (let n = 0; n < length; n++) drawn[n] = counts[from + n]!;
    else for (let n = 0; n < length; n++) drawn[n] = counts[from + filled[n]!]!;
    let c = 0;
    for (; c + 4 <= packed.length; c += 4) dotFour(drawn, packed, c, totals, b);
    for (; c < packed.length; c++) totals[c]![b] = dot(drawn, packed[c]!);
  }
  return totals;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n]! * b[n]!;
  return sum;
}

/** Columns c … c + 3 in one go: four sums that do not wait for one another. */
function dotFour(drawn: Float64Array, columns: readonly Float64Array[], c: number, totals: readonly Float64Array[], at: number): void {
  const v0 = columns[c]!;
  const v1 = columns[c + 1]!;
  const v2 = columns[c + 2]!;
  const v3 = columns[c + 3]!;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let n = 0; n < drawn.length; n++) {
    const count = drawn[n]!;
    s0 += count * v0[n]!;
    s1 += count * v1[n]!;
    s2 += count * v2[n]!;
    s3 += count * v3[n]!;
  }
  totals[c]![at] = s0;
  totals[c + 1]![at] = s1;
  totals[c + 2]![at] = s2;
  totals[c + 3]![at] = s3;
}
