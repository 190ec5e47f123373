/** Shops' strings become compact integers here and nowhere else: `id` ↔ `no`. */
import { type Queryable, run } from './database.ts';
import { hashIds } from './erasures.ts';

interface FoundIds extends Record<string, unknown> {
  /** In the order of the ids; null: unknown. */
  readonly users: (number | null)[];
  readonly items: (number | null)[];
  readonly refusing: number[];
  readonly before: number[];
  /** Anybody was ever erased. */
  readonly erasures: boolean;
}

/** One look-up in the index an id (`OFFSET 0` keeps it so): as a join, the planner reads all users for every few thousand ids of an import. */
const FIND = `SELECT coalesce(u.nos, '{}') AS users, coalesce(i.nos, '{}') AS items, coalesce(u.refusing, '{}') AS refusing, coalesce(u.before, '{}') AS before, EXISTS (SELECT FROM erasures WHERE user_hash IS NOT NULL) AS erasures
  FROM (SELECT array_agg(user_no ORDER BY n) AS nos, array_agg(user_no ORDER BY n) FILTER (WHERE refuse_before IS NOT NULL) AS refusing,
               array_agg((extract(epoch FROM refuse_before) * 1000)::float8 ORDER BY n) FILTER (WHERE refuse_before IS NOT NULL) AS before
        FROM unnest($1::text[]) WITH ORDINALITY AS e (id, n) LEFT JOIN LATERAL (SELECT user_no, refuse_before FROM users WHERE user_id = id OFFSET 0) found ON true) u,
       (SELECT array_agg(item_no ORDER BY n) AS nos FROM unnest($2::text[]) WITH ORDINALITY AS e (id, n) LEFT JOIN LATERAL (SELECT item_no FROM items WHERE item_id = id OFFSET 0) found ON true) i`;

async function findIds(connection: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<FoundIds> {
  return (await run<FoundIds>(connection, FIND, [userIds, itemIds]))[0];
}

function missingOf(ids: readonly string[], nos: readonly (number | null)[]): string[] {
  return nos.includes(null) ? [...new Set(ids.filter((_, k) => nos[k] === null))] : [];
}

/**
 * Makes the users and items that are missing, in id order: ordered, so that writers with any mix of ids cannot lock each other out, and only the missing,
 * since `ON CONFLICT` takes an identity value for each row that is there already. Duplicates in the arrays are fine.
 */
export async function ensureUsersAndItems(connection: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<void> {
  await makeMissing(connection, userIds, itemIds, await findIds(connection, userIds, itemIds), false);
}

/**
 * Makes what was not found, and notes the numbers in `found`; what somebody else has made meanwhile stays null there.
 *
 * @param alone each statement is a transaction, whose COMMIT need not wait for the disk: the events that use the numbers are committed after it and wait for theirs, and the log is written in order
 */
async function makeMissing(connection: Queryable, userIds: readonly string[], itemIds: readonly string[], found: FoundIds, alone: boolean): Promise<void> {
  const [users, items] = [missingOf(userIds, found.users), missingOf(itemIds, found.items)];
  if (users.length > 0) {
    const made = await make(connection, 'users (user_id)', 'user_id, user_no', users, alone);
    if (found.erasures) {
      await refuseErased(connection, users);
    } else {
      userIds.forEach((id, k) => (found.users[k] ??= made.get(id) ?? null));
    }
  }
  if (items.length > 0) {
    const made = await make(connection, 'items (item_id)', 'item_id, item_no', items, alone);
    itemIds.forEach((id, k) => (found.items[k] ??= made.get(id) ?? null));
  }
}

async function make(connection: Queryable, into: string, columns: string, ids: readonly string[], alone: boolean): Promise<Map<string, number>> {
  const [row] = await run<{ ids: string[] | null; nos: number[] }>(
    connection,
    `WITH made (id, no) AS (INSERT INTO ${into} SELECT id FROM unnest($1::text[]) AS id ORDER BY id COLLATE "C" ON CONFLICT DO NOTHING RETURNING ${columns}) SELECT array_agg(id) AS ids, array_agg(no) AS nos${alone ? `, (SELECT set_config('synchronous_commit', 'off', true))` : ''} FROM made`,
    [ids],
  );
  return new Map(row.ids?.map((id, k) => [id, row.nos[k]]));
}

/** Users who come again after they were erased are new users, but what they did before is not taken again. */
async function refuseErased(connection: Queryable, userIds: readonly string[]): Promise<void> {
  await run(
    connection,
    `UPDATE users SET refuse_before = (SELECT max(erased_at) FROM erasures WHERE user_hash = e.hash) FROM unnest($1::text[], $2::bytea[]) AS e (id, hash)
     WHERE user_id = e.id AND EXISTS (SELECT FROM erasures WHERE user_hash = e.hash)`,
    [userIds, await hashIds(connection, userIds)],
  );
}

/** Numbers in the order of the ids. */
export interface ResolvedIds {
  readonly userNos: number[];
  readonly itemNos: number[];
  /** Users, by number, whose events from before a moment (ms since 1970) are refused. */
  readonly refuseBefore: ReadonlyMap<number, number>;
}

/**
 * Numbers of users and items, those that are new made first. Outside a transaction, so that they are committed by themselves: an id without events does no harm, and a number that was handed to a chunk
 * stays good whatever becomes of that chunk.
 *
 * @param userIds each once, as `itemIds`
 */
export async function resolveIds(database: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<ResolvedIds> {
  for (;;) {
    const found = await findIds(database, userIds, itemIds);
    await makeMissing(database, userIds, itemIds, found, true);
    // Made by others meanwhile, or to be looked at for an erasure: asked for again.
    if (!found.users.includes(null) && !found.items.includes(null)) {
      return { userNos: found.users as number[], itemNos: found.items as number[], refuseBefore: new Map(found.refusing.map((no, k) => [no, found.before[k]])) };
    }
  }
}
