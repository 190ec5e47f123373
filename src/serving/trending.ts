/** What is on the rise: a short list, counted in Postgres over the newest events and kept in memory. Counted again when there are new events, and no more often than it is cheap. */
import type { Database } from '../storage/database.ts';
import { type TrendingRow, loadTrending } from '../storage/events.ts';
import { readTrainingSettings } from '../storage/settings.ts';

export interface Trending {
  /** Best first, at most `KEPT`. */
  rows(): readonly TrendingRow[];
  refresh(): Promise<void>;
  /** Rows of a local copy, until they can be counted. */
  restore(copied: readonly TrendingRow[]): void;
  /** There are new events: count again soon. */
  noteEvents(): void;
  stop(): void;
}

const WINDOW_EVENTS = 100_000;
const HALF_LIFE_DAYS = 7;
const KEPT = 1_000;
const MIN_PAUSE_MS = 1_000;
/** Counting takes at most this share of one connection's time. */
const BUSY_SHARE = 1 / 30;

export function createTrending(database: Database, onError: (error: unknown) => void): Trending {
  let rows: readonly TrendingRow[] = [];
  let pauseMs = MIN_PAUSE_MS;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  let isCounting = false;
  /** There are events that were not counted. */
  let isStale = false;

  async function refresh(): Promise<void> {
    const started = performance.now();
    const { rampDays } = await readTrainingSettings(database);
    rows = await loadTrending(database, WINDOW_EVENTS, HALF_LIFE_DAYS, KEPT, rampDays);
    pauseMs = Math.max(MIN_PAUSE_MS, (performance.now() - started) / BUSY_SHARE);
  }

  /** One count at a time: what comes while it is made is in the next. */
  function plan(): void {
    if (timer !== null || isCounting || stopped) {
      return;
    }
    timer = setTimeout(() => {
      timer = null;
      isCounting = true;
      isStale = false;
      refresh().catch(onError).finally(() => {
        isCounting = false;
        if (isStale) {
          plan();
        }
      });
    }, pauseMs);
    timer.unref();
  }

  return {
    rows: () => rows,
    refresh,
    restore(copied) {
      rows = copied;
    },
    noteEvents() {
      isStale = true;
      plan();
    },
    stop() {
      stopped = true;
      if (timer !== null) {
        clearTimeout(timer);
      }
    },
  };
}
