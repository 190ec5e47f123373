/**
 * Schemathesis against a server of its own, by /openapi.json: valid and invalid requests to every operation, as everybody who may call. No answer may be a 5xx, or of a status, media type, header or shape
 * that is not documented. Before that, a server with planted faults must be found faulty. Ends with code 1 where something was found.
 *
 *   npm run fuzz [-- --n 500] [--seeds 1,2,3] [--roles none,pk,pk+token,sk,ak] [--workers 1] [--max-seconds 1800 (of one seed and role)] [--keep FOLDER]
 *
 * Python 3.11 or newer must be there; PYTHON names it, if not python3. Schemathesis goes into scripts/fuzz/.venv, at the versions of scripts/fuzz/requirements.txt and by their hashes.
 * The demo shop is what is asked about. Keys are the environment's, which no request can revoke, and quotas are off: 429 is documented everywhere, and would only keep requests from what they try.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startServer } from './server.mjs';

const ROLES = ['none', 'pk', 'pk+token', 'sk', 'ak'];
/** The demo shop's shopper whose token goes along. */
const USER = 'user-1';
const folder = fileURLToPath(new URL('fuzz/', import.meta.url));
const venv = join(folder, '.venv');
const bin = join(venv, process.platform === 'win32' ? 'Scripts' : 'bin');

const { values: options } = parseArgs({
  options: { n: { type: 'string', default: '500' }, seeds: { type: 'string', default: '1,2,3' }, roles: { type: 'string', default: ROLES.join(',') }, workers: { type: 'string', default: '1' }, 'max-seconds': { type: 'string', default: '1800' }, keep: { type: 'string' } },
});
const roles = options.roles.split(',');
const seeds = options.seeds.split(',').map(Number);
const unknown = roles.filter((role) => !ROLES.includes(role));
if (unknown.length > 0 || seeds.some((seed) => !Number.isInteger(seed)) || !(Number(options.n) >= 1)) {
  console.error(`--roles takes ${ROLES.join(', ')}; --seeds whole numbers; --n a number from 1. Given: ${JSON.stringify(options)}`);
  process.exit(2);
}

/** Schemathesis, once for these versions. */
function prepare() {
  const requirements = readFileSync(join(folder, 'requirements.txt'));
  const stampFile = join(venv, '.stamp');
  const stamp = createHash('sha256').update(requirements).digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
    return;
  }
  const python = process.env.PYTHON ?? 'python3';
  const version = spawnSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' });
  const [major, minor] = (version.stdout ?? '').trim().split('.').map(Number);
  if (version.status !== 0 || !(major === 3 && minor >= 11)) {
    console.error(`npm run fuzz needs Python 3.11 or newer with venv: ${version.status === 0 ? `${python} is ${version.stdout.trim()}` : `${python} cannot be run`}. Install it (Debian: apt install python3-venv), or name it: PYTHON=/path/to/python3 npm run fuzz. Without Python, npm test fuzzes too, in less depth.`);
    process.exit(2);
  }
  const run = (program, args) => {
    if (spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) {
      console.error(`${program} ${args.join(' ')} failed.`);
      process.exit(2);
    }
  };
  console.log(`installing Schemathesis into ${venv}`);
  run(python, ['-m', 'venv', '--clear', venv]);
  run(join(bin, 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes', '-r', join(folder, 'requirements.txt')]);
  writeFileSync(stampFile, stamp);
}

/** Each run's own, so that nothing of one is read by the next. */
const reports = options.keep ?? (await mkdtemp(join(tmpdir(), 'jongleur-fuzz-')));
await mkdir(reports, { recursive: true });

/** The headers a role sends. */
async function headersOf(server, role) {
  if (role === 'none') {
    return [];
  }
  const key = server.keys[{ pk: 'publishable', 'pk+token': 'publishable', sk: 'secret', ak: 'admin' }[role]];
  const token = role === 'pk+token' ? (await server.call('POST', '/v1/tokens', { role: 'secret', body: { userId: USER } })).json.token : null;
  return [`Authorization: Bearer ${key}`, ...(token === null ? [] : [`X-Shopper-Token: ${token}`])];
}

/** @returns Schemathesis' report and its text, and what the hooks counted */
async function fuzz(server, role, seed, n, more) {
  const [reportFile, countsFile] = ['report', 'counts'].map((name) => join(reports, `${name}-${role}-${seed}.json`));
  const headers = (await headersOf(server, role)).flatMap((header) => ['-H', header]);
  const child = spawn(
    join(bin, 'st'),
    ['--config-file', join(folder, 'schemathesis.toml'), 'run', `${server.url}/openapi.json`, ...headers, '-n', String(n), '--seed', String(seed), '--workers', options.workers, '--no-color', '--request-timeout', '30', '--report-json-path', reportFile, ...more],
    // Schemathesis and Hypothesis keep what they found in the working directory.
    { cwd: reports, env: { ...process.env, SCHEMATHESIS_HOOKS: join(folder, 'hooks.py'), FUZZ_COUNTS: countsFile, FUZZ_SEED: String(seed), ...(role === 'pk+token' ? { FUZZ_USER: USER } : {}) }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let text = '';
  child.stdout.on('data', (piece) => (text += piece));
  child.stderr.on('data', (piece) => (text += piece));
  const limit = setTimeout(() => child.kill('SIGKILL'), Number(options['max-seconds']) * 1000);
  const [code] = await once(child, 'close');
  clearTimeout(limit);
  if (code === null) {
    throw new Error(`Schemathesis did not end within --max-seconds ${options['max-seconds']}:\n${text.slice(-4000)}`);
  }
  if (!existsSync(countsFile) || readFileSync(reportFile, 'utf8') === '') {
    throw new Error(`Schemathesis ended with ${code}:\n${text.slice(-4000)}`);
  }
  return { code, text, report: JSON.parse(await readFile(reportFile, 'utf8')), counts: JSON.parse(await readFile(countsFile, 'utf8')) };
}

/** What a planted fault is found by. */
const PLANTED = { 'GET /v1/trending': 'ServerError', 'GET /v1/event-types': 'JsonSchemaError', 'GET /v1/newest': 'UndefinedStatusCode', 'GET /health/live': 'UndefinedContentType' };

async function findPlantedFaults() {
  const server = await startServer({}, ['--import', new URL('fuzz/planted-faults.mjs', import.meta.url).href]);
  try {
    const paths = Object.keys(PLANTED).flatMap((operation) => ['--include-path', operation.split(' ')[1]]);
    const { report, text } = await fuzz(server, 'sk', 1, 30, ['--phases', 'examples,coverage,fuzzing', ...paths]);
    const missed = Object.entries(PLANTED).filter(([operation, type]) => !report.failures.some((failure) => failure.type === type && failure.operations.includes(operation)));
    if (missed.length > 0) {
      console.error(`${text}\nPlanted faults that were not found: ${missed.map((fault) => fault.join(' by ')).join('; ')}`);
      return false;
    }
    console.log(`planted faults: ${Object.keys(PLANTED).length} of ${Object.keys(PLANTED).length} found`);
    return true;
  } finally {
    await server.stop();
  }
}

prepare();
let ok = await findPlantedFaults();
if (ok) {
  const rows = [];
  for (const role of roles) {
    for (const [turn, seed] of seeds.entries()) {
      // A server each, so that a run can be repeated by its seed.
      const server = await startServer();
      const startedMs = performance.now();
      try {
        // Examples and boundary values are the same whatever the seed.
        const { code, text, report, counts } = await fuzz(server, role, seed, options.n, ['--phases', turn === 0 ? 'examples,coverage,fuzzing,stateful' : 'fuzzing,stateful']);
        const serverErrors = Object.entries(counts.statuses).reduce((sum, [status, count]) => sum + (Number(status) >= 500 ? count : 0), 0);
        const faults = server.lines.filter((line) => line.includes('"level":50') || line.includes('"level":60'));
        const failed = code !== 0 || serverErrors > 0 || faults.length > 0 || server.child.exitCode !== null;
        rows.push({ role, seed, operations: report.operations.tested, cases: report.test_cases.generated, requests: counts.requests, failures: report.test_cases.unique_failures + report.test_cases.errored, '5xx': serverErrors, 'error lines': faults.length, seconds: Math.round((performance.now() - startedMs) / 1000) });
        if (failed) {
          ok = false;
          console.error(text);
          console.error(faults.slice(0, 10).join('\n'));
        }
        console.log(JSON.stringify({ ...rows.at(-1), statuses: counts.statuses }));
      } catch (error) {
        // The others may still find something.
        ok = false;
        console.error(`${role}, seed ${seed}: ${error.message}`);
      } finally {
        await server.stop();
      }
    }
  }
  console.table(rows);
}
if (options.keep === undefined) {
  await rm(reports, { recursive: true, force: true });
}
process.exitCode = ok ? 0 : 1;
