/** How memory goes over a run, and what is said of it. */

/** Starting up, warming caches, the first trainings: what grows then says nothing. */
export const WARM_UP_MINUTES = 5;
export const MOST_MB_PER_MINUTE = 1;
/** Fewer than these say nothing: one collection of garbage more or less would decide. */
export const LEAST_POINTS = 8;

/** @returns the slope of the straight line that fits the points best, by least squares; NaN for fewer than two */
export function slopeOf(points) {
  const n = points.length;
  const [meanX, meanY] = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / n);
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}

/**
 * @param samples of the whole run: minute, rssMb, heapMb (heap and what is outside of it: buffers, WebAssembly; pagesMb is for who looks for a leak: what V8 holds for its heap, used or not)
 * @param warmUpMinutes samples up to then are left out
 * @returns slopes in MB a minute, and whether they are within the limit; null where the run is too short to say
 */
export function judgeMemory(samples, warmUpMinutes = WARM_UP_MINUTES) {
  const counted = samples.filter(({ minute }) => minute >= warmUpMinutes);
  const slopes = { rss: slopeOf(counted.map(({ minute, rssMb }) => [minute, rssMb])), heap: slopeOf(counted.map(({ minute, heapMb }) => [minute, heapMb])) };
  return { ...slopes, ok: counted.length < LEAST_POINTS ? null : slopes.rss <= MOST_MB_PER_MINUTE && slopes.heap <= MOST_MB_PER_MINUTE };
}
