/** Shops' strings become compact integers here and nowhere else: `id` ↔ `no`. */
import { type Queryable, run } from './database.ts';
import { hashIds } from './erasures.ts';

/** Numbers in the order of the ids; null: somebody else is making it at this moment. */
export interface FoundNumbers {
  readonly userNos: readonly (number | null)[];
  readonly itemNos: readonly (number | null)[];
  /** Users, by number, whose events from before a moment (ms since 1970) are refused: they were erased then. */
  readonly refuseBefore: ReadonlyMap<number, number>;
  readonly itemsMade: boolean;
}

interface FoundRow extends Record<string, unknown> {
  readonly users: (number | null)[];
  readonly items: (number | null)[];
  readonly refusing: number[];
  readonly before: number[];
  readonly itemsMade: boolean;
}

/**
 * Finds and makes in one statement: three, one after another, were most of what a small group commit with a new shopper in it took. A look-up in the index for each id (`OFFSET 0` keeps it so): as a join,
 * the planner reads all users for every few thousand ids of an import.
 *
 * Made in id order: ordered, so that writers with any mix of ids cannot lock each other out, and only the missing, since `ON CONFLICT` takes an identity value for each row that is there already. What somebody
 * else is making meanwhile stays null. Users who come again after they were erased are new users, but what they did before is not taken again: they are told by the hashes of their ids.
 */
const findOrMake = (alone: boolean, few: boolean) => `
  WITH u AS MATERIALIZED (SELECT id, hash, n, user_no, refuse_before FROM unnest(${few ? '(SELECT $1::text[]), (SELECT $3::bytea[])' : '$1::text[], $3::bytea[]'}) WITH ORDINALITY AS e (id, hash, n) LEFT JOIN LATERAL (SELECT user_no, refuse_before FROM users WHERE user_id = id OFFSET 0) found ON true),
    i AS MATERIALIZED (SELECT id, n, item_no FROM unnest(${few ? '(SELECT $2::text[])' : '$2::text[]'}) WITH ORDINALITY AS e (id, n) LEFT JOIN LATERAL (SELECT item_no FROM items WHERE item_id = id OFFSET 0) found ON true),
    new_u AS (INSERT INTO users (user_id, refuse_before) SELECT id, (SELECT max(erased_at) FROM erasures WHERE user_hash = hash) FROM (SELECT DISTINCT ON (id COLLATE "C") id COLLATE "C" AS id, hash FROM u WHERE user_no IS NULL ORDER BY id COLLATE "C") missing
      ON CONFLICT DO NOTHING RETURNING user_id, user_no, refuse_before),
    new_i AS (INSERT INTO items (item_id) SELECT DISTINCT id COLLATE "C" FROM i WHERE item_no IS NULL ORDER BY 1 ON CONFLICT DO NOTHING RETURNING item_id, item_no),
    known AS (SELECT n, coalesce(u.user_no, new_u.user_no) AS no, coalesce(u.refuse_before, new_u.refuse_before) AS refuse_before FROM u LEFT JOIN new_u ON user_id = id)
  SELECT coalesce((SELECT array_agg(no ORDER BY n) FROM known), '{}') AS users,
         coalesce((SELECT array_agg(coalesce(i.item_no, new_i.item_no) ORDER BY n) FROM i LEFT JOIN new_i ON item_id = id), '{}') AS items,
         coalesce((SELECT array_agg(no ORDER BY n) FROM known WHERE refuse_before IS NOT NULL), '{}') AS refusing,
         coalesce((SELECT array_agg((extract(epoch FROM refuse_before) * 1000)::float8 ORDER BY n) FROM known WHERE refuse_before IS NOT NULL), '{}') AS before,
         EXISTS (SELECT FROM new_i) AS "itemsMade"${alone ? `, set_config('synchronous_commit', 'off', true)` : ''}`;
const IN_TRANSACTION = findOrMake(false, false);
/** Its COMMIT need not wait for the disk: the events that use the numbers are committed after it and wait for theirs, and the log is written in order. */
const ALONE = findOrMake(true, false);
/** Planned once a connection, for as few ids as a group commit has: planning took longer than finding them. Behind a SELECT their number is no part of the plan, which would be made anew for each. */
const FEW_ALONE = findOrMake(true, true);
/** The same within a group's own transaction. Takes ids of users, ids of items, hashes of the ids of users (`hashIds`). */
export const MAKE_FEW_IDS = findOrMake(false, true);
export const MAX_FEW_IDS = 500;

/** Makes the users and items that are missing. Duplicates in the arrays are fine. */
export async function ensureUsersAndItems(connection: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<void> {
  await run(connection, IN_TRANSACTION, [userIds, itemIds, await hashIds(connection, userIds)]);
}

/** As `FoundNumbers`, of all ids. */
export interface ResolvedIds extends FoundNumbers {
  readonly userNos: number[];
  readonly itemNos: number[];
}

function refusalsOf(userNos: readonly number[], beforeMs: readonly number[]): ReadonlyMap<number, number> {
  return new Map(userNos.map((no, k) => [no, beforeMs[k]]));
}

const numbersIn = (array: string) => (array === '{}' ? [] : array.slice(1, -1).split(',').map((text) => (text === 'NULL' ? null : Number(text))));

/** The row of `MAKE_FEW_IDS` as it comes over the wire. */
export function readMadeIds([users, items, refusing, before, itemsMade]: readonly (string | null)[]): FoundNumbers {
  return { userNos: numbersIn(users!), itemNos: numbersIn(items!), refuseBefore: refusalsOf(numbersIn(refusing!) as number[], numbersIn(before!) as number[]), itemsMade: itemsMade === 't' };
}

/**
 * Numbers of users and items, those that are new made first. Outside a transaction, so that they are committed by themselves: an id without events does no harm, and a number that was handed to a chunk
 * stays good whatever becomes of that chunk.
 *
 * @param userIds each once, as `itemIds`
 */
export async function resolveIds(database: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<ResolvedIds> {
  const few = userIds.length + itemIds.length <= MAX_FEW_IDS;
  const values = [userIds, itemIds, await hashIds(database, userIds)];
  let itemsMade = false;
  for (;;) {
    const [found] = await run<FoundRow>(database, few ? FEW_ALONE : ALONE, values, few ? 'find-or-make' : undefined);
    itemsMade ||= found.itemsMade;
    // Made by others meanwhile: asked for again.
    if (!found.users.includes(null) && !found.items.includes(null)) {
      return { userNos: found.users as number[], itemNos: found.items as number[], refuseBefore: refusalsOf(found.refusing, found.before), itemsMade };
    }
  }
}
