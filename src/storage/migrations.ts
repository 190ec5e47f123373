/** Brings a database to this version's tables. Any number of processes may call it at once: one migrates, the others wait for it. */
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { connectAlone } from './database.ts';

/** The folder beside `src` and `dist`. */
const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));

/** @returns names of the migrations that this call applied */
export async function migrate(connectionString: string, log: (message: string) => void): Promise<string[]> {
  const client = await connectAlone(connectionString, 'jongleur-migrate', { always: true });
  try {
    const applied = await runner({
      dbClient: client,
      dir: MIGRATIONS_FOLDER,
      migrationsTable: 'migrations',
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
