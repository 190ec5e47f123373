/**
 * Answers, measured: the service on a Postgres of its own, with a model really fitted on the generator's shop, beside a bare Fastify route that returns the same bytes through a schema. One run,
 * the same client, turn by turn; every shopper is asked for once a round. Nothing of an answer is kept between requests. Prints both raw rates and the server's CPU time per answer; ends with
 * code 1 where a floor is not reached or an answer is not the one that scoring everything gives.
 *
 *   npm run bench:serve [-- --rows trained-1k,event,trained-40k,guests,filter,variety,fresh,experiment,million] [--seconds 4] [--rounds 3] [--seed 1]
 */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEMO_EVENT_TYPES } from '../dist/demo/generator.js';
import { createPlainScan } from '../dist/model/plain-scan.js';
import { createRanker } from '../dist/model/ranker.js';
import { createDatabase, inTransaction, readServerFacts } from '../dist/storage/database.js';
import { startEmbeddedPostgres } from '../dist/storage/embedded/launcher.js';
import { listEventTypes } from '../dist/storage/event-types.js';
import { patchItems } from '../dist/storage/items.js';
import { migrate } from '../dist/storage/migrations.js';
import { publishModel } from '../dist/storage/models.js';
import { startRun, takeTrainingLock } from '../dist/storage/training-runs.js';
import { client, load } from './serve/client.mjs';
import { measureExperiments } from './serve/experiments.mjs';
import { measureFilter, measureVariety } from './serve/parameters.mjs';
import { makeModel } from './serve/shop.mjs';
import { addFailure, addRow, check, median, printTable } from './train/table.mjs';

const SIZES = {
  '1k': { users: 2_000, items: 1_000, events: 100_000, neighbours: 100 },
  '40k': { users: 30_000, items: 40_000, events: 1_450_000, neighbours: 100 },
  '1M': { users: 100_000, items: 1_000_000, events: 4_500_000, neighbours: 20, allTouched: true },
};
const ROWS = ['trained-1k', 'event', 'trained-40k', 'guests', 'filter', 'variety', 'fresh', 'experiment', 'million'];
/** Shops up to this size have their catalogue in Postgres: the million's takes minutes to write, and no row reads it. */
const CATALOGUE_ITEMS = 100_000;
/** Shoppers whose events lie in Postgres, for the rows that read them. */
const FRESH_USERS = 6_000;
const LIMIT = 10;
const { values: options } = parseArgs({ options: { rows: { type: 'string', default: ROWS.join(',') }, seconds: { type: 'string', default: '4' }, rounds: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } } });
const wanted = options.rows.split(',');
for (const name of wanted) {
  if (!ROWS.includes(name)) {
    throw new RangeError(`--rows takes ${ROWS.join(', ')}, not ${name}`);
  }
}
const [seconds, rounds, seed] = [options.seconds, options.rounds, options.seed].map(Number);
const key = `sk_${'b'.repeat(40)}`;
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) }).trim();
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`;
console.log(`${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, node ${process.version}; commit ${commit}; seed ${seed}; client ${client}, ${rounds} rounds of ${seconds} s, medians`);

const folder = await mkdtemp(join(tmpdir(), 'jongleur-bench-'));
await chmod(folder, 0o755);
const postgres = await startEmbeddedPostgres({ dataDir: folder, log: () => undefined });
const scripts = fileURLToPath(new URL('serve/', import.meta.url));

/** Ended at the end, whatever failed on the way. */
const children = new Set();

/** A process that answers one message to each command. */
async function start(script, argument) {
  const child = fork(join(scripts, script), argument === undefined ? [] : [JSON.stringify(argument)], { execArgv: ['--expose-gc'] });
  children.add(child);
  child.on('exit', () => children.delete(child));
  const told = async (command) => {
    child.send(command);
    return (await once(child, 'message'))[0];
  };
  return { child, told, stop: async () => (child.send({ command: 'stop' }), await once(child, 'exit')) };
}

async function publish(url, { itemPart, userPart }, systemIdentifier) {
  const lock = await takeTrainingLock(url);
  await publishModel(lock.connection, await startRun(lock.connection, 'api'), { recipe: {}, report: {}, watermark: '1000000000', systemIdentifier, itemPart, userPart });
  await lock.release();
}

/** A database with a model in it, and the service on it. */
async function open(size) {
  const startedMs = performance.now();
  const name = `bench_${size.toLowerCase()}`;
  const admin = createDatabase({ connectionString: postgres.connectionString, maxConnections: 1, onError: () => undefined });
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const url = new URL(postgres.connectionString);
  url.pathname = `/${name}`;
  await migrate(url.href, () => undefined);
  const database = createDatabase({ connectionString: url.href, maxConnections: 2, onError: () => undefined });
  const { systemIdentifier } = await readServerFacts(database);
  const rules = await listEventTypes(database);
  const model = await makeModel({ ...SIZES[size], seed, rules });
  await storeIds(database, 'user', model.shop.users);
  await storeIds(database, 'item', model.shop.items.length);
  if (SIZES[size].items <= CATALOGUE_ITEMS) {
    await storeCatalogue(database, model.shop);
  }
  // So long ago that none counts as new: those that the model does not know would get places of their own.
  await database.query(`UPDATE items SET published_at = now() - interval '1 year', xid = pg_current_xact_id()`);
  await publish(url.href, model, systemIdentifier);
  await database.end();
  const server = await start('server.mjs', { url: url.href, key });
  const [{ base, startMs }] = await once(server.child, 'message');
  console.log(
    `\n${size}: ${model.userIds.length} shoppers × ${model.itemIds.length} items, ${(model.histories.index.length / model.userIds.length).toFixed(1)} items a history, ${(model.hybrid.neighbours.index.length / model.itemIds.length).toFixed(1)} neighbours an item,` +
      ` snapshot ${((model.itemPart.length + model.userPart.length) / 1e6).toFixed(0)} MB (made, fitted and published in ${((performance.now() - startedMs) / 1000).toFixed(0)} s; loaded in ${(startMs / 1000).toFixed(2)} s)`,
  );
  return { model, server, base, startMs, url: url.href, systemIdentifier, typeNos: DEMO_EVENT_TYPES.map((type) => rules.find((rule) => rule.name === type).typeNo) };
}

async function send(base, method, path, body) {
  const answer = await fetch(base + path, { method, headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  check(answer.status === 200, `${method} ${path} answered ${answer.status}`);
  return await answer.json();
}
const ask = async (base, path) => await send(base, 'GET', path);

/** Load of which no request may fail. */
async function loadAll(options) {
  const result = await load({ key, seconds, folder, ...options });
  check(result.failed === 0, `${result.failed} answers were not 200`);
  return result;
}

const pathOf = (userId) => `/v1/users/${userId}/recommendations?limit=${LIMIT}`;

/** Answers over HTTP against scoring everything: the same items by the same arithmetic, the same scores in float64 to 1e-5. */
async function checkAnswers({ model, base }, users) {
  const [ranker, plain] = [createRanker(model.items, model.hybrid, 1), createPlainScan(model.items, model.hybrid, 1)];
  const { stride } = model.users;
  const history = { ...model.histories, hidden: model.hidden };
  for (let n = 0; n < users; n++) {
    const row = Math.floor((n * model.userIds.length) / users);
    const [from, to] = [model.histories.rowStart[row], model.histories.rowStart[row + 1]];
    const x = model.users.data.subarray(row * stride, (row + 1) * stride);
    const scores = ranker.scoreAll(x, history, from, to);
    const precise = plain.scoreAll(x, history, from, to);
    const hidden = new Set();
    for (let e = from; e < to; e++) {
      if (model.hidden[e] === 1) {
        hidden.add(model.histories.index[e]);
      }
    }
    const best = Array.from(scores, (_, item) => item).filter((item) => !hidden.has(item)).sort((a, b) => scores[b] - scores[a] || a - b).slice(0, LIMIT);
    const { items, source } = await ask(base, pathOf(model.userIds[row]));
    check(source === 'personal' && items.map((item) => item.itemId).join() === best.map((item) => model.itemIds[item]).join(), `the list of ${model.userIds[row]} is not the one that scoring everything gives`);
    best.forEach((item, k) => check(Math.abs(items[k].score - precise[item]) < 1e-5 * Math.max(1, Math.abs(precise[item])), `${items[k].itemId} of ${model.userIds[row]} scores ${items[k].score} in place of ${precise[item]}`));
  }
}

/** Both sides by turns. @returns the ratio of their rates, and what else there is to say of both */
async function compare({ server, base }, paths, bounds, name, prepare = () => undefined) {
  const bare = await start('bare.mjs');
  const { base: bareBase } = await bare.told({ body: await ask(base, paths[0]) });
  const run = async (side, at, list) => {
    const before = await side.told({ command: 'usage' });
    const result = await loadAll({ base: at, paths: list });
    return { ...result, cpuUs: (((await side.told({ command: 'usage' })).cpuMs - before.cpuMs) * 1000) / (result.perSecond * seconds) };
  };
  await prepare();
  await run(server, base, paths);
  await run(bare, bareBase, ['/bare']);
  const turns = [];
  for (let round = 0; round < rounds; round++) {
    await prepare();
    turns.push([await run(server, base, paths), await run(bare, bareBase, ['/bare'])]);
  }
  await bare.stop();
  const middle = (of) => median(turns.map(of));
  const [ours, theirs] = [0, 1].map((side) => ({ perSecond: middle((turn) => turn[side].perSecond), p50: middle((turn) => turn[side].p50), p99: middle((turn) => turn[side].p99), cpuUs: middle((turn) => turn[side].cpuUs) }));
  const raw = `${ours.perSecond.toFixed(0)}/s, ${ours.cpuUs.toFixed(1)} µs CPU against ${theirs.perSecond.toFixed(0)}/s, ${theirs.cpuUs.toFixed(1)} µs`;
  addRow({ measure: `${name}, of bare`, ...bounds, figure: middle(([a, b]) => a.perSecond / b.perSecond), best: 'high', raw });
  return { ours, theirs };
}

function addTail(name, { ours, theirs }) {
  addRow({ measure: `${name}, p99 in bare's`, floor: 4, goal: 2, figure: ours.p99 / theirs.p99, raw: `${ours.p99.toFixed(2)} ms against ${theirs.p99.toFixed(2)} ms (p50 ${ours.p50.toFixed(2)} against ${theirs.p50.toFixed(2)})` });
}

/** Other shoppers one after the other, in no order a cache would like. */
function distinctUsers(model, most) {
  const count = Math.min(most, model.userIds.length);
  return Array.from({ length: count }, (_, n) => pathOf(model.userIds[(n * 7919) % model.userIds.length]));
}

/** One shop for all rows that ask for it. */
const shops = new Map();
async function shopOf(size) {
  const opened = shops.get(size) ?? (await open(size));
  shops.set(size, opened);
  return opened;
}

async function measureTrained(size, bounds) {
  const opened = await shopOf(size);
  await checkAnswers(opened, 200);
  const name = `${opened.model.itemIds.length} items, trained`;
  addTail(name, await compare(opened, distinctUsers(opened.model, 30_000), bounds, name));
}

/** Users or items, under the numbers that the model knows them by. */
async function storeIds(database, table, count) {
  await database.query(`INSERT INTO ${table}s (${table}_no, ${table}_id) OVERRIDING SYSTEM VALUE SELECT n, '${table}-' || n FROM generate_series(1, ${count}) n`);
  await database.query(`SELECT setval(pg_get_serial_sequence('${table}s', '${table}_no'), ${count})`);
}

/** Items with price, categories and attributes. All are available, as the model's own lists have them. */
async function storeCatalogue(database, shop) {
  for (let from = 0; from < shop.items.length; from += 1000) {
    const patches = shop.items.slice(from, from + 1000).map(({ itemId, title, price, categories, attributes }) => ({ itemId, title, price, categories, attributes }));
    await inTransaction(database, async (connection) => await patchItems(connection, patches, false));
  }
}

/** The events of the first shoppers. */
async function storeEvents({ url, model: { shop }, typeNos }) {
  const database = createDatabase({ connectionString: url, maxConnections: 1, onError: () => undefined });
  const { events } = shop;
  const rows = Array.from({ length: events.length }, (_, k) => k).filter((k) => events.user[k] <= FRESH_USERS);
  const orNull = (column) => rows.map((k) => (Number.isNaN(column[k]) ? null : column[k]));
  await database.query(
    `INSERT INTO events (user_no, item_no, type_no, value, quantity, price, occurred_at, dedup)
     SELECT u, i, t, v, q, p, to_timestamp(at / 1000), gen_random_uuid() FROM unnest($1::int[], $2::int[], $3::smallint[], $4::real[], $5::real[], $6::real[], $7::float8[]) WITH ORDINALITY AS e (u, i, t, v, q, p, at, n) ORDER BY n`,
    [rows.map((k) => events.user[k]), rows.map((k) => events.item[k]), rows.map((k) => typeNos[events.type[k]]), orNull(events.value), orNull(events.quantity), orNull(events.price), rows.map((k) => events.occurredAtMs[k])],
  );
  await database.end();
}

async function measureFresh() {
  const opened = await shopOf('40k');
  const { model, server } = opened;
  await storeEvents(opened);
  const userIds = model.userIds.filter((id) => Number(id.slice('user-'.length)) <= FRESH_USERS);
  const command = { command: 'fresh', userIds, itemIds: Array.from({ length: 97 }, (_, n) => model.itemIds[n * 300]), typeNo: opened.typeNos[0] };
  const name = `${model.itemIds.length} items, an event before each answer`;
  await checkFolded(opened, userIds.slice(0, 100), command);
  await compare(opened, userIds.map((_, n) => pathOf(userIds[(n * 7919) % userIds.length])), { floor: 0.25, goal: 0.4 }, name, async () => await server.told(command));
  await server.told({ command: 'plain' });
}

/** Without a new event, what is folded in from events is what was trained, but for what rounding puts in another order. */
async function checkFolded({ base, model, server }, userIds, command) {
  const trained = [];
  for (const userId of userIds) {
    trained.push((await ask(base, pathOf(userId))).items);
  }
  await server.told(command);
  await server.told({ command: 'plain' });
  for (const [n, userId] of userIds.entries()) {
    const { items } = await ask(base, pathOf(userId));
    items.forEach((item, k) => check(Math.abs(item.score - trained[n][k].score) < 2e-3 * Math.abs(trained[n][0].score), `folded in, place ${k + 1} of ${userId} scores ${item.score} in place of ${trained[n][k].score} (${model.itemIds.length} items)`));
  }
}

/** From sending an event to having an answer that knows it: of the replica that took it, and of another one. */
async function measureEvent() {
  const opened = await shopOf('1k');
  await storeEvents(opened);
  const other = await start('server.mjs', { url: opened.url, key });
  const [{ base: otherBase }] = await once(other.child, 'message');
  for (const [where, base, floor, goal] of [['same replica', opened.base, 50, 15], ['other replica', otherBase, 1000, 200]]) {
    const tookMs = [];
    for (let n = 0; n < 100; n++) {
      const userId = opened.model.userIds[where === 'same replica' ? n : 500 + n];
      const { itemId } = (await ask(base, pathOf(userId))).items[0];
      const sentMs = performance.now();
      await send(opened.base, 'POST', '/v1/events', { userId, itemId, type: 'purchase' });
      for (;;) {
        // What was bought is hidden: a change that no rounding can make.
        if (!(await ask(base, pathOf(userId))).items.some((item) => item.itemId === itemId)) {
          break;
        }
        check(performance.now() - sentMs < 10_000, 'the answer did not change within 10 s');
      }
      tookMs.push(performance.now() - sentMs);
    }
    tookMs.sort((a, b) => a - b);
    addRow({ measure: `event to changed answer, ${where}, p95`, floor, goal, figure: tookMs[94], unit: 'ms', raw: `median ${tookMs[49].toFixed(1)} ms, most ${tookMs[99].toFixed(1)} ms` });
  }
  await other.stop();
}

/** Lists while a guest logs in each second, which takes one shopper's events to another: who is not concerned must be answered from memory as before. */
async function measureGuests() {
  const opened = await shopOf('40k');
  const { base, model } = opened;
  const paths = distinctUsers(model, 30_000);
  const run = async () => await loadAll({ base, paths });
  // Those whose events other rows read stay as they are.
  const shoppers = model.userIds.filter((id) => Number(id.slice('user-'.length)) > FRESH_USERS);
  let guests = 0;
  const logIn = async () => {
    const [guest, userId] = [`guest-${guests}`, shoppers[guests++ % shoppers.length]];
    const [{ itemId }] = (await ask(base, pathOf(userId))).items;
    await send(base, 'POST', '/v1/events', { userId: guest, itemId, type: 'purchase' });
    await send(base, 'PUT', `/v1/users/${userId}/merge/${guest}`);
    check(!(await ask(base, pathOf(userId))).items.some((item) => item.itemId === itemId), `${userId} bought ${itemId} as a guest, and still has it in the list`);
  };
  const logInUntil = async (endMs) => {
    while (performance.now() < endMs) {
      const nextMs = performance.now() + 1_000;
      await logIn();
      await sleep(Math.max(0, Math.min(nextMs, endMs) - performance.now()));
    }
  };
  const turns = [];
  await run();
  for (let round = 0; round < rounds; round++) {
    const without = await run();
    const [during] = await Promise.all([run(), logInUntil(performance.now() + seconds * 1_000)]);
    turns.push([without, during]);
  }
  check(guests >= rounds * Math.floor(seconds), `only ${guests} guests logged in`);
  const middle = (of) => median(turns.map(of));
  addRow({
    measure: `${model.itemIds.length} items, a guest logs in each second, of without`, floor: 0.7, goal: 0.9, figure: middle(([without, during]) => during.perSecond / without.perSecond), best: 'high',
    raw: `${middle(([, { perSecond }]) => perSecond).toFixed(0)}/s, p99 ${middle(([, { p99 }]) => p99).toFixed(2)} ms against ${middle(([{ perSecond }]) => perSecond).toFixed(0)}/s, ${middle(([{ p99 }]) => p99).toFixed(2)} ms`,
  });
}

async function measureWithExperiments() {
  const rateOf = async ({ server, base, model }) => {
    const before = await server.told({ command: 'usage' });
    const result = await loadAll({ base, paths: distinctUsers(model, 30_000) });
    return { ...result, cpuUs: (((await server.told({ command: 'usage' })).cpuMs - before.cpuMs) * 1000) / (result.perSecond * seconds) };
  };
  const publishAgain = async ({ url, model, systemIdentifier }) => await publish(url, model, systemIdentifier);
  await measureExperiments({ rateOf, ask, publishAgain, rounds }, [['1k', await shopOf('1k')], ['40k', await shopOf('40k')]]);
}

async function measureMillion() {
  // Alone, so that no other model lies in the caches.
  for (const { server } of shops.values()) {
    await server.stop();
  }
  shops.clear();
  const opened = await open('1M');
  try {
    await checkAnswers(opened, 20);
    // One connection: how long an answer takes, not how long it waits for others.
    const { p50, p99, perSecond } = await loadAll({ base: opened.base, paths: distinctUsers(opened.model, 100_000), seconds: seconds * 2, connections: 1 });
    addRow({ measure: '1M items, p50', floor: 8, goal: 2, figure: p50, unit: 'ms', raw: `${perSecond.toFixed(0)}/s over one connection` });
    addRow({ measure: '1M items, p99', floor: 25, goal: 8, figure: p99, unit: 'ms', raw: `p50 ${p50.toFixed(2)} ms` });
    const { rssBytes } = await opened.server.told({ command: 'usage' });
    const snapshot = opened.model.itemPart.length + opened.model.userPart.length;
    const most = 1.6 * snapshot + 200e6;
    addRow({ measure: '1M items, memory', floor: most / 1e6, goal: most / 1e6, figure: rssBytes / 1e6, unit: 'MB', raw: `snapshot ${(snapshot / 1e6).toFixed(0)} MB` });
    addRow({ measure: '1M items, snapshot to ready', floor: 8, goal: 3, figure: opened.startMs / 1000, unit: 's', raw: 'from Postgres, checksums and index included' });
    await measureErasure(opened);
    await measureCopy(opened, most);
  } finally {
    await opened.server.stop();
  }
}

/** A shopper of the million leaves: their row goes out of the stored bytes beside the answers. */
async function measureErasure({ server, base, model }) {
  const userId = model.userIds[7];
  const { message, ms, delayMs } = await server.told({ command: 'erase', userId });
  check(message.startsWith('users who left were taken out'), message);
  check((await ask(base, pathOf(userId))).source !== 'personal', `${userId} is still known`);
  addRow({ measure: '1M items, a shopper erased, event loop late', floor: 300, goal: 100, figure: delayMs.max, unit: 'ms', raw: `at most; p99 ${delayMs.p99.toFixed(1)} ms; out of ${(model.userPart.length / 1e6).toFixed(0)} MB of stored bytes after ${(ms / 1000).toFixed(1)} s` });
}

/** The local copy of the million: written beside the answers, then started from with the database closed. */
async function measureCopy(opened, mostBytes) {
  const copyFolder = join(folder, 'local-copy');
  const { message, ms, bytes, delayMs } = await opened.server.told({ command: 'copy', folder: copyFolder });
  check(message.startsWith('a local copy is kept'), message);
  const { rssBytes } = await opened.server.told({ command: 'usage' });
  addRow({ measure: '1M items, local copy written', figure: ms / 1000, unit: 's', raw: `${(bytes / 1e6).toFixed(0)} MB; event loop at most ${delayMs.max.toFixed(0)} ms late, p99 ${delayMs.p99.toFixed(1)} ms` });
  addRow({ measure: '1M items, memory after it', floor: mostBytes / 1e6, goal: mostBytes / 1e6, figure: rssBytes / 1e6, unit: 'MB', raw: '' });
  await opened.server.stop();
  opened.server = await start('server.mjs', { url: opened.url, key, copyFolder });
  const [{ base, startMs }] = await once(opened.server.child, 'message');
  const answer = await ask(base, pathOf(opened.model.userIds[0]));
  check(answer.stale === true && answer.source === 'personal' && answer.items.length === LIMIT, 'the copy does not answer');
  const after = await opened.server.told({ command: 'usage' });
  addRow({ measure: '1M items, local copy to ready', floor: 8, goal: 3, figure: startMs / 1000, unit: 's', raw: `checksums and index included; memory ${(after.rssBytes / 1e6).toFixed(0)} MB` });
}

const measures = {
  'trained-1k': () => measureTrained('1k', { floor: 0.6, goal: 0.75 }),
  event: measureEvent,
  'trained-40k': () => measureTrained('40k', { floor: 0.35, goal: 0.6 }),
  guests: measureGuests,
  filter: async () => await measureFilter({ compare, ask }, await shopOf('40k')),
  variety: async () => await measureVariety({ compare, ask }, await shopOf('40k')),
  fresh: measureFresh,
  experiment: measureWithExperiments,
  million: measureMillion,
};
try {
  for (const name of wanted) {
    try {
      await measures[name]();
    } catch (error) {
      console.error(error);
      addFailure(name, error);
    }
  }
} finally {
  for (const { server } of shops.values()) {
    await server.stop();
  }
  children.forEach((child) => child.kill());
  await postgres.release();
  await rm(folder, { recursive: true, force: true });
}
printTable();
