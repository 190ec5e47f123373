/** What the server and every command need first: a Postgres (the embedded one, or that of DATABASE_URL), migrated, with a pool on it. */
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { openDatabase } from './storage/connections.ts';
import { type Database, DatabaseUnavailable, type ServerFacts, connectAlone, createDatabase, explainDatabaseError, readServerFacts } from './storage/database.ts';
import { migrate } from './storage/migrations.ts';
import { watchReach } from './storage/reach.ts';
import { findSecret } from './storage/secrets.ts';

/** A pool on a Postgres that may not be there yet. */
export interface Ground {
  readonly connectionString: string;
  readonly database: Database;
  readonly embedded: boolean;
  /** Starts the embedded Postgres again where it has ended. @returns whether it was started */
  revive(): Promise<boolean>;
  close(): Promise<void>;
}

export interface House extends Ground {
  readonly facts: ServerFacts;
}

/** How long a Postgres of DATABASE_URL is waited for: in a compose file it may start at the same time. */
export const DATABASE_WAIT_MS = 60_000;
const RETRY_MS = 1_000;

/** With DATABASE_URL nothing embedded is loaded. */
export async function layGround(config: Config, logger: Logger, maxConnections: number): Promise<Ground> {
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
  // Closed by a start from a local copy that came to nothing.
  openDatabase(connectionString);
  const database = createDatabase({ connectionString, maxConnections, onError: (error) => logger.warn({ reason: error.message }, 'a connection to Postgres broke') });
  const close = async () => {
    await database.end().catch(() => undefined);
    await leave();
  };
  return { connectionString, database, embedded: config.databaseUrl === null, revive, close };
}

/** Waits for Postgres and brings its tables up to date. @throws DatabaseUnavailable where it does not come within `waitMs` */
export async function prepareDatabase({ connectionString, database }: Ground, logger: Logger, waitMs: number): Promise<ServerFacts> {
  const deadline = Date.now() + waitMs;
  for (let attempt = 1; ; attempt++) {
    try {
      const facts = await readServerFacts(database);
      facts.warnings.forEach((warning) => logger.warn(warning));
      await bringUpToDate(connectionString, logger);
      return facts;
    } catch (error) {
      const explained = explainDatabaseError(error);
      if (!(explained instanceof DatabaseUnavailable) || Date.now() >= deadline) {
        throw explained;
      }
      if (attempt === 1) {
        logger.warn({ reason: explained.message }, 'waiting for Postgres');
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function bringUpToDate(connectionString: string, logger: Logger): Promise<void> {
  const applied = await migrate(connectionString, (message) => logger.warn(message));
  if (applied.length > 0) {
    logger.info({ migrations: applied }, 'tables are up to date');
  }
}

/** Opens the house. Whatever fails leaves nothing running behind. */
export async function openHouse(config: Config, logger: Logger, maxConnections: number): Promise<House> {
  const ground = await layGround(config, logger, maxConnections);
  try {
    return { ...ground, facts: await prepareDatabase(ground, logger, DATABASE_WAIT_MS) };
  } catch (error) {
    await ground.close();
    throw error;
  }
}

/** What is in memory came from a database with these two. */
export interface Origin {
  readonly systemIdentifier: string;
  /** The secret `tokens`: databases of one cluster differ in it. */
  readonly tokenKey: Buffer;
}

/**
 * Waits for a closed Postgres for as long as it takes. Where it is the one that memory came from, its tables are brought up to date and it is opened; another one stays as it is, and closed.
 *
 * @returns whether it is
 */
export async function receivePostgres({ connectionString }: Ground, origin: Origin, logger: Logger, signal: AbortSignal): Promise<boolean> {
  let told = '';
  return await new Promise<boolean>((resolve) => {
    let isLooking = false;
    const look = async () => {
      const client = await connectAlone(connectionString, 'jongleur-start', { always: true, limited: true });
      try {
        const { systemIdentifier, warnings } = await readServerFacts(client);
        if (systemIdentifier !== origin.systemIdentifier || (await findSecret(client, 'tokens'))?.equals(origin.tokenKey) !== true) {
          return false;
        }
        warnings.forEach((warning) => logger.warn(warning));
        await bringUpToDate(connectionString, logger);
        return true;
      } finally {
        await client.end().catch(() => undefined);
      }
    };
    // Cuts connections on which nothing comes any more, those of `look` too.
    const reach = watchReach({
      connectionString,
      onAway: () => undefined,
      onAnswer() {
        if (isLooking) {
          return;
        }
        isLooking = true;
        look()
          .then((isSame) => {
            if (isSame) {
              openDatabase(connectionString);
            }
            stop();
            resolve(isSame);
          })
          .catch((error: unknown) => {
            // Too old, or tables that cannot be changed: somebody has to do something, and answers go on meanwhile.
            const reason = String(error);
            if (reason !== told && !(explainDatabaseError(error) instanceof DatabaseUnavailable)) {
              logger.error({ reason }, 'Postgres is there and cannot be used; answering from the local copy');
            }
            told = reason;
            isLooking = false;
          });
      },
    });
    const stop = () => void reach.stop();
    signal.addEventListener('abort', stop);
  });
}
