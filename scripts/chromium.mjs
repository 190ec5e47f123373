/** The browser that the dashboard's tests run in: the one of CHROMIUM, else the first on PATH under one of the usual names, else Debian's package where it may be installed. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

export const HOW_TO_GET_ONE = 'Install Chromium ("apt-get install chromium" on Debian and Ubuntu, as root), or name one: CHROMIUM=/path/to/chromium npm run test:browser.';

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param environment its CHROMIUM and PATH count
 * @returns {string | null} its path; null where there is none
 * @throws Error where CHROMIUM names what is no program
 */
export function findChromium(environment = process.env) {
  const named = environment.CHROMIUM;
  if (named !== undefined && named !== '') {
    if (!isProgram(named)) {
      throw new Error(`CHROMIUM is ${JSON.stringify(named)}, which is no program that can be run.`);
    }
    return named;
  }
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram) ?? null;
}

/** Debian's package, by root alone. @returns {string | null} why there is none now, in words; null where there is one */
export function installChromium() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    return 'it can be installed here by root on Debian alone';
  }
  for (const args of [['update', '-qq'], ['install', '-y', '-qq', '--no-install-recommends', 'chromium']]) {
    const { status } = spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 });
    if (status !== 0) {
      return `"apt-get ${args.join(' ')}" failed`;
    }
  }
  return findChromium({ PATH: process.env.PATH }) === null ? 'the package brought no chromium' : null;
}
