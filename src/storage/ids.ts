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

/**
 * Finds and makes in one statement: three, one after another, were most of what a small group commit with a new shopper in it took. A look-up in the index for each id (`OFFSET 0` keeps it so): as a join,
 * the planner reads all users for every few thousand ids of an import.
 *
 * Made in id order: ordered, so that writers with any mix of ids cannot lock each other out, and only the missing, since `ON CONFLICT` takes an identity value for each row that is there already. What somebody
 * else is making meanwhile stays null. Where anybody was erased, users are not made here.
 */
const findOrMake = (alone: boolean, few: boolean) => `
  WITH erased AS MATERIALIZED (SELECT EXISTS (SELECT FROM erasures WHERE user_hash IS NOT NULL) AS somebody),
    u AS MATERIALIZED (SELECT id, n, user_no, refuse_before FROM unnest(${few ? '(SELECT $1::text[])' : '$1::text[]'}) WITH ORDINALITY AS e (id, n) LEFT JOIN LATERAL (SELECT user_no, refuse_before FROM users WHERE user_id = id OFFSET 0) found ON true),
    i AS MATERIALIZED (SELECT id, n, item_no FROM unnest(${few ? '(SELECT $2::text[])' : '$2::text[]'}) WITH ORDINALITY AS e (id, n) LEFT JOIN LATERAL (SELECT item_no FROM items WHERE item_id = id OFFSET 0) found ON true),
    new_u AS (INSERT INTO users (user_id) SELECT DISTINCT id COLLATE "C" FROM u, erased WHERE user_no IS NULL AND NOT somebody ORDER BY 1 ON CONFLICT DO NOTHING RETURNING user_id, user_no),
    new_i AS (INSERT INTO items (item_id) SELECT DISTINCT id COLLATE "C" FROM i WHERE item_no IS NULL ORDER BY 1 ON CONFLICT DO NOTHING RETURNING item_id, item_no)
  SELECT coalesce((SELECT array_agg(coalesce(u.user_no, new_u.user_no) ORDER BY n) FROM u LEFT JOIN new_u ON user_id = id), '{}') AS users,
         coalesce((SELECT array_agg(coalesce(i.item_no, new_i.item_no) ORDER BY n) FROM i LEFT JOIN new_i ON item_id = id), '{}') AS items,
         coalesce((SELECT array_agg(user_no ORDER BY n) FROM u WHERE refuse_before IS NOT NULL), '{}') AS refusing,
         coalesce((SELECT array_agg((extract(epoch FROM refuse_before) * 1000)::float8 ORDER BY n) FROM u WHERE refuse_before IS NOT NULL), '{}') AS before,
         (SELECT somebody FROM erased) AS erasures${alone ? `, set_config('synchronous_commit', 'off', true)` : ''}`;
const IN_TRANSACTION = findOrMake(false, false);
/** Its COMMIT need not wait for the disk: the events that use the numbers are committed after it and wait for theirs, and the log is written in order. */
const ALONE = findOrMake(true, false);
/** Planned once a connection, for as few ids as a group commit has: planning took longer than finding them. Behind a SELECT their number is no part of the plan, which would be made anew for each. */
const FEW_ALONE = findOrMake(true, true);
const MAX_FEW_IDS = 500;

/** Makes the users and items that are missing. Duplicates in the arrays are fine. */
export async function ensureUsersAndItems(connection: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<void> {
  const [found] = await run<FoundIds>(connection, IN_TRANSACTION, [userIds, itemIds]);
  await makeErased(connection, userIds, found);
}

/** Users who are missing where anybody was erased: they are made, and looked at for their own erasure. */
async function makeErased(connection: Queryable, userIds: readonly string[], found: FoundIds): Promise<void> {
  const missing = found.erasures ? [...new Set(userIds.filter((_, k) => found.users[k] === null))] : [];
  if (missing.length > 0) {
    await run(connection, 'INSERT INTO users (user_id) SELECT id FROM unnest($1::text[]) AS id ORDER BY id COLLATE "C" ON CONFLICT DO NOTHING', [missing]);
    await refuseErased(connection, missing);
  }
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
    const few = userIds.length + itemIds.length <= MAX_FEW_IDS;
    const [found] = await run<FoundIds>(database, few ? FEW_ALONE : ALONE, [userIds, itemIds], few ? 'find-or-make' : undefined);
    if (!found.users.includes(null) && !found.items.includes(null)) {
      return { userNos: found.users as number[], itemNos: found.items as number[], refuseBefore: new Map(found.refusing.map((no, k) => [no, found.before[k]])) };
    }
    // Made by others meanwhile, or to be looked at for an erasure: asked for again.
    await makeErased(database, userIds, found);
  }
}
