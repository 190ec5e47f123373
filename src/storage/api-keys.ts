/** API keys. Only their SHA-256 is kept: 256 random bits need no slow hash, and nobody can read a key back. */
import { type Queryable, run } from './database.ts';

export type Role = 'publishable' | 'secret' | 'admin';

export interface ApiKey extends Record<string, unknown> {
  readonly keyNo: number;
  readonly role: Role;
  readonly name: string;
  readonly hint: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  /** The last page of another origin that sent the key, and when; null: none did. */
  readonly refusedOrigin: string | null;
  readonly refusedAt: Date | null;
}

/** As much of a key as opens doors. */
export interface LiveKey extends Record<string, unknown> {
  readonly keyNo: number;
  readonly role: Role;
  readonly sha256: Buffer;
}

const COLUMNS = 'key_no AS "keyNo", role, name, hint, created_at AS "createdAt", last_used_at AS "lastUsedAt", revoked_at AS "revokedAt", refused_origin AS "refusedOrigin", refused_at AS "refusedAt"';

export async function insertKey(database: Queryable, role: Role, name: string, hint: string, sha256: Buffer): Promise<ApiKey> {
  const [row] = await run<ApiKey>(
    database,
    `WITH made AS (INSERT INTO api_keys (role, name, hint, sha256) VALUES ($1, $2, $3, $4) RETURNING *), told AS (SELECT pg_notify('jongleur_keys', '') FROM made)
     SELECT ${COLUMNS} FROM made CROSS JOIN told`,
    [role, name, hint, sha256],
  );
  return row;
}

export async function listKeys(database: Queryable): Promise<ApiKey[]> {
  return await run<ApiKey>(database, `SELECT ${COLUMNS} FROM api_keys ORDER BY key_no`);
}

/** The keys that open doors now. */
export async function loadLiveKeys(database: Queryable): Promise<LiveKey[]> {
  return await run<LiveKey>(database, 'SELECT key_no AS "keyNo", role, sha256 FROM api_keys WHERE revoked_at IS NULL');
}

/** @returns false where there is no such key, or it is revoked already */
export async function revokeKey(database: Queryable, keyNo: number): Promise<boolean> {
  const rows = await run(
    database,
    `WITH gone AS (UPDATE api_keys SET revoked_at = now() WHERE key_no = $1 AND revoked_at IS NULL RETURNING 1) SELECT pg_notify('jongleur_keys', '') FROM gone`,
    [keyNo],
  );
  return rows.length > 0;
}

/** Notes that keys were used; the caller gathers the numbers and says so now and then, never on a request's way. */
export async function noteKeysUsed(database: Queryable, keyNos: readonly number[]): Promise<void> {
  await run(database, 'UPDATE api_keys SET last_used_at = now() WHERE key_no = ANY($1::int[])', [keyNos]);
}

/** Notes that a page of another origin sent a key that must not be in a browser. */
export async function noteKeyInBrowser(database: Queryable, keyNo: number, origin: string): Promise<void> {
  await run(database, 'UPDATE api_keys SET refused_origin = $2, refused_at = now() WHERE key_no = $1', [keyNo, origin]);
}

/** Of those that open doors. */
export async function countKeysInPages(database: Queryable): Promise<number> {
  const [{ keys }] = await run<{ keys: number }>(database, 'SELECT count(*)::int AS keys FROM api_keys WHERE refused_origin IS NOT NULL AND revoked_at IS NULL');
  return keys;
}

/** One process at a time makes the first keys of a database. */
export async function lockFirstKeys(connection: Queryable): Promise<void> {
  await run(connection, 'LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE');
}
