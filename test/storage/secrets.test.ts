import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Database, createDatabase, run } from '../../src/storage/database.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { createTestDatabase } from '../support/postgres.ts';

describe('secrets', () => {
  let made: Awaited<ReturnType<typeof createTestDatabase>>;
  let database: Database;
  beforeAll(async () => {
    made = await createTestDatabase(inject('templateUrl'));
    database = createDatabase({ connectionString: made.url, maxConnections: 8, onError: () => undefined });
  });
  afterAll(async () => {
    await database.end();
    await made.drop();
  });

  it('are made once, and all replicas that start at once get the same', async () => {
    const read = await Promise.all(Array.from({ length: 8 }, async () => await readSecret(database, 'tokens')));
    expect(new Set(read.map((value) => value.toString('hex'))).size).toBe(1);
    expect(read[0]).toHaveLength(32);
    expect(await readSecret(database, 'erasures')).not.toEqual(read[0]);
    expect(await run(database, 'SELECT name FROM secrets ORDER BY name')).toEqual([{ name: 'erasures' }, { name: 'tokens' }]);
  });

  it('stand in no setting', async () => {
    await readSecret(database, 'tokens');
    expect(await run(database, 'SELECT name FROM settings')).toEqual([]);
  });
});
