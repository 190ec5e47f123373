/** One DATA_DIR, one server: started, shared, orphaned, found again and stopped by real processes. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgresError, startEmbeddedPostgres } from '../../../src/storage/embedded/launcher.ts';
import { isRunning } from '../../../src/storage/embedded/processes.ts';
import { ask, clearStage, compileLauncher, isRoot, linkPackage, makeFolder, startHolder, until, watchServer } from './stage.ts';

const log = () => undefined;
let stage = '';

beforeAll(() => {
  stage = mkdtempSync(join(tmpdir(), 'jongleur-stage-'));
  chmodSync(stage, 0o755);
  compileLauncher(stage);
  linkPackage(stage);
});
afterEach(clearStage);
afterAll(() => rmSync(stage, { recursive: true, force: true }));

async function start(dataDir: string) {
  return watchServer(await startEmbeddedPostgres({ dataDir, log }));
}

async function failure(started: Promise<unknown>): Promise<EmbeddedPostgresError> {
  const error = await started.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EmbeddedPostgresError);
  return error as EmbeddedPostgresError;
}

describe('one process', () => {
  it('makes a cluster on the first start, answers only to its password on loopback, and finds its data on the second start', async () => {
    const dataDir = join(makeFolder(), 'made', 'by', 'start');
    const first = await start(dataDir);
    expect(first.attached).toBe(false);
    expect(first.connectionString).toMatch(new RegExp(String.raw`^postgres://jongleur:[\w-]{32}@127\.0\.0\.1:${first.port}/jongleur$`));
    const settings = `SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
      WHERE name IN ('fsync', 'full_page_writes', 'listen_addresses', 'max_connections', 'password_encryption', 'server_encoding', 'unix_socket_directories')`;
    expect(await ask(first.connectionString, settings)).toBe(
      'fsync=on full_page_writes=on listen_addresses=127.0.0.1 max_connections=40 password_encryption=scram-sha-256 server_encoding=UTF8 unix_socket_directories=',
    );
    expect(await ask(first.connectionString, `SELECT datcollate FROM pg_database WHERE datname = 'jongleur'`)).toBe('C');
    await expect(ask(first.connectionString.replace(/:[\w-]{32}@/, ':wrong@'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await ask(first.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    expect(statSync(join(dataDir, 'postgres-password')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dataDir).filter((name) => name.includes('.new') || name.includes('.lock'))).toEqual([]);
    expect(statSync(join(dataDir, 'postgres')).uid === 0).toBe(false);

    await Promise.all([first.release(), first.release()]);
    expect(isRunning(first.serverPid)).toBe(false);
    expect(readdirSync(join(dataDir, 'holders'))).toEqual([]);
    await first.release();

    const second = await start(dataDir);
    expect(second.attached).toBe(false);
    expect(await ask(second.connectionString, 'SELECT answer FROM kept')).toBe(42);
    await second.release();
    expect(isRunning(second.serverPid)).toBe(false);
  });

  it('starts the server again where it was, once it has ended, and nothing where it runs', async () => {
    const first = await start(makeFolder());
    expect(await first.revive()).toBe(false);
    await ask(first.connectionString, 'CREATE TABLE kept AS SELECT 7 AS answer');
    process.kill(first.serverPid, 'SIGKILL');
    await until(() => !isRunning(first.serverPid), 5_000);
    expect(await Promise.all([first.revive(), first.revive()])).toContain(true);
    expect(await ask(first.connectionString, 'SELECT answer FROM kept')).toBe(7);
    await first.release();
    await expect(ask(first.connectionString, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('recovers what was committed when the server itself is killed, and takes no stranger with its old pid for it', async () => {
    const dataDir = makeFolder();
    const first = await start(dataDir);
    await ask(first.connectionString, 'CREATE TABLE kept AS SELECT 7 AS answer');
    process.kill(first.serverPid, 'SIGKILL');
    await until(() => !isRunning(first.serverPid), 5000);

    // The dead server's pid, used again by a process of the same account: for Postgres' own check that is a running server.
    const { uid, gid } = statSync(join(dataDir, 'postgres'));
    const stranger = spawn('sleep', ['60'], isRoot ? { uid, gid, cwd: '/' } : { cwd: '/' });
    try {
      const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
      expect(readFileSync(pidFile, 'utf8')).toMatch(new RegExp(`^${first.serverPid}\n`));
      writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(stranger.pid)));
      const second = await start(dataDir);
      expect(second.attached).toBe(false);
      expect(await ask(second.connectionString, 'SELECT answer FROM kept')).toBe(7);
      await first.release();
      expect(isRunning(second.serverPid)).toBe(true);
      await second.release();
      expect(isRunning(second.serverPid)).toBe(false);
      expect(stranger.exitCode).toBe(null);
    } finally {
      stranger.kill();
    }
  });

  it('refuses a cluster of another Postgres version and says what to do', async () => {
    const dataDir = makeFolder();
    await (await start(dataDir)).release();
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
    const error = await failure(start(dataDir));
    expect(error.code).toBe('embedded-version-mismatch');
    expect(error.message).toMatch(/made by Postgres 17.*brings Postgres 18.*Remedy: .*DATABASE_URL/s);
    expect(readdirSync(join(dataDir, 'holders'))).toEqual([]);

    // Everything else of the failed start is undone as well: with the right version it starts.
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '18\n');
    writeFileSync(join(dataDir, 'postgres', 'postgresql.auto.conf'), "no_such_setting = 'x'\n");
    const broken = await failure(start(dataDir));
    expect(broken.code).toBe('embedded-start-failed');
    expect(broken.message).toContain('no_such_setting');
    expect(broken.message).toContain(join(dataDir, 'postgres.log'));
    expect(broken.message).toContain('DATABASE_URL');

    writeFileSync(join(dataDir, 'postgres', 'postgresql.auto.conf'), '');
    writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), '');
    const whole = await start(dataDir);
    expect(await ask(whole.connectionString, 'SELECT 1')).toBe(1);
    await whole.release();
  });

  it('names the path where DATA_DIR cannot be a folder, or holds something that is no database', async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'file'), '');
    for (const dataDir of [join(folder, 'file'), join(folder, 'file', 'below')]) {
      const error = await failure(start(dataDir));
      expect(error.code).toBe('embedded-data-dir-unusable');
      expect(error.message).toContain(dataDir);
      expect(error.message).toContain('Remedy');
    }
    writeFileSync(join(folder, 'postgres'), 'no folder');
    const error = await failure(start(folder));
    expect(error.code).toBe('embedded-data-dir-unusable');
    expect(error.message).toContain(join(folder, 'postgres'));
  });
});

describe('several processes', () => {
  it('outlives a killed holder: the next start attaches, finds the data, and its leaving stops the server', async () => {
    const dataDir = makeFolder();
    const holder = await startHolder(stage, { dataDir });
    const { serverPid, connectionString } = holder.started;
    await ask(connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    // Its own session: what the terminal sends to the holder's process group does not reach the server.
    expect(processGroupOf(serverPid)).toBe(serverPid);
    await holder.kill();
    expect(isRunning(serverPid)).toBe(true);

    const next = await start(dataDir);
    expect(next).toMatchObject({ attached: true, serverPid });
    expect(await ask(next.connectionString, 'SELECT answer FROM kept')).toBe(42);
    expect(readdirSync(join(dataDir, 'holders'))).toHaveLength(2);
    await next.release();
    expect(isRunning(serverPid)).toBe(false);
    expect(readdirSync(join(dataDir, 'holders'))).toEqual([]);
  });

  it('makes one cluster and one server when two start at once, and stops it when the last one leaves', async () => {
    const dataDir = join(makeFolder(), 'new');
    const both = await Promise.all([startHolder(stage, { dataDir }), startHolder(stage, { dataDir })]);
    const [one, other] = both;
    const { serverPid } = one.started;
    expect(other.started.serverPid).toBe(serverPid);
    expect(both.map((holder) => holder.started.attached).toSorted()).toEqual([false, true]);
    expect(both.flatMap((holder) => holder.logged).filter((line) => line === 'created a database')).toHaveLength(1);

    // The one that started it leaves first; the server is the other's now.
    const [starter, guest] = one.started.attached ? [other, one] : [one, other];
    await starter.release();
    expect(await ask(guest.started.connectionString, 'SELECT 1')).toBe(1);
    await guest.release();
    expect(isRunning(serverPid)).toBe(false);
  });

  it('gives a process that arrives while the last one leaves a server that stays', async () => {
    const dataDir = makeFolder();
    let current = await startHolder(stage, { dataDir });
    for (let round = 0; round < 3; round += 1) {
      const [next] = await Promise.all([startHolder(stage, { dataDir }), leaveAfter(round * 60, current)]);
      expect(await ask(next.started.connectionString, 'SELECT 1')).toBe(1);
      current = next;
    }
    // And one whose server was told to stop by somebody else, a moment ago.
    process.kill(current.started.serverPid, 'SIGINT');
    const after = await start(dataDir);
    expect(after.serverPid === current.started.serverPid).toBe(false);
    expect(await ask(after.connectionString, 'SELECT 1')).toBe(1);
    await current.release();
    expect(isRunning(after.serverPid)).toBe(true);
    await after.release();
    expect(isRunning(after.serverPid)).toBe(false);
  });

  it('does not keep a process alive that has nothing else to do', async () => {
    const dataDir = makeFolder();
    const holder = await startHolder(stage, { dataDir, manner: 'leave-open' });
    await until(() => holder.process.exitCode !== null, 5000);
    expect(holder.process.exitCode).toBe(0);
    expect(isRunning(holder.started.serverPid)).toBe(true);
    const next = await start(dataDir);
    expect(next.attached).toBe(true);
    await next.release();
    expect(isRunning(holder.started.serverPid)).toBe(false);
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
  });
});

async function leaveAfter(delayMs: number, holder: { release(): Promise<void> }): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await holder.release();
}

function processGroupOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[2]);
}
