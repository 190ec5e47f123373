/**
 * Is a count unlike those that are usual? By median and median absolute deviation, which a promotion among the former weeks hardly moves (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993):
 *
 *   z = (x − median) / σ,   σ = 1.4826 · MAD, and not below √median, since counts scatter by that much of themselves, nor below a tenth of the median, which no shop's week is alike to
 *
 * |z| > 3.5 is what they call an outlier.
 */
export interface Unusual {
  readonly count: number;
  readonly usual: number;
  readonly z: number;
  /** count / usual. */
  readonly ratio: number;
}

const CONSISTENT = 1.4826;
const LEAST_SHARE = 0.1;
/** Fewer former counts say nothing of what is usual. */
const LEAST_FORMER = 3;
/** Of what is usual, below which a count that is half or twice as large is chance. */
const LEAST_USUAL = 20;

function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** @returns null where too little is known, or too little is usual, to judge */
export function compareWithUsual(count: number, former: readonly number[]): Unusual | null {
  if (former.length < LEAST_FORMER) return null;
  const usual = medianOf(former);
  if (usual < LEAST_USUAL) return null;
  const deviation = CONSISTENT * medianOf(former.map((one) => Math.abs(one - usual)));
  const sigma = Math.max(deviation, Math.sqrt(usual), LEAST_SHARE * usual);
  return { count, usual, z: (count - usual) / sigma, ratio: count / usual };
}
