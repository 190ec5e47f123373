/**
 * The bytes of model versions: an item part and a user part of each, in chunks in Postgres, each part with its own SHA-256. Which versions there are, and what becomes of them, is `models.ts`.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';
import { onOneConnection, readBinaryValues } from './binary-copy.ts';
import { type Connection, type Database, type Queryable, explainDatabaseError, run } from './database.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Bytes of a stored version are not those that were written. */
export class ModelDamaged extends Error {
  readonly version: number;
  constructor(version: number, part: string) {
    super(`The ${part} part of model version ${version} does not match its checksum; it is not served. Start a training run to make a new one.`);
    this.name = 'ModelDamaged';
    this.version = version;
  }
}

/** A piece a turn of the event loop: hundreds of megabytes at once would hold up every answer. */
export async function sha256(bytes: Uint8Array): Promise<Buffer> {
  const hash = createHash('sha256');
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
    hash.update(bytes.subarray(offset, offset + CHUNK_BYTES));
    await nextTurn();
  }
  return hash.digest();
}

export async function writePart(connection: Queryable, version: number, part: 'item' | 'user', bytes: Uint8Array): Promise<void> {
  for (let seq = 0, offset = 0; offset < bytes.length; seq++, offset += CHUNK_BYTES) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset + offset, Math.min(CHUNK_BYTES, bytes.length - offset));
    await run(connection, 'INSERT INTO model_chunks (version, part, seq, bytes) VALUES ($1, $2, $3, $4)', [version, part, seq, chunk]);
  }
}

/**
 * One part of a version, checked. Bytes go from the stream to their place, and through the checksum on the way: a large model costs its size once, and no step takes longer than a piece of the stream.
 *
 * @throws ModelDamaged where bytes are missing or changed
 */
export async function loadModelPart(database: Database | pg.Client, version: number, part: 'item' | 'user'): Promise<Uint8Array> {
  for (;;) {
    const { sha256: expected, bytes } = await readPart(database, version, part);
    if (bytes !== null) {
      return bytes;
    }
    // Bytes that were replaced while they were read (`replaceUserPart`) are read again; any others are damaged.
    const [now] = await run<{ sha256: Buffer | null }>(database, `SELECT CASE WHEN $2 = 'item' THEN sha256 ELSE user_sha256 END AS sha256 FROM models WHERE version = $1`, [version, part]);
    if (now === undefined || expected === null || now.sha256 === null || now.sha256.equals(expected)) {
      throw new ModelDamaged(version, part);
    }
  }
}

/** @returns `bytes` null where they do not match */
async function readPart(database: Database | pg.Client, version: number, part: 'item' | 'user'): Promise<{ sha256: Buffer | null; bytes: Uint8Array | null }> {
  const [facts] = await run<{ bytes: number; chunks: number; sha256: Buffer | null }>(
    database,
    `SELECT coalesce(sum(octet_length(bytes)), 0)::float8 AS bytes, count(*)::int AS chunks, (SELECT CASE WHEN $2 = 'item' THEN sha256 ELSE user_sha256 END FROM models WHERE version = $1) AS sha256
     FROM model_chunks WHERE version = $1 AND part = $2`,
    [version, part],
  );
  const whole = new Uint8Array(facts.bytes);
  const hash = createHash('sha256');
  let offset = 0;
  await readChunks(database, version, part, facts.chunks, (piece) => {
    // More than was announced is replaced or damaged: the end of the stream is waited for all the same.
    if (offset + piece.length <= whole.length) {
      whole.set(piece, offset);
    }
    offset += piece.length;
    hash.update(piece);
  });
  const matches = offset === whole.length && facts.sha256 !== null && hash.digest().equals(facts.sha256);
  return { sha256: facts.sha256, bytes: matches ? whole : null };
}

/** The bytes of a part as they are stored, a chunk in memory at a time; nothing is checked. A connection of the pool is taken for each chunk, so that a slow reader keeps none. */
export async function* readStoredPart(database: Database, version: number, part: 'item' | 'user'): AsyncGenerator<Buffer> {
  const [{ chunks }] = await run<{ chunks: number }>(database, 'SELECT count(*)::int AS chunks FROM model_chunks WHERE version = $1 AND part = $2', [version, part]);
  for (let seq = 0; seq < chunks; seq++) {
    const pieces: Buffer[] = [];
    await onOneConnection(database, async (connection) => await readChunk(connection, version, part, seq, (piece) => void pieces.push(piece)));
    yield* pieces;
  }
}

async function readChunk(connection: Connection | pg.Client, version: number, part: 'item' | 'user', seq: number, onBytes: (piece: Buffer) => void): Promise<void> {
  await readBinaryValues(connection, `SELECT bytes FROM model_chunks WHERE version = ${version} AND part = '${part}' AND seq = ${seq}`, onBytes);
}

/** A COPY a chunk, so that the limit on a statement's time does not depend on the model's size. All on one connection, of the pool where it is given one. */
async function readChunks(database: Database | pg.Client, version: number, part: 'item' | 'user', chunks: number, onBytes: (piece: Buffer) => void): Promise<void> {
  const read = async (connection: Connection | pg.Client) => {
    for (let seq = 0; seq < chunks; seq++) {
      await readChunk(connection, version, part, seq, onBytes);
    }
  };
  if (database instanceof pg.Pool) {
    await onOneConnection(database, read);
    return;
  }
  await read(database).catch((error: unknown) => {
    throw explainDatabaseError(error);
  });
}

/** Bytes of versions that are kept. */
export async function readModelSizes(database: Queryable, versions: readonly number[]): Promise<Map<number, number>> {
  const rows = await run<{ version: number; bytes: number }>(database, 'SELECT version, sum(octet_length(bytes))::float8 AS bytes FROM model_chunks WHERE version = ANY($1) GROUP BY 1', [versions]);
  return new Map(rows.map(({ version, bytes }) => [version, bytes]));
}

/** Versions whose user part is kept. */
export async function listUserParts(database: Queryable): Promise<{ version: number; createdAt: Date; sha256: Buffer }[]> {
  return await run<{ version: number; createdAt: Date; sha256: Buffer }>(
    database,
    `SELECT version, created_at AS "createdAt", user_sha256 AS sha256 FROM models WHERE user_sha256 IS NOT NULL AND EXISTS (SELECT FROM model_chunks AS chunk WHERE chunk.version = models.version AND part = 'user')`,
  );
}
