import { describe, expect, it } from 'vitest';
// @ts-expect-error -- the browser's files have no types
import { ago, bytes, count, duration, fixed, number, percent, signed } from '../../src/dashboard/words.js';

describe('the dashboard’s words', () => {
  it('say numbers short, and that there is none', () => {
    expect([number(0), number(12_345), number(1234.5), number(0.012_345), number(null), number(Number.NaN)]).toEqual(['0', '12,345', '1,235', '0.0123', '–', '–']);
    expect([percent(0.253_08), percent(0), percent(1), percent(null), fixed(0.25, 3), fixed(undefined)]).toEqual(['25.3\u00a0%', '0\u00a0%', '100\u00a0%', '–', '0.250', '–']);
    expect([signed(0.034), signed(-0.4017), signed(0), signed(null)]).toEqual(['+3.4\u00a0%', '−40\u00a0%', '+0\u00a0%', '–']);
    expect([count(1, 'event'), count(2, 'event'), count(0, 'category', 'categories'), bytes(0), bytes(999), bytes(1536), bytes(25e9)]).toEqual(['1 event', '2 events', '0 categories', '0 B', '999 B', '1.54 kB', '25 GB']);
  });

  it('say durations in two units at most, and moments by how long ago they are', () => {
    expect([0, 0.0123, 1.25, 9.96, 61, 3600, 90_000, 86_400 * 3].map((seconds) => duration(seconds))).toEqual(['0 ms', '12 ms', '1.3 s', '10 s', '1 min 1 s', '1 h', '1 d 1 h', '3 d']);
    const nowMs = Date.parse('2026-01-31T12:00:00Z');
    expect(['2026-01-31T11:59:58Z', '2026-01-31T11:59:00Z', '2026-01-31T09:30:00Z', '2026-01-30T11:00:00Z', '2026-01-31T17:30:00Z', null].map((moment) => ago(moment, nowMs))).toEqual(['just now', '1 min ago', '2 h ago', '1 d ago', 'in 5 h', '–']);
  });
});
