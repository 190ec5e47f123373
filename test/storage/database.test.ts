import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyOut, onOneConnection } from '../../src/storage/binary-copy.ts';
import { DatabaseFull, DatabaseUnavailable, FULL_SQLSTATES, RETRYABLE_SQLSTATES, UNAVAILABLE_SQLSTATES, createDatabase, explainDatabaseError, inTransaction, readServerFacts, run } from '../../src/storage/database.ts';
import { createTestDatabase, execute } from '../support/postgres.ts';

const raise = (state: string) => `DO $$ BEGIN RAISE EXCEPTION 'made by a test' USING ERRCODE = '${state}'; END $$`;

describe('the database', () => {
  let url: string;
  let drop: () => Promise<void>;
  let database: pg.Pool;

  beforeAll(async () => {
    ({ url, drop } = await createTestDatabase(inject('templateUrl')));
    database = createDatabase({ connectionString: url, maxConnections: 2, onError: () => undefined });
    await database.query('CREATE TABLE notes (text text UNIQUE)');
  });
  afterAll(async () => {
    await database.end();
    await drop();
  });

  it.each(Object.keys(RETRYABLE_SQLSTATES))('sends a transaction again after %s, and keeps nothing of the first attempt', async (state) => {
    let attempts = 0;
    const result = await inTransaction(database, async (connection) => {
      attempts++;
      await connection.query('INSERT INTO notes VALUES ($1)', [`${state}-${attempts}`]);
      if (attempts < 3) {
        await (attempts === 1 ? connection.query(raise(state)) : run(connection, raise(state)));
      }
      return attempts;
    });
    expect(result).toBe(3);
    expect((await database.query('SELECT text FROM notes WHERE text LIKE $1', [`${state}%`])).rows).toEqual([{ text: `${state}-3` }]);
  });

  it('gives up after some attempts, as something the caller may try again', async () => {
    let attempts = 0;
    await expect(inTransaction(database, async (connection) => {
      attempts++;
      await connection.query(raise('40001'));
    })).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(attempts).toBeGreaterThan(1);
    expect(attempts).toBeLessThan(10);
    expect(database.idleCount).toBe(database.totalCount);
  });

  it('outlives a COPY whose reader fails before it reads', async () => {
    const faults: unknown[] = [];
    const note = (fault: unknown) => void faults.push(fault);
    process.on('uncaughtExceptionMonitor', note);
    try {
      let ended: Promise<unknown> | undefined;
      await expect(onOneConnection(database, async (connection) => {
        ended = once(connection, 'end');
        await copyOut(connection, 'SELECT generate_series(1, 1000000)', () => Promise.reject(new Error('the disk is full')));
      })).rejects.toThrow('the disk is full');
      await ended;
      await setImmediate();
    } finally {
      process.off('uncaughtExceptionMonitor', note);
    }
    expect(faults).toEqual([]);
  });

  it('sends nothing again after a fault of the work itself', async () => {
    for (const fail of [async (connection: pg.PoolClient) => await connection.query(raise('23505')), () => Promise.reject(new Error('of our own'))]) {
      let attempts = 0;
      await expect(inTransaction(database, async (connection) => {
        attempts++;
        await connection.query(`INSERT INTO notes VALUES ('lost')`);
        await fail(connection);
      })).rejects.toThrow(/made by a test|of our own/);
      expect(attempts).toBe(1);
    }
    expect((await database.query(`SELECT FROM notes WHERE text = 'lost'`)).rowCount).toBe(0);
  });

  it('does not give a broken connection back to the pool', async () => {
    await expect(inTransaction(database, async (connection) => await connection.query('SELECT pg_terminate_backend(pg_backend_pid())'))).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect((await run<{ one: number }>(database, 'SELECT 1 AS one'))[0].one).toBe(1);
    expect((await run<{ one: number }>(database, 'SELECT 1 AS one'))[0].one).toBe(1);
  });

  it.each([['53100', DatabaseFull], ['57P01', DatabaseUnavailable], ['57P03', DatabaseUnavailable], ['53300', DatabaseUnavailable], ['57014', DatabaseUnavailable], ['08006', DatabaseUnavailable]])('explains %s', async (state, kind) => {
    await expect(run(database, raise(state))).rejects.toBeInstanceOf(kind);
    await expect(inTransaction(database, async (connection) => await connection.query(raise(state)))).rejects.toBeInstanceOf(kind);
  });

  it('has every SQLSTATE in one table: what to send again, what to tell as unavailable or full, and what is wrong', async () => {
    const kinds: Record<string, string> = {
      '40001': 'again', '40P01': 'again', '55P03': 'again',
      '08000': 'unavailable', '08001': 'unavailable', '08003': 'unavailable', '08004': 'unavailable', '08006': 'unavailable', '08P01': 'unavailable',
      '25006': 'unavailable', '25P03': 'unavailable', '25P04': 'unavailable', '53000': 'unavailable', '53200': 'unavailable', '53300': 'unavailable',
      '57014': 'unavailable', '57P01': 'unavailable', '57P02': 'unavailable', '57P03': 'unavailable', '57P04': 'unavailable', '57P05': 'unavailable', '58000': 'unavailable', '58030': 'unavailable',
      '53100': 'full', '53400': 'full',
      '22P02': 'wrong', '22001': 'wrong', '23505': 'wrong', '23502': 'wrong', '42P01': 'wrong', '42703': 'wrong', '28P01': 'wrong', '3D000': 'wrong', XX000: 'wrong', XX001: 'wrong', '0A000': 'wrong',
    };
    expect(Object.keys({ ...RETRYABLE_SQLSTATES, ...UNAVAILABLE_SQLSTATES, ...FULL_SQLSTATES }).filter((state) => !(state in kinds))).toEqual([]);
    for (const [state, kind] of Object.entries(kinds)) {
      const error = Object.assign(new Error('made by a test'), { code: state });
      const explained = explainDatabaseError(error);
      const found = explained instanceof DatabaseFull ? 'full' : explained instanceof DatabaseUnavailable ? 'unavailable' : state in RETRYABLE_SQLSTATES ? 'again' : 'wrong';
      expect([state, found]).toEqual([state, kind]);
    }
    // As the driver and the sockets under it say it.
    for (const [code, message] of [['ECONNREFUSED', ''], ['ECONNRESET', ''], ['EPIPE', ''], ['ETIMEDOUT', ''], ['EHOSTUNREACH', ''], ['ENETUNREACH', ''], ['ENOTFOUND', ''], ['EAI_AGAIN', ''], [undefined, 'Connection terminated unexpectedly'], [undefined, 'Query read timeout'], [undefined, 'timeout expired'], [undefined, 'timeout exceeded when trying to connect'], [undefined, 'Cannot use a pool after calling end on the pool']]) {
      expect([code, message, explainDatabaseError(Object.assign(new Error(message), { code }))]).toEqual([code, message, expect.any(DatabaseUnavailable)]);
    }
  });

  it('that became read-only is not kept to: what comes later is sent over a new connection', async () => {
    const name = new URL(url).pathname.slice(1);
    await execute(url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    const pool = createDatabase({ connectionString: url, maxConnections: 1, onError: () => undefined });
    const write = async () => await inTransaction(pool, async (connection) => await connection.query(`INSERT INTO notes VALUES ('failed over')`));
    await expect(write()).rejects.toBeInstanceOf(DatabaseUnavailable);
    await execute(url, `BEGIN READ WRITE; ALTER DATABASE ${name} RESET default_transaction_read_only; COMMIT`);
    await write();
    await pool.end();
    expect((await database.query(`SELECT FROM notes WHERE text = 'failed over'`)).rowCount).toBe(1);
  });

  it('leaves a fault of a statement what it is', async () => {
    const error = await run(database, 'SELECT nonsense').then(() => null, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect((error as pg.DatabaseError).code).toBe('42703');
  });

  it('that is not there is unavailable, not a fault', async () => {
    const nowhere = createDatabase({ connectionString: 'postgres://nobody@127.0.0.1:1/none', maxConnections: 1, onError: () => undefined });
    await expect(run(nowhere, 'SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(inTransaction(nowhere, () => Promise.resolve(1))).rejects.toBeInstanceOf(DatabaseUnavailable);
    await nowhere.end();
    await expect(run(nowhere, 'SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    const already = new DatabaseFull(new Error('x'));
    expect(explainDatabaseError(already)).toBe(already);
  });

  it('reads bigints as numbers and numbers of transactions as text', async () => {
    const [row] = await run<{ big: unknown; xid: unknown }>(database, 'SELECT 9007199254740991::bigint AS big, pg_current_xact_id() AS xid');
    expect(row.big).toBe(9_007_199_254_740_991);
    expect(row.xid).toMatch(/^\d+$/);
  });

  it('is known by its cluster, and has nothing to warn of as it is delivered', async () => {
    const facts = await readServerFacts(database);
    expect(facts.systemIdentifier).toMatch(/^\d{15,20}$/);
    expect(facts.versionNumber).toBeGreaterThanOrEqual(140_000);
    expect(facts.warnings).toEqual([]);
  });

  it('that may lose what was acknowledged says so', async () => {
    await execute(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET synchronous_commit = off`);
    const fresh = createDatabase({ connectionString: url, maxConnections: 1, onError: () => undefined });
    const { warnings } = await readServerFacts(fresh);
    await fresh.end();
    expect(warnings).toEqual([expect.stringMatching(/synchronous_commit = off: events that were acknowledged can be lost.* Set synchronous_commit = on\./)]);
  });

  it('of another encoding is refused with the way to make a right one', async () => {
    const name = `latin_${process.pid}`;
    const admin = inject('templateUrl').replace(/\/[^/]*$/, '/postgres');
    await execute(admin, `CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
    const latin = createDatabase({ connectionString: admin.replace(/\/postgres$/, `/${name}`), maxConnections: 1, onError: () => undefined });
    await expect(readServerFacts(latin)).rejects.toThrow(/encoding LATIN1; Jongleur needs UTF8.*CREATE DATABASE/);
    await latin.end();
    await execute(admin, `DROP DATABASE ${name} WITH (FORCE)`);
  });
});
