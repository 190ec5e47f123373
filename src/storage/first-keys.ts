/**
 * Keys: made of 256 random bits, kept as hashes, shown once. At the first start of a database one key of each role that the environment does not give is made; their
 * clear text goes into one file that only its owner can read, because a person has to get them from somewhere.
 */
import { hash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Role, insertKey, listKeys, lockFirstKeys } from './api-keys.ts';
import { type Database, inTransaction } from './database.ts';

export const ROLES: readonly Role[] = ['secret', 'publishable', 'admin'];
const PREFIX: Readonly<Record<Role, string>> = { publishable: 'pk_', secret: 'sk_', admin: 'ak_' };
export const KEY_VARIABLE: Readonly<Record<Role, string>> = { secret: 'JONGLEUR_SECRET_KEY', publishable: 'JONGLEUR_PUBLISHABLE_KEY', admin: 'JONGLEUR_ADMIN_KEY' };

export function hashKey(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

export function createKey(role: Role): { key: string; hint: string; sha256: Buffer } {
  const key = PREFIX[role] + randomBytes(32).toString('base64url');
  return { key, hint: key.slice(0, 8), sha256: hashKey(key) };
}

export function keyFileOf(dataDir: string): string {
  return join(dataDir, 'keys.env');
}

/** Keys by role from the file, empty where there is none. Its format is that of a shell's environment, so it can be sourced. */
export async function readKeyFile(dataDir: string): Promise<Partial<Record<Role, string>>> {
  const text = await readFile(keyFileOf(dataDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return '';
    }
    throw error;
  });
  const keys: Partial<Record<Role, string>> = {};
  for (const role of ROLES) {
    const found = new RegExp(`^${KEY_VARIABLE[role]}=(\\S+)$`, 'm').exec(text);
    if (found !== null) {
      keys[role] = found[1];
    }
  }
  return keys;
}

/** Makes the first keys of a database that has none. @returns the roles that keys were made for */
export async function createFirstKeys(database: Database, dataDir: string, givenRoles: readonly Role[]): Promise<Role[]> {
  return await inTransaction(database, async (connection) => {
    await lockFirstKeys(connection);
    if ((await listKeys(connection)).length > 0) {
      return [];
    }
    const wanted = ROLES.filter((role) => !givenRoles.includes(role));
    let text = '# Keys made at the first start. Whoever can read this file can use the service; see /docs for what each may do.\n';
    for (const role of wanted) {
      const { key, hint, sha256 } = createKey(role);
      await insertKey(connection, role, 'first start', hint, sha256);
      text += `${KEY_VARIABLE[role]}=${key}\n`;
    }
    if (wanted.length > 0) {
      // Before COMMIT: a hash without its clear text anywhere would be a locked door.
      await mkdir(dataDir, { recursive: true });
      await writeFile(keyFileOf(dataDir), text, { mode: 0o600 });
      await chmod(keyFileOf(dataDir), 0o600);
    }
    return wanted;
  });
}
