/**
 * Ratings whose noise is known, for benches and tests: 3.5 + b_u + b_i + taste + noise, all Gaussian, the taste a product of two vectors whose dimensions
 * weigh 1, ½, ⅓ … in variance. No rounding and no ends of a scale, so that the noise's deviation is what a perfect model's RMSE would be.
 *
 * Activity (log-normal) and popularity (a power of the rank) have long tails. Who rates what does not depend on taste: a real shop's shoppers rate what they
 * like, so this is the easier half of reality.
 */
import type { Random } from '../model/random.ts';
import { createRandom } from '../model/random.ts';
import { createAliasTables, drawMember } from './sampling.ts';

export interface RatingOptions {
  users: number;
  items: number;
  /** About; a pair is rated once. */
  ratings: number;
  rank: number;
  /** σ */
  noise: number;
  seed: number;
}

/** Entry n of each belongs together. */
export interface GeneratedRatings {
  user: Int32Array;
  item: Int32Array;
  rating: Float32Array;
}

const mean = 3.5;
const userBias = 0.4;
const itemBias = 0.4;
const taste = 0.6;

export function generateRatings({ users, items, ratings, rank, noise, seed }: RatingOptions): GeneratedRatings {
  const random = createRandom(seed);
  const spectrum = Float64Array.from({ length: rank }, (_, k) => 1 / (k + 1));
  const total = spectrum.reduce((sum, variance) => sum + variance, 0);
  const scales = spectrum.map((variance) => Math.sqrt(taste * Math.sqrt(variance / total)));
  const tastes = (rows: number) => Float64Array.from({ length: rows * rank }, (_, n) => scales[n % rank]! * random.gaussian());
  const [x, y] = [tastes(users), tastes(items)];
  const biases = (rows: number, deviation: number) => Float64Array.from({ length: rows }, () => deviation * random.gaussian());
  const [ofUser, ofItem] = [biases(users, userBias), biases(items, itemBias)];
  const counts = drawCounts(users, items, ratings, random);
  const popularity = createAliasTables(new Uint8Array(items), 1, Float64Array.from({ length: items }, (_, n) => (n + 10) ** -0.7));

  const rated = counts.reduce((sum, count) => sum + count, 0);
  const all: GeneratedRatings = { user: new Int32Array(rated), item: new Int32Array(rated), rating: new Float32Array(rated) };
  const ratedBy = new Int32Array(items).fill(-1);
  let n = 0;
  for (let u = 0; u < users; u++) {
    for (let left = counts[u]!; left > 0; ) {
      const i = drawMember(popularity, 0, random);
      if (ratedBy[i] === u) continue;
      ratedBy[i] = u;
      left--;
      let score = mean + ofUser[u]! + ofItem[i]! + noise * random.gaussian();
      for (let k = 0; k < rank; k++) score += x[u * rank + k]! * y[i * rank + k]!;
      all.user[n] = u;
      all.item[n] = i;
      all.rating[n++] = score;
    }
  }
  return all;
}

/** Ratings per user: log-normal, at least 2 and at most half of the items, so that drawing without repetition ends soon. */
function drawCounts(users: number, items: number, ratings: number, random: Random): Int32Array {
  const activity = Float64Array.from({ length: users }, () => Math.exp(0.9 * random.gaussian()));
  const sum = activity.reduce((all, one) => all + one, 0);
  return Int32Array.from(activity, (one) => Math.min(items >> 1, Math.max(2, Math.round((one / sum) * ratings))));
}
