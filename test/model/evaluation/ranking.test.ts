import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createResamples } from '../../../src/model/evaluation/bootstrap.ts';
import { measureRanking, type RankingContext, summarizeRanking } from '../../../src/model/evaluation/ranking.ts';
import { keepRelevance, markHead, segmentUsers } from '../../../src/model/evaluation/segments.ts';
import { findItemNeighbours, rankByNeighbours } from '../../../src/model/item-knn.ts';
import { createFactors, type Factors, transpose } from '../../../src/model/matrix.ts';
import { rankByScore, scorePopularity } from '../../../src/model/popularity.ts';
import { randomFactors, randomSparse, sparseOf } from '../events.ts';
import { rankFrom, relevanceOf } from '../ranking.ts';

/** Every pair of the list, as the definition says. */
function diversityByPairs(list: readonly number[], { data, stride, factors }: Factors): number {
  const vector = (item: number) => Array.from(data.subarray(item * stride, item * stride + factors));
  const dot = (a: number[], b: number[]) => a.reduce((sum, x, f) => sum + x * b[f]!, 0);
  const cosine = (a: number[], b: number[]) => (dot(a, a) === 0 || dot(b, b) === 0 ? 0 : dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)));
  let sum = 0;
  for (const [n, a] of list.entries()) for (const b of list.slice(n + 1)) sum += cosine(vector(a), vector(b));
  return 1 - sum / ((list.length * (list.length - 1)) / 2);
}

/** NaN is near to NaN only. */
function expectNear(value: number, wanted: number): void {
  expect([value, wanted, Object.is(value, wanted) || Math.abs(value - wanted) < 1e-6]).toEqual([value, wanted, true]);
}

const items = 12;
/** Distinct items, at most as many as there are. */
const someItems = (min: number) => fc.uniqueArray(fc.integer({ min: 0, max: items - 1 }), { minLength: min, maxLength: items });

describe('a measured ranking', () => {
  it('is what the definitions say, list by list', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(someItems(0), someItems(1), fc.nat(2)), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 4 }), (users, k, seed) => {
        const train = randomSparse(users.length + 3, items, 0.4, seed);
        const counts = Array.from({ length: items }, (_, item) => train.index.filter((one) => one === item).length);
        fc.pre(train.cols === items);
        const itemFactors = randomFactors(items, 3, seed);
        itemFactors.data.fill(0, 0, itemFactors.stride);
        const relevance = relevanceOf(users.map(([, relevant, cold]) => [...relevant, ...Array.from({ length: cold }, () => -1)]));
        const { at: [at], coverage } = measureRanking(rankFrom(users.map(([list]) => list)), { relevance, train, itemFactors, ks: [k] });
        const shown = new Set<number>();
        for (const [u, [list, relevant, cold]] of users.entries()) {
          const top = list.slice(0, k);
          top.forEach((item) => shown.add(item));
          const hits = top.map((item) => relevant.includes(item));
          const found = hits.filter(Boolean).length;
          const total = relevant.length + cold;
          const gain = hits.reduce((sum, hit, n) => sum + (hit ? 1 / Math.log2(n + 2) : 0), 0);
          const ideal = Array.from({ length: Math.min(k, total) }, (_, n) => 1 / Math.log2(n + 2)).reduce((a, b) => a + b);
          const averaged = hits.reduce((sum, hit, n) => sum + (hit ? hits.slice(0, n + 1).filter(Boolean).length / (n + 1) : 0), 0) / Math.min(k, total);
          expect(at!.recall[u]).toBeCloseTo(found / total, 12);
          expect(at!.precision[u]).toBeCloseTo(found / k, 12);
          expect(at!.hit[u]).toBe(found > 0 ? 1 : 0);
          expect(at!.ndcg[u]).toBeCloseTo(gain / ideal, 12);
          expect(at!.averagePrecision[u]).toBeCloseTo(averaged, 12);
          expect(at!.reciprocalRank[u]).toBe(found === 0 ? 0 : 1 / (hits.indexOf(true) + 1));
          const novelty = top.reduce((sum, item) => sum - Math.log2(Math.max(1, counts[item]!) / train.rows), 0) / top.length;
          expectNear(at!.novelty[u]!, top.length === 0 ? Number.NaN : novelty);
          expectNear(at!.diversity[u]!, top.length < 2 ? Number.NaN : diversityByPairs(top, itemFactors));
        }
        expect(coverage).toEqual([shown.size / items]);
      }),
      { numRuns: 150 },
    );
  });

  it('of lists of one item, of opposites and of likes has the diversity one expects', () => {
    const factors = createFactors(4, 2);
    factors.data.set([1, 0], 0);
    factors.data.set([2, 0], 8);
    factors.data.set([0, 3], 16);
    factors.data.set([-1, 0], 24);
    const train = sparseOf(4, [[[0, 1, 1], [1, 1, 1], [2, 1, 1], [3, 1, 1]]]);
    const lists = [[0, 1], [0, 2], [0, 3], [0]];
    const { at: [at] } = measureRanking(rankFrom(lists), { relevance: relevanceOf([[0], [0], [0], [0]]), train, itemFactors: factors, ks: [2] });
    expect([...at!.diversity]).toEqual([0, 1, 2, Number.NaN]);
    expect([...at!.novelty]).toEqual([0, 0, 0, 0]);
  });

  it('is summed up over all users and by segment', () => {
    // Users with 1, 5 and 20 train items; item 0 has most users and half of the interactions are needed for the head.
    const row = (count: number): [number, number, number][] => Array.from({ length: count }, (_, item) => [item, 1, 1]);
    const train = sparseOf(24, [row(1), row(5), row(20), row(1)]);
    const relevance = relevanceOf([[1, 20], [21, -1], [0, 22], [2]]);
    expect(segmentUsers(relevance, train)).toEqual(['new', 'light', 'heavy', 'new']);
    const head = markHead(Int32Array.from({ length: 24 }, (_, item) => [4, 2, 2, 2, 2][item] ?? (item < 20 ? 1 : 0)));
    expect([...head].flatMap((mark, item) => (mark === 1 ? [item] : []))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...keepRelevance(relevance, head, 'tail').itemIndex]).toEqual([20, 21, -1, 22]);
    const context: RankingContext = { relevance, train, itemFactors: null, ks: [1, 2] };
    const measured = measureRanking(rankFrom([[1, 20], [3, 21], [5, 6], [2, 3]]), context);
    const report = summarizeRanking(measured, context, createResamples(4));
    expect(report.at.map(({ k, recall, hitRate, diversity, coverage }) => [k, recall.mean, hitRate.mean, diversity, coverage])).toEqual([[1, (0.5 + 0 + 0 + 1) / 4, 0.5, null, 4 / 24], [2, (1 + 0.5 + 0 + 1) / 4, 0.75, null, 7 / 24]]);
    expect(report.segments.map(({ segment, users, at }) => [segment, users, at[1]!.recall.mean])).toEqual([['new', 2, 1], ['light', 1, 0.5], ['heavy', 1, 0], ['head', 3, 2 / 3], ['tail', 3, 0.5]]);
  });

  it('takes popularity and item-kNN like any other ranking', () => {
    const train = sparseOf(5, [[[0, 1, 1], [1, 1, 1]], [[0, 1, 1], [1, 1, 1], [2, 1, 1]], [[0, 1, 1], [3, 1, 1]], [[4, 1, 1]]]);
    const context: RankingContext = { relevance: { userRows: Int32Array.of(0, 3), rowStart: Int32Array.of(0, 1, 2), itemIndex: Int32Array.of(2, 0) }, train, itemFactors: null, ks: [1] };
    expect([...measureRanking(rankByScore(scorePopularity(train), train), context).at[0]!.recall]).toEqual([1, 1]);
    // Nobody shares the last user's one item: an empty list, a miss, and no novelty.
    const knn = measureRanking(rankByNeighbours(findItemNeighbours(train, transpose(train)), train, 1), context).at[0]!;
    expect([[...knn.recall], [...knn.novelty].map(Number.isNaN)]).toEqual([[1, 0], [false, true]]);
  });

  it('survives no users', () => {
    const context: RankingContext = { relevance: relevanceOf([]), train: sparseOf(3, []), itemFactors: randomFactors(3, 2, 1), ks: [10, 20] };
    const report = summarizeRanking(measureRanking(rankFrom([]), context), context, createResamples(0));
    expect(report).toMatchObject({ users: 0, at: [{ k: 10, coverage: 0 }, { k: 20 }] });
    expect(report.at[0]!.recall.mean).toBeNaN();
  });
});
