/**
 * The dashboard's tests in a real browser: `npm run test:browser -- [--install] [--skip-without] [--screenshots] [what vitest takes]`.
 *
 *   --install        installs Debian's headless shell of chromium where it is not there and this is root
 *   --skip-without   says so and ends well where there is none
 *   --screenshots    writes the pictures of docs/images anew
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HOW_TO_GET_ONE, findChromium, installChromium, isShell } from './chromium.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const OWN = new Set(['--install', '--skip-without', '--screenshots']);
const given = new Set(process.argv.slice(2));
const rest = process.argv.slice(2).filter((argument) => !OWN.has(argument));

let chromium = findChromium();
let why = 'there is no chromium here';
if (!process.env.CHROMIUM && !isShell(chromium) && given.has('--install')) {
  console.log(`${chromium === null ? 'No chromium' : 'No headless shell of it'} found: installing Debian’s package …`);
  why = installChromium() ?? why;
  chromium = findChromium();
}
if (chromium === null) {
  const isSkipped = given.has('--skip-without');
  console[isSkipped ? 'log' : 'error'](`Browser tests ${isSkipped ? 'SKIPPED' : 'cannot run'}: ${why}. ${HOW_TO_GET_ONE}`);
  process.exit(isSkipped ? 0 : 1);
}
console.log(`Browser tests with ${chromium}`);
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', 'vitest.browser.config.ts', ...rest], {
  cwd: root, stdio: 'inherit', env: { ...process.env, CHROMIUM: chromium, ...(given.has('--screenshots') ? { JONGLEUR_SCREENSHOTS: 'on' } : {}) },
});
process.exit(status ?? 1);
