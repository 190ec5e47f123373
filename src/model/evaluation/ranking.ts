/**
 * All that is said of a ranking: one value a test user for each metric, then means with intervals, over all and by segment.
 *
 * Lists are made once, from the whole catalogue, to the largest k. Accuracy (`metrics.ts`): recall, precision, NDCG, MAP, MRR, hit rate. Beyond accuracy:
 *
 *   coverage   items in anybody's list / items of the catalogue; a figure of all lists together, so without an interval
 *   novelty    mean self-information of a list's items, −log₂ (users who have i / users) bits (Zhou et al. 2010)
 *   diversity  1 − mean cosine of the factors of a list's pairs of items (Ziegler et al. 2005). One and the same factors for every ranking compared, so
 *              that baselines without factors have the figure too
 *
 * Users without a list, or with one item where pairs are asked for, have no value and are in no mean of it.
 */
import type { Factors, SparseRows } from '../matrix.ts';
import { evaluateRanking, type Interval, type Ranker, type RankingMetrics } from '../metrics.ts';
import type { Relevance } from '../split.ts';
import { intervalsOf, type Resamples } from './bootstrap.ts';
import { countItemUsers, type ItemSegment, keepRelevance, markHead, segmentUsers, type UserSegment } from './segments.ts';

export interface RankingContext {
  relevance: Relevance;
  /** The part that was trained on. */
  train: SparseRows;
  /** Of all train items, for diversity; null: it is not measured. */
  itemFactors: Factors | null;
  /** Ascending. */
  ks: readonly number[];
}

/** One value a test user, in the order of `relevance.userRows`; NaN where the user has none. */
export interface UserMetrics extends RankingMetrics {
  novelty: Float64Array;
  diversity: Float64Array;
}

export interface MeasuredRanking {
  users: number;
  at: UserMetrics[];
  /** By k: share of the catalogue. */
  coverage: number[];
  /** By k; users without a relevant item of the segment have NaN. */
  itemSegments: Record<ItemSegment, { recall: Float64Array; ndcg: Float64Array }[]>;
}

export interface RankingFigures {
  k: number;
  recall: Interval;
  precision: Interval;
  ndcg: Interval;
  map: Interval;
  mrr: Interval;
  hitRate: Interval;
  novelty: Interval;
  /** Null where it was not measured. */
  diversity: Interval | null;
  coverage: number;
}

export interface SegmentFigures {
  segment: UserSegment | ItemSegment;
  /** Users who have a value. */
  users: number;
  at: { k: number; recall: Interval; ndcg: Interval }[];
}

export interface RankingReport {
  users: number;
  at: RankingFigures[];
  segments: SegmentFigures[];
}

/** Ranks every test user once and measures. Time: the ranking's own, and users × k × (factors + a few). */
export function measureRanking(rank: Ranker, context: RankingContext): MeasuredRanking {
  const { relevance, train, ks } = context;
  const lists = makeLists(rank, relevance, Math.max(...ks));
  const itemUsers = countItemUsers(train);
  const head = markHead(itemUsers);
  const accuracy = evaluateRanking(lists.rank, relevance, ks).at;
  const bySegment = (segment: ItemSegment) =>
    evaluateRanking(lists.rank, keepRelevance(relevance, head, segment), ks).at; // nothing to be found: 0 / 0
  return {
    users: relevance.userRows.length,
    at: accuracy.map((metrics) => ({ ...metrics, novelty: measureNovelty(lists, metrics.k, itemUsers, train.rows), diversity: measureDiversity(lists, metrics.k, context.itemFactors) })),
    coverage: ks.map((k) => measureCoverage(lists, k, train.cols)),
    itemSegments: { head: bySegment('head'), tail: bySegment('tail') },
  };
}

/** Means and intervals. `resamples` are of as many users, and the same ones for rankings that are to be compared. */
export function summarizeRanking(measured: MeasuredRanking, context: RankingContext, resamples: Resamples): RankingReport {
  const { ks } = context;
  const withDiversity = context.itemFactors !== null;
  const perLength = withDiversity ? 8 : 7;
  const intervals = intervalsOf(resamples, measured.at.flatMap(({ recall, precision, ndcg, averagePrecision, reciprocalRank, hit, novelty, diversity }) => [recall, precision, ndcg, averagePrecision, reciprocalRank, hit, novelty, ...(withDiversity ? [diversity] : [])]));
  const at = ks.map((k, n): RankingFigures => {
    const [recall, precision, ndcg, map, mrr, hitRate, novelty, diversity = null] = intervals.slice(n * perLength, (n + 1) * perLength) as [Interval, Interval, Interval, Interval, Interval, Interval, Interval, Interval?];
    return { k, recall, precision, ndcg, map, mrr, hitRate, novelty, diversity, coverage: measured.coverage[n]! };
  });
  const segmentOf = segmentUsers(context.relevance, context.train);
  const only = (segment: UserSegment, values: Float64Array) => values.map((value, u) => (segmentOf[u] === segment ? value : Number.NaN));
  const figuresOf = (segment: UserSegment | ItemSegment, columns: readonly { recall: Float64Array; ndcg: Float64Array }[]): SegmentFigures => {
    const intervals = intervalsOf(resamples, columns.flatMap(({ recall, ndcg }) => [recall, ndcg]));
    return {
      segment,
      users: columns[0]!.recall.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0),
      at: columns.map((_, n) => ({ k: ks[n]!, recall: intervals[2 * n]!, ndcg: intervals[2 * n + 1]! })),
    };
  };
  const ofUsers = (['new', 'light', 'heavy'] as const).map((segment) => figuresOf(segment, measured.at.map(({ recall, ndcg }) => ({ recall: only(segment, recall), ndcg: only(segment, ndcg) }))));
  const ofItems = (['head', 'tail'] as const).map((segment) => figuresOf(segment, measured.itemSegments[segment]));
  return { users: measured.users, at, segments: [...ofUsers, ...ofItems] };
}

interface Lists {
  users: number;
  /** Items of user u: items[u · most] … , `length[u]` of them. */
  most: number;
  items: Int32Array;
  length: Int32Array;
  /** Gives the lists again, to be asked in the order in which they were made. */
  rank: Ranker;
}

function makeLists(rank: Ranker, { userRows }: Relevance, most: number): Lists {
  const users = userRows.length;
  const items = new Int32Array(users * most);
  const length = new Int32Array(users);
  for (let u = 0; u < users; u++) length[u] = rank(userRows[u]!, items.subarray(u * most, (u + 1) * most));
  let asked = 0;
  return {
    users, most, items, length,
    rank: (_userRow, out) => {
      const u = asked++ % users;
      const count = Math.min(length[u]!, out.length);
      for (let n = 0; n < count; n++) out[n] = items[u * most + n]!;
      return count;
    },
  };
}

function measureCoverage({ users, most, items, length }: Lists, k: number, catalogue: number): number {
  const shown = new Uint8Array(catalogue);
  let count = 0;
  for (let u = 0; u < users; u++) {
    for (let n = 0; n < Math.min(k, length[u]!); n++) {
      const item = items[u * most + n]!;
      count += 1 - shown[item]!;
      shown[item] = 1;
    }
  }
  return catalogue === 0 ? 0 : count / catalogue;
}

function measureNovelty({ users, most, items, length }: Lists, k: number, itemUsers: Int32Array, trainUsers: number): Float64Array {
  const bits = Float64Array.from(itemUsers, (count) => -Math.log2(Math.max(1, count) / trainUsers));
  const novelty = new Float64Array(users).fill(Number.NaN);
  for (let u = 0; u < users; u++) {
    const count = Math.min(k, length[u]!);
    let sum = 0;
    for (let n = 0; n < count; n++) sum += bits[items[u * most + n]!]!;
    if (count > 0) novelty[u] = sum / count;
  }
  return novelty;
}

/** With unit vectors v, the cosines of all pairs of m items add up to (‖Σ v‖² − Σ ‖v‖²) / 2, which costs m vectors instead of m² pairs. */
function measureDiversity({ users, most, items, length }: Lists, k: number, factors: Factors | null): Float64Array {
  const diversity = new Float64Array(users).fill(Number.NaN);
  if (factors === null) return diversity;
  const { data, stride, factors: width } = factors;
  const inverseNorm = Float64Array.from({ length: factors.rows }, (_, item) => {
    let squares = 0;
    for (let f = 0; f < width; f++) squares += data[item * stride + f]! ** 2;
    return squares === 0 ? 0 : 1 / Math.sqrt(squares); // a zero vector is at right angles to everything
  });
  const sum = new Float64Array(width);
  for (let u = 0; u < users; u++) {
    const count = Math.min(k, length[u]!);
    if (count < 2) continue;
    sum.fill(0);
    let own = 0;
    for (let n = 0; n < count; n++) {
      const item = items[u * most + n]!;
      const scale = inverseNorm[item]!;
      own += scale === 0 ? 0 : 1;
      for (let f = 0; f < width; f++) sum[f]! += scale * data[item * stride + f]!;
    }
    let squares = 0;
    for (let f = 0; f < width; f++) squares += sum[f]! ** 2;
    diversity[u] = 1 - (squares - own) / (count * (count - 1));
  }
  return diversity;
}
