import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashText, seedOf } from '../../src/model/hash.ts';
import { MOST_EXPLORATION_SHARE, type NewItems, drawNew, placesForNew, weave } from '../../src/serving/exploration.ts';

const alike = (count: number): NewItems => ({ itemNos: Int32Array.from({ length: count }, (_, n) => n + 1), relevance: new Float64Array(count), seen: null });

function planExploration(newItems: NewItems, limit: number, share: number, key: number, periodNo: number): { places: number[]; items: number[] } {
  const seed = seedOf(key, periodNo);
  const places = placesForNew(limit, share, seed, limit);
  const items = drawNew(newItems, places.length, seed);
  return { places: places.slice(0, items.length), items };
}

describe('exploration', () => {
  it('takes at most ⌈e · limit⌉ places, each once, never the first, and none without new items', () => {
    fc.assert(fc.property(fc.record({ count: fc.integer({ min: 0, max: 30 }), limit: fc.integer({ min: 0, max: 60 }), share: fc.double({ min: 0, max: 1, noNaN: true }), user: fc.string(), periodNo: fc.integer() }), ({ count, limit, share, user, periodNo }) => {
      const { places, items } = planExploration(alike(count), limit, share, hashText(user), periodNo);
      expect(places.length).toBeLessThanOrEqual(Math.ceil(Math.min(share, MOST_EXPLORATION_SHARE) * limit));
      expect(places.length).toBeLessThanOrEqual(count);
      expect(items).toHaveLength(places.length);
      expect(new Set(items).size).toBe(items.length);
      expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
      expect(places.every((place) => Number.isInteger(place) && place >= 1 && place < limit)).toBe(true);
      expect(items.every((item) => item >= 0 && item < count)).toBe(true);
      expect(planExploration(alike(count), limit, share, hashText(user), periodNo)).toEqual({ places, items });
    }), { numRuns: 300 });
  });

  it('has the places of a page without planning the rest', () => {
    fc.assert(fc.property(fc.record({ limit: fc.integer({ min: 0, max: 200 }), end: fc.integer({ min: 0, max: 200 }), share: fc.double({ min: 0, max: 1, noNaN: true }), seed: fc.nat() }), ({ limit, end, share, seed }) => {
      expect(placesForNew(limit, share, seed, end)).toEqual(placesForNew(limit, share, seed, limit).filter((place) => place < end));
    }), { numRuns: 300 });
  });

  it('gives e of all places to new items, alike to items alike, and turns with the period', () => {
    const shown = new Int32Array(20);
    const at = new Int32Array(10);
    let changed = 0;
    for (let user = 0; user < 20_000; user++) {
      const { places, items } = planExploration(alike(20), 10, 0.15, hashText(`user-${user}`), 5);
      items.forEach((item) => shown[item]!++);
      places.forEach((place) => at[place]!++);
      if (String(planExploration(alike(20), 10, 0.15, hashText(`user-${user}`), 6).items) !== String(items)) changed++;
    }
    const total = shown.reduce((a, b) => a + b, 0);
    expect(Math.abs(total / 20_000 - 1.5)).toBeLessThan(0.02);
    for (const count of shown) expect(Math.abs(count / total - 0.05)).toBeLessThan(0.007); // 5 σ
    expect(at[0]).toBe(0);
    for (const count of at.subarray(1)) expect(count / total).toBeGreaterThan(0.07); // a ninth each, but for where stretches end
    expect(changed).toBeGreaterThan(15_000);
  });

  it('prefers what suits the user, then what was seen least, and leaves out what is not for them', () => {
    const items: NewItems = { itemNos: Int32Array.of(5, 6, 7, 8), relevance: [2, 0, 0, Number.NaN], seen: [50, 0, 50, 0] };
    const first = new Int32Array(4);
    for (let user = 0; user < 4_000; user++) first[planExploration(items, 10, 0.1, hashText(`user-${user}`), 1).items[0]!]!++;
    expect(first[0]).toBeGreaterThan(4 * first[1]!);
    expect(first[1]).toBeGreaterThan(3 * first[2]!);
    expect(first[2]).toBeGreaterThan(0);
    expect(first[3]).toBe(0);
  });

  it('weaves them in: the others keep their order, and a short ranking is followed by what is left', () => {
    expect(weave(['a', 'b', 'c', 'd'], ['N', 'M'], [1, 3], 5)).toEqual(['a', 'N', 'b', 'M', 'c']);
    expect(weave(['a'], ['N', 'M'], [2, 5], 8)).toEqual(['a', 'N', 'M']);
    expect(weave(['a', 'b'], [], [], 1)).toEqual(['a']);
  });
});
