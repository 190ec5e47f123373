/** Secrets that shops sign shopper tokens with: two at most, so that one can be changed for another while both are good. */
import { type Database, type Queryable, inTransaction, run } from './database.ts';

export const MAX_TOKEN_SECRETS = 2;

export interface TokenSecret extends Record<string, unknown> {
  /** Named in the header of each token, so that the right secret is tried. */
  readonly kid: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

const COLUMNS = 'kid, created_at AS "createdAt", last_used_at AS "lastUsedAt"';

/** @returns null where there are two already */
export async function insertTokenSecret(database: Database, kid: string, secret: string): Promise<TokenSecret | null> {
  return await inTransaction(database, async (connection) => {
    await run(connection, 'LOCK TABLE token_secrets IN SHARE ROW EXCLUSIVE MODE');
    if ((await listTokenSecrets(connection)).length >= MAX_TOKEN_SECRETS) {
      return null;
    }
    const [row] = await run<TokenSecret>(
      connection,
      `WITH made AS (INSERT INTO token_secrets (kid, secret) VALUES ($1, $2) RETURNING *), told AS (SELECT pg_notify('jongleur_keys', '') FROM made)
       SELECT ${COLUMNS} FROM made CROSS JOIN told`,
      [kid, secret],
    );
    return row;
  });
}

/** Without the secrets themselves, the oldest first. */
export async function listTokenSecrets(database: Queryable): Promise<TokenSecret[]> {
  return await run<TokenSecret>(database, `SELECT ${COLUMNS} FROM token_secrets ORDER BY created_at, kid`);
}

/** To check signatures by. */
export async function loadTokenSecrets(database: Queryable): Promise<{ kid: string; secret: string }[]> {
  return await run<{ kid: string; secret: string }>(database, 'SELECT kid, secret FROM token_secrets ORDER BY kid');
}

/** What was signed with it is good for nothing from then on. @returns false where there is no such secret */
export async function deleteTokenSecret(database: Queryable, kid: string): Promise<boolean> {
  const rows = await run(database, `WITH gone AS (DELETE FROM token_secrets WHERE kid = $1 RETURNING 1) SELECT pg_notify('jongleur_keys', '') FROM gone`, [kid]);
  return rows.length > 0;
}

/** Notes that tokens signed with these came; gathered by the caller, as for keys. */
export async function noteTokenSecretsUsed(database: Queryable, kids: readonly string[]): Promise<void> {
  await run(database, 'UPDATE token_secrets SET last_used_at = now() WHERE kid = ANY($1)', [kids]);
}
