/**
 * What a list is besides the best: not what everybody meets anyway, varied, and not the same every day. Works on a pool, the exact best few hundred, and gives `limit` of them in a new order; scores are the pool's own.
 *
 *   discount   d_i = s_i · ((κ + 1) / (κ + q_i))^β where s_i > 0          q_i: popularity in parts of its mean (`liftsOf`). What is learned from goes by exposure as well as by taste, and with it the scores
 *   rotation   e_i = d_i − r S h_i          h_i in [0, 1): drawn by user, item and period (hash.ts). No state: every replica gives the same list, and it turns with the period
 *   diversity  maximal marginal relevance (Carbonell, Goldstein 1998): the next place goes to the item of the largest
 *                (1 − d) e_i / ¾S  −  d max_{j chosen} cos(y_i, y_j)
 *
 * S is the span of the user's list, from the best to the fiftieth (span.ts), so that r and d mean the same for every user and shop, and do not depend on how deep the pool is: r = 1 may put the best behind
 * the fiftieth. Where β > 0 it is that of the pool by d_i, whose scores are of another size. d = 0, r = 0 and β = 0 change nothing.
 *
 * An item's largest cosine can only grow while the list does, and its worth only fall. So the worth it had when it was last looked at bounds what it has now, and most pairs are never multiplied;
 * the lists are those of multiplying all.
 */
import { drawAt, seedOf } from './hash.ts';
import type { ItemVectors } from './matrix.ts';
import { SPAN_PLACES } from './span.ts';
import { createTopN, offerTopN, sortTopN, type TopN } from './top-n.ts';

/** So much of a span weighs as much as a whole cosine where d = 1/2. */
const spansPerCosine = 0.75;

/** κ: what keeps an item that hardly anybody has met from being lifted above all: its lift is at most (1 + 1/κ)^β. */
const leastPopularity = 0.1;

export interface RerankOptions {
  /** β, 0 … 1: 0 = popularity counts as it does in the scores. */
  popularityDiscount: number;
  /** d, 0 … 1: 0 = none, 1 = nothing but. */
  diversity: number;
  /** r, 0 … 1: an item's score falls by up to so many spans. */
  rotation: number;
  /** Of whom the draws are: `hashText(userId)`. */
  key: number;
  /** `periodOf(time, rotationHours)`. */
  periodNo: number;
  /** S > 0; not finite or 0: nothing is reordered. */
  span: number;
}

export interface Reranker {
  /** The most a pool may hold. */
  readonly mostPool: number;
  /**
   * The first `limit` places of the reordered pool into `out`, which may be the pool itself. `pool` is best first.
   *
   * @throws RangeError for a pool beyond `mostPool`
   */
  rerank(pool: TopN, limit: number, options: RerankOptions, out: TopN): TopN;
}

/** What an item's score is multiplied by where β = 1: (κ + 1) / (κ + q_i), 1 for an item of mean popularity. */
export function liftsOf(popularity: Float32Array): Float32Array {
  const mean = popularity.reduce((sum, one) => sum + one, 0) / popularity.length;
  return popularity.map((one) => (mean > 0 ? (leastPopularity + 1) / (leastPopularity + one / mean) : 1));
}

/**
 * @param itemNos what an item draws by: its number, which is the same in every model version
 * @param lifts by item (`liftsOf`); null: popularity is not known, and nothing is discounted
 */
export function createReranker(vectors: ItemVectors, itemNos: Int32Array, lifts: Float32Array | null, mostPool: number): Reranker {
  const { data, stride } = vectors;
  const turned = createTopN(mostPool);
  const source = { items: new Int32Array(mostPool), scores: new Float64Array(mostPool) };
  /** d_i of a place of the pool. */
  const discounted = new Float64Array(mostPool);
  const sorted = new Float64Array(mostPool);
  /** Where the vector of a place of `turned` lies, and 1 / its length; 0 = no direction, so that its cosines are 0. */
  const offset = new Int32Array(mostPool);
  const inverse = new Float64Array(mostPool);
  /** What a place of `turned` is worth at most: exactly that once it has been held against all `chosen` ones, of which `seen` are done. */
  const worth = new Float64Array(mostPool);
  const relevance = new Float64Array(mostPool);
  const nearest = new Float64Array(mostPool);
  const seen = new Int32Array(mostPool);
  const chosen = new Int32Array(mostPool);

  /** The pool's d_i. Returns their span. */
  function discount({ items, scores, count }: TopN, by: Float32Array, exponent: number): number {
    for (let n = 0; n < count; n++) discounted[n] = scores[n]! > 0 ? scores[n]! * by[items[n]!]! ** exponent : scores[n]!;
    sorted.set(discounted.subarray(0, count));
    const own = sorted.subarray(0, count).sort();
    return own[count - 1]! - own[Math.max(0, count - SPAN_PLACES)]!;
  }

  /** Places of the pool by e_i, best first, into `turned`: at least `limit` of them. Ties to the earlier place. */
  function turn({ items, count }: TopN, scores: Float64Array, limit: number, most: number, seed: number): void {
    turned.count = 0;
    for (let n = 0; n < count; n++) offerTopN(turned, limit, scores[n]! - (most === 0 ? 0 : most * drawAt(seed, itemNos[items[n]!]!)), n);
    sortTopN(turned);
  }

  function place(n: number, item: number): void {
    offset[n] = vectors.offsetOf(item);
    const square = dot(data, offset[n]!, offset[n]!, stride);
    inverse[n] = square > 0 ? 1 / Math.sqrt(square) : 0;
    seen[n] = 0;
  }

  /** Chooses `limit` places of `turned`, whose items are places of the pool, into `chosen`. Ties to the earlier place. */
  function diversify(items: Int32Array, count: number, limit: number, diversity: number, span: number): void {
    const { items: placeOf, scores } = turned;
    const unit = (1 - diversity) / (spansPerCosine * span);
    for (let n = 0; n < count; n++) {
      relevance[n] = unit * (scores[n]! - scores[0]!);
      nearest[n] = -1;
      worth[n] = relevance[n]! + diversity;
      seen[n] = -1; // no vector yet
    }

    /** Holds a place against chosen ones until all are done or it is worth less than `least`. */
    function weigh(n: number, among: number, least: number): void {
      if (seen[n]! < 0) place(n, items[placeOf[n]!]!);
      let c = seen[n]!;
      for (; c < among && worth[n]! >= least; c++) {
        const other = chosen[c]!;
        const cosine = dot(data, offset[n]!, offset[other]!, stride) * (inverse[n]! * inverse[other]!);
        if (cosine <= nearest[n]!) continue;
        nearest[n] = cosine;
        worth[n] = relevance[n]! - diversity * cosine;
      }
      seen[n] = c;
    }

    let next = 0; // nothing is chosen yet that it could be near to
    for (let at = 0; at < limit; at++) {
      chosen[at] = next;
      if (seen[next]! < 0) place(next, items[placeOf[next]!]!);
      worth[next] = -Infinity;
      // What promises most is looked at first, so that most others need no second look.
      next = 0;
      for (let n = 1; n < count; n++) if (worth[n]! > worth[next]!) next = n;
      if (worth[next] === -Infinity) return;
      weigh(next, at + 1, -Infinity);
      for (let n = 0; n < count; n++) {
        if (worth[n]! < worth[next]! || n === next) continue;
        weigh(n, at + 1, worth[next]!);
        if (seen[n] === at + 1 && (worth[n]! > worth[next]! || (worth[n] === worth[next] && n < next))) next = n;
      }
    }
  }

  return {
    mostPool,
    rerank(pool, limit, options, out) {
      const { count } = pool;
      if (count > mostPool) throw new RangeError(`a pool of ${count} is more than this reranker takes (${mostPool})`);
      const wanted = Math.min(limit, count);
      const { rotation, key, periodNo, popularityDiscount } = options;
      const discounts = popularityDiscount > 0 && lifts !== null && count > 0;
      const span = discounts ? discount(pool, lifts, popularityDiscount) : options.span;
      const hasSpan = span > 0 && span < Infinity;
      const diversity = hasSpan ? options.diversity : 0;
      const reorders = discounts || (hasSpan && (diversity > 0 || rotation > 0));
      source.items.set(pool.items.subarray(0, reorders ? count : wanted));
      source.scores.set(pool.scores.subarray(0, reorders ? count : wanted));
      if (reorders) {
        turn(pool, discounts ? discounted : pool.scores, diversity > 0 ? count : wanted, hasSpan ? rotation * span : 0, seedOf(key, periodNo));
        if (diversity > 0) diversify(source.items, count, wanted, Math.min(1, diversity), span);
      }
      for (let n = 0; n < wanted; n++) {
        const from = !reorders ? n : turned.items[diversity > 0 ? chosen[n]! : n]!;
        out.items[n] = source.items[from]!;
        out.scores[n] = source.scores[from]!;
      }
      out.count = wanted;
      return out;
    },
  };
}

/** Four sums side by side, so that additions do not wait for one another. */
function dot(data: Float32Array, a: number, b: number, stride: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < stride; k += 8) {
    s0 += data[a + k]! * data[b + k]! + data[a + k + 4]! * data[b + k + 4]!;
    s1 += data[a + k + 1]! * data[b + k + 1]! + data[a + k + 5]! * data[b + k + 5]!;
    s2 += data[a + k + 2]! * data[b + k + 2]! + data[a + k + 6]! * data[b + k + 6]!;
    s3 += data[a + k + 3]! * data[b + k + 3]! + data[a + k + 7]! * data[b + k + 7]!;
  }
  return s0 + s1 + (s2 + s3);
}
