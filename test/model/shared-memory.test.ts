import { expect, it } from 'vitest';
import { FitTooLarge, layoutOf, sumBlockRows } from '../../src/model/shared-memory.ts';

it('lays every part at a multiple of 64 bytes, one behind the other', () => {
  const { user, item, eigen, ...rest } = layoutOf({ userRows: 7, itemRows: 1001, entries: 333, factors: 13 }, 3, 1000);
  expect(rest.stride).toBe(16);
  const sides = [user, item].flatMap((side) => [...Object.values(side.sparse), side.factors, side.ridge, side.blockStart]);
  const offsets: number[] = [...sides, rest.partialGrams, rest.gram, ...Object.values(eigen), rest.packed, rest.dense, rest.losses, rest.scratch];
  expect(offsets.every((at) => at % 64 === 0)).toBe(true);
  expect(new Set(offsets).size).toBe(offsets.length);
  expect(rest.bytes).toBeGreaterThanOrEqual(rest.scratch + 3 * 1000);
});

it('refuses what 32-bit offsets do not reach, in words', () => {
  const shape = { userRows: 4_000_000, itemRows: 1_000_000, entries: 1000, factors: 256 };
  expect(() => layoutOf(shape, 2, 1000)).toThrow(FitTooLarge);
  expect(() => layoutOf(shape, 2, 1000)).toThrow(/needs 4\.\d GiB of shared memory/);
});

it('sums in at most 32 blocks, whatever the threads', () => {
  for (const rows of [1, 511, 513, 20_000, 1_234_567]) expect(Math.ceil(rows / sumBlockRows(rows))).toBeLessThanOrEqual(32);
});
