/**
 * The whole database in one file, and back: the embedded Postgres brings no pg_dump.
 *
 * A file is gzip of lines. The first is JSON: format, version, migrations, when. Then each table: a JSON line with its name and columns, its rows as COPY writes them, and a line `\.`, which no row can
 * be. The last is JSON with the positions of the sequences. All is read in one snapshot, so a server may run beside it. `xid` columns are left out: they mean something in the cluster that wrote them
 * alone, and rows that are written anew are new to every model, as they should be.
 */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type pg from 'pg';
import { connectAlone, explainDatabaseError, run } from './database.ts';
import { writeWholeFile } from './whole-file.ts';

const FORMAT = 'jongleur-backup';
const FORMAT_VERSION = 1;
const END_OF_ROWS = '\\.';
/** Not data: what has been applied here is known here. */
const NOT_BACKED_UP = ['migrations'];

/** The file is no backup, is cut off, or does not fit this database; nothing was changed. */
export class BackupFault extends Error {}

export interface BackupFacts {
  readonly tables: Readonly<Record<string, number>>;
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

/** In an order in which referenced tables come first. */
async function listTables(client: pg.Client): Promise<Table[]> {
  const rows = await run<{ name: string; columns: string[] }>(
    client,
    `SELECT c.relname AS name, ARRAY(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND NOT (attname = 'xid' AND atttypid = 'xid8'::regtype) ORDER BY attnum) AS columns
     FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> ALL($1) ORDER BY EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f'), relname`,
    [NOT_BACKED_UP],
  );
  return rows;
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
const columnsOf = (table: Table) => table.columns.map(quote).join(', ');

/** @throws DatabaseUnavailable; what the file system says; the signal's reason. Then there is no file of this name, or the one that was there before */
export async function writeBackup(connectionString: string, path: string, version: string, signal?: AbortSignal): Promise<BackupFacts> {
  const client = await connectAlone(connectionString, 'jongleur-backup').catch((error: unknown) => {
    throw explainDatabaseError(error);
  });
  const tables: Record<string, number> = {};
  async function* lines(): AsyncGenerator<Buffer | string> {
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const migrations = (await run<{ name: string }>(client, 'SELECT name FROM migrations ORDER BY id')).map((row) => row.name);
    yield `${JSON.stringify({ format: FORMAT, formatVersion: FORMAT_VERSION, version, migrations, at: new Date().toISOString() })}\n`;
    for (const table of await listTables(client)) {
      yield `${JSON.stringify({ table: table.name, columns: table.columns })}\n`;
      const stream = client.query(copyTo(`COPY (SELECT ${columnsOf(table)} FROM ${quote(table.name)}) TO STDOUT`));
      for await (const piece of stream as AsyncIterable<Buffer>) {
        yield piece;
      }
      tables[table.name] = stream.rowCount;
      yield `${END_OF_ROWS}\n`;
    }
    const sequences = await run<{ name: string; last: number | null }>(client, `SELECT sequencename AS name, last_value::float8 AS last FROM pg_sequences WHERE schemaname = 'public' AND sequencename NOT LIKE 'migrations%'`);
    yield `${JSON.stringify({ sequences: Object.fromEntries(sequences.filter((one) => one.last !== null).map((one) => [one.name, one.last])) })}\n`;
    await client.query('COMMIT');
  }
  try {
    await writeWholeFile(path, lines(), createGzip({ level: 3 }), 0o600, signal);
    return { tables };
  } catch (error) {
    throw explainDatabaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Lines of the file as bytes, without their newlines. A chunk of a model is a line of megabytes: its pieces are joined once. */
async function* readLines(path: string): AsyncGenerator<Buffer> {
  const source = createReadStream(path);
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  source.on('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  let rest: Buffer[] = [];
  try {
    for await (const piece of gunzip as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
        const tail = piece.subarray(from, end);
        yield rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
        rest = [];
        from = end + 1;
      }
      if (from < piece.length) {
        rest.push(piece.subarray(from));
      }
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw new BackupFault(code === 'ENOENT' ? `There is no file ${path}.` : code === 'Z_BUF_ERROR' ? `${path} ends in the middle: the backup was cut off.` : code.startsWith('Z_') ? `${path} is no backup, or it is damaged (${(error as Error).message}).` : `${path} cannot be read: ${(error as Error).message}.`);
  } finally {
    source.destroy();
  }
  if (rest.length > 0) {
    throw new BackupFault(`${path} ends in the middle of a line: the backup was cut off.`);
  }
}

function parseLine(line: Buffer, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    if (typeof value === 'object' && value !== null) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Told below.
  }
  throw new BackupFault(`${path} is no backup of Jongleur: a line that should describe a table is ${JSON.stringify(line.toString('utf8').slice(0, 60))}.`);
}

/**
 * Fills an empty, migrated database from a backup, in one transaction.
 *
 * @throws BackupFault, and nothing is changed
 */
export async function restoreBackup(connectionString: string, path: string): Promise<BackupFacts> {
  const client = await connectAlone(connectionString, 'jongleur-restore').catch((error: unknown) => {
    throw explainDatabaseError(error);
  });
  const tables: Record<string, number> = {};
  const lines = readLines(path);
  const next = async (): Promise<Buffer> => {
    const { value, done } = (await lines.next()) as IteratorResult<Buffer, undefined>;
    if (done === true || value === undefined) {
      throw new BackupFault(`${path} ends before its end: the backup was cut off.`);
    }
    return value;
  };
  try {
    const head = parseLine(await next(), path);
    if (head.format !== FORMAT || head.formatVersion !== FORMAT_VERSION || !Array.isArray(head.migrations)) {
      throw new BackupFault(`${path} is no backup that this version of Jongleur reads (format ${JSON.stringify(head.format)}, version ${JSON.stringify(head.formatVersion)}).`);
    }
    await client.query('BEGIN');
    const known = new Set((await run<{ name: string }>(client, 'SELECT name FROM migrations')).map((row) => row.name));
    const unknown = (head.migrations as string[]).filter((name) => !known.has(name));
    if (unknown.length > 0) {
      throw new BackupFault(`${path} was made by a newer Jongleur (${String(head.version)}; it has ${unknown.join(', ')}). Restore it with that version or a later one.`);
    }
    const here = new Map((await listTables(client)).map((table) => [table.name, table]));
    // Nobody writes meanwhile: what a running server stored between the look and the restore would be lost.
    await client.query(`LOCK TABLE ${[...here.keys()].map(quote).join(', ')} IN ACCESS EXCLUSIVE MODE`);
    for (const name of ['events', 'users', 'items', 'models', 'imports']) {
      const [{ found }] = await run<{ found: boolean }>(client, `SELECT EXISTS (SELECT FROM ${quote(name)}) AS found`);
      if (found) {
        throw new BackupFault(`This database has data (${name}); a backup is restored into an empty one. Choose another DATABASE_URL or DATA_DIR, and start nothing on it before.`);
      }
    }
    for (;;) {
      const line = parseLine(await next(), path);
      if (line.sequences !== undefined) {
        for (const [name, last] of Object.entries(line.sequences as Record<string, number>)) {
          await run(client, 'SELECT setval(format($1, $2::text)::regclass, $3)', ['%I', name, last]);
        }
        // To the end of the file, where its checksum stands.
        for (let more = await lines.next(); more.done !== true; more = await lines.next()) {
          throw new BackupFault(`${path} goes on after its end: it is damaged.`);
        }
        break;
      }
      const table: Table = { name: String(line.table), columns: Array.isArray(line.columns) ? line.columns.map(String) : [] };
      const target = here.get(table.name);
      const missing = table.columns.filter((column) => target?.columns.includes(column) !== true);
      if (target === undefined || missing.length > 0) {
        throw new BackupFault(`${path} has ${target === undefined ? `a table ${table.name}` : `columns ${missing.join(', ')} of ${table.name}`} that this version of Jongleur does not know.`);
      }
      // What a migration or a first start put there gives way to what the backup has; a table that the backup does not know keeps it.
      await client.query(`DELETE FROM ${quote(table.name)}`);
      let rows = 0;
      const copy = client.query(copyFrom(`COPY ${quote(table.name)} (${columnsOf(table)}) FROM STDIN`));
      await pipeline(
        Readable.from((async function* () {
          const newline = Buffer.from('\n');
          let batch: Buffer[] = [];
          for (let row = await next(); !(row.length === 2 && row.toString('latin1') === END_OF_ROWS); row = await next()) {
            batch.push(Buffer.from(row), newline);
            rows++;
            if (batch.length >= 2_000) {
              yield Buffer.concat(batch);
              batch = [];
            }
          }
          yield Buffer.concat(batch);
        })()),
        copy,
      );
      tables[table.name] = rows;
    }
    // A process that runs here already has numbers of ids, keys and a model of its own in memory.
    await run(client, `SELECT nextval('user_changes'), pg_notify('jongleur_users', ''), pg_notify('jongleur_events', ''), pg_notify('jongleur_items', ''), pg_notify('jongleur_models', ''), pg_notify('jongleur_keys', ''), pg_notify('jongleur_types', '')`);
    await client.query('COMMIT');
    // Who looked between that and the COMMIT found the numbers of before.
    await run(client, `SELECT nextval('user_changes'), pg_notify('jongleur_users', '')`);
    await client.query('ANALYZE');
    return { tables };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw explainDatabaseError(error);
  } finally {
    await lines.return(undefined).catch(() => undefined);
    await client.end().catch(() => undefined);
  }
}
