/**
 * Model versions and their bytes.
 *
 * A version has an item part (kept for `KEPT_VERSIONS`) and a user part (personal data: kept for the live version alone). Both lie in chunks in Postgres, so a
 * replica needs nothing else; each part has its own SHA-256, and bytes that do not match are never served.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { type Queryable, explainDatabaseError, run } from './database.ts';

export type ModelState = 'candidate' | 'live' | 'rejected' | 'retired';

export interface ModelSummary extends Record<string, unknown> {
  readonly version: number;
  readonly state: ModelState;
  readonly recipe: Record<string, unknown>;
  readonly report: Record<string, unknown>;
  readonly createdAt: Date;
  readonly activatedAt: Date | null;
}

export interface LiveModelRow extends Record<string, unknown> {
  readonly version: number;
  readonly watermark: string;
  readonly systemIdentifier: string;
}

export interface NewModel {
  readonly recipe: object;
  readonly report: object;
  readonly watermark: string;
  readonly systemIdentifier: string;
  readonly itemPart: Uint8Array;
  readonly userPart: Uint8Array;
}

/** Bytes of a stored version are not those that were written. */
export class ModelDamaged extends Error {
  readonly version: number;
  constructor(version: number, part: string) {
    super(`The ${part} part of model version ${version} does not match its checksum; it is not served. Start a training run to make a new one.`);
    this.name = 'ModelDamaged';
    this.version = version;
  }
}

/** Another process holds the run's lock, or somebody cancelled the run: what it made is thrown away. */
export class RunNoLongerOurs extends Error {
  constructor(runNo: number) {
    super(`Training run ${runNo} is not running any more (cancelled, or its lock was lost); its model is not published.`);
    this.name = 'RunNoLongerOurs';
  }
}

const CHUNK_BYTES = 4 * 1024 * 1024;
const KEPT_VERSIONS = 5;

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

async function writePart(connection: Queryable, version: number, part: 'item' | 'user', bytes: Uint8Array): Promise<void> {
  for (let seq = 0, offset = 0; offset < bytes.length; seq++, offset += CHUNK_BYTES) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset + offset, Math.min(CHUNK_BYTES, bytes.length - offset));
    await run(connection, 'INSERT INTO model_chunks (version, part, seq, bytes) VALUES ($1, $2, $3, $4)', [version, part, seq, chunk]);
  }
}

/**
 * Stores a model and makes it the live one, in one transaction on the connection that holds the training lock, so that a run that lost its lock cannot publish.
 *
 * @returns the new version
 * @throws RunNoLongerOurs where the run is not `running` any more
 */
export async function publishModel(connection: pg.Client, runNo: number, model: NewModel): Promise<number> {
  await connection.query('BEGIN');
  try {
    const running = await run(connection, `SELECT FROM training_runs WHERE run_no = $1 AND state = 'running' AND NOT cancel_requested FOR UPDATE`, [runNo]);
    if (running.length === 0) {
      throw new RunNoLongerOurs(runNo);
    }
    const [{ version }] = await run<{ version: number }>(
      connection,
      `INSERT INTO models (state, recipe, report, watermark, system_identifier, sha256, user_sha256) VALUES ('candidate', $1, $2, $3::xid8, $4, $5, $6) RETURNING version`,
      [JSON.stringify(model.recipe), JSON.stringify(model.report), model.watermark, model.systemIdentifier, sha256(model.itemPart), sha256(model.userPart)],
    );
    await writePart(connection, version, 'item', model.itemPart);
    await writePart(connection, version, 'user', model.userPart);
    await run(connection, `UPDATE models SET state = 'retired' WHERE state = 'live'`);
    await run(connection, `UPDATE models SET state = 'live', activated_at = now() WHERE version = $1`, [version]);
    await run(connection, `DELETE FROM model_chunks WHERE part = 'user' AND version <> $1`, [version]);
    await run(connection, `DELETE FROM model_chunks WHERE version NOT IN (SELECT version FROM models WHERE state IN ('live', 'retired') ORDER BY version DESC LIMIT $1)`, [KEPT_VERSIONS]);
    await run(connection, `UPDATE training_runs SET state = 'published', phase = NULL, progress = 1, seconds_left = 0, version = $2, report = $3, finished_at = now() WHERE run_no = $1`, [
      runNo,
      version,
      JSON.stringify(model.report),
    ]);
    await run(connection, `SELECT pg_notify('jongleur_models', '')`);
    await connection.query('COMMIT');
    return version;
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    throw explainDatabaseError(error);
  }
}

/** @returns null where no model is live */
export async function findLiveModel(database: Queryable): Promise<LiveModelRow | null> {
  const [row] = await run<LiveModelRow>(
    database,
    `SELECT version, watermark::text AS watermark, system_identifier AS "systemIdentifier" FROM models WHERE state = 'live'`,
  );
  return row ?? null;
}

/**
 * One part of a version, checked. Chunks are read one at a time: a large model costs its size once.
 *
 * @throws ModelDamaged where bytes are missing or changed
 */
export async function loadModelPart(database: Queryable, version: number, part: 'item' | 'user'): Promise<Uint8Array> {
  const [facts] = await run<{ bytes: number; chunks: number; sha256: Buffer | null }>(
    database,
    `SELECT coalesce(sum(octet_length(bytes)), 0)::float8 AS bytes, count(*)::int AS chunks, (SELECT CASE WHEN $2 = 'item' THEN sha256 ELSE user_sha256 END FROM models WHERE version = $1) AS sha256
     FROM model_chunks WHERE version = $1 AND part = $2`,
    [version, part],
  );
  const whole = new Uint8Array(facts.bytes);
  let offset = 0;
  for (let seq = 0; seq < facts.chunks; seq++) {
    const [chunk] = await run<{ bytes: Buffer }>(database, 'SELECT bytes FROM model_chunks WHERE version = $1 AND part = $2 AND seq = $3', [version, part, seq]);
    if (chunk === undefined || offset + chunk.bytes.length > whole.length) {
      throw new ModelDamaged(version, part);
    }
    whole.set(chunk.bytes, offset);
    offset += chunk.bytes.length;
  }
  if (facts.sha256 === null || !sha256(whole).equals(facts.sha256)) {
    throw new ModelDamaged(version, part);
  }
  return whole;
}

const SUMMARY = 'version, state, recipe, report, created_at AS "createdAt", activated_at AS "activatedAt"';

/** Newest first, those before `beforeVersion` where it is given. */
export async function listModels(database: Queryable, beforeVersion: number | null, limit: number): Promise<ModelSummary[]> {
  return await run<ModelSummary>(database, `SELECT ${SUMMARY} FROM models WHERE version < coalesce($1::bigint, 2147483648) ORDER BY version DESC LIMIT $2`, [beforeVersion, limit]);
}

/** @returns null where there is no such version */
export async function findModel(database: Queryable, version: number): Promise<ModelSummary | null> {
  const [row] = await run<ModelSummary>(database, `SELECT ${SUMMARY} FROM models WHERE version = $1`, [version]);
  return row ?? null;
}
