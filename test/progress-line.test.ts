import { describe, expect, it } from 'vitest';
import { createProgressLine, drawBar } from '../src/progress-line.ts';

function target(shape: { isTTY?: boolean; columns?: number }) {
  const written: string[] = [];
  return { ...shape, written, write: (text: string) => written.push(text) };
}

describe('a progress line', () => {
  it('is a bar on a terminal, written over, and gone at the end', () => {
    const out = target({ isTTY: true, columns: 100 });
    const line = createProgressLine(out, () => 0);
    line.say('search', 0.5, 11.2);
    line.end();
    expect(out.written).toEqual([`\r\u001B[Ksearch    ${'█'.repeat(12)}${'░'.repeat(12)}  50 %, 12 s left`, '\r\u001B[K']);
  });

  it('leaves the bar out where the terminal is narrow', () => {
    const out = target({ isTTY: true, columns: 40 });
    createProgressLine(out, () => 0).say('fold', 0.031, null);
    expect(out.written).toEqual(['\r\u001B[Kfold        3 %']);
  });

  it('is plain lines elsewhere: one a phase, and one every ten seconds', () => {
    const out = target({});
    let now = 0;
    const line = createProgressLine(out, () => now);
    for (const [phase, at] of [['search', 0], ['search', 9_000], ['search', 10_000], ['evaluate', 10_500], ['evaluate', 12_000]] as const) {
      now = at;
      line.say(phase, at / 20_000, 3);
    }
    line.end();
    expect(out.written).toEqual(['search, 0 %, 3 s left\n', 'search, 50 %, 3 s left\n', 'evaluate, 53 %, 3 s left\n']);
  });

  it('draws bars of one width, that only grow', () => {
    const bars = Array.from({ length: 201 }, (_, n) => drawBar(n / 200, 10));
    expect(new Set(bars.map((bar) => [...bar].length))).toEqual(new Set([10]));
    expect([bars[0], bars[200], drawBar(2, 4), drawBar(-1, 4)]).toEqual(['░'.repeat(10), '█'.repeat(10), '████', '░░░░']);
    const filled = bars.map((bar) => [...bar].reduce((sum, char) => sum + Math.max(0, '░▏▎▍▌▋▊▉█'.indexOf(char)), 0));
    expect(filled.every((one, n) => n === 0 || one >= filled[n - 1])).toBe(true);
  });
});
