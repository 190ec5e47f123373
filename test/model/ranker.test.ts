import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFoldIn } from '../../src/model/fold-in.ts';
import { toPrincipalAxes } from '../../src/model/gram.ts';
import type { Boost, HistoryEntries, HybridScan, HybridTerms, RankQuery } from '../../src/model/hybrid.ts';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { createFactors, type Factors } from '../../src/model/matrix.ts';
import type { Neighbours } from '../../src/model/neighbours.ts';
import { createPlainScan } from '../../src/model/plain-scan.ts';
import { createRandom } from '../../src/model/random.ts';
import { createRanker } from '../../src/model/ranker.ts';
import type { TopN } from '../../src/model/top-n.ts';

/** Rows of very different length, strongest dimensions first, or few distinct small values: so that bounds prune, and so that ties and zero vectors are common. */
function makeFactors(rows: number, factors: number, coarse: boolean, seed: number): Factors {
  const random = createRandom(seed);
  const made = createFactors(rows, factors);
  for (let r = 0; r < rows; r++) {
    if (random.uniform() < 0.1) continue;
    for (let k = 0; k < factors; k++) made.data[r * made.stride + k] = coarse ? random.integer(3) - 1 : (random.gaussian() * Math.exp(-r / (rows / 4))) / (1 + k / 4);
  }
  return made;
}

/** Lists as training makes them, and some with negative similarities, which cancel others. */
function makeNeighbours(items: number, most: number, negative: boolean, seed: number): Neighbours {
  const random = createRandom(seed);
  const rowStart = new Int32Array(items + 1);
  const index: number[] = [];
  const similarity: number[] = [];
  for (let j = 0; j < items; j++) {
    const chosen = new Set(Array.from({ length: random.integer(most + 1) }, () => random.integer(items)).filter((i) => i !== j));
    for (const i of chosen) {
      index.push(i);
      similarity.push(negative ? random.integer(3) - 1 : random.uniform() ** 3);
    }
    rowStart[j + 1] = index.length;
  }
  return { items, rowStart, index: Int32Array.from(index), similarity: Float32Array.from(similarity) };
}

const NO_HYBRID: HybridTerms = { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } };

const shops = fc.record({
  rows: fc.integer({ min: 1, max: 400 }), factors: fc.integer({ min: 1, max: 40 }), limit: fc.integer({ min: 1, max: 60 }), seed: fc.integer({ min: 1, max: 1e6 }), coarse: fc.boolean(), negative: fc.boolean(),
  w: fc.constantFrom(0, 0.3, 4), p: fc.constantFrom(0, 0.5, 30), history: fc.integer({ min: 0, max: 30 }), masked: fc.constantFrom(0, 0.3, 0.97, 1), left: fc.integer({ min: -1, max: 3 }), boosts: fc.array(fc.constantFrom(-2.5, -0.3, 0, 0.4, 7), { maxLength: 3 }), includeHidden: fc.boolean(), without: fc.integer({ min: 0, max: 20 }),
  near: fc.constantFrom(32, 96, 2048),
});

type Shop = typeof shops extends fc.Arbitrary<infer T> ? T : never;

/** A history that reaches all 32 items of a tile. */
const everyItemReached: Shop = { rows: 32, factors: 1, limit: 1, seed: 1, coarse: false, negative: false, w: 4, p: 0, history: 21, masked: 0, left: -1, boosts: [], includeHidden: false, without: 0, near: 2048 };

function makeCase({ rows, factors, limit, seed, coarse, negative, w, p, history: length, masked, left, boosts: amounts, includeHidden, without }: Shop) {
  const random = createRandom(seed + 5);
  const items = makeFactors(rows, factors, coarse, seed);
  const x = makeFactors(3, factors, coarse, seed + 1).data.subarray(2 * items.stride, 3 * items.stride);
  const terms: HybridTerms = {
    neighbours: makeNeighbours(rows, 12, negative, seed + 2), recentPopularity: Float32Array.from({ length: rows }, () => (coarse ? random.integer(2) : random.uniform() ** 8)), scales: { neighbours: w, recency: p },
  };
  const picked = [...new Set(Array.from({ length }, () => random.integer(rows)))];
  const history: HistoryEntries = {
    index: Int32Array.from(picked), weight: Float32Array.from(picked, () => (random.uniform() < 0.1 ? 0 : 1 - random.uniform() ** 2)), hidden: Uint8Array.from(picked, () => random.integer(2)),
  };
  const marks = Uint8Array.from({ length: rows }, () => (random.uniform() < masked ? 1 : 0));
  if (left >= 0) {
    marks.fill(1);
    for (let n = 0; n < left; n++) marks[random.integer(rows)] = 0;
  }
  const groups = amounts.map(() => Uint8Array.from({ length: rows }, () => random.integer(3) >> 1));
  const boosts = amounts.map((amount, n) => ({ slot: 10 + n, amount }));
  const query: RankQuery = { vector: x, history, from: 0, to: history.index.length, limit, mask: 3, includeHidden, without: Int32Array.from({ length: without }, () => random.integer(rows)), boosts };
  const out = marks.slice();
  for (const item of query.without as Int32Array) out[item] = 1;
  const outSimilar = out.slice();
  if (!includeHidden) history.index.forEach((item, e) => (out[item] = history.hidden[e] === 1 ? 1 : out[item]!));
  const tell = (scan: HybridScan) => {
    scan.setMask(3, marks);
    groups.forEach((group, n) => scan.setMask(10 + n, group));
    return scan;
  };
  return { items, x, terms, history, marks, query, out, outSimilar, groups, boosts, tell };
}

const listOf = (best: TopN) => Array.from({ length: best.count }, (_, n) => ({ item: best.items[n]!, score: best.scores[n]! }));

/** The best of all scores by sorting. */
function sortAll(scores: ArrayLike<number>, out: Uint8Array, limit: number) {
  return Array.from(scores, (score, item) => ({ item, score })).filter(({ item }) => out[item] === 0).sort((a, b) => b.score - a.score || a.item - b.item).slice(0, limit);
}

/** By the formulas, straight away. */
function formulas({ items, x, terms, history, groups, boosts }: { items: Factors; x: ArrayLike<number>; terms: HybridTerms; history: HistoryEntries; groups: Uint8Array[]; boosts: readonly Boost[] }) {
  const { neighbours, recentPopularity, scales } = terms;
  return Array.from({ length: items.rows }, (_, i) => {
    const y = items.data.subarray(i * items.stride, (i + 1) * items.stride);
    const product = y.reduce((sum, value, k) => sum + value * x[k]!, 0);
    const near = history.index.reduce((sum, j, e) => {
      for (let n = neighbours!.rowStart[j]!; n < neighbours!.rowStart[j + 1]!; n++) if (neighbours!.index[n] === i) sum += scales.neighbours * history.weight[e]! * neighbours!.similarity[n]!;
      return sum;
    }, 0);
    const boost = boosts.reduce((sum, { amount }, n) => sum + groups[n]![i]! * amount, 0);
    const length = Math.hypot(...y);
    return { product, near, recency: scales.recency * recentPopularity![i]!, boost, cosine: length > 0 ? product / length + boost : Number.NaN };
  });
}

/** As fits leave them, and lists that matter a little: then bounds decide about what is not near. */
const quiet = fc.record({
  rows: fc.integer({ min: 100, max: 400 }), factors: fc.integer({ min: 8, max: 40 }), limit: fc.integer({ min: 1, max: 8 }), seed: fc.integer({ min: 1, max: 1e6 }), coarse: fc.constant(false), negative: fc.boolean(),
  w: fc.constantFrom(0.01, 0.03, 0.1, 0.3), p: fc.constantFrom(0, 0.05), history: fc.integer({ min: 1, max: 30 }), masked: fc.constantFrom(0, 0.3), left: fc.constant(-1), boosts: fc.array(fc.constantFrom(-0.3, 0.1), { maxLength: 1 }),
  includeHidden: fc.boolean(), without: fc.integer({ min: 0, max: 5 }), near: fc.constantFrom(32, 96),
}) as fc.Arbitrary<Shop>;

describe('the ranking kernel', () => {
  it('finds what scoring everything by the same arithmetic finds, item for item and bit for bit', () => {
    fc.assert(fc.property(fc.oneof(shops, quiet), (shop) => {
      const { items, x, terms, history, query, out, boosts, tell } = makeCase(shop);
      const ranker = tell(createRanker(items, terms, 60, shop.near));
      const to = history.index.length;
      // Twice: what one call leaves behind, the next would find.
      for (let round = 0; round < 2; round++) {
        expect(listOf(ranker.rank(query))).toEqual(sortAll(ranker.scoreAll(x, history, 0, to, boosts), out, shop.limit));
        // A mask of its own stays as it was, so do the others, and boosts are gone with the call.
        const all = { vector: x, history, from: 0, to, limit: 60, mask: 0, includeHidden: true };
        expect(listOf(ranker.rank(all))).toEqual(sortAll(ranker.scoreAll(x, history, 0, to), new Uint8Array(items.rows), 60));
      }
    }), { numRuns: 800, examples: [[everyItemReached]] });
  });

  it('finds an item that many lists lift a little, none of them by enough', () => {
    const items = createFactors(64, 8);
    for (let i = 0; i < 64; i++) items.data[i * items.stride] = i < 32 ? 1 - i / 1000 : 0.5;
    // Twenty lists: what item 40 lacks is .5; the first gives .3 and each of the others less than a fortieth of what it lacks, .236 together.
    const rowStart = Int32Array.from({ length: 65 }, (_, j) => Math.min(j, 20));
    const neighbours: Neighbours = { items: 64, rowStart, index: new Int32Array(20).fill(40), similarity: Float32Array.from({ length: 20 }, (_, j) => (j === 0 ? 0.3 : 0.0124)) };
    const terms: HybridTerms = { neighbours, recentPopularity: null, scales: { neighbours: 1, recency: 0 } };
    const history: HistoryEntries = { index: Int32Array.from({ length: 20 }, (_, j) => j), weight: new Float32Array(20).fill(1), hidden: new Uint8Array(20) };
    const [best] = listOf(createRanker(items, terms, 1, 32).rank({ vector: [1, 0, 0, 0, 0, 0, 0, 0], history, from: 0, to: 20, limit: 1, mask: 0 }));
    expect(best!.item).toBe(40);
    expect(best!.score).toBeCloseTo(1.0356, 5);
  });

  it('finds by cosine what a scan that passes nothing over finds, item for item and bit for bit', () => {
    fc.assert(fc.property(shops, (shop) => {
      const { items, x, terms, query, outSimilar, boosts, tell } = makeCase(shop);
      // With room for more than there are, no bound is ever held against anything.
      const [ranker, whole] = [tell(createRanker(items, terms, 60, shop.near)), tell(createRanker(items, terms, items.rows + 1, shop.near))];
      const all = listOf(whole.rankSimilar(x, items.rows + 1, 0, [], boosts));
      for (let round = 0; round < 2; round++) {
        expect(listOf(ranker.rankSimilar(x, shop.limit, 3, query.without!, boosts))).toEqual(all.filter(({ item }) => outSimilar[item] === 0).slice(0, shop.limit));
        expect(ranker.rankSimilar(x, 60, 0, []).count).toBe(Math.min(60, all.length));
      }
    }), { numRuns: 300 });
  });

  it('scores within 1e-5 of the formulas in float64, as the plain scan does within rounding', () => {
    fc.assert(fc.property(shops, (shop) => {
      const made = makeCase(shop);
      const { items, x, terms, history, boosts, tell } = made;
      const wanted = formulas(made);
      const to = history.index.length;
      for (const [scan, tolerance] of [[tell(createRanker(items, terms, 500, shop.near)), 1e-5], [tell(createPlainScan(items, terms, 500)), 1e-12]] as const) {
        const size = tolerance * Math.max(1, ...wanted.map(({ product, near, recency, boost }) => Math.abs(product) + Math.abs(near) + Math.abs(recency) + Math.abs(boost)));
        scan.scoreAll(x, history, 0, to, boosts).forEach((score, i) => expect(Math.abs(score - (wanted[i]!.product + wanted[i]!.near + wanted[i]!.recency + wanted[i]!.boost))).toBeLessThan(size));
        const parts = scan.partsOf(x, history, 0, to, items.rows - 1);
        const { product, near, recency } = wanted.at(-1)!;
        for (const [part, value] of [[parts.factors, product], [parts.neighbours, near], [parts.recency, recency]] as const) expect(Math.abs(part - value)).toBeLessThan(size);

        const similar = listOf(scan.rankSimilar(x, 500, 0, [], boosts));
        expect(similar.map(({ item }) => item).sort((a, b) => a - b)).toEqual(wanted.flatMap(({ cosine }, i) => (Number.isNaN(cosine) ? [] : [i])));
        for (const { item, score } of similar) expect(Math.abs(score - wanted[item]!.cosine)).toBeLessThan(size);

        const mean = wanted.reduce((sum, score) => sum + score.product, 0) / items.rows;
        const spread = Math.sqrt(wanted.reduce((sum, score) => sum + (score.product - mean) ** 2, 0) / items.rows);
        // A difference of squares: what is lost is in proportion to those, float32 in a Gram matrix.
        expect(Math.abs(scan.spread(x) - spread)).toBeLessThan(1e-3 * Math.hypot(...x) * Math.hypot(...items.data) / Math.sqrt(items.rows) + 1e-9);
      }
    }), { numRuns: 150 });
  });

  it('answers in part of a history, and refuses a limit it has no room for', () => {
    const { items, x, terms, history } = makeCase({ rows: 200, factors: 20, limit: 5, seed: 4, coarse: false, negative: false, w: 4, p: 0.5, history: 30, masked: 0, left: -1, boosts: [], includeHidden: false, without: 0, near: 2048 });
    const ranker = createRanker(items, terms, 5);
    const half = { index: history.index.slice(10), weight: history.weight.slice(10), hidden: history.hidden.slice(10) };
    expect(ranker.scoreAll(x, history, 10, history.index.length)).toEqual(ranker.scoreAll(x, half, 0, half.index.length));
    const nothing = { vector: x, history, from: 0, to: 0, limit: 5, mask: 0 };
    for (const scan of [ranker, createPlainScan(items, terms, 5)]) {
      expect(() => scan.rank({ ...nothing, limit: 6 })).toThrow(RangeError);
      expect(() => scan.rankSimilar(x, 6, 0, [])).toThrow(RangeError);
      expect(() => scan.rank({ ...nothing, boosts: [{ slot: 32, amount: 1 }] })).toThrow(RangeError);
      expect(() => scan.rankSimilar(x, 5, 0, [], [{ slot: 1, amount: Number.NaN }])).toThrow(RangeError);
      expect(() => scan.setMask(scan.masks, new Uint8Array(200))).toThrow(RangeError);
      expect(scan.rank({ ...nothing, limit: 0 }).count).toBe(0);
    }
    expect(createRanker(createFactors(0, 8), { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } }, 5).rank({ ...nothing, vector: new Float32Array(8) }).count).toBe(0);
  });

  it('folds in as the plain solver does, where the factors lie along their principal axes, and says so where they do not', () => {
    fc.assert(fc.property(fc.record({ factors: fc.constantFrom(3, 8, 20, 40), seed: fc.integer({ min: 1, max: 1e6 }), n: fc.integer({ min: 0, max: 70 }) }), ({ factors, seed, n }) => {
      const { factors: items } = toPrincipalAxes(makeFactors(120, factors, false, seed));
      const random = createRandom(seed);
      const recipe = { ...DEFAULT_RECIPE, factors };
      const fast = createRanker(items, NO_HYBRID, 1).createFoldIn(recipe, 0.4)!;
      const index = Int32Array.from({ length: n }, () => random.integer(121) - 1);
      const [weight, target] = [Float32Array.from(index, () => random.integer(4)), Float32Array.from(index, () => random.integer(2))];
      const [found, wanted] = [new Float32Array(items.stride), new Float32Array(items.stride)];
      expect(fast.solve(index, weight, target, n, found)).toBe(createFoldIn(items, recipe, 0.4).solve(index, weight, target, n, wanted));
      const size = Math.max(1e-3, Math.hypot(...wanted));
      for (let k = 0; k < items.stride; k++) expect(Math.abs(found[k]! - wanted[k]!)).toBeLessThan(1e-5 * size);
    }), { numRuns: 80 });
    expect(createRanker(makeFactors(50, 8, true, 3), NO_HYBRID, 1).createFoldIn(DEFAULT_RECIPE, 1)).toBeNull();
  });

  it('has a twin that answers where there is no WebAssembly', () => {
    fc.assert(fc.property(shops, (shop) => {
      const { items, x, terms, history, query, out, outSimilar, boosts, tell } = makeCase(shop);
      const plain = tell(createPlainScan(items, terms, 400));
      expect(listOf(plain.rank(query))).toEqual(sortAll(plain.scoreAll(x, history, 0, history.index.length, boosts), out, shop.limit));
      const all = listOf(plain.rankSimilar(x, items.rows, 0, [], boosts));
      expect(listOf(plain.rankSimilar(x, shop.limit, 3, query.without!, boosts))).toEqual(all.filter(({ item }) => outSimilar[item] === 0).slice(0, shop.limit));
      for (const scan of [plain, createRanker(items, terms, 1)]) expect([...scan.vectorOf(items.rows - 1)]).toEqual([...items.data.subarray((items.rows - 1) * items.stride)]);
    }), { numRuns: 100 });
  });
});
