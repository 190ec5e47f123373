/** Brings a database to this version's tables. Any number of processes may call it at once: one migrates, the others wait for it. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { connectAlone } from './database.ts';

/** The folder beside `src` and `dist`. */
const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));
const TABLE = 'migrations';
const QUALIFIED = `public.${TABLE}`;

/** Whether all migrations of this version were applied, in their order. A later version may have applied more. */
async function isCurrent(client: pg.Client): Promise<boolean> {
  const [{ there }] = (await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [QUALIFIED])).rows;
  if (!there) {
    return false;
  }
  const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${QUALIFIED} ORDER BY run_on, id`);
  return readdirSync(MIGRATIONS_FOLDER).sort().every((file, k) => file === `${rows[k]?.name}.sql`);
}

/** @returns names of the migrations that this call applied */
export async function migrate(connectionString: string, log: (message: string) => void): Promise<string[]> {
  const client = await connectAlone(connectionString, 'jongleur-migrate', { always: true });
  try {
    // Nearly always so: a command need not load what makes tables, which takes as long as the rest of its start.
    if (await isCurrent(client)) {
      return [];
    }
    const { runner } = await import('node-pg-migrate');
    const applied = await runner({
      dbClient: client,
      dir: MIGRATIONS_FOLDER,
      migrationsTable: TABLE,
      direction: 'up',
      // Waits on the lock: with the default 'try' the second of two processes that start together would fail.
      advisoryLockMode: 'wait',
      singleTransaction: true,
      log: () => undefined,
      logger: { debug: () => undefined, info: () => undefined, warn: (message) => log(String(message)), error: (message) => log(String(message)) },
    });
    return applied.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}
