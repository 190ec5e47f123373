/**
 * Rates of live counters, with intervals by resampling buckets of users (Efron 1979): a shopper's clicks go together, so clicks are no independent trials, and intervals that take them for that are too
 * narrow. Buckets are drawn as units, which keeps each shopper's together.
 */
import { type Interval, quantileOfSorted } from '../metrics.ts';
import type { Resamples } from './bootstrap.ts';

/** With fewer events the resamples know too little of what did not happen yet. */
const FEW_EVENTS = 30;
const Z = 1.959964;

/**
 * Σ tops / Σ bottoms with its 95 % interval. Where `tops` counts events and there are few, the interval is at least as wide as that of a Poisson count of as many (Byar's approximation; Breslow & Day
 * 1987, eq. 2.13): no click in 50 lists is not "0, surely".
 *
 * @param tops one value a unit, as `bottoms`
 * @returns null where the bottoms sum to nothing
 */
export function ratioInterval(resamples: Resamples, tops: Float64Array, bottoms: Float64Array, countsEvents: boolean): Interval | null {
  const top = sumOf(tops);
  const bottom = sumOf(bottoms);
  if (bottom <= 0) {
    return null;
  }
  const { units, counts } = resamples;
  const ratios = new Float64Array(resamples.resamples);
  let filled = 0;
  for (let b = 0; b < resamples.resamples; b++) {
    let drawnTop = 0;
    let drawnBottom = 0;
    for (let k = 0, at = b * units; k < units; k++, at++) {
      drawnTop += counts[at] * tops[k];
      drawnBottom += counts[at] * bottoms[k];
    }
    if (drawnBottom > 0) {
      ratios[filled++] = drawnTop / drawnBottom;
    }
  }
  const sorted = ratios.subarray(0, filled).sort();
  const interval = { mean: top / bottom, low: quantileOfSorted(sorted, 0.025), high: quantileOfSorted(sorted, 0.975) };
  if (!countsEvents || top >= FEW_EVENTS) {
    return interval;
  }
  const low = top === 0 ? 0 : top * (1 - 1 / (9 * top) - Z / (3 * Math.sqrt(top))) ** 3;
  const high = (top + 1) * (1 - 1 / (9 * (top + 1)) + Z / (3 * Math.sqrt(top + 1))) ** 3;
  return { mean: interval.mean, low: Math.min(interval.low, low / bottom), high: Math.max(interval.high, high / bottom) };
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) {
    sum += values[k];
  }
  return sum;
}
