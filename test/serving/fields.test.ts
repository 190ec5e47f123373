import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answers, createAnswers } from '../../src/serving/answers.ts';
import type { Field } from '../../src/serving/steering.ts';
import { createDatabase, inTransaction } from '../../src/storage/database.ts';
import { type ItemPatch, patchItems } from '../../src/storage/items.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { type Proxy, startProxy } from '../support/proxy.ts';
import { type Service, startService } from '../support/service.ts';
import { fillShop } from '../support/three-tastes.ts';

/** Far less than the 35 s that a hanging statement takes to end, far more than an answer may wait. */
const SOON_MS = 5_000;

describe('catalogue fields of answers', () => {
  let service: Service;
  let proxy: Proxy;
  let database: ReturnType<typeof createDatabase>;
  let answers: Answers;
  /** Over the wire that can hang. */
  const list = async (fields: Field[], limit = 5) => {
    const startedMs = performance.now();
    const made = await answers.recommend('u1', { steering: { limit, fields } });
    expect(performance.now() - startedMs).toBeLessThan(SOON_MS);
    return made;
  };
  const put = async (patch: ItemPatch) => await inTransaction(service.database, async (connection) => await patchItems(connection, [patch], true));

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
    proxy = await startProxy(service.url);
    database = createDatabase({ connectionString: proxy.url, maxConnections: 3, onError: () => undefined });
    answers = createAnswers({ database, systemIdentifier: service.facts.systemIdentifier, tokenKey: await readSecret(service.database, 'tokens'), now: Date.now, log: () => undefined });
    await answers.start();
    // Somebody's open transaction may make everybody look as if they had newer events; once asked, they are in memory.
    await answers.recommend('u1', { steering: {} });
  });
  afterEach(() => proxy.resume());
  afterAll(async () => {
    answers.stop();
    await database.end();
    await proxy.close();
    await service.stop();
  });

  it('are answered without those that a hanging Postgres does not give in time, and with those that are in memory', async () => {
    proxy.hang();
    const made = await list(['title', 'price', 'url', 'attributes']);
    expect(made.stale).toBe(true);
    expect(made.items).toHaveLength(5);
    for (const { itemId, title, price, url, attributes } of made.items) {
      const no = Number(itemId.slice(1));
      expect([title, price, url, attributes]).toEqual([`Thing ${no}`, no + 1, undefined, undefined]);
    }
    // What memory has of every item costs no read at all.
    const known = await list(['title', 'price']);
    expect(known.stale).toBeUndefined();
    expect(known.items.map(({ title }) => title)).toEqual(made.items.map(({ title }) => title));
    // However many ask meanwhile, each waits as short.
    const many = await Promise.all(Array.from({ length: 200 }, async (_, n) => await list(['url'], 1 + (n % 20))));
    expect(many.every(({ stale }) => stale === true)).toBe(true);
  });

  it('are read once, then come from memory until the catalogue hears of a change', async () => {
    await expect.poll(async () => (await list(['title', 'attributes', 'categories', 'url'], 8)).stale, { timeout: 10_000 }).toBeUndefined();
    proxy.hang();
    const kept = await list(['title', 'price', 'attributes', 'categories', 'url'], 8);
    expect(kept.stale).toBeUndefined();
    const { items: [first] } = kept;
    const no = Number(first.itemId.slice(1));
    expect(first).toMatchObject({ title: `Thing ${no}`, price: no + 1, categories: [`c${no % 3}`], attributes: { stars: no % 5 }, url: null });
    proxy.resume();
    await put({ itemId: first.itemId, title: 'Another name', price: 12.34, url: 'https://shop.example/1' });
    await answers.followItems();
    expect((await list(['title', 'price', 'url'], 1)).items[0]).toMatchObject({ title: 'Another name', price: 12.34, url: 'https://shop.example/1' });
  });

  it('keep nobody waiting where only an item’s being there is asked', async () => {
    proxy.hang();
    const startedMs = performance.now();
    const made = await answers.similar(['never-heard-of'], null, { steering: { limit: 3 } });
    expect(performance.now() - startedMs).toBeLessThan(SOON_MS);
    expect(made).toMatchObject({ source: 'trending', stale: true });
    proxy.resume();
    await expect.poll(async () => await answers.similar(['never-heard-of'], null, { steering: { limit: 3 } }), { timeout: 10_000 }).toBeNull();
  });

  it('show a price as Postgres writes it', async () => {
    const prices = [0.1, 19.99, 24.5, 1e9, 123_456.7, 0.000_001, 3, 1_234_567];
    for (const [n, price] of prices.entries()) {
      await put({ itemId: `i${1 + 3 * n}`, price });
    }
    await answers.followItems();
    const { items: made } = await list(['price'], 60);
    const { rows } = await service.database.query<{ item_id: string; price: number }>('SELECT item_id, price FROM items');
    const stored = new Map(rows.map(({ item_id, price }) => [item_id, price]));
    expect(made.filter(({ itemId }) => Number(itemId.slice(1)) % 3 === 1 && Number(itemId.slice(1)) < 24).length).toBeGreaterThan(3);
    for (const { itemId, price } of made) {
      expect([itemId, price]).toEqual([itemId, stored.get(itemId)]);
    }
  });
});
