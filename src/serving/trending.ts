/** What is on the rise: a short list, counted in Postgres over the newest events and kept in memory. Counted again when there are new events, and no more often than it is cheap. */
import type { Database } from '../storage/database.ts';
import { type TrendingRow, loadTrending } from '../storage/events.ts';
import { createPacedWork } from '../storage/paced-work.ts';
import { readTrainingSettings } from '../storage/settings.ts';

export interface Trending {
  /** Best first, at most `KEPT`. */
  rows(): readonly TrendingRow[];
  refresh(): Promise<void>;
  /** Rows of a local copy, until they can be counted. */
  restore(copied: readonly TrendingRow[]): void;
  /** There are new events: count again soon. */
  noteEvents(): void;
  stop(): Promise<void>;
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

  async function refresh(): Promise<void> {
    const started = performance.now();
    const { rampDays } = await readTrainingSettings(database);
    rows = await loadTrending(database, WINDOW_EVENTS, HALF_LIFE_DAYS, KEPT, rampDays);
    pauseMs = Math.max(MIN_PAUSE_MS, (performance.now() - started) / BUSY_SHARE);
  }

  const counting = createPacedWork(async () => await refresh().catch(onError), () => pauseMs);
  return {
    rows: () => rows,
    refresh,
    restore(copied) {
      rows = copied;
    },
    noteEvents: counting.note,
    stop: counting.stop,
  };
}
