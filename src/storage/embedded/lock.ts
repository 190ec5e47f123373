/**
 * One process at a time decides about the server of a DATA_DIR: starting it, joining it and leaving it all happen under this lock, so two first starts make
 * one cluster, and whoever arrives while the last holder leaves waits for the end of the old server instead of getting hold of it.
 *
 * The lock is a file created exclusively; it names its owner, and an owner that is gone (`kill -9`) does not keep it. Postgres' own lock on the cluster
 * stands behind it: should this one ever fail, the second server refuses to start, and no data are harmed.
 */
import { open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError, OWN_POSTGRES } from './errors.ts';
import { giveToOwnerOf } from './account.ts';
import { isSameProcess, markProcess } from './processes.ts';
import type { ProcessMark } from './processes.ts';
import { dirname } from 'node:path';

export interface Lock {
  release(): Promise<void>;
}

const POLL_MS = 20;
/** A lock without a readable owner is being written this moment, or its writer died at it. It gets this long. */
const UNSIGNED_LOCK_MS = 2000;
/** Breaking a stale lock takes milliseconds; a guard that stays longer has lost its process. */
const BREAKING_MS = 10_000;

/** @throws EmbeddedPostgresError `embedded-busy` when `deadline` (epoch milliseconds) passes first. */
export async function acquireLock(path: string, deadline: number): Promise<Lock> {
  for (;;) {
    if (await createSigned(path)) {
      return { release: () => rm(path, { force: true }) };
    }
    if (await isStale(path)) {
      await breakLock(path);
    } else if (Date.now() >= deadline) {
      throw new EmbeddedPostgresError(
        'embedded-busy',
        `Another process (pid ${(await readOwner(path))?.pid ?? 'unknown'}) is starting or stopping the database and has not finished; it holds ${path}. ` +
          `Remedy: wait for it or end it, then start again, or ${OWN_POSTGRES}.`,
      );
    } else {
      await sleep(POLL_MS);
    }
  }
}

async function createSigned(path: string): Promise<boolean> {
  const file = await open(path, 'wx', 0o644).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') {
      return undefined;
    }
    throw error;
  });
  if (file === undefined) {
    return false;
  }
  try {
    await file.writeFile(JSON.stringify(markProcess(process.pid)));
    await giveToOwnerOf(dirname(path), path);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return true;
}

/**
 * Removes a stale lock, but never one that has been created since it was found stale: among several who find it, only the holder of the guard looks again
 * and deletes.
 */
async function breakLock(path: string): Promise<void> {
  const guard = `${path}.breaking`;
  const file = await open(guard, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') {
      return undefined;
    }
    throw error;
  });
  if (file === undefined) {
    if ((await ageMs(guard)) > BREAKING_MS) {
      await rm(guard, { force: true });
    }
    await sleep(POLL_MS);
    return;
  }
  try {
    if (await isStale(path)) {
      await rm(path, { force: true });
    }
  } finally {
    await file.close();
    await rm(guard, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  const owner = await readOwner(path);
  return owner === undefined ? (await ageMs(path)) > UNSIGNED_LOCK_MS : !isSameProcess(owner);
}

async function readOwner(path: string): Promise<ProcessMark | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessMark;
  } catch {
    return undefined;
  }
}

/** 0 for a file that is gone: it has just been freed, so the caller tries again. */
async function ageMs(path: string): Promise<number> {
  return stat(path).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  );
}
