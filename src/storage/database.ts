/**
 * The pool, transactions, and what a lost connection means.
 *
 * Every wait has an end: connecting, a statement, and the answer to it (`query_timeout`; `reach.ts` cuts what waits for a database that swallows packets long before that). Long work (COPY, migrations)
 * runs on connections that say so.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { keepConnection, whyAway } from './connections.ts';

export type Database = pg.Pool;
export type Connection = pg.PoolClient;
/** Both can run a query: a statement alone, or one inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'> | Pick<pg.PoolClient, 'query'>;

/** SQLSTATEs after which the same transaction may simply be sent again, with what each means. */
export const RETRYABLE_SQLSTATES: Readonly<Record<string, string>> = {
  '40001': 'serialization failure',
  '40P01': 'deadlock detected',
  '55P03': 'lock not available',
};

/** SQLSTATE classes and codes that mean "Postgres cannot be used now", not "this statement is wrong". */
export const UNAVAILABLE_SQLSTATES: Readonly<Record<string, string>> = {
  '08000': 'connection exception, as are all of its class',
  '25006': 'read-only: a standby, a failover under way, or a hoster whose disk is nearly full',
  '25P03': 'idle in a transaction for too long: this process was held up',
  '25P04': 'transaction timeout',
  '53000': 'insufficient resources',
  '53200': 'out of memory',
  '53300': 'too many connections',
  '57014': 'statement timeout',
  '57P01': 'terminated by an administrator',
  '57P02': 'crash shutdown',
  '57P03': 'cannot connect now',
  '57P04': 'the database was dropped, to be restored perhaps',
  '57P05': 'idle for longer than the server allows',
  '58000': 'system error: of the machine, not of the statement',
  '58030': 'input or output error of the disk',
};

/** SQLSTATEs after which there is no room to write. */
export const FULL_SQLSTATES: Readonly<Record<string, string>> = {
  '53100': 'disk full',
  '53400': 'a limit of the configuration is reached, of temporary files say',
};

/** Of a server that will not take writes again on this connection, whatever becomes of its cluster: a new one may lead to another server. */
const READ_ONLY = '25006';

export class DatabaseUnavailable extends Error {
  constructor(cause: unknown) {
    super(`Postgres cannot be used at the moment (${cause instanceof Error ? cause.message : String(cause)})`, { cause });
    this.name = 'DatabaseUnavailable';
  }
}

/** The disk that holds the database is full, or a limit set on it is reached: nothing was written. */
export class DatabaseFull extends Error {
  constructor(cause: unknown) {
    super('Postgres has no room left to write. Nothing of this step was stored, and what was stored before stays. Make room on the disk of Postgres, then do it again.', { cause });
    this.name = 'DatabaseFull';
  }
}

export interface DatabaseOptions {
  readonly connectionString: string;
  readonly maxConnections: number;
  readonly onError: (error: Error) => void;
}

/** Also the wait for one of the pool that is free. Somebody waits for an answer: three seconds are all a write has. */
const CONNECT_TIMEOUT_MS = 2_500;
const STATEMENT_TIMEOUT_MS = 30_000;

/** Parsers for the columns used here: bigint event numbers stay below 2⁵³ and are numbers; xid8 and the rest keep pg's defaults. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

export function createDatabase(options: DatabaseOptions): Database {
  type Connect = (callback: (error: Error) => void) => void;
  /** Asks also where a place in the pool becomes free for somebody who has waited already. */
  class PooledClient extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      const connect = this.connect.bind(this) as Connect;
      const connectUnlessAway: Connect = (callback) => {
        const reason = whyAway(options.connectionString);
        if (reason === null) {
          connect(callback);
        } else {
          process.nextTick(callback, reason);
        }
      };
      this.connect = connectUnlessAway as typeof this.connect;
    }
  }
  const pool = new pg.Pool({
    Client: PooledClient,
    connectionString: options.connectionString,
    max: options.maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
    idle_in_transaction_session_timeout: 60_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'jongleur',
    types,
  });
  // An idle connection that breaks must not end the process: the pool replaces it.
  pool.on('error', options.onError);
  // The pool listens to idle connections only: one that breaks in the middle of a transaction shows up as the failure of its statement, and must not end the process either.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    keepConnection(options.connectionString, client);
  });
  return pool;
}

export interface AloneOptions {
  /** Queries are written without waiting for the answers to those before. */
  readonly pipeline?: boolean;
  /** The pool's limits on statements hold here too. */
  readonly limited?: boolean;
  /** Tried also where the database is known to be away. */
  readonly always?: boolean;
}

/** A connection outside the pool, for LISTEN, the training lock, COPY of whole tables, the writer: no statement limit unless asked for, the caller ends it. @throws DatabaseUnavailable */
export async function connectAlone(connectionString: string, applicationName: string, { pipeline = false, limited = false, always = false }: AloneOptions = {}): Promise<pg.Client> {
  const reason = always ? null : whyAway(connectionString);
  if (reason !== null) {
    throw explainDatabaseError(reason);
  }
  const limits = limited ? { statement_timeout: STATEMENT_TIMEOUT_MS, query_timeout: STATEMENT_TIMEOUT_MS + 5_000 } : {};
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true, application_name: applicationName, types, ...limits, ...(pipeline ? { pipeline } : {}) } as pg.ClientConfig);
  // A break shows up as the failure of whatever is running; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw explainDatabaseError(error);
  }
  keepConnection(connectionString, client);
  return client;
}

/** Which database a connection string means, whoever asks and by whatever password: a hash of host, port and name. */
export function placeOf(connectionString: string): string {
  const { host, port, database } = new pg.Client({ connectionString });
  return createHash('sha256').update(JSON.stringify([host, port, database ?? null])).digest('hex');
}

/** The SQLSTATE of an error of the driver, also where it is the cause of one of ours. */
export function sqlStateOf(error: unknown): string | undefined {
  return sqlState(error) ?? sqlState((error as { cause?: unknown } | null)?.cause);
}

function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  // EPIPE is none.
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Turns an error of the driver into `DatabaseUnavailable` or `DatabaseFull` where it is one; everything else is returned as it is. */
export function explainDatabaseError(error: unknown): unknown {
  if (error instanceof DatabaseUnavailable || error instanceof DatabaseFull) {
    return error;
  }
  const state = sqlState(error);
  if (state !== undefined && state in FULL_SQLSTATES) {
    return new DatabaseFull(error);
  }
  if (state !== undefined) {
    return state.startsWith('08') || state in UNAVAILABLE_SQLSTATES ? new DatabaseUnavailable(error) : error;
  }
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  const message = error instanceof Error ? error.message : '';
  const broken = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/.test(code) || /Connection terminated|timeout exceeded|timeout expired|Query read timeout|Client has encountered a connection error|Cannot use a pool after/.test(message);
  return broken ? new DatabaseUnavailable(error) : error;
}

const MAX_ATTEMPTS = 4;

/**
 * Runs `work` in a transaction and commits it; sends the whole again where Postgres says that this helps (`RETRYABLE_SQLSTATES`).
 * `work` must therefore have no effect outside the transaction.
 */
export async function inTransaction<T>(database: Database, work: (connection: Connection) => Promise<T>, begin = 'BEGIN'): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    let connection: Connection | undefined;
    try {
      connection = await database.connect();
      await connection.query(begin);
      const result = await work(connection);
      await connection.query('COMMIT');
      connection.release();
      return result;
    } catch (error) {
      if (connection !== undefined) {
        // A connection that cannot even roll back is not given back to the pool.
        const rolledBack = await connection.query('ROLLBACK').then(
          () => true,
          () => false,
        );
        connection.release(!rolledBack || sqlStateOf(error) === READ_ONLY);
      }
      const state = sqlState(error);
      if (state === undefined || !(state in RETRYABLE_SQLSTATES)) {
        throw explainDatabaseError(error);
      }
      if (attempt === MAX_ATTEMPTS) {
        // Too busy for us, not wrong: the caller may try again later.
        throw new DatabaseUnavailable(error);
      }
    }
  }
}

/** One statement with the driver's errors explained. @param name for one that is prepared once a connection */
export async function run<R extends pg.QueryResultRow>(database: Queryable, text: string, values: readonly unknown[] = [], name?: string): Promise<R[]> {
  try {
    const result = await (database as pg.Pool).query<R>(name === undefined ? text : { name, text }, values as unknown[]);
    return result.rows;
  } catch (error) {
    throw explainDatabaseError(error);
  }
}

export interface ServerFacts {
  readonly systemIdentifier: string;
  readonly versionNumber: number;
  /** Settings that risk acknowledged data, as sentences; empty where all is well. */
  readonly warnings: readonly string[];
}

/** What kind of Postgres this is. Throws where it is older than 14, the oldest it is tested for. */
export async function readServerFacts(database: Queryable): Promise<ServerFacts> {
  const [facts] = await run<{ version: string; system: string; fsync: string; commit: string; pages: string; encoding: string }>(
    database,
    `SELECT current_setting('server_version_num') AS version, (SELECT system_identifier::text FROM pg_control_system()) AS system, current_setting('fsync') AS fsync,
            current_setting('synchronous_commit') AS commit, current_setting('full_page_writes') AS pages, current_setting('server_encoding') AS encoding`,
  );
  const versionNumber = Number(facts.version);
  if (versionNumber < 140_000) {
    throw new Error(`This Postgres is version ${Math.floor(versionNumber / 10_000)}; Jongleur needs 14 or newer.`);
  }
  if (facts.encoding !== 'UTF8') {
    throw new Error(`This database has the encoding ${facts.encoding}; Jongleur needs UTF8. Make one with: CREATE DATABASE jongleur ENCODING 'UTF8' TEMPLATE template0.`);
  }
  const warnings: string[] = [];
  for (const [name, value] of [['fsync', facts.fsync], ['synchronous_commit', facts.commit], ['full_page_writes', facts.pages]]) {
    if (value === 'off') {
      warnings.push(`Postgres runs with ${name} = off: events that were acknowledged can be lost when the machine or Postgres stops unexpectedly. Set ${name} = on.`);
    }
  }
  return { systemIdentifier: facts.system, versionNumber, warnings };
}
