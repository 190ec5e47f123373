import { describe, expect, it } from 'vitest';
import { drawAt, finalise, hashText, periodOf, seedAfter, seedOf } from '../../src/model/hash.ts';

describe('hashes', () => {
  it('are those of their definition, on every machine', () => {
    // The finaliser of MurmurHash3 at 1 is a published constant; FNV-1a of nothing is its offset basis.
    expect(finalise(1)).toBe(0x514e28b7);
    expect(hashText('')).toBe(finalise(0x811c9dc5));
    // FNV-1a of the bytes 61 00.
    expect(hashText('a')).toBe(finalise(Math.imul(Math.imul(0x811c9dc5 ^ 0x61, 0x01000193), 0x01000193)));
    expect(hashText('user-1')).not.toBe(hashText('user-2'));
    expect(hashText('user-1', seedAfter('salt\u0000'))).toBe(hashText('salt\u0000user-1'));
    expect(hashText('Ā')).not.toBe(hashText('\u0000')); // the high byte counts
  });

  it('draw uniformly, never the same for two items of one seed, and independently for two periods', () => {
    const [one, two] = [seedOf(hashText('user-1'), 7), seedOf(hashText('user-1'), 8)];
    const draws = Array.from({ length: 20_000 }, (_, no) => [drawAt(one, no), drawAt(two, no)] as const);
    expect(new Set(draws.map(([a]) => a)).size).toBe(draws.length);
    for (let tenth = 0; tenth < 10; tenth++) expect(Math.abs(draws.filter(([a]) => Math.floor(a * 10) === tenth).length - 2000)).toBeLessThan(200); // 4.7 σ
    const correlation = draws.reduce((sum, [a, b]) => sum + (a - 0.5) * (b - 0.5), 0) / draws.length / (1 / 12);
    expect(Math.abs(correlation)).toBeLessThan(0.035); // 5 σ
  });

  it('periods begin with Unix time and last so many hours', () => {
    expect([0, 3_599_999, 3_600_000, 7_200_000].map((ms) => periodOf(ms, 1))).toEqual([0, 0, 1, 2]);
    expect(periodOf(Date.UTC(2026, 0, 2), 24) - periodOf(Date.UTC(2026, 0, 1), 24)).toBe(1);
  });
});
