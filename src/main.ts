/**
 * The server: reads the configuration, opens the house, connects the rooms with callbacks, listens, and stops all of it in reverse.
 *
 *   committed events → user states, trends, the count for training       published model → live model       wake-ups of Postgres → the same, for what others did
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Config, ConfigError, readConfig } from './config.ts';
import { createDatabaseHealth } from './database-health.ts';
import { ensureDemoShop } from './demo-shop.ts';
import { followPostgres } from './follow-postgres.ts';
import { describeCopy, greet } from './greeting.ts';
import { receivePostgres } from './house.ts';
import { createAdmission } from './http/admission.ts';
import { createApp } from './http/app.ts';
import { createDashboardSessions } from './http/dashboard-session.ts';
import { createKeyRing } from './http/keys.ts';
import { createPressure } from './http/pressure.ts';
import type { Phase } from './http/services.ts';
import { createShopperTokens } from './http/shopper-tokens.ts';
import { createImportJobs } from './ingest/import-jobs.ts';
import { createWriter } from './ingest/writer.ts';
import { startLiveDemo } from './live-demo.ts';
import { type Logger, createLogger } from './logger.ts';
import { createMonitoring } from './monitoring.ts';
import { createRecommendationLoop } from './recommendation-loop.ts';
import { createAnswers } from './serving/answers.ts';
import { SnapshotDamaged } from './model/snapshot-damaged.ts';
import { type Shutdown, createShutdown } from './shutdown.ts';
import { beginStart, copyFolderOf, keepsCopy } from './start.ts';
import type { Role } from './storage/api-keys.ts';
import { DatabaseUnavailable, explainDatabaseError, placeOf } from './storage/database.ts';
import { EmbeddedPostgresError } from './storage/embedded/errors.ts';
import { listEventTypes } from './storage/event-types.ts';
import { createEventStore } from './storage/event-writes.ts';
import { createFirstKeys, createKey } from './storage/first-keys.ts';
import { createLocalCopyKeeper, removeLocalCopy } from './storage/local-copy/keeper.ts';
import { watchRetention } from './storage/retention.ts';
import { createQualityChecker } from './training/quality.ts';
import { createRedaction } from './training/redaction.ts';
import { threadsOf } from './training/run.ts';
import { createTrainer } from './training/trainer.ts';

const startedAt = performance.now();
const MAX_CONNECTIONS = 12;
/** What is stored in half a second at full load. */
const MAX_QUEUED_EVENTS = 20_000;
/** New connections that may wait for their turn; what comes beyond is not even refused, but waits seconds for TCP to try again. Linux caps it at net.core.somaxconn, 4,096 by default. */
const LISTEN_BACKLOG = 4_096;
const RETRY_MS = 1_000;
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

interface Setup {
  readonly config: Config;
  readonly demo: Config['demo'];
  readonly terminal: boolean;
  readonly logger: Logger;
  readonly stopping: Shutdown;
  readonly port: number;
  readonly mayUseCopy: boolean;
}

async function main(): Promise<void> {
  const given = readArguments();
  const terminal = process.stdout.isTTY === true;
  const config = readConfig(process.env, terminal);
  const demo = given.demo === null ? config.demo : given.demo ? 'on' : 'off';
  const logger = createLogger(config);
  const stopping = createShutdown(logger);
  shutdown = stopping;
  let port: number | null = await serve({ config, demo, terminal, logger, stopping, port: config.port, mayUseCopy: true });
  if (port !== null) {
    await stopping.unwind();
    port = await serve({ config, demo, terminal, logger, stopping, port, mayUseCopy: false });
  }
}

/** @returns null once everything runs; the port to begin anew on, without the local copy that this began from: it was of no use, or of another database */
async function serve({ config, demo, terminal, logger, stopping, port, mayUseCopy }: Setup): Promise<number | null> {
  let reachedPhase: Phase = 'starting';
  const phase = (): Phase => (stopping.isStopping() ? 'stopping' : reachedPhase);
  let isDrained = false;
  const say = (message: string, detail: Record<string, unknown>, failed = false) => (failed ? logger.error(detail, message) : logger.info(detail, message));

  const { ground: house, origin, types, copy } = await beginStart(config, logger, MAX_CONNECTIONS, mayUseCopy);
  const health = createDatabaseHealth(house, copy === null, logger, () => stopping.isStopping());
  stopping.onStop('postgres', 15_000, async () => {
    await health.settle();
    await house.close();
  });
  const { database, connectionString } = house;
  const { systemIdentifier, tokenKey } = origin;

  const givenRoles = (Object.keys(config.keys) as Role[]).filter((role) => config.keys[role] !== null);
  const keyRoles = copy === null ? await createFirstKeys(database, config.dataDir, givenRoles) : [];
  const liveKey = config.demoLive ? createKey('secret').key : null;
  const keys = createKeyRing(database, config.keys, liveKey);
  const tokens = createShopperTokens(database, tokenKey, Date.now);
  const sessions = createDashboardSessions(tokenKey, keys, config.publicUrl?.startsWith('https:') === true, Date.now);
  const reloadKeys = async () => {
    await Promise.all([keys.reload(), tokens.reload()]);
  };
  const answers = createAnswers({ database, systemIdentifier, tokenKey, now: Date.now, log: say });
  if (copy === null) {
    await reloadKeys();
  } else {
    keys.restore(copy.manifest.keys);
    tokens.restore(copy.manifest.tokenSecrets);
    try {
      await answers.restore(copy);
    } catch (error) {
      if (!(error instanceof SnapshotDamaged)) {
        throw error;
      }
      logger.warn({ reason: error.message }, 'the local copy is refused: this start needs Postgres');
      return port;
    }
  }
  const pressure = createPressure(() => database.waitingCount, (level, { delayMs, heap, waiting }) => logger.warn({ level, delayMs: Math.round(delayMs), heap: Number(heap.toFixed(2)), waiting }, ['keeps up again; nothing is refused', 'cannot keep up; imports and training are refused', 'cannot keep up; all but answers is refused', 'cannot keep up; all but health is refused'][level]));
  stopping.onStop('pressure', 1_000, () => pressure.stop());
  const trainer = createTrainer({
    database, connectionString, systemIdentifier, enabled: config.trainer === 'thread', threads: threadsOf(config.trainThreads, true),
    kernel: config.trainKernel, coldEvery: config.trainColdEvery, minimums: config.trainMinimums, searchSeconds: config.trainSearchSeconds, codeVersion: version, cron: config.retrainCron,
    minEvents: config.retrainMinEvents, afterEvents: config.retrainAfterEvents, now: Date.now, log: say, isBusy: () => pressure.level() > 0,
  });
  const quality = createQualityChecker({ database, connectionString, minimums: config.trainMinimums, now: Date.now });
  const { impressions, recommendations, experiments } = createRecommendationLoop(answers, database, Date.now, say);
  // After the last answer, before the pool ends.
  stopping.onStop('impressions', 3_000, async () => await impressions.stop());
  stopping.onStop('experiments', 3_000, async () => await experiments.stop());
  const store = createEventStore(database, connectionString);
  stopping.onStop('writer', 10_000, async () => await store.close());
  const writer = createWriter({
    store, types, maxQueuedEvents: MAX_QUEUED_EVENTS, now: Date.now, recommendations,
    onCommitted: (events) => {
      answers.noteCommitted(events);
      trainer.noteEvents();
    },
    onFull: (queued) => logger.warn({ queued }, 'more events come than Postgres stores; some are refused until there is room (told once a minute)'),
  });
  const imports = createImportJobs({ database, connectionString, folder: join(config.dataDir, 'imports'), now: Date.now, log: say });
  stopping.onStop('imports', 5_000, async () => await imports.stop());
  const redaction = createRedaction(database, say);
  stopping.onStop('redaction', 5_000, async () => await redaction.stop());
  const monitoring = createMonitoring({ database, answers, writer, pressure, keys, databaseUp: health.isUp, phase, version, now: Date.now, log: (message, detail, level = 'info') => logger[level](detail, message) });
  const app = await createApp({ database, writer, imports, answers, impressions, recommendations, trainer, quality, redaction, keys, tokens, sessions, phase, databaseUp: health.isUp, databaseFull: health.isFull, logger, publicUrl: config.publicUrl, corsOrigins: config.corsOrigins, eventsRetentionDays: config.eventsRetentionDays, limits: { ...config.rateLimits, trustProxy: config.trustProxy }, pressure, admission: createAdmission(), monitoring, version });
  stopping.onStop('http', 10_000, async () => await app.close());
  stopping.onStop('quality', 1_000, () => quality.stop());
  const url = (await app.listen({ host: config.host, port, backlog: LISTEN_BACKLOG, listenTextResolver: (address) => `listening on ${address}` })).replace('//0.0.0.0', '//127.0.0.1').replace('//[::]', '//127.0.0.1');

  stopping.onStop('watch', 2_000, async () => await monitoring.stop());
  monitoring.start();
  stopping.onStop('trends', 1_000, () => answers.stop());
  if (copy === null) {
    await answers.start();
  } else {
    reachedPhase = 'ready';
    drainFirst();
    await sayReady(false);
    const waiting = new AbortController();
    stopping.onStop('waiting for Postgres', 1_000, () => waiting.abort());
    if (!(await receivePostgres(house, origin, logger, waiting.signal))) {
      logger.warn('the Postgres that came is another database than the local copy is of: the copy is discarded, and the start begins anew');
      await removeLocalCopy(copyFolderOf(config));
      return Number(new URL(url).port);
    }
    await patiently(catchUp);
  }
  const localCopy = keepsCopy(config)
    ? createLocalCopyKeeper({ database, folder: copyFolderOf(config), place: placeOf(connectionString), systemIdentifier, tokenKey, modelVersion: answers.modelVersion, trending: answers.trendingRows, now: Date.now, log: say })
    : null;
  const followed = followPostgres({
    connectionString, health, answers, localCopy, logger,
    follow: {
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
    },
    uses: [keys, tokens],
    onBack: () => void imports.recover().catch(() => undefined),
  });
  stopping.onStop('wake-ups', 2_000, async () => await followed.stop());

  const isDemo = await patiently(prepareDemo);
  if (isDemo) {
    await trainFirstDemoModel();
  }
  if (stopping.isStopping()) {
    return null;
  }
  stopping.onStop('training', 5_000, async () => await trainer.stop());
  drainFirst();
  reachedPhase = 'ready';
  trainer.watch();
  experiments.watch();
  await patiently(() => imports.recover());
  imports.watch();
  if (config.eventsRetentionDays > 0) {
    const retention = watchRetention(database, config.eventsRetentionDays, say);
    stopping.onStop('retention', 1_000, retention.stop);
  }
  if (liveKey !== null) {
    letDemoLive(liveKey);
  }
  if (copy === null) {
    await sayReady(isDemo);
  }
  return null;

  /** Whoever sends requests here must have noticed before anything ends: first of all, so registered last, before anybody is told that this process is ready, and again when more was registered behind it. */
  function drainFirst(): void {
    stopping.onStop('draining', (config.drainSeconds + 1) * 1_000, async () => {
      const seconds = stopping.isStopping() && !isDrained ? config.drainSeconds : 0;
      isDrained = true;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    });
  }

  /** Where answers are given already, a Postgres that goes away again ends nothing. */
  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (copy === null || stopping.isStopping() || !(explainDatabaseError(error) instanceof DatabaseUnavailable)) {
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** What others changed while Postgres could not be asked, as far as an answer or a write must not be without it; the rest follows by itself. */
  async function catchUp(): Promise<void> {
    await reloadKeys();
    writer.setTypes(await listEventTypes(database));
    await answers.followUsers();
    await answers.followEvents();
  }

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
    const live = startLiveDemo({ url, key, isBusy: () => phase() !== 'ready' || !health.isUp() || pressure.level() > 0, now: Date.now, log: say });
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

  async function sayReady(isDemo: boolean): Promise<void> {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const base = config.publicUrl ?? url;
    const modelVersion = answers.modelVersion();
    const copied = copy?.manifest ?? null;
    logger.info({ url: base, docs: `${base}/docs`, seconds: Number(seconds), modelVersion }, `ready in ${seconds} s${copied === null ? '' : `, from ${describeCopy(copied)}`}`);
    await greet({ version, seconds, base, config, terminal, madeKeys: keyRoles.length > 0, isDemo, modelVersion, copied });
  }
}

main().catch(async (error: unknown) => {
  const code = (error as NodeJS.ErrnoException).code;
  const known = error instanceof ConfigError || error instanceof EmbeddedPostgresError;
  const text =
    code === 'EADDRINUSE'
      ? `${(error as Error).message}. Another program listens there; choose another port, for example PORT=3001.`
      : error instanceof DatabaseUnavailable
        ? `${error.message}, and a start without a local copy needs it: start Postgres, or check DATABASE_URL.`
        : error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`jongleur cannot start. ${text}\n`);
  await shutdown?.stop('the start failed', 1);
  process.exit(1);
});
