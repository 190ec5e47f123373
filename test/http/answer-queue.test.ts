import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnswerQueue } from '../../src/http/answer-queue.ts';

/** An event loop with a clock of its own, on which a list takes `listMs`. */
function createLoop(listMs: number) {
  let nowMs = 1_000;
  let next: (() => void) | null = null;
  const served: { no: number; waitedMs: number }[] = [];
  const slices: number[] = [0];
  const queue = createAnswerQueue<{ no: number; sinceMs: number }>(
    ({ no, sinceMs }) => {
      nowMs += listMs;
      slices[slices.length - 1]++;
      served.push({ no, waitedMs: nowMs - sinceMs });
    },
    () => slices.push(0),
    () => nowMs,
    (work) => {
      expect(next).toBeNull();
      next = work;
    },
  );
  return {
    served, slices,
    ask: (no: number) => queue.add({ no, sinceMs: nowMs }),
    pass(ms: number) {
      nowMs += ms;
    },
    /** @returns whether there was anything to do */
    round(): boolean {
      const work = next;
      next = null;
      work?.();
      return work !== null;
    },
    now: () => nowMs,
  };
}

describe('the queue of answers', () => {
  it('serves in order, each once, a few milliseconds at a time', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 60 }), fc.constantFrom(0.04, 0.5, 2, 9), (arrivals, listMs) => {
        const loop = createLoop(listMs);
        let asked = 0;
        const taken: number[] = [];
        for (const many of arrivals) {
          for (let n = 0; n < many; n++, asked++) {
            if (loop.ask(asked)) {
              taken.push(asked);
            }
          }
          loop.round();
        }
        while (loop.round()) {
          expect(loop.slices.at(-2)! * listMs).toBeLessThan(3 + listMs + 1e-9);
        }
        expect(loop.served.map(({ no }) => no)).toEqual(taken);
      }),
    );
  });

  it('takes all of what lies there after a pause, however much', () => {
    const loop = createLoop(0.5);
    expect(loop.ask(0)).toBe(true);
    loop.pass(2_000);
    loop.round();
    expect(Array.from({ length: 3_000 }, (_, no) => loop.ask(no)).every(Boolean)).toBe(true);
  });

  it('at three times what it can do answers all the time, nobody later than 0.15 s, and takes everybody again when it is over', () => {
    const loop = createLoop(0.3);
    let due = 0;
    let asked = 0;
    let refused = 0;
    const from = loop.now();
    while (loop.now() < from + 10_000) {
      for (; due < 10 * (loop.now() - from); due++, asked++) {
        refused += loop.ask(asked) ? 0 : 1;
      }
      const before = loop.now();
      loop.round();
      loop.pass(before === loop.now() ? 0.1 : 0);
    }
    expect(loop.served.length).toBeGreaterThan(0.99 * (10_000 / 0.3));
    expect(refused / asked).toBeGreaterThan(0.6);
    expect(Math.max(...loop.served.map(({ waitedMs }) => waitedMs))).toBeLessThan(150);
    while (loop.round());
    for (let n = 0; n < 1_000; n++) {
      expect(loop.ask(n)).toBe(true);
      loop.round();
      loop.pass(1);
    }
  });
});
