/** A database and a folder for files to import, new for a suite and emptied before each test. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import type { ImportOptions } from '../../src/ingest/importer.ts';
import { createDatabase } from '../../src/storage/database.ts';
import { createTestDatabase } from './postgres.ts';

/** @param nowMs the moment that imports take for now */
export function prepareImports(maxConnections: number, nowMs: number) {
  let drop: () => Promise<void>;
  let made = 0;
  const place = { folder: '', url: '', database: undefined as unknown as pg.Pool };

  beforeAll(async () => {
    place.folder = await mkdtemp(join(tmpdir(), 'jongleur-import-'));
    ({ url: place.url, drop } = await createTestDatabase(inject('templateUrl')));
    place.database = createDatabase({ connectionString: place.url, maxConnections, onError: () => undefined });
  });
  beforeEach(async () => {
    await place.database.query('TRUNCATE events, users, items, imports CASCADE');
  });
  afterAll(async () => {
    await place.database.end();
    await drop();
    await rm(place.folder, { recursive: true });
  });

  return Object.assign(place, {
    write: async (content: string | Buffer): Promise<string> => {
      const path = join(place.folder, `${++made}.csv`);
      await writeFile(path, content);
      return path;
    },
    optionsOf: (path: string, options: Partial<ImportOptions> = {}): ImportOptions => ({ connectionString: place.url, path, preset: 'generic', columns: {}, type: null, nowMs, ...options }),
  });
}
