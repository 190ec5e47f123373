/**
 * Spectral on /openapi.json of a server of its own, by the rules of .spectral.yaml: spectral:oas with everything in it, and our own. Ends with code 1 where an error or a warning is left.
 *
 *   npm run lint:spec
 *
 * Spectral is two hundred packages, so it is none of the service's own: it is installed into scripts/lint-spec, by its own lockfile and without install scripts (one of them would phone home), the first time.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from './server.mjs';

const folder = fileURLToPath(new URL('lint-spec/', import.meta.url));
const rules = fileURLToPath(new URL('../.spectral.yaml', import.meta.url));
const stampFile = join(folder, 'node_modules', '.stamp');
const stamp = createHash('sha256').update(readFileSync(join(folder, 'package-lock.json'))).digest('hex');

function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', shell: process.platform === 'win32', ...options });
  return error === undefined ? status : 2;
}

if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  console.log('installing Spectral into scripts/lint-spec');
  const status = run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'], { cwd: folder });
  if (status !== 0) {
    process.exit(status ?? 2);
  }
  writeFileSync(stampFile, stamp);
}

const server = await startServer({ DEMO: 'off' });
const reports = await mkdtemp(join(tmpdir(), 'jongleur-spec-'));
const file = join(reports, 'openapi.json');
await writeFile(file, JSON.stringify((await server.call('GET', '/openapi.json', { role: null })).json, null, 2));
await server.stop();

const spectral = join(folder, 'node_modules', '.bin', 'spectral');
const lint = (path, options = {}) => run(spectral, ['lint', path, '--ruleset', rules, '--fail-severity', 'warn'], { env: { ...process.env, SCARF_ANALYTICS: 'false' }, ...options });
/** An operation without an id and an example must be found, or the rules are not there. */
const planted = JSON.parse(readFileSync(file, 'utf8'));
delete planted.paths['/v1/keys'].post.operationId;
delete planted.paths['/v1/keys'].post.requestBody.content['application/json'].example;
const plantedFile = join(reports, 'planted.json');
await writeFile(plantedFile, JSON.stringify(planted));
const found = lint(plantedFile, { stdio: 'ignore' }) === 1;
if (!found) {
  console.error('A planted fault was not found.');
}
const status = lint(file);
await rm(reports, { recursive: true, force: true });
process.exitCode = found ? (status ?? 2) : 1;
