/** Imported rows on their way into `events`, a chunk a transaction, and what became of each file. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { from as copyFrom } from 'pg-copy-streams';
import type pg from 'pg';
import { type Queryable, connectAlone, explainDatabaseError, run } from './database.ts';

/** How far an import is as a chunk is closed; how many of its rows are new is known only after it is written. */
export interface ChunkProgress {
  readonly rowsRead: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly lastLine: number;
}

export async function startImport(connection: Queryable, source: string, format: string, options: object): Promise<number> {
  const [row] = await run<{ no: number }>(connection, 'INSERT INTO imports (source, format, options) VALUES ($1, $2, $3) RETURNING import_no AS no', [source, format, JSON.stringify(options)]);
  return row.no;
}

export async function endImport(connection: Queryable, importNo: number, state: 'done' | 'failed' | 'cancelled', message: string | null): Promise<void> {
  await run(connection, 'UPDATE imports SET state = $2, message = $3, finished_at = now() WHERE import_no = $1', [importNo, state, message]);
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

export interface ImportChunk {
  /** Rows of `events` in COPY's text format: user_no, item_no, type_no, value, quantity, price, group_hash, occurred_at, dedup, import_no; each ends with a newline. */
  readonly bytes: Buffer;
  readonly rows: number;
  readonly progress: ChunkProgress;
}

/**
 * One chunk in one transaction: its events, and the import's figures with its last line, so that after a crash chunk and position agree.
 *
 * `straight` COPYs into `events` itself, at 0.6 of the time (20,000 rows into 400,000), and fails as a whole where one row is stored already; then, and without `straight`,
 * the rows go through the staging table, which leaves those out.
 *
 * @returns how many rows were new
 */
export async function writeChunk(connection: pg.Client, importNo: number, chunk: ImportChunk, straight: boolean): Promise<number> {
  try {
    await connection.query('BEGIN');
    const inserted = chunk.rows === 0 ? 0 : straight ? await copyRows(connection, 'events', chunk) : await copyThroughStaging(connection, chunk);
    await run(
      connection,
      `UPDATE imports SET rows_read = $2, rows_imported = rows_imported + $3, rows_duplicate = rows_duplicate + $4, skipped = $5, last_line = $6 WHERE import_no = $1`,
      [importNo, chunk.progress.rowsRead, inserted, chunk.rows - inserted, JSON.stringify(chunk.progress.skipped), chunk.progress.lastLine],
    );
    if (inserted > 0) {
      await run(connection, `SELECT pg_notify('jongleur_events', '')`);
    }
    await connection.query('COMMIT');
    return inserted;
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    if (straight && (error as { code?: unknown }).code === UNIQUE_VIOLATION) {
      return await writeChunk(connection, importNo, chunk, false);
    }
    throw explainDatabaseError(error);
  }
}

const UNIQUE_VIOLATION = '23505';

async function copyRows(connection: pg.Client, table: 'events' | 'staging', chunk: ImportChunk): Promise<number> {
  await pipeline(Readable.from([chunk.bytes]), connection.query(copyFrom(`COPY ${table} (${EVENT_COLUMNS}) FROM STDIN`)));
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
