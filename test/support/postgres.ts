/**
 * A real Postgres for tests: one embedded server for the whole run (or that of JONGLEUR_TEST_DATABASE_URL), one migrated template in it, and a database of its own, copied from the
 * template, for whoever asks.
 */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/storage/embedded/launcher.ts';
import { migrate } from '../../src/storage/migrations.ts';
import { findLeaks, openLeaks } from './canaries.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connects to the template's server; the database in it is the template itself. */
    templateUrl: string;
    /** Where logs, error bodies and secrets of the whole run are gathered. */
    leakFolder: string;
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

export async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Vitest's global set-up: runs once, before any test file. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: EmbeddedPostgres | null = null;
  let folder: string | null = null;
  let url = process.env.JONGLEUR_TEST_DATABASE_URL;
  if (url === undefined) {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-test-'));
    await chmod(folder, 0o755);
    const first = await startEmbeddedPostgres({ dataDir: folder, log: () => undefined });
    // Files beside one another start several servers each, and a shop's own 40 are for one.
    await execute(first.connectionString, 'ALTER SYSTEM SET max_connections = 200');
    await first.release();
    server = await startEmbeddedPostgres({ dataDir: folder, log: () => undefined });
    url = server.connectionString;
  }
  const name = `template_${process.pid}`;
  await execute(url, `CREATE DATABASE ${name} ENCODING 'UTF8' TEMPLATE template0`);
  const templateUrl = withDatabase(url, name);
  await migrate(templateUrl, () => undefined);
  project.provide('templateUrl', templateUrl);
  const leakFolder = await mkdtemp(join(tmpdir(), 'jongleur-leaks-'));
  project.provide('leakFolder', leakFolder);
  const password = decodeURIComponent(new URL(url).password);
  return async () => {
    await execute(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await server?.release();
    const leaks = openLeaks(leakFolder);
    leaks.secret(password);
    const postgresLog = folder === null ? null : join(folder, 'postgres.log');
    if (postgresLog !== null && existsSync(postgresLog)) {
      leaks.log(readFileSync(postgresLog, 'utf8'));
    }
    const found = findLeaks(leakFolder);
    await rm(leakFolder, { recursive: true, force: true });
    if (folder !== null) {
      await rm(folder, { recursive: true, force: true });
    }
    process.stdout.write(`looked for ${found.secrets} secrets in ${found.lines} lines of logs and ${found.bodies} error bodies: ${found.leaks.length} leaks\n`);
    if (found.leaks.length > 0) {
      throw new Error(`What must not be told was told:\n${found.leaks.slice(0, 20).join('\n')}`);
    }
  };
}

let made = 0;

/** Makes a database from the template. @returns its URL and how to drop it */
export async function createTestDatabase(templateUrl: string): Promise<{ url: string; drop: () => Promise<void> }> {
  const template = new URL(templateUrl).pathname.slice(1);
  const admin = withDatabase(templateUrl, 'postgres');
  const name = `test_${process.pid}_${++made}_${Math.random().toString(36).slice(2, 8)}`;
  await execute(admin, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  return { url: withDatabase(templateUrl, name), drop: async () => await execute(admin, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
