/**
 * The item-kNN baseline: plain cosine between the items' sets of users, the K nearest per item (Deshpande, Karypis 2004).
 *
 *   S_ji = C_ji / √(n_j n_i),   C_ji = users who have both,   n_i = users who have i
 *   score of i for a user = Σ_{j ∈ history, i among the K nearest of j} S_ji
 *
 * Plain on purpose, neither weights nor users' activity count: a baseline should be one that readers know. Similarities are made one item at a time from
 * one row of counts, so the memory is items × (K + 1) numbers, never items², and the time Σ_u n_u².
 */
import type { SparseRows } from './matrix.ts';
import type { Ranker } from './metrics.ts';
import { createTopN, offerTopN, sortTopN } from './top-n.ts';

/** The neighbours of item j are entries rowStart[j] … rowStart[j + 1] − 1, nearest first, ties to the smaller index; j itself is not among them. */
export interface ItemNeighbours {
  items: number;
  rowStart: Int32Array;
  index: Int32Array;
  /** In (0, 1]. */
  similarity: Float32Array;
}

export const defaultNeighbours = 100;

/** @param byItem the transpose of `byUser`. Every entry counts as one, whatever its weight. @param most K */
export function findItemNeighbours(byUser: SparseRows, byItem: SparseRows, most = defaultNeighbours): ItemNeighbours {
  const items = byItem.rows;
  const limit = Math.min(most, Math.max(0, items - 1));
  const rowStart = new Int32Array(items + 1);
  const index = new Int32Array(items * limit);
  const similarity = new Float32Array(items * limit);
  const inverseRoot = Float64Array.from({ length: items }, (_, i) => 1 / Math.sqrt(byItem.rowStart[i + 1]! - byItem.rowStart[i]!));
  const common = new Int32Array(items);
  const touched = new Int32Array(items);
  const best = createTopN(limit);
  let entries = 0;
  for (let j = 0; j < items; j++) {
    let count = 0;
    for (let e = byItem.rowStart[j]!; e < byItem.rowStart[j + 1]!; e++) {
      const user = byItem.index[e]!;
      for (let n = byUser.rowStart[user]!; n < byUser.rowStart[user + 1]!; n++) {
        const i = byUser.index[n]!;
        if (common[i] === 0) touched[count++] = i;
        common[i]!++;
      }
    }
    best.count = 0;
    for (let n = 0; n < count; n++) {
      const i = touched[n]!;
      if (i !== j) offerTopN(best, limit, common[i]! * inverseRoot[i]!, i);
      common[i] = 0;
    }
    sortTopN(best);
    for (let n = 0; n < best.count; n++) {
      index[entries] = best.items[n]!;
      similarity[entries++] = best.scores[n]! * inverseRoot[j]!;
    }
    rowStart[j + 1] = entries;
  }
  return { items, rowStart, index: index.subarray(0, entries), similarity: similarity.subarray(0, entries) };
}

/** Ranks what is near to a user's train items, without these. Items near to none of them are not listed: a list may be shorter than asked for. */
export function rankByNeighbours(neighbours: ItemNeighbours, train: SparseRows, maxLimit: number): Ranker {
  const { items, rowStart, index, similarity } = neighbours;
  const score = new Float64Array(items);
  const touched = new Int32Array(items);
  const own = new Uint8Array(items);
  const best = createTopN(maxLimit);
  return (userRow, out) => {
    const from = train.rowStart[userRow]!;
    const to = train.rowStart[userRow + 1]!;
    let count = 0;
    for (let e = from; e < to; e++) {
      const j = train.index[e]!;
      own[j] = 1;
      for (let n = rowStart[j]!; n < rowStart[j + 1]!; n++) {
        const i = index[n]!;
        if (score[i] === 0) touched[count++] = i;
        score[i]! += similarity[n]!;
      }
    }
    best.count = 0;
    const limit = Math.min(out.length, maxLimit);
    for (let n = 0; n < count; n++) {
      const i = touched[n]!;
      if (own[i] === 0) offerTopN(best, limit, score[i]!, i);
      score[i] = 0;
    }
    sortTopN(best);
    for (let e = from; e < to; e++) own[train.index[e]!] = 0;
    for (let n = 0; n < best.count; n++) out[n] = best.items[n]!;
    return best.count;
  };
}
