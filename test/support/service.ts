/** The service in this process, on a database of its own: every room is the real one, connected as `main.ts` does. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { inject } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { createDashboardSessions } from '../../src/http/dashboard-session.ts';
import { createKeyRing } from '../../src/http/keys.ts';
import type { Phase, Services } from '../../src/http/services.ts';
import { createShopperTokens } from '../../src/http/shopper-tokens.ts';
import { createImportJobs } from '../../src/ingest/import-jobs.ts';
import { createWriter } from '../../src/ingest/writer.ts';
import { createHistogram } from '../../src/insight/histogram.ts';
import { createMonitoring } from '../../src/monitoring.ts';
import { defaultMinimums } from '../../src/model/quality/findings.ts';
import { createRecommendationLoop } from '../../src/recommendation-loop.ts';
import { createAnswers } from '../../src/serving/answers.ts';
import { createDatabase, readServerFacts } from '../../src/storage/database.ts';
import { listEventTypes } from '../../src/storage/event-types.ts';
import { createEventStore } from '../../src/storage/event-writes.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { type StartedRun } from '../../src/training/run.ts';
import { createRedaction } from '../../src/training/redaction.ts';
import { createQualityChecker } from '../../src/training/quality.ts';
import { createTrainer, type TrainerOptions } from '../../src/training/trainer.ts';
import { openLeaks } from './canaries.ts';
import { createTestDatabase } from './postgres.ts';

export const KEYS = { secret: `sk_${'s'.repeat(40)}`, publishable: `pk_${'p'.repeat(40)}`, admin: `ak_${'a'.repeat(40)}` } as const;

function decodeSafely(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

export type Service = Awaited<ReturnType<typeof startService>>;

/**
 * @param overrides parts of the services that a test replaces
 * @param training how it trains; by default whatever comes is published, since most tests have a handful of events
 * @param besideUrl of another service's database: one more replica on it, stopped before that one
 */
export async function startService(overrides: Partial<Services> = {}, training: Partial<TrainerOptions> = {}, besideUrl?: string, bodyTimeoutMs?: number) {
  const { url, drop } = besideUrl === undefined ? await createTestDatabase(inject('templateUrl')) : { url: besideUrl, drop: async () => undefined };
  // Not the function itself: a test may put another clock in its place.
  const now = () => Date.now();
  const database = createDatabase({ connectionString: url, maxConnections: 5, onError: () => undefined });
  const facts = await readServerFacts(database);
  if (besideUrl === undefined) {
    // Where a test is not about the guard, whoever asks gets the model that went live.
    await database.query(`INSERT INTO settings (name, value) VALUES ('guard', '"off"')`);
  }
  const tokenKey = await readSecret(database, 'tokens');
  const answers = createAnswers({ database, systemIdentifier: facts.systemIdentifier, tokenKey, now, log: () => undefined, loadTimeoutMs: 5_000 });
  await answers.start();
  const trainer = createTrainer({ database, connectionString: url, systemIdentifier: facts.systemIdentifier, enabled: true, gate: null, cron: null, minEvents: 1, afterEvents: 0, now: Date.now, log: () => undefined, ...training });
  const quality = createQualityChecker({ database, connectionString: url, minimums: defaultMinimums, now: Date.now });
  const store = createEventStore(database, url);
  const { impressions, recommendations, experiments } = createRecommendationLoop(answers, database, now, () => undefined);
  const writer = createWriter({ store, types: await listEventTypes(database), maxQueuedEvents: 10_000, now, recommendations, onCommitted: (events) => answers.noteCommitted(events) });
  const keys = createKeyRing(database, KEYS);
  await keys.reload();
  const tokens = createShopperTokens(database, tokenKey, Date.now);
  await tokens.reload();
  const https = overrides.publicUrl?.startsWith('https:') === true;
  const sessions = createDashboardSessions(tokenKey, overrides.keys ?? keys, https, Date.now);
  let phase: Phase = 'ready';
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  const folder = await mkdtemp(join(tmpdir(), 'jongleur-service-'));
  const imports = createImportJobs({ database, connectionString: url, folder, now: Date.now, log: () => undefined });
  const redaction = createRedaction(database, () => undefined, 20);
  const leaks = openLeaks(inject('leakFolder'));
  Object.values(KEYS).forEach((key) => leaks.secret(key));
  const logger = pino({ level: 'info' }, { write: (line) => leaks.log(line.trimEnd()) });
  const monitoring = createMonitoring({ database, answers, writer, keys, pressure: { level: () => 0, delays: createHistogram([0.1, 1]), stop: () => undefined }, databaseUp: () => true, phase: () => phase, version, now, log: () => undefined });
  const app = await createApp({ database, writer, imports, redaction, answers, impressions, recommendations, trainer, quality, keys, tokens, sessions, phase: () => phase, databaseUp: () => true, logger, publicUrl: null, corsOrigins: [], eventsRetentionDays: 0, limits: { perIp: 0, perKey: 0, perShopper: 0, trustProxy: [] }, pressure: { level: () => 0 }, admission: { admits: () => true }, monitoring, version, ...overrides }, bodyTimeoutMs);

  /** A request without a port. `role` null sends no key. */
  async function call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, role: keyof typeof KEYS | null = 'admin', headers: Record<string, string> = {}) {
    const answer = await app.inject({
      method, url: path,
      headers: { ...(role === null ? {} : { authorization: `Bearer ${KEYS[role]}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    leaks.answer({ status: answer.statusCode, text: answer.body, cookies: [answer.headers['set-cookie'] ?? []].flat(), sent: `${decodeSafely(path)} ${typeof body === 'string' ? body : JSON.stringify(body)}` });
    // eslint-disable-next-line typescript/no-explicit-any -- tests look into answers of any shape
    const json: any = (answer.headers['content-type'] ?? '').toString().match(/\/(problem\+)?json/) !== null ? answer.json() : null;
    return { status: answer.statusCode, headers: answer.headers, text: answer.body, json };
  }

  return {
    url, folder, database, facts, answers, redaction, impressions, recommendations, experiments, trainer, writer, imports, app, call, keys, tokens, monitoring,
    setPhase: (next: Phase) => {
      phase = next;
    },
    /** Trains, and waits until the answers come from the new model. */
    async train() {
      const started = (await trainer.start('api')) as StartedRun;
      const result = await started.finished;
      await answers.followModels();
      return result;
    },
    async stop() {
      await app.close();
      await imports.stop();
      await redaction.stop();
      await rm(folder, { recursive: true, force: true });
      await impressions.stop();
      await store.close();
      await trainer.stop();
      answers.stop();
      // A test may have taken the database away itself.
      await database.end().catch(() => undefined);
      await drop();
    },
  };
}
