import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createDatabase, inTransaction } from '../../src/storage/database.ts';
import { ensureUsersAndItems } from '../../src/storage/ids.ts';
import { createTestDatabase } from '../support/postgres.ts';

describe('ids and their numbers', () => {
  let database: pg.Pool;
  let drop: () => Promise<void>;
  const ensure = async (users: string[], items: string[]) => await inTransaction(database, async (connection) => await ensureUsersAndItems(connection, users, items));
  const users = async () => (await database.query('SELECT user_id AS id, user_no AS no FROM users ORDER BY user_no')).rows as { id: string; no: number }[];

  beforeAll(async () => {
    const made = await createTestDatabase(inject('templateUrl'));
    drop = made.drop;
    database = createDatabase({ connectionString: made.url, maxConnections: 6, onError: () => undefined });
  });
  afterAll(async () => {
    await database.end();
    await drop();
  });

  it('are made in byte order, each once, whatever the language of the server', async () => {
    await ensure(['b', 'a', 'É', 'b', 'B', 'é', 'Z', '_', '10', '9'], []);
    expect((await users()).map((user) => user.id)).toEqual(['10', '9', 'B', 'Z', '_', 'a', 'b', 'É', 'é']);
  });

  it('that are there already use no number up', async () => {
    const before = (await users()).at(-1)!.no;
    for (let k = 0; k < 20; k++) {
      await ensure(['a', 'b', '10'], []);
    }
    await ensure(['a', 'new'], []);
    expect((await users()).at(-1)).toEqual({ id: 'new', no: before + 1 });
  });

  it('made by many at once in any order lock nobody out', async () => {
    const ids = Array.from({ length: 200 }, (_, k) => `many-${k}`);
    const { deadlocks } = (await database.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')).rows[0];
    await Promise.all(Array.from({ length: 6 }, async (_, writer) => await ensure(ids.map((_id, k) => ids[(k * (2 * writer + 3) + writer) % 200]), ids.map((_id, k) => ids[(k * (2 * writer + 7)) % 200]))));
    const { rows } = await database.query(`SELECT (SELECT count(*)::int FROM users WHERE user_id LIKE 'many-%') AS users, (SELECT count(*)::int FROM items WHERE item_id LIKE 'many-%') AS items`);
    expect(rows[0]).toEqual({ users: 200, items: 200 });
    expect((await database.query('SELECT pg_stat_clear_snapshot(), (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks')).rows[0].deadlocks).toBe(deadlocks);
  });

  it('of a transaction that was rolled back are not there', async () => {
    await expect(inTransaction(database, async (connection) => {
      await ensureUsersAndItems(connection, ['ghost'], ['ghost']);
      throw new Error('no');
    })).rejects.toThrow('no');
    expect((await users()).some((user) => user.id === 'ghost')).toBe(false);
  });
});
