import pg from 'pg';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrate } from '../../src/storage/migrations.ts';
import { execute } from '../support/postgres.ts';

describe('migrations', () => {
  const admin = inject('templateUrl').replace(/\/[^/]*$/, '/postgres');
  const name = `empty_${process.pid}`;
  const url = admin.replace(/\/postgres$/, `/${name}`);
  const all = readdirSync(new URL('../../migrations', import.meta.url)).filter((file) => file.endsWith('.sql')).map((file) => file.replace(/\.sql$/, '')).sort();

  beforeAll(async () => await execute(admin, `CREATE DATABASE ${name} TEMPLATE template0`));
  afterAll(async () => await execute(admin, `DROP DATABASE ${name} WITH (FORCE)`));

  it('are applied once by many processes that start at once on an empty database', async () => {
    const said: string[] = [];
    const applied = await Promise.all(Array.from({ length: 4 }, async () => await migrate(url, (message) => said.push(message))));
    expect(applied.flat().sort()).toEqual(all);
    expect(all.length).toBeGreaterThan(0);
    expect(said).toEqual([]);
  });

  it('are not applied again', async () => {
    expect(await migrate(url, () => undefined)).toEqual([]);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    expect((await client.query('SELECT name FROM migrations ORDER BY id')).rows.map((row) => row.name)).toEqual(all);
    expect((await client.query('SELECT name FROM event_types ORDER BY type_no')).rows.map((row) => row.name)).toEqual(['view', 'cart', 'purchase', 'rating']);
    await client.end();
  });

  it('take away what was stored under the number of a shopper who had left', async () => {
    await execute(url, `WITH u AS (INSERT INTO users (user_id) VALUES ('stays') RETURNING user_no), i AS (INSERT INTO items (item_id) VALUES ('i') RETURNING item_no)
      INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup) SELECT no, item_no, 1, now(), gen_random_uuid() FROM u, i, LATERAL (VALUES (user_no), (user_no + 1)) e (no)`);
    await execute(url, `DELETE FROM migrations WHERE name = '0015_first_user_change'`);
    expect(await migrate(url, () => undefined)).toEqual(['0015_first_user_change']);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    expect((await client.query('SELECT user_id FROM events LEFT JOIN users USING (user_no)')).rows).toEqual([{ user_id: 'stays' }]);
    await client.end();
  });
});
