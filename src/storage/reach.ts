/**
 * Whether Postgres answers, asked about twice a second on a connection of its own.
 *
 * One that refuses or breaks is told of by every statement. One that is silent is told of by nobody: packets are swallowed, connections stand, and whoever waits, waits. So where even `SELECT 1` gets no answer
 * in time, and nothing came in over any other connection either, all connections of this process are cut: what waits on them fails at once, to be tried again on new ones. Long work (a training run, an
 * import) is given longer, since it would begin anew. A machine with too much to do answers late, but it answers somebody.
 */
import type pg from 'pg';
import { bytesReceived, cutConnection, cutConnections, setAway } from './connections.ts';
import { connectAlone, sqlStateOf } from './database.ts';

const EVERY_MS = 500;
/** Of it, so much more or less each time: looks in step with what breaks connections would all be broken, and nobody would be let through between them. */
const SPREAD = 0.25;
const ANSWER_MS = 1_500;
/** For so long nothing must have come in over any connection. */
const SILENCE_MS = 1_000;
/** While others get answers, a look that gets none is begun anew. */
const GIVE_UP_MS = 6_000;
const SAMPLE_MS = 100;
const PATIENT_MS = 15_000;

class NoAnswer extends Error {
  /** Whether nobody else got one either. */
  readonly isSilent: boolean;
  constructor(isSilent: boolean) {
    super(`Postgres did not answer within ${ANSWER_MS} ms`);
    this.isSilent = isSilent;
  }
}

/** @throws NoAnswer */
async function inTime<T>(connectionString: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const startedMs = performance.now();
  let received = bytesReceived(connectionString);
  let receivedMs = startedMs;
  const late = new Promise<never>((_, reject) => {
    const sample = () => {
      const now = performance.now();
      const bytes = bytesReceived(connectionString);
      if (bytes !== received) {
        received = bytes;
        receivedMs = now;
      }
      const isSilent = now - receivedMs >= SILENCE_MS;
      if (now - startedMs >= (isSilent ? ANSWER_MS : GIVE_UP_MS)) {
        reject(new NoAnswer(isSilent));
      }
    };
    // Where this process itself was held up, an answer lies here already and is read in this turn of the event loop.
    timer = setInterval(() => setImmediate(sample), SAMPLE_MS);
  });
  // Whoever gave up waiting does not hear how it ended.
  work.catch(() => undefined);
  return await Promise.race([work, late]).finally(() => clearInterval(timer));
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
    if (client === null) {
      const connecting = connectAlone(connectionString, 'jongleur-reach', { always: true });
      client = await inTime(connectionString, connecting).catch((error: unknown) => {
        // Where it comes after all, nobody wants it any more.
        connecting.then(cutConnection, () => undefined);
        throw error;
      });
    }
    await inTime(connectionString, client.query('SELECT 1'));
  }

  async function look(): Promise<void> {
    const startedMs = performance.now();
    try {
      await ask();
      silentSinceMs = null;
      if (!stopped) {
        setAway(connectionString, false);
        onAnswer();
      }
    } catch (error) {
      if (client !== null) {
        cutConnection(client);
        client = null;
      }
      // A word from Postgres, or a closed port, says enough by itself.
      if (!(error instanceof NoAnswer) || !error.isSilent) {
        silentSinceMs = null;
      } else if (!stopped) {
        silentSinceMs ??= startedMs;
        setAway(connectionString, true);
        cutConnections(connectionString, performance.now() - silentSinceMs >= PATIENT_MS);
      }
      // All its connections are taken, or all its time: those that are ours still get answers.
      const isBusy = sqlStateOf(error) === '53300' || (error instanceof NoAnswer && !error.isSilent);
      if (!stopped && !isBusy) {
        setAway(connectionString, true);
        onAway(error);
      }
    }
    if (!stopped) {
      timer = setTimeout(() => void look(), EVERY_MS * (1 + SPREAD * (2 * Math.random() - 1)));
    }
  }

  void look();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      setAway(connectionString, false);
      await client?.end().catch(() => undefined);
    },
  };
}
