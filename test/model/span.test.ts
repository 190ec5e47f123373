import { describe, expect, it } from 'vitest';
import { DEMO_EVENT_TYPES, generateDemoShop } from '../../src/demo/generator.ts';
import { createPart, fitPart } from '../../src/model/experiment/part.ts';
import { hashText } from '../../src/model/hash.ts';
import { createHybridScan } from '../../src/model/hybrid.ts';
import { vectorsOf } from '../../src/model/matrix.ts';
import { atOnce } from '../../src/model/pieces.ts';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { createReranker } from '../../src/model/rerank.ts';
import { findSimilar } from '../../src/model/similar.ts';
import { SPAN_PLACES, measureSimilarSpan, measureSpans, spanOf } from '../../src/model/span.ts';
import { DEFAULT_TERMS } from '../../src/model/terms.ts';
import { createTopN } from '../../src/model/top-n.ts';

const USERS = 400;
const RULES = DEMO_EVENT_TYPES.map((name, n) => ({
  typeNo: n + 1, name, weight: [1, 3, 6, 4][n]!, mode: name === 'rating' ? ('latest' as const) : ('sum' as const), halfLifeDays: null, threshold: name === 'rating' ? 3.5 : null, useValue: false, hidesDays: 0,
}));

/** A shop of the generator, fitted: as large a catalogue as the demo's, fewer shoppers. */
function fitShop() {
  const { events } = generateDemoShop({ seed: 7, users: USERS, items: 600, events: 16_000, endMs: Date.UTC(2026, 0, 1) });
  const columns = { ...events, type: Int16Array.from(events.type, (no) => no + 1), eventNo: Float64Array.from({ length: events.length }, (_, n) => n + 1) };
  const part = createPart(columns, RULES, null);
  const { users, items, hybrid, folded } = fitPart(part, { ...DEFAULT_RECIPE, factors: 32, seed: 1 }, DEFAULT_TERMS);
  const { rowStart, index, weight } = folded.histories;
  const history = { index, weight, hidden: new Uint8Array(index.length).fill(1) };
  return { part, users, items, rowStart, history, scan: createHybridScan(items, hybrid, 1_000), vectorOf: (row: number) => users.data.subarray(row * users.stride, (row + 1) * users.stride) };
}

describe('spans', () => {
  const { part, users, items, rowStart, history, scan, vectorOf } = fitShop();
  const rows = users.rows;
  const listOf = (row: number, limit: number) => scan.rank({ vector: vectorOf(row), history, from: rowStart[row]!, to: rowStart[row + 1]!, limit, mask: 0 });
  const asked = Array.from({ length: 100 }, (_, n) => Math.floor((n * rows) / 100));
  const ratio = atOnce(measureSpans(scan, { rows, rowStart, history, vectorOf }));
  const spanFor = (row: number) => ratio * scan.spread(vectorOf(row));

  it('are what lies between the first and the fiftieth, or the last', () => {
    expect(spanOf(Float64Array.from({ length: 200 }, (_, n) => 200 - n), 200)).toBe(SPAN_PLACES - 1);
    expect(spanOf([5, 3, 2], 3)).toBe(3);
    expect([spanOf([5], 1), spanOf([], 0)]).toEqual([0, 0]);
  });

  it('are estimated right in the middle, and within a factor of two for nine shoppers in ten', () => {
    const off = asked.map((row) => {
      const { scores, count } = listOf(row, SPAN_PLACES);
      return spanFor(row) / spanOf(scores, count);
    }).sort((a, b) => a - b);
    expect(off[50]).toBeGreaterThan(0.8);
    expect(off[50]).toBeLessThan(1.25);
    expect(off[5]).toBeGreaterThan(0.5);
    expect(off[94]).toBeLessThan(2);
    // Items in place of shoppers, cosines in place of scores.
    const similar = atOnce(measureSimilarSpan(scan, items.rows));
    const own = Array.from({ length: 60 }, (_, n) => {
      const { scores, count } = findSimilar(scan, [n * 9], SPAN_PLACES, 0)!;
      return spanOf(scores, count);
    }).sort((a, b) => a - b)[30]!;
    expect(similar / own).toBeGreaterThan(0.8);
    expect(similar / own).toBeLessThan(1.25);
  });

  it('are 0 where there is nobody to measure by', () => {
    expect(atOnce(measureSpans(scan, { rows: 0, rowStart: [0], history, vectorOf }))).toBe(0);
    expect(atOnce(measureSpans(scan, { rows: 3, rowStart: [0, 0, 0, 0], history, vectorOf: () => new Float32Array(users.stride) }))).toBe(0);
    expect(atOnce(measureSimilarSpan(scan, 0))).toBe(0);
  });

  it('make rotation what it says: 0.3 exchanges some of ten from turn to turn and keeps the best, 1 exchanges most', () => {
    const reranker = createReranker(vectorsOf(items), part.itemNos, null, 200);
    const kept = (rotation: number) => {
      let [common, best, top] = [0, 0, 0];
      for (const row of asked) {
        const pool = listOf(row, 200);
        const first = pool.items[0]!;
        const turns = [1, 2].map((periodNo) => {
          const out = reranker.rerank(pool, 10, { popularityDiscount: 0, diversity: 0, rotation, key: hashText(`u${row}`), periodNo, span: spanFor(row) }, createTopN(10));
          return [...out.items.subarray(0, out.count)];
        });
        common += turns[0]!.filter((item) => turns[1]!.includes(item)).length;
        best += turns.filter((list) => list.includes(first)).length / 2;
        top += turns.filter((list) => list[0] === first).length / 2;
      }
      return { common: common / asked.length, best: best / asked.length, top: top / asked.length };
    };
    expect(kept(0).common).toBe(10);
    const some = kept(0.3);
    expect(some.common).toBeGreaterThan(6.5);
    expect(some.common).toBeLessThan(9);
    expect(some.best).toBeGreaterThan(0.97);
    expect(some.top).toBeGreaterThan(0.4);
    const most = kept(1);
    expect(most.common).toBeLessThan(6);
    expect(most.best).toBeGreaterThan(0.7);
  });

  it('make boosts what they say: a fifth of a span brings some of a group up, a whole one brings it before the rest', () => {
    const group = Uint8Array.from({ length: items.rows }, (_, item) => (item % 12 === 5 ? 1 : 0));
    scan.setMask(3, group);
    const inTen = (boost: number) => asked.reduce((sum, row) => {
      const boosts = boost === 0 ? [] : [{ slot: 3, amount: (boost * spanFor(row)) / 5 }];
      const { items: best } = scan.rank({ vector: vectorOf(row), history, from: rowStart[row]!, to: rowStart[row + 1]!, limit: 10, mask: 0, boosts });
      return sum + best.slice(0, 10).reduce((n, item) => n + group[item]!, 0);
    }, 0) / asked.length;
    const [none, one, two, five] = [inTen(0), inTen(1), inTen(2), inTen(5)];
    expect(none).toBeLessThan(1.5);
    expect(one).toBeGreaterThan(none + 0.3);
    expect(one).toBeLessThan(none + 3);
    expect(two).toBeGreaterThan(one + 0.7);
    expect(five).toBeGreaterThan(8);
  });
});
