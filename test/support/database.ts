/** A database of a test's own, with a pool on it. */
import { inject } from 'vitest';
import { type Database, createDatabase } from '../../src/storage/database.ts';
import { createTestDatabase } from './postgres.ts';

export interface OwnDatabase {
  readonly url: string;
  readonly database: Database;
  /** Ends the pool and drops the database. */
  close(): Promise<void>;
}

export async function openTestDatabase(maxConnections = 2): Promise<OwnDatabase> {
  const { url, drop } = await createTestDatabase(inject('templateUrl'));
  const database = createDatabase({ connectionString: url, maxConnections, onError: () => undefined });
  return {
    url, database,
    async close() {
      await database.end();
      await drop();
    },
  };
}
