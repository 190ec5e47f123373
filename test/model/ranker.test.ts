import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFoldIn } from '../../src/model/fold-in.ts';
import { toPrincipalAxes } from '../../src/model/gram.ts';
import { createPlainScan, type HistoryEntries, type HybridTerms } from '../../src/model/hybrid.ts';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { createFactors, type Factors } from '../../src/model/matrix.ts';
import type { Neighbours } from '../../src/model/neighbours.ts';
import { createRandom } from '../../src/model/random.ts';
import { createRanker } from '../../src/model/ranker.ts';

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
  w: fc.constantFrom(0, 0.3, 4), p: fc.constantFrom(0, 0.5, 30), history: fc.integer({ min: 0, max: 30 }), masked: fc.constantFrom(0, 0.3, 0.97, 1),
});

/** A history that reaches all 32 items of a tile. */
const everyItemReached = { rows: 32, factors: 1, limit: 1, seed: 1, coarse: false, negative: false, w: 4, p: 0, history: 21, masked: 0 };

function makeCase({ rows, factors, seed, coarse, negative, w, p, history: length, masked }: typeof shops extends fc.Arbitrary<infer T> ? T : never) {
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
  return { items, x, terms, history, marks };
}

describe('the ranking kernel', () => {
  it('finds what scoring everything by the same arithmetic finds, item for item and bit for bit', () => {
    fc.assert(fc.property(shops, (shop) => {
      const { items, x, terms, history, marks } = makeCase(shop);
      const ranker = createRanker(items, terms, 60);
      ranker.setMask(3, marks);
      const out = marks.slice();
      history.index.forEach((item, e) => (out[item] = history.hidden[e] === 1 ? 1 : out[item]!));
      const to = history.index.length;
      // Twice: what one call leaves behind, the next would find.
      for (let round = 0; round < 2; round++) {
        const scores = ranker.scoreAll(x, history, 0, to);
        const wanted = Array.from(scores, (score, item) => ({ item, score })).filter(({ item }) => out[item] === 0).sort((a, b) => b.score - a.score || a.item - b.item).slice(0, shop.limit);
        const best = ranker.rank(x, history, 0, to, shop.limit, 3);
        expect(Array.from({ length: best.count }, (_, n) => ({ item: best.items[n], score: best.scores[n] }))).toEqual(wanted);
        // A mask of its own stays as it was, and so do the others.
        expect(ranker.rank(x, { ...history, hidden: new Uint8Array(to) }, 0, to, Math.min(60, items.rows), 0).count).toBe(Math.min(60, items.rows));
      }
    }), { numRuns: 400, examples: [[everyItemReached]] });
  });

  it('scores within 1e-5 of the formula in float64', () => {
    fc.assert(fc.property(shops, (shop) => {
      const { items, x, terms, history } = makeCase(shop);
      const [fast, plain] = [createRanker(items, terms, 1).scoreAll(x, history, 0, history.index.length), createPlainScan(items, terms, 1).scoreAll(x, history, 0, history.index.length)];
      const size = Math.max(1, ...Array.from(plain, Math.abs));
      for (let i = 0; i < items.rows; i++) expect(Math.abs(fast[i]! - plain[i]!)).toBeLessThan(1e-5 * size);
    }), { numRuns: 150 });
  });

  it('answers in part of a history, and refuses a limit it has no room for', () => {
    const { items, x, terms, history } = makeCase({ rows: 200, factors: 20, limit: 5, seed: 4, coarse: false, negative: false, w: 4, p: 0.5, history: 30, masked: 0 });
    const ranker = createRanker(items, terms, 5);
    const half = { index: history.index.slice(10), weight: history.weight.slice(10), hidden: history.hidden.slice(10) };
    expect(ranker.scoreAll(x, history, 10, history.index.length)).toEqual(ranker.scoreAll(x, half, 0, half.index.length));
    expect(() => ranker.rank(x, history, 0, 0, 6, 0)).toThrow(RangeError);
    expect(ranker.rank(x, history, 0, 0, 0, 0).count).toBe(0);
    expect(createRanker(createFactors(0, 8), { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } }, 5).rank(new Float32Array(8), half, 0, 0, 5, 0).count).toBe(0);
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

  it('does what the plain scan does, where there is no WebAssembly', () => {
    fc.assert(fc.property(shops, (shop) => {
      const { items, x, terms, history, marks } = makeCase(shop);
      const plain = createPlainScan(items, terms, 60);
      plain.setMask(1, marks);
      const to = history.index.length;
      const best = plain.rank(x, history, 0, to, shop.limit, 1);
      const scores = plain.scoreAll(x, history, 0, to);
      const left = Array.from({ length: items.rows }, (_, i) => i).filter((i) => marks[i] === 0 && !history.index.some((item, e) => item === i && history.hidden[e] === 1));
      const wanted = left.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, shop.limit);
      expect([...best.items.subarray(0, best.count)]).toEqual(wanted);
    }), { numRuns: 60 });
  });
});
