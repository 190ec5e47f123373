import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { generateDemoShop } from '../../src/demo/generator.ts';
import { FEATURE_WEIGHTS, type FeatureSource, inferVectors, priceFeatures } from '../../src/model/content.ts';
import { createPart, fitPart } from '../../src/model/experiment/part.ts';
import { hashText } from '../../src/model/hash.ts';
import { type EventColumns, selectEvents } from '../../src/model/interactions.ts';
import { createFactors, type Factors, indexOfNo, vectorsOf } from '../../src/model/matrix.ts';
import { createRandom } from '../../src/model/random.ts';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { NO_TERMS } from '../../src/model/terms.ts';
import { ruleOf } from './events.ts';

function sourceOf(lists: readonly (readonly number[])[], weight: number): FeatureSource {
  const rowStart = new Int32Array(lists.length + 1);
  lists.forEach((list, row) => (rowStart[row + 1] = rowStart[row]! + list.length));
  return { rowStart, hash: Uint32Array.from(lists.flat()), weight };
}

function randomItems(rows: number, factors: number, seed: number): Factors {
  const random = createRandom(seed);
  const items = createFactors(rows, factors);
  for (let row = 0; row < rows; row++) for (let k = 0; k < factors; k++) items.data[row * items.stride + k] = random.gaussian();
  return items;
}

describe('vectors from content', () => {
  it('are the weighted mean of the formula, over features that some item of the model has', () => {
    const feature = fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 4 });
    fc.assert(fc.property(fc.array(fc.record({ words: feature, categories: feature, place: fc.constantFrom('model', 'model', 'new', 'new and in the model', 'neither') }), { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 1e6 }), (rows, seed) => {
      const items = randomItems(rows.length, 5, seed);
      const itemOf = Int32Array.from(rows, ({ place }, row) => (place === 'model' || place === 'new and in the model' ? rows.length - 1 - row : -1));
      const newRows = Int32Array.from(rows.keys()).filter((row) => rows[row]!.place.startsWith('new'));
      const { vectors, features } = inferVectors([sourceOf(rows.map(({ words }) => words), 1), sourceOf(rows.map(({ categories }) => categories), 3)], itemOf, newRows, vectorsOf(items));
      const warm = [...rows.keys()].filter((row) => rows[row]!.place === 'model');
      for (const [n, row] of newRows.entries()) {
        const wanted = new Float64Array(5);
        let [total, used] = [0, 0];
        for (const [kind, weight] of [['words', 1], ['categories', 3]] as const) {
          for (const one of rows[row]![kind]) {
            const having = warm.filter((other) => rows[other]![kind].includes(one));
            if (having.length === 0) continue;
            used++;
            const says = weight * Math.log((warm.length + 1) / having.length) * (having.length / (having.length + 3));
            total += says;
            for (let k = 0; k < 5; k++) wanted[k]! += (says * having.reduce((sum, other) => sum + items.data[itemOf[other]! * 8 + k]!, 0)) / having.length;
          }
        }
        expect(features[n]).toBe(used);
        for (let k = 0; k < 8; k++) expect(vectors.data[n * 8 + k]).toBeCloseTo(total === 0 || k >= 5 ? 0 : wanted[k]! / total, 5);
      }
    }));
  });

  it('take a price as its tenth', () => {
    const { rowStart, hash } = priceFeatures([...Array.from({ length: 100 }, (_, n) => n), Number.NaN, 1e9, -5]);
    expect([hash[0], hash[55], hash[99], rowStart[100], rowStart[101], hash[100], hash[101]]).toEqual([0, 5, 9, 100, 100, 9, 0]);
    expect([...priceFeatures([Number.NaN, Number.NaN]).rowStart]).toEqual([0, 0, 0]);
    expect([...priceFeatures([7, 7, 7]).hash]).toEqual([9, 9, 9]);
  });
});

describe('new items of the generator’s shop', () => {
  /** Forty are new, and ten are recommended. */
  const chance = 10 / 40;
  let byContent = 0;
  let byPopularity = 0;
  let asked = 0;

  beforeAll(() => {
    const shop = generateDemoShop({ seed: 3, users: 800, items: 400, events: 40_000, endMs: Date.UTC(2026, 0, 1) });
    const { user, item, type, value, quantity, occurredAtMs, length } = shop.events;
    const columns: EventColumns = { length, user, item, type: Int16Array.from(type, (one) => one + 1), value, quantity, occurredAtMs, eventNo: Float64Array.from({ length }, (_, n) => n) };
    const rules = [1, 3, 6].map((weight, n) => ruleOf({ typeNo: n + 1, weight }));
    const isNew = (no: number) => no % 10 === 3;
    const rowsOf = (wanted: (no: number) => boolean) => Int32Array.from({ length }, (_, e) => e).filter((e) => wanted(item[e]!));
    const part = createPart(selectEvents(columns, rowsOf((no) => !isNew(no))), rules, null);
    const { users, items, folded } = fitPart(part, { ...DEFAULT_RECIPE, factors: 32 }, NO_TERMS);

    const words = (text: string) => [...new Set(text.toLowerCase().split(/[^\p{L}]+/u).filter((word) => word.length > 1))].map(hashText);
    const catalogue = shop.items;
    const itemOf = Int32Array.from(catalogue, (_, row) => indexOfNo(part.itemNos, row + 1));
    const newRows = Int32Array.from(catalogue.keys()).filter((row) => isNew(row + 1));
    const { vectors } = inferVectors([
      sourceOf(catalogue.map(({ categories }) => categories.map(hashText)), FEATURE_WEIGHTS.categories), sourceOf(catalogue.map(({ title }) => words(title)), FEATURE_WEIGHTS.words),
      priceFeatures(catalogue.map(({ price }) => price)),
    ], itemOf, newRows, vectorsOf(items));

    const count = new Map<string, number>();
    for (const e of folded.matrix.index) {
      const category = catalogue[part.itemNos[e]! - 1]!.categories.at(-1)!;
      count.set(category, (count.get(category) ?? 0) + 1);
    }
    const best = (scoreOf: (n: number) => number) => new Set([...newRows.keys()].sort((a, b) => scoreOf(b) - scoreOf(a)).slice(0, 10).map((n) => newRows[n]! + 1));
    const popular = best((n) => count.get(catalogue[newRows[n]!]!.categories.at(-1)!) ?? 0);
    const wanted = new Map<number, Set<number>>();
    for (const e of rowsOf(isNew)) wanted.set(user[e]!, (wanted.get(user[e]!) ?? new Set()).add(item[e]!));
    for (const [no, set] of wanted) {
      const row = indexOfNo(part.userNos, no);
      if (row < 0) continue;
      const dot = (n: number) => vectors.data.subarray(n * items.stride, (n + 1) * items.stride).reduce((sum, y, k) => sum + y * users.data[row * users.stride + k]!, 0);
      const personal = best(dot);
      asked++;
      byContent += [...set].filter((one) => personal.has(one)).length / set.size;
      byPopularity += [...set].filter((one) => popular.has(one)).length / set.size;
    }
  });

  it('are found by content twice as well as by chance, and half as well again as by the popularity of their category', () => {
    expect(asked).toBeGreaterThan(200);
    expect(byContent / asked).toBeGreaterThan(2 * chance);
    expect(byContent).toBeGreaterThan(1.5 * byPopularity);
  });
});
