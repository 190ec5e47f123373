/**
 * LISTEN on a connection of its own, made anew whenever it breaks. A wake-up carries nothing: whoever is woken asks Postgres what is newer. After each new
 * connection all channels count as woken, because what was said in between is lost; a slow poll elsewhere covers what remains.
 */
import type pg from 'pg';
import { connectAlone } from './database.ts';

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
