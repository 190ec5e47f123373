import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdIndex } from '../../src/model/id-index.ts';
import { atOnce, overRanges } from '../../src/model/pieces.ts';

describe('an index of ids', () => {
  it('knows every id by its place, and no other', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 200 }), fc.array(fc.string(), { maxLength: 50 }), (ids, others) => {
        const index = atOnce(createIdIndex(ids));
        const known = new Map(ids.map((id, place) => [id, place]));
        for (const id of [...ids, ...others, '']) expect(index.get(id)).toBe(known.get(id));
      }),
    );
  });
});

describe('work in pieces', () => {
  it('covers a range once, in order, in pieces by what an element costs', () => {
    for (const [count, cost, pieces] of [[0, 1, 0], [1, 1, 1], [10, 1 << 20, 10], [10, 1 << 18, 3], [10, 1 << 30, 10]] as const) {
      const seen: [number, number][] = [];
      atOnce(overRanges(count, cost, (from, to) => seen.push([from, to])));
      expect(seen).toHaveLength(pieces);
      expect(seen.flatMap(([from, to]) => Array.from({ length: to - from }, (_, k) => from + k))).toEqual(Array.from({ length: count }, (_, k) => k));
    }
  });
});
