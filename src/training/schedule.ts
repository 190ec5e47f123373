/**
 * A cron pattern that starts work, on a clock that is given: tests give one of their own.
 *
 * Croner knows the pattern; waiting is done here, in short steps, so that a machine that slept, or whose clock was set, notices within `STEP_MS`. A time that passed meanwhile
 * is made up for once, however many passed. The next time is looked for when the work has settled, so it never overlaps with itself.
 */
import { Cron } from 'croner';

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** @returns how to take it back */
  setTimer(work: () => void, delayMs: number): () => void;
}

export interface Schedule {
  /** When the work starts next, milliseconds since 1970; null: never, or it is under way. */
  dueMs(): number | null;
  stop(): void;
}

const STEP_MS = 30_000;

/** Timers that do not keep the process alive. */
export function systemTimer(work: () => void, delayMs: number): () => void {
  const timer = setTimeout(work, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** @param pattern as croner has it, local time; it must be valid */
export function createSchedule(pattern: string, clock: Clock, work: () => Promise<void>, onError: (error: unknown) => void): Schedule {
  const cron = new Cron(pattern, { paused: true });
  let dueMs: number | null = null;
  let takeBack: (() => void) | null = null;
  let stopped = false;

  function plan(): void {
    dueMs = cron.nextRun(new Date(clock.now()))?.getTime() ?? null;
    wait();
  }

  function wait(): void {
    if (!stopped && dueMs !== null) {
      takeBack = clock.setTimer(wake, Math.min(STEP_MS, Math.max(0, dueMs - clock.now())));
    }
  }

  function wake(): void {
    if (stopped) {
      return;
    }
    if (clock.now() < dueMs!) {
      wait();
      return;
    }
    dueMs = null;
    work().catch(onError).finally(plan);
  }

  plan();
  return {
    dueMs: () => dueMs,
    stop() {
      stopped = true;
      takeBack?.();
    },
  };
}
