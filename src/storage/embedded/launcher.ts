/**
 * The Postgres that `npm start` brings along: one cluster per DATA_DIR, one server per cluster, shared by every Jongleur process on that DATA_DIR.
 *
 * A process that arrives takes DATA_DIR's lock and then, by what it finds,
 *
 *   - attaches to a server that runs: another process's, or the orphan of one that was killed;
 *   - waits for a server that is stopping to end, or for one that is starting to be ready;
 *   - makes the cluster, if there is none, and starts a server.
 *
 * It leaves its mark in DATA_DIR/holders before it lets go of the lock. A process that leaves takes the same lock, removes its mark and, where no living
 * process's mark is left, stops the server. A process that is killed leaves the server running, which loses nothing, and a mark that counts no more; the
 * next one to arrive or leave puts that right.
 *
 * In DATA_DIR: postgres/ (the cluster), postgres-password, postgres.log, postgres.lock, holders/; see home.ts for when the cluster is elsewhere.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { prepareBinaries } from './binaries.ts';
import { ROLE, prepareCluster, readPassword } from './cluster.ts';
import { EmbeddedPostgresError, OWN_POSTGRES, explainFileError } from './errors.ts';
import { addHolder, countHolders, removeHolder } from './holders.ts';
import { findHome, openDataDir } from './home.ts';
import type { Home, Log } from './home.ts';
import { acquireLock } from './lock.ts';
import { findPostmaster, settlePostmaster } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';
import { startServer, stopServer } from './server.ts';

export { EmbeddedPostgresError } from './errors.ts';
export type { EmbeddedPostgresErrorCode } from './errors.ts';

export interface EmbeddedPostgres {
  /** postgres://jongleur:<password>@127.0.0.1:<port>/jongleur. The port is another one after every start of the server. */
  readonly connectionString: string;
  /** True when a server was already running: another process's, or an orphan. */
  readonly attached: boolean;
  readonly port: number;
  readonly serverPid: number;
  /**
   * Starts the server again where it has ended, on the port that it had: after a full disk, say, it does not come back by itself.
   *
   * @returns whether it was started; false where it runs, or another process has started it on another port
   * @throws EmbeddedPostgresError where it does not start, with what its log says
   */
  revive(): Promise<boolean>;
  /** Leaves; the last holder to leave stops the server. Takes at most about 9 s, never throws, and may be called again. Close your pools first. */
  release(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Jongleur's DATA_DIR; made if missing. */
  readonly dataDir: string;
  readonly log: Log;
  /** For everything together: waiting for another process, initdb, recovery after a crash. */
  readonly startTimeoutMs?: number;
  /** Where the cluster goes if root runs us and the server's account cannot reach DATA_DIR; /var/lib/jongleur (macOS: /usr/local/var/jongleur) if absent. */
  readonly fallbackDir?: string;
}

const DATABASE = 'jongleur';
const START_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5000;
const QUERY_TIMEOUT_MS = 30_000;
/** Leaving happens on SIGTERM, where 10 s are all there is: 2.5 s for the lock, 6 s for the shutdown. */
const LEAVE_LOCK_MS = 2500;
const LEAVE_STOP_MS = 6000;
/** A server that answers so will answer otherwise in a moment: starting or shutting down (57P03, 57P01), all connections in use (53300), a closed port. */
const PASSING_TROUBLES = new Set(['57P03', '57P01', '53300', 'ECONNREFUSED', 'ECONNRESET']);

/** @throws EmbeddedPostgresError with a code, a reason and a remedy */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const deadline = Date.now() + (options.startTimeoutMs ?? START_TIMEOUT_MS);
  try {
    const dataDir = await openDataDir(options.dataDir);
    const lock = await acquireLock(lockOf(dataDir), deadline);
    try {
      return await arrive(dataDir, options, deadline);
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw explainFileError(error, options.dataDir);
  }
}

async function arrive(dataDir: string, { fallbackDir, log }: EmbeddedPostgresOptions, deadline: number): Promise<EmbeddedPostgres> {
  const home = await findHome(dataDir, fallbackDir, log);
  const password = await readPassword(dataDir, home);
  // Before the server: on a full disk this fails, and then nothing has been started.
  const holder = await addHolder(dataDir);
  let started: Postmaster | undefined;
  try {
    for (;;) {
      const running = await settlePostmaster(home.cluster, deadline);
      const server = running ?? (started = await launch(dataDir, home, password, deadline, log));
      if (await openDatabase(server.port, password, home, deadline)) {
        log(running ? 'attached to the running database' : 'database started', { cluster: home.cluster, port: server.port, pid: server.pid });
        return { ...describe(server, password, running !== undefined), revive: async () => await revive(dataDir, home, password, server.port, log), release: createRelease({ dataDir, home, holder, log }) };
      }
    }
  } catch (error) {
    await removeHolder(holder);
    if (started !== undefined) {
      await stop(started, home, log);
    }
    throw error;
  }
}

async function revive(dataDir: string, home: Home, password: string, port: number, log: Log): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  try {
    const lock = await acquireLock(lockOf(dataDir), deadline);
    try {
      if ((await settlePostmaster(home.cluster, deadline)) !== undefined) {
        return false;
      }
      await launch(dataDir, home, password, deadline, log, port);
      return true;
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
}

async function launch(dataDir: string, home: Home, password: string, deadline: number, log: Log, onPort?: number): Promise<Postmaster> {
  const binaries = await prepareBinaries(home, log);
  if ((await prepareCluster(home, binaries, password)) === 'created') {
    log('created a database', { cluster: home.cluster, user: home.account?.name });
  }
  return startServer(home, binaries, join(dataDir, 'postgres.log'), deadline, onPort);
}

function describe({ port, pid }: Postmaster, password: string, attached: boolean): Omit<EmbeddedPostgres, 'release' | 'revive'> {
  return { connectionString: `postgres://${ROLE}:${password}@127.0.0.1:${port}/${DATABASE}`, attached, port, serverPid: pid };
}

function createRelease(use: { dataDir: string; home: Home; holder: string; log: Log }): () => Promise<void> {
  let leaving: Promise<void> | undefined;
  return () => (leaving ??= leave(use));
}

async function leave({ dataDir, home, holder, log }: { dataDir: string; home: Home; holder: string; log: Log }): Promise<void> {
  try {
    const lock = await acquireLock(lockOf(dataDir), Date.now() + LEAVE_LOCK_MS).catch((error: unknown) => {
      log('Left the database running: another process is busy starting or stopping it.', { error: String(error) });
    });
    try {
      await removeHolder(holder);
      // Without the lock somebody else is arriving, and the server is theirs.
      if (lock !== undefined && (await countHolders(dataDir)) === 0) {
        const server = await findPostmaster(home.cluster);
        await (server && stop(server, home, log));
      }
    } finally {
      await lock?.release();
    }
  } catch (error) {
    log('Leaving the database failed; it stays until the next start on this DATA_DIR.', { error: String(error) });
  }
}

async function stop(server: Postmaster, home: Home, log: Log): Promise<void> {
  const pgCtl = async () => (await prepareBinaries(home, log)).pgCtl;
  const gone = await stopServer(server.pid, home.cluster, pgCtl, Date.now() + LEAVE_STOP_MS);
  log(gone ? 'database stopped' : 'the database is still shutting down and finishes by itself', { pid: server.pid });
}

/**
 * Logs in, which proves that the server is ours, and creates the database if it is missing (a crash right after initdb).
 * @returns false where the server went away or is not open yet, so look again
 */
async function openDatabase(port: number, password: string, home: Home, deadline: number): Promise<boolean> {
  try {
    await query(port, password, DATABASE, 'SELECT 1').catch(async (error: { code?: string }) => {
      if (error.code !== '3D000') {
        throw error;
      }
      await query(port, password, 'postgres', `CREATE DATABASE ${DATABASE}`);
    });
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== undefined && PASSING_TROUBLES.has(code) && Date.now() < deadline) {
      await sleep(50);
      return false;
    }
    throw new EmbeddedPostgresError(
      'embedded-start-failed',
      `The database server of ${home.cluster} on port ${port} does not let us in: ${(error as Error).message}. ` +
        `Remedy: if postgres-password was changed or restored from another time, bring back the matching one; or ${OWN_POSTGRES}.`,
      { cause: error },
    );
  }
}

/** One statement on a connection of its own. `ssl` and `options` are given so that PGSSLMODE and PGOPTIONS, which are about other servers, have no say. */
async function query(port: number, password: string, database: string, sql: string): Promise<void> {
  const address = { host: '127.0.0.1', port, user: ROLE, password, database, ssl: false, options: '-c jit=off' };
  const client = new pg.Client({ ...address, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, query_timeout: QUERY_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function lockOf(dataDir: string): string {
  return join(dataDir, 'postgres.lock');
}
