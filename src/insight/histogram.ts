/** A histogram of fixed buckets: a note is a walk over few bounds and an addition, and nothing is made for it. */
export interface Histogram {
  /** Upper bounds of all buckets but the last, ascending. */
  readonly bounds: readonly number[];
  /** By bucket, each without those below it; the last has no bound. */
  readonly counts: Float64Array;
  sum(): number;
  /** @param times the same value so often */
  note(value: number, times?: number): void;
}

export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = new Float64Array(bounds.length + 1);
  const total = new Float64Array(1);
  return {
    bounds,
    counts,
    sum: () => total[0],
    note(value, times = 1) {
      let bucket = 0;
      while (bucket < bounds.length && value > bounds[bucket]) {
        bucket++;
      }
      counts[bucket] += times;
      total[0] += value * times;
    },
  };
}
