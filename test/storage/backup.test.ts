import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { BackupFault, restoreBackup, writeBackup } from '../../src/storage/backup.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { createTestDatabase, execute } from '../support/postgres.ts';
import { type Service, startService } from '../support/service.ts';

describe('a backup', () => {
  let service: Service;
  let folder: string;
  let file: string;

  async function contents(url: string): Promise<Record<string, string>> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows: tables } = await client.query<{ name: string; columns: string }>(
      `SELECT c.relname AS name, string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'migrations' AND attnum > 0 AND NOT attisdropped AND NOT (attname = 'xid' AND atttypid = 'xid8'::regtype) GROUP BY 1`,
    );
    const found: Record<string, string> = {};
    for (const { name, columns } of tables) {
      const { rows } = await client.query<{ digest: string }>(`SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') AS digest FROM (SELECT ${columns} FROM ${name}) t`);
      found[name] = rows[0].digest;
    }
    await client.end();
    return found;
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-backup-'));
    service = await startService();
    // Of a visit that is over: the items of one that goes on weigh more in a fold-in than in training.
    const occurredAt = new Date(Date.now() - 2 * 3_600_000).toISOString();
    for (let user = 0; user < 20; user++) {
      await service.call('POST', '/v1/events', { events: Array.from({ length: 10 }, (_, item) => ({ userId: `u${user}`, itemId: `i${item}`, type: 'cart', price: item + 0.1, groupId: 'g', occurredAt })).filter((_, item) => item % 2 === user % 2 && item !== user % 10) });
    }
    await service.call('POST', '/v1/ratings', { userId: 'tab\there'.replace('\t', '\\t'), itemId: '\\.', value: null });
    await service.call('PUT', '/v1/items/odd', { title: 'line\nbreak\ttab \\. back\\slash "quote" \u{1F939}', categories: ['a', 'b'], attributes: { x: [1, 'two', null] } });
    await service.call('PUT', '/v1/event-types', { items: [{ name: 'wish', weight: 2 }] });
    await service.call('DELETE', '/v1/users/u19');
    await readSecret(service.database, 'tokens');
    await service.train();
    file = join(folder, 'jongleur.backup');
    await writeBackup(service.url, file, '1.2.3');
  });
  afterAll(async () => {
    await service.stop();
    await rm(folder, { recursive: true });
  });

  it('holds everything: restored, every table is what it was, and the same answers come of it', async () => {
    const target = await createTestDatabase(inject('templateUrl'));
    const { tables } = await restoreBackup(target.url, file);
    expect(tables.events).toBeGreaterThan(70);
    const [before, after] = [await contents(service.url), await contents(target.url)];
    expect(Object.keys(before).length).toBeGreaterThan(15);
    expect(after).toEqual(before);
    const restored = await startService({}, {}, target.url);
    const list = async (one: Service) => (await one.call('GET', '/v1/users/u3/recommendations')).json;
    expect(await list(restored)).toMatchObject({ source: 'personal', items: (await list(service)).items.map(({ itemId }: { itemId: string }) => ({ itemId })) });
    // Numbers go on from where they were.
    expect((await restored.call('POST', '/v1/events', { userId: 'new', itemId: 'new', type: 'wish' })).json).toMatchObject({ accepted: 1 });
    expect((await restored.call('POST', '/v1/events', { userId: 'u19', itemId: 'i1', type: 'cart', occurredAt: '2026-01-01T00:00:00Z' })).json.code).toBe('invalid-request');
    await restored.stop();
    await target.drop();
  });

  it('is its owner’s to read, and never half there', async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await expect(writeBackup(service.url, join(folder, 'nowhere', 'x'), '1')).rejects.toThrow(/ENOENT/);
    // Interrupted, the one that was there before stays as it was, and nothing is left beside it.
    const before = await readFile(file);
    const controller = new AbortController();
    const writing = writeBackup(service.url, file, '1', controller.signal);
    controller.abort(new Error('interrupted'));
    await expect(writing).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['jongleur.backup']);
    expect((await readFile(file)).equals(before)).toBe(true);
  });

  it('is refused in words, and changes nothing, where it is none, is cut off, is newer, or the database has data', async () => {
    const target = await createTestDatabase(inject('templateUrl'));
    const before = await contents(target.url);
    const refuse = async (path: string) => {
      const error = await restoreBackup(target.url, path).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(BackupFault);
      expect(await contents(target.url)).toEqual(before);
      return (error as Error).message;
    };
    const write = async (bytes: Buffer) => {
      await writeFile(join(folder, 'wrong'), bytes);
      return join(folder, 'wrong');
    };
    const whole = await readFile(file);
    const text = gunzipSync(whole);
    expect(await refuse(join(folder, 'none'))).toContain('There is no file');
    expect(await refuse(await write(Buffer.from('user,item\n')))).toContain('no backup');
    expect(await refuse(await write(gzipSync('user,item\n')))).toContain('no backup');
    expect(await refuse(await write(whole.subarray(0, whole.length >> 1)))).toContain('cut off');
    expect(await refuse(await write(gzipSync(text.subarray(0, text.indexOf('"table":"events"') + 300))))).toContain('cut off');
    // A flipped bit that leaves lines whole shows in the checksum at the end.
    const flipped = Buffer.from(text);
    flipped[flipped.indexOf('"table":"events"') + 60] ^= 1;
    const packed = gzipSync(flipped);
    whole.copy(packed, packed.length - 8, whole.length - 8);
    expect(await refuse(await write(packed))).toContain('damaged');
    expect(await refuse(await write(Buffer.concat([whole, gzipSync('more\n')])))).toContain('goes on after its end');
    expect(await refuse(await write(gzipSync(text.toString('latin1').replace('"0001_house"', '"9999_later"'))))).toContain('newer Jongleur');
    await execute(target.url, `INSERT INTO users (user_id) VALUES ('somebody')`);
    const error = await restoreBackup(target.url, file).catch((reason: unknown) => reason);
    expect((error as Error).message).toContain('This database has data (users)');
    await target.drop();
  });
});
