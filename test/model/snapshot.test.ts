import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import {
  decodeItemSide, decodeSnapshot, decodeUserSide, encodeItemSide, encodeSnapshot, encodeUserSide, type ItemSide,
  type SnapshotArray, type SnapshotValue, type UserSide,
} from '../../src/model/snapshot.ts';
import { SnapshotDamaged } from '../../src/model/snapshot-damaged.ts';
import { decodeStrings, encodeStrings } from '../../src/model/string-table.ts';
import { DEFAULT_TERMS, NO_TERMS } from '../../src/model/terms.ts';
import { randomFactors, ruleOf } from './events.ts';

const arrays: fc.Arbitrary<SnapshotArray> = fc.oneof(
  fc.int8Array(), fc.uint8Array(), fc.int16Array(), fc.uint16Array(), fc.int32Array(), fc.uint32Array(), fc.float32Array(), fc.float64Array(),
);
const metas = fc.letrec<{ value: SnapshotValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, Infinity, -Infinity, Number.NaN, -0, '#', '##NaN', '__proto__'),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { noNullPrototype: true }),
  ),
})).value;
const ids = fc.array(fc.string({ unit: fc.constantFrom('a', '7', 'ß', '漢', '😀', '\uFEFF', '#', ' ') }), { maxLength: 20 });

/** The same bytes at an odd place of a larger buffer. */
function shifted(bytes: Uint8Array): Uint8Array {
  const room = new Uint8Array(bytes.length + 1);
  room.set(bytes, 1);
  return room.subarray(1);
}

/** What reading the bytes gives: `undefined` for damage, and any other error is one. */
function tryDecode(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): unknown {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof SnapshotDamaged) return undefined;
    throw error;
  }
}

const itemSide: ItemSide = {
  recipe: DEFAULT_RECIPE,
  weightScale: 0.2,
  newestMs: 1.7e12,
  terms: DEFAULT_TERMS,
  hybrid: {
    neighbours: { items: 2, rowStart: Int32Array.of(0, 1, 1), index: Int32Array.of(1), similarity: Float32Array.of(0.5) },
    recentPopularity: Float32Array.of(0.5, 0),
    scales: { neighbours: 0.3, recency: 2 },
  },
  together: { items: 2, rowStart: Int32Array.of(0, 0, 1), index: Int32Array.of(0), similarity: Float32Array.of(0.25) },
  rules: [ruleOf({ hidesDays: null, halfLifeDays: Infinity }), ruleOf({ typeNo: 2, name: 'Bewertung ☆', mode: 'latest', threshold: -Infinity })],
  itemNos: Int32Array.of(3, 9),
  itemIds: ['__proto__', 'größe'],
  factors: randomFactors(2, 5, 1),
  popularity: Float32Array.of(1, 2),
  recentPopularity: Float32Array.of(0, 1),
};
const userSide: UserSide = {
  userNos: Int32Array.of(4, 5),
  userIds: ['user-4', 'user-5'],
  factors: randomFactors(2, 5, 2),
  history: {
    rowStart: Int32Array.of(0, 1, 3),
    itemIndex: Int32Array.of(0, 0, 1),
    weight: Float32Array.of(1, 2, 0),
    target: Float32Array.of(1, 0.5, 0),
    lastMs: Float64Array.of(1, 2, 1.7e12),
    mainType: Int16Array.of(1, 3, 0),
    hidden: Uint8Array.of(0, 1, 1),
  },
};

describe('a snapshot', () => {
  it('comes back as it was, wherever its bytes lie in memory', () => {
    const names = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('__proto__'));
    fc.assert(
      fc.property(fc.constantFrom('item' as const, 'user' as const), metas, fc.dictionary(names, arrays, { noNullPrototype: true }), (part, meta, sections) => {
        const bytes = encodeSnapshot(part, meta, sections);
        expect(decodeSnapshot(bytes)).toEqual({ part, meta, sections });
        expect(decodeSnapshot(shifted(bytes))).toEqual({ part, meta, sections });
      }),
      { numRuns: 200 },
    );
  });

  it('hands out views of its bytes, each at a multiple of 64', () => {
    const bytes = encodeSnapshot('item', null, { a: Float32Array.of(1, 2), b: Uint8Array.of(3) });
    for (const section of Object.values(decodeSnapshot(bytes).sections)) {
      expect(section.buffer).toBe(bytes.buffer);
      expect(section.byteOffset % 64).toBe(0);
    }
  });

  it('is refused as damaged when any byte of its beginning or header has changed, and never crashes otherwise', () => {
    const bytes = encodeItemSide(itemSide);
    const headerEnd = 20 + new DataView(bytes.buffer).getUint32(12, true);
    for (let at = 0; at < headerEnd; at++) {
      for (const flip of [1, 0x20, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at]! ^= flip;
        expect(tryDecode(damaged, decodeSnapshot)).toBeUndefined();
      }
    }
  });

  it('is refused when truncated, foreign or empty', () => {
    const bytes = encodeUserSide(userSide);
    for (let length = 0; length < bytes.length; length++) expect(tryDecode(bytes.subarray(0, length), decodeUserSide)).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => tryDecode(noise, decodeSnapshot) === undefined));
    const newer = bytes.slice();
    newer[8] = 2;
    expect(() => decodeSnapshot(newer)).toThrow(/layout version is 2, this program reads 1/);
  });

  it('is refused when its sections do not fit together', () => {
    expect(() => decodeUserSide(encodeItemSide(itemSide))).toThrow(/it is the item side/);
    expect(() => decodeUserSide(encodeSnapshot('user', {}, {}))).toThrow(/section "userNos" is missing/);
    const short: UserSide = { ...userSide, history: { ...userSide.history, weight: Float32Array.of(1) } };
    expect(() => decodeUserSide(encodeUserSide(short))).toThrow(/"weight" has 1 entries in place of 3/);
    expect(() => decodeUserSide(encodeUserSide({ ...userSide, userIds: ['one'] }))).toThrow(SnapshotDamaged);
    expect(() => decodeItemSide(encodeItemSide({ ...itemSide, factors: randomFactors(3, 5, 1) }))).toThrow(SnapshotDamaged);
    expect(() => decodeItemSide(encodeSnapshot('item', [], {}))).toThrow(SnapshotDamaged);
    const astray = { ...itemSide.hybrid, neighbours: { ...itemSide.hybrid.neighbours!, index: Int32Array.of(2) } };
    expect(() => decodeItemSide(encodeItemSide({ ...itemSide, hybrid: astray }))).toThrow(/a neighbour is no item/);
    expect(() => decodeItemSide(encodeItemSide({ ...itemSide, together: { ...itemSide.together!, rowStart: Int32Array.of(0, 2, 1) } }))).toThrow(/overlap/);
  });

  it('from before there were lists of what is bought together is read as having none', () => {
    const bytes = encodeItemSide({ ...itemSide, together: null });
    expect(Object.keys(decodeSnapshot(bytes).sections).filter((name) => name.startsWith('together'))).toEqual([]);
    expect(decodeItemSide(bytes)).toEqual({ ...itemSide, together: null });
  });

  it('from before there were terms is read as having none', () => {
    const { meta, sections } = decodeSnapshot(encodeItemSide(itemSide));
    const { terms: _terms, scales: _scales, ...older } = meta as Record<string, SnapshotValue>;
    const { neighbourStart: _start, neighbourIndex: _index, neighbourSimilarity: _similarity, freshUsers: _fresh, ...plain } = sections;
    const side = decodeItemSide(encodeSnapshot('item', older, plain));
    expect(side.terms).toEqual(NO_TERMS);
    expect(side.hybrid).toEqual({ neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } });
  });

  it('survives any single damaged byte of its sections without another kind of error', () => {
    const bytes = encodeUserSide(userSide);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0xff;
      expect(() => tryDecode(damaged, decodeUserSide)).not.toThrow();
    }
  });
});

it('carries both sides of a model', () => {
  expect(decodeItemSide(encodeItemSide(itemSide))).toEqual(itemSide);
  expect(decodeUserSide(encodeUserSide(userSide))).toEqual(userSide);
});

describe('string tables', () => {
  it('come back as they were', () => {
    const comesBack = fc.property(ids, (strings) => {
      expect(decodeStrings(encodeStrings(strings))).toEqual(strings);
    });
    fc.assert(comesBack, { numRuns: 300 });
    expect(decodeStrings(encodeStrings([]))).toEqual([]);
    expect(decodeStrings(encodeStrings(['', 'a', '']))).toEqual(['', 'a', '']);
  });

  it('are refused when their offsets do not fit', () => {
    const { bytes } = encodeStrings(['abc']);
    for (const offsets of [[], [0], [0, 2], [1, 3], [0, 9, 3], [0, 2, 1, 3]]) {
      expect(() => decodeStrings({ bytes, offsets: Uint32Array.from(offsets) })).toThrow(SnapshotDamaged);
    }
  });
});
