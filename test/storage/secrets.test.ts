import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, run } from '../../src/storage/database.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

describe('secrets', () => {
  let made: OwnDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await openTestDatabase(8);
    ({ database } = made);
  });
  afterAll(async () => {
    await made.close();
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
