/**
 * Online Retail end to end, as a shop would do it: a server of the built service on a fresh data folder with a Postgres of its own, `jongleur import`, `jongleur train` (light search, gate, refit, publish; all learning
 * curves, since it is the first model), then the same again while a child process asks for recommendations at a fixed rate. Quality is what the run's own report says of its test part.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCsv } from '../../dist/ingest/csv.js';
import { addRow, check } from '../train/table.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const cli = file('../../dist/cli.js');
const secret = `sk_${'s'.repeat(40)}`;

export async function measureRetail({ path, rate }) {
  if (!existsSync(path)) {
    console.log(`\nretail: ${path} is not here (--file says where), so its rows are not measured.`);
    return;
  }
  const users = await readUsers(path);
  const folder = await mkdtemp(join(tmpdir(), 'jongleur-experiment-'));
  const env = {
    PATH: process.env.PATH, DATA_DIR: join(folder, 'data'), HOST: '127.0.0.1', PORT: '0', DEMO: 'off', LOG_PRETTY: 'false', RETRAIN_CRON: 'off', RETRAIN_AFTER_EVENTS: '0',
    JONGLEUR_SECRET_KEY: secret, JONGLEUR_ADMIN_KEY: `ak_${'a'.repeat(40)}`, JONGLEUR_PUBLISHABLE_KEY: `pk_${'p'.repeat(40)}`,
  };
  const server = await startServer(env);
  try {
    const imported = command(env, 'import', path, '--preset', 'online-retail');
    const first = command(env, 'train', '--json');
    const second = await trainUnderLoad(env, server.url, users, rate);
    tell({ imported, first, second, rate });
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function tell({ imported, first, second, rate }) {
  const [one, two] = [first, second].map(({ output }) => JSON.parse(output));
  const phases = (run) => Object.entries(run.report.seconds).map(([phase, seconds]) => `${phase} ${seconds.toFixed(1)}`).join(', ');
  console.log(`\nretail: imported in ${imported.seconds.toFixed(1)} s; ${one.report.events} events, ${one.report.users} users × ${one.report.items} items, ${one.report.interactions} interactions, kernel ${one.report.kernel}, ${one.report.threads} threads`);
  for (const [name, run] of [['first', one], ['second, under load', two]]) {
    console.log(`  ${name}: ${run.state}, version ${run.version}; ${phases(run)} s; search ${run.report.search?.trials.length ?? 0} trials, ended ${run.report.search?.ended ?? '–'}; verdict ${run.report.verdict.code}; gate ${run.report.gate.outcome}`);
  }
  check(one.state === 'published' && one.version !== null, `the first run ended as ${one.state}`);
  const bounds = { floor: 150, goal: 60, unit: 's', digits: 1 };
  addRow({ measure: 'Online Retail, jongleur train, first model with all curves', ...bounds, figure: first.seconds, raw: `wall of the command; ${phases(one)}` });
  addRow({ measure: 'Online Retail, jongleur train, next model, under load', ...bounds, figure: second.seconds, raw: `wall of the command; ${phases(two)}` });
  const { load } = second;
  check(load.failed === 0, `${load.failed} of ${load.sent} requests failed`);
  check((load.sources.personal ?? 0) > 0.95 * load.sent, `of ${load.sent} answers only ${load.sources.personal ?? 0} are personal: ${JSON.stringify(load.sources)}`);
  addRow({
    measure: `serving p99 meanwhile, ${rate} requests/s`, floor: 50, goal: 25, unit: 'ms', digits: 1, figure: load.p99,
    raw: `${load.sent} requests in ${load.seconds.toFixed(0)} s, p50 ${load.p50.toFixed(1)} ms, longest ${load.most.toFixed(0)} ms, none failed; over 25 ms: ${load.stalls.map(({ at, ms }) => `${ms.toFixed(0)} ms at ${at.toFixed(1)} s`).join(', ') || 'never'}; ${Object.entries(load.sources).map(([source, count]) => `${count} ${source}`).join(', ')}`,
  });
  const { test, params } = one.report;
  const at = test.candidate.at.find(({ k }) => k === 20);
  const [recall, ndcg] = [at.recall, at.ndcg];
  const interval = ({ low, high }) => `[${low.toFixed(4)}, ${high.toFixed(4)}]`;
  const beside = (name) => ['popularity', 'recentPopularity', 'itemKnn'].map((key) => `${key} ${test[key].at.find(({ k }) => k === 20)[name].mean.toFixed(4)}`).join(', ');
  addRow({ measure: 'Online Retail test part, recall@20, by its own search', floor: 0.092, goal: 0.098, best: 'high', digits: 4, figure: recall.mean, raw: `${test.users} users, ${interval(recall)}; ${beside('recall')}` });
  addRow({ measure: 'Online Retail test part, NDCG@20', floor: 0.1, goal: 0.106, best: 'high', digits: 4, figure: ndcg.mean, raw: `${interval(ndcg)}; ${beside('ndcg')}; chosen ${JSON.stringify(params)}` });
}

async function readUsers(path) {
  const csv = await openCsv(path);
  const column = csv.header.indexOf('CustomerID');
  const users = new Set();
  for await (const batch of csv.batches()) {
    for (const fields of batch.rows) {
      if (fields[column] !== '') users.add(fields[column].replace(/\.0$/, '')); // as the preset reads it
    }
  }
  return [...users];
}

function command(env, ...args) {
  const startedMs = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { env, encoding: 'utf8', maxBuffer: 1 << 28 });
  check(status === 0, `jongleur ${args[0]} ended with code ${status}: ${stderr}`);
  return { output: stdout, seconds: (performance.now() - startedMs) / 1000 };
}

async function trainUnderLoad(env, url, users, rate) {
  const load = fork(file('load.mjs'), [url, secret, String(rate)]);
  load.send({ users });
  const told = once(load, 'message');
  // For a moment first without training: the server has just taken over the first model, and connections are opened.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  load.send('count');
  const startedMs = performance.now();
  const child = spawn(process.execPath, [cli, 'train', '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, faults] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (faults += text));
  const [code] = await once(child, 'close');
  const seconds = (performance.now() - startedMs) / 1000;
  // A swap to the new model belongs to it.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  load.send('stop');
  const [result] = await told;
  check(code === 0 || code === 3, `jongleur train ended with code ${code}: ${faults}`);
  return { output, seconds, load: result };
}

async function startServer(env) {
  const child = spawn(process.execPath, [file('../../dist/main.js')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const lines = [];
  const url = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        lines.push(text);
        const found = /listening on (http:\/\/[\d.:]+)/.exec(lines.join(''));
        if (found !== null) resolve(found[1]);
      });
    }
    void ended.then(([code]) => reject(new Error(`the server ended with ${code}:\n${lines.join('')}`)));
  });
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
