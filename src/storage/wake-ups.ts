/**
 * LISTEN on a connection of its own, made anew whenever it breaks. A wake-up carries nothing: whoever is woken asks Postgres what is newer. After each new
 * connection all channels count as woken, because what was said in between is lost; a slow poll elsewhere covers what remains.
 */
import type pg from 'pg';
import { type Queryable, connectAlone, run } from './database.ts';

export const CHANNELS = ['jongleur_events', 'jongleur_users', 'jongleur_items', 'jongleur_types', 'jongleur_models', 'jongleur_keys', 'jongleur_scenarios'] as const;
export type Channel = (typeof CHANNELS)[number];

export interface WakeUps {
  stop(): Promise<void>;
}

const RECONNECT_MS = 500;

export function listenForWakeUps(connectionString: string, onWake: (channel: Channel) => void): WakeUps {
  let stopped = false;
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    try {
      const fresh = await connectAlone(connectionString, 'jongleur-listen');
      client = fresh;
      if (stopped) {
        await fresh.end();
        return;
      }
      fresh.on('notification', (message) => onWake(message.channel as Channel));
      fresh.on('end', retry);
      for (const channel of CHANNELS) {
        await fresh.query(`LISTEN ${channel}`);
      }
      CHANNELS.forEach(onWake);
    } catch {
      await client?.end().catch(() => undefined);
      retry();
    }
  }

  function retry(): void {
    client = null;
    if (!stopped) {
      clearTimeout(timer);
      timer = setTimeout(() => void connect(), RECONNECT_MS);
      timer.unref();
    }
  }

  void connect();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}

/** A NOTIFY with every COMMIT, and all that listen asking each time, took a fifth of the time of single events. */
const WAKE_EVERY_MS = 100;

/** Wakes those that listen on a channel, at most ten times a second. */
export interface PacedWakeUp {
  /** Whether the caller's transaction is to tell now. Where not, it is told of a moment later. */
  isDue(): boolean;
  later(): void;
  stop(): void;
}

export function createPacedWakeUp(database: Queryable, channel: Channel): PacedWakeUp {
  let lastMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  function later(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      lastMs = performance.now();
      run(database, `SELECT pg_notify('${channel}', '')`).catch(() => undefined);
    }, WAKE_EVERY_MS).unref();
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    isDue() {
      const nowMs = performance.now();
      if (nowMs - lastMs < WAKE_EVERY_MS) {
        later();
        return false;
      }
      lastMs = nowMs;
      stop();
      return true;
    },
    later,
    stop,
  };
}
