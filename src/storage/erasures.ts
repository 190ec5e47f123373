/**
 * Users who leave: erased on request, or merged into another when a guest logs in.
 *
 * One transaction each, alone: it waits for every transaction that stores events, and none begins before it has ended (`USERS_LOCK_KEY`). What stays of an erased user is a keyed hash of the id, to
 * refuse old events that a file brings again, and the number, so that replicas drop what they keep under it.
 */
import { createHmac } from 'node:crypto';
import { type Connection, type Database, type Queryable, inTransaction, run } from './database.ts';
import { USERS_LOCK_KEY } from './locks.ts';
import { readSecret } from './secrets.ts';
import { selectUserChanges } from './users.ts';

const keys = new WeakMap<Queryable, Buffer>();

/** The key of this database's hashes. */
export async function readHashKey(database: Queryable): Promise<Buffer> {
  const key = keys.get(database) ?? (await readSecret(database, 'erasures'));
  keys.set(database, key);
  return key;
}

/** HMAC-SHA-256 of an id. */
export function hashId(key: Buffer, id: string): Buffer {
  return createHmac('sha256', key).update(id).digest();
}

/** HMAC-SHA-256 of ids under this database's own key. */
export async function hashIds(database: Queryable, ids: readonly string[]): Promise<Buffer[]> {
  const key = await readHashKey(database);
  return ids.map((id) => hashId(key, id));
}

async function lockUsers(connection: Connection): Promise<void> {
  await run(connection, 'SELECT pg_advisory_xact_lock($1)', [USERS_LOCK_KEY]);
}

/** Everybody looks numbers up anew, and drops what is kept of users who left. */
async function tellUsersChanged(connection: Connection): Promise<void> {
  await run(connection, `SELECT nextval('user_changes'), pg_notify('jongleur_users', '')`);
}

/** An id as a word of a row's text. */
function patternOf(id: string): string {
  return `(^|[^[:alnum:]_-])${id.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}($|[^[:alnum:]_-])`;
}

/** Erases a user with all events, and rows kept aside by imports that name them. @returns how many events, or null where the user is unknown */
export async function eraseUser(database: Database, userId: string): Promise<number | null> {
  const [hash] = await hashIds(database, [userId]);
  return await inTransaction(database, async (connection) => {
    await lockUsers(connection);
    const [user] = await run<{ userNo: number }>(connection, 'DELETE FROM users WHERE user_id = $1 RETURNING user_no AS "userNo"', [userId]);
    if (user === undefined) {
      return null;
    }
    const { rowCount } = await connection.query('DELETE FROM events WHERE user_no = $1', [user.userNo]);
    await run(connection, 'DELETE FROM import_errors WHERE strpos(raw, $1) > 0 AND raw ~ $2', [userId, patternOf(userId)]);
    await run(connection, 'INSERT INTO erasures (user_hash, user_no, erased_at) VALUES ($1, $2, clock_timestamp())', [hash, user.userNo]);
    await tellUsersChanged(connection);
    return rowCount ?? 0;
  });
}

/**
 * Moves a guest's events to the user they turned out to be; the guest is gone then, and a new one where the id comes again. Events keep their identity, so what is sent again is still known.
 *
 * @returns how many events, or null where there is no such guest
 */
export async function mergeUsers(database: Database, targetId: string, sourceId: string): Promise<number | null> {
  return await inTransaction(database, async (connection) => {
    await lockUsers(connection);
    const [source] = await run<{ userNo: number }>(connection, 'DELETE FROM users WHERE user_id = $1 RETURNING user_no AS "userNo"', [sourceId]);
    if (source === undefined) {
      return null;
    }
    await run(connection, 'INSERT INTO users (user_id) SELECT $1 WHERE NOT EXISTS (SELECT FROM users WHERE user_id = $1)', [targetId]);
    const { rowCount } = await connection.query('UPDATE events SET user_no = (SELECT user_no FROM users WHERE user_id = $2), xid = pg_current_xact_id() WHERE user_no = $1', [source.userNo, targetId]);
    await run(connection, 'INSERT INTO erasures (user_no) VALUES ($1)', [source.userNo]);
    await run(connection, `SELECT pg_notify('jongleur_events', '')`);
    await tellUsersChanged(connection);
    return rowCount ?? 0;
  });
}

/** Longer than a training run takes from its first look at the events to its model. */
const TRAINING_DAYS = 2;

/** Numbers of users who left, as far as a model made at `since` could know them. */
export async function listGoneUsers(database: Queryable, since: Date): Promise<Int32Array> {
  const [{ nos }] = await run<{ nos: number[] }>(database, 'SELECT ARRAY(SELECT user_no FROM erasures WHERE user_no IS NOT NULL AND erased_at > $1::timestamptz - make_interval(days => $2) ORDER BY 1) AS nos', [since, TRAINING_DAYS]);
  return Int32Array.from(nos);
}

/** Where somebody who follows users stands. */
export interface UsersSeen {
  /** `user_changes`. */
  readonly changes: number;
  /** Number of the latest who left. */
  readonly erasureNo: number;
}

/** Whoever has so many to drop looks everything through more quickly. */
const MOST_LEAVERS = 10_000;

/**
 * What has become of users since somebody looked.
 *
 * @returns `goneUserNos`: of those who left since, erased or merged; null where that is not all that happened (an import was undone, a backup restored), or it is not known
 */
export async function readUsersSeen(database: Queryable, since: UsersSeen | null): Promise<UsersSeen & { readonly goneUserNos: Int32Array | null }> {
  const gone = since === null ? `'{}'::int[]` : `ARRAY(SELECT user_no FROM erasures WHERE erasure_no > ${since.erasureNo} LIMIT ${MOST_LEAVERS + 1})`;
  const row = await selectUserChanges<{ changes: number; erasureNo: number; gone: (number | null)[] }>(database, `last_value::float8 AS changes, (SELECT coalesce(max(erasure_no), 0)::float8 FROM erasures) AS "erasureNo", ${gone} AS gone`);
  // Each moves the sequence by one.
  const isAll = since !== null && row.changes - since.changes === row.gone.length && row.gone.length <= MOST_LEAVERS && !row.gone.includes(null);
  return { changes: row.changes, erasureNo: row.erasureNo, goneUserNos: isAll ? Int32Array.from(row.gone as number[]).sort() : null };
}
