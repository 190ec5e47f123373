/** Work that something may call for at any time: done a pause later, once for all calls of that pause, never twice at once, and once more for calls that came while it was done. */
export interface PacedWork {
  note(): void;
  /** Begins nothing new; resolves when nothing is under way. */
  stop(): Promise<void>;
}

/**
 * @param work tells of its own faults and does not reject
 * @param pauseMs asked each time, with how long the work took last, 0 before the first: long work may want a longer pause after it
 */
export function createPacedWork(work: () => Promise<void>, pauseMs: (tookMs: number) => number): PacedWork {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let isWanted = false;
  let stopped = false;
  let tookMs = 0;

  function note(): void {
    if (stopped) {
      return;
    }
    if (running !== null) {
      isWanted = true;
      return;
    }
    timer ??= setTimeout(() => {
      timer = undefined;
      const beganMs = performance.now();
      running = work().finally(() => {
        tookMs = performance.now() - beganMs;
        running = null;
        if (isWanted) {
          isWanted = false;
          note();
        }
      });
    }, pauseMs(tookMs)).unref();
  }

  return {
    note,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
