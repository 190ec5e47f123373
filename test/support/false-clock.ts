/** A clock that stands still until it is moved, with timers that go off by it. */
import type { Clock } from '../../src/training/schedule.ts';

export interface FalseClock extends Clock {
  /** Timers that are set. */
  waiting(): number;
  /** Moves on; what becomes due goes off in order, each at its time. */
  pass(ms: number): void;
  /** As `pass`, for whoever sets a timer again once its work has settled: waits for that before it moves on. */
  passWithWork(ms: number): Promise<void>;
  /** The machine sleeps: time passes, and nothing goes off until the clock is moved again. */
  sleep(ms: number): void;
}

export function createFalseClock(startMs: number): FalseClock {
  let nowMs = startMs;
  const timers = new Set<{ atMs: number; work: () => void }>();
  const next = (untilMs: number) => [...timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
  const fire = (timer: { atMs: number; work: () => void }) => {
    timers.delete(timer);
    nowMs = Math.max(nowMs, timer.atMs);
    timer.work();
  };
  return {
    now: () => nowMs,
    setTimer(work, delayMs) {
      const timer = { atMs: nowMs + delayMs, work };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    waiting: () => timers.size,
    pass(ms) {
      const untilMs = nowMs + ms;
      for (let timer = next(untilMs); timer !== undefined; timer = next(untilMs)) {
        fire(timer);
      }
      nowMs = untilMs;
    },
    sleep(ms) {
      nowMs += ms;
    },
    async passWithWork(ms) {
      const untilMs = nowMs + ms;
      for (let timer = next(untilMs); timer !== undefined; timer = next(untilMs)) {
        fire(timer);
        for (let n = 0; timers.size === 0; n++) {
          if (n > 2_000) {
            throw new Error('nothing was set again');
          }
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
      nowMs = untilMs;
    },
  };
}
