/**
 * The whole loop, measured: 30 simulated days of 2,000 shoppers and 1,000 products against the server as it is shipped, on an embedded Postgres of its own, by a clock that goes from one simulated day to the next.
 * Prints a line a day and a table with floors and goals; ends with code 1 where a floor is not reached.
 *
 * Live experiments and the guard are measured on simulated counters besides (loop/experiments.mjs, under a minute).
 *
 *   npm run bench:loop [-- --rows loop,experiments,guard] [--days 30] [--history 3] [--shoppers 2000] [--products 1000] [--seed 20260] [--list 10] [--scenario home] [--search off] [--search-seconds 30]
 *
 * About seven minutes on two busy cores, nearly all of it 31 trainings, none of which looks for a better recipe unless --search asks for it. docs/simulator.md says how shoppers choose, and what the figures can be.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runLoop } from '../dist/demo/loop.js';
import { openShopClient } from '../dist/shop-client.js';
import { dayLine, HEADING } from '../dist/simulate-command.js';
import { openSimulatedShop } from '../dist/simulated-shop.js';
import { measureExperiments, measureGuard } from './loop/experiments.mjs';
import { addRow, printTable } from './train/table.mjs';

const { values: options } = parseArgs({
  options: { rows: { type: 'string', default: 'loop,experiments,guard' }, days: { type: 'string', default: '30' }, history: { type: 'string', default: '3' }, shoppers: { type: 'string', default: '2000' }, products: { type: 'string', default: '1000' }, seed: { type: 'string', default: '20260' }, list: { type: 'string', default: '10' }, scenario: { type: 'string', default: 'home' }, search: { type: 'string', default: 'off' }, 'search-seconds': { type: 'string', default: '30' } },
});
const [days, historyDays, users, items, seed, listLength] = ['days', 'history', 'shoppers', 'products', 'seed', 'list'].map((name) => {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`--${name} takes a whole number from 1, not ${options[name]}`);
  }
  return value;
});
const measures = { loop: measureLoop, experiments: () => measureExperiments(seed), guard: () => measureGuard(seed) };
const wanted = options.rows.split(',');
for (const name of wanted) {
  if (!Object.hasOwn(measures, name)) {
    throw new RangeError(`--rows takes ${Object.keys(measures).join(', ')}, not ${name}`);
  }
}
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);
const KEY = `ak_${'b'.repeat(40)}`;
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const CLOCK = new URL('loop/false-clock.mjs', import.meta.url).href;
const startedMs = performance.now();

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) }).trim();
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`;
console.log(`${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, node ${process.version}; commit ${commit}; seed ${seed}; ${users} shoppers, ${items} products, ${historyDays} days of history; scenario ${options.scenario}, search ${options.search}`);

for (const name of wanted) {
  await measures[name]();
}
printTable();
console.log(`(${((performance.now() - startedMs) / 1000).toFixed(0)} s)`);

async function measureLoop() {
  const folder = await mkdtemp(join(tmpdir(), 'jongleur-bench-'));
  await chmod(folder, 0o755);
  const server = spawn(process.execPath, ['--import', CLOCK, MAIN], {
    env: { PATH: process.env.PATH, DATA_DIR: folder, DEMO: 'off', HOST: '127.0.0.1', PORT: '0', RETRAIN_CRON: 'off', RETRAIN_AFTER_EVENTS: '0', TRAIN_SEARCH_SECONDS: options['search-seconds'], LOG_PRETTY: 'false', JONGLEUR_ADMIN_KEY: KEY },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const ended = once(server, 'exit');
  try {
    const url = await new Promise((resolve, reject) => {
      let text = '';
      server.stdout.setEncoding('utf8').on('data', (piece) => {
        text += piece;
        const found = /listening on (http:\/\/[\d.:]+)/.exec(text);
        if (found !== null && text.includes('"msg":"ready in')) {
          resolve(found[1]);
        }
      });
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text.slice(-2000)}`)));
    });
    const setClock = async (nowMs) => {
      server.send({ nowMs });
      await once(server, 'message');
    };
    const client = await openShopClient({ url, key: KEY, scenario: options.scenario, search: options.search, signal: new AbortController().signal });
    const shop = await openSimulatedShop(client, url, { seed, users, items, days, historyDays, endMs: START_MS + (historyDays + days) * DAY_MS });
    console.log(`\n${HEADING}`);
    const reports = [];
    let begunMs = performance.now();
    await runLoop({
      ...shop, service: client, days, listLength,
      // A second after midnight: what comes out with the day is out.
      onDayBegins: async (_, beginsMs) => await setClock(beginsMs + 1_000),
      onDay(report) {
        reports.push(report);
        console.log(dayLine(report, (performance.now() - begunMs) / 1000));
        begunMs = performance.now();
      },
    });
    addFigures(reports);
  } finally {
    server.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
}

/** The last seven days together: a day has a few hundred lists, and its ratio is good to a fifth. */
function addFigures(reports) {
  const last = reports.slice(-7);
  const clicks = (arm, list) => list.reduce((sum, { rates }) => sum + rates[arm].clicks, 0);
  const day = reports.at(-1);
  const between = (ratio, scale, digits) => (ratio === null ? 'too few clicks' : `${(scale * ratio.ratio).toFixed(digits)}, 95 % ${(scale * ratio.low).toFixed(digits)} to ${(scale * ratio.high).toFixed(digits)}`);
  const ofWeek = (arm) => `${clicks('model', last)} / ${clicks(arm, last)} clicks on ${last.reduce((sum, { lists }) => sum + lists, 0)} lists`;
  addRow({ measure: `CTR, model / trending, the week to day ${day.day}`, floor: 1.7, goal: 2.5, best: 'high', figure: clicks('model', last) / clicks('trending', last), raw: `${ofWeek('trending')}; day ${day.day} alone ${between(day.timesTrending, 1, 2)}` });
  addRow({ measure: `CTR, model / oracle, the week to day ${day.day}`, floor: 50, goal: 70, best: 'high', unit: '%', digits: 0, figure: (100 * clicks('model', last)) / clicks('oracle', last), raw: `${ofWeek('oracle')}; day ${day.day} alone ${between(day.ofOracle, 100, 0)}` });
  const coverage = ({ shown, offered }) => shown / offered;
  addRow({ measure: `coverage, day ${day.day} / day 1`, floor: 60, goal: 80, best: 'high', unit: '%', digits: 0, figure: (100 * coverage(day)) / coverage(reports[0]), raw: `${day.shown} of ${day.offered} items / ${reports[0].shown} of ${reports[0].offered}` });
}
