import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALARM_RULES } from '../../src/insight/alarm-rules.ts';
import { readExposition } from '../support/exposition.ts';
import { type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('operations', () => {
  let service: Service;
  let databaseUp = true;

  beforeAll(async () => {
    service = await startService({ databaseUp: () => databaseUp });
  });
  afterAll(async () => await service.stop());

  it('is alive in every phase and says its version', async () => {
    for (const phase of ['starting', 'demo', 'ready', 'stopping'] as const) {
      service.setPhase(phase);
      const answer = await service.call('GET', '/health/live', undefined, null);
      expect([answer.status, answer.json]).toEqual([200, { status: 'live', version: expect.stringMatching(/^\d+\.\d+\.\d+/) }]);
    }
    service.setPhase('ready');
  });

  it('is ready in one phase only, and says when to ask again in the others', async () => {
    for (const phase of ['starting', 'demo', 'stopping'] as const) {
      service.setPhase(phase);
      const answer = await service.call('GET', '/health/ready', undefined, null);
      expect([answer.status, answer.json]).toEqual([503, { status: phase, database: 'up', modelVersion: null }]);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    service.setPhase('ready');
    const answer = await service.call('GET', '/health/ready', undefined, null);
    expect([answer.status, answer.json]).toEqual([200, { status: 'ready', database: 'up', modelVersion: null }]);
    expect(answer.headers['retry-after']).toBeUndefined();
  });

  it('stays ready without its database, since it answers from memory, and says so', async () => {
    databaseUp = false;
    const answer = await service.call('GET', '/health/ready', undefined, null);
    expect([answer.status, answer.json.database]).toEqual([200, 'down']);
    databaseUp = true;
  });

  it('answers /v1 with 503 while starting, to whoever has a key, and in no other phase', async () => {
    service.setPhase('starting');
    const early = await service.call('GET', '/v1/trending', undefined, 'publishable');
    expectProblem(early, 503, 'starting');
    expect(Number(early.headers['retry-after'])).toBeGreaterThan(0);
    expectProblem(await service.call('GET', '/v1/trending', undefined, null), 401, 'key-missing');
    expect((await service.call('GET', '/openapi.json', undefined, null)).status).toBe(200);
    for (const phase of ['demo', 'stopping', 'ready'] as const) {
      service.setPhase(phase);
      expect([phase, (await service.call('GET', '/v1/trending', undefined, 'publishable')).status]).toEqual([phase, 200]);
    }
  });

  it('answers HEAD like GET, without a body', async () => {
    for (const url of ['/health/live', '/health/ready', '/docs/errors', '/openapi.json']) {
      const answer = await service.app.inject({ method: 'HEAD', url });
      expect([url, answer.statusCode, answer.body]).toEqual([url, 200, '']);
    }
    const refused = await service.app.inject({ method: 'HEAD', url: '/v1/trending' });
    expect(refused.statusCode).toBe(401);
  });

  it('sends every answer under a request id: the caller’s where it is fit to be logged', async () => {
    const given = async (id: string) => (await service.call('GET', '/health/live', undefined, null, { 'x-request-id': id })).headers['x-request-id'];
    expect(await given('abc-1.2:3/4+5=')).toBe('abc-1.2:3/4+5=');
    for (const unfit of ['x'.repeat(129), 'with space', '{"inject":1}', '']) {
      expect(await given(unfit)).toMatch(/^[0-9a-f]{16}-[0-9a-z]+$/);
    }
  });

  it('gives its metrics to whoever has a secret key, from memory', async () => {
    expectProblem(await service.call('GET', '/metrics', undefined, null), 401, 'key-missing');
    expectProblem(await service.call('GET', '/metrics', undefined, 'publishable'), 403, 'key-role');
    await service.call('POST', '/v1/events', { events: [{ userId: 'u', itemId: 'i', type: 'view' }, { userId: 'u', itemId: 'i' }] });
    await service.impressions.flush();
    const before = service.answers.tally();
    await service.call('GET', '/v1/users/u/recommendations');
    await service.call('GET', '/v1/users/u/recommendations');
    await service.call('GET', '/v1/users/u/recommendations?preview=true');
    await service.impressions.flush();
    await service.monitoring.look();
    const query = service.database.query.bind(service.database);
    let asked = 0;
    service.database.query = ((...args: Parameters<typeof query>) => {
      asked++;
      return query(...args);
    }) as typeof service.database.query;
    const answer = await service.call('GET', '/metrics', undefined, 'secret');
    expect([answer.status, answer.headers['content-type'], asked]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', 0]);
    service.database.query = query;
    const { samples } = readExposition(answer.text);
    const valueOf = (name: string, labels: Record<string, string> = {}) => samples.find((one) => one.name === name && Object.entries(labels).every(([label, text]) => one.labels[label] === text))?.value;
    expect(valueOf('jongleur_http_requests_total', { route: '/health/ready', status: '503' })).toBe(3);
    expect(valueOf('jongleur_http_requests_total', { route: '/metrics', status: '403' })).toBe(1);
    expect([valueOf('jongleur_events_total', { outcome: 'accepted' }), valueOf('jongleur_events_total', { outcome: 'rejected' })]).toEqual([1, 1]);
    // Without a model everybody gets what is trending.
    expect([valueOf('jongleur_lists_total', { source: 'trending' }), valueOf('jongleur_fallback_lists_total', { asked: 'personal' })]).toEqual([before.lists.trending + 2, before.fallbacks.personal + 2]);
    expect(valueOf('jongleur_preview_lists_total')).toBe(before.previews + 1);
    expect([valueOf('jongleur_arrivals_last_hour'), valueOf('jongleur_model_version'), valueOf('jongleur_database_up')]).toEqual([1, undefined, 1]);
    expect(samples.filter(({ name }) => name === 'jongleur_alert').map(({ labels, value }) => [labels.code, value])).toEqual(ALARM_RULES.map(({ code }) => [code, 0]));
  });

  it('tells at a glance what comes and goes, and how far a new installation is', async () => {
    expectProblem(await service.call('GET', '/v1/overview', undefined, 'publishable'), 403, 'key-role');
    const fresh = await startService();
    const overview = async () => (await fresh.call('GET', '/v1/overview', undefined, 'secret')).json;
    expect(await overview()).toEqual({
      isDemo: false, events: { lastHour: 0, usual: null, lastAt: null }, pace: { lists: null, requests: null }, training: { enabled: true, scheduledAt: null, newEvents: 0, minEvents: 1, afterEvents: 0 },
      firstSteps: { event: false, catalogue: false, training: false, recommendation: false, shown: false },
    });
    // An item that came by an event alone is no catalogue.
    await fresh.call('POST', '/v1/events', { events: Array.from({ length: 40 }, (_, k) => ({ userId: `u${k % 5}`, itemId: `i${k % 8}`, type: 'view' })) });
    const { events, firstSteps } = await overview();
    expect([events.lastHour, Date.now() - Date.parse(events.lastAt) < 10_000, firstSteps]).toEqual([40, true, { event: true, catalogue: false, training: false, recommendation: false, shown: false }]);
    await fresh.call('PUT', '/v1/items/i1', { title: 'one' });
    await fresh.call('GET', '/v1/users/u1/recommendations?preview=true');
    await fresh.impressions.flush();
    // A list that was only tried is a first one too.
    expect((await overview()).firstSteps).toMatchObject({ catalogue: true, training: false, recommendation: true, shown: false });
    expect((await fresh.database.query('SELECT FROM impressions')).rowCount).toBe(0);
    const { recommendationId } = (await fresh.call('GET', '/v1/users/u1/recommendations')).json;
    await fresh.call('POST', '/v1/impressions', { recommendationIds: [recommendationId] });
    await fresh.impressions.flush();
    await fresh.train();
    expect((await overview()).firstSteps).toEqual({ event: true, catalogue: true, training: true, recommendation: true, shown: true });
    // Done is done: an event goes, the step stays.
    await fresh.database.query('TRUNCATE events');
    expect((await overview()).firstSteps.event).toBe(true);
    await fresh.stop();
  });

  it('says what is wrong, and names in its advice operations that there are', async () => {
    expectProblem(await service.call('GET', '/v1/alerts', undefined, 'publishable'), 403, 'key-role');
    expect((await service.call('GET', '/v1/alerts')).json).toEqual({ judgedAt: null, items: [] });
    await service.database.query(`INSERT INTO imports (state, source, format, finished_at) VALUES ('failed', 's', 'f', now())`);
    await service.monitoring.look();
    service.monitoring.sample();
    const { judgedAt, items } = (await service.call('GET', '/v1/alerts', undefined, 'secret')).json;
    expect(Date.now() - Date.parse(judgedAt)).toBeLessThan(10_000);
    const { title, advice, unit } = ALARM_RULES.find(({ code }) => code === 'import-failing')!;
    expect(items).toEqual([{ code: 'import-failing', severity: 'warning', title, since: judgedAt, value: 1, side: 'above', threshold: 0, unit, advice }]);
    const { paths } = (await service.call('GET', '/openapi.json', undefined, null)).json;
    const named = ALARM_RULES.flatMap((rule) => [...rule.advice.matchAll(/\b(GET|POST|PUT|DELETE) (\/[\w/{}-]+)/g)].map(([, method, path]) => [path, method.toLowerCase()]));
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter(([path, method]) => paths[path]?.[method] === undefined)).toEqual([]);
  });
});

describe('a client that names a content type with every request', () => {
  it('may send none of the body that an operation does not have', async () => {
    const service = await startService();
    try {
      expect((await service.call('DELETE', '/v1/users/u/ratings/i', undefined, 'admin', { 'content-type': 'application/json' })).status).toBe(200);
      expect((await service.call('GET', '/v1/trending', undefined, 'admin', { 'content-type': 'application/json' })).status).toBe(200);
      const empty = await service.call('POST', '/v1/events', undefined, 'admin', { 'content-type': 'application/json' });
      expect(empty).toMatchObject({ status: 400, json: { code: 'body-empty' } });
    } finally {
      await service.stop();
    }
  });
});
