/**
 * Training runs and the lock that lets one process at a time make one.
 *
 * The lock is a session-level advisory lock on a connection of its own: it is gone the moment that process or connection is, so a run whose process died
 * cannot block the next. A run that is still marked `running` while nobody holds the lock is such a dead one: whoever takes the lock next, or looks at runs, in
 * whatever process, marks it as `lost`. From `running` alone a run can publish, so a lost one never does.
 *
 *   running → published | needs-approval | rejected | cancelled | failed | lost        needs-approval → published (activated) | rejected (refused)
 */
import type pg from 'pg';
import { type Queryable, connectAlone, explainDatabaseError, run } from './database.ts';

export type RunState = 'running' | 'published' | 'needs-approval' | 'rejected' | 'skipped' | 'cancelled' | 'failed' | 'lost';

/** What a run has to show before its report: grows while it goes, each list at its end only. */
export interface RunDetail {
  /** Points of the learning curves. */
  readonly points?: readonly object[];
  /** Trials of the search. */
  readonly trials?: readonly object[];
}

export interface RunProgress extends Record<string, unknown> {
  readonly runNo: number;
  readonly state: RunState;
  readonly phase: string | null;
  /** 0–1 over the whole run. */
  readonly progress: number;
  readonly secondsLeft: number | null;
  readonly detail: RunDetail | null;
  readonly version: number | null;
  readonly code: string | null;
  readonly message: string | null;
}

export interface RunSummary extends Record<string, unknown> {
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
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** Of its report: seconds and rows by phase. */
  readonly seconds: Readonly<Record<string, number>> | null;
  readonly rows: Readonly<Record<string, number>> | null;
}

export interface TrainingRun extends RunSummary {
  readonly report: Record<string, unknown> | null;
}

export interface TrainingLock {
  readonly connection: pg.Client;
  release(): Promise<void>;
}

/** Advisory lock key: "jong" in ASCII. */
const LOCK_KEY = 0x6a6f_6e67;
/** The lock as `pg_locks` shows it: a key of 64 bits lies in classid (upper half) and objid, with objsubid 1. */
const LOCK_ROW = `locktype = 'advisory' AND classid = 0 AND objid = ${LOCK_KEY} AND objsubid = 1 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

const MARK_LOST = `UPDATE training_runs SET state = 'lost', code = 'lost', message = 'The process that trained, or its connection to Postgres, ended before the run did. Nothing was published.',
  phase = NULL, seconds_left = NULL, finished_at = now() WHERE state = 'running'`;

/**
 * Marks runs whose process has died. A run takes the lock before its row is there and lets go of it after its row has an end, so a row that is `running` while
 * nobody holds the lock has nobody behind it; one that ended a moment ago is found changed when this statement comes to lock it.
 */
export async function markLostRuns(database: Queryable): Promise<void> {
  await run(database, `${MARK_LOST} AND NOT EXISTS (SELECT FROM pg_locks WHERE ${LOCK_ROW})`);
}

/** Whether this very session holds the training lock: a connection that was replaced underneath (by a pooler between us and Postgres) does not. */
export async function holdsTrainingLock(connection: Queryable): Promise<boolean> {
  return (await run(connection, `SELECT FROM pg_locks WHERE ${LOCK_ROW} AND pid = pg_backend_pid()`)).length > 0;
}

/** @returns null where another process is training */
export async function takeTrainingLock(connectionString: string): Promise<TrainingLock | null> {
  let connection: pg.Client | null = null;
  try {
    connection = await connectAlone(connectionString, 'jongleur-training');
    const [{ taken }] = await run<{ taken: boolean }>(connection, 'SELECT pg_try_advisory_lock($1) AS taken', [LOCK_KEY]);
    if (!taken) {
      await connection.end();
      return null;
    }
    // Nobody else can be running now.
    await run(connection, MARK_LOST);
    const held = connection;
    return { connection: held, release: async () => await held.end().catch(() => undefined) };
  } catch (error) {
    // Whoever holds the lock and does not train keeps everybody from it.
    await connection?.end().catch(() => undefined);
    throw explainDatabaseError(error);
  }
}

export async function startRun(connection: Queryable, startedBy: string): Promise<number> {
  const [row] = await run<{ runNo: number }>(
    connection,
    `INSERT INTO training_runs (started_by, phase, watermark, system_identifier)
     SELECT $1, 'starting', pg_snapshot_xmin(pg_current_snapshot()), system_identifier::text FROM pg_control_system() RETURNING run_no AS "runNo"`,
    [startedBy],
  );
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

/** Notes how far a run is, and what it has to show where `detail` is given. @returns whether somebody asked for it to be cancelled, or it is not running any more */
export async function noteProgress(connection: Queryable, runNo: number, phase: string, progress: number, secondsLeft: number | null, detail?: RunDetail): Promise<boolean> {
  const [row] = await run<{ cancel: boolean }>(
    connection,
    `UPDATE training_runs SET phase = $2, progress = $3, seconds_left = $4, detail = coalesce($5::jsonb, detail) WHERE run_no = $1 AND state = 'running' RETURNING cancel_requested AS cancel`,
    [runNo, phase, progress, secondsLeft, detail === undefined ? null : JSON.stringify(detail)],
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

const COLUMNS = `run_no AS "runNo", state, started_by AS "startedBy", phase, progress, seconds_left AS "secondsLeft", version, code, message, report -> 'seconds' AS seconds, report -> 'rows' AS rows,
  started_at AS "startedAt", finished_at AS "finishedAt"`;

/** Newest first, those before `beforeRunNo` where it is given, without their reports. Runs that died are marked first. */
export async function listRuns(database: Queryable, beforeRunNo: number | null, limit: number): Promise<RunSummary[]> {
  await markLostRuns(database);
  return await run<RunSummary>(database, `SELECT ${COLUMNS} FROM training_runs WHERE run_no < coalesce($1::bigint, 2147483648) ORDER BY run_no DESC LIMIT $2`, [beforeRunNo, limit]);
}

/** @returns null where there is no such run */
export async function findRun(database: Queryable, runNo: number): Promise<TrainingRun | null> {
  const read = async () => (await run<TrainingRun>(database, `SELECT ${COLUMNS}, report FROM training_runs WHERE run_no = $1`, [runNo])).at(0) ?? null;
  const row = await read();
  if (row?.state !== 'running') {
    return row;
  }
  await markLostRuns(database);
  return await read();
}

/** A run without its report, to be asked for twice a second. @returns null where there is no such run */
export async function findProgress(database: Queryable, runNo: number): Promise<RunProgress | null> {
  const read = async () =>
    (await run<RunProgress>(database, `SELECT run_no AS "runNo", state, phase, progress, seconds_left AS "secondsLeft", detail, version, code, message FROM training_runs WHERE run_no = $1`, [runNo])).at(0) ?? null;
  const row = await read();
  if (row?.state !== 'running') {
    return row;
  }
  await markLostRuns(database);
  return await read();
}

/** When the newest run that was not skipped began; null where there was none. */
export async function lastRunStartedAt(database: Queryable): Promise<Date | null> {
  const [row] = await run<{ at: Date | null }>(database, `SELECT max(started_at) AS at FROM training_runs WHERE state <> 'skipped'`);
  return row.at;
}

export interface RunWatermark extends Record<string, unknown> {
  readonly watermark: string;
  readonly systemIdentifier: string;
}

/** What the newest run that judged a model had to see, whether that model went live or not; null where there was none. */
export async function lastJudgedWatermark(database: Queryable): Promise<RunWatermark | null> {
  const [row] = await run<RunWatermark>(
    database,
    `SELECT watermark::text AS watermark, system_identifier AS "systemIdentifier" FROM training_runs
     WHERE state IN ('published', 'needs-approval', 'rejected') AND watermark IS NOT NULL ORDER BY run_no DESC LIMIT 1`,
  );
  return row ?? null;
}

export interface EndedRun extends Record<string, unknown> {
  readonly state: Exclude<RunState, 'running'>;
  readonly code: string | null;
  readonly finishedAt: Date;
}

/** How training has been going, over all replicas. */
export interface TrainingRecord {
  /** All runs there were. */
  readonly counts: readonly { readonly state: RunState; readonly code: string | null; readonly runs: number }[];
  /** The newest that have ended, newest first. */
  readonly ended: readonly EndedRun[];
  readonly running: { readonly phase: string | null; readonly progress: number } | null;
  /** By phase, of the newest run that has a report. */
  readonly seconds: Readonly<Record<string, number>>;
}

const ENDED_RUNS = 20;

/** Runs that died are marked first. */
export async function readTrainingRecord(database: Queryable): Promise<TrainingRecord> {
  await markLostRuns(database);
  const counts = await run<TrainingRecord['counts'][number] & Record<string, unknown>>(database, 'SELECT state, code, count(*)::int AS runs FROM training_runs GROUP BY 1, 2 ORDER BY 1, 2');
  const ended = await run<EndedRun>(database, `SELECT state, code, finished_at AS "finishedAt" FROM training_runs WHERE finished_at IS NOT NULL ORDER BY run_no DESC LIMIT $1`, [ENDED_RUNS]);
  const [running] = await run<{ phase: string | null; progress: number }>(database, `SELECT phase, progress FROM training_runs WHERE state = 'running' ORDER BY run_no DESC LIMIT 1`);
  const [last] = await run<{ seconds: Record<string, number> | null }>(database, `SELECT report -> 'seconds' AS seconds FROM training_runs WHERE report IS NOT NULL ORDER BY run_no DESC LIMIT 1`);
  return { counts, ended, running: running ?? null, seconds: last?.seconds ?? {} };
}
