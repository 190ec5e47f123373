import { describe, expect, it } from 'vitest';
import { createClickRates } from '../../src/demo/click-rates.ts';
import { createClickModel, examination, type Look } from '../../src/demo/clicks.ts';
import { openDemoShop } from '../../src/demo/generator.ts';
import { seedOf } from '../../src/model/hash.ts';
import { createRandom } from '../../src/model/random.ts';

const opened = openDemoShop({ seed: 5, users: 60, items: 300, days: 20, endMs: Date.UTC(2026, 5, 1) });
const { tastes, catalogue: { traits, items } } = opened;
const fresh = () => createClickModel(tastes, traits, 9);
const look = (over: Partial<Look> = {}): Look => ({ user: 3, second: 86_400 * 10, category: tastes.favourites[3 * 3], seed: 1, ...over });
const bestOf = (model: ReturnType<typeof fresh>, by: Look) => [...items.keys()].sort((a, b) => model.attraction(by, b) - model.attraction(by, a));

describe('clicks', () => {
  it('go by position: the same item at place k is clicked 1 / log₂(1 + k) times as often as at the first', () => {
    const model = fresh();
    const [best] = bestOf(model, look());
    const clicked = new Float64Array(10);
    const looks = 40_000;
    for (let n = 0; n < looks; n++) {
      for (const k of model.clicksOn(look({ seed: seedOf(77, n) }), new Int32Array(10).fill(best))) {
        clicked[k]++;
      }
    }
    const expected = model.attraction(look(), best);
    expect(expected).toBeGreaterThan(0.2);
    for (const [k, count] of clicked.entries()) {
      expect(count / looks / expected / examination(k + 1), `place ${k + 1}`).toBeCloseTo(1, 1);
    }
    expect(clicked[9]).toBeLessThan(clicked[0] / 3);
  });

  it('are the same where the same item stands at the same place, whatever stands around it', () => {
    const model = fresh();
    const order = bestOf(model, look());
    for (let n = 0; n < 500; n++) {
      const one = look({ seed: seedOf(5, n) });
      const a = model.clicksOn(one, [order[0], order[1], order[2]]);
      const b = model.clicksOn(one, [order[200], order[1], order[201]]);
      expect(a.includes(1)).toBe(b.includes(1));
    }
  });

  it('fall off where a shopper has looked again and again, has bought such a thing, or has bought that very thing', () => {
    const model = fresh();
    const [item] = bestOf(model, look());
    const before = model.attraction(look(), item);
    model.noteView(3, item);
    expect(model.attraction(look(), item)).toBe(before);
    model.noteView(3, item);
    const tired = model.attraction(look(), item);
    expect(tired).toBeLessThan(before);
    const sameKind = [...items.keys()].find((other) => other !== item && items[other].categories[1] === items[item].categories[1])!;
    const kindBefore = model.attraction(look(), sameKind);
    model.notePurchase(3, item, 86_400 * 10);
    expect(model.attraction(look(), sameKind)).toBeLessThan(kindBefore);
    expect(model.attraction(look({ second: 86_400 * 200 }), sameKind)).toBeCloseTo(fresh().attraction(look({ second: 86_400 * 200 }), sameKind), 4);
    expect(model.attraction(look(), item)).toBeLessThan(0.3 * tired);
    expect(model.attraction(look({ user: 4 }), item)).toBe(fresh().attraction(look({ user: 4 }), item));
  });

  it('go by the hidden taste: expected clicks of the best list are above those of what everybody comes across, and these above chance', () => {
    const model = fresh();
    const random = createRandom(1);
    const popular = [...items.keys()].sort((a, b) => traits.exposure[b] - traits.exposure[a]);
    const sums = { best: 0, popular: 0, random: 0 };
    for (let user = 0; user < 60; user++) {
      const one = look({ user, category: tastes.favourites[user * 3] });
      const worth = (list: number[]) => list.slice(0, 10).reduce((sum, item, k) => sum + examination(k + 1) * model.attraction(one, item), 0);
      sums.best += worth(bestOf(model, one));
      sums.popular += worth(popular);
      sums.random += worth(Array.from({ length: 10 }, () => random.integer(300)));
    }
    expect(sums.best).toBeGreaterThan(2.5 * sums.popular);
    expect(sums.popular).toBeGreaterThan(1.3 * sums.random);
  });
});

describe('click-through rates', () => {
  it('have intervals that hold the truth, and tell arms of the same visits apart by their difference', () => {
    const random = createRandom(3);
    let held = 0;
    let ratios = 0;
    for (let trial = 0; trial < 400; trial++) {
      const rates = createClickRates(['a', 'b'], 10);
      for (let list = 0; list < 150; list++) {
        // A shopper in the mood clicks on both: their clicks belong together.
        const mood = random.uniform() < 0.3 ? 0.3 : 0.05;
        const clicks = { a: 0, b: 0 };
        for (let k = 0; k < 10; k++) {
          const draw = random.uniform();
          if (draw < mood) clicks.a++;
          if (draw < mood / 2) clicks.b++;
        }
        rates.add(clicks);
      }
      const { low, high } = rates.rateOf('a');
      if (low <= 0.125 && 0.125 <= high) held++;
      const ratio = rates.ratioOf('a', 'b')!;
      if (ratio.low <= 2 && 2 <= ratio.high) ratios++;
    }
    expect(held / 400).toBeGreaterThan(0.91);
    expect(held / 400).toBeLessThan(0.985);
    expect(ratios / 400).toBeGreaterThan(0.91);
    expect(ratios / 400).toBeLessThan(0.985);
  });

  it('say nothing of what has no lists, and no ratio without clicks', () => {
    const rates = createClickRates(['a', 'b'], 10);
    expect(rates.rateOf('a')).toEqual({ clicks: 0, ctr: 0, low: 0, high: 0 });
    rates.add({ a: 1, b: 0 });
    rates.add({ a: 2, b: 0 });
    expect(rates.ratioOf('a', 'b')).toBeNull();
    expect(rates.rateOf('a')).toMatchObject({ clicks: 3, ctr: 0.15 });
  });
});
