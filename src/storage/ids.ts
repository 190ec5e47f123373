/** Shops' strings become compact integers here and nowhere else: `id` ↔ `no`. */
import { type Queryable, run } from './database.ts';
import { hashIds } from './erasures.ts';

/**
 * Makes the users and items that are missing, in id order: ordered, so that writers with any mix of ids cannot lock each other out, and only the missing,
 * since `ON CONFLICT` takes an identity value for each row that is there already. Duplicates in the arrays are fine.
 */
export async function ensureUsersAndItems(connection: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<void> {
  const [missing] = await run<{ users: string[]; items: string[] }>(
    connection,
    `SELECT ARRAY(SELECT DISTINCT id COLLATE "C" FROM unnest($1::text[]) AS id WHERE NOT EXISTS (SELECT FROM users WHERE user_id = id) ORDER BY 1) AS users,
            ARRAY(SELECT DISTINCT id COLLATE "C" FROM unnest($2::text[]) AS id WHERE NOT EXISTS (SELECT FROM items WHERE item_id = id) ORDER BY 1) AS items`,
    [userIds, itemIds],
  );
  if (missing.users.length > 0) {
    await run(connection, 'INSERT INTO users (user_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [missing.users]);
    await refuseErased(connection, missing.users);
  }
  if (missing.items.length > 0) {
    await run(connection, 'INSERT INTO items (item_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [missing.items]);
  }
}

/** Users who come again after they were erased are new users, but what they did before is not taken again. */
async function refuseErased(connection: Queryable, userIds: readonly string[]): Promise<void> {
  const [{ any }] = await run<{ any: boolean }>(connection, 'SELECT EXISTS (SELECT FROM erasures WHERE user_hash IS NOT NULL) AS any');
  if (any) {
    await run(
      connection,
      `UPDATE users SET refuse_before = (SELECT max(erased_at) FROM erasures WHERE user_hash = e.hash) FROM unnest($1::text[], $2::bytea[]) AS e (id, hash)
       WHERE user_id = e.id AND EXISTS (SELECT FROM erasures WHERE user_hash = e.hash)`,
      [userIds, await hashIds(connection, userIds)],
    );
  }
}

/** Numbers in the order of the ids. */
export interface ResolvedIds {
  readonly userNos: number[];
  readonly itemNos: number[];
  /** Users, by number, whose events from before a moment (ms since 1970) are refused. */
  readonly refuseBefore: ReadonlyMap<number, number>;
}

/**
 * Numbers of users and items, those that are new made first. To be committed by itself: an id without events does no harm, and a number that was handed to a chunk
 * stays good whatever becomes of that chunk.
 *
 * @param userIds each once, as `itemIds`
 */
export async function resolveIds(database: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<ResolvedIds> {
  for (;;) {
    await ensureUsersAndItems(database, userIds, itemIds);
    const [row] = await run<{ users: (number | null)[]; items: (number | null)[]; refusing: number[]; before: number[] }>(
      database,
      `SELECT ARRAY(SELECT user_no FROM unnest($1::text[]) WITH ORDINALITY AS e (id, n) LEFT JOIN users ON user_id = id ORDER BY n) AS users,
              ARRAY(SELECT item_no FROM unnest($2::text[]) WITH ORDINALITY AS e (id, n) LEFT JOIN items ON item_id = id ORDER BY n) AS items,
              ARRAY(SELECT user_no FROM users WHERE user_id = ANY($1) AND refuse_before IS NOT NULL ORDER BY 1) AS refusing,
              ARRAY(SELECT (extract(epoch FROM refuse_before) * 1000)::float8 FROM users WHERE user_id = ANY($1) AND refuse_before IS NOT NULL ORDER BY user_no) AS before`,
      [userIds, itemIds],
    );
    // A user may be erased between the two statements.
    if (!row.users.includes(null) && !row.items.includes(null)) {
      return { userNos: row.users as number[], itemNos: row.items as number[], refuseBefore: new Map(row.refusing.map((no, k) => [no, row.before[k]])) };
    }
  }
}
