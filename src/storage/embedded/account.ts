/**
 * The account the server runs as. Postgres refuses to run as root, so where Node is root (a container, a small server) the server gets another account:
 * whoever owns the cluster already, else the owner of DATA_DIR, else `postgres`, else `nobody`. Everybody else runs it as themselves.
 */
import { chmod, chown, lchown, readFile, readdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { EmbeddedPostgresError, OWN_POSTGRES } from './errors.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The uid of this process, undefined where the platform has none (Windows). */
export function ownUid(): number | undefined {
  return process.geteuid?.();
}

/**
 * The account to drop to, or undefined where this process may run the server as itself. `cluster` need not exist yet.
 * @throws EmbeddedPostgresError `embedded-account-missing`; `embedded-data-dir-unusable` where the cluster belongs to somebody else and we are not root.
 */
export async function chooseAccount(dataDir: string, cluster: string): Promise<Account | undefined> {
  const clusterOwner = await ownerOf(cluster);
  const uid = ownUid();
  if (uid === undefined) {
    return undefined;
  }
  if (uid !== 0) {
    if (clusterOwner !== undefined && clusterOwner.uid !== uid) {
      throw new EmbeddedPostgresError(
        'embedded-data-dir-unusable',
        `The database in ${cluster} belongs to user id ${clusterOwner.uid}, and this process runs as ${uid}. ` +
          `Remedy: start Jongleur as that user or as root, as it was first started, or give the folder to this user (chown -R ${uid} ${cluster}), or ${OWN_POSTGRES}.`,
      );
    }
    return undefined;
  }
  const known = await readAccounts();
  if (clusterOwner !== undefined && clusterOwner.uid !== 0) {
    return { name: known.find((account) => account.uid === clusterOwner.uid)?.name ?? String(clusterOwner.uid), ...clusterOwner };
  }
  const dataDirOwner = await ownerOf(dataDir);
  // initdb looks its own user up by id, so an owner without an entry in /etc/passwd (a bind mount's) will not do.
  const account =
    known.find((entry) => entry.uid !== 0 && entry.uid === dataDirOwner?.uid) ??
    known.find((entry) => entry.name === 'postgres') ??
    known.find((entry) => entry.name === 'nobody');
  if (account === undefined) {
    throw new EmbeddedPostgresError(
      'embedded-account-missing',
      `Postgres does not run as root, and /etc/passwd knows neither "postgres" nor "nobody" to run it as. Remedy: start Jongleur as an ordinary user, or ${OWN_POSTGRES}.`,
    );
  }
  return account;
}

/** initdb fails, late and tersely, for a user id without a name (`docker run --user 1234`); say so before. */
export function requireNamedUser(): void {
  try {
    userInfo();
  } catch (error) {
    throw new EmbeddedPostgresError(
      'embedded-account-missing',
      `User id ${ownUid()} has no entry in /etc/passwd, and Postgres cannot create a database without one. Remedy: run as a user that has one, or ${OWN_POSTGRES}.`,
      { cause: error },
    );
  }
}

/**
 * The first folder on the way to `folder` (itself included) that the account may not enter, or undefined if the way is free. Read from the permission bits:
 * an access list that grants more is not seen, which costs a detour but no failure.
 */
export async function findBarrier(folder: string, account: Account): Promise<string | undefined> {
  const parent = dirname(folder);
  const above = parent === folder ? undefined : await findBarrier(parent, account);
  if (above !== undefined) {
    return above;
  }
  const { uid, gid, mode } = await stat(folder);
  const enterBit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  return (mode & enterBit) === 0 ? folder : undefined;
}

/** Lets everybody pass through `folder`, without letting them list it. Only where it is root's: another owner has their reasons. */
export async function letThrough(folder: string): Promise<boolean> {
  const { uid, mode } = await stat(folder);
  if (uid !== 0) {
    return false;
  }
  await chmod(folder, (mode & 0o7777) | 0o011);
  return true;
}

/** A cluster restored from a backup by root belongs to root, and a volume driver may have opened its mode: Postgres accepts neither. */
export async function takeCluster(cluster: string, account: Account | undefined): Promise<void> {
  const { uid, mode } = await stat(cluster);
  if (account !== undefined && uid === 0) {
    await chownBelow(cluster, account);
  }
  if (ownUid() !== undefined && (mode & 0o027) !== 0) {
    await chmod(cluster, 0o700);
  }
}

async function chownBelow(folder: string, account: Account): Promise<void> {
  await chown(folder, account.uid, account.gid);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? chownBelow(path, account) : lchown(path, account.uid, account.gid));
  }
}

/** What root writes into a user's DATA_DIR (`sudo jongleur import …`) has to stay that user's, or their next start cannot read it. */
export async function giveToOwnerOf(folder: string, path: string): Promise<void> {
  if (ownUid() === 0) {
    const { uid, gid } = await stat(folder);
    await chown(path, uid, gid);
  }
}

async function ownerOf(path: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

async function readAccounts(): Promise<Account[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name: name ?? '', uid: Number(uid), gid: Number(gid) }))
    .filter(({ name, uid, gid }) => name !== '' && Number.isInteger(uid) && Number.isInteger(gid) && uid >= 0);
}
