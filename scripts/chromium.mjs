/**
 * The browser that the dashboard's tests run in: the one of CHROMIUM, else the first on PATH under one of the usual names, else Debian's package where it may be installed. The headless shell is the same engine without
 * a browser's windows, menus and profiles around it: a tab opens in a quarter of the time.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';

const SHELL = 'chromium-headless-shell';
const NAMES = [SHELL, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

export const HOW_TO_GET_ONE = 'Install Chromium ("apt-get install chromium-headless-shell", or chromium, on Debian, as root), or name one: CHROMIUM=/path/to/chromium npm run test:browser.';

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

/** @param {string | null} path of `findChromium` */
export const isShell = (path) => path !== null && basename(path) === SHELL;

/** Debian's headless shell, by root alone; Chromium as a whole where the shell is not to be had. @returns {string | null} why there is none now, in words; null where there is one */
export function installChromium() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    return 'it can be installed here by root on Debian alone';
  }
  const apt = (...args) => spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 }).status === 0;
  if (!apt('update', '-qq')) {
    return '"apt-get update" failed';
  }
  // Nothing that is there is taken away for it.
  const install = (name) => apt('install', '-y', '-qq', '--no-install-recommends', '--no-remove', name);
  if (!install(SHELL) && findChromium() === null && !install('chromium')) {
    return `"apt-get install" of ${SHELL} and of chromium failed`;
  }
  return findChromium({ PATH: process.env.PATH }) === null ? 'the package brought no chromium' : null;
}
