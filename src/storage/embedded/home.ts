/**
 * Where the cluster lives: DATA_DIR/postgres, unless the account the server has to run as cannot get there.
 *
 * That is the usual fate of `npm start` as root in /root/jongleur, a folder nobody else may enter. /root is not ours to open, so the cluster then moves to
 * the machine's place for such things and DATA_DIR keeps a pointer to it. A pointer that leads nowhere is an error, never a reason to begin with an empty
 * database: the old one may be on a disk that is not mounted.
 */
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { chooseAccount, findBarrier, giveToOwnerOf, letThrough } from './account.ts';
import type { Account } from './account.ts';
import { EmbeddedPostgresError, OWN_POSTGRES } from './errors.ts';

export type Log = (message: string, detail?: Record<string, unknown>) => void;

export interface Home {
  /** Holds the cluster, and a copy of the binaries where the account cannot reach the installed ones. DATA_DIR itself or its stand-in. */
  readonly folder: string;
  readonly cluster: string;
  /** What the server and initdb run as; undefined for "as this process". */
  readonly account: Account | undefined;
}

const POINTER = 'postgres-lives-in';

/** Makes DATA_DIR if it is missing and returns it free of symbolic links, so that two spellings of it are one lock. */
export async function openDataDir(dataDir: string): Promise<string> {
  const wanted = resolve(dataDir);
  await mkdir(wanted, { recursive: true });
  const found = await realpath(wanted);
  await access(found, constants.W_OK | constants.X_OK);
  return found;
}

/** To be called with DATA_DIR's lock held. `fallbackDir` is where a cluster goes that cannot live in DATA_DIR. */
export async function findHome(dataDir: string, fallbackDir: string | undefined, log: Log): Promise<Home> {
  const pointer = join(dataDir, POINTER);
  const moved = await readPointer(pointer);
  const folder = moved ?? dataDir;
  if (moved !== undefined && !(await exists(moved))) {
    throw new EmbeddedPostgresError(
      'embedded-data-dir-unusable',
      `The database of ${dataDir} is kept in ${moved}, and that folder is missing. Remedy: bring it back, or delete ${pointer} to begin with an empty database, or ${OWN_POSTGRES}.`,
    );
  }
  const cluster = join(folder, 'postgres');
  const account = await chooseAccount(dataDir, cluster);
  const barrier = account === undefined ? undefined : await clearTheWay(folder, account, log);
  if (account === undefined || barrier === undefined) {
    return { folder, cluster, account };
  }
  if (moved !== undefined || (await exists(cluster))) {
    throw new EmbeddedPostgresError(
      'embedded-data-dir-unusable',
      `The database in ${cluster} has to run as user "${account.name}", and that user may not enter ${barrier}. Remedy: chmod o+x ${barrier}, or move DATA_DIR, or ${OWN_POSTGRES}.`,
    );
  }
  const standIn = await prepareStandIn(dataDir, fallbackDir ?? machineStateDir(), account);
  await writeFile(pointer, `${standIn}\n`);
  await giveToOwnerOf(dataDir, pointer);
  log('The database cannot live in DATA_DIR, since the server has to run as a user who may not enter there; it is kept elsewhere.', {
    dataDir,
    barrier,
    account: account.name,
    keptIn: standIn,
  });
  return { folder: standIn, cluster: join(standIn, 'postgres'), account };
}

/** Opens DATA_DIR itself for passing through where that is all it takes; returns what still bars the way. */
async function clearTheWay(folder: string, account: Account, log: Log): Promise<string | undefined> {
  const barrier = await findBarrier(folder, account);
  if (barrier === folder && (await letThrough(folder))) {
    log('DATA_DIR may now be passed through (not listed) by other users, since the server cannot run as root.', { dataDir: folder, account: account.name });
    return findBarrier(folder, account);
  }
  return barrier;
}

async function prepareStandIn(dataDir: string, fallbackDir: string, account: Account): Promise<string> {
  const standIn = join(fallbackDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  await mkdir(standIn, { recursive: true, mode: 0o711 });
  // A strict umask (0077) closes what mkdir was asked to leave passable.
  for (const folder of [fallbackDir, standIn]) {
    if ((await findBarrier(folder, account)) === folder) {
      await letThrough(folder);
    }
  }
  const barrier = await findBarrier(standIn, account);
  if (barrier !== undefined) {
    throw new EmbeddedPostgresError(
      'embedded-data-dir-unusable',
      `Postgres has to run as user "${account.name}", who may enter neither ${dataDir} nor ${barrier}. Remedy: point DATA_DIR at a folder that user can reach, or ${OWN_POSTGRES}.`,
    );
  }
  return standIn;
}

function machineStateDir(): string {
  return process.platform === 'darwin' ? '/usr/local/var/jongleur' : '/var/lib/jongleur';
}

async function readPointer(pointer: string): Promise<string | undefined> {
  const text = await readFile(pointer, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return '';
    }
    throw error;
  });
  return text.trim() || undefined;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        return false;
      }
      throw error;
    },
  );
}
