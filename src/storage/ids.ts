/** Shops' strings become compact integers here and nowhere else: `id` ↔ `no`. */
import { type Queryable, run } from './database.ts';

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
  }
  if (missing.items.length > 0) {
    await run(connection, 'INSERT INTO items (item_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [missing.items]);
  }
}

/**
 * Numbers of users and items, those that are new made first. To be committed by itself: an id without events does no harm, and a number that was handed to a chunk
 * stays good whatever becomes of that chunk.
 *
 * @param userIds each once, as `itemIds`
 */
export async function resolveIds(database: Queryable, userIds: readonly string[], itemIds: readonly string[]): Promise<{ userNos: number[]; itemNos: number[] }> {
  for (;;) {
    await ensureUsersAndItems(database, userIds, itemIds);
    const [row] = await run<{ users: (number | null)[]; items: (number | null)[] }>(
      database,
      `SELECT ARRAY(SELECT user_no FROM unnest($1::text[]) WITH ORDINALITY AS e (id, n) LEFT JOIN users ON user_id = id ORDER BY n) AS users,
              ARRAY(SELECT item_no FROM unnest($2::text[]) WITH ORDINALITY AS e (id, n) LEFT JOIN items ON item_id = id ORDER BY n) AS items`,
      [userIds, itemIds],
    );
    // A user may be erased between the two statements.
    if (!row.users.includes(null) && !row.items.includes(null)) {
      return { userNos: row.users as number[], itemNos: row.items as number[] };
    }
  }
}
