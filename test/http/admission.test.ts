import { describe, expect, it } from 'vitest';
import { createAdmission } from '../../src/http/admission.ts';

/** An event loop with a clock of its own. */
function createLoop() {
  let nowMs = 1_000;
  let idleMs = 0;
  let end: (() => void) | null = null;
  const admission = createAdmission(() => nowMs, (work) => {
    end = work;
  }, () => idleMs);
  return {
    pause(ms: number) {
      nowMs += ms;
      idleMs += ms;
    },
    /** A turn in which so many requests lie there, each of `ms` where it is taken. @returns how many were */
    turn(requests: number, ms: number, refusalMs = 0.02): number {
      let taken = 0;
      for (let n = 0; n < requests; n++) {
        const isTaken = admission.admits();
        taken += isTaken ? 1 : 0;
        nowMs += isTaken ? ms : refusalMs;
      }
      end?.();
      end = null;
      return taken;
    },
  };
}

describe('admission', () => {
  it('takes everything where turns are short, however many', () => {
    const loop = createLoop();
    for (let n = 0; n < 1_000; n++) {
      expect(loop.turn(20, 1)).toBe(20);
    }
  });

  it('takes everything in and after one long turn', () => {
    const loop = createLoop();
    expect(loop.turn(1, 280)).toBe(1);
    expect(loop.turn(200, 1)).toBe(200);
    loop.pause(101);
    expect(loop.turn(200, 1)).toBe(200);
    expect(loop.turn(2, 1)).toBe(2);
  });

  it('takes everything of many connections that wait for their answers', () => {
    const loop = createLoop();
    for (let n = 0; n < 100; n++) {
      expect(loop.turn(100, 1)).toBe(100);
    }
  });

  it('takes long requests with pauses between them for what they are', () => {
    const loop = createLoop();
    for (let n = 0; n < 100; n++) {
      loop.pause(80);
      expect(loop.turn(3, 50)).toBe(3);
    }
  });

  it('at three times what it can do answers nearly as much as it can, waits short, and refuses nothing any more a second after it is over', () => {
    const loop = createLoop();
    let waiting = 0;
    let taken = 0;
    let offered = 0;
    let spentMs = 0;
    const longest: number[] = [];
    for (let n = 0; n < 3_000; n++) {
      const lying = Math.max(1, Math.round(waiting));
      const accepted = loop.turn(lying, 1);
      const turnMs = accepted + (lying - accepted) * 0.02;
      waiting = 3 * turnMs;
      // Once it has found out.
      if (n > 100) {
        taken += accepted;
        offered += lying;
        spentMs += turnMs;
        longest.push(turnMs);
      }
    }
    expect(offered / spentMs).toBeGreaterThan(2.5);
    expect(taken / spentMs).toBeGreaterThan(0.9);
    expect(Math.max(...longest)).toBeLessThan(15);
    for (let n = 0; n < 120; n++) {
      loop.turn(5, 1);
      loop.pause(5);
    }
    expect(loop.turn(24, 1)).toBe(24);
  });
});
