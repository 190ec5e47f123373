import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type WakeUps, listenForWakeUps } from '../../src/storage/wake-ups.ts';
import { publishHybridModel } from '../support/hybrid-model.ts';
import { execute } from '../support/postgres.ts';
import { type Service, startService } from '../support/service.ts';

const USERS = 30;

/** Two tastes, ten items each with their own. */
const events = Array.from({ length: USERS }, (_, user) =>
  Array.from({ length: 12 }, (_unused, n) => ({ userId: `u${user}`, itemId: `i${2 * ((user * 5 + n * 7) % 20) + (user % 2)}`, type: n % 4 === 0 ? 'cart' : 'view', occurredAt: new Date(Date.UTC(2026, 0, 1 + n)).toISOString() })),
).flat();

describe('two replicas on one database', () => {
  let a: Service;
  let b: Service;
  const wakeUps: WakeUps[] = [];
  const listOf = async (service: Service, user: string, limit = 5) => {
    const answer = await service.call('GET', `/v1/users/${user}/recommendations?limit=${limit}`);
    expect(answer.status).toBe(200);
    // Of which second a list is has no part in what it is.
    const { recommendationId: _, ...list } = answer.json;
    return list as { modelVersion: number; source: string; stale?: boolean; items: { itemId: string; score: number }[] };
  };
  const idsOf = async (service: Service, user: string, limit = 5) => (await listOf(service, user, limit)).items.map((item) => item.itemId);
  const follow = (service: Service) =>
    listenForWakeUps(service.url, (channel) => {
      const { followEvents, followItems, followModels } = service.answers;
      void ({ jongleur_events: followEvents, jongleur_items: followItems, jongleur_models: followModels } as Record<string, () => Promise<void>>)[channel]?.().catch(() => undefined);
    });

  beforeAll(async () => {
    a = await startService();
    expect((await a.call('POST', '/v1/events', { events })).status).toBe(200);
    await publishHybridModel(a, 6);
    b = await startService({}, {}, a.url);
    wakeUps.push(follow(a), follow(b));
  });
  afterAll(async () => {
    await Promise.all(wakeUps.map((one) => one.stop()));
    await b.stop();
    await a.stop();
  });

  it('an event posted to one changes the next answer of the other within a second', async () => {
    const [first] = await idsOf(b, 'u1');
    await a.call('POST', '/v1/events', { userId: 'u1', itemId: first, type: 'purchase' });
    const sentMs = performance.now();
    expect(await idsOf(a, 'u1', 40)).not.toContain(first);
    await expect.poll(async () => await idsOf(b, 'u1', 40), { timeout: 5_000, interval: 10 }).not.toContain(first);
    // Generous, since tests share the machine; the bench has the figure.
    expect(performance.now() - sentMs).toBeLessThan(3_000);
    expect(await listOf(b, 'u1', 20)).toEqual(await listOf(a, 'u1', 20));
  });

  it('also where the connection that listens was cut', async () => {
    const [first] = await idsOf(b, 'u3');
    await execute(a.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jongleur-listen' AND datname = current_database()`);
    await a.call('POST', '/v1/events', { userId: 'u3', itemId: first, type: 'purchase' });
    await expect.poll(async () => await idsOf(b, 'u3', 40), { timeout: 5_000, interval: 20 }).not.toContain(first);
  });

  it('an event that joins what is kept of a shopper gives the answer that reading all of them gives', async () => {
    await a.call('POST', '/v1/events', { userId: 'u5', itemId: 'i3', type: 'view' });
    await listOf(a, 'u5');
    for (const event of [{ itemId: 'i4', type: 'cart' }, { itemId: 'i4', type: 'rating', value: 1 }, { itemId: 'i7', type: 'purchase', quantity: 2 }, { itemId: 'i7', type: 'purchase', quantity: -1 }, { itemId: 'never-seen', type: 'purchase' }]) {
      await a.call('POST', '/v1/events', { userId: 'u5', ...event });
      const kept = await listOf(a, 'u5', 30);
      // A replica that has never heard of the shopper reads everything.
      const fresh = await startService({}, {}, a.url);
      expect([event, await listOf(fresh, 'u5', 30)]).toEqual([event, kept]);
      await fresh.stop();
    }
  });

  it('requests for one shopper at one time share one read', async () => {
    let reads = 0;
    const query = a.database.query.bind(a.database) as (...all: unknown[]) => unknown;
    a.database.query = ((...all: unknown[]) => {
      reads += String(all[0]).includes('LEFT JOIN LATERAL') ? 1 : 0;
      return query(...all);
    }) as typeof a.database.query;
    await a.answers.followEvents();
    a.answers.noteCommitted([{ userId: 'u7', itemId: 'never-seen-either', typeNo: 1, value: null, quantity: null, occurredAtMs: null }]);
    const answers = await Promise.all(Array.from({ length: 20 }, async () => await listOf(a, 'u7')));
    expect(reads).toBe(1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    a.database.query = query as typeof a.database.query;
  });

  it('a swap under load fails no request and mixes no two models in an answer', async () => {
    const seen: { user: string; list: Awaited<ReturnType<typeof listOf>> }[] = [];
    let going = true;
    const hammer = Array.from({ length: 4 }, async (_, n) => {
      for (let k = n; going; k++) {
        const user = `u${(k * 7) % USERS}`;
        seen.push({ user, list: await listOf(b, user, 6) });
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const lists = new Map<number, Map<string, unknown>>();
    const record = async () => {
      const version = b.answers.modelVersion()!;
      const of = new Map<string, unknown>();
      for (let user = 0; user < USERS; user++) {
        of.set(`u${user}`, await listOf(b, `u${user}`, 6));
      }
      lists.set(version, of);
    };
    await record();
    for (const factors of [3, 9]) {
      const before = b.answers.modelVersion();
      await publishHybridModel(a, factors);
      await expect.poll(() => b.answers.modelVersion(), { timeout: 5_000, interval: 5 }).not.toBe(before);
      await record();
      // Recording waits for hardly anything: the others get their turn here.
      await expect.poll(() => seen.at(-1)!.list.modelVersion, { timeout: 5_000, interval: 5 }).toBe(b.answers.modelVersion());
    }
    going = false;
    await Promise.all(hammer);
    expect(lists.size).toBe(3);
    expect(new Set(seen.map(({ list }) => list.modelVersion)).size).toBe(3);
    for (const { user, list } of seen) {
      expect([user, list]).toEqual([user, lists.get(list.modelVersion)!.get(user)]);
    }
  });

  it('a damaged model is not served, and the former one stays', async () => {
    const before = b.answers.modelVersion();
    await execute(a.url, `UPDATE models SET state = 'retired' WHERE state = 'live';
      INSERT INTO models (state, recipe, watermark, system_identifier, sha256, user_sha256) SELECT 'live', recipe, watermark, system_identifier, sha256, user_sha256 FROM models ORDER BY version DESC LIMIT 1;
      INSERT INTO model_chunks SELECT (SELECT max(version) FROM models), part, seq, set_byte(bytes, octet_length(bytes) - 1, 255 - get_byte(bytes, octet_length(bytes) - 1)) FROM model_chunks WHERE version = ${before}`);
    await b.answers.followModels();
    expect(b.answers.modelVersion()).toBe(before);
    expect((await listOf(b, 'u2')).modelVersion).toBe(before);
  });
});
