/** How good are ranked lists? Whole catalogue, binary relevance, one number per user and cut-off. Intervals over users: `evaluation/bootstrap.ts`. */
import type { Factors, SparseRows } from './matrix.ts';
import type { Relevance } from './split.ts';
import { createScanIndex, createTopN, scanTopN } from './top-n.ts';

/** Writes a user's best items (indexes of the train matrix, best first, without those of their train row) to `out`; returns how many. */
export type Ranker = (userRow: number, out: Int32Array) => number;

/** One value per test user, in the order of `Relevance.userRows`. */
export interface RankingMetrics {
  k: number;
  /** Found / all relevant, cold ones included: what the model cannot know is missed, not excused. */
  recall: Float64Array;
  /** Gain 1 / log2(rank + 1); the ideal list has min(k, relevant) hits. */
  ndcg: Float64Array;
  /** 1 if anything was found. */
  hit: Float64Array;
  /** Found / k. */
  precision: Float64Array;
  /** Σ precision at each hit / min(k, relevant). */
  averagePrecision: Float64Array;
  /** 1 / rank of the first hit, 0 without one. */
  reciprocalRank: Float64Array;
}

export interface RankingEvaluation {
  users: number;
  /** One per cut-off, in the order given. */
  at: RankingMetrics[];
}

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** Ranks for every test user once, to the largest k, and measures at every k. Items a ranker repeats would count twice: it must not. */
export function evaluateRanking(rank: Ranker, relevance: Relevance, ks: readonly number[]): RankingEvaluation {
  const { userRows, rowStart, itemIndex } = relevance;
  const users = userRows.length;
  const list = new Int32Array(Math.max(0, ...ks));
  const column = () => new Float64Array(users);
  const at = ks.map((k) => ({ k, recall: column(), ndcg: column(), hit: column(), precision: column(), averagePrecision: column(), reciprocalRank: column() }));
  const wanted = new Set<number>();
  for (let u = 0; u < users; u++) {
    wanted.clear();
    for (let e = rowStart[u]!; e < rowStart[u + 1]!; e++) if (itemIndex[e]! >= 0) wanted.add(itemIndex[e]!);
    const relevant = rowStart[u + 1]! - rowStart[u]!;
    const length = rank(userRows[u]!, list);
    for (const metrics of at) {
      let hits = 0;
      let gain = 0;
      let precisionSum = 0;
      let firstHit = 0;
      for (let n = 0; n < Math.min(length, metrics.k); n++) {
        if (!wanted.has(list[n]!)) continue;
        hits++;
        if (hits === 1) firstHit = n + 1;
        gain += 1 / Math.log2(n + 2);
        precisionSum += hits / (n + 1);
      }
      const reachable = Math.min(metrics.k, relevant);
      metrics.recall[u] = hits / relevant;
      metrics.ndcg[u] = gain / idealGain(reachable);
      metrics.hit[u] = hits > 0 ? 1 : 0;
      metrics.precision[u] = hits / metrics.k;
      metrics.averagePrecision[u] = precisionSum / reachable;
      metrics.reciprocalRank[u] = firstHit === 0 ? 0 : 1 / firstHit;
    }
  }
  return { users, at };
}

function idealGain(hits: number): number {
  let gain = 0;
  for (let n = 0; n < hits; n++) gain += 1 / Math.log2(n + 2);
  return gain;
}

/** Ranks by the factors' scores. `users` has a row per row of `train`. */
export function rankByFactors(users: Factors, items: Factors, train: SparseRows, maxLimit: number): Ranker {
  const index = createScanIndex(items);
  const best = createTopN(maxLimit);
  const skip = new Uint8Array(items.rows);
  const { rowStart, index: itemIndex } = train;
  return (userRow, out) => {
    for (let e = rowStart[userRow]!; e < rowStart[userRow + 1]!; e++) skip[itemIndex[e]!] = 1;
    const vector = users.data.subarray(userRow * users.stride, (userRow + 1) * users.stride);
    scanTopN(index, vector, Math.min(out.length, maxLimit), skip, best);
    for (let e = rowStart[userRow]!; e < rowStart[userRow + 1]!; e++) skip[itemIndex[e]!] = 0;
    for (let n = 0; n < best.count; n++) out[n] = best.items[n]!;
    return best.count;
  };
}

export function meanOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

export function quantileOfSorted(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}
