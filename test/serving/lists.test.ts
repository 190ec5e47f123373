import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Service, startService } from '../support/service.ts';
import { USERS, fillShop } from '../support/three-tastes.ts';

interface Listed {
  itemId: string;
  score: number | null;
  source?: string;
  reasons?: { itemId: string; type: string | null; score: number; factors: number; neighbours: number; text: string }[];
}

interface List {
  source: string;
  items: Listed[];
}

describe('lists', () => {
  let service: Service;
  const get = async (path: string, query: Record<string, string | number | boolean | string[]> = {}): Promise<List> => {
    const params = new URLSearchParams(Object.entries(query).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, String(one)])));
    const { status, json } = await service.call('GET', `${path}?${params}`);
    expect([path, status]).toEqual([path, 200]);
    return json as List;
  };
  const post = async (path: string, body: object) => (await service.call('POST', path, body)).json as List;
  const forUser = async (user: string, query: Parameters<typeof get>[1] = {}) => await get(`/v1/users/${user}/recommendations`, query);
  const ids = ({ items }: List) => items.map(({ itemId }) => itemId);
  const no = (itemId: string) => Number(itemId.slice(1));

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
    // Trends are counted beside the answers.
    await vi.waitFor(async () => expect((await get('/v1/trending', { limit: 60, fill: false })).items).toHaveLength(60), { timeout: 20_000 });
  });
  afterAll(async () => await service.stop());

  describe('pins', () => {
    it('have the score that the list would have given them, boosts included', async () => {
      const whole = await forUser('u0', { limit: 60, explore: 0, boost: 'category:c1^1' });
      const pins = [40, 31, 2].map((no_, n) => ({ itemId: `i${no_}`, position: n + 1 }));
      await service.call('PUT', '/v1/scenarios/pins', { pins, explore: 0 });
      const pinned = await forUser('u0', { limit: 4, scenario: 'pins', boost: 'category:c1^1' });
      expect(pinned.items.slice(0, 3)).toEqual(pins.map(({ itemId }) => ({ itemId, score: expect.closeTo(whole.items.find((item) => item.itemId === itemId)!.score!, 5), source: 'pinned' })));
      const similar = await get('/v1/items/i0/similar', { limit: 60, fill: false, boost: 'category:c1^1' });
      const beside = await get('/v1/items/i0/similar', { limit: 4, scenario: 'pins', boost: 'category:c1^1' });
      expect(beside.items.slice(0, 3).map(({ score }) => score)).toEqual(pins.map(({ itemId }) => expect.closeTo(similar.items.find((item) => item.itemId === itemId)!.score!, 5)));
      // What is trending has a score for each of them too; baskets have none for what was in none.
      const trending = await get('/v1/trending', { limit: 60 });
      expect((await get('/v1/trending', { limit: 4, scenario: 'pins' })).items[0]).toEqual({ ...trending.items.find(({ itemId }) => itemId === 'i40')!, source: 'pinned' });
      expect((await get('/v1/items/i3/together', { limit: 4, scenario: 'pins' })).items[0]).toEqual({ itemId: 'i40', score: null, source: 'pinned' });
      await service.call('DELETE', '/v1/scenarios/pins');
    });

    it('keep away what the shopper has bought, as all lists do, unless it is asked for', async () => {
      await service.call('PUT', '/v1/scenarios/pins', { pins: [{ itemId: 'i33', position: 1 }] });
      expect(ids(await forUser('u6', { scenario: 'pins', limit: 5 }))[0]).toBe('i33');
      await service.call('POST', '/v1/events', { userId: 'u6', itemId: 'i33', type: 'purchase' });
      expect(ids(await forUser('u6', { scenario: 'pins', limit: 60 }))).not.toContain('i33');
      const asked = await forUser('u6', { scenario: 'pins', limit: 5, includeSeen: true });
      expect(asked.items[0]).toMatchObject({ itemId: 'i33', source: 'pinned' });
      expect(asked.items[0].score).toBeCloseTo((await forUser('u6', { limit: 60, includeSeen: true })).items.find(({ itemId }) => itemId === 'i33')!.score!, 5);
      await service.call('DELETE', '/v1/scenarios/pins');
    });
  });

  describe('a kind that knows nothing', () => {
    it('is filled by what is trending, or stays empty where nothing may fill it', async () => {
      await service.call('PUT', '/v1/items/unknown', { title: 'Nobody touched it' });
      const kinds: readonly (readonly [string, (query: object) => Promise<List>])[] = [
        ['personal', async (query) => await post('/v1/users/nobody/recommendations', query)],
        ['session', async (query) => await post('/v1/sessions/recommendations', { ...query, items: [{ itemId: 'unknown' }] })],
        ['similar', async (query) => await post('/v1/items/similar', { ...query, itemIds: ['unknown'] })],
        ['together', async (query) => await post('/v1/items/together', { ...query, itemIds: ['unknown'] })],
      ];
      for (const [kind, ask] of kinds) {
        const filled = await ask({ limit: 5 });
        expect([kind, filled.source, filled.items.length]).toEqual([kind, 'trending', 5]);
        for (const query of [{ limit: 5, fill: false }, { limit: 5, minScore: 0.1 }, { limit: 5, scenario: 'mail' }]) {
          expect([kind, await ask(query)]).toEqual([kind, expect.objectContaining({ source: kind, items: [] })]);
        }
      }
      await service.call('DELETE', '/v1/items/unknown');
    });

    it('of baskets is similar items instead, and these lengthen a short list', async () => {
      // i57 was carted by itself.
      await service.call('POST', '/v1/items', { items: [{ itemId: 'alone', title: 'Thing alone', categories: ['c0'] }] });
      const short = await get('/v1/items/i3/together', { limit: 20 });
      const own = short.items.filter(({ source }) => source === undefined).length;
      expect(short.source).toBe('together');
      expect(own).toBeGreaterThan(0);
      expect(own).toBeLessThan(20);
      expect(short.items.slice(own).every(({ source }) => source === 'similar')).toBe(true);
      const similar = ids(await get('/v1/items/i3/similar', { limit: 60, fill: false })).filter((itemId) => !ids(short).slice(0, own).includes(itemId));
      expect(ids(short).slice(own)).toEqual(similar.slice(0, 20 - own));
      expect((await get('/v1/items/i3/together', { limit: 20, fill: false })).items).toHaveLength(own);
      expect(new Set(ids(short)).size).toBe(20);
      await service.call('DELETE', '/v1/items/alone');
    });
  });

  describe('minScore', () => {
    it('holds for new items as for all others, and they do not lengthen what it leaves', async () => {
      const fresh = Array.from({ length: 6 }, (_, n) => ({ itemId: `new${n}`, title: `Thing new ${n}`, price: 20, categories: [`c${n % 3}`] }));
      await service.call('POST', '/v1/items', { items: fresh });
      const explored = async (query: object) => await forUser('u2', { limit: 12, explore: 0.5, ...query });
      await expect.poll(async () => (await explored({})).items.filter(({ source }) => source === 'explore').length, { timeout: 10_000 }).toBeGreaterThan(1);
      const all = (await explored({})).items;
      const scores = all.filter(({ source }) => source === 'explore').map(({ score }) => score!).sort((a, b) => b - a);
      const least = (scores[0] + scores[1]) / 2;
      const held = await explored({ minScore: least });
      expect(held.items.every(({ score }) => score! >= least)).toBe(true);
      expect(held.items.filter(({ source }) => source === 'explore')).toHaveLength(1);
      // A list of one stays one.
      const best = (await forUser('u2', { limit: 1, explore: 0 })).items[0];
      expect(ids(await explored({ filter: `itemId IN [${best.itemId}, new0, new1, new2, new3, new4, new5]`, fill: false }))).toEqual([best.itemId]);
      for (const { itemId } of fresh) {
        await service.call('DELETE', `/v1/items/${itemId}`);
      }
    });
  });

  it('popularityDiscount puts what is popular further down and shows the scores as they are', async () => {
    const plain = await forUser('u0', { limit: 60, explore: 0 });
    const scores = new Map(plain.items.map(({ itemId, score }) => [itemId, score]));
    const discounted = await forUser('u0', { limit: 60, explore: 0, popularityDiscount: 1 });
    expect(discounted.items.filter(({ itemId, score }) => score !== scores.get(itemId))).toEqual([]);
    const popularity = new Map((await get('/v1/trending', { limit: 60 })).items.map(({ itemId, score }) => [itemId, score!]));
    const mean = (list: List) => list.items.slice(0, 8).reduce((sum, { itemId }) => sum + popularity.get(itemId)!, 0) / 8;
    expect(mean(discounted)).toBeLessThan(mean(plain));
  });

  describe('exclude', () => {
    it('takes ids separated by commas, or one a parameter, which may have commas in it', async () => {
      const [a, b, c] = ids(await forUser('u0', { limit: 3 }));
      for (const exclude of [`${a},${b}`, [a, b]]) {
        expect(ids(await forUser('u0', { limit: 1, exclude }))).toEqual([c]);
      }
      await service.call('POST', '/v1/items', { items: [{ itemId: 'x,y' }, { itemId: 'x' }] });
      const newest = async (exclude: string | string[]) => ids(await get('/v1/newest', { limit: 2, exclude }));
      expect(await newest('z')).toEqual(['x,y', 'x']);
      expect(await newest('x,y')).not.toContain('x');
      expect(await newest('x,y')).toContain('x,y');
      expect(await newest(['x,y', 'z'])).toContain('x');
      expect(await newest(['x,y', 'z'])).not.toContain('x,y');
      for (const itemId of ['x', 'x,y']) {
        await service.call('DELETE', `/v1/items/${encodeURIComponent(itemId)}`);
      }
    });

    it('refuses more than 500, and what is no id', async () => {
      const ask = async (exclude: string) => (await service.call('GET', `/v1/users/u0/recommendations?exclude=${encodeURIComponent(exclude)}`)).json;
      expect((await forUser('u0', { exclude: Array.from({ length: 500 }, (_, n) => `e${n}`).join(',') })).items).toHaveLength(10);
      expect(await ask(Array.from({ length: 501 }, (_, n) => `e${n}`).join(','))).toMatchObject({ status: 400, code: 'invalid-request', field: 'exclude', detail: expect.stringContaining('501') });
      expect(await ask('i1,,i2')).toMatchObject({ status: 400, field: 'exclude', detail: expect.stringContaining('empty') });
      expect(await ask(`i1,${'x'.repeat(257)}`)).toMatchObject({ status: 400, field: 'exclude', detail: expect.stringContaining('257') });
    });
  });

  describe('newest', () => {
    it('begins with what has a time of its own: what came with the first import without one may be of any age', async () => {
      await service.call('PATCH', '/v1/items/i8', { publishedAt: '2020-05-01T00:00:00Z' });
      await service.call('PATCH', '/v1/items/i9', { publishedAt: '2024-05-01T00:00:00Z' });
      const { items } = await get('/v1/newest', { limit: 60 });
      expect(items.slice(0, 2)).toEqual([{ itemId: 'i9', score: Date.UTC(2024, 4, 1) / 1000 }, { itemId: 'i8', score: Date.UTC(2020, 4, 1) / 1000 }]);
      // The others by number, which go by id within one import, the last first; a boost leaves equals in that order.
      const others = Array.from({ length: 60 }, (_, n) => `i${n}`).filter((itemId) => itemId !== 'i8' && itemId !== 'i9').sort((a, b) => (a < b ? 1 : -1));
      expect(items.slice(2).map(({ itemId, score }) => [itemId, score])).toEqual(others.map((itemId) => [itemId, 0]));
      const boosted = ids(await get('/v1/newest', { limit: 60, boost: 'category:c1^10' })).filter((itemId) => no(itemId) % 3 === 1);
      expect(boosted).toEqual(others.filter((itemId) => no(itemId) % 3 === 1));
      // One that comes later is new, whether it says so or not.
      await service.database.query(`UPDATE items SET first_seen_at = first_seen_at - interval '3 hours', xid = pg_current_xact_id()`);
      await service.call('POST', '/v1/items', { items: [{ itemId: 'later' }] });
      expect(ids(await get('/v1/newest', { limit: 2 }))).toEqual(['later', 'i9']);
      await service.call('DELETE', '/v1/items/later');
    });
  });

  describe('reasons', () => {
    it('say in a session what was looked at, by shares that add up', async () => {
      const session = async (...items: object[]) => (await post('/v1/sessions/recommendations', { items, limit: 40, reasons: true, explore: 0 })).items;
      const sumOf = (reasons: Listed['reasons']) => reasons!.reduce((sum, { score }) => sum + score, 0);
      const listed = await session({ itemId: 'i8' }, { itemId: 'i2' }, { itemId: 'i5', type: 'cart' });
      const other = new Map((await session({ itemId: 'i11' })).map((item) => [item.itemId, item]));
      for (const { reasons } of listed.slice(0, 8)) {
        expect(reasons!.map(({ itemId }) => itemId).toSorted()).toEqual(['i2', 'i5', 'i8']);
        for (const { itemId, type, text } of reasons!) {
          expect([itemId, type, text]).toEqual([itemId, itemId === 'i5' ? 'cart' : 'view', `Because you ${itemId === 'i5' ? 'put into your cart' : 'looked at'} “Thing ${no(itemId)}”`]);
        }
      }
      // What is left is how popular the item is of late, whatever the session.
      const both = listed.slice(0, 8).flatMap((item) => [other.get(item.itemId)].filter((beside) => beside !== undefined && beside.reasons!.length === 1).map((beside) => [item, beside!]));
      expect(both.length).toBeGreaterThan(3);
      for (const [one, beside] of both) {
        expect(one.score! - sumOf(one.reasons)).toBeCloseTo(beside.score! - sumOf(beside.reasons), 4);
      }
    });

    it('name the items that a list begins from', async () => {
      const { items } = await post('/v1/items/similar', { itemIds: ['i0', 'i3'], limit: 5, reasons: true });
      for (const { score, reasons } of items) {
        expect(reasons!.map(({ itemId, type, text }) => [itemId, type, text]).toSorted()).toEqual([0, 3].map((n) => [`i${n}`, null, `Because it is like “Thing ${n}”`]));
        expect(reasons!.reduce((sum, reason) => sum + reason.factors, 0)).toBeCloseTo(score!, 4);
      }
      const cart = await post('/v1/items/together', { itemIds: ['i3', 'i15'], limit: 3, reasons: true, fill: false });
      expect(cart.items.length).toBeGreaterThan(0);
      for (const { score, reasons } of cart.items) {
        expect(reasons!.reduce((sum, reason) => sum + reason.score, 0)).toBeCloseTo(score!, 4);
        expect(reasons!.every(({ text }) => /^Because it was bought together with “Thing (3|15)”$/.test(text))).toBe(true);
      }
    });

    it('of what fills a list up are its own', async () => {
      const { items } = await get('/v1/items/i3/together', { limit: 20, reasons: true });
      for (const { source, reasons } of items) {
        expect(reasons!.map(({ text }) => text)).toEqual([source === 'similar' ? 'Because it is like “Thing 3”' : 'Because it was bought together with “Thing 3”']);
      }
      expect(new Set(items.map(({ source }) => source))).toEqual(new Set([undefined, 'similar']));
      await service.call('POST', '/v1/items', { items: [{ itemId: 'fresh' }] });
      const all = await get('/v1/items/i3/similar', { limit: 200, reasons: true });
      expect(all.items.find(({ itemId }) => itemId === 'fresh')).toMatchObject({ source: 'newest', reasons: [] });
      await service.call('DELETE', '/v1/items/fresh');
    });

    it('are an empty list where there are none', async () => {
      for (const list of [await get('/v1/trending', { reasons: true, limit: 3 }), await get('/v1/newest', { reasons: true, limit: 3 }), await forUser('nobody', { reasons: true, limit: 3 })]) {
        expect(list.items.map(({ reasons }) => reasons)).toEqual([[], [], []]);
      }
    });

    it('leave out what is next to nothing beside the rest', async () => {
      for (let user = 0; user < USERS; user += 7) {
        const { items } = await forUser(`u${user}`, { limit: 20, reasons: true, includeSeen: true, explore: 0 });
        for (const { itemId } of items) {
          const { json } = await service.call('GET', `/v1/users/u${user}/recommendations/${itemId}/reasons`);
          const speaking = json.reasons.reduce((sum: number, { score }: { score: number }) => sum + Math.max(0, score), 0);
          expect(json.reasons.every(({ score }: { score: number }) => Math.abs(score) > 0.009 * speaking)).toBe(true);
          expect(json.others.count + json.reasons.length).toBeGreaterThan(0);
        }
      }
    });

    it('say why there are none, as audiences do', async () => {
      await service.call('POST', '/v1/items', { items: [{ itemId: 'fresh', categories: ['c0'] }] });
      const ask = async (user: string, itemId: string) => (await service.call('GET', `/v1/users/${user}/recommendations/${itemId}/reasons`)).json;
      expect(await ask('u0', 'fresh')).toMatchObject({ status: 404, code: 'not-found', field: 'itemId', detail: expect.stringMatching(/does not know item "fresh".*new.*explore/) });
      expect(await ask('u0', 'nothing')).toMatchObject({ status: 404, field: 'itemId', detail: 'There is no item "nothing".' });
      expect(await ask('nobody', 'i1')).toMatchObject({ status: 404, field: 'userId', detail: expect.stringMatching(/of user "nobody".*trending/) });
      expect((await service.call('GET', '/v1/items/fresh/audience')).json).toMatchObject({ status: 404, detail: expect.stringContaining('does not know item "fresh"') });
      expect((await service.call('GET', '/v1/items/nothing/audience')).json).toMatchObject({ status: 404, detail: 'There is no item "nothing".' });
      await service.call('DELETE', '/v1/items/fresh');
    });
  });

  it('say what is wrong in words, and what would be right', async () => {
    const path = '/v1/users/u0/recommendations';
    const wrong: readonly (readonly [string, string, string])[] = [
      ['limit=201', 'limit', 'limit is 201; it must be from 1 to 200'],
      ['limit=many', 'limit', 'limit is "many"; it must be a whole number'],
      ['fill=perhaps', 'fill', 'fill is "perhaps"; it must be true or false'],
      ['fields=titel', 'fields', 'fields has "titel", which is none; did you mean "title"? It takes title, url, imageUrl, price, categories, attributes, separated by commas.'],
      ['fields=title,,price', 'fields', 'fields has "", which is none. It takes'],
      ['filter=', 'filter', 'filter is ""; it must have 1 to 4000 characters'],
      ['foo=1', 'foo', '"foo" is not known here. Known: limit,'],
      ['boost=prise', 'boost', 'did you mean "price"? GET /v1/items/schema'],
      ['filter=colour=1', 'filter', 'attribute of any item. GET /v1/items/schema'],
      ['scenario=hom', 'scenario', 'scenario is "hom"; there is none of that name; did you mean "home"? Known: cart, home,'],
      ['exclude=', 'exclude', 'exclude has the id "", which is empty'],
    ];
    for (const [query, field, detail] of wrong) {
      expect((await service.call('GET', `${path}?${query}`)).json, query).toMatchObject({ status: 400, field, detail: expect.stringContaining(detail), remedy: expect.stringMatching(/^[A-Z].*\.$/) });
    }
    expect((await service.call('GET', '/v1/scenarios/hom')).json).toMatchObject({ status: 404, detail: 'There is no scenario "hom".', remedy: expect.stringContaining('GET /v1/scenarios lists them') });
    expect((await service.call('PUT', '/v1/scenarios/Home', {})).json.detail).toBe('name is "Home", which does not fit: Small letters, digits and -, up to 64, a letter first');
    expect((await service.call('POST', '/v1/items/similar', { itemIds: ['nothing', 'nobody'] })).json).toMatchObject({ status: 404, field: 'itemIds', detail: 'There is none of the 2 items, the first being "nothing".' });
    expect((await service.call('POST', '/v1/items/similar', { itemIds: [] })).json.detail).toBe('itemIds has 0 members; it must have 1 to 50');
  });
});
