/**
 * Twenty minutes of a shop's day against a server of its own with the demo shop, and a training each minute: does memory stay, and does every request succeed? Prints a row a minute; ends with code 1 where a
 * request failed, an event is left of a shopper who was erased or merged, a training did not end as it must, or memory rose by more than 1 MB a minute (least squares, after the first five minutes), of the whole process (RSS) or of heap and external memory.
 *
 *   npm run soak [-- --minutes 20] [--clients 8] [--pause-ms 30] [--seed 1] [--leak 3 (plants a leak of so many MB a minute)] [--snapshots FOLDER]
 *
 * DATABASE_URL, where it is set, takes the place of the embedded Postgres; the database must be empty.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createRandom } from '../dist/model/random.js';
import { startEmbeddedPostgres } from '../dist/storage/embedded/launcher.js';
import { startServer } from './server.mjs';
import { createActions } from './soak/actions.mjs';
import { MOST_MB_PER_MINUTE, WARM_UP_MINUTES, judgeMemory } from './soak/slope.mjs';

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '20' }, clients: { type: 'string', default: '8' }, 'pause-ms': { type: 'string', default: '30' }, seed: { type: 'string', default: '1' }, leak: { type: 'string' }, snapshots: { type: 'string' } },
});
const [minutes, clients, pauseMs, seed] = [options.minutes, options.clients, options['pause-ms'], options.seed].map(Number);
if (!(minutes > 0 && clients >= 1 && pauseMs >= 0 && Number.isInteger(seed))) {
  console.error('--minutes, --clients and --pause-ms take numbers, --seed a whole one.');
  process.exit(2);
}
const MOST_TOLD = 20;
const SAMPLE_MS = 5_000;
const GOOD_ENDS = new Set(['published', 'rejected']);
/** A run refused for what it measured is a good end: the data hardly change. */
const WISHES = { search: 'off' };

const server = await startServer(
  { DEMO: 'on', ...(process.env.DATABASE_URL === undefined ? {} : { DATABASE_URL: process.env.DATABASE_URL }), ...(options.leak === undefined ? {} : { SOAK_LEAK_MB_PER_MINUTE: options.leak }) },
  ['--expose-gc', '--import', new URL('soak/memory-probe.mjs', import.meta.url).href],
);
const actions = createActions(server.call, createRandom(seed).uniform, () => shed++);
const total = actions.reduce((sum, [weight]) => sum + weight, 0);
const random = createRandom(seed + 1).uniform;
const counts = new Map(actions.map(([, name]) => [name, 0]));
const failures = [];
const samples = [];
const trainings = [];
let requests = 0;
let shed = 0;
let ended = false;

function fail(text) {
  failures.push(text);
  if (failures.length <= MOST_TOLD) {
    console.error(text);
  }
}

function pick() {
  let at = random() * total;
  return actions.find(([weight]) => (at -= weight) < 0) ?? actions[0];
}

async function client() {
  while (!ended) {
    const [, name, action] = pick();
    try {
      await action();
    } catch (error) {
      fail(`${name}: ${error.message}${error.cause === undefined ? '' : ` (${error.cause.message ?? error.cause})`}`);
    }
    counts.set(name, counts.get(name) + 1);
    requests++;
    await sleep(pauseMs * 2 * random());
  }
}

/** One run, followed to its end as the dashboard does. */
async function train() {
  try {
    let started = await server.call('POST', '/v1/training-runs', { body: WISHES });
    for (; started.json?.code === 'overloaded'; started = await server.call('POST', '/v1/training-runs', { body: WISHES })) {
      shed++;
      await sleep(1000 * started.retryAfter);
    }
    if (started.status !== 202) {
      throw new Error(`${started.status} ${started.text.slice(0, 300)}`);
    }
    const stream = await server.call('GET', `/v1/training-runs/${started.json.no}/progress`);
    const { state, message } = (await server.call('GET', `/v1/training-runs/${started.json.no}`)).json;
    trainings.push(state);
    if (!stream.text.includes('event: end') || !GOOD_ENDS.has(state)) {
      throw new Error(`run ${started.json.no} ended as ${state}: ${message}`);
    }
  } catch (error) {
    fail(`training: ${error.message}`);
  }
}

function memory(message) {
  return new Promise((resolve) => {
    server.child.once('message', resolve);
    server.child.send(message);
  });
}

async function sample(minute, least) {
  const before = { requests: samples.reduce((sum, one) => sum + one.requests, 0), failed: samples.reduce((sum, one) => sum + one.failed, 0) };
  const { rssMb, heapMb, pagesMb } = least;
  if (options.snapshots !== undefined) {
    await memory({ snapshot: join(options.snapshots, `${Math.round(minute)}.heapsnapshot`) });
  }
  samples.push({ minute: Number(minute.toFixed(2)), requests: requests - before.requests, failed: failures.length - before.failed, shed: shed - samples.reduce((sum, one) => sum + one.shed, 0), trainings: trainings.length, rssMb: Number(rssMb.toFixed(1)), heapMb: Number(heapMb.toFixed(1)), pagesMb: Number(pagesMb.toFixed(1)) });
  console.log(JSON.stringify(samples.at(-1)));
}

/** Shoppers were erased and merged all the time, while events and imports of theirs came in. @returns events under the number of nobody */
async function countLeftBehind() {
  const postgres = process.env.DATABASE_URL === undefined ? await startEmbeddedPostgres({ dataDir: server.dataDir, log: () => {} }) : null;
  const client = new pg.Client({ connectionString: postgres?.connectionString ?? process.env.DATABASE_URL });
  try {
    await client.connect();
    return (await client.query('SELECT count(*)::int AS n FROM events WHERE NOT EXISTS (SELECT FROM users WHERE users.user_no = events.user_no)')).rows[0].n;
  } finally {
    await client.end();
    await postgres?.release();
  }
}

const startedMs = performance.now();
try {
  const work = Array.from({ length: clients }, client);
  for (let minute = 0; minute < minutes; minute++) {
    const nextMs = startedMs + Math.min(minute + 1, minutes) * 60_000;
    await train();
    // Between trainings, whose threads have memory of their own; and the least of some, since garbage and an allocator's leftovers only ever add.
    let least = await memory({});
    for (; performance.now() < nextMs; await sleep(Math.min(SAMPLE_MS, Math.max(0, nextMs - performance.now())))) {
      const now = await memory({});
      least = Object.fromEntries(Object.entries(least).map(([name, before]) => [name, Math.min(before, now[name])]));
    }
    await sample((performance.now() - startedMs) / 60_000, least);
  }
  ended = true;
  await Promise.all(work);
  const leftBehind = await countLeftBehind();
  if (leftBehind > 0) {
    fail(`${leftBehind} events are left under numbers of shoppers who left`);
  }
} finally {
  await server.stop();
}

console.table(samples);
console.table(Object.fromEntries(counts));
const errorLines = server.lines.filter((line) => /"level":(50|60)/.test(line));
const idle = [...counts].filter(([, count]) => count === 0).map(([name]) => name);
const { rss, heap, ok } = judgeMemory(samples);
const ends = [...new Set(trainings)].map((state) => `${trainings.filter((one) => one === state).length} ${state}`).join(', ');
console.log(`${requests} actions in ${((performance.now() - startedMs) / 60_000).toFixed(1)} min, ${failures.length} failed, ${shed} refused for load and sent again, ${errorLines.length} error lines; trainings: ${ends}`);
console.log(ok === null ? `memory: too short a run to say (slopes count after ${WARM_UP_MINUTES} minutes)` : `memory after ${WARM_UP_MINUTES} min: RSS ${rss.toFixed(2)} MB/min, heap and external ${heap.toFixed(2)} MB/min; at most ${MOST_MB_PER_MINUTE}`);
if (ok !== null && idle.length > 0) {
  fail(`never done: ${idle.join(', ')}`);
}
for (const line of errorLines.slice(0, MOST_TOLD)) {
  console.error(line);
}
process.exitCode = failures.length > 0 || errorLines.length > 0 || ok === false ? 1 : 0;
