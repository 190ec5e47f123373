import type pg from 'pg';
import { type Queryable, explainDatabaseError, run } from './database.ts';
import { USERS_LOCK_KEY } from './locks.ts';

export interface UserSummary extends Record<string, unknown> {
  readonly userId: string;
  readonly firstSeenAt: Date;
}

export interface UserDetails extends UserSummary {
  readonly events: number;
  readonly lastEventAt: Date | null;
}

/** Makes a LIKE pattern that finds `text` anywhere, its own wildcards taken literally. */
export function likePattern(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

/** Users by number after `afterUserNo`; `query` finds a part of the id, whatever its case. */
export async function listUsers(database: Queryable, query: string | null, afterUserNo: number, limit: number): Promise<(UserSummary & { userNo: number })[]> {
  return await run<UserSummary & { userNo: number }>(
    database,
    `SELECT user_no AS "userNo", user_id AS "userId", first_seen_at AS "firstSeenAt" FROM users
     WHERE user_no > $2::bigint AND ($1::text IS NULL OR user_id ILIKE $1) ORDER BY user_no LIMIT $3`,
    [query === null ? null : likePattern(query), afterUserNo, limit],
  );
}

/** Who a user is, without a look at their events. @returns null where nothing is known of them */
export async function identifyUser(database: Queryable, userId: string): Promise<(UserSummary & { userNo: number }) | null> {
  const [row] = await run<UserSummary & { userNo: number }>(database, 'SELECT user_no AS "userNo", user_id AS "userId", first_seen_at AS "firstSeenAt" FROM users WHERE user_id = $1', [userId]);
  return row ?? null;
}

/** @returns null where nothing is known of the user */
export async function findUser(database: Queryable, userId: string): Promise<UserDetails | null> {
  const [row] = await run<UserDetails>(
    database,
    `SELECT user_id AS "userId", first_seen_at AS "firstSeenAt", e.* FROM users u CROSS JOIN LATERAL (
       SELECT count(*)::int AS events, max(occurred_at) AS "lastEventAt" FROM events WHERE user_no = u.user_no) e
     WHERE user_id = $1`,
    [userId],
  );
  return row ?? null;
}

/**
 * A row of `user_changes`, the sequence. Read under the lock that whoever moves it holds: it moves before their COMMIT, and who read it then would find users as they were, and look never again.
 *
 * @param values what to select, without parameters
 */
export async function selectUserChanges<R extends pg.QueryResultRow>(connection: Queryable, values: string): Promise<R> {
  try {
    const answers = (await (connection as pg.Pool).query(`SELECT pg_advisory_xact_lock_shared(${USERS_LOCK_KEY}); SELECT ${values} FROM user_changes`)) as unknown as pg.QueryResult<R>[];
    return answers[1].rows[0];
  } catch (error) {
    throw explainDatabaseError(error);
  }
}

/** How often a user's number has stopped to be theirs, or what they did was taken back: another number than before means to look again. */
export async function readUserChanges(connection: Queryable): Promise<number> {
  return (await selectUserChanges<{ n: number }>(connection, 'last_value::float8 AS n')).n;
}

/** Whoever would take a number away from a user waits until `work` is done: where shoppers leave all the time, what is written with numbers that were read before would hardly ever be in time. */
export async function holdUserNumbers<T>(connection: Queryable, work: () => Promise<T>): Promise<T> {
  await run(connection, `SELECT pg_advisory_lock_shared(${USERS_LOCK_KEY})`);
  try {
    return await work();
  } finally {
    await run(connection, `SELECT pg_advisory_unlock_shared(${USERS_LOCK_KEY})`).catch(() => undefined);
  }
}
