import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Look, type SequentialTest, boundariesOf, crossingChance, driftFor, spentBy } from '../../../src/model/evaluation/sequential.ts';

const even = (count: number): Look[] => Array.from({ length: count }, (_, n) => ({ information: n + 1, time: (n + 1) / count }));
const TWO: SequentialTest = { level: 0.05, sides: 2 };

describe('boundaries of a sequential test', () => {
  it('are those that are published for five even looks (Lan, DeMets, spending as O’Brien and Fleming)', () => {
    const [, second, third, fourth, fifth] = boundariesOf(TWO, even(5));
    // Jennison, Turnbull 2000; Reboussin et al. 2000, program LANDEM.
    [[second, 3.357], [third, 2.68], [fourth, 2.29], [fifth, 2.031]].forEach(([bound, known]) => expect(bound).toBeCloseTo(known, 3));
  });

  it('are a plain test’s where there is one look', () => {
    expect(boundariesOf(TWO, [{ information: 7, time: 1 }])[0]).toBeCloseTo(1.959964, 4);
    expect(boundariesOf({ level: 0.01, sides: 1 }, [{ information: 0.2, time: 1 }])[0]).toBeCloseTo(2.326348, 4);
  });

  it('spend just the error that they may, whenever looks come', () => {
    const steps = fc.array(fc.tuple(fc.double({ min: 0.02, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(steps, fc.constantFrom<SequentialTest>(TWO, { level: 0.01, sides: 1 }, { level: 0.0125, sides: 2 }), (given, test) => {
        const all = given.reduce((sum, [, time]) => sum + time, 0) || 1;
        let [information, time] = [0, 0];
        const looks = given.map(([more, later]) => ({ information: (information += more), time: Math.min(1, (time += later / all)) }));
        looks[looks.length - 1].time = 1;
        const chance = crossingChance(test, looks, boundariesOf(test, looks), 0);
        // What is too little for a look, or comes with next to no information, stays unspent.
        const last = looks.at(-2);
        const isWhole = last === undefined || looks.at(-1)!.information - last.information > 0.01 * looks.at(-1)!.information;
        expect(chance).toBeLessThan(test.level + 2e-5);
        expect(chance).toBeGreaterThan(isWhole ? test.level - 2e-5 : -1);
      }),
      { numRuns: 60 },
    );
  });

  it('do not depend on the unit of information, nor on looks that come later', () => {
    const looks = even(6);
    const whole = boundariesOf(TWO, looks);
    expect(boundariesOf(TWO, looks.slice(0, 4))).toEqual(whole.slice(0, 4));
    const rounded = (bounds: Float64Array) => Array.from(bounds, (bound) => bound.toFixed(6));
    expect(rounded(boundariesOf(TWO, looks.map((look) => ({ ...look, information: 1e7 * look.information }))))).toEqual(rounded(whole));
  });

  it('test nothing at a look without new information', () => {
    const bounds = boundariesOf(TWO, [{ information: 1, time: 0.5 }, { information: 1.001, time: 0.75 }, { information: 2, time: 1 }]);
    expect(bounds[1]).toBe(Number.POSITIVE_INFINITY);
    expect(crossingChance(TWO, [{ information: 1, time: 0.5 }, { information: 2, time: 1 }], [bounds[0], bounds[2]], 0)).toBeCloseTo(0.05, 4);
  });

  it('spend nothing at the beginning and all at the end', () => {
    expect([spentBy(TWO, 0), spentBy(TWO, 1), spentBy(TWO, 2)]).toEqual([0, 0.05, 0.05]);
    expect(spentBy(TWO, 0.5)).toBeCloseTo(0.00305, 4);
  });
});

describe('the size of an experiment', () => {
  it('is a plain test’s and a few hundredths more for the looks on the way', () => {
    for (const [power, plain] of [[0.8, 2.8016], [0.9, 3.2415]]) {
      const inflation = (driftFor(TWO, power) / plain) ** 2;
      expect(inflation).toBeGreaterThan(1.01);
      expect(inflation).toBeLessThan(1.06);
    }
    const looks = Array.from({ length: 20 }, (_, n) => ({ information: (n + 1) / 20, time: (n + 1) / 20 }));
    expect(crossingChance(TWO, looks, boundariesOf(TWO, looks), driftFor(TWO, 0.8))).toBeCloseTo(0.8, 4);
  });
});
