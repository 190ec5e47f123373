import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawAt, hashText, seedOf } from '../../src/model/hash.ts';
import { createFactors, type Factors, vectorsOf } from '../../src/model/matrix.ts';
import { createRandom } from '../../src/model/random.ts';
import { createReranker, liftsOf, type RerankOptions } from '../../src/model/rerank.ts';
import { createTopN, type TopN } from '../../src/model/top-n.ts';

const none: RerankOptions = { popularityDiscount: 0, diversity: 0, rotation: 0, key: hashText('user-1'), periodNo: 3, span: 1 };

function makeShop(rows: number, factors: number, seed: number): Factors {
  const random = createRandom(seed);
  const items = createFactors(rows, factors);
  const centres = Array.from({ length: 4 * factors }, () => random.gaussian());
  for (let row = 0; row < rows; row++) {
    const group = random.integer(4);
    if (row % 13 === 12) continue; // without a direction
    for (let k = 0; k < factors; k++) items.data[row * items.stride + k] = centres[group * factors + k]! + 0.4 * random.gaussian();
  }
  return items;
}

/** Best first, some scores equal. */
function makePool(count: number, items: number, seed: number): TopN {
  const random = createRandom(seed);
  const pool = createTopN(count);
  const left = Array.from({ length: items }, (_, i) => i);
  const scores = Array.from({ length: count }, () => Math.round(random.gaussian() * 20) / 10).sort((a, b) => b - a);
  for (let n = 0; n < count; n++) {
    pool.items[n] = left.splice(random.integer(left.length), 1)[0]!;
    pool.scores[n] = scores[n]!;
  }
  pool.count = count;
  return pool;
}

function cosine({ data, stride }: Factors, a: number, b: number): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let k = 0; k < stride; k++) {
    const [p, q] = [data[a * stride + k]!, data[b * stride + k]!];
    dot += p * q;
    aa += p * p;
    bb += q * q;
  }
  return aa * bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** Places of the pool, by the formula, multiplying all pairs. */
function rerankPlainly(items: Factors, itemNos: Int32Array, pool: TopN, limit: number, { diversity, rotation, key, periodNo, span }: RerankOptions): { worth: number; item: number }[] {
  const seed = seedOf(key, periodNo);
  const left = Array.from({ length: pool.count }, (_, n) => ({ item: pool.items[n]!, turned: pool.scores[n]! - rotation * span * drawAt(seed, itemNos[pool.items[n]!]!) }));
  left.sort((a, b) => b.turned - a.turned);
  const best = left[0]!.turned;
  const list: { worth: number; item: number }[] = [];
  while (list.length < Math.min(limit, pool.count)) {
    let [at, most] = [0, -Infinity];
    for (const [n, { item, turned }] of left.entries()) {
      const near = list.length === 0 ? 0 : Math.max(...list.map((chosen) => cosine(items, chosen.item, item)));
      const worth = ((1 - diversity) * (turned - best)) / (0.75 * span) - diversity * near;
      if (worth > most) [at, most] = [n, worth];
    }
    list.push({ item: left.splice(at, 1)[0]!.item, worth: most });
  }
  return list;
}

const shapes = fc.record({ count: fc.integer({ min: 1, max: 60 }), factors: fc.integer({ min: 1, max: 20 }), limit: fc.integer({ min: 0, max: 70 }), seed: fc.integer({ min: 1, max: 1e6 }) });

describe('reranking', () => {
  it('is the identity, to the last bit, without diversity and rotation, and where a list has no span', () => {
    fc.assert(fc.property(shapes, ({ count, factors, limit, seed }) => {
      const items = makeShop(80, factors, seed);
      const pool = makePool(count, 80, seed);
      const reranker = createReranker(vectorsOf(items), Int32Array.from({ length: 80 }, (_, i) => i + 1), null, 60);
      for (const options of [none, { ...none, diversity: 0.5, rotation: 0.5, span: 0 }, { ...none, diversity: 1, span: Number.NaN }]) {
        const out = reranker.rerank(pool, limit, options, createTopN(70));
        expect(out.count).toBe(Math.min(limit, count));
        expect([...out.items.subarray(0, out.count)]).toEqual([...pool.items.subarray(0, out.count)]);
        expect([...out.scores.subarray(0, out.count)]).toEqual([...pool.scores.subarray(0, out.count)]);
      }
    }), { numRuns: 50 });
  });

  it('chooses what multiplying all pairs chooses, and gives each item its own score', () => {
    fc.assert(fc.property(shapes, fc.constantFrom(0, 0.1, 0.5, 0.9, 1), fc.constantFrom(0, 0.2, 1), (shape, diversity, rotation) => {
      const { count, factors, limit, seed } = shape;
      const items = makeShop(80, factors, seed);
      const itemNos = Int32Array.from({ length: 80 }, (_, i) => 3 * i + 1);
      const pool = makePool(count, 80, seed);
      const scoreOf = new Map(Array.from({ length: count }, (_, n) => [pool.items[n]!, pool.scores[n]!]));
      const options = { ...none, diversity, rotation, span: 1.3, periodNo: seed };
      const wanted = rerankPlainly(items, itemNos, pool, limit, options);
      const out = createReranker(vectorsOf(items), itemNos, null, 60).rerank(pool, limit, options, pool); // into the pool itself
      expect(out.count).toBe(wanted.length);
      const found = [...out.items.subarray(0, out.count)];
      expect(new Set(found).size).toBe(found.length);
      found.forEach((item, n) => expect(out.scores[n]).toBe(scoreOf.get(item)));
      // Where two are worth the same but for rounding, either may come first, and what follows depends on it.
      for (const [n, { item, worth }] of wanted.entries()) {
        if (found[n] === item) continue;
        const seed2 = seedOf(options.key, options.periodNo);
        const turned = (i: number) => scoreOf.get(i)! - rotation * 1.3 * drawAt(seed2, itemNos[i]!);
        const best = Math.max(...[...scoreOf.keys()].map(turned));
        const near = n === 0 ? 0 : Math.max(...found.slice(0, n).map((chosen) => cosine(items, chosen, found[n]!)));
        expect(((1 - diversity) * (turned(found[n]!) - best)) / (0.75 * 1.3) - diversity * near).toBeCloseTo(worth, 9);
        break;
      }
    }), { numRuns: 150 });
  });

  it('the more diversity, the less alike are the items of a list', () => {
    const items = makeShop(400, 16, 5);
    const reranker = createReranker(vectorsOf(items), Int32Array.from({ length: 400 }, (_, i) => i), null, 200);
    const likeness = [0, 0.2, 0.4, 0.6, 0.8, 1].map((diversity) => {
      let sum = 0;
      for (let user = 0; user < 60; user++) {
        const out = reranker.rerank(makePool(200, 400, 100 + user), 10, { ...none, diversity }, createTopN(10));
        for (let a = 0; a < 10; a++) for (let b = 0; b < a; b++) sum += cosine(items, out.items[a]!, out.items[b]!);
      }
      return sum / 60 / 45;
    });
    for (let n = 1; n < likeness.length; n++) expect(likeness[n]).toBeLessThan(likeness[n - 1]! + 1e-3);
    expect(likeness.at(-1)).toBeLessThan(likeness[0]! - 0.1);
  });

  it('rotation turns with the period and the user, is the same anywhere, and takes a score down by at most r spans', () => {
    const items = makeShop(300, 8, 5);
    const itemNos = Int32Array.from({ length: 300 }, (_, i) => i);
    const pool = makePool(200, 300, 9);
    const list = (options: Partial<RerankOptions>) => [...createReranker(vectorsOf(items), itemNos, null, 200).rerank(pool, 10, { ...none, rotation: 0.5, ...options }, createTopN(10)).items];
    expect(list({})).toEqual(list({}));
    expect(list({ periodNo: 4 })).not.toEqual(list({}));
    expect(list({ key: hashText('user-2') })).not.toEqual(list({}));
    const tenth = pool.scores[9]!;
    const lowest = Math.min(...list({}).map((item) => pool.scores[pool.items.indexOf(item)]!));
    expect(lowest).toBeGreaterThanOrEqual(tenth - 0.5);
  });

  it('refuses a pool that it was not made for', () => {
    expect(() => createReranker(vectorsOf(makeShop(10, 2, 1)), new Int32Array(10), null, 3).rerank(makePool(4, 10, 1), 2, none, createTopN(2))).toThrow(RangeError);
  });

  it('a discount divides positive scores by the popularity to its power, and leaves scores and what has no popularity as they are', () => {
    fc.assert(fc.property(shapes, fc.constantFrom(0.2, 0.4, 1), ({ count, factors, limit, seed }, popularityDiscount) => {
      const items = makeShop(80, factors, seed);
      const itemNos = Int32Array.from({ length: 80 }, (_, i) => i + 1);
      const pool = makePool(count, 80, seed);
      const random = createRandom(seed);
      const popularity = Float32Array.from({ length: 80 }, () => 50 * random.uniform() ** 3);
      const mean = popularity.reduce((sum, one) => sum + one, 0) / 80;
      const lifted = (n: number) => (pool.scores[n]! > 0 ? pool.scores[n]! * (1.1 / (0.1 + popularity[pool.items[n]!]! / mean)) ** popularityDiscount : pool.scores[n]!);
      const wanted = Array.from({ length: count }, (_, n) => n).sort((a, b) => lifted(b) - lifted(a) || a - b).slice(0, limit);
      const out = createReranker(vectorsOf(items), itemNos, liftsOf(popularity), 60).rerank(pool, limit, { ...none, popularityDiscount, span: 0 }, createTopN(70));
      expect(out.count).toBe(wanted.length);
      wanted.forEach((n, k) => {
        expect(lifted(pool.items.indexOf(out.items[k]!))).toBeCloseTo(lifted(n), 5);
        expect(out.scores[k]).toBe(pool.scores[pool.items.indexOf(out.items[k]!)]);
      });
      const alike = createReranker(vectorsOf(items), itemNos, liftsOf(new Float32Array(80)), 60).rerank(pool, limit, { ...none, popularityDiscount }, createTopN(70));
      expect([...alike.items.subarray(0, alike.count)]).toEqual([...pool.items.subarray(0, alike.count)]);
    }), { numRuns: 50 });
  });

  it('with a discount, diversity and rotation go by the span of what it leaves', () => {
    const items = makeShop(80, 8, 4);
    const itemNos = Int32Array.from({ length: 80 }, (_, i) => i + 1);
    const pool = makePool(60, 80, 4);
    const lifts = new Float32Array(80).fill(1e-3); // every score a thousandth
    const positive = { ...pool, scores: pool.scores.map((score) => score + 10) };
    const span = positive.scores[0]! - positive.scores[49]!;
    const how = { ...none, diversity: 0.4, rotation: 0.3 };
    const list = (given: Float32Array | null, options: RerankOptions) => [...createReranker(vectorsOf(items), itemNos, given, 60).rerank(positive, 10, options, createTopN(10)).items];
    expect(list(lifts, { ...how, popularityDiscount: 1, span: 99 })).toEqual(list(null, { ...how, span }));
  });
});
