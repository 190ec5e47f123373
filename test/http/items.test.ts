import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

const SHOE = {
  title: 'Trail shoe', url: 'https://shop.example/p/1', imageUrl: 'https://shop.example/1.jpg', price: 89.5, categories: ['shoes', 'outdoor'],
  attributes: { brand: 'Acme', sizes: [40, 41.5], nested: { deep: { er: null } } }, available: false, publishedAt: '2026-01-01T00:00:00.000Z', expiresAt: '2030-01-01T00:00:00.000Z',
};
const NOTHING = { title: null, url: null, imageUrl: null, price: null, categories: [], attributes: {}, available: true, publishedAt: null, expiresAt: null };

describe('items', () => {
  let service: Service;
  const call = async (method: 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST', path: string, body?: unknown) => await service.call(method, path, body, 'secret');

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('PUT sets every field and replaces what was there', async () => {
    const made = await call('PUT', '/v1/items/shoe', SHOE);
    expect(made.status).toBe(200);
    expect(made.json).toMatchObject({ itemId: 'shoe', ...SHOE });
    expect(new Date(made.json.updatedAt).getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect((await call('GET', '/v1/items/shoe')).json).toEqual(made.json);
    expect((await call('PUT', '/v1/items/shoe', { title: 'Only a title' })).json).toMatchObject({ ...NOTHING, itemId: 'shoe', title: 'Only a title' });
    expect((await call('PUT', '/v1/items/shoe', {})).json).toMatchObject(NOTHING);
  });

  it('PUT answers with what it set, whoever takes the item away meanwhile', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, async (_, n) => (n % 2 === 0 ? await call('PUT', '/v1/items/contested', { title: `number ${n}` }) : await call('DELETE', '/v1/items/contested'))));
    const puts = answers.filter((_, n) => n % 2 === 0);
    expect(puts.map(({ status, json }) => [status, json.title])).toEqual(puts.map((_, n) => [200, `number ${2 * n}`]));
    expect(answers.filter(({ status }) => ![200, 204, 404].includes(status))).toEqual([]);
  });

  it('PATCH keeps what is left out and clears what is null', async () => {
    await call('PUT', '/v1/items/patch', SHOE);
    expect((await call('PATCH', '/v1/items/patch', {})).json).toMatchObject(SHOE);
    expect((await call('PATCH', '/v1/items/patch', { price: 0, categories: [] })).json).toMatchObject({ ...SHOE, price: 0, categories: [] });
    expect((await call('PATCH', '/v1/items/patch', { attributes: { brand: 'Other' } })).json.attributes).toEqual({ brand: 'Other' });
    const cleared = await call('PATCH', '/v1/items/patch', Object.fromEntries(Object.keys(SHOE).map((name) => [name, null])));
    expect(cleared.json).toMatchObject(NOTHING);
    expectProblem(await call('PATCH', '/v1/items/unheard-of', { title: 'x' }), 404, 'not-found');
    expect((await call('GET', '/v1/items/unheard-of')).status).toBe(404);
  });

  it('understands every zone and fraction of RFC 3339', async () => {
    for (const [sent, kept] of [
      ['2026-01-01T00:00:00+23:59', '2025-12-31T00:01:00.000Z'],
      ['2026-01-01 00:00:00.5-08:00', '2026-01-01T08:00:00.500Z'],
      ['2026-01-01t00:00:00z', '2026-01-01T00:00:00.000Z'],
      [`2026-01-01T00:00:00.${'1'.repeat(200)}Z`, '2026-01-01T00:00:00.111Z'],
    ]) {
      expect((await call('PUT', '/v1/items/zones', { publishedAt: sent, expiresAt: sent })).json).toMatchObject({ publishedAt: kept, expiresAt: kept });
      expect((await call('PATCH', '/v1/items/zones', { publishedAt: sent })).json.publishedAt).toBe(kept);
      expect((await call('POST', '/v1/items', { items: [{ itemId: 'zones', expiresAt: sent }] })).json).toEqual({ stored: 1 });
    }
  });

  it('DELETE takes an item out, PUT and events bring it back or leave it out', async () => {
    await call('PUT', '/v1/items/gone', SHOE);
    const deleted = await call('DELETE', '/v1/items/gone');
    expect([deleted.status, deleted.text]).toEqual([204, '']);
    expectProblem(await call('GET', '/v1/items/gone'), 404, 'not-found');
    expectProblem(await call('PATCH', '/v1/items/gone', { title: 'x' }), 404, 'not-found');
    expectProblem(await call('DELETE', '/v1/items/gone'), 404, 'not-found');
    expect((await call('GET', '/v1/items?q=gone')).json.items).toEqual([]);
    // An event on it is kept, and does not put it back into the catalogue.
    expect((await call('POST', '/v1/events', { userId: 'u', itemId: 'gone', type: 'view' })).json.accepted).toBe(1);
    expect((await call('GET', '/v1/items/gone')).status).toBe(404);
    expect((await call('PUT', '/v1/items/gone', { title: 'back' })).json).toMatchObject({ ...NOTHING, title: 'back' });
    expect((await call('GET', '/v1/items/gone')).json.title).toBe('back');
  });

  it('a list is stored whole or not at all, fields that are left out staying', async () => {
    await call('PUT', '/v1/items/bulk-1', SHOE);
    expect((await call('POST', '/v1/items', { items: [{ itemId: 'bulk-1', price: 5 }, { itemId: 'bulk-2', title: 'two' }] })).json).toEqual({ stored: 2 });
    expect((await call('GET', '/v1/items/bulk-1')).json).toMatchObject({ ...SHOE, price: 5 });
    expect((await call('GET', '/v1/items/bulk-2')).json).toMatchObject({ ...NOTHING, title: 'two' });
    const refused = await call('POST', '/v1/items', { items: [{ itemId: 'bulk-3', title: 'three' }, { itemId: 'bulk-1', price: 'free' }] });
    expectProblem(refused, 400, 'invalid-request');
    expect(refused.json.field).toBe('items.1.price');
    expect((await call('GET', '/v1/items/bulk-3')).status).toBe(404);
    const nul = await call('POST', '/v1/items', { items: [{ itemId: 'bulk-3' }, { itemId: 'bulk-4', attributes: { 'k\0': 1 } }] });
    expectProblem(nul, 400, 'invalid-request');
    expect(nul.json.field).toBe('items.1.attributes');
    expect((await call('GET', '/v1/items/bulk-3')).status).toBe(404);
    expectProblem(await call('POST', '/v1/items', { items: Array.from({ length: 1001 }, (_, k) => ({ itemId: `x${k}` })) }), 400, 'invalid-request');
  });

  it('an item named twice in a list gets the fields of both, the later over the earlier', async () => {
    expect((await call('POST', '/v1/items', { items: [{ itemId: 'twice', title: 'a', price: 1 }, { itemId: '__proto__', title: 'p' }, { itemId: 'twice', price: 2 }] })).json).toEqual({ stored: 2 });
    expect((await call('GET', '/v1/items/twice')).json).toMatchObject({ title: 'a', price: 2 });
    expect((await call('GET', '/v1/items/__proto__')).json).toMatchObject({ title: 'p' });
  });

  it('lists of the same items in opposite order do not lock each other out', async () => {
    const list = (from: number) => Array.from({ length: 50 }, (_, k) => ({ itemId: `lock-${from === 0 ? k : 49 - k}`, title: `${from}` }));
    const answers = await Promise.all([0, 1, 0, 1].map(async (from) => await call('POST', '/v1/items', { items: list(from) })));
    expect(answers.map((answer) => answer.json)).toEqual(Array.from({ length: 4 }, () => ({ stored: 50 })));
  });

  it('q finds a part of title or id in any case, its wildcards taken literally', async () => {
    const found = async (q: string) => (await call('GET', `/v1/items?q=${encodeURIComponent(q)}`)).json.items.map((item: { itemId: string }) => item.itemId);
    await call('POST', '/v1/items', { items: [{ itemId: 'q1', title: '100% Wool' }, { itemId: 'q2', title: '100 Wool' }, { itemId: 'q_3', title: 'Straße' }, { itemId: 'qx3', title: String.raw`back\slash` }] });
    expect(await found('100%')).toEqual(['q1']);
    expect(await found('WOOL')).toEqual(['q1', 'q2']);
    expect(await found('q_')).toEqual(['q_3']);
    expect(await found('\\')).toEqual(['qx3']);
    expect(await found('straße')).toEqual(['q_3']);
    expect(await found(`'; DROP TABLE items; --`)).toEqual([]);
  });

  it('pages reach the end without loss or repetition, also while items come and go', async () => {
    await call('POST', '/v1/items', { items: Array.from({ length: 23 }, (_, k) => ({ itemId: `page-${10 + k}`, title: 'paged' })) });
    const seen: string[] = [];
    const sizes: number[] = [];
    let path = '/v1/items?q=paged&limit=5';
    for (;;) {
      const page = (await call('GET', path)).json;
      seen.push(...page.items.map((item: { itemId: string }) => item.itemId));
      sizes.push(page.items.length);
      if (page.nextCursor === undefined) {
        break;
      }
      await call('DELETE', `/v1/items/${seen.at(-1)}`);
      path = `/v1/items?q=paged&limit=5&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(Array.from({ length: 23 }, (_, k) => `page-${10 + k}`));
    expect(sizes).toEqual([5, 5, 5, 5, 3]);
    expect((await call('GET', '/v1/items?q=paged&limit=19')).json.nextCursor).toBeUndefined();
    expect((await call('GET', '/v1/items?q=paged&limit=18')).json.nextCursor).toBeDefined();
  });
});
