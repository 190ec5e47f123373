/**
 * A ledger against kill -9: six writers send events with ids of their own, single, in lists and as lines, and note what was acknowledged; the server, or Postgres under it, is killed at random moments
 * and started again. Whatever the moment, every acknowledged event must be stored, and nothing may be stored that was never sent.
 */
import pg from 'pg';
import { dedupOfEventId } from '../../src/ingest/dedup.ts';
import { createRandom } from '../../src/model/random.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { KEYS } from '../support/service.ts';
import type { OwnPostgres } from './own-postgres.ts';

export interface LedgerResult {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  /** Acknowledged and not stored. */
  readonly lost: number;
  /** Stored and never sent. */
  readonly invented: number;
  /** Stored under another content than that under which they were sent. */
  readonly changed: number;
  /** Answers other than 200, by status. */
  readonly refusals: Readonly<Record<string, number>>;
}

const WRITERS = 6;
const USERS = 40;
const SETTINGS = { TRAINER: 'off', RETRAIN_CRON: 'off', RETRAIN_AFTER_EVENTS: '0' };

interface Sent {
  readonly userId: string;
  readonly itemId: string;
  readonly eventId: string;
}

export interface LedgerOptions {
  readonly databaseUrl: string;
  readonly rounds: number;
  readonly seed: number;
  /** Killed in place of the server, which then lives through all rounds. */
  readonly postgres?: OwnPostgres;
  /** Of the server, e.g. NODE_OPTIONS that plant a fault. */
  readonly environment?: Record<string, string>;
}

export async function keepLedger({ databaseUrl, rounds, seed, postgres, environment = {} }: LedgerOptions): Promise<LedgerResult> {
  const random = createRandom(seed);
  const sent = new Map<string, Sent>();
  const acknowledged = new Set<string>();
  const refusals = new Map<number, number>();
  let made = 0;
  const make = (): Sent => {
    const event = { userId: `u${random.integer(USERS)}`, itemId: `i${made}`, eventId: `e${made++}` };
    sent.set(dedupOfEventId(event.userId, event.eventId), event);
    return event;
  };

  async function write(url: string, writer: number): Promise<void> {
    const events = Array.from({ length: writer % 3 === 0 ? 1 : 1 + random.integer(30) }, make);
    const bodies = events.map((event) => ({ ...event, type: 'view' }));
    const lines = writer % 3 === 2;
    const answer = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': lines ? 'application/x-ndjson' : 'application/json' },
      body: lines ? bodies.map((body) => JSON.stringify(body)).join('\n') : JSON.stringify(bodies.length === 1 ? bodies[0] : { events: bodies }),
    });
    // The status is the acknowledgement, whether or not the rest of the answer comes through.
    if (answer.status === 200) {
      events.forEach((event) => acknowledged.add(dedupOfEventId(event.userId, event.eventId)));
    } else {
      refusals.set(answer.status, (refusals.get(answer.status) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await answer.arrayBuffer();
  }

  const start = async (): Promise<ServerProcess> => {
    const server = await startServer({ DATABASE_URL: databaseUrl, ...SETTINGS, ...environment });
    await server.ready();
    return server;
  };

  /** Writes until enough was acknowledged, kills at a random moment after that, and lets the writers find out. */
  async function round(server: ServerProcess, kill: () => Promise<unknown>): Promise<void> {
    let going = true;
    const before = acknowledged.size;
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      while (going) {
        // A server that is gone must not be asked ten thousand times a second.
        await write(server.url, writer).catch(async () => await new Promise((resolve) => setTimeout(resolve, 20)));
      }
    });
    while (acknowledged.size < before + 200) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, random.integer(250)));
    await kill();
    going = false;
    await Promise.all(writers);
  }

  if (postgres === undefined) {
    for (let n = 0; n < rounds; n++) {
      const server = await start();
      await round(server, async () => await server.end('SIGKILL'));
    }
  } else {
    const server = await start();
    for (let n = 0; n < rounds; n++) {
      await round(server, async () => {
        await postgres.kill(n % 2 === 0 ? 'SIGKILL' : 'SIGQUIT');
        await postgres.revive();
      });
    }
    await server.end('SIGTERM');
  }

  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  // What the killed server had sent already may still be on its way into the table.
  for (let busy = 1; busy > 0; ) {
    busy = (await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)).rows[0].n;
  }
  const { rows } = await client.query<{ dedup: string; userId: string; itemId: string }>('SELECT dedup, user_id AS "userId", item_id AS "itemId" FROM events JOIN users USING (user_no) JOIN items USING (item_no)');
  await client.end();
  const stored = new Map(rows.map((row) => [row.dedup, row]));
  return {
    sent: sent.size,
    acknowledged: acknowledged.size,
    stored: stored.size,
    lost: [...acknowledged].filter((dedup) => !stored.has(dedup)).length,
    invented: rows.filter((row) => !sent.has(row.dedup)).length + (rows.length - stored.size),
    refusals: Object.fromEntries(refusals),
    changed: rows.filter((row) => sent.get(row.dedup)?.userId !== row.userId || sent.get(row.dedup)?.itemId !== row.itemId).length,
  };
}
