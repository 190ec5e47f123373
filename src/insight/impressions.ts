/**
 * Impressions without a write on the read path: lists are counted in memory where their ids are made, and added to the table every few seconds and when the process stops. A process that is killed
 * loses the lists of these seconds; while Postgres is away they wait.
 */
import type { Database } from '../storage/database.ts';
import { notePreviewed } from '../storage/first-steps.ts';
import { type ListCount, type ListKind, addImpressions } from '../storage/impressions.ts';

const HOUR_MS = 3_600_000;
const EVERY_MS = 5_000;
/** Counters that wait for Postgres: a busy shop's for some days. */
const MOST_WAITING = 200_000;
const ROWS_A_TIME = 5_000;

/** Lists of one kind, made at one time. */
export type Listed = Omit<ListKind, 'hourMs'> & { readonly listedAtMs: number; readonly lists: number };

export interface Impressions {
  /** A page says that it showed a list. */
  noteSeen(list: Omit<Listed, 'lists'>): void;
  /** An event was stored without the list that it names. */
  noteFault(fault: string): void;
  /** Adds what was counted to the table. @throws DatabaseUnavailable: it stays, and is added later */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export interface ImpressionsOptions {
  readonly database: Database;
  /** Lists given out since it was last asked. */
  readonly drain: () => readonly Listed[];
  /** Lists that are shown to nobody, since the process began: none of them counts, but the first is told of. */
  readonly previews: () => number;
  readonly now: () => number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

interface Waiting {
  readonly kind: ListKind;
  lists: number;
  seenLists: number;
}

export function createImpressions({ database, drain, previews, now, log }: ImpressionsOptions): Impressions {
  let waiting = new Map<string, Waiting>();
  let faults = new Map<string, { readonly hourMs: number; readonly fault: string; events: number }>();
  let flushing: Promise<void> = Promise.resolve();
  let isFull = false;
  let hasTold = false;

  function add(kind: ListKind, lists: number, seenLists: number): void {
    const key = `${kind.hourMs} ${kind.scenarioNo} ${kind.variantNo} ${kind.modelVersion} ${kind.sourceNo} ${kind.bucket} ${kind.length}`;
    const known = waiting.get(key);
    if (known !== undefined) {
      known.lists += lists;
      known.seenLists += seenLists;
    } else if (waiting.size < MOST_WAITING) {
      waiting.set(key, { kind, lists, seenLists });
    } else if (!isFull) {
      isFull = true;
      log('Postgres is away for so long that lists are no longer counted', { waiting: waiting.size }, true);
    }
  }

  const kindOf = ({ listedAtMs, scenarioNo, variantNo, modelVersion, sourceNo, bucket, length }: Omit<Listed, 'lists'>): ListKind => ({
    hourMs: Math.floor(listedAtMs / HOUR_MS) * HOUR_MS, scenarioNo, variantNo, modelVersion, sourceNo, bucket, length,
  });

  function addFault(hourMs: number, fault: string, events: number): void {
    const key = `${hourMs} ${fault}`;
    const known = faults.get(key);
    if (known === undefined) {
      faults.set(key, { hourMs, fault, events });
    } else {
      known.events += events;
    }
  }

  async function write(): Promise<void> {
    for (const list of drain()) {
      add(kindOf(list), list.lists, 0);
    }
    const counts: ListCount[] = [...waiting.values()].map(({ kind, lists, seenLists }) => ({ ...kind, lists, seenLists }));
    const faultCounts = [...faults.values()];
    waiting = new Map();
    faults = new Map();
    for (let from = 0; from < counts.length || (from === 0 && faultCounts.length > 0); from += ROWS_A_TIME) {
      try {
        await addImpressions(database, counts.slice(from, from + ROWS_A_TIME), from === 0 ? faultCounts : []);
      } catch (error) {
        counts.slice(from).forEach(({ lists, seenLists, ...kind }) => add(kind, lists, seenLists));
        if (from === 0) {
          faultCounts.forEach(({ hourMs, fault, events }) => addFault(hourMs, fault, events));
        }
        throw error;
      }
    }
    isFull = false;
    if (!hasTold && previews() > 0) {
      await notePreviewed(database);
      hasTold = true;
    }
  }

  function flush(): Promise<void> {
    const next = flushing.catch(() => undefined).then(write);
    flushing = next;
    return next;
  }

  // What fails waits for the next time; whether Postgres is there is told elsewhere.
  const timer = setInterval(() => void flush().catch(() => undefined), EVERY_MS);
  timer.unref();
  return {
    noteSeen: (list) => add(kindOf(list), 0, 1),
    noteFault: (fault) => addFault(Math.floor(now() / HOUR_MS) * HOUR_MS, fault, 1),
    flush,
    async stop() {
      clearInterval(timer);
      await flush().catch((error: unknown) => log('lists of the last seconds could not be counted', { reason: String(error) }, true));
    },
  };
}
