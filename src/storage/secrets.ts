/** Random keys of this database, 256 bits each, which replicas share: in a table of their own, which no route and no export reads. A backup has them, so what was signed before it is still known after. */
import { randomBytes } from 'node:crypto';
import { type Queryable, run } from './database.ts';

/** `erasures`: hashes of ids of erased users; made by a migration. `tokens`: signatures of recommendation ids and cursors. */
export type SecretName = 'erasures' | 'tokens';

const SECRET_BYTES = 32;

/** @returns null where it was not made yet, or the database is none of this service's */
export async function findSecret(database: Queryable, name: SecretName): Promise<Buffer | null> {
  const [{ there }] = await run<{ there: boolean }>(database, `SELECT to_regclass('secrets') IS NOT NULL AS there`);
  const [known] = there ? await run<{ value: Buffer }>(database, 'SELECT value FROM secrets WHERE name = $1', [name]) : [];
  return known?.value ?? null;
}

/** Made where it is missing: of replicas that start at once one makes it, and all read that one. */
export async function readSecret(database: Queryable, name: SecretName): Promise<Buffer> {
  const read = async () => await run<{ value: Buffer }>(database, 'SELECT value FROM secrets WHERE name = $1', [name]);
  const [known] = await read();
  if (known !== undefined) {
    return known.value;
  }
  await run(database, 'INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, randomBytes(SECRET_BYTES)]);
  const [{ value }] = await read();
  return value;
}
