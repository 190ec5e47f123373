/**
 * Who would want an item: the trained users of the highest hybrid scores for it (`hybrid.ts`), by looking at all of them. Exact; equal scores: the smaller row is first.
 *
 * One call multiplies every user's vector and passes over every entry of their histories once: half a millisecond for 2,000 users of 64 factors with 44,500 entries (`npm run bench:kinds`), so tens of milliseconds
 * for 300,000: for a person who asks, not for a page.
 */
import type { HistoryEntries, HybridTerms } from './hybrid.ts';
import type { Factors, ItemVectors } from './matrix.ts';
import { offerTopN, sortTopN, type TopN } from './top-n.ts';

export interface AudienceQuery {
  /** Item index. */
  readonly item: number;
  /** At most so many users; `out` has room for them. */
  readonly limit: number;
  /** Users whose history hides the item as well: who bought it a week ago. */
  readonly hidden: boolean;
  /** By row, 1 = left out; null: nobody is. */
  readonly skip: Uint8Array | null;
}

export interface Audience {
  /** Rows of users as `items` of `out`, best first. Users whose vector is 0 are nobody: they have nothing to score, or are gone. */
  find(query: AudienceQuery, out: TopN): TopN;
}

/** @param rowStart users + 1 offsets into `history` */
export function createAudience(users: Factors, items: ItemVectors, { neighbours, recentPopularity, scales }: HybridTerms, rowStart: Int32Array, history: HistoryEntries): Audience {
  const { data, stride } = users;
  /** S_ji of the item asked for, by j. */
  const similarTo = neighbours === null || scales.neighbours === 0 ? null : new Float32Array(neighbours.items);

  function markSimilar(item: number): void {
    const { rowStart: start, index, similarity } = neighbours!;
    similarTo!.fill(0);
    for (let j = 0; j < similarTo!.length; j++) {
      for (let n = start[j]!; n < start[j + 1]!; n++) if (index[n] === item) similarTo![j] = similarity[n]!;
    }
  }

  return {
    find({ item, limit, hidden, skip }, out) {
      out.count = 0;
      const y = items.offsetOf(item);
      const recency = recentPopularity === null ? 0 : scales.recency * recentPopularity[item]!;
      if (similarTo !== null) markSimilar(item);
      for (let row = 0; row < users.rows; row++) {
        if (skip !== null && skip[row] === 1) continue;
        const x = row * stride;
        const score = dot(data, x, items.data, y, stride);
        if (score === 0 && isZero(data, x, stride)) continue;
        let near = 0;
        let isHidden = false;
        const end = rowStart[row + 1]!;
        for (let e = rowStart[row]!; e < end; e++) {
          const j = history.index[e]!;
          if (j === item && history.hidden[e] === 1) isHidden = true;
          if (similarTo !== null) near += history.weight[e]! * similarTo[j]!;
        }
        if (!isHidden || hidden) offerTopN(out, limit, score + recency + scales.neighbours * near, row);
      }
      sortTopN(out);
      return out;
    },
  };
}

/** Strides are multiples of 8; four sums side by side, so that additions do not wait for one another. */
function dot(a: Float32Array, from: number, b: Float32Array, other: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < length; k += 4) {
    s0 += a[from + k]! * b[other + k]!;
    s1 += a[from + k + 1]! * b[other + k + 1]!;
    s2 += a[from + k + 2]! * b[other + k + 2]!;
    s3 += a[from + k + 3]! * b[other + k + 3]!;
  }
  return s0 + s1 + (s2 + s3);
}

function isZero(data: Float32Array, from: number, length: number): boolean {
  for (let k = from; k < from + length; k++) if (data[k] !== 0) return false;
  return true;
}
