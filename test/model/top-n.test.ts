import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFactors, type Factors } from '../../src/model/matrix.ts';
import { createRandom } from '../../src/model/random.ts';
import { bruteForceTopN, createScanIndex, createTopN, scanTopN, type TopN } from '../../src/model/top-n.ts';
import { randomFactors } from './events.ts';

function listOf(best: TopN) {
  return { items: [...best.items.subarray(0, best.count)], scores: [...best.scores.subarray(0, best.count)] };
}

/** Few distinct small values, so that equal scores, equal norms and zero vectors are common. */
function coarseFactors(rows: number, factors: number, seed: number): Factors {
  const random = createRandom(seed);
  const made = createFactors(rows, factors);
  for (let r = 0; r < rows; r++) {
    if (random.uniform() < 0.2) continue;
    for (let k = 0; k < factors; k++) made.data[r * made.stride + k] = random.integer(3) - 1;
  }
  return made;
}

/** Rows of very different length, strongest dimensions first: what a fit leaves, where the scan prunes. */
function skewedFactors(rows: number, factors: number, seed: number): Factors {
  const made = randomFactors(rows, factors, seed);
  for (let r = 0; r < rows; r++) for (let k = 0; k < factors; k++) made.data[r * made.stride + k]! *= Math.exp(-r / 40) / (1 + k);
  return made;
}

describe('a scan', () => {
  it('returns what scoring everything returns, item for item and bit for bit', () => {
    const query = fc.record({
      rows: fc.integer({ min: 1, max: 300 }),
      factors: fc.integer({ min: 1, max: 40 }),
      limit: fc.integer({ min: 1, max: 60 }),
      seed: fc.integer(),
      shape: fc.constantFrom(coarseFactors, skewedFactors, randomFactors),
      skipped: fc.constantFrom(null, 0, 0.3, 1),
    });
    fc.assert(
      fc.property(query, ({ rows, factors, limit, seed, shape, skipped }) => {
        const items = shape(rows, factors, seed);
        const x = shape(1, factors, seed + 1).data;
        const random = createRandom(seed + 2);
        const skip = skipped === null ? null : Uint8Array.from({ length: rows }, () => (random.uniform() < skipped ? 1 : 0));
        const found = listOf(scanTopN(createScanIndex(items), x, limit, skip, createTopN(60)));
        expect(found).toEqual(listOf(bruteForceTopN(items, x, limit, skip, createTopN(60))));
      }),
      { numRuns: 300 },
    );
  });

  it('finds the best of a catalogue whose scores are all negative', () => {
    const items = randomFactors(100, 8, 3);
    for (let r = 0; r < 100; r++) items.data[r * 8] = -50 - r;
    const x = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0);
    expect(listOf(scanTopN(createScanIndex(items), x, 3, null, createTopN(3))).items).toEqual([0, 1, 2]);
  });

  it('gives ties to the smaller item', () => {
    const items = createFactors(50, 20);
    items.data.fill(1);
    const x = new Float32Array(24).fill(1);
    const skip = new Uint8Array(50);
    skip[1] = 1;
    expect(listOf(scanTopN(createScanIndex(items), x, 4, skip, createTopN(4))).items).toEqual([0, 2, 3, 4]);
    expect(listOf(scanTopN(createScanIndex(items), new Float32Array(24), 4, skip, createTopN(4)))).toEqual({ items: [0, 2, 3, 4], scores: [0, 0, 0, 0] });
  });

  it('returns fewer where there are fewer, and refuses more than its answer holds', () => {
    const index = createScanIndex(randomFactors(3, 4, 1));
    const x = randomFactors(1, 4, 2).data;
    expect(scanTopN(index, x, 10, null, createTopN(10)).count).toBe(3);
    expect(scanTopN(index, x, 10, new Uint8Array(3).fill(1), createTopN(10)).count).toBe(0);
    expect(scanTopN(index, x, 0, null, createTopN(10)).count).toBe(0);
    expect(scanTopN(createScanIndex(createFactors(0, 4)), x, 10, null, createTopN(10)).count).toBe(0);
    expect(() => scanTopN(index, x, 11, null, createTopN(10))).toThrow(RangeError);
  });
});
