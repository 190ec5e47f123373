/**
 * Whether Postgres answers, asked twice a second on a connection of its own.
 *
 * One that refuses or breaks is told of by every statement. One that is silent is told of by nobody: packets are swallowed, connections stand, and whoever waits, waits. So where even `SELECT 1` gets no answer
 * in time, all connections of this process are cut: what waits on them fails at once, to be tried again on new ones. Long work (a training run, an import) is given longer, since it would begin anew.
 */
import type pg from 'pg';
import { cutConnection, cutConnections } from './connections.ts';
import { connectAlone, sqlStateOf } from './database.ts';

const EVERY_MS = 500;
const ANSWER_MS = 1_500;
const PATIENT_MS = 15_000;

class NoAnswer extends Error {
  constructor() {
    super(`Postgres did not answer within ${ANSWER_MS} ms`);
  }
}

/** @throws NoAnswer */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // Where this process itself was held up, the answer lies here already and is read in this turn of the event loop.
    timer = setTimeout(() => setImmediate(() => setImmediate(() => reject(new NoAnswer()))), ANSWER_MS);
  });
  // Whoever gave up waiting does not hear how it ended.
  work.catch(() => undefined);
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

export interface ReachOptions {
  readonly connectionString: string;
  /** Told after every look. */
  onAnswer(): void;
  onAway(error: unknown): void;
}

export interface Reach {
  stop(): Promise<void>;
}

export function watchReach({ connectionString, onAnswer, onAway }: ReachOptions): Reach {
  let client: pg.Client | null = null;
  let silentSinceMs: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function ask(): Promise<void> {
    client ??= await inTime(connectAlone(connectionString, 'jongleur-reach'));
    await inTime(client.query('SELECT 1'));
  }

  async function look(): Promise<void> {
    const startedMs = performance.now();
    try {
      await ask();
      silentSinceMs = null;
      if (!stopped) {
        onAnswer();
      }
    } catch (error) {
      if (client !== null) {
        cutConnection(client);
        client = null;
      }
      // A word from Postgres, or a closed port, says enough by itself.
      if (!(error instanceof NoAnswer)) {
        silentSinceMs = null;
      } else if (!stopped) {
        silentSinceMs ??= startedMs;
        cutConnections(connectionString, performance.now() - silentSinceMs >= PATIENT_MS);
      }
      // All its connections are taken: those that are ours still answer.
      if (!stopped && sqlStateOf(error) !== '53300') {
        onAway(error);
      }
    }
    if (!stopped) {
      timer = setTimeout(() => void look(), EVERY_MS);
    }
  }

  void look();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
