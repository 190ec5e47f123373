/**
 * The service as a process of its own, every room the real one (but imports, which no row asks for), connected as main.ts does; what it logs as an error is printed. Commands come over IPC. After
 * `fresh`, whose shoppers' events are read first, each answer from memory has an event before it: it is noted as the writer notes what it has committed.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import pino from 'pino';
import { createAdmission } from '../../dist/http/admission.js';
import { createHistogram } from '../../dist/insight/histogram.js';
import { createMonitoring } from '../../dist/monitoring.js';
import { createRecommendationLoop } from '../../dist/recommendation-loop.js';
import { createApp } from '../../dist/http/app.js';
import { createDashboardSessions } from '../../dist/http/dashboard-session.js';
import { createKeyRing } from '../../dist/http/keys.js';
import { createShopperTokens } from '../../dist/http/shopper-tokens.js';
import { createWriter } from '../../dist/ingest/writer.js';
import { defaultMinimums } from '../../dist/model/quality/findings.js';
import { createAnswers } from '../../dist/serving/answers.js';
import { closeDatabase } from '../../dist/storage/connections.js';
import { createDatabase, placeOf, readServerFacts } from '../../dist/storage/database.js';
import { listEventTypes } from '../../dist/storage/event-types.js';
import { createEventStore } from '../../dist/storage/event-writes.js';
import { createLocalCopyKeeper } from '../../dist/storage/local-copy/keeper.js';
import { findLocalCopy, readLocalCopy } from '../../dist/storage/local-copy/reader.js';
import { endExperiment, listRunningExperiments, putDraft, startExperiment } from '../../dist/storage/live-experiments.js';
import { listenForWakeUps } from '../../dist/storage/wake-ups.js';
import { createQualityChecker } from '../../dist/training/quality.js';
import { createRedaction } from '../../dist/training/redaction.js';
import { createTrainer } from '../../dist/training/trainer.js';

const { url, key, copyFolder } = JSON.parse(process.argv[2]);
const database = createDatabase({ connectionString: url, maxConnections: 8, onError: () => undefined });
const facts = await readServerFacts(database);
const quiet = () => undefined;
const startedMs = performance.now();
const answers = createAnswers({ database, systemIdentifier: facts.systemIdentifier, tokenKey: Buffer.alloc(32, 7), now: Date.now, log: quiet });
if (copyFolder === undefined) {
  await answers.start();
} else {
  closeDatabase(url);
  await answers.restore(await readLocalCopy(copyFolder, await findLocalCopy(copyFolder, placeOf(url), 86_400_000, Date.now())));
}
const startMs = performance.now() - startedMs;
const store = createEventStore(database, url);
// Lists are counted, as in the service.
const { impressions, recommendations } = createRecommendationLoop(answers, database, Date.now, quiet);
const writer = createWriter({ store, types: await listEventTypes(database), maxQueuedEvents: 20_000, now: Date.now, recommendations, onCommitted: (events) => answers.noteCommitted(events) });
const trainer = createTrainer({ database, connectionString: url, systemIdentifier: facts.systemIdentifier, enabled: false, cron: null, minEvents: 1, afterEvents: 0, now: Date.now, log: quiet });
const quality = createQualityChecker({ database, connectionString: url, minimums: defaultMinimums, now: Date.now });
const keys = createKeyRing(database, { publishable: null, secret: key, admin: null });
const tokens = createShopperTokens(database, Buffer.alloc(32, 7), Date.now);
/** Whoever waits for users to be taken out of the stored model. */
let onRedacted = quiet;
const redaction = createRedaction(database, (message) => onRedacted(message));
const sessions = createDashboardSessions(Buffer.alloc(32, 7), keys, false, Date.now);
/** Called before each answer from memory. */
let before = () => undefined;
const measured = {
  ...answers,
  recommendQuickly(userId, ...rest) {
    before(userId);
    return answers.recommendQuickly(userId, ...rest);
  },
};
// Counted and watched, as in the service.
const monitoring = createMonitoring({ database, answers, writer, keys, pressure: { level: () => 0, delays: createHistogram([]) }, databaseUp: () => true, phase: () => 'ready', version: '0.0.0', now: Date.now, log: quiet });
monitoring.start();
const app = await createApp({ database, writer, answers: measured, impressions, recommendations, trainer, quality, redaction, keys, tokens, sessions, phase: () => 'ready', databaseUp: () => true, logger: pino({ level: 'error' }, pino.destination(2)), publicUrl: null, corsOrigins: [], limits: { perIp: 0, perKey: 0, perShopper: 0, trustProxy: [] }, pressure: { level: () => 0 }, admission: createAdmission(), monitoring, version: '0.0.0' });
const base = await app.listen({ port: 0, host: '127.0.0.1' });
const wakeUps = listenForWakeUps(url, (channel) => void ({ jongleur_events: answers.followEvents, jongleur_users: answers.followUsers, jongleur_items: answers.followItems, jongleur_models: answers.followModels })[channel]?.().catch(quiet));

/** How late the event loop is from here on. @returns what it was, in ms, when called */
function watchDelays() {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  return () => {
    delays.disable();
    return { p99: delays.percentile(99) / 1e6, max: delays.max / 1e6 };
  };
}

async function endAll() {
  for (const { experimentNo } of await listRunningExperiments(database)) {
    await endExperiment(database, experimentNo, { reason: 'stopped' }, new Date());
  }
}

process.on('message', async ({ command, userId, userIds, itemIds, typeNo, folder, on, name }) => {
  if (command === 'usage') {
    global.gc?.();
    const { user, system } = process.cpuUsage();
    process.send({ cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage().rss });
  } else if (command === 'fresh') {
    const event = (userId, turn) => ({ userId, itemId: itemIds[turn % itemIds.length], typeNo, value: null, quantity: null, occurredAtMs: null });
    before = quiet;
    // Marked and read again, so that every round begins with the same histories.
    answers.noteCommitted(userIds.map((userId) => ({ ...event(userId, 0), itemId: 'none of the model' })));
    for (const userId of userIds) {
      await answers.recommend(userId, { steering: { limit: 1 } });
    }
    let turn = 0;
    before = (userId) => answers.noteCommitted([event(userId, turn++)]);
    process.send({});
  } else if (command === 'copy') {
    let delayMs;
    const kept = await new Promise((resolve) => {
      const keeper = createLocalCopyKeeper({ database, folder, place: placeOf(url), systemIdentifier: facts.systemIdentifier, tokenKey: Buffer.alloc(32, 7), modelVersion: answers.modelVersion, trending: answers.trendingRows, now: Date.now, log: (message, detail) => resolve({ message, keeper, ...detail }) });
      delayMs = watchDelays();
      keeper.note();
    });
    const late = delayMs();
    await kept.keeper.stop();
    process.send({ message: kept.message, ms: kept.ms, bytes: kept.bytes, delayMs: late });
  } else if (command === 'erase') {
    const delayMs = watchDelays();
    const startedAtMs = performance.now();
    const redacted = new Promise((resolve) => {
      onRedacted = resolve;
    });
    const { statusCode } = await app.inject({ method: 'DELETE', url: `/v1/users/${userId}`, headers: { authorization: `Bearer ${key}` } });
    const message = statusCode === 200 ? await redacted : `the erasure was answered ${statusCode}`;
    process.send({ message, ms: performance.now() - startedAtMs, delayMs: delayMs() });
  } else if (command === 'experiment') {
    if (on) {
      await putDraft(database, name, { traffic: 1, measure: 'clicks', minEffect: 0.1, power: 0.8, variants: [{ name: 'a', share: 0.5 }, { name: 'b', share: 0.5 }] });
      await startExperiment(database, name, new Date());
    } else {
      await endAll();
    }
    await answers.followScenarios();
    process.send({ running: (await listRunningExperiments(database)).length });
  } else if (command === 'follow') {
    await answers.followModels();
    process.send({});
  } else if (command === 'end-guards') {
    await endAll();
    await answers.followModels();
    process.send({});
  } else if (command === 'plain') {
    before = quiet;
    process.send({});
  } else {
    await wakeUps.stop();
    await app.close();
    await monitoring.stop();
    await redaction.stop();
    answers.stop();
    await store.close();
    await database.end();
    process.disconnect();
  }
});
process.send({ base, startMs });
