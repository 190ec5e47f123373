import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCursors } from '../../src/serving/cursors.ts';
import { RECOMMENDATION_SOURCES, type RecommendationFields, createBuckets, createRecommendationIds } from '../../src/serving/recommendation-id.ts';
import { createSigner } from '../../src/serving/signing.ts';

const key = Buffer.alloc(32, 7);
const fieldsOf = fc.record({
  scenarioNo: fc.nat(32_767), variantNo: fc.nat(32_767), modelVersion: fc.nat(2 ** 31 - 1), bucket: fc.nat(99), length: fc.nat(16_383), source: fc.constantFrom(...RECOMMENDATION_SOURCES),
});
const plain: RecommendationFields = { scenarioNo: 0, variantNo: 0, modelVersion: 12, bucket: 34, length: 10, source: 'personal' };

describe('a recommendation id', () => {
  it('gives back what it was made of, in 44 characters that a URL takes, also from another process with the same key', () => {
    fc.assert(fc.property(fieldsOf, fc.integer({ min: 0, max: 4_000_000_000 }), (fields, second) => {
      const nowMs = second * 1000 + 999;
      const text = createRecommendationIds(key, () => nowMs, 60_000).issue(fields);
      expect(text).toMatch(/^[\w-]{44}$/);
      expect(createRecommendationIds(key, () => nowMs + 59_000, 60_000).read(text)).toEqual({ ...fields, issuedAtMs: second * 1000 });
    }));
  });

  it('is forged with any bit turned, with another key, and where it was signed for something else', () => {
    const ids = createRecommendationIds(key, () => 1e12, 60_000);
    const text = ids.issue(plain);
    const bytes = Buffer.from(text, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3]! ^= 1 << (bit & 7);
      expect(ids.read(turned.toString('base64url'))).toBe('forged');
    }
    expect(createRecommendationIds(randomBytes(32), () => 1e12, 60_000).read(text)).toBe('forged');
    expect(ids.read(createSigner(key, 'something else', 17).sign(bytes.subarray(0, 17)))).toBe('forged');
  });

  it('tells what is no such id from what is too old', () => {
    let nowMs = 1e12;
    const ids = createRecommendationIds(key, () => nowMs, 60_000);
    const text = ids.issue(plain);
    for (const odd of ['', 'x', text.slice(1), `${text}A`, `${text.slice(0, -1)}=`, `${text.slice(0, -1)} `, `${text.slice(0, -1)}é`, '%'.repeat(44)]) expect(ids.read(odd)).toBe('malformed');
    expect(ids.read(createSigner(key, 'recommendation id', 17).sign(Buffer.alloc(17, 200)))).toBe('malformed'); // another format
    nowMs += 60_000;
    expect(ids.read(text)).toMatchObject(plain);
    nowMs += 1;
    expect(ids.read(text)).toBe('expired');
    nowMs = 0; // another replica's clock is behind
    expect(ids.read(text)).toMatchObject(plain);
  });

  it('differs by every field and by the second, and only so', () => {
    let nowMs = 1e12;
    const ids = createRecommendationIds(key, () => nowMs, 60_000);
    const others = [{ scenarioNo: 1 }, { variantNo: 1 }, { modelVersion: 13 }, { bucket: 35 }, { length: 11 }, { source: 'together' as const }].map((change) => ({ ...plain, ...change }));
    const texts = [plain, ...others].map(ids.issue);
    expect(new Set(texts).size).toBe(7);
    nowMs += 999;
    expect([plain, ...others].map(ids.issue)).toEqual(texts);
    nowMs += 1;
    expect(ids.issue(plain)).not.toBe(texts[0]);
  });

  it('refuses fields that have no room, rather than signing others', () => {
    const ids = createRecommendationIds(key, () => 1e12, 60_000);
    ids.issue({ ...plain, bucket: 0, length: 11 });
    for (const change of [{ scenarioNo: 32_768 }, { variantNo: -1 }, { modelVersion: 2 ** 31 }, { modelVersion: 1.5 }, { bucket: 100 }, { bucket: 128 }, { length: 16_384 }, { length: Number.NaN }]) {
      expect(() => ids.issue({ ...plain, ...change })).toThrow(RangeError);
    }
  });
});

describe('buckets', () => {
  it('are a hundred, about alike, and cut otherwise with another salt', () => {
    const [bucketOf, otherOf] = [createBuckets('buckets'), createBuckets('experiment 3')];
    const count = new Int32Array(100);
    let same = 0;
    for (let n = 0; n < 50_000; n++) {
      const bucket = bucketOf(`user-${n}`);
      count[bucket]!++;
      if (otherOf(`user-${n}`) === bucket) same++;
    }
    expect(Math.min(...count)).toBeGreaterThan(390); // 500 ± 5 σ
    expect(Math.max(...count)).toBeLessThan(610);
    expect(Math.abs(same - 500)).toBeLessThan(110);
  });
});

describe('a cursor', () => {
  it('gives back what it was made of, and is no recommendation id', () => {
    const cursors = createCursors(key);
    fc.assert(fc.property(fc.record({ modelVersion: fc.nat(2 ** 31 - 1), state: fc.double({ noNaN: true }), offset: fc.nat(65_535), parameters: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }), (fields) => {
      const text = cursors.issue(fields);
      expect(text).toMatch(/^[\w-]{48}$/);
      expect(cursors.read(text)).toEqual(fields);
      expect(createCursors(randomBytes(32)).read(text)).toBe('forged');
    }));
    const text = cursors.issue({ modelVersion: 1, state: 2, offset: 10, parameters: 3 });
    expect(cursors.read(`${text.slice(0, 20)}${text[20] === 'A' ? 'B' : 'A'}${text.slice(21)}`)).toBe('forged');
    expect([cursors.read(''), cursors.read(createRecommendationIds(key, () => 1e12, 1).issue(plain)), cursors.read(createSigner(key, 'cursor', 20).sign(Buffer.alloc(20)))]).toEqual(['malformed', 'malformed', 'malformed']);
    expect(() => cursors.issue({ modelVersion: 1, state: 2, offset: 65_536, parameters: 3 })).toThrow(RangeError);
  });
});
