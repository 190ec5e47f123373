import { describe, expect, it } from 'vitest';
import { foldEvents } from '../../src/model/interactions.ts';
import { createFactors, indexInteractions } from '../../src/model/matrix.ts';
import { evaluateRanking, rankByFactors } from '../../src/model/metrics.ts';
import { orderByScore, rankByScore, scorePopularity, scoreRecentPopularity } from '../../src/model/popularity.ts';
import { columnsOf, ruleOf, sparseOf } from './events.ts';
import { rankFrom, relevanceOf } from './ranking.ts';

describe('ranking metrics', () => {
  const lists = [[5, 1, 7, 2], [1, 2, 3, 4], [8, 9]];
  const relevance = relevanceOf([[1, 2, 6], [9], [8, -1, -1, -1, -1]]);
  const [two, four] = evaluateRanking(rankFrom(lists), relevance, [2, 4]).at;
  const log = Math.log2;

  it('count hits among all relevant items, cold ones included', () => {
    expect([...two!.recall]).toEqual([1 / 3, 0, 1 / 5]);
    expect([...four!.recall]).toEqual([2 / 3, 0, 1 / 5]);
    expect([...two!.precision]).toEqual([1 / 2, 0, 1 / 2]);
    expect([...four!.precision]).toEqual([1 / 2, 0, 1 / 4]);
    expect([...two!.hit]).toEqual([1, 0, 1]);
  });

  it('discount by rank against the ideal list of min(k, relevant) hits', () => {
    const wanted = [(1 / log(3) + 1 / log(5)) / (1 + 1 / log(3) + 1 / log(4)), 0, 1 / (1 + 1 / log(3) + 1 / log(4) + 1 / log(5))];
    for (const [u, value] of wanted.entries()) expect(four!.ndcg[u]).toBeCloseTo(value, 12);
    expect(two!.ndcg[0]).toBeCloseTo(1 / log(3) / (1 + 1 / log(3)), 12);
  });

  it('average the precision at each hit', () => {
    expect(four!.averagePrecision[0]).toBeCloseTo((1 / 2 + 2 / 4) / 3, 12);
    expect(two!.averagePrecision[2]).toBeCloseTo(1 / 2, 12);
  });

  it('take the reciprocal rank of the first hit', () => {
    expect([...four!.reciprocalRank]).toEqual([1 / 2, 0, 1]);
    expect([...two!.reciprocalRank]).toEqual([1 / 2, 0, 1]);
  });

  it('give a perfect list 1 everywhere', () => {
    const [at] = evaluateRanking(rankFrom([[3, 4]]), relevanceOf([[4, 3]]), [2]).at;
    expect([at!.recall[0], at!.ndcg[0], at!.averagePrecision[0], at!.precision[0]]).toEqual([1, 1, 1, 1]);
  });

  it('survive no users', () => {
    expect(evaluateRanking(rankFrom([]), relevanceOf([]), [10])).toMatchObject({ users: 0 });
  });
});

describe('rankers', () => {
  const train = sparseOf(4, [[[1, 2, 1]], [[1, 2, 1], [2, 5, 0.2], [3, 3, 1]], [[0, 9, 0]]]);

  it('by popularity rank what most users want, without their own items', () => {
    const scores = scorePopularity(train);
    expect([...scores]).toEqual([0, 4, 1, 3]);
    expect([...orderByScore(scores)]).toEqual([1, 3, 2, 0]);
    expect([...orderByScore(Float32Array.of(1, 2, 1, 2))]).toEqual([1, 3, 0, 2]);
    const rank = rankByScore(scores, train);
    const out = new Int32Array(3);
    expect([rank(0, out), ...out]).toEqual([3, 3, 2, 0]);
    expect([rank(1, out), out[0]]).toEqual([1, 0]);
  });

  it('by recent popularity count the last 28 days only', () => {
    const events = [{ user: 1, item: 5, day: 0 }, { user: 2, item: 5, day: 40 }, { user: 3, item: 6, day: 50 }, { user: 1, item: 6, day: 60 }];
    const columns = columnsOf(events);
    const { itemNos } = indexInteractions(foldEvents(columns, [ruleOf()], 0));
    expect([...scoreRecentPopularity(columns, [ruleOf()], itemNos)]).toEqual([1, 2]);
    expect([...scoreRecentPopularity(columns, [ruleOf()], itemNos, null, 5)]).toEqual([0, 1]);
    expect([...scoreRecentPopularity(columns, [ruleOf()], Int32Array.of(6))]).toEqual([2]);
  });

  it('by factors leave out the train row, and only for its user', () => {
    const items = createFactors(4, 1);
    for (const [i, value] of [4, 3, 2, 1].entries()) items.data[i * 8] = value;
    const users = createFactors(3, 1);
    for (let u = 0; u < 3; u++) users.data[u * 8] = 1;
    const rank = rankByFactors(users, items, train, 3);
    const out = new Int32Array(3);
    expect([rank(0, out), ...out]).toEqual([3, 0, 2, 3]);
    expect([rank(2, out), ...out]).toEqual([3, 1, 2, 3]);
    expect([rank(1, out), out[0]]).toEqual([1, 0]);
  });
});
