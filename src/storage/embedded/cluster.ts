/**
 * The cluster on disk: made once by initdb, whole or not at all, with one superuser whose random password stays in DATA_DIR.
 */
import { totalmem } from 'node:os';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveToOwnerOf, ownUid, requireNamedUser, takeCluster } from './account.ts';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError, OWN_POSTGRES } from './errors.ts';
import type { Home } from './home.ts';
import { runProgram } from './processes.ts';

export const ROLE = 'jongleur';

const INITDB_TIMEOUT_MS = 120_000;

/** A sixteenth of the memory there is, container limits included, within bounds: from some ten million events on, the index by user no longer fits in Postgres' default of 128 MB, and every event waits for a page of it. */
function sharedBuffers(): string {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  return `${Math.floor(Math.min(512, Math.max(128, memory / 2 ** 20 / 16)))}MB`;
}

/**
 * Written into postgresql.conf when the cluster is made, so that its owner may change them afterwards. fsync, full_page_writes and synchronous_commit keep
 * their safe defaults. 40 connections are several times the pools of one server and a CLI; checkpoint lines would fill the log of a quiet server. After each checkpoint every page that is touched is
 * logged whole: with more room between them an import of millions of rows writes less. A shopper's events lie on as many pages as there are of them: with 64 reads asked for ahead in place of 16 those of
 * the busiest come in 107 ms in place of 134 (18,200 events of 10 million).
 */
const SETTINGS: Record<string, string> = {
  max_connections: '40',
  shared_buffers: sharedBuffers(),
  max_wal_size: '2GB',
  effective_io_concurrency: '64',
  password_encryption: 'scram-sha-256',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** @returns the major version the cluster was made by, undefined where there is none yet */
export async function readClusterVersion(cluster: string): Promise<number | undefined> {
  const version = await readIfThere(join(cluster, 'PG_VERSION'));
  if (version !== undefined) {
    return Number.parseInt(version, 10);
  }
  const names = await readdir(cluster).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  if (names.length > 0) {
    throw new EmbeddedPostgresError(
      'embedded-data-dir-unusable',
      `${cluster} holds files but no Postgres database (PG_VERSION is missing). Remedy: move the folder away or restore it from a backup, or ${OWN_POSTGRES}.`,
    );
  }
  return undefined;
}

/**
 * Makes the cluster if there is none, else checks that these binaries can open it.
 * @throws EmbeddedPostgresError `embedded-version-mismatch`, `embedded-start-failed`
 */
export async function prepareCluster(home: Home, binaries: Binaries, password: string): Promise<'created' | 'found'> {
  const version = await readClusterVersion(home.cluster);
  if (version === undefined) {
    await createCluster(home, binaries, password);
    return 'created';
  }
  if (version !== binaries.major) {
    throw new EmbeddedPostgresError(
      'embedded-version-mismatch',
      `The database in ${home.cluster} was made by Postgres ${version}, and this Jongleur brings Postgres ${binaries.major}, which cannot open it. ` +
        `Nothing was changed. Remedy: start the Jongleur that made it, write a backup (jongleur backup shop.backup), then restore it into a new DATA_DIR with this one (jongleur restore shop.backup); or run a Postgres ${version} on that folder and set DATABASE_URL to it.`,
    );
  }
  await takeCluster(home.cluster, home.account);
  return 'found';
}

/**
 * initdb works in a folder of its own, which then gets its name: a crash leaves a leftover to sweep, never half a cluster. It keeps its final sync to disk
 * (0.1 s of 0.8 s here): the server would never sync again what it does not touch, and a power cut weeks later may not find system tables empty.
 */
async function createCluster(home: Home, binaries: Binaries, password: string): Promise<void> {
  if (home.account === undefined) {
    requireNamedUser();
  }
  await sweepLeftovers(home.folder);
  const staging = join(home.folder, `postgres.new-${randomBytes(4).toString('hex')}`);
  const passwordFile = join(staging, 'password');
  const made = join(staging, 'cluster');
  await mkdir(staging, { mode: 0o700 });
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (home.account !== undefined) {
      await chown(passwordFile, home.account.uid, home.account.gid);
      await chown(staging, home.account.uid, home.account.gid);
    }
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const result = await runProgram(
      binaries.initdb,
      ['-D', made, '--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', `--username=${ROLE}`, `--pwfile=${passwordFile}`, ...settings],
      { account: home.account, cwd: home.folder, timeoutMs: INITDB_TIMEOUT_MS },
    );
    if (result.exitCode !== 0) {
      throw initFailed(home, result.output);
    }
    await rename(made, home.cluster);
    await syncFolder(home.folder);
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 3 });
  }
}

function initFailed(home: Home, output: string): EmbeddedPostgresError {
  const lines = output.trim().split('\n').slice(-10).join('\n');
  const remedy = /no space left/i.test(output) ? `free some space (a new database takes about 50 MB) below ${home.folder}` : `see below what stopped it`;
  return new EmbeddedPostgresError('embedded-start-failed', `initdb could not create a database in ${home.folder}. Remedy: ${remedy}, or ${OWN_POSTGRES}. It said:\n${lines}`);
}

/**
 * The role's password: read from DATA_DIR, or drawn and kept there before the cluster is made, so that no cluster exists whose password nobody knows. Only the
 * owner of DATA_DIR may read it.
 */
export async function readPassword(dataDir: string, home: Home): Promise<string> {
  const path = join(dataDir, 'postgres-password');
  const kept = (await readIfThere(path))?.trim();
  if (kept) {
    return kept;
  }
  if ((await readClusterVersion(home.cluster)) !== undefined) {
    throw new EmbeddedPostgresError(
      'embedded-data-dir-unusable',
      `${path} is missing or empty, and without it nobody can log in to the database in ${home.cluster}. Remedy: restore the file from a backup of ${dataDir}, or ${OWN_POSTGRES}.`,
    );
  }
  const password = randomBytes(24).toString('base64url');
  const writing = `${path}.new`;
  await writeFile(writing, `${password}\n`, { mode: 0o600, flush: true });
  await chmod(writing, 0o600);
  await giveToOwnerOf(dataDir, writing);
  await rename(writing, path);
  await syncFolder(dataDir);
  return password;
}

async function sweepLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('postgres.new-')) {
      await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    }
  }
}

/** A rename is only as durable as the folder it happened in. Windows cannot open folders and does not need to. */
async function syncFolder(folder: string): Promise<void> {
  if (ownUid() === undefined) {
    return;
  }
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      return undefined;
    }
    throw error;
  });
}
