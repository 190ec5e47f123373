import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Service, startService } from '../support/service.ts';
import { ITEMS, USERS, fillShop } from '../support/three-tastes.ts';

interface Listed {
  itemId: string;
  score: number;
  source?: string;
  price?: number;
  reasons?: { itemId: string; type: string | null; score: number; factors: number; neighbours: number; text: string }[];
}

describe('steering', () => {
  let service: Service;
  const path = (user: string, query: Record<string, string | number | boolean | string[]> = {}) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      [value].flat().forEach((one) => params.append(name, String(one)));
    }
    return `/v1/users/${user}/recommendations?${params}`;
  };
  const get = async (user: string, query: Parameters<typeof path>[1] = {}) => (await service.call('GET', path(user, query))).json;
  const ids = (answer: { items: Listed[] }) => answer.items.map(({ itemId }) => itemId);
  const no = (itemId: string) => Number(itemId.slice(1));

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
  });
  afterAll(async () => await service.stop());

  it('answers only what a filter leaves, in the same order and with the same scores as without it', async () => {
    const all = await get('u0', { limit: 60, fill: false });
    const some = await get('u0', { limit: 60, fill: false, filter: 'price <= 30 AND brand = acme' });
    expect(some.items.length).toBeGreaterThan(3);
    expect(some.items).toEqual(all.items.filter(({ itemId }: Listed) => no(itemId) < 30 && no(itemId) % 2 === 0));
    expect(ids(await get('u0', { limit: 60, filter: 'category IN [c1] AND stars 1 TO 2' })).every((id) => no(id) % 3 === 1 && [1, 2].includes(no(id) % 5))).toBe(true);
    expect((await get('u0', { filter: 'price > 1000' })).items).toEqual([]);
  });

  it('fills what a filter leaves short with what is trending, within the filter', async () => {
    const answer = await get('u0', { limit: 60, filter: 'price < 50' });
    expect(ids(answer).every((id) => no(id) < 49)).toBe(true);
    expect(new Set(ids(answer)).size).toBe(answer.items.length);
  });

  it('says what is wrong with a filter, where, and quickly', async () => {
    for (const [filter, position, said] of [
      ['price <', 7, 'value'], ['prise < 4', 0, 'price'], ['price = shoes', 8, 'number'], ['((((', 4, ''], [`${'('.repeat(1000)}price < 4${')'.repeat(1000)}`, null, ''], ['a'.repeat(4001), null, ''], ['price < 4 AND', 13, ''],
    ] as const) {
      const started = performance.now();
      const answer = await service.call('POST', '/v1/users/u0/recommendations', { filter });
      expect(performance.now() - started).toBeLessThan(500);
      expect(answer.status, filter).toBe(400);
      expect(answer.json).toMatchObject({ field: 'filter', ...(position === null ? {} : { code: 'invalid-filter', position }) });
      expect(answer.json.detail).toContain(said);
    }
  });

  it('refuses parameters out of their bounds, naming them', async () => {
    for (const [name, value] of [['diversity', 2], ['diversity', -1], ['limit', 0], ['limit', -1], ['limit', 1e9], ['rotationHours', 0], ['explore', 0.6], ['minScore', 'high'], ['reasons', 'perhaps'], ['cursor', 'x'.repeat(300)]] as const) {
      const answer = await service.call('GET', path('u0', { [name]: value }));
      expect(answer.status, `${name}=${value}`).toBe(400);
      expect(answer.json.field).toBe(name);
    }
    const excluded = Array.from({ length: 501 }, (_, n) => `i${n}`);
    expect((await service.call('POST', '/v1/users/u0/recommendations', { exclude: excluded })).json.field).toBe('exclude');
    expect((await service.call('GET', path('u0', { scenario: 'nowhere' }))).json).toMatchObject({ code: 'scenario-unknown', field: 'scenario' });
    expect((await service.call('POST', '/v1/users/u0/recommendations', { divercity: 1 })).json.detail).toContain('diversity');
    expect((await service.call('GET', path('u0', { boost: 'category:c1^99' }))).json).toMatchObject({ code: 'invalid-filter', field: 'boost' });
  });

  it('leaves out what is excluded and answers what was seen when asked', async () => {
    const before = ids(await get('u0', { limit: 5 }));
    expect(ids(await get('u0', { limit: 5, exclude: before.slice(0, 2) }))).toEqual(expect.not.arrayContaining(before.slice(0, 2)));
    const bought = Array.from({ length: ITEMS }, (_, n) => `i${n}`).filter((id) => no(id) % 3 === 0 && (no(id) * 7) % 4 !== 0 && no(id) % 5 === 0);
    expect(bought.length).toBeGreaterThan(0);
    expect(ids(await get('u0', { limit: 60 })).filter((id) => bought.includes(id))).toEqual([]);
    expect(ids(await get('u0', { limit: 60, includeSeen: true }))).toEqual(expect.arrayContaining(bought));
  });

  it('moves up what is boosted, by as many spreads as asked', async () => {
    const plain = await get('u0', { limit: 60, fill: false });
    const boosted = await get('u0', { limit: 60, fill: false, boost: 'category:c2^2' });
    const scoreOf = new Map<string, number>(plain.items.map(({ itemId, score }: Listed) => [itemId, score]));
    const gains = boosted.items.filter(({ itemId }: Listed) => no(itemId) % 3 === 2).map(({ itemId, score }: Listed) => score - scoreOf.get(itemId)!);
    expect(gains.length).toBeGreaterThan(5);
    expect(Math.max(...gains) - Math.min(...gains)).toBeLessThan(1e-5);
    expect(gains[0]).toBeGreaterThan(0);
    const others = boosted.items.filter(({ itemId }: Listed) => no(itemId) % 3 !== 2);
    expect(others.every(({ itemId, score }: Listed) => score === scoreOf.get(itemId))).toBe(true);
    const body = await service.call('POST', '/v1/users/u0/recommendations', { limit: 60, fill: false, boosts: [{ filter: 'category = c2', amount: 2 }] });
    expect(body.json.items).toEqual(boosted.items);
  });

  it('drops what scores less than minScore and fills nothing then', async () => {
    const all = await get('u0', { limit: 20 });
    const least = all.items[4].score;
    expect((await get('u0', { limit: 20, minScore: least })).items).toEqual(all.items.slice(0, 5));
  });

  it('pages through the list that one long answer would be, and says when it has changed', async () => {
    const whole = ids(await get('u4', { limit: 40 }));
    const paged: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await get('u4', { limit: 7, ...(cursor === undefined ? {} : { cursor }) });
      paged.push(...ids(page));
      cursor = page.nextCursor;
      pages++;
    } while (cursor !== undefined && paged.length < 40);
    expect(pages).toBeGreaterThan(4);
    expect(paged.slice(0, 40)).toEqual(whole.slice(0, paged.length));
    const first = await get('u4', { limit: 7 });
    expect((await service.call('GET', path('u4', { limit: 8, cursor: first.nextCursor }))).json).toMatchObject({ status: 400, code: 'cursor-invalid', field: 'cursor' });
    const forged = `${first.nextCursor.slice(0, -2)}${first.nextCursor.endsWith('AA') ? 'BB' : 'AA'}`;
    expect((await service.call('GET', path('u4', { limit: 7, cursor: forged }))).json).toMatchObject({ status: 400, code: 'cursor-invalid' });
    await service.call('POST', '/v1/events', { userId: 'u4', itemId: 'i7', type: 'view' });
    expect((await service.call('GET', path('u4', { limit: 7, cursor: first.nextCursor }))).json).toMatchObject({ status: 410, code: 'cursor-stale', field: 'cursor' });
  });

  it('varies a list, and turns it with the hours', async () => {
    const categories = (answer: { items: Listed[] }) => new Set(ids(answer).map((id) => no(id) % 3)).size;
    expect(categories(await get('u0', { limit: 8 }))).toBe(1);
    expect(categories(await get('u0', { limit: 8, diversity: 1 }))).toBe(3);
    expect((await get('u0', { limit: 8, diversity: 0 })).items).toEqual((await get('u0', { limit: 8 })).items);
    const turned = await get('u0', { limit: 8, rotation: 1, rotationHours: 1000 });
    expect(ids(turned)).not.toEqual(ids(await get('u0', { limit: 8 })));
    expect((await get('u0', { limit: 8, rotation: 1, rotationHours: 1000 })).items).toEqual(turned.items);
  });

  it('goes by scenarios: their steering where the request says nothing, their rules always', async () => {
    const put = await service.call('PUT', '/v1/scenarios/shelf', { limit: 4, filter: 'price < 40', never: ['category = c1'], bury: ['brand = acme'], pins: [{ itemId: 'i35', position: 2 }, { itemId: 'i59', position: 1 }] });
    expect(put.status).toBe(200);
    const answer = await get('u0', { scenario: 'shelf' });
    expect(answer.items).toHaveLength(4);
    expect(answer.items[1]).toMatchObject({ itemId: 'i35', source: 'pinned' });
    // i59 costs 60: a pin does not break the filter.
    expect(ids(answer).every((id) => no(id) < 39 && no(id) % 3 !== 1)).toBe(true);
    expect(ids(answer).filter((id) => id !== 'i35').every((id) => no(id) % 2 === 1)).toBe(true);
    const long = ids(await get('u0', { scenario: 'shelf', limit: 30 }));
    const firstBuried = long.findIndex((id) => no(id) % 2 === 0);
    expect(firstBuried).toBeGreaterThan(3);
    expect(long.slice(firstBuried).every((id) => no(id) % 2 === 0)).toBe(true);
    expect((await service.call('PUT', '/v1/scenarios/broken', { never: ['prise < 1'] })).json).toMatchObject({ code: 'invalid-filter', field: 'never.0', position: 0 });
    expect((await service.call('GET', '/v1/scenarios')).json.items.map(({ name }: { name: string }) => name)).toEqual(['cart', 'home', 'mail', 'product-page', 'shelf']);
    expect((await service.call('DELETE', '/v1/scenarios/shelf')).status).toBe(204);
    expect((await service.call('GET', path('u0', { scenario: 'shelf' }))).json.code).toBe('scenario-unknown');
    expect((await service.call('GET', '/v1/scenarios/shelf')).status).toBe(404);
  });

  it('takes an item out at once when it becomes unavailable, within every kind', async () => {
    const [first] = ids(await get('u1', { limit: 1 }));
    await service.call('PATCH', `/v1/items/${first}`, { available: false });
    for (const url of [path('u1', { limit: 60, includeSeen: true }), '/v1/trending?limit=60', '/v1/newest?limit=60', '/v1/items/i1/similar?limit=60', '/v1/items/i1/together?limit=60']) {
      expect(ids((await service.call('GET', url)).json), url).not.toContain(first);
    }
    await service.call('PATCH', `/v1/items/${first}`, { available: true });
    expect(ids(await get('u1', { limit: 1 }))).toEqual([first]);
  });
});

describe('kinds', () => {
  let service: Service;
  const list = async (url: string, body?: object) => (await service.call(body === undefined ? 'GET' : 'POST', url, body, 'secret')).json as { source: string; items: Listed[]; recommendationId: string };
  const no = (itemId: string) => Number(itemId.slice(1));

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
  });
  afterAll(async () => await service.stop());

  it('knows what was in the same baskets', async () => {
    const answer = await list('/v1/items/i3/together?limit=5&fill=false');
    expect(answer.source).toBe('together');
    // Baskets hold items of one taste with equal n mod 4.
    expect(answer.items.length).toBeGreaterThan(0);
    expect(answer.items.every(({ itemId }) => no(itemId) % 3 === 0 && no(itemId) % 4 === 3)).toBe(true);
    const cart = await list('/v1/items/together', { itemIds: ['i3', 'i15'], limit: 3, fill: false });
    expect(cart.items.map(({ itemId }) => itemId)).toEqual(expect.not.arrayContaining(['i3', 'i15']));
    expect((await service.call('GET', '/v1/items/nothing/together')).status).toBe(404);
  });

  it('finds what is like several items, and leans to a shopper when asked with a secret key', async () => {
    const two = await list('/v1/items/similar', { itemIds: ['i0', 'i3'], limit: 5 });
    expect(two.source).toBe('similar');
    expect(two.items.every(({ itemId }) => no(itemId) % 3 === 0 && !['i0', 'i3'].includes(itemId))).toBe(true);
    const leaning = await list('/v1/items/i1/similar?limit=5&userId=u1');
    expect(leaning.items).not.toEqual((await list('/v1/items/i1/similar?limit=5')).items);
    expect((await service.call('GET', '/v1/items/i1/similar?userId=u1', undefined, 'publishable')).json).toMatchObject({ status: 403, code: 'token-missing', field: 'userId' });
  });

  it('lists what is trending and what is newest, per category', async () => {
    // Trends are counted beside the answers.
    await expect.poll(async () => (await list('/v1/trending?limit=60&fill=false')).items.length, { timeout: 20_000 }).toBe(60);
    for (const kind of ['trending', 'newest']) {
      const answer = await list(`/v1/${kind}?limit=60&fill=false&filter=${encodeURIComponent('category = c1')}`);
      expect(answer.source).toBe(kind);
      expect(answer.items).toHaveLength(20);
      expect(answer.items.every(({ itemId }) => no(itemId) % 3 === 1)).toBe(true);
    }
    await service.call('PUT', '/v1/items/brand-new', { title: 'New thing', publishedAt: new Date(Date.now() - 1000).toISOString() });
    expect((await list('/v1/newest?limit=1')).items[0].itemId).toBe('brand-new');
    await service.call('DELETE', '/v1/items/brand-new');
  });

  it('gives new items a share by their content', async () => {
    const fresh = Array.from({ length: 4 }, (_, n) => ({ itemId: `new${n}`, title: `Thing new ${n}`, price: 20, categories: [`c${n % 3}`] }));
    await service.call('POST', '/v1/items', { items: fresh });
    const explore = async () => await list('/v1/users/u2/recommendations?limit=10&explore=0.2');
    // Their vectors are made beside the answers.
    await expect.poll(async () => (await explore()).items.filter(({ source }) => source === 'explore').length, { timeout: 10_000 }).toBeGreaterThan(0);
    const answer = await explore();
    expect(answer.items[0].source).toBeUndefined();
    // u2 likes c2, and so the new item of c2 is for them where those of other tastes need not be.
    expect(answer.items.find(({ source }) => source === 'explore')?.itemId).toBe('new2');
    // Each is in somebody's list, and in nobody's of another taste.
    const shown = new Set<string>();
    for (let user = 0; user < 40; user++) {
      for (const { itemId } of (await list(`/v1/users/u${user}/recommendations?limit=10&explore=0.2`)).items.filter(({ source }) => source === 'explore')) {
        shown.add(itemId);
        expect(Number(itemId.slice(3)) % 3).toBe(user % 3);
      }
    }
    expect(shown.size).toBe(fresh.length);
    expect((await list('/v1/users/u2/recommendations?limit=10&explore=0')).items.some(({ source }) => source === 'explore')).toBe(false);
    for (const { itemId } of fresh) {
      await service.call('DELETE', `/v1/items/${itemId}`);
    }
    expect((await list('/v1/users/u2/recommendations?limit=10&explore=0.5')).items.some(({ source }) => source === 'explore')).toBe(false);
  });

  it('says why, in numbers that add up and in words', async () => {
    const answer = await list('/v1/users/u5/recommendations?limit=5&reasons=true&explore=0');
    for (const { reasons, itemId } of answer.items) {
      expect(reasons!.length).toBeGreaterThan(0);
      expect(reasons!.every(({ text, type }) => /^Because you (bought|put into your cart) “Thing \d+”$/.test(text) && ['purchase', 'cart'].includes(type!))).toBe(true);
      const all = (await service.call('GET', `/v1/users/u5/recommendations/${itemId}/reasons`)).json;
      const sum = (name: 'factors' | 'neighbours') => all.reasons.reduce((total: number, reason: Record<string, number>) => total + reason[name], all.others[name]);
      expect(Math.abs(sum('factors') - all.parts.factors)).toBeLessThan(1e-4 * Math.max(1, Math.abs(all.parts.factors)));
      expect(Math.abs(sum('neighbours') - all.parts.neighbours)).toBeLessThan(1e-4 * Math.max(1, Math.abs(all.parts.neighbours)));
      expect(Math.abs(all.parts.factors + all.parts.neighbours + all.parts.recency - all.score)).toBeLessThan(1e-5);
      expect(Math.abs(all.score - answer.items.find((item) => item.itemId === itemId)!.score)).toBeLessThan(1e-5);
      expect(all.reasons.slice(0, 1)).toEqual(reasons!.slice(0, 1));
    }
    // The same of somebody whose newest event the model has not seen.
    await service.call('POST', '/v1/events', { userId: 'u5', itemId: 'i8', type: 'rating', value: 5 });
    const fresh = (await service.call('GET', '/v1/users/u5/recommendations/i11/reasons')).json;
    expect(fresh.reasons.some(({ itemId, text }: { itemId: string; text: string }) => itemId === 'i8' && text === 'Because you rated “Thing 8”')).toBe(true);
    expect((await service.call('GET', '/v1/users/u5/recommendations/nothing/reasons')).status).toBe(404);
    expect((await service.call('GET', '/v1/users/nobody/recommendations/i1/reasons')).status).toBe(404);
  });

  it('names the shoppers who would like an item', async () => {
    const answer = (await service.call('GET', '/v1/items/i4/audience?limit=10')).json;
    expect(answer.items.map(({ userId }: { userId: string }) => Number(userId.slice(1)) % 3)).toEqual(Array(10).fill(1));
    expect((await service.call('GET', '/v1/items/i4/audience', undefined, 'publishable')).status).toBe(403);
  });

  it('answers many shoppers line by line, each as alone', async () => {
    const userIds = [...Array.from({ length: USERS }, (_, n) => `u${n}`), 'nobody'];
    const answer = await service.call('POST', '/v1/recommendations/batch', { userIds, limit: 3 });
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    const lines = answer.text.trim().split('\n').map((line) => JSON.parse(line));
    expect(lines.map(({ userId }) => userId)).toEqual(userIds);
    for (const { userId, recommendationId: _, ...rest } of lines) {
      const { recommendationId: __, ...alone } = await list(`/v1/users/${userId}/recommendations?limit=3`) as Record<string, unknown>;
      expect(rest).toEqual(alone);
    }
    expect((await service.call('POST', '/v1/recommendations/batch', { userIds, filter: 'prise < 1' })).json).toMatchObject({ status: 400, code: 'invalid-filter' });
    expect((await service.call('POST', '/v1/recommendations/batch', { userIds: Array(501).fill('u1') })).json.field).toBe('userIds');
  });

  it('signs what list it was', async () => {
    const { recommendationId } = await list('/v1/users/u5/recommendations?limit=5');
    expect(recommendationId.length).toBeLessThanOrEqual(120);
    expect(recommendationId).toMatch(/^[\w-]+$/);
    expect((await list('/v1/trending')).recommendationId).not.toBe(recommendationId);
  });
});
