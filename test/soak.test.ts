/** `npm run soak` in short: a few seconds of it against a real server, and what it says of memory that stays and of memory that does not. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
// @ts-expect-error -- a script has no types
import { judgeMemory, slopeOf } from '../scripts/soak/slope.mjs';
import { createTestDatabase } from './support/postgres.ts';

interface Sample {
  readonly minute: number;
  readonly rssMb: number;
  readonly heapMb: number;
}
const twenty = (rss: (minute: number) => number, heap: (minute: number) => number): Sample[] => Array.from({ length: 20 }, (_, k) => ({ minute: k + 1, rssMb: rss(k + 1), heapMb: heap(k + 1) }));
/** As garbage and the allocator leave it: some megabytes up and down. */
const noise = (minute: number) => 8 * Math.sin(minute * 2.4);

describe('the soak', () => {
  it('does a shop’s day without a fault', async () => {
    const { url, drop } = await createTestDatabase(inject('templateUrl'));
    try {
      const script = fileURLToPath(new URL('../scripts/soak.mjs', import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, [script, '--minutes', '0.05', '--clients', '4', '--pause-ms', '10'], { env: { PATH: process.env.PATH, DATABASE_URL: url } });
      const [, actions, failed] = /(\d+) actions in .*?, (\d+) failed/.exec(stdout)!;
      expect(Number(actions)).toBeGreaterThan(20);
      expect([failed, /trainings: 1 (published|rejected)/.test(stdout), stdout]).toEqual(['0', true, expect.stringContaining('too short a run to say')]);
    } finally {
      await drop();
    }
  }, 120_000);

  it('fits the line that least squares fit', () => {
    fc.assert(
      fc.property(fc.double({ min: -50, max: 50, noNaN: true }), fc.double({ min: 0, max: 1000, noNaN: true }), fc.integer({ min: 2, max: 40 }), (slope, start, points) => {
        expect(slopeOf(Array.from({ length: points }, (_, k) => [k, start + slope * k]))).toBeCloseTo(slope, 6);
      }),
    );
    // Anscombe's first quartet, whose line is known.
    expect(slopeOf([[10, 8.04], [8, 6.95], [13, 7.58], [9, 8.81], [11, 8.33], [14, 9.96], [6, 7.24], [4, 4.26], [12, 10.84], [7, 4.82], [5, 5.68]])).toBeCloseTo(0.5, 3);
  });

  it('lets memory pass that goes up and down, and grows before it counts; and none that rises', () => {
    expect(judgeMemory(twenty((minute) => 200 + noise(minute), () => 50)).ok).toBe(true);
    expect(judgeMemory(twenty((minute) => 200 + 30 * Math.min(minute, 4) + noise(minute), () => 50)).ok).toBe(true);
    expect(judgeMemory(twenty((minute) => 200 + 2 * minute + noise(minute), () => 50))).toMatchObject({ ok: false });
    // A leak of the heap that the process's own memory hides for a while.
    expect(judgeMemory(twenty(() => 300, (minute) => 50 + 2 * minute))).toMatchObject({ ok: false });
    expect(judgeMemory(twenty(() => 300, () => 50).slice(0, 9)).ok).toBeNull();
  });
});
