import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rankByHybrid } from '../../src/model/hybrid.ts';
import { createRandom } from '../../src/model/random.ts';
import { createLiveModel } from '../../src/serving/live-model.ts';
import { atOnce } from '../../src/model/pieces.ts';
import { decodeItemSide, encodeItemSide } from '../../src/model/snapshot.ts';
import { loadModelPart } from '../../src/storage/model-parts.ts';
import { type HybridModel, publishHybridModel } from '../support/hybrid-model.ts';
import { execute } from '../support/postgres.ts';
import { type Service, startService } from '../support/service.ts';

const USERS = 60;
const ITEMS = 90;
const LIMIT = 12;

/** Shoppers of three tastes with some noise, over half a year. */
function shop() {
  const random = createRandom(11);
  const events: object[] = [];
  for (let user = 0; user < USERS; user++) {
    for (let n = 0; n < 10; n++) {
      const item = random.uniform() < 0.8 ? 3 * random.integer(ITEMS / 3) + (user % 3) : random.integer(ITEMS);
      events.push({ userId: `u${user}`, itemId: `i${item}`, type: ['view', 'cart', 'purchase'][random.integer(3)], occurredAt: new Date(Date.UTC(2026, 0, 1) + random.integer(180 * 24) * 3_600_000).toISOString() });
    }
    events.push({ userId: `u${user}`, itemId: `i${random.integer(ITEMS)}`, type: 'rating', value: 1, occurredAt: '2026-02-01T00:00:00Z' });
  }
  return events;
}

describe('answers of a model with all terms', () => {
  let service: Service;
  let model: HybridModel;
  const listOf = async (user: string) => {
    const { json } = await service.call('GET', `/v1/users/${user}/recommendations?limit=${LIMIT}`);
    expect(json).toMatchObject({ source: 'personal' });
    return json.items as { itemId: string; score: number }[];
  };
  /** As the evaluation of training ranks. */
  const rankedOf = (row: number) => {
    const list = new Int32Array(LIMIT);
    const count = rankByHybrid(model.users, model.items, model.histories, model.terms, LIMIT)(row, list);
    return Array.from(list.subarray(0, count), (index) => model.itemIds[index]);
  };

  beforeAll(async () => {
    service = await startService();
    // What is measured leaves out all of a user's own items.
    await execute(service.url, 'UPDATE event_types SET hides_days = NULL');
    const events = shop();
    for (let from = 0; from < events.length; from += 500) {
      expect((await service.call('POST', '/v1/events', { events: events.slice(from, from + 500) })).status).toBe(200);
    }
    model = await publishHybridModel(service);
    expect(model.terms.scales.neighbours).toBeGreaterThan(0);
    expect(model.terms.scales.recency).toBeGreaterThan(0);
  });
  afterAll(async () => await service.stop());

  it('are what training measured, item for item, from the trained vectors', async () => {
    let otherThanFactors = 0;
    const byFactors = rankByHybrid(model.users, model.items, model.histories, { ...model.terms, scales: { neighbours: 0, recency: 0 } }, LIMIT);
    for (const [row, user] of model.userIds.entries()) {
      const found = (await listOf(user)).map((item) => item.itemId);
      expect([user, found]).toEqual([user, rankedOf(row)]);
      const list = new Int32Array(LIMIT);
      byFactors(row, list);
      otherThanFactors += Array.from(list, (index) => model.itemIds[index]).join() === found.join() ? 0 : 1;
    }
    expect(otherThanFactors).toBeGreaterThan(USERS / 2);
  });

  it('are the same folded in from the events', async () => {
    const trained = new Map<string, { itemId: string; score: number }[]>();
    for (const user of model.userIds) {
      trained.set(user, await listOf(user));
    }
    // Whoever is not kept is read from Postgres. Who is (somebody's open transaction, in whatever database of the cluster, made them look as if they had newer events) is given an event of a type that means nothing.
    service.answers.noteCommitted(model.userIds.map((userId) => ({ userId, itemId: 'i0', typeNo: 30_000, value: null, quantity: null, occurredAtMs: null })));
    for (const [row, user] of model.userIds.entries()) {
      const found = await listOf(user);
      expect([user, found.map((item) => item.itemId)]).toEqual([user, rankedOf(row)]);
      for (const [n, { score }] of found.entries()) {
        expect(Math.abs(score - trained.get(user)![n].score)).toBeLessThan(1e-4);
      }
    }
  });

  it('put what goes with the session’s newest item above what goes with its oldest', async () => {
    const neighbour = (index: number) => model.terms.neighbours!.index[model.terms.neighbours!.rowStart[index]];
    const ask = async (first: number, last: number) => {
      const { json } = await service.call('POST', '/v1/sessions/recommendations', { items: [first, 40, 50, 60, last].map((index) => ({ itemId: model.itemIds[index] })), limit: 80 }, 'publishable');
      expect(json.source).toBe('session');
      return (json.items as { itemId: string }[]).map((item) => item.itemId);
    };
    const [a, b] = [3, 4];
    const near = model.itemIds[neighbour(b)];
    expect((await ask(a, b)).indexOf(near)).toBeLessThan((await ask(b, a)).indexOf(near));
  });

  it('come from the events alone where the version has lost its user part', async () => {
    const itemPart = await loadModelPart(service.database, service.answers.modelVersion()!, 'item');
    const live = atOnce(createLiveModel({ version: 1, watermark: '0', systemIdentifier: 'x' }, itemPart, null));
    expect(live.userRowById.size).toBe(0);
    expect(live.itemIds).toEqual(model.itemIds);
    // The snapshot's own numbers answer: the same scan, given a history, ranks as the live model does.
    const list = live.scan.rank({ vector: model.users.data.subarray(0, live.stride), history: { ...model.histories, hidden: new Uint8Array(model.histories.index.length) }, from: 0, to: model.histories.rowStart[1], limit: 5, mask: 0 });
    expect(list.count).toBe(5);
  });

  it('are refused of a snapshot whose numbers are not finite', async () => {
    const side = decodeItemSide(await loadModelPart(service.database, service.answers.modelVersion()!, 'item'));
    const factors = { ...side.factors, data: side.factors.data.slice() };
    factors.data[5] = Number.NaN;
    expect(() => atOnce(createLiveModel({ version: 1, watermark: '0', systemIdentifier: 'x' }, encodeItemSide({ ...side, factors }), null))).toThrow(/not finite/);
  });
});
