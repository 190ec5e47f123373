/**
 * Model versions, and what becomes of them. Their bytes are `model-parts.ts`.
 *
 *   candidate → live | rejected        live ⇄ retired
 *
 * A version has an item part (free of personal data: kept for the newest versions, by the setting `keepVersions`, and always for the live one) and a user part (personal
 * data: kept for the live version, and for candidates that wait for somebody's word). Both are kept while an experiment answers from the version, as the guard of a new one does from the former. A retired version that goes live again has no user part any more; who loads it
 * folds users in from their events. Rows, with recipe and report, stay for ever. Both parts lie in chunks in Postgres, so a replica needs nothing else; each
 * has its own SHA-256, and bytes that do not match are never served.
 */
import type pg from 'pg';
import { type Database, type Queryable, explainDatabaseError, inTransaction, run } from './database.ts';
import { GUARD_PREFIX, VERSIONS_IN_EXPERIMENTS, beginGuard, endExperiment, endGuards } from './live-experiments.ts';
import { sha256, writePart } from './model-parts.ts';
import { readTrainingSettings } from './settings.ts';
import { holdsTrainingLock } from './training-runs.ts';

export type ModelState = 'candidate' | 'live' | 'rejected' | 'retired';

export interface Model extends Record<string, unknown> {
  readonly version: number;
  readonly state: ModelState;
  /** The run that made it; null where that is not known any more. */
  readonly runNo: number | null;
  readonly recipe: Record<string, unknown>;
  readonly report: Record<string, unknown>;
  /** Events of transactions at or above this may be missing in it; meaningful in the cluster `systemIdentifier` alone. */
  readonly watermark: string;
  readonly systemIdentifier: string;
  /** Whether its item part is still there, so that it can be made live. */
  readonly isKept: boolean;
  readonly createdAt: Date;
  /** When it went live last. */
  readonly activatedAt: Date | null;
  /** What the guard saw after it went live; null: there was none. */
  readonly guard: Readonly<Record<string, unknown>> | null;
}

export interface LiveModelRow extends Record<string, unknown> {
  readonly version: number;
  readonly createdAt: Date;
  readonly watermark: string;
  readonly systemIdentifier: string;
  /** false: it went live a second time, and users are to be folded in from their events. */
  readonly hasUserPart: boolean;
  /** Of the item part, and of the user part where there is one. */
  readonly sha256: Buffer;
  readonly userSha256: Buffer | null;
}

export interface NewModel {
  readonly recipe: object;
  readonly report: object;
  readonly watermark: string;
  readonly systemIdentifier: string;
  readonly itemPart: Uint8Array;
  readonly userPart: Uint8Array;
}

/** Another process holds the run's lock, or somebody cancelled the run: what it made is thrown away. */
export class RunNoLongerOurs extends Error {
  constructor(runNo: number) {
    super(`Training run ${runNo} is not running any more (cancelled, or its lock was lost); its model is not published.`);
    this.name = 'RunNoLongerOurs';
  }
}

/** A version cannot become what was asked for. */
export class ModelStateFault extends Error {
  readonly code: 'live' | 'rejected' | 'pruned' | 'not-candidate' | 'in-experiment';
  constructor(code: ModelStateFault['code'], message: string) {
    super(message);
    this.name = 'ModelStateFault';
    this.code = code;
  }
}

/** Of a row of `models`. */
const IS_KEPT = `EXISTS (SELECT FROM model_chunks AS chunk WHERE chunk.version = models.version AND part = 'item')`;
/** One change of states at a time, over all processes ("jonm" in ASCII); held to the end of the transaction. */
const STATES_KEY = 0x6a6f_6e6d;

/**
 * Stores a model and makes it the live one, or leaves it as a candidate that waits for somebody's word, in one transaction on the connection that holds the training
 * lock, so that a run that lost its lock cannot publish. The run's row ends as `published` or `needs-approval` with it.
 *
 * @returns the new version
 * @throws RunNoLongerOurs where the run is not `running` any more, or this session does not hold the lock
 */
export async function publishModel(connection: pg.Client, runNo: number, model: NewModel, state: 'live' | 'candidate' = 'live'): Promise<number> {
  const sums = [await sha256(model.itemPart), await sha256(model.userPart)];
  await connection.query('BEGIN');
  try {
    const running = await run(connection, `SELECT FROM training_runs WHERE run_no = $1 AND state = 'running' AND NOT cancel_requested FOR UPDATE`, [runNo]);
    if (running.length === 0 || !(await holdsTrainingLock(connection))) {
      throw new RunNoLongerOurs(runNo);
    }
    const [{ version }] = await run<{ version: number }>(
      connection,
      `INSERT INTO models (state, recipe, report, watermark, system_identifier, sha256, user_sha256) VALUES ('candidate', $1, $2, $3::xid8, $4, $5, $6) RETURNING version`,
      [JSON.stringify(model.recipe), JSON.stringify(model.report), model.watermark, model.systemIdentifier, ...sums],
    );
    await writePart(connection, version, 'item', model.itemPart);
    await writePart(connection, version, 'user', model.userPart);
    await run(connection, 'SELECT pg_advisory_xact_lock($1)', [STATES_KEY]);
    if (state === 'live') {
      await makeLive(connection, version, true);
    }
    await prune(connection);
    await run(connection, `UPDATE training_runs SET state = $4, phase = NULL, progress = 1, seconds_left = 0, version = $2, report = $3, finished_at = now() WHERE run_no = $1`, [
      runNo,
      version,
      JSON.stringify(model.report),
      state === 'live' ? 'published' : 'needs-approval',
    ]);
    await connection.query('COMMIT');
    return version;
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    throw explainDatabaseError(error);
  }
}

/** With the lock on states: the live version retires, this one is live, everybody is told at COMMIT. @param isUntried shoppers have not seen it yet: it is guarded */
async function makeLive(connection: Queryable, version: number, isUntried: boolean): Promise<void> {
  await endGuards(connection, 'superseded');
  const [former] = await run<{ version: number; isKept: boolean }>(connection, `UPDATE models SET state = 'retired' WHERE state = 'live' RETURNING version, ${IS_KEPT} AS "isKept"`);
  await run(connection, `UPDATE models SET state = 'live', activated_at = now() WHERE version = $1`, [version]);
  if (isUntried && former?.isKept === true) {
    await beginGuard(connection, version, former.version);
  }
  await run(connection, `SELECT pg_notify('jongleur_models', '')`);
}

/** Deletes bytes that nobody wants again: user parts of what is neither live nor a candidate, item parts beyond those that went live, or were made, last. */
async function prune(connection: Queryable): Promise<void> {
  const { keepVersions } = await readTrainingSettings(connection);
  await run(
    connection,
    `DELETE FROM model_chunks WHERE version NOT IN (
       SELECT version FROM models WHERE state = 'live'
       UNION ${VERSIONS_IN_EXPERIMENTS}
       UNION SELECT version FROM (SELECT version FROM models WHERE state IN ('live', 'retired', 'candidate') ORDER BY coalesce(activated_at, created_at) DESC, version DESC LIMIT $1) AS newest)`,
    [keepVersions],
  );
  await run(connection, `DELETE FROM model_chunks WHERE part = 'user' AND version NOT IN (SELECT version FROM models WHERE state IN ('live', 'candidate') UNION ${VERSIONS_IN_EXPERIMENTS})`);
  // A candidate without bytes waits for nothing any more.
  await run(
    connection,
    `WITH outlived AS (UPDATE models SET state = 'rejected' WHERE state = 'candidate' AND NOT ${IS_KEPT} RETURNING version)
     UPDATE training_runs SET state = 'rejected', code = 'outlived', message = format('Version %s waited for approval until newer ones took its place (setting keepVersions).', outlived.version)
     FROM outlived WHERE training_runs.version = outlived.version AND training_runs.state = 'needs-approval'`,
  );
}

/** With the lock on states. @returns null where there is no such version */
async function readState(connection: Queryable, version: number): Promise<{ state: ModelState; isKept: boolean } | null> {
  await run(connection, 'SELECT pg_advisory_xact_lock($1)', [STATES_KEY]);
  const [row] = await run<{ state: ModelState; isKept: boolean }>(connection, `SELECT state, ${IS_KEPT} AS "isKept" FROM models WHERE version = $1`, [version]);
  return row ?? null;
}

/**
 * Makes a candidate or a retired version the live one, in one transaction; every process hears of it. A candidate's run counts as `published` from then on.
 *
 * @param isTried shoppers have seen a candidate in an experiment: it needs no guard
 * @returns false where there is no such version
 * @throws ModelStateFault where it is live already, was rejected, or its item part is not kept any more
 */
export async function activateModel(database: Database, version: number, isTried = false): Promise<boolean> {
  return await inTransaction(database, async (connection) => {
    const found = await readState(connection, version);
    if (found === null) {
      return false;
    }
    if (found.state === 'live') {
      throw new ModelStateFault('live', `Version ${version} is the live one already.`);
    }
    if (found.state === 'rejected') {
      throw new ModelStateFault('rejected', `Version ${version} was rejected; its bytes are gone.`);
    }
    if (!found.isKept) {
      throw new ModelStateFault('pruned', `Version ${version} is too old: its report is kept, its bytes are not (setting keepVersions).`);
    }
    await makeLive(connection, version, found.state === 'candidate' && !isTried);
    await prune(connection);
    await run(connection, `UPDATE training_runs SET state = 'published' WHERE version = $1 AND state = 'needs-approval'`, [version]);
    return true;
  });
}

/**
 * Refuses a candidate: its bytes go, its report stays, and its run counts as `rejected`.
 *
 * @returns false where there is no such version
 * @throws ModelStateFault where it is no candidate
 */
export async function rejectModel(database: Database, version: number): Promise<boolean> {
  return await inTransaction(database, async (connection) => {
    const found = await readState(connection, version);
    if (found === null) {
      return false;
    }
    if (found.state !== 'candidate') {
      throw new ModelStateFault('not-candidate', `Version ${version} does not wait for approval; it is ${found.state}.`);
    }
    const used = await run(connection, `SELECT FROM (${VERSIONS_IN_EXPERIMENTS}) AS used (version) WHERE version = $1`, [version]);
    if (used.length > 0) {
      throw new ModelStateFault('in-experiment', `An experiment that is running answers from version ${version}; stop it first.`);
    }
    await run(connection, `UPDATE models SET state = 'rejected' WHERE version = $1`, [version]);
    await run(connection, 'DELETE FROM model_chunks WHERE version = $1', [version]);
    await run(connection, `UPDATE training_runs SET state = 'rejected', code = 'refused', message = $2 WHERE version = $1 AND state = 'needs-approval'`, [version, `Somebody refused version ${version}.`]);
    return true;
  });
}

/** An experiment of versions has ended: what was kept for it goes. */
export async function pruneModels(database: Database): Promise<void> {
  await inTransaction(database, async (connection) => {
    await run(connection, 'SELECT pg_advisory_xact_lock($1)', [STATES_KEY]);
    await prune(connection);
  });
}

/**
 * A guard takes the version that it watches back: the former one is live again, in the transaction that ends the guard.
 *
 * @returns false where the guard or the version is not what it was: nothing was changed
 */
export async function rollBackModel(database: Database, guardNo: number, version: number, former: number, now: Date): Promise<boolean> {
  return await inTransaction(database, async (connection) => {
    const [found, before] = [await readState(connection, version), await readState(connection, former)];
    if (found?.state !== 'live' || before?.isKept !== true || !(await endExperiment(connection, guardNo, { reason: 'rolled-back' }, now))) {
      return false;
    }
    await makeLive(connection, former, false);
    await prune(connection);
    return true;
  });
}

/** @returns null where no model is live */
export async function findLiveModel(database: Queryable): Promise<LiveModelRow | null> {
  return await findServedModel(database, null);
}

/** What answers need of a version whose item part is there; null: of the live one. @returns null where there is none */
export async function findServedModel(database: Queryable, version: number | null): Promise<LiveModelRow | null> {
  const [row] = await run<LiveModelRow>(
    database,
    `SELECT version, created_at AS "createdAt", watermark::text AS watermark, system_identifier AS "systemIdentifier", sha256, user_sha256 AS "userSha256", EXISTS (SELECT FROM model_chunks AS chunk WHERE chunk.version = models.version AND part = 'user') AS "hasUserPart"
     FROM models WHERE CASE WHEN $1::int IS NULL THEN state = 'live' ELSE version = $1 AND ${IS_KEPT} END`,
    [version],
  );
  return row ?? null;
}

/** Puts other bytes in place of a user part. @returns their checksum; null where it is not the one with the checksum `expected` any more */
export async function replaceUserPart(database: Database, version: number, expected: Buffer, bytes: Uint8Array): Promise<Buffer | null> {
  const sum = await sha256(bytes);
  return await inTransaction(database, async (connection) => {
    await run(connection, 'SELECT pg_advisory_xact_lock($1)', [STATES_KEY]);
    const changed = await run(connection, 'UPDATE models SET user_sha256 = $3 WHERE version = $1 AND user_sha256 = $2 RETURNING 1', [version, expected, sum]);
    const there = await run(connection, `DELETE FROM model_chunks WHERE version = $1 AND part = 'user' AND $2 RETURNING 1`, [version, changed.length > 0]);
    if (changed.length === 0 || there.length === 0) {
      return null;
    }
    await writePart(connection, version, 'user', bytes);
    // Whoever keeps a copy of the bytes is to keep these.
    await run(connection, `SELECT pg_notify('jongleur_models', '')`);
    return sum;
  });
}

const columns = (report: string) => `version, state, (SELECT max(run_no) FROM training_runs WHERE training_runs.version = models.version) AS "runNo", recipe, ${report} AS report, watermark::text AS watermark,
  system_identifier AS "systemIdentifier", ${IS_KEPT} AS "isKept", created_at AS "createdAt", activated_at AS "activatedAt",
  (SELECT jsonb_build_object('experiment', name, 'state', state, 'startedAt', started_at, 'stoppedAt', stopped_at, 'ended', result->>'reason', 'hours', definition->'hours', 'look', looks->-1) FROM experiments WHERE kind = 'guard' AND experiments.name = '${GUARD_PREFIX}' || models.version) AS guard`;

/** The long parts of a report, which a list does without. */
const SHORT_REPORT = `report - '{quality,curves,search}'::text[]`;

/** Newest first, those before `beforeVersion` where it is given; their reports are without `quality`, `curves` and `search`. */
export async function listModels(database: Queryable, beforeVersion: number | null, limit: number): Promise<Model[]> {
  return await run<Model>(database, `SELECT ${columns(SHORT_REPORT)} FROM models WHERE version < coalesce($1::bigint, 2147483648) ORDER BY version DESC LIMIT $2`, [beforeVersion, limit]);
}

/** @returns null where there is no such version */
export async function findModel(database: Queryable, version: number): Promise<Model | null> {
  const [row] = await run<Model>(database, `SELECT ${columns('report')} FROM models WHERE version = $1`, [version]);
  return row ?? null;
}
