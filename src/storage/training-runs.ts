/**
 * Training runs and the lock that lets one process at a time make one.
 *
 * The lock is a session-level advisory lock on a connection of its own: it is gone the moment that process or connection is, so a run whose process died
 * cannot block the next. A run that is still marked `running` while nobody holds the lock is such a dead one; whoever takes the lock next says so.
 */
import type pg from 'pg';
import { type Queryable, connectAlone, explainDatabaseError, run } from './database.ts';

export type RunState = 'running' | 'published' | 'rejected' | 'skipped' | 'cancelled' | 'failed';

export interface TrainingRun extends Record<string, unknown> {
  readonly runNo: number;
  readonly state: RunState;
  readonly startedBy: string;
  readonly phase: string | null;
  /** 0–1 over the whole run. */
  readonly progress: number;
  readonly secondsLeft: number | null;
  readonly version: number | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly report: Record<string, unknown> | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
}

export interface TrainingLock {
  readonly connection: pg.Client;
  release(): Promise<void>;
}

/** Advisory lock key: "jong" in ASCII. */
const LOCK_KEY = 0x6a6f_6e67;

/** @returns null where another process is training */
export async function takeTrainingLock(connectionString: string): Promise<TrainingLock | null> {
  try {
    const connection = await connectAlone(connectionString, 'jongleur-training');
    const [{ taken }] = await run<{ taken: boolean }>(connection, 'SELECT pg_try_advisory_lock($1) AS taken', [LOCK_KEY]);
    if (!taken) {
      await connection.end();
      return null;
    }
    // Nobody else can be running now.
    await run(
      connection,
      `UPDATE training_runs SET state = 'failed', code = 'interrupted', message = 'The process that trained was stopped before the end.', finished_at = now() WHERE state = 'running'`,
    );
    return { connection, release: async () => await connection.end().catch(() => undefined) };
  } catch (error) {
    throw explainDatabaseError(error);
  }
}

export async function startRun(connection: Queryable, startedBy: string): Promise<number> {
  const [row] = await run<{ runNo: number }>(connection, 'INSERT INTO training_runs (started_by, phase) VALUES ($1, $2) RETURNING run_no AS "runNo"', [startedBy, 'starting']);
  return row.runNo;
}

/** A run that was due and had nothing to do. */
export async function noteSkippedRun(database: Queryable, startedBy: string, code: string, message: string): Promise<number> {
  const [row] = await run<{ runNo: number }>(
    database,
    `INSERT INTO training_runs (started_by, state, code, message, finished_at) VALUES ($1, 'skipped', $2, $3, now()) RETURNING run_no AS "runNo"`,
    [startedBy, code, message],
  );
  return row.runNo;
}

/** Notes how far a run is. @returns whether somebody asked for it to be cancelled */
export async function noteProgress(connection: Queryable, runNo: number, phase: string, progress: number, secondsLeft: number | null): Promise<boolean> {
  const [row] = await run<{ cancel: boolean }>(
    connection,
    `UPDATE training_runs SET phase = $2, progress = $3, seconds_left = $4 WHERE run_no = $1 AND state = 'running' RETURNING cancel_requested AS cancel`,
    [runNo, phase, progress, secondsLeft],
  );
  return row === undefined || row.cancel;
}

/** Ends a run that made no model live, with what is known of its data. A run that has ended already keeps its end. */
export async function endRun(connection: Queryable, runNo: number, state: 'rejected' | 'cancelled' | 'failed', code: string, message: string, report: object | null = null): Promise<void> {
  await run(connection, `UPDATE training_runs SET state = $2, code = $3, message = $4, report = $5, phase = NULL, seconds_left = NULL, finished_at = now() WHERE run_no = $1 AND state = 'running'`, [
    runNo,
    state,
    code,
    message,
    report === null ? null : JSON.stringify(report),
  ]);
}

/** Asks a run to stop; whoever runs it sees that at its next progress note. @returns false where it is not running */
export async function requestCancel(database: Queryable, runNo: number): Promise<boolean> {
  const rows = await run(database, `UPDATE training_runs SET cancel_requested = true WHERE run_no = $1 AND state = 'running' RETURNING 1`, [runNo]);
  return rows.length > 0;
}

const COLUMNS = `run_no AS "runNo", state, started_by AS "startedBy", phase, progress, seconds_left AS "secondsLeft", version, code, message, report,
  started_at AS "startedAt", finished_at AS "finishedAt"`;

/** Newest first, those before `beforeRunNo` where it is given. */
export async function listRuns(database: Queryable, beforeRunNo: number | null, limit: number): Promise<TrainingRun[]> {
  return await run<TrainingRun>(database, `SELECT ${COLUMNS} FROM training_runs WHERE run_no < coalesce($1::bigint, 2147483648) ORDER BY run_no DESC LIMIT $2`, [beforeRunNo, limit]);
}

/** @returns null where there is no such run */
export async function findRun(database: Queryable, runNo: number): Promise<TrainingRun | null> {
  const [row] = await run<TrainingRun>(database, `SELECT ${COLUMNS} FROM training_runs WHERE run_no = $1`, [runNo]);
  return row ?? null;
}

/** When the newest run that was not skipped began; null where there was none. */
export async function lastRunStartedAt(database: Queryable): Promise<Date | null> {
  const [row] = await run<{ at: Date | null }>(database, `SELECT max(started_at) AS at FROM training_runs WHERE state <> 'skipped'`);
  return row.at;
}
