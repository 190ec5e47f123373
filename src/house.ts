/** What the server and every command need first: a Postgres (the embedded one, or that of DATABASE_URL), migrated, with a pool on it. */
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { type Database, type ServerFacts, createDatabase, readServerFacts } from './storage/database.ts';
import { migrate } from './storage/migrations.ts';

export interface House {
  readonly connectionString: string;
  readonly database: Database;
  readonly facts: ServerFacts;
  readonly embedded: boolean;
  /** Starts the embedded Postgres again where it has ended. @returns whether it was started */
  revive(): Promise<boolean>;
  close(): Promise<void>;
}

/** How long a Postgres of DATABASE_URL is waited for: in a compose file it may start at the same time. */
const DATABASE_WAIT_MS = 60_000;
const RETRY_MS = 1_000;

async function waitForDatabase(database: Database, logger: Logger): Promise<ServerFacts> {
  const deadline = Date.now() + DATABASE_WAIT_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await readServerFacts(database);
    } catch (error) {
      const unavailable = error instanceof Error && error.name === 'DatabaseUnavailable';
      if (!unavailable || Date.now() > deadline) {
        throw error;
      }
      if (attempt === 1) {
        logger.warn({ reason: error.message }, 'waiting for Postgres');
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Opens the house. With DATABASE_URL nothing embedded is loaded. Whatever fails leaves nothing running behind. */
export async function openHouse(config: Config, logger: Logger, maxConnections: number): Promise<House> {
  let connectionString = config.databaseUrl;
  let leave = async () => {};
  let revive = async () => false;
  if (connectionString === null) {
    const { startEmbeddedPostgres } = await import('./storage/embedded/launcher.ts');
    const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log: (message, detail) => logger.info(detail ?? {}, message) });
    // Not over TLS on the loopback: a PGSSLMODE in the environment is about other servers.
    connectionString = `${postgres.connectionString}?sslmode=disable`;
    leave = async () => await postgres.release();
    revive = async () => await postgres.revive();
  }
  const database = createDatabase({ connectionString, maxConnections, onError: (error) => logger.warn({ reason: error.message }, 'a connection to Postgres broke') });
  const close = async () => {
    await database.end().catch(() => undefined);
    await leave();
  };
  try {
    const facts = await waitForDatabase(database, logger);
    facts.warnings.forEach((warning) => logger.warn(warning));
    const applied = await migrate(connectionString, (message) => logger.warn(message));
    if (applied.length > 0) {
      logger.info({ migrations: applied }, 'tables are up to date');
    }
    return { connectionString, database, facts, embedded: config.databaseUrl === null, revive, close };
  } catch (error) {
    await close();
    throw error;
  }
}
