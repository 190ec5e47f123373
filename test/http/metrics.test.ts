import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 5, 1, 12);

describe('what recommendations did', () => {
  let service: Service;
  let clock = NOON;
  const at = (ms: number) => {
    clock = ms;
    vi.setSystemTime(ms);
  };
  const send = async (event: Record<string, unknown>) => (await service.call('POST', '/v1/events', { type: 'view', occurredAt: new Date(clock).toISOString(), ...event })).json;
  const list = async (userId: string, query = 'limit=5'): Promise<string> => (await service.call('GET', `/v1/users/${userId}/recommendations?${query}`)).json.recommendationId;
  const metrics = async (query = 'by=total') => {
    await service.impressions.flush();
    return (await service.call('GET', `/v1/metrics/live?${query}`)).json;
  };

  beforeAll(async () => {
    service = await startService();
    await service.call('POST', '/v1/events', { events: Array.from({ length: 200 }, (_, n) => ({ userId: `u${n % 20}`, itemId: `i${(n * 7) % 40}`, type: 'view' })) });
    for (let n = 0; n < 40; n++) {
      await service.call('PUT', `/v1/items/i${n}`, { price: 10 + n });
    }
    await service.answers.followItems();
  });
  afterAll(async () => await service.stop());
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    at(NOON);
  });
  afterEach(async () => {
    await service.impressions.flush();
    await service.database.query('TRUNCATE impressions, recommendation_faults');
    await service.database.query('DELETE FROM events WHERE rec_at IS NOT NULL OR occurred_at < $1', [new Date(NOON + 100 * HOUR)]);
    await service.call('PUT', '/v1/settings', { attributionHours: null });
    vi.useRealTimers();
  });

  it('is counted from the lists given out and from the events that name them', async () => {
    const id = await list('u1');
    await list('u2', 'limit=10');
    at(NOON + 60_000);
    expect(await send({ userId: 'u1', itemId: 'i3', recommendationId: id, position: 2 })).toMatchObject({ accepted: 1, items: [{ status: 'accepted' }] });
    await send({ userId: 'u1', itemId: 'i3', type: 'cart' });
    await send({ userId: 'u1', itemId: 'i3', type: 'purchase', quantity: 2, price: 7.5 });
    await send({ userId: 'u1', itemId: 'i4', type: 'purchase', price: 99 }); // not of the list
    await send({ userId: 'u2', itemId: 'i3', type: 'purchase', price: 99 }); // somebody else's
    const { rows, withoutList, windowHours } = await metrics();
    expect(rows).toMatchObject([{ key: '', lists: 2, items: 15, clicks: 1, carts: 1, purchases: 1, revenue: 15, clickRate: { value: 1 / 15 }, clicksPerList: { value: 0.5 } }]);
    expect([withoutList, windowHours]).toEqual([{}, 24]);
    // One click of fifteen items: almost anything may be true.
    expect(rows[0].clickRate.low).toBeLessThan(0.01);
    expect(rows[0].clickRate.high).toBeGreaterThan(0.25);
  });

  it('takes the catalogue’s price where an event has none, and returns off', async () => {
    const id = await list('u1');
    await send({ userId: 'u1', itemId: 'i3', recommendationId: id });
    await send({ userId: 'u1', itemId: 'i3', type: 'purchase', quantity: 3 });
    await send({ userId: 'u1', itemId: 'i3', type: 'purchase', quantity: -1 });
    expect((await metrics()).rows).toMatchObject([{ purchases: 1, revenue: 26 }]);
  });

  it('does not believe ids that were forged, cut, of another installation, or a year old; their events are stored all the same', async () => {
    const id = await list('u1');
    const other = await startService();
    const foreign = (await other.call('GET', '/v1/trending')).json.recommendationId as string;
    await other.stop();
    const forged = `${id.slice(0, 10)}${id[10] === 'A' ? 'B' : 'A'}${id.slice(11)}`;
    const faults = [];
    for (const [itemId, recommendationId] of [['i1', forged], ['i2', foreign], ['i3', id.slice(0, -4)], ['i4', 'x']]) {
      faults.push((await send({ userId: 'u1', itemId, recommendationId })).items[0]);
    }
    at(NOON + 365 * 24 * HOUR);
    faults.push((await send({ userId: 'u1', itemId: 'i5', recommendationId: id })).items[0]);
    expect(faults.map(({ status, recommendation }) => [status, recommendation])).toEqual([['accepted', 'forged'], ['accepted', 'forged'], ['accepted', 'malformed'], ['accepted', 'malformed'], ['accepted', 'expired']]);
    expect((await metrics('by=total&from=2026-06-01&to=2026-06-02')).withoutList).toEqual({ forged: 2, malformed: 2 });
    expect((await metrics('by=total&from=2027-06-01')).withoutList).toEqual({ expired: 1 });
    expect((await metrics('by=total&from=2026-06-01&to=2026-06-02')).rows).toMatchObject([{ lists: 1, clicks: 0, clickRate: { value: 0, low: 0 } }]);
    expect((await service.database.query('SELECT count(*)::int AS n FROM events WHERE occurred_at = ANY($1)', [[new Date(NOON), new Date(NOON + 365 * 24 * HOUR)]])).rows[0].n).toBe(5);
    await service.database.query('DELETE FROM events WHERE occurred_at = $1', [new Date(NOON + 365 * 24 * HOUR)]);
  });

  it('knows an event from before its list, and a position that the list has not', async () => {
    const id = await list('u1');
    expect((await send({ userId: 'u1', itemId: 'i1', recommendationId: id, occurredAt: new Date(NOON - HOUR).toISOString() })).items[0]).toMatchObject({ status: 'accepted', recommendation: 'early' });
    expect((await send({ userId: 'u1', itemId: 'i2', recommendationId: id, position: 6 })).items[0]).toMatchObject({ status: 'accepted', recommendation: 'outside' });
    // Clocks differ a little.
    expect((await send({ userId: 'u1', itemId: 'i3', recommendationId: id, occurredAt: new Date(NOON - 60_000).toISOString() })).items[0]).not.toHaveProperty('recommendation');
    expect((await metrics()).withoutList).toEqual({ early: 1, outside: 1 });
  });

  it('counts an item of a list once for a shopper, and no more of a list than anybody clicks', async () => {
    const id = await list('u1', 'limit=200');
    const clicks = (itemOf: (n: number) => string) => Array.from({ length: 1_000 }, (_, n) => ({ userId: 'u1', itemId: itemOf(n), type: 'view', recommendationId: id, occurredAt: new Date(clock).toISOString() }));
    expect((await service.call('POST', '/v1/events', { events: clicks(() => 'i1') })).json.accepted).toBe(1_000);
    expect((await metrics()).rows).toMatchObject([{ clicks: 1 }]);
    await service.call('POST', '/v1/events', { events: clicks((n) => `i${n % 40}`) });
    expect((await metrics()).rows).toMatchObject([{ clicks: 20 }]);
  });

  it('gives a purchase to the last click before it, within the window', async () => {
    const first = await list('u1');
    // Lists of one kind and second are one list to a shopper.
    at(NOON + 1_000);
    const second = await list('u1');
    await send({ userId: 'u1', itemId: 'i1', recommendationId: first, position: 1 });
    at(NOON + HOUR);
    await send({ userId: 'u1', itemId: 'i1', recommendationId: second, position: 2 });
    at(NOON + 24 * HOUR);
    await send({ userId: 'u1', itemId: 'i1', type: 'purchase', price: 5 });
    at(NOON + 26 * HOUR);
    await send({ userId: 'u1', itemId: 'i1', type: 'purchase', price: 50 });
    const purchases = async () => (await metrics('by=position')).rows.filter((row: { purchases: number }) => row.purchases > 0).map((row: { key: string; revenue: number }) => [row.key, row.revenue]);
    expect(await purchases()).toEqual([['2', 5]]);
    await service.call('PUT', '/v1/settings', { attributionHours: 48 });
    expect(await purchases()).toEqual([['2', 55]]);
  });

  it('is told by day, scenario, version, source and position', async () => {
    await service.call('PUT', '/v1/scenarios/home', { limit: 4 });
    await service.answers.followScenarios();
    const id = await list('u1', 'scenario=home');
    await send({ userId: 'u1', itemId: 'i1', recommendationId: id, position: 4 });
    at(NOON + 24 * HOUR);
    await list('u2', 'limit=3');
    const keys = async (by: string) => (await metrics(`by=${by}`)).rows.map((row: { key: string; lists: number; clicks: number }) => [row.key, row.lists, row.clicks]);
    expect(await keys('day')).toEqual([['2026-06-01', 1, 1], ['2026-06-02', 1, 0]]);
    expect(await keys('scenario')).toEqual([['', 1, 0], ['home', 1, 1]]);
    expect(await keys('version')).toEqual([['0', 2, 1]]);
    expect(await keys('source')).toEqual([['trending', 2, 1]]);
    expect(await keys('position')).toEqual([['1', 2, 0], ['2', 2, 0], ['3', 2, 0], ['4', 1, 1]]);
    expect((await metrics('by=total&scenario=home')).rows).toMatchObject([{ lists: 1, items: 4, clicks: 1, clickRate: { value: 0.25 } }]);
    await service.call('DELETE', '/v1/scenarios/home');
    await service.answers.followScenarios();
    expect((await keys('scenario')).map(([key]: [string]) => key)).toEqual(['', expect.stringMatching(/^\(deleted \d+\)$/)]);
  });

  it('counts lists that pages say were seen, where they say it, and never more than were given out', async () => {
    const ids = [await list('u1'), await list('u2'), await list('u3')];
    expect((await metrics()).rows).toMatchObject([{ lists: 3 }]);
    const seen = await service.call('POST', '/v1/impressions', { recommendationIds: [ids[0], 'nonsense', ids[0].replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))] }, 'secret');
    expect(seen.json).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: 'malformed' }, { index: 2, code: 'forged' }] });
    expect((await metrics()).rows).toMatchObject([{ lists: 1, items: 5 }]);
    await service.call('POST', '/v1/impressions', { recommendationIds: Array.from({ length: 500 }, () => ids[0]) }, 'secret');
    expect((await metrics()).rows[0].lists).toBeLessThanOrEqual(3);
    // A day on which no page says anything counts what was given out.
    at(NOON + 24 * HOUR);
    await list('u1');
    expect((await metrics('by=day')).rows.map((row: { lists: number }) => row.lists)).toEqual([expect.any(Number), 1]);
  });

  it('leaves lists out that nobody is shown, of every kind, and what is said of them', async () => {
    const asked = { preview: true, limit: 3 };
    const answers = await Promise.all([
      service.call('GET', '/v1/users/u1/recommendations?preview=true&diversity=0.3'), service.call('POST', '/v1/users/u1/recommendations', asked), service.call('GET', '/v1/items/i1/similar?preview=true'), service.call('POST', '/v1/items/similar', { ...asked, itemIds: ['i1'] }),
      service.call('POST', '/v1/items/together', { ...asked, itemIds: ['i1'] }), service.call('GET', '/v1/trending?preview=true', undefined, 'publishable'), service.call('GET', '/v1/newest?preview=true'), service.call('POST', '/v1/sessions/recommendations', { ...asked, items: [{ itemId: 'i1' }] }, 'publishable'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect((await service.call('POST', '/v1/recommendations/batch', { ...asked, userIds: ['u1', 'u2'] })).text.split('\n')).toHaveLength(3);
    const [{ recommendationId: id, nextCursor }] = answers.map(({ json }) => json);
    // Otherwise it is the list that the shopper would see: its pages go on as any list's do.
    const next = await service.call('GET', `/v1/users/u1/recommendations?diversity=0.3&cursor=${nextCursor}`);
    expect(next.status).toBe(200);
    const clicked = await send({ userId: 'u1', itemId: 'i3', recommendationId: id, position: 1 });
    expect(clicked).toMatchObject({ accepted: 1, items: [{ status: 'accepted', recommendation: 'preview' }] });
    expect((await service.call('POST', '/v1/impressions', { recommendationIds: [id] }, 'secret')).json).toMatchObject({ accepted: 0, rejected: [{ index: 0, code: 'preview' }] });
    const { rows, withoutList } = await metrics();
    expect(rows).toMatchObject([{ lists: 1, clicks: 0 }]);
    expect(withoutList).toEqual({ preview: 1 });
    expectProblem(await service.call('GET', '/v1/trending?preview=yes'), 400, 'invalid-request');
  });

  it('adds up over replicas', async () => {
    const replica = await startService({}, {}, service.url);
    await list('u1');
    await replica.call('GET', '/v1/users/u1/recommendations?limit=5');
    await Promise.all([service.impressions.flush(), replica.impressions.flush()]);
    await replica.stop();
    expect((await metrics()).rows).toMatchObject([{ lists: 2, items: 10 }]);
  });

  it('names in the shopper’s export the list that an event came of', async () => {
    const id = await list('u7');
    await send({ userId: 'u7', itemId: 'i1', recommendationId: id, position: 3 });
    await send({ userId: 'u7', itemId: 'i2', recommendationId: id });
    const [second, first, ...others] = (await service.call('GET', '/v1/users/u7/export')).json.events;
    expect([first.recommendation, second.recommendation]).toEqual([3, null].map((position) => ({ listedAt: '2026-06-01T12:00:00.000Z', scenarioNo: 0, variantNo: 0, modelVersion: 0, source: 'trending', position })));
    expect(others.some((event: object) => 'recommendation' in event)).toBe(false);
  });

  it('refuses what cannot be meant, and says what would be right', async () => {
    const refusal = async (event: Record<string, unknown>) => {
      const answer = await service.call('POST', '/v1/events', { userId: 'u1', itemId: 'i1', type: 'view', ...event });
      expectProblem(answer, 400, 'invalid-request');
      return answer.json.detail;
    };
    expect(await refusal({ position: 3 })).toMatch(/recommendationId is missing; a position is one in the list/);
    expect(await refusal({ recommendationId: 'x', position: 0 })).toMatch(/position must be a whole number from 1/);
    expect(await refusal({ recommendationId: 7 })).toMatch(/recommendationId must be the recommendationId of a list, not 7/);
    const question = async (query: string) => {
      const answer = await service.call('GET', `/v1/metrics/live?${query}`);
      expectProblem(answer, 400, 'invalid-request');
      return answer.json.detail;
    };
    expect(await question('from=yesterday')).toMatch(/^from must be a date, or a date and time with its zone, like .*, not "yesterday"/);
    expect(await question('from=2026-05-01&to=2026-04-01')).toMatch(/^from must lie before to/);
    expectProblem(await service.call('GET', '/v1/metrics/live?scenario=nowhere'), 404, 'not-found');
    expectProblem(await service.call('GET', '/v1/metrics/live', undefined, 'publishable'), 403, 'key-role');
    expectProblem(await service.call('POST', '/v1/impressions', { recommendationIds: ['x'] }, 'publishable'), 403, 'token-missing');
    expectProblem(await service.call('POST', '/v1/impressions', { recommendationIds: [] }, 'secret'), 400, 'invalid-request');
  });
});
