/** Files of ratings: one rating per pair, a part held out, and how far predictions are off. */
import type { SparseRows } from './matrix.ts';
import { type Interval, quantileOfSorted } from './metrics.ts';
import { countingSort, type PairColumns } from './pairs.ts';
import { createRandom } from './random.ts';

export interface FoldedRatings {
  /** users × items; weights 1, targets the ratings as given. */
  matrix: SparseRows;
  /** Rows that another row of their pair replaces. */
  replaced: number;
}

/**
 * One rating per pair, the newest: the latest by time, and of equal or missing times the last row. A row with a time is newer than one without. `weight` of the
 * pairs holds the ratings.
 */
export function foldRatings(pairs: PairColumns): FoldedRatings {
  const { length, users, items, user, item, weight, timeMs } = pairs;
  const { order, start } = countingSort(user, countingSort(item, null, items, length).order, users, length);
  const rowStart = new Int32Array(users + 1);
  const index = new Int32Array(length);
  const target = new Float32Array(length);
  let entries = 0;
  for (let u = 0; u < users; u++) {
    let newestMs = -Infinity;
    for (let n = start[u]!; n < start[u + 1]!; n++) {
      const row = order[n]!;
      const rowMs = timeMs === null || Number.isNaN(timeMs[row]!) ? -Infinity : timeMs[row]!;
      const isSame = entries > rowStart[u]! && index[entries - 1] === item[row];
      if (isSame && rowMs < newestMs) continue;
      if (!isSame) index[entries++] = item[row]!;
      target[entries - 1] = weight![row]!;
      newestMs = rowMs;
    }
    rowStart[u + 1] = entries;
  }
  const matrix: SparseRows = { rows: users, cols: items, rowStart, index: index.slice(0, entries), weight: new Float32Array(entries).fill(1), target: target.slice(0, entries) };
  return { matrix, replaced: length - entries };
}

/** Ratings to be predicted: row and column of the fitted matrix, −1 where it has none, and `group`, ascending: whose they are. */
export interface WantedRatings {
  user: Int32Array;
  item: Int32Array;
  rating: Float32Array;
  group: Int32Array;
}

/** `userOf` and `itemOf` turn rows and columns of `matrix` into those of the fit. */
export function wantRatings({ rows, rowStart, index, target }: SparseRows, userOf: Int32Array, itemOf: Int32Array): WantedRatings {
  const group = new Int32Array(index.length);
  for (let u = 0; u < rows; u++) group.fill(u, rowStart[u], rowStart[u + 1]);
  return { user: group.map((u) => userOf[u]!), item: index.map((i) => itemOf[i]!), rating: target, group };
}

/** One mark per entry: 1 for a tenth of each user's ratings, a random rounding for each, and never all of them. */
export function markTenth({ rows, rowStart, index }: SparseRows, seed: number): Uint8Array {
  const random = createRandom(seed);
  const marks = new Uint8Array(index.length);
  for (let u = 0; u < rows; u++) {
    const from = rowStart[u]!;
    const length = rowStart[u + 1]! - from;
    let wanted = Math.min(length - 1, Math.floor(length / 10 + random.uniform()));
    // selection sampling: each entry with probability wanted / left
    for (let n = 0; n < length && wanted > 0; n++) {
      if (random.integer(length - n) >= wanted) continue;
      marks[from + n] = 1;
      wanted--;
    }
  }
  return marks;
}

/** The entries whose mark is `mark`. Rows and columns keep their numbers, and may be empty. */
export function selectRatings({ rows, cols, rowStart, index, target }: SparseRows, marks: Uint8Array, mark: number): SparseRows {
  const kept = marks.reduce((count, one) => count + (one === mark ? 1 : 0), 0);
  const selected: SparseRows = { rows, cols, rowStart: new Int32Array(rows + 1), index: new Int32Array(kept), weight: new Float32Array(kept).fill(1), target: new Float32Array(kept) };
  let entry = 0;
  for (let r = 0; r < rows; r++) {
    for (let e = rowStart[r]!; e < rowStart[r + 1]!; e++) {
      if (marks[e] !== mark) continue;
      selected.index[entry] = index[e]!;
      selected.target[entry++] = target[e]!;
    }
    selected.rowStart[r + 1] = entry;
  }
  return selected;
}

/** Root of the mean squared error, and mean absolute error, in units of the ratings. */
export interface RatingErrors {
  rmse: Interval;
  mae: Interval;
}

/** Over all of `wanted`; 95 % intervals by resampling groups, since one user's ratings are not independent. */
export function measureErrors(predict: (user: number, item: number) => number, { user, item, rating, group }: WantedRatings): RatingErrors {
  let groups = 0;
  for (let n = 0; n < group.length; n++) if (n === 0 || group[n] !== group[n - 1]) groups++;
  const squares = new Float64Array(groups);
  const sizes = new Float64Array(groups);
  const counts = new Float64Array(groups);
  for (let n = 0, at = -1; n < rating.length; n++) {
    if (n === 0 || group[n] !== group[n - 1]) at++;
    const miss = predict(user[n]!, item[n]!) - rating[n]!;
    squares[at]! += miss * miss;
    sizes[at]! += Math.abs(miss);
    counts[at]!++;
  }
  const { mean, low, high } = ratioInterval(squares, counts);
  return { rmse: { mean: Math.sqrt(mean), low: Math.sqrt(low), high: Math.sqrt(high) }, mae: ratioInterval(sizes, counts) };
}

/** From so many groups on the ratio is normal to within the resampling's own noise. */
const bootstrapUpTo = 5000;
const resamples = 1000;
/** 97.5 % of a normal distribution lie below. */
const normalReach = 1.959964;

/** Σ sums / Σ counts with the 95 % percentile interval of resampled groups (Efron 1979); for many groups by the linearised ratio's variance. */
function ratioInterval(sums: Float64Array, counts: Float64Array): Interval {
  const n = sums.length;
  let sum = 0;
  let count = 0;
  for (let g = 0; g < n; g++) {
    sum += sums[g]!;
    count += counts[g]!;
  }
  const mean = sum / count;
  if (n > bootstrapUpTo) {
    let variance = 0;
    for (let g = 0; g < n; g++) variance += (sums[g]! - mean * counts[g]!) ** 2;
    const reach = (normalReach * Math.sqrt(variance * (n / (n - 1)))) / count;
    return { mean, low: Math.max(0, mean - reach), high: mean + reach };
  }
  const random = createRandom(1);
  const means = new Float64Array(resamples);
  for (let b = 0; b < resamples; b++) {
    let drawnSum = 0;
    let drawnCount = 0;
    for (let g = 0; g < n; g++) {
      const drawn = random.integer(n);
      drawnSum += sums[drawn]!;
      drawnCount += counts[drawn]!;
    }
    means[b] = drawnSum / drawnCount;
  }
  means.sort();
  return { mean, low: quantileOfSorted(means, 0.025), high: quantileOfSorted(means, 0.975) };
}
