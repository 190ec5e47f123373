/** Imported rows on their way into `events`, a chunk a transaction, and what became of each file. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { from as copyFrom } from 'pg-copy-streams';
import type pg from 'pg';
import { type Queryable, connectAlone, explainDatabaseError, run } from './database.ts';
import { USERS_LOCK_KEY } from './locks.ts';

/** How far an import is as a chunk is closed; how many of its rows are new is known only after it is written. */
export interface ChunkProgress {
  /** Of the file, 0 to 1. */
  readonly fraction: number;
  readonly rowsRead: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly lastLine: number;
}

export type ImportKind = 'events' | 'items' | 'users';
export type ImportState = 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted' | 'undone';

export interface ImportRecord extends Record<string, unknown> {
  readonly importNo: number;
  readonly state: ImportState;
  readonly kind: ImportKind;
  readonly source: string;
  readonly preset: string;
  readonly options: Record<string, unknown>;
  readonly layout: Record<string, unknown>;
  readonly rowsRead: number;
  readonly rowsImported: number;
  readonly rowsDuplicate: number;
  readonly rowsQuarantined: number;
  readonly skipped: Record<string, number>;
  readonly lastLine: number;
  readonly progress: number;
  readonly code: string | null;
  readonly message: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
}

const RECORD = `import_no AS "importNo", state, kind, source, format AS preset, options, layout, rows_read AS "rowsRead", rows_imported AS "rowsImported", rows_duplicate AS "rowsDuplicate",
  rows_quarantined AS "rowsQuarantined", skipped, last_line AS "lastLine", progress, code, message, started_at AS "startedAt", finished_at AS "finishedAt"`;
const LAST_EVENT_NO = `coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'event_no')::regclass), 0)`;

/** @param format the preset, or what else made these rows */
export async function startImport(connection: Queryable, source: string, format: string, options: object, kind: ImportKind = 'events', layout: object = {}): Promise<number> {
  const [row] = await run<{ no: number }>(connection, `INSERT INTO imports (source, format, options, kind, layout, first_event_no) VALUES ($1, $2, $3, $4, $5, ${LAST_EVENT_NO}) RETURNING import_no AS no`, [
    source, format, JSON.stringify(options), kind, JSON.stringify(layout),
  ]);
  return row.no;
}

/** One that was interrupted, or failed on the way, runs again. @returns false where it is none of these */
export async function resumeImport(connection: Queryable, importNo: number): Promise<boolean> {
  const rows = await run(connection, `UPDATE imports SET state = 'running', cancel_requested = false, code = NULL, message = NULL, finished_at = NULL WHERE import_no = $1 AND state IN ('interrupted', 'running', 'failed') RETURNING 1`, [importNo]);
  return rows.length > 0;
}

export async function endImport(connection: Queryable, importNo: number, state: 'done' | 'failed' | 'cancelled' | 'interrupted', message: string | null, code: string | null = null, skipped: Readonly<Record<string, number>> | null = null): Promise<void> {
  await run(connection, `UPDATE imports SET state = $2, message = $3, code = $4, progress = CASE WHEN $2 = 'done' THEN 1 ELSE progress END, skipped = coalesce($5::jsonb, skipped), finished_at = now(), last_event_no = ${LAST_EVENT_NO} WHERE import_no = $1`, [importNo, state, message, code, skipped === null ? null : JSON.stringify(skipped)]);
}

export async function findImport(database: Queryable, importNo: number): Promise<ImportRecord | null> {
  const [row] = await run<ImportRecord>(database, `SELECT ${RECORD} FROM imports WHERE import_no = $1`, [importNo]);
  return row ?? null;
}

/** Newest first. */
export async function listImports(database: Queryable, beforeNo: number | null, limit: number): Promise<ImportRecord[]> {
  return await run<ImportRecord>(database, `SELECT ${RECORD} FROM imports WHERE import_no < coalesce($1, 2147483647) ORDER BY import_no DESC LIMIT $2`, [beforeNo, limit]);
}

/** The last interrupted import of the same file with the same options. */
export async function findInterrupted(database: Queryable, source: string, format: string, options: object): Promise<ImportRecord | null> {
  const [row] = await run<ImportRecord>(database, `SELECT ${RECORD} FROM imports WHERE state = 'interrupted' AND source = $1 AND format = $2 AND options = $3::jsonb ORDER BY import_no DESC LIMIT 1`, [source, format, JSON.stringify(options)]);
  return row ?? null;
}

/** Rows of all files of events that are not undone. */
export async function countImportedRows(database: Queryable): Promise<{ rowsRead: number; rowsKeptAside: number }> {
  const [row] = await run<{ rowsRead: number; rowsKeptAside: number }>(database, `SELECT coalesce(sum(rows_read), 0)::float8 AS "rowsRead", coalesce(sum(rows_quarantined), 0)::float8 AS "rowsKeptAside" FROM imports WHERE kind = 'events' AND state <> 'undone'`);
  return row;
}

/** @returns false where it does not run */
export async function requestImportCancel(database: Queryable, importNo: number): Promise<boolean> {
  return (await run(database, `UPDATE imports SET cancel_requested = true WHERE import_no = $1 AND state = 'running' RETURNING 1`, [importNo])).length > 0;
}

/** Advisory lock class: "impo" in ASCII. An import holds (class, number) for as long as its connection lives. */
const IMPORT_LOCK_CLASS = 0x696d_706f;

/** @returns false where another process holds it */
export async function lockImport(connection: Queryable, importNo: number): Promise<boolean> {
  const [{ locked }] = await run<{ locked: boolean }>(connection, 'SELECT pg_try_advisory_lock($1, $2) AS locked', [IMPORT_LOCK_CLASS, importNo]);
  return locked;
}

/** Marks imports whose process is gone as interrupted. */
export async function markLostImports(database: Queryable): Promise<number[]> {
  const rows = await run<{ no: number }>(
    database,
    `UPDATE imports SET state = 'interrupted', message = 'Its process ended before it did; what was stored stays.', finished_at = now(), last_event_no = ${LAST_EVENT_NO}
     WHERE state = 'running' AND format <> 'demo' AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid::bigint = $1 AND objid::bigint = import_no AND objsubid = 2) RETURNING import_no AS no`,
    [IMPORT_LOCK_CLASS],
  );
  return rows.map((row) => row.no);
}

/** How imports have been going: all by how they ended, and how many have failed since the last that did not, none of them older than a week. */
export async function readImportRecord(database: Queryable): Promise<{ counts: readonly { state: ImportState; imports: number }[]; failedSinceDone: number }> {
  const counts = await run<{ state: ImportState; imports: number }>(database, 'SELECT state, count(*)::int AS imports FROM imports GROUP BY 1 ORDER BY 1');
  const [{ failed }] = await run<{ failed: number }>(
    database,
    `SELECT count(*)::int AS failed FROM imports WHERE state = 'failed' AND finished_at > now() - interval '7 days' AND finished_at > coalesce((SELECT max(finished_at) FROM imports WHERE state = 'done'), '-infinity')`,
  );
  return { counts, failedSinceDone: failed };
}

export interface ImportErrorRow extends Record<string, unknown> {
  readonly line: number;
  readonly code: string;
  readonly message: string;
  readonly raw: string;
}

export async function listImportErrors(database: Queryable, importNo: number, afterLine: number, limit: number): Promise<ImportErrorRow[]> {
  return await run<ImportErrorRow>(database, 'SELECT line, code, message, raw FROM import_errors WHERE import_no = $1 AND line > $2 ORDER BY line LIMIT $3', [importNo, afterLine, limit]);
}

/** Between which numbers an import's events lie; those of others may lie between them. */
export async function findEventRange(database: Queryable, importNo: number): Promise<{ first: number; last: number }> {
  const [row] = await run<{ first: number; last: number }>(
    database,
    `SELECT coalesce(first_event_no, 0)::float8 AS first, coalesce(last_event_no, ${LAST_EVENT_NO})::float8 AS last FROM imports WHERE import_no = $1`,
    [importNo],
  );
  return row;
}

/** Deletes an import's events whose numbers lie from `from` up to, not including, `to`; their users and items stay. By number, so that each step costs the same, wherever in the table it is. @returns how many */
export async function undoPartOfImport(database: Queryable, importNo: number, from: number, to: number): Promise<number> {
  const [{ n }] = await run<{ n: number }>(database, 'WITH gone AS (DELETE FROM events WHERE event_no >= $2 AND event_no < $3 AND import_no = $1 RETURNING 1) SELECT count(*)::int AS n FROM gone', [importNo, from, to]);
  return n;
}

export async function markUndone(database: Queryable, importNo: number): Promise<void> {
  // What users had is gone: whoever keeps something of them looks again.
  await run(database, `WITH undone AS (UPDATE imports SET state = 'undone', finished_at = now() WHERE import_no = $1 RETURNING 1) SELECT nextval('user_changes'), pg_notify('jongleur_users', '') FROM undone`, [importNo]);
}

/** Whether events that a version may have been trained on were taken back: an import was undone after its run had begun. */
export async function wereEventsTakenBack(database: Queryable, version: number): Promise<boolean> {
  const [{ were }] = await run<{ were: boolean }>(
    database,
    `SELECT EXISTS (SELECT FROM imports WHERE state = 'undone' AND finished_at >= coalesce((SELECT min(started_at) FROM training_runs WHERE version = $1), '-infinity')) AS were`,
    [version],
  );
  return were;
}

const EVENT_COLUMNS = 'user_no, item_no, type_no, value, quantity, price, group_hash, occurred_at, dedup, import_no';

/** The temp table for chunks that may hold rows which are stored already; once a connection. */
export async function createStaging(connection: Queryable): Promise<void> {
  await run(
    connection,
    `CREATE TEMP TABLE IF NOT EXISTS staging (user_no int, item_no int, type_no smallint, value real, quantity real, price real,
       group_hash bigint, occurred_at timestamptz, dedup uuid, import_no int) ON COMMIT DELETE ROWS`,
  );
}

/** Rows that are kept aside, a column each. */
export interface Quarantine {
  readonly lines: number[];
  readonly codes: string[];
  readonly messages: string[];
  readonly raws: string[];
}

export interface ImportChunk {
  /** Rows of `events` in COPY's binary format: user_no, item_no, type_no, value, quantity, price, group_hash, occurred_at, dedup, import_no. */
  readonly bytes: Buffer;
  readonly rows: number;
  readonly progress: ChunkProgress;
  readonly quarantine: Quarantine;
  /** `user_changes` when the first of the numbers in these rows was read. */
  readonly userChanges: number;
}

/** A user was erased or merged meanwhile: numbers in memory may be nobody's. */
export class NumbersChanged extends Error {}

/**
 * One chunk in one transaction: its events, and the import's figures with its last line, so that after a crash chunk and position agree.
 *
 * `straight` COPYs into `events` itself, at 0.6 of the time (20,000 rows into 400,000), and fails as a whole where one row is stored already; then, and without `straight`,
 * the rows go through the staging table, which leaves those out.
 *
 * @returns how many rows were new, and whether somebody wants the import to end
 * @throws NumbersChanged, where nothing of it was stored
 */
export async function writeChunk(connection: pg.Client, importNo: number, chunk: ImportChunk, straight: boolean): Promise<{ inserted: number; cancelled: boolean }> {
  try {
    const begun = (await connection.query(`BEGIN; SELECT pg_advisory_xact_lock_shared(${USERS_LOCK_KEY}); SELECT last_value::float8 AS n FROM user_changes`)) as unknown as pg.QueryResult<{ n: number }>[];
    if (begun[2].rows[0].n !== chunk.userChanges) {
      throw new NumbersChanged();
    }
    const inserted = chunk.rows === 0 ? 0 : straight ? await copyRows(connection, 'events', chunk) : await copyThroughStaging(connection, chunk);
    const cancelled = await noteProgress(connection, importNo, chunk.progress, inserted, chunk.rows - inserted, chunk.quarantine);
    await connection.query(inserted > 0 ? 'NOTIFY jongleur_events; COMMIT' : 'COMMIT');
    return { inserted, cancelled };
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    if (straight && (error as { code?: unknown }).code === UNIQUE_VIOLATION) {
      return await writeChunk(connection, importNo, chunk, false);
    }
    throw explainDatabaseError(error);
  }
}

/**
 * The import's figures as of this chunk, in its transaction.
 *
 * @returns whether somebody wants the import to end
 */
export async function noteProgress(connection: Queryable, importNo: number, progress: ChunkProgress, inserted: number, duplicate: number, quarantine: Quarantine): Promise<boolean> {
  if (quarantine.lines.length > 0) {
    await run(connection, 'INSERT INTO import_errors (import_no, line, code, message, raw) SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING', [importNo, quarantine.lines, quarantine.codes, quarantine.messages, quarantine.raws]);
  }
  const [row] = await run<{ cancelled: boolean }>(
    connection,
    `UPDATE imports SET rows_read = $2, rows_imported = rows_imported + $3, rows_duplicate = rows_duplicate + $4, skipped = $5, last_line = $6, progress = $7, rows_quarantined = rows_quarantined + $8
     WHERE import_no = $1 RETURNING cancel_requested AS cancelled`,
    [importNo, progress.rowsRead, inserted, duplicate, JSON.stringify(progress.skipped), progress.lastLine, progress.fraction, quarantine.lines.length],
  );
  return row.cancelled;
}

const UNIQUE_VIOLATION = '23505';
/** Signature, flags and the length of an extension; and a row of −1 fields. */
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const COPY_TRAILER = Buffer.from([0xff, 0xff]);

async function copyRows(connection: pg.Client, table: 'events' | 'staging', chunk: ImportChunk): Promise<number> {
  await pipeline(Readable.from([COPY_HEADER, chunk.bytes, COPY_TRAILER]), connection.query(copyFrom(`COPY ${table} (${EVENT_COLUMNS}) FROM STDIN (FORMAT binary)`)));
  return chunk.rows;
}

async function copyThroughStaging(connection: pg.Client, chunk: ImportChunk): Promise<number> {
  await copyRows(connection, 'staging', chunk);
  // In the file's order (a temp table is read as it was written): of equal times the later row is the newer event.
  const { rowCount } = await connection.query(`INSERT INTO events (${EVENT_COLUMNS}) SELECT ${EVENT_COLUMNS} FROM staging ORDER BY ctid ON CONFLICT (dedup) DO NOTHING`);
  return rowCount ?? 0;
}

/** After a large load: without fresh statistics the first queries plan as if the tables were empty. */
export async function analyzeTables(connection: Queryable): Promise<void> {
  await run(connection, 'ANALYZE users, items, events');
}

/** Format of the import that wrote the demo shop. */
export const DEMO_FORMAT = 'demo';

/** @returns null where nothing of this format was ever imported */
export async function findLastImport(database: Queryable, format: string): Promise<{ state: string; options: Record<string, unknown> } | null> {
  const [row] = await run<{ state: string; options: Record<string, unknown> }>(database, 'SELECT state, options FROM imports WHERE format = $1 ORDER BY import_no DESC LIMIT 1', [format]);
  return row ?? null;
}

/** Advisory lock key: "demo" in ASCII. */
const DEMO_LOCK_KEY = 0x6465_6d6f;

/** Runs `work` while no other process runs its own: the lock is that of a connection made for it, gone when the process is. */
export async function withDemoLock<T>(connectionString: string, work: () => Promise<T>): Promise<T> {
  const connection = await connectAlone(connectionString, 'jongleur-demo-lock');
  try {
    await run(connection, 'SELECT pg_advisory_lock($1)', [DEMO_LOCK_KEY]);
    return await work();
  } finally {
    await connection.end().catch(() => undefined);
  }
}
