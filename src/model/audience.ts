/**
 * Who would want an item: the trained users of the highest hybrid scores for it (`hybrid.ts`), by looking at all of them. Exact; equal scores: the smaller row is first.
 *
 * One call multiplies every user's vector and passes over every entry of their histories once: half a millisecond for 2,000 users of 64 factors with 44,500 entries (`npm run bench:kinds`), so tens of milliseconds
 * for 300,000: for a person who asks, not for a page.
 */
import type { HistoryEntries, HybridScan } from './hybrid.ts';
import type { Factors } from './matrix.ts';
import { offerTopN, sortTopN, type TopN } from './top-n.ts';

export interface AudienceQuery {
  /** Item index. */
  readonly item: number;
  /** At most so many users; `out` has room for them. */
  readonly limit: number;
  /** Users whose history hides the item as well: who bought it a week ago. */
  readonly includeHidden: boolean;
}

/**
 * Rows of users as `items` of `out`, best first. Users whose vector is 0 are nobody: they have nothing to score, or are gone.
 *
 * @param rowStart users + 1 offsets into `history`
 */
export function findAudience(users: Factors, scan: HybridScan, rowStart: Int32Array, history: HistoryEntries, { item, limit, includeHidden }: AudienceQuery, out: TopN): TopN {
  const { data, stride } = users;
  const vector = scan.vectorOf(item);
  const { recency } = scan.partsOf(new Float32Array(stride), history, 0, 0, item);
  const similarTo = scan.similarTo(item);
  out.count = 0;
  for (let row = 0; row < users.rows; row++) {
    const x = row * stride;
    let score = 0;
    for (let k = 0; k < stride; k++) score += data[x + k]! * vector[k]!;
    if (score === 0 && isZero(data, x, stride)) continue;
    let near = 0;
    let isHidden = false;
    const end = rowStart[row + 1]!;
    for (let e = rowStart[row]!; e < end; e++) {
      const j = history.index[e]!;
      if (j === item && history.hidden[e] === 1) isHidden = true;
      if (similarTo !== null) near += history.weight[e]! * similarTo[j]!;
    }
    if (!isHidden || includeHidden) offerTopN(out, limit, score + recency + near, row);
  }
  sortTopN(out);
  return out;
}

function isZero(data: Float32Array, from: number, length: number): boolean {
  for (let k = from; k < from + length; k++) if (data[k] !== 0) return false;
  return true;
}
