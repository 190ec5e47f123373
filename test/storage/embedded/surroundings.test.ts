/** The launcher in the places it is really started in: as root, as an ordinary user, behind closed folders, after a bare install. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isRunning } from '../../../src/storage/embedded/processes.ts';
import { ask, clearStage, compileLauncher, copyPackageWithoutLinks, installedPackage, isRoot, linkPackage, makeFolder, packageName, startHolder } from './stage.ts';

/** `nobody` on Linux; files of this id belong to no one who is logged in. */
const nobody = { uid: 65_534, gid: 65_534 };
/** An ordinary user needs to reach Node and node_modules; in a checkout below a closed /root it cannot. */
const nobodyReachesUs = isRoot && spawnSync(process.execPath, ['-e', `require('fs').readdirSync(${JSON.stringify(installedPackage)})`], { ...nobody, cwd: '/' }).status === 0;

let compiled = '';
let stage = '';
beforeAll(() => {
  compiled = compileLauncher(mkdtempSync(join(tmpdir(), 'jongleur-compiled-')));
});
beforeEach(() => {
  stage = makeFolder();
  cpSync(compiled, stage, { recursive: true, verbatimSymlinks: true });
});
afterEach(clearStage);
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

describe('a bare install', () => {
  it.skipIf(process.platform === 'win32')('makes the links that a skipped install script left out', async () => {
    const native = copyPackageWithoutLinks(stage);
    const initdb = () => spawnSync(join(native, 'bin/initdb'), ['--version']);
    expect(initdb().status === 0).toBe(false);
    const holder = await startHolder(stage, { dataDir: makeFolder() });
    expect(await ask(holder.started.connectionString, 'SELECT 1')).toBe(1);
    expect(initdb().status).toBe(0);
    for (const { target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[]) {
      expect(lstatSync(join(native, '..', target)).isSymbolicLink()).toBe(true);
    }
    await holder.release();
    expect(isRunning(holder.started.serverPid)).toBe(false);
  });

  it('says what to install or to set where the programs are missing', async () => {
    await expect(startHolder(stage, { dataDir: makeFolder() })).rejects.toMatchObject({
      code: 'embedded-binaries-missing',
      message: expect.stringMatching(new RegExp(`${packageName}.*Remedy: .*--include=optional.*DATABASE_URL`)) as string,
    });
  });
});

describe('as root', () => {
  it.skipIf(!isRoot)('copies the programs beside the cluster where its account cannot reach the installed ones', async () => {
    copyPackageWithoutLinks(stage);
    const closed = makeFolder();
    renameSync(stage, join(closed, 'app'));
    chmodSync(closed, 0o700);
    const dataDir = makeFolder();
    const holder = await startHolder(join(closed, 'app'), { dataDir });
    expect(holder.logged).toContainEqual(expect.stringContaining('copying them beside the database'));
    expect(await ask(holder.started.connectionString, 'SELECT 1')).toBe(1);
    expect(readFileSync(`/proc/${holder.started.serverPid}/cmdline`, 'utf8').startsWith(join(dataDir, 'binaries-'))).toBe(true);
    expect(statSync(`/proc/${holder.started.serverPid}`).uid === 0).toBe(false);
    await holder.release();
    const second = await startHolder(join(closed, 'app'), { dataDir });
    expect(second.logged).not.toContainEqual(expect.stringContaining('copying'));
    await second.release();
  });

  it.skipIf(!isRoot)('keeps the cluster elsewhere where nobody else may enter, finds it again, and never replaces a lost one by an empty one', async () => {
    linkPackage(stage);
    const closed = mkdtempIn(makeFolder());
    const options = { dataDir: join(closed, 'data'), fallbackDir: join(makeFolder(), 'state', 'jongleur') };
    const first = await startHolder(stage, options);
    await ask(first.started.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const keptIn = readFileSync(join(options.dataDir, 'postgres-lives-in'), 'utf8').trim();
    expect(keptIn.startsWith(options.fallbackDir)).toBe(true);
    expect(existsSync(join(keptIn, 'postgres', 'PG_VERSION'))).toBe(true);
    expect(existsSync(join(options.dataDir, 'postgres'))).toBe(false);
    await first.kill();

    const second = await startHolder(stage, options);
    expect(second.started).toMatchObject({ attached: true, serverPid: first.started.serverPid });
    await second.release();
    const third = await startHolder(stage, options);
    expect(await ask(third.started.connectionString, 'SELECT answer FROM kept')).toBe(42);
    await third.release();

    renameSync(keptIn, `${keptIn}.lost`);
    await expect(startHolder(stage, options)).rejects.toMatchObject({ code: 'embedded-data-dir-unusable', message: expect.stringContaining(keptIn) as string });
    // The parent that was closed is still closed: it is not ours to open.
    expect(statSync(closed).mode & 0o777).toBe(0o700);
  });

  it.skipIf(!isRoot)('opens a closed DATA_DIR of its own for passing through, without showing what is in it', async () => {
    linkPackage(stage);
    const dataDir = mkdtempIn(makeFolder());
    const holder = await startHolder(stage, { dataDir });
    expect(statSync(dataDir).mode & 0o777).toBe(0o711);
    expect(existsSync(join(dataDir, 'postgres', 'PG_VERSION'))).toBe(true);
    await holder.release();
  });
});

describe('as an ordinary user', () => {
  it.skipIf(!nobodyReachesUs)('runs the server as that user, also from a node_modules it may not complete, and shares it with root', async () => {
    const native = copyPackageWithoutLinks(stage);
    const dataDir = ownFolder();
    const holder = await startHolder(stage, { dataDir, as: nobody });
    expect(await ask(holder.started.connectionString, 'SELECT 1')).toBe(1);
    expect(statSync(`/proc/${holder.started.serverPid}`).uid).toBe(nobody.uid);
    expect(readdirSync(join(native, 'lib')).includes('libpq.so.5')).toBe(false);
    expect(readdirSync(dataDir).some((name) => name.startsWith('binaries-'))).toBe(true);

    // `sudo jongleur …` meanwhile: attaches, and what it writes does not lock the user out.
    const sudo = await startHolder(stage, { dataDir });
    expect(sudo.started).toMatchObject({ attached: true, serverPid: holder.started.serverPid });
    await holder.release();
    expect(isRunning(holder.started.serverPid)).toBe(true);
    await sudo.release();
    expect(isRunning(holder.started.serverPid)).toBe(false);

    // Root first, the user after it.
    const root = await startHolder(stage, { dataDir });
    expect(statSync(`/proc/${root.started.serverPid}`).uid).toBe(nobody.uid);
    const guest = await startHolder(stage, { dataDir, as: nobody });
    expect(guest.started.attached).toBe(true);
    await root.release();
    await guest.release();
    expect(isRunning(root.started.serverPid)).toBe(false);
  });

  it.skipIf(!nobodyReachesUs)('names the folder it may not write to, and the owner of a cluster that is not its own', async () => {
    linkPackage(stage);
    const closed = makeFolder();
    await expect(startHolder(stage, { dataDir: join(closed, 'data'), as: nobody })).rejects.toMatchObject({
      code: 'embedded-data-dir-unusable',
      message: expect.stringMatching(new RegExp(`${join(closed, 'data')}: permission denied.*Remedy.*DATABASE_URL`)) as string,
    });
    const dataDir = ownFolder();
    mkdirSync(join(dataDir, 'postgres'), { mode: 0o700 });
    await expect(startHolder(stage, { dataDir, as: nobody })).rejects.toMatchObject({
      code: 'embedded-data-dir-unusable',
      message: expect.stringContaining('belongs to user id 0') as string,
    });
  });
});

function mkdtempIn(folder: string): string {
  const made = mkdtempSync(join(folder, 'closed-'));
  expect(statSync(made).mode & 0o777).toBe(0o700);
  return made;
}

function ownFolder(): string {
  const folder = makeFolder();
  chownSync(folder, nobody.uid, nobody.gid);
  return folder;
}
