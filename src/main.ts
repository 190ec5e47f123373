/**
 * The server: reads the configuration, opens the house, connects the rooms with callbacks, listens, and stops all of it in reverse.
 *
 *   committed events → user states, trends, the count for training       published model → live model       wake-ups of Postgres → the same, for what others did
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, readConfig } from './config.ts';
import { ensureDemoShop } from './demo-shop.ts';
import { type House, openHouse } from './house.ts';
import { createApp } from './http/app.ts';
import { createDashboardSessions } from './http/dashboard-session.ts';
import { createKeyRing } from './http/keys.ts';
import { createPressure } from './http/pressure.ts';
import type { Phase } from './http/services.ts';
import { createShopperTokens } from './http/shopper-tokens.ts';
import { createImportJobs } from './ingest/import-jobs.ts';
import { createWriter } from './ingest/writer.ts';
import { startLiveDemo } from './live-demo.ts';
import { createLogger } from './logger.ts';
import { createRecommendationLoop } from './recommendation-loop.ts';
import { createAnswers } from './serving/answers.ts';
import { type Shutdown, createShutdown } from './shutdown.ts';
import type { Role } from './storage/api-keys.ts';
import { EmbeddedPostgresError } from './storage/embedded/errors.ts';
import { listEventTypes } from './storage/event-types.ts';
import { createEventStore } from './storage/event-writes.ts';
import { createFirstKeys, createKey, keyFileOf, readKeyFile, KEY_VARIABLE } from './storage/first-keys.ts';
import { watchReach } from './storage/reach.ts';
import { deleteOldEvents } from './storage/retention.ts';
import { readSecret } from './storage/secrets.ts';
import { CHANNELS, type Channel, listenForWakeUps } from './storage/wake-ups.ts';
import { createQualityChecker } from './training/quality.ts';
import { createRedaction } from './training/redaction.ts';
import { threadsOf } from './training/run.ts';
import { createTrainer } from './training/trainer.ts';

const startedAt = performance.now();
const MAX_CONNECTIONS = 12;
/** What is stored in half a second at full load. */
const MAX_QUEUED_EVENTS = 20_000;
/** Without a wake-up, Postgres is asked all the same. */
const POLL_MS = 5_000;
const RETENTION_EVERY_MS = 3_600_000;
const RETENTION_ROWS = 10_000;
const RETENTION_PAUSE_MS = 100;
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

function readArguments(): { demo: boolean | null } {
  try {
    const { values } = parseArgs({ options: { demo: { type: 'boolean' }, 'no-demo': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } }, strict: true });
    if (values.help === true) {
      process.stdout.write('Usage: npm start [-- --no-demo | --demo]\n\n  --no-demo  start empty (as DEMO=off)\n  --demo     write the demo shop into an empty database (as DEMO=on)\n\nEverything else is set by the environment; see the README.\n');
      process.exit(0);
    }
    return { demo: values['no-demo'] === true ? false : (values.demo ?? null) };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nKnown: --demo, --no-demo, --help. Everything else is set by the environment; see the README.\n`);
    process.exit(2);
  }
}

let shutdown: Shutdown | null = null;

async function main(): Promise<void> {
  const given = readArguments();
  const terminal = process.stdout.isTTY === true;
  const config = readConfig(process.env, terminal);
  const demo = given.demo === null ? config.demo : given.demo ? 'on' : 'off';
  const logger = createLogger(config);
  const stopping = createShutdown(logger);
  shutdown = stopping;
  let reachedPhase: Phase = 'starting';
  const phase = (): Phase => (stopping.isStopping() ? 'stopping' : reachedPhase);
  let databaseUp = true;
  let databaseFull = false;
  let reviving: Promise<boolean> | null = null;
  let toldOfRevival = false;
  const say = (message: string, detail: Record<string, unknown>, failed = false) => (failed ? logger.error(detail, message) : logger.info(detail, message));

  const house: House = await openHouse(config, logger, MAX_CONNECTIONS);
  stopping.onStop('postgres', 15_000, async () => {
    await reviving?.catch(() => undefined);
    await house.close();
  });
  const { database, connectionString, facts } = house;

  const givenRoles = (Object.keys(config.keys) as Role[]).filter((role) => config.keys[role] !== null);
  const keyRoles = await createFirstKeys(database, config.dataDir, givenRoles);
  const liveKey = config.demoLive ? createKey('secret').key : null;
  const keys = createKeyRing(database, config.keys, liveKey);
  const tokenKey = await readSecret(database, 'tokens');
  const tokens = createShopperTokens(database, tokenKey, Date.now);
  const sessions = createDashboardSessions(tokenKey, keys, config.publicUrl?.startsWith('https:') === true, Date.now);
  const reloadKeys = async () => {
    await Promise.all([keys.reload(), tokens.reload()]);
  };
  await reloadKeys();

  const answers = createAnswers({ database, systemIdentifier: facts.systemIdentifier, tokenKey, now: Date.now, log: say });
  const pressure = createPressure(() => database.waitingCount, (level, { delayMs, heap, waiting }) => logger.warn({ level, delayMs: Math.round(delayMs), heap: Number(heap.toFixed(2)), waiting }, ['keeps up again; nothing is refused', 'cannot keep up; imports and training are refused', 'cannot keep up; all but answers is refused', 'cannot keep up; all but health is refused'][level]));
  stopping.onStop('pressure', 1_000, () => pressure.stop());
  const trainer = createTrainer({
    database, connectionString, systemIdentifier: facts.systemIdentifier, enabled: config.trainer === 'thread', threads: threadsOf(config.trainThreads, true),
    kernel: config.trainKernel, coldEvery: config.trainColdEvery, minimums: config.trainMinimums, searchSeconds: config.trainSearchSeconds, codeVersion: version, cron: config.retrainCron,
    minEvents: config.retrainMinEvents, afterEvents: config.retrainAfterEvents, now: Date.now, log: say, isBusy: () => pressure.level() > 0,
  });
  const quality = createQualityChecker({ database, connectionString, minimums: config.trainMinimums, now: Date.now });
  const { impressions, recommendations } = createRecommendationLoop(answers, database, Date.now, say);
  // After the last answer, before the pool ends.
  stopping.onStop('impressions', 3_000, async () => await impressions.stop());
  const store = createEventStore(database, connectionString);
  stopping.onStop('writer', 10_000, async () => await store.close());
  const writer = createWriter({
    store, types: await listEventTypes(database), maxQueuedEvents: MAX_QUEUED_EVENTS, now: Date.now, recommendations,
    onCommitted: (events) => {
      answers.noteCommitted(events);
      trainer.noteEvents();
    },
  });
  const imports = createImportJobs({ database, connectionString, folder: join(config.dataDir, 'imports'), now: Date.now, log: say });
  stopping.onStop('imports', 5_000, async () => await imports.stop());
  const redaction = createRedaction(database, say);
  stopping.onStop('redaction', 5_000, async () => await redaction.stop());
  const app = await createApp({ database, writer, imports, answers, impressions, recommendations, trainer, quality, redaction, keys, tokens, sessions, phase, databaseUp: () => databaseUp, databaseFull: () => databaseFull, logger, publicUrl: config.publicUrl, corsOrigins: config.corsOrigins, limits: { ...config.rateLimits, trustProxy: config.trustProxy }, pressure, version });
  stopping.onStop('http', 10_000, async () => await app.close());
  stopping.onStop('quality', 1_000, () => quality.stop());
  const url = (await app.listen({ host: config.host, port: config.port, listenTextResolver: (address) => `listening on ${address}` })).replace('//0.0.0.0', '//127.0.0.1').replace('//[::]', '//127.0.0.1');

  await answers.start();
  stopping.onStop('trends', 1_000, () => answers.stop());
  followPostgres();

  const isDemo = await prepareDemo();
  if (isDemo) {
    await trainFirstDemoModel();
  }
  if (stopping.isStopping()) {
    return;
  }
  stopping.onStop('training', 5_000, async () => await trainer.stop());
  // Whoever sends requests here must have noticed before anything ends: first of all, so registered last, and before anybody is told that this process is ready.
  stopping.onStop('draining', (config.drainSeconds + 1) * 1_000, async () => await new Promise((resolve) => setTimeout(resolve, config.drainSeconds * 1_000)));
  reachedPhase = 'ready';
  trainer.watch();
  await imports.recover();
  imports.watch();
  keepEventsOnlySoLong();
  if (liveKey !== null) {
    letDemoLive(liveKey);
  }
  await greet();

  /** @returns whether this is a demo shop's database */
  async function prepareDemo(): Promise<boolean> {
    const wanted = demo === 'on' || (demo === 'auto' && house.embedded);
    const outcome = await ensureDemoShop(database, connectionString, wanted, Date.now(), () => {
      reachedPhase = 'demo';
      logger.info('making a demo shop (DEMO=off starts empty)');
    });
    if (outcome.written > 0) {
      logger.info({ events: outcome.written }, 'demo shop written');
      await answers.followItems();
    }
    if (demo === 'on' && outcome.refused === 'own-data') {
      logger.warn('DEMO=on: the database has data of its own, so no demo shop was written into it');
    }
    return outcome.isDemo;
  }

  function letDemoLive(key: string): void {
    if (!isDemo) {
      logger.warn('DEMO_LIVE=on: this is no demo shop’s database, so no simulated shoppers come to it');
      return;
    }
    const live = startLiveDemo({ url, key, isBusy: () => phase() !== 'ready' || !databaseUp || pressure.level() > 0, now: Date.now, log: say });
    stopping.onStop('live demo', 2_000, async () => await live.stop());
  }

  /** Until the demo has a model: ours, or that of another process on the same database. */
  async function trainFirstDemoModel(): Promise<void> {
    while (answers.modelVersion() === null && config.trainer === 'thread' && !stopping.isStopping()) {
      reachedPhase = 'demo';
      const started = await trainer.start('start', { search: 'off' }); // somebody waits; tonight's run searches
      if (typeof started === 'object' && (await started.finished).state !== 'published') {
        return;
      }
      await answers.followModels();
      await new Promise((resolve) => setTimeout(resolve, answers.modelVersion() === null ? 500 : 0));
    }
  }

  /** Wake-ups of Postgres, a poll beside them, and a look at whether it is there. */
  function followPostgres(): void {
    const follow: Readonly<Record<Channel, () => Promise<void>>> = {
      jongleur_events: async () => {
        trainer.noteEvents();
        await answers.followEvents();
      },
      jongleur_users: async () => {
        await answers.followUsers();
        redaction.note();
      },
      jongleur_items: () => answers.followItems(),
      jongleur_types: async () => writer.setTypes(await listEventTypes(database)),
      jongleur_models: async () => {
        await answers.followModels();
        redaction.note();
      },
      jongleur_keys: reloadKeys,
      jongleur_scenarios: () => answers.followScenarios(),
    };
    const wake = (channel: Channel) => {
      follow[channel]().catch((error: unknown) => logger.warn({ channel, reason: String(error) }, 'could not follow Postgres'));
    };
    const wakeUps = listenForWakeUps(connectionString, wake);
    const followAll = async () => {
      await keys.flushUse();
      await tokens.flushUse();
      for (const channel of Object.keys(follow) as Channel[]) {
        await follow[channel]();
      }
    };
    const poll = setInterval(() => {
      if (databaseUp) {
        followAll().catch((error: unknown) => logger.warn({ reason: String(error) }, 'could not follow Postgres'));
      }
    }, POLL_MS);
    const reach = watchReach({
      connectionString,
      onAnswer() {
        if (!databaseUp) {
          logger.info('Postgres is back');
          databaseUp = true;
          databaseFull = false;
          answers.noteReach(true);
          // What was said meanwhile is heard when listening begins anew.
          CHANNELS.forEach(wake);
          imports.recover().catch(() => undefined);
        }
      },
      onAway(error) {
        if (databaseUp) {
          logger.error({ reason: String(error) }, 'Postgres is away; answering from memory');
        }
        databaseUp = false;
        answers.noteReach(false);
        void reviveDatabase();
      },
    });
    stopping.onStop('wake-ups', 2_000, async () => {
      clearInterval(poll);
      await reach.stop();
      await wakeUps.stop();
      await Promise.allSettled([keys.flushUse(), tokens.flushUse()]);
    });
  }

  /** The embedded Postgres ends for good where its disk is full: tried again with every look, and told of once. */
  async function reviveDatabase(): Promise<void> {
    if (reviving !== null || stopping.isStopping()) {
      return;
    }
    reviving = house.revive();
    try {
      if (await reviving) {
        logger.info('the embedded Postgres had ended and was started again');
        toldOfRevival = false;
      }
    } catch (error) {
      databaseFull = error instanceof EmbeddedPostgresError && error.code === 'embedded-disk-full';
      if (!toldOfRevival) {
        logger.error({ reason: String(error) }, 'the embedded Postgres has ended and cannot be started; trying again');
      }
      toldOfRevival = true;
    } finally {
      reviving = null;
    }
  }

  /** EVENTS_RETENTION_DAYS, looked after every hour, in parts with pauses between them. */
  function keepEventsOnlySoLong(): void {
    if (config.eventsRetentionDays === 0) {
      return;
    }
    let stopped = false;
    const clean = async () => {
      const before = new Date(Date.now() - config.eventsRetentionDays * 86_400_000);
      let deleted = 0;
      for (let some = RETENTION_ROWS; some === RETENTION_ROWS && !stopped; ) {
        some = await deleteOldEvents(database, before, RETENTION_ROWS);
        deleted += some;
        await new Promise((resolve) => setTimeout(resolve, RETENTION_PAUSE_MS));
      }
      if (deleted > 0) {
        logger.info({ events: deleted, before }, 'events older than EVENTS_RETENTION_DAYS are deleted');
      }
    };
    const look = () => void clean().catch((error: unknown) => logger.warn({ reason: String(error) }, 'old events could not be deleted'));
    const timer = setInterval(look, RETENTION_EVERY_MS);
    stopping.onStop('retention', 1_000, () => {
      stopped = true;
      clearInterval(timer);
    });
    look();
  }

  /** What a person at the terminal wants to know. Keys themselves are shown on a terminal only, never in a log. */
  async function greet(): Promise<void> {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const base = config.publicUrl ?? url;
    logger.info({ url: base, docs: `${base}/docs`, seconds: Number(seconds), modelVersion: answers.modelVersion() }, `ready in ${seconds} s`);
    const file = await readKeyFile(config.dataDir);
    const keyText = config.keys.secret !== null ? `$${KEY_VARIABLE.secret}` : file.secret === undefined ? 'YOUR_SECRET_KEY' : terminal ? file.secret : '$(npx --no-install jongleur keys secret)';
    const lines = [
      '',
      `  Jongleur ${version} is ready in ${seconds} s`,
      '',
      `  API and docs   ${base}/docs`,
      `  Dashboard      ${base}/dashboard`,
      `  Health         ${base}/health/ready`,
      `  Data           ${house.embedded ? `embedded Postgres in ${config.dataDir}` : 'the Postgres of DATABASE_URL'}`,
      `  Keys           ${keyRoles.length > 0 || file.secret !== undefined ? `${keyFileOf(config.dataDir)} (npx jongleur keys)` : 'from the environment'}`,
      ...(terminal && file.secret !== undefined && config.keys.secret === null ? Object.entries(file).map(([role, key]) => `                   ${role.padEnd(12)} ${key}`) : []),
      '',
      '  Try it:',
      answers.modelVersion() === null
        ? `    curl -X POST ${base}/v1/events -H "Authorization: Bearer ${keyText}" -H "Content-Type: application/json" -d '{"userId":"u1","itemId":"i1","type":"view"}'`
        : `    curl -H "Authorization: Bearer ${keyText}" "${base}/v1/users/${isDemo ? 'user-1' : 'YOUR_USER'}/recommendations?limit=5&fields=title,price"`,
      '',
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

main().catch(async (error: unknown) => {
  const code = (error as NodeJS.ErrnoException).code;
  const known = error instanceof ConfigError || error instanceof EmbeddedPostgresError;
  const text =
    code === 'EADDRINUSE'
      ? `${(error as Error).message}. Another program listens there; choose another port, for example PORT=3001.`
      : error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`jongleur cannot start. ${text}\n`);
  await shutdown?.stop('the start failed', 1);
  process.exit(1);
});
