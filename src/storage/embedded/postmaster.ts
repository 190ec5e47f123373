/**
 * What the cluster's postmaster.pid says about a server, and how far it may be believed.
 *
 * Postgres writes the file when it starts and removes it as its last act, so it outlives a killed server. The pid in it may then be anybody's. Postgres
 * itself would take such a stranger of the same user for a server and refuse to start; here the stranger is recognised by its command line.
 */
import { readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError, OWN_POSTGRES } from './errors.ts';
import { commandLineOf, isRunning, pidExists } from './processes.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly status: 'starting' | 'ready' | 'stopping';
}

const POLL_MS = 10;
/** An empty postmaster.pid is being written this moment, or a full disk or a power cut left it; Postgres refuses to start over it. */
const EMPTY_FILE_MS = 1000;
const PORT_TIMEOUT_MS = 1000;

/** The server that runs on this cluster right now, in whatever state. */
export async function findPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const postmaster = await readPostmasterFile(cluster);
  return postmaster !== undefined && isRunning(postmaster.pid) && (await servesCluster(postmaster, cluster)) ? postmaster : undefined;
}

/**
 * Waits out a server that is starting or stopping, and clears away what would keep a new one from starting.
 * @returns a server that is ready, or undefined where a new one may be started
 * @throws EmbeddedPostgresError `embedded-start-failed` when `deadline` (epoch milliseconds) passes first
 */
export async function settlePostmaster(cluster: string, deadline: number): Promise<Postmaster | undefined> {
  for (;;) {
    const postmaster = await findPostmaster(cluster);
    if (postmaster?.status === 'ready') {
      return postmaster;
    }
    if (postmaster === undefined && (await clearPostmasterFile(cluster))) {
      return undefined;
    }
    if (Date.now() >= deadline) {
      throw new EmbeddedPostgresError(
        'embedded-start-failed',
        `The database server of ${cluster} (pid ${postmaster?.pid ?? 'unknown'}) is still ${postmaster?.status ?? 'starting'}. Remedy: wait for it and start again, or ${OWN_POSTGRES}.`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Waits until the process is gone. @returns whether it went in time */
export async function waitForEnd(pid: number, deadline: number): Promise<boolean> {
  while (isRunning(pid)) {
    if (Date.now() >= deadline) {
      return false;
    }
    await sleep(POLL_MS);
  }
  return true;
}

/** Lines of postmaster.pid: pid, data folder, start time, port, socket folder, listen address, shared memory, status (the last ones come later). */
export async function readPostmasterFile(cluster: string): Promise<Postmaster | undefined> {
  const lines = (await readFile(pathOf(cluster), 'utf8').catch(goneIsEmpty)).split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) {
    return undefined;
  }
  const word = lines[7]?.trim();
  return { pid, port: Number(lines[3]), status: word === 'ready' || word === 'stopping' ? word : 'starting' };
}

/** False while the file may still be in the making. */
async function clearPostmasterFile(cluster: string): Promise<boolean> {
  const postmaster = await readPostmasterFile(cluster);
  if (postmaster !== undefined) {
    if (pidExists(postmaster.pid)) {
      // Not removed: the file also names the dead server's shared memory, and Postgres must still see that nobody is attached to it. Our own pid is one it
      // takes for stale, since the server will be our child.
      const text = await readFile(pathOf(cluster), 'utf8').catch(goneIsEmpty);
      await writeFile(pathOf(cluster), text.replace(/^\d+/, String(process.pid)), { flag: 'r+' });
    }
    return true;
  }
  const found = await stat(pathOf(cluster)).catch(() => undefined);
  if (found !== undefined && Date.now() - found.mtimeMs < EMPTY_FILE_MS) {
    return false;
  }
  if (found !== undefined) {
    await unlink(pathOf(cluster));
  }
  return true;
}

/**
 * By command line: a server is always started with `-D <cluster>`. Where other processes' command lines are hidden (Windows), a server that calls itself
 * ready but does not answer on its port is a stranger; whether one that answers is ours, the login decides.
 */
async function servesCluster({ pid, port, status }: Postmaster, cluster: string): Promise<boolean> {
  const commandLine = commandLineOf(pid);
  if (commandLine !== undefined) {
    return commandLine.includes('postgres') && `${commandLine} `.includes(` -D ${cluster} `);
  }
  return status !== 'ready' || portAnswers(port);
}

function portAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PORT_TIMEOUT_MS });
    const finish = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.on('connect', () => finish(true));
    socket.on('timeout', () => finish(false));
    socket.on('error', () => finish(false));
  });
}

function pathOf(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}

function goneIsEmpty(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') {
    return '';
  }
  throw error;
}
