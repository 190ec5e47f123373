/** The service as a process of its own, every room the real one, connected as main.ts does. Commands come over IPC. */
import pino from 'pino';
import { createApp } from '../../dist/http/app.js';
import { createKeyRing } from '../../dist/http/keys.js';
import { createWriter } from '../../dist/ingest/writer.js';
import { defaultMinimums } from '../../dist/model/quality/findings.js';
import { createAnswers } from '../../dist/serving/answers.js';
import { createDatabase, readServerFacts } from '../../dist/storage/database.js';
import { listEventTypes } from '../../dist/storage/event-types.js';
import { listenForWakeUps } from '../../dist/storage/wake-ups.js';
import { createQualityChecker } from '../../dist/training/quality.js';
import { createTrainer } from '../../dist/training/trainer.js';

const { url, key } = JSON.parse(process.argv[2]);
const database = createDatabase({ connectionString: url, maxConnections: 8, onError: () => undefined });
const facts = await readServerFacts(database);
const quiet = () => undefined;
const startedMs = performance.now();
const answers = createAnswers({ database, systemIdentifier: facts.systemIdentifier, now: Date.now, log: quiet });
await answers.start();
const startMs = performance.now() - startedMs;
const writer = createWriter({ database, types: await listEventTypes(database), maxPendingRequests: 500, now: Date.now, onCommitted: (events) => answers.noteCommitted(events.map((event) => event.userId)) });
const trainer = createTrainer({ database, connectionString: url, systemIdentifier: facts.systemIdentifier, enabled: false, cron: null, minEvents: 1, afterEvents: 0, now: Date.now, log: quiet });
const quality = createQualityChecker({ database, connectionString: url, minimums: defaultMinimums, now: Date.now });
const keys = createKeyRing(database, { publishable: null, secret: key, admin: null });
const app = await createApp({ database, writer, answers, trainer, quality, keys, phase: () => 'ready', databaseUp: () => true, logger: pino({ level: 'silent' }), publicUrl: null, version: '0.0.0' });
const base = await app.listen({ port: 0, host: '127.0.0.1' });
const wakeUps = listenForWakeUps(url, (channel) => void ({ jongleur_events: answers.followEvents, jongleur_items: answers.followItems, jongleur_models: answers.followModels })[channel]?.().catch(quiet));

process.on('message', async ({ command }) => {
  if (command === 'usage') {
    global.gc?.();
    const { user, system } = process.cpuUsage();
    process.send({ cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage().rss });
  } else {
    await wakeUps.stop();
    await app.close();
    answers.stop();
    await database.end();
    process.disconnect();
  }
});
process.send({ base, startMs });
