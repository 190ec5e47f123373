/**
 * Starting and stopping the server process.
 *
 * It runs in a session of its own (`detached`), so that Ctrl-C in the terminal reaches Node alone, which then drains before it stops the database; and it is
 * unreferenced, so that it never keeps Node alive. It is our direct child all the same: Node collects its exit, also where Node is pid 1 of a container.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { open, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveToOwnerOf } from './account.ts';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError, OWN_POSTGRES } from './errors.ts';
import type { Home } from './home.ts';
import { readPostmasterFile, waitForEnd } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';
import { isRunning, programEnvironment, runProgram, spawnIdentity } from './processes.ts';

const POLL_MS = 10;
const MAX_PORT_ATTEMPTS = 5;
const MAX_LOG_BYTES = 8 * 1024 * 1024;
const LOG_TAIL_BYTES = 8192;
const LOG_TAIL_LINES = 12;

/** How a start can fail for a reason that may be gone a moment later, as the server's log words it (LC_ALL=C). */
const PORT_TAKEN = /could not (bind|create any TCP)/;
const STALE_LOCK = /lock file "postmaster\.pid" already exists|pre-existing shared memory block/;

/**
 * Starts the server on a free loopback port and waits until it accepts connections. A port that somebody takes in between is replaced by another; what a
 * killed predecessor left (backends that still hold its shared memory) is waited for.
 * @param deadline epoch milliseconds
 * @param onPort this port and no other
 * @throws EmbeddedPostgresError `embedded-start-failed`, with the last lines of the log
 */
export async function startServer(home: Home, binaries: Binaries, logFile: string, deadline: number, onPort?: number): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    await rotateLog(logFile);
    const outcome = await startOnPort(onPort ?? (await findFreePort()), home, binaries, logFile, deadline);
    if ('pid' in outcome) {
      return outcome;
    }
    const staleLock = STALE_LOCK.test(outcome.log) && Date.now() < deadline;
    if (!staleLock && !(onPort === undefined && PORT_TAKEN.test(outcome.log) && attempt < MAX_PORT_ATTEMPTS)) {
      throw startFailed(outcome, home, logFile);
    }
    await sleep(staleLock ? 200 : 0);
  }
}

interface FailedStart {
  readonly reason: string;
  readonly log: string;
}

async function startOnPort(port: number, home: Home, binaries: Binaries, logFile: string, deadline: number): Promise<Postmaster | FailedStart> {
  // On the command line and not in postgresql.conf: these are Jongleur's to decide at every start. No socket folder: loopback with a password is the one way in.
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='].flatMap((setting) => ['-c', setting]);
  const log = await open(logFile, 'a', 0o640);
  const { size: logStart } = await log.stat();
  await giveToOwnerOf(dirname(logFile), logFile);
  const fail = async (reason: string): Promise<FailedStart> => ({ reason, log: await readTail(logFile, logStart) });
  try {
    if (process.platform === 'win32') {
      return await startThroughPgCtl(settings, home, binaries, logFile, deadline, fail);
    }
    const child = spawn(binaries.postgres, ['-D', home.cluster, ...settings], {
      ...spawnIdentity(home.account),
      cwd: home.folder,
      env: programEnvironment(),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    child.unref();
    return (await waitUntilReady(child, home.cluster, deadline)) ?? (await fail(describeEnd(child)));
  } finally {
    await log.close();
  }
}

/** @returns undefined when the process ends, or `deadline` passes, before the server is ready */
async function waitUntilReady(child: ChildProcess, cluster: string, deadline: number): Promise<Postmaster | undefined> {
  // Without a listener a program that cannot be run would end this process; what then is missing is the pid.
  child.on('error', () => undefined);
  while (child.pid !== undefined && child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    const postmaster = await readPostmasterFile(cluster);
    if (postmaster !== undefined && postmaster.pid === child.pid && postmaster.status === 'ready') {
      return postmaster;
    }
    await sleep(POLL_MS);
  }
  return undefined;
}

function describeEnd(child: ChildProcess): string {
  if (child.pid === undefined) {
    return 'it could not be run';
  }
  if (child.exitCode === null && child.signalCode === null) {
    return 'it was not ready in time; it may be recovering from a crash, and is left to finish that, so start again in a while';
  }
  return `it ended with ${child.signalCode ?? `code ${child.exitCode}`}`;
}

/** Windows: only pg_ctl can shed administrator rights, which Postgres refuses as it refuses root. */
async function startThroughPgCtl(
  settings: string[],
  home: Home,
  binaries: Binaries,
  logFile: string,
  deadline: number,
  fail: (reason: string) => Promise<FailedStart>,
): Promise<Postmaster | FailedStart> {
  const timeoutMs = Math.max(1000, deadline - Date.now());
  const seconds = String(Math.ceil(timeoutMs / 1000));
  const options = settings.map((part) => `"${part}"`).join(' ');
  const result = await runProgram(binaries.pgCtl, ['start', '-w', '-t', seconds, '-D', home.cluster, '-l', logFile, '-o', options], { cwd: home.folder, timeoutMs: timeoutMs + 5000 });
  const postmaster = await readPostmasterFile(home.cluster);
  return result.exitCode === 0 && postmaster !== undefined ? postmaster : fail(result.output.trim());
}

/**
 * Fast shutdown: open transactions are rolled back, a checkpoint is written. Where that takes longer than the caller can wait, the server finishes it by itself
 * in its own session, and the next start waits for it.
 * @returns whether it was gone by `deadline`
 */
export async function stopServer(pid: number, cluster: string, pgCtl: (() => Promise<string>) | undefined, deadline: number): Promise<boolean> {
  if (process.platform === 'win32' && pgCtl !== undefined) {
    await runProgram(await pgCtl(), ['stop', '-m', 'fast', '-W', '-D', cluster], { cwd: cluster, timeoutMs: 5000 });
  } else if (isRunning(pid)) {
    process.kill(pid, 'SIGINT');
  }
  return waitForEnd(pid, deadline);
}

function startFailed(outcome: FailedStart, home: Home, logFile: string): EmbeddedPostgresError {
  const isFull = /no space left/i.test(outcome.log);
  const remedy = isFull ? `free some space below ${home.folder}` : `see the log in ${logFile}`;
  const said = outcome.log === '' ? 'The log has nothing about it.' : `The log ends with:\n${outcome.log}`;
  return new EmbeddedPostgresError(isFull ? 'embedded-disk-full' : 'embedded-start-failed', `The database server did not start on ${home.cluster}: ${outcome.reason}. Remedy: ${remedy}, or ${OWN_POSTGRES}. ${said}`);
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen({ host: '127.0.0.1', port: 0 }, () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** A log beyond the limit becomes the one old log that is kept. Within one run the log grows by errors and refused statements only. */
async function rotateLog(logFile: string): Promise<void> {
  const found = await stat(logFile).catch(() => undefined);
  if (found !== undefined && found.size > MAX_LOG_BYTES) {
    await rename(logFile, `${logFile}.1`);
  }
}

async function readTail(logFile: string, from: number): Promise<string> {
  const log = await open(logFile, 'r');
  try {
    const { size } = await log.stat();
    const start = Math.max(from, size - LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await log.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString('utf8', 0, bytesRead).trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  } finally {
    await log.close();
  }
}
