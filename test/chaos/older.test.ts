/** What another version left behind: a model of another layout, a folder of another Postgres. Both are told of in words with a way forward, and neither is touched. */
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { startServer } from '../support/process.ts';
import { SMALL, fillShop, insist, startShop, trainShop, until } from './shop.ts';

describe('what another version left', () => {
  it('a model of another layout is not served; answers come from what is popular, and a training run replaces it', { timeout: 60_000 }, async () => {
    const database = await createTestDatabase(inject('templateUrl'));
    const first = await startShop(database.url);
    await first.end('SIGTERM');
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    for (const part of ['item', 'user']) {
      const { rows } = await client.query<{ bytes: Buffer }>(`SELECT bytes FROM model_chunks WHERE part = $1 ORDER BY seq`, [part]);
      const bytes = Buffer.concat(rows.map((row) => row.bytes));
      bytes.writeUInt32LE(99, 8);
      await client.query('DELETE FROM model_chunks WHERE part = $1', [part]);
      await client.query('INSERT INTO model_chunks (version, part, seq, bytes) VALUES (1, $1, 0, $2)', [part, bytes]);
      await client.query(`UPDATE models SET ${part === 'item' ? 'sha256' : 'user_sha256'} = $1`, [createHash('sha256').update(bytes).digest()]);
    }
    await client.end();
    const server = await startServer({ DATABASE_URL: database.url, ...SMALL });
    try {
      await server.ready();
      const line = await until(async () => server.lines.find((one) => one.includes('is not served')) ?? null);
      expect(line).toMatch(/layout version is 99/);
      expect(line).toMatch(/training run|Train/i);
      expect((await insist(server, 'GET', '/v1/users/u1/recommendations'))).toMatchObject({ modelVersion: null, source: 'trending' });
      await fillShop(server);
      await trainShop(server);
      expect((await insist(server, 'GET', '/v1/users/u1/recommendations'))).toMatchObject({ modelVersion: 2, source: 'personal' });
    } finally {
      await server.end('SIGTERM');
      await database.drop();
    }
  });

  it('a data folder of another Postgres is refused with what to do, and stays as it is', { timeout: 60_000 }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'jongleur-chaos-'));
    await chmod(dataDir, 0o755);
    await mkdir(join(dataDir, 'postgres'));
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '15\n');
    await writeFile(join(dataDir, 'postgres-password'), 'x\n');
    await expect(startServer({ DATA_DIR: dataDir, ...SMALL })).rejects.toThrow(/ended with 1:[^]*was made by Postgres 15[^]*Remedy: [^]*jongleur backup[^]*jongleur restore/);
    expect(await readFile(join(dataDir, 'postgres', 'PG_VERSION'), 'utf8')).toBe('15\n');
    await rm(dataDir, { recursive: true });
  });
});
