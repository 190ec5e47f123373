/**
 * What is counted in this process, handed to `insight` by the wiring: the other rooms count, each for itself, and know nothing of monitoring.
 */
import type { Histogram } from './histogram.ts';

/** How the lists of a version that went live differ from those of the version before. */
export interface ListsChanged {
  readonly fromVersion: number;
  readonly toVersion: number;
  readonly shoppers: number;
  readonly overlap: number;
  readonly rankBiasedOverlap: number;
  readonly itemsBefore: number;
  readonly itemsAfter: number;
}

/** Counts are since the process began. */
export interface Vitals {
  readonly version: string;
  readonly phase: string;
  readonly databaseUp: boolean;
  /** Of the pool. */
  readonly connections: { readonly open: number; readonly waiting: number };
  readonly pressureLevel: number;
  readonly loopDelays: Histogram;
  readonly model: { readonly version: number; readonly madeAtMs: number; readonly newestEventMs: number } | null;
  readonly listsChanged: ListsChanged | null;
  /** Keys of the environment that a page has sent and that must not be in one; those of the database are noted there. */
  readonly givenKeysInPages: number;
  readonly answers: { readonly lists: Readonly<Record<string, number>>; readonly fallbacks: Readonly<Record<string, number>>; readonly stale: number; readonly previews: number };
  readonly events: { readonly accepted: number; readonly duplicates: number; readonly rejected: number; readonly overloaded: number; readonly failed: number; readonly queued: number; readonly maxQueued: number };
}
