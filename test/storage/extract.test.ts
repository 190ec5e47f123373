import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, run } from '../../src/storage/database.ts';
import { extractTrainingData } from '../../src/storage/extract.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

describe('the extract', () => {
  let made: OwnDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await openTestDatabase();
    ({ database } = made);
    await run(database, `INSERT INTO users (user_id) VALUES ('a'), ('b')`);
    await run(database, `INSERT INTO items (item_id) VALUES ('x'), ('größe')`);
  });
  afterAll(async () => {
    await made.close();
  });

  async function insert(values: string): Promise<void> {
    await run(database, `INSERT INTO events (user_no, item_no, type_no, value, quantity, occurred_at, group_hash, dedup) SELECT u, i, t, v, q, at::timestamptz, g, gen_random_uuid() FROM (VALUES ${values}) AS e (u, i, t, v, q, at, g)`);
  }
  const extract = async () => await extractTrainingData(made.url, new AbortController().signal);

  it('has every column, and no groups where no event has one', async () => {
    await insert(`(1, 2, 3, null::real, 2.5::real, '2024-01-02T03:04:05.678Z', null::bigint), (2, 1, 4, 4.5, null, '1999-12-31T23:59:59Z', null)`);
    const { columns, items } = await extract();
    expect('group' in columns).toBe(false);
    expect([[...columns.user], [...columns.item], [...columns.type], [...columns.value], [...columns.quantity], [...columns.occurredAtMs]]).toEqual(
      [[1, 2], [2, 1], [3, 4], [Number.NaN, 4.5], [2.5, Number.NaN], [Date.UTC(2024, 0, 2, 3, 4, 5, 678), Date.UTC(1999, 11, 31, 23, 59, 59)]]);
    expect(new TextDecoder().decode(items.bytes)).toBe('xgröße');
  });

  it('tells groups apart, and has 0 for none', async () => {
    await insert(`(1, 1, 3, null::real, null::real, '2024-01-02', -2::bigint), (1, 1, 3, 1.5, 2, '2024-01-03', 9223372036854775807), (1, 2, 3, null, null, '2024-01-03', 12884901888), (1, 2, 3, null, null, '2024-01-03', -2)`);
    expect([...(await extract()).columns.group!]).toEqual([0, 0, -2, -1, 1, -2]);
  });
});
