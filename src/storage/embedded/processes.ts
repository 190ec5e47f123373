/**
 * Other processes, seen from outside: is that pid running, is it still the same process, what was it started as?
 *
 * A pid alone identifies nothing: it is used again after a reboot, and in a container (where pid 1 or 20 is always somebody) after every restart. Whatever
 * remembers a process here remembers its pid and a mark made of its start time.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Account } from './account.ts';

/** A pid with its start mark; the mark is absent where the platform does not tell (Windows, a /proc that hides other users). */
export interface ProcessMark {
  readonly pid: number;
  readonly mark?: string;
}

/** Zombies count as gone: where Node is pid 1 of a container nobody collects an orphan's exit, and waiting for it would never end. */
export function isRunning(pid: number): boolean {
  return pidExists(pid) && processStat(pid)?.state !== 'Z';
}

/** Whether the kernel knows the pid at all, zombies included; this is what Postgres itself asks about a lock file's pid. */
export function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function markProcess(pid: number): ProcessMark {
  const mark = startMark(pid);
  return mark === undefined ? { pid } : { pid, mark };
}

/** True while the very process that was marked runs. Without a mark on either side the pid has to do. */
export function isSameProcess(known: ProcessMark): boolean {
  if (!Number.isInteger(known.pid) || known.pid <= 0 || !isRunning(known.pid)) {
    return false;
  }
  const mark = startMark(known.pid);
  return mark === undefined || known.mark === undefined || mark === known.mark;
}

/** The arguments a process was started with; undefined where they cannot be seen. */
export function commandLineOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    return readProcFile(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ');
  }
  return askPs(pid, 'command=');
}

function startMark(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const start = processStat(pid)?.startTicks;
    // Ticks count from boot: without the boot's id a process of the last boot could pass for one of this.
    return start === undefined ? undefined : `${readProcFile('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}/${start}`;
  }
  return askPs(pid, 'lstart=');
}

function processStat(pid: number): { state: string; startTicks: string } | undefined {
  const text = process.platform === 'linux' ? readProcFile(`/proc/${pid}/stat`) : undefined;
  // "pid (name) state …": the name may hold spaces and brackets, so count from the last bracket; fields 3 and 22 of proc(5).
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields?.[0], fields?.[19]];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}

function readProcFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function askPs(pid: number, column: string): string | undefined {
  if (process.platform === 'win32') {
    return undefined;
  }
  try {
    return execFileSync('ps', ['-ww', '-o', column, '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 2000 }).trim() || undefined;
  } catch {
    return undefined;
  }
}

export interface ProgramResult {
  /** Undefined where the program never ran or was ended by a signal. */
  readonly exitCode: number | undefined;
  /** Standard output and standard error together, and the reason where the program could not be started. */
  readonly output: string;
}

/** Runs a program of the package to its end, as the account where there is one. Never throws: the caller knows what a failure means. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { account?: Account | undefined; cwd: string; timeoutMs: number },
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, {
      ...spawnIdentity(options.account),
      cwd: options.cwd,
      env: programEnvironment(),
      timeout: options.timeoutMs,
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.on('error', (error) => resolve({ exitCode: undefined, output: `${output}${error.message}` }));
    child.on('close', (code, signal) => resolve({ exitCode: code ?? undefined, output: signal ? `${output}(ended by ${signal})` : output }));
  });
}

export function spawnIdentity(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

/**
 * What Postgres gets to see of our environment: enough to load and to find a shell. PGDATA, PGPORT and their like would bend it, and API keys or
 * DATABASE_URL have no business in /proc/<pid>/environ of another account.
 */
export function programEnvironment(): NodeJS.ProcessEnv {
  const wanted = ['PATH', 'TZ', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot', 'SystemDrive', 'ComSpec', 'TEMP', 'TMP', 'USERNAME'];
  const entries = wanted.map((name) => [name, process.env[name]] as const).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(entries), LC_ALL: 'C', LANG: 'C' };
}
