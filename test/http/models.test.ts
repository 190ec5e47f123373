import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { listenForWakeUps } from '../../src/storage/wake-ups.ts';
import { publishModel } from '../../src/storage/models.ts';
import { startRun, takeTrainingLock } from '../../src/storage/training-runs.ts';
import { type Service, startService } from '../support/service.ts';
import { REPORT } from '../training/reports.ts';
import { expectProblem } from './problem-answers.ts';

describe('model versions', () => {
  let service: Service;
  /** One more process on the same database, told of new models by Postgres alone. */
  let replica: Service;
  let wakeUps: ReturnType<typeof listenForWakeUps>;
  let newest: number;
  /** Of version 1 while it knew its shoppers by its own vectors. */
  let firstScores: Map<string, number>;
  const scoresOf = async (one: Service) => new Map((await one.call('GET', '/v1/users/u1/recommendations?limit=12')).json.items.map(({ itemId, score }: { itemId: string; score: number }) => [itemId, score])) as Map<string, number>;
  beforeAll(async () => {
    service = await startService();
    // Of a visit that is over: the items of one that goes on weigh more in a fold-in than in training.
    const occurredAt = new Date(Date.now() - 2 * 3_600_000).toISOString();
    const events = Array.from({ length: 24 }, (_, user) => Array.from({ length: 12 }, (_unused, item) => ({ userId: `u${user}`, itemId: `i${item}`, type: 'cart', occurredAt })).filter((_unused, item) => (item + user) % 3 !== 0)).flat();
    await service.call('POST', '/v1/events', { events });
    expect((await service.train()).state).toBe('published');
    firstScores = await scoresOf(service);
    expect((await service.train()).state).toBe('published');
    replica = await startService({}, {}, service.url);
    wakeUps = listenForWakeUps(service.url, (channel) => void (channel === 'jongleur_models' && replica.answers.followModels()));
  });
  afterAll(async () => {
    await wakeUps.stop();
    await replica.stop();
    await service.stop();
  });

  /** A candidate with a report of figures; its bytes are those of no model. */
  async function addCandidate(): Promise<number> {
    const lock = (await takeTrainingLock(service.url))!;
    const model = { recipe: DEFAULT_RECIPE, report: REPORT, watermark: '9', systemIdentifier: 'here', itemPart: new Uint8Array(5), userPart: new Uint8Array(5) };
    const version = await publishModel(lock.connection, await startRun(lock.connection, 'api'), model, 'candidate');
    await lock.release();
    return version;
  }
  const versionsOf = async (one: Service) => (await one.call('GET', '/v1/users/u1/recommendations')).json;

  it('are listed in short, newest first, page by page', async () => {
    const { json } = await service.call('GET', '/v1/models?limit=1');
    expect(json.items).toEqual([expect.objectContaining({ version: 2, state: 'live', runNo: 2, isKept: true, trainedOn: expect.objectContaining({ users: 24, items: 12 }) as object })]);
    expect(json.items[0].report).toBeUndefined();
    expect((await service.call('GET', `/v1/models?cursor=${json.nextCursor}`)).json).toEqual({ items: [expect.objectContaining({ version: 1, state: 'retired' })] });
  });

  it('have a card, as JSON and as Markdown', async () => {
    const { json, headers } = await service.call('GET', '/v1/models/2');
    expect(json).toMatchObject({ version: 2, state: 'live', trainedOn: { interactions: 192 }, recipe: { stepsPerSweep: DEFAULT_RECIPE.stepsPerSweep }, limits: expect.arrayContaining([expect.stringMatching(/nothing that happened after/)]) as string[], report: { users: 24 } });
    expect(headers.vary).toBe('accept');
    for (const [query, accept] of [['?format=markdown', 'application/json'], ['', 'text/markdown;q=0.9, */*']]) {
      const page = await service.call('GET', `/v1/models/2${query}`, undefined, 'admin', { accept });
      expect(page.headers['content-type']).toBe('text/markdown; charset=utf-8');
      expect(page.text).toMatch(/^# Model 2\n/);
    }
    expect((await service.call('GET', '/v1/models/2?format=json', undefined, 'admin', { accept: 'text/markdown' })).json.version).toBe(2);
    expectProblem(await service.call('GET', '/v1/models/99'), 404, 'not-found');
  });

  it('come back at every replica, which folds its shoppers in again', async () => {
    const before = [await versionsOf(service), await versionsOf(replica)];
    expect(before).toMatchObject([{ modelVersion: 2, source: 'personal' }, { modelVersion: 2, source: 'personal' }]);
    const back = await service.call('POST', '/v1/models/1/activate');
    expect([back.status, back.json.state, back.json.activatedAt > back.json.createdAt]).toEqual([200, 'live', true]);
    await expect.poll(async () => (await versionsOf(replica)).modelVersion, { timeout: 5_000, interval: 20 }).toBe(1);
    await service.answers.followModels();
    for (const one of [service, replica]) {
      // Nobody's vector came along: whoever asks is solved from their events.
      expect(await versionsOf(one)).toMatchObject({ modelVersion: 1, source: 'personal' });
      const others = (await one.call('GET', '/v1/users/u7/recommendations?limit=12')).json;
      expect([others.modelVersion, others.source, others.stale]).toEqual([1, 'personal', undefined]);
    }
    // What it answers is what it answered: folding in gives the vector that it was trained to.
    const scores = await scoresOf(replica);
    expect([...scores.keys()].toSorted()).toEqual([...firstScores.keys()].toSorted());
    expect([...scores].map(([itemId, score]) => Math.abs(score - firstScores.get(itemId)!)).every((difference) => difference < 1e-3)).toBe(true);
    expect(scores.size).toBe(12);
    await service.call('POST', '/v1/events', { userId: 'newcomer', itemId: 'i3', type: 'cart' });
    expect((await service.call('GET', '/v1/users/newcomer/recommendations')).json).toMatchObject({ modelVersion: 1, source: 'personal' });
    // And forward again.
    expect((await replica.call('POST', '/v1/models/2/activate')).json).toMatchObject({ version: 2, state: 'live' });
    await expect.poll(async () => (await versionsOf(replica)).modelVersion, { timeout: 5_000, interval: 20 }).toBe(2);
    expect((await service.call('GET', '/v1/models')).json.items.map(({ state }: { state: string }) => state)).toEqual(['live', 'retired']);
    await service.answers.followModels();
    expect(await versionsOf(service)).toMatchObject({ modelVersion: 2, source: 'personal' });
  });

  it('whose bytes go while they are read are not taken for damaged', async () => {
    const { version } = (await service.train()) as { version: number };
    const late = await startService({}, {}, service.url);
    await service.call('POST', '/v1/models/1/activate');
    await late.answers.followModels();
    expect(late.answers.modelVersion()).toBe(1);
    const published = (await service.train()) as { version: number };
    const { query } = late.database;
    let left = false;
    late.database.query = async function leaving(this: typeof late.database, ...args: [string, unknown[]]) {
      if (!left && args[0].includes('FROM model_chunks') && args[1][1] === 'user') {
        left = true;
        await service.call('POST', `/v1/models/${version}/activate`);
      }
      return await (query as unknown as (...all: unknown[]) => Promise<unknown>).apply(this, args);
    } as unknown as typeof query;
    await late.answers.followModels();
    expect([left, late.answers.modelVersion()]).toEqual([true, version]);
    // And it can be loaded when it comes back.
    await service.call('POST', `/v1/models/${published.version}/activate`);
    await late.answers.followModels();
    expect(late.answers.modelVersion()).toBe(published.version);
    await late.stop();
    await service.answers.followModels();
  });

  it('are gone on from by the next run after they came back', async () => {
    await service.call('POST', '/v1/models/1/activate');
    const result = await service.train();
    expect(result).toMatchObject({ state: 'published', report: { start: { kind: 'warm', fromVersion: 1 } } });
    newest = (result as { version: number }).version;
    await expect.poll(async () => (await versionsOf(replica)).modelVersion, { timeout: 5_000, interval: 20 }).toBe(newest);
  });

  it('that wait for approval can be refused, once', async () => {
    const version = await addCandidate();
    expect((await service.call('GET', '/v1/models?limit=1')).json.items[0]).toMatchObject({ version, state: 'candidate', outcome: 'published', verdict: 'data-limited', ndcg: { mean: 0.1125, low: 0.1125 * 0.95 } });
    const card = (await service.call('GET', `/v1/models/${version}`)).json;
    expect(card).toMatchObject({ test: { rankings: [{ name: 'this model', figures: { at: [{ k: 10 }, { k: 20, ndcg: { mean: 0.1125 } }] } }, {}, {}, {}, {}] }, gate: { reasons: [{ code: 'baseline-beaten' }, {}] }, codeVersion: '0.1.0' });
    expect((await service.call('GET', '/v1/training-runs?limit=1')).json.items[0]).toMatchObject({ state: 'needs-approval', version, seconds: { search: 22.4 }, rows: { fold: 397_884 } });
    expect((await service.call('POST', `/v1/models/${version}/reject`)).json).toMatchObject({ state: 'rejected', isKept: false });
    expect((await service.call('GET', '/v1/training-runs?limit=1')).json.items[0]).toMatchObject({ state: 'rejected', code: 'refused' });
    expectProblem(await service.call('POST', `/v1/models/${version}/reject`), 409, 'model-not-candidate');
    expectProblem(await service.call('POST', `/v1/models/${version}/activate`), 409, 'model-rejected');
    expect((await service.call('GET', `/v1/models/${version}?format=markdown`)).text).toContain('## What the gate said');
  });

  it('that cannot go live say why', async () => {
    expectProblem(await service.call('POST', '/v1/models/99/activate'), 404, 'not-found');
    expectProblem(await service.call('POST', '/v1/models/99/reject'), 404, 'not-found');
    expectProblem(await service.call('POST', `/v1/models/${newest}/activate`), 409, 'model-live');
    await service.call('PUT', '/v1/settings', { keepVersions: 1 });
    await service.train();
    expectProblem(await service.call('POST', `/v1/models/${newest}/activate`), 409, 'model-pruned');
    expect((await service.call('GET', `/v1/models/${newest}`)).json).toMatchObject({ state: 'retired', isKept: false, report: { users: expect.any(Number) as number } });
  });
});
