/** Wake-ups of Postgres, a poll beside them, and a look at whether it is there. */
import type { DatabaseHealth } from './database-health.ts';
import type { Logger } from './logger.ts';
import type { Answers } from './serving/answers.ts';
import type { LocalCopyKeeper } from './storage/local-copy/keeper.ts';
import { createPacedWork } from './storage/paced-work.ts';
import { watchReach } from './storage/reach.ts';
import { CHANNELS, type Channel, listenForWakeUps } from './storage/wake-ups.ts';

export interface FollowOptions {
  readonly connectionString: string;
  readonly health: DatabaseHealth;
  readonly answers: Pick<Answers, 'noteReach'>;
  /** null: none is kept. */
  readonly localCopy: LocalCopyKeeper | null;
  readonly logger: Logger;
  /** What is to be done when a channel wakes. */
  readonly follow: Readonly<Record<Channel, () => Promise<void>>>;
  /** What notes when its keys were used, and writes it down now and then. */
  readonly uses: readonly { flushUse(): Promise<void> }[];
  /** Postgres was away. */
  readonly onBack: () => void;
}

/** Without a wake-up, Postgres is asked all the same. */
const POLL_MS = 5_000;
/** After events have been followed, so many times what that took. */
const REST = 4;
const MOST_PAUSE_MS = 200;

export function followPostgres({ connectionString, health, answers, localCopy, logger, follow, uses, onBack }: FollowOptions): { stop(): Promise<void> } {
  const tell = (channel?: Channel) => (error: unknown) => logger.warn({ channel, reason: String(error) }, 'could not follow Postgres');
  // Every commit wakes; reading back what is stored, as fast as it is stored, would take from Postgres what storing needs.
  const events = createPacedWork(async () => await follow.jongleur_events().catch(tell('jongleur_events')), (tookMs) => Math.min(MOST_PAUSE_MS, REST * tookMs));
  const wake = (channel: Channel) => {
    if (channel === 'jongleur_events') {
      events.note();
      return;
    }
    follow[channel]().then(() => localCopy?.note()).catch(tell(channel));
  };
  const wakeUps = listenForWakeUps(connectionString, wake);
  const followAll = async () => {
    for (const one of uses) {
      await one.flushUse();
    }
    for (const channel of CHANNELS) {
      await follow[channel]();
    }
    localCopy?.note();
  };
  const poll = setInterval(() => {
    if (health.isUp()) {
      followAll().catch(tell());
    }
  }, POLL_MS);
  const reach = watchReach({
    connectionString,
    onAnswer() {
      if (health.noteAnswer()) {
        answers.noteReach(true);
        // What was said meanwhile is heard when listening begins anew.
        CHANNELS.forEach(wake);
        onBack();
      }
    },
    onAway(error) {
      health.noteAway(error);
      answers.noteReach(false);
    },
  });
  return {
    async stop() {
      clearInterval(poll);
      await reach.stop();
      await wakeUps.stop();
      await events.stop();
      await localCopy?.stop();
      await Promise.allSettled(uses.map(async (one) => await one.flushUse()));
    },
  };
}
