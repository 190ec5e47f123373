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

/** The temp table that chunks land in; once a connection. */
export async function createStaging(connection: Queryable): Promise<void> {
  await run(
    connection,
    `CREATE TEMP TABLE IF NOT EXISTS staging (n int, user_id text COLLATE "C", item_id text COLLATE "C", type_no smallint, value real, quantity real, price real,
       group_hash bigint, occurred_ms double precision, dedup uuid) ON COMMIT DELETE ROWS`,
  );
}

/**
 * One chunk in one transaction: rows into the staging table by COPY, users and items that are new in id order, events, and the import's figures with its last
 * line, so that after a crash chunk and position agree.
 *
 * @param lines rows of the staging table in COPY's text format, each ending with a newline
 * @returns how many rows were new
 */
export async function writeChunk(connection: pg.Client, importNo: number, lines: Buffer, rows: number, progress: ChunkProgress): Promise<number> {
  try {
    await connection.query('BEGIN');
    if (rows > 0) {
      await pipeline(Readable.from([lines]), connection.query(copyFrom('COPY staging FROM STDIN')));
      await connection.query(`INSERT INTO users (user_id) SELECT DISTINCT user_id FROM staging WHERE NOT EXISTS (SELECT FROM users u WHERE u.user_id = staging.user_id) ORDER BY 1 ON CONFLICT DO NOTHING`);
      await connection.query(`INSERT INTO items (item_id) SELECT DISTINCT item_id FROM staging WHERE NOT EXISTS (SELECT FROM items i WHERE i.item_id = staging.item_id) ORDER BY 1 ON CONFLICT DO NOTHING`);
    }
    const inserted =
      rows === 0
        ? 0
        : ((
            await connection.query(
              `INSERT INTO events (user_no, item_no, type_no, value, quantity, price, group_hash, occurred_at, dedup, import_no)
               SELECT u.user_no, i.item_no, s.type_no, s.value, s.quantity, s.price, s.group_hash, to_timestamp(s.occurred_ms / 1000), s.dedup, $1
               FROM staging s JOIN users u USING (user_id) JOIN items i USING (item_id) ORDER BY s.n ON CONFLICT (dedup) DO NOTHING`,
              [importNo],
            )
          ).rowCount ?? 0);
    await run(
      connection,
      `UPDATE imports SET rows_read = $2, rows_imported = rows_imported + $3, rows_duplicate = rows_duplicate + $4, skipped = $5, last_line = $6 WHERE import_no = $1`,
      [importNo, progress.rowsRead, inserted, rows - inserted, JSON.stringify(progress.skipped), progress.lastLine],
    );
    if (inserted > 0) {
      await run(connection, `SELECT pg_notify('jongleur_events', '')`);
    }
    await connection.query('COMMIT');
    return inserted;
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    throw explainDatabaseError(error);
  }
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
