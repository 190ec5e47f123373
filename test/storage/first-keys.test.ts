import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { listKeys } from '../../src/storage/api-keys.ts';
import { createDatabase } from '../../src/storage/database.ts';
import { createFirstKeys, createKey, hashKey, keyFileOf, readKeyFile } from '../../src/storage/first-keys.ts';
import { createTestDatabase } from '../support/postgres.ts';

describe('the first keys', () => {
  let database: pg.Pool;
  let drop: () => Promise<void>;
  let folder: string;

  beforeAll(async () => {
    const made = await createTestDatabase(inject('templateUrl'));
    drop = made.drop;
    database = createDatabase({ connectionString: made.url, maxConnections: 5, onError: () => undefined });
  });
  beforeEach(async () => {
    await database.query('DELETE FROM api_keys');
    folder = join(await mkdtemp(join(tmpdir(), 'jongleur-keys-')), 'data', 'dir');
  });
  afterEach(async () => await rm(join(folder, '..', '..'), { recursive: true }));
  afterAll(async () => {
    await database.end();
    await drop();
  });

  it('are one of each role, in a file that only its owner can read, and hashes in the database', async () => {
    expect(await createFirstKeys(database, folder, [])).toEqual(['secret', 'publishable', 'admin']);
    const file = keyFileOf(folder);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const keys = await readKeyFile(folder);
    expect(keys).toEqual({ secret: expect.stringMatching(/^sk_[\w-]{43}$/), publishable: expect.stringMatching(/^pk_[\w-]{43}$/), admin: expect.stringMatching(/^ak_[\w-]{43}$/) });
    const { rows } = await database.query('SELECT role, sha256, hint FROM api_keys');
    expect(rows).toHaveLength(3);
    for (const row of rows) {
      const key = keys[row.role as 'secret']!;
      expect(row.sha256.equals(hashKey(key))).toBe(true);
      expect(row.hint).toBe(key.slice(0, 8));
    }
    expect(JSON.stringify(rows)).not.toContain(keys.secret!.slice(8));
    // The file can be sourced by a shell.
    expect(await readFile(file, 'utf8')).toMatch(/^#.*\n(JONGLEUR_[A-Z]+_KEY=\S+\n){3}$/);
  });

  it('are made once, also by many at once', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, async () => await createFirstKeys(database, folder, [])));
    expect(made.map((roles) => roles.length).sort()).toEqual([0, 0, 0, 0, 3]);
    const keys = await readKeyFile(folder);
    const kept = await database.query('SELECT sha256 FROM api_keys ORDER BY role');
    expect(kept.rows.map((row) => row.sha256.toString('hex'))).toEqual([keys.admin, keys.publishable, keys.secret].map((key) => hashKey(key!).toString('hex')));
    expect(await createFirstKeys(database, folder, [])).toEqual([]);
    expect(await readKeyFile(folder)).toEqual(keys);
  });

  it('leave out the roles that the environment gives', async () => {
    expect(await createFirstKeys(database, folder, ['secret', 'admin'])).toEqual(['publishable']);
    expect(Object.keys(await readKeyFile(folder))).toEqual(['publishable']);
    expect((await listKeys(database)).map((key) => key.role)).toEqual(['publishable']);
  });

  it('are none where the environment gives all, and then there is no file', async () => {
    expect(await createFirstKeys(database, folder, ['secret', 'admin', 'publishable'])).toEqual([]);
    expect(await listKeys(database)).toEqual([]);
    expect(await readKeyFile(folder)).toEqual({});
    await expect(stat(keyFileOf(folder))).rejects.toThrow('ENOENT');
  });

  it('are not made where the file cannot be: a hash without its key would be a locked door', async () => {
    await writeFile(join(folder, '..', '..', 'file'), '');
    await expect(createFirstKeys(database, join(folder, '..', '..', 'file'), [])).rejects.toThrow(/EEXIST|ENOTDIR/);
    expect(await listKeys(database)).toEqual([]);
  });

  it('do not stand in a file that others may read since before', async () => {
    await createFirstKeys(database, folder, []);
    await chmod(keyFileOf(folder), 0o644);
    await database.query('DELETE FROM api_keys');
    const before = await readKeyFile(folder);
    await createFirstKeys(database, folder, []);
    expect((await stat(keyFileOf(folder))).mode & 0o777).toBe(0o600);
    expect((await readKeyFile(folder)).secret).not.toBe(before.secret);
  });

  it('are never twice the same', () => {
    expect(new Set(Array.from({ length: 1000 }, () => createKey('secret').key)).size).toBe(1000);
  });
});
