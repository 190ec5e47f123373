import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { type Service, startService } from '../support/service.ts';

/** Two tastes: even users like even items, odd users odd ones. Each user leaves one item of their kind out; it is what they should be shown. */
function twoTastes(users: number, items: number) {
  const events: object[] = [];
  for (let user = 0; user < users; user++) {
    for (let item = user % 2; item < items; item += 2) {
      if (item !== leftOut(user, items)) {
        events.push({ userId: `u${user}`, itemId: `i${item}`, type: 'cart', occurredAt: new Date(Date.UTC(2026, 0, 1) + (user * items + item) * 60_000).toISOString() });
      }
    }
  }
  return events;
}

function leftOut(user: number, items: number): number {
  return (user % 2) + 2 * (Math.floor(user / 2) % (items / 2));
}

describe('answers', () => {
  let service: Service;
  const recommend = async (user: string, query = '') => (await service.call('GET', `/v1/users/${encodeURIComponent(user)}/recommendations${query}`)).json;

  beforeAll(async () => {
    service = await startService();
    const events = twoTastes(24, 12);
    const sent = await service.call('POST', '/v1/events', { events });
    expect(sent.json.accepted).toBe(events.length);
    expect((await service.train()).state).toBe('published');
  });
  afterAll(async () => await service.stop());

  it('recommends items of the shopper’s own taste first', async () => {
    for (let user = 0; user < 24; user++) {
      const answer = await recommend(`u${user}`, '?limit=6');
      expect(answer.source).toBe('personal');
      expect(answer.items.map((item: { itemId: string }) => Number(item.itemId.slice(1)) % 2)).toEqual(Array(6).fill(user % 2));
    }
  });

  it('lets a new event change the very next answer', async () => {
    const before = await recommend('newcomer', '?limit=3');
    expect(before.source).toBe('trending');
    await service.call('POST', '/v1/events', { userId: 'newcomer', itemId: 'i1', type: 'cart' });
    const after = await recommend('newcomer', '?limit=3');
    expect(after.source).toBe('personal');
    expect(after.items.every((item: { itemId: string }) => Number(item.itemId.slice(1)) % 2 === 1)).toBe(true);
    // And back: the shopper turns to the other taste.
    await service.call('POST', '/v1/events', { events: [0, 2, 4, 6].map((item) => ({ userId: 'newcomer', itemId: `i${item}`, type: 'purchase' })) });
    const turned = await recommend('newcomer', '?limit=1');
    expect(Number(turned.items[0].itemId.slice(1)) % 2).toBe(0);
  });

  it('hides what was bought or rated, and shows it again when the rating is taken back', async () => {
    await service.call('POST', '/v1/events', { userId: 'hider', itemId: 'i1', type: 'cart' });
    const ids = async () => (await recommend('hider', '?limit=12')).items.map((item: { itemId: string }) => item.itemId);
    expect(await ids()).toContain('i3');
    await service.call('PUT', '/v1/users/hider/ratings/i3', { value: 5 });
    expect(await ids()).not.toContain('i3');
    await service.call('DELETE', '/v1/users/hider/ratings/i3');
    expect(await ids()).toContain('i3');
    await service.call('POST', '/v1/events', { userId: 'hider', itemId: 'i5', type: 'purchase', quantity: 2 });
    expect(await ids()).not.toContain('i5');
    await service.call('POST', '/v1/events', { userId: 'hider', itemId: 'i5', type: 'purchase', quantity: -2 });
    expect(await ids()).toContain('i5');
  });

  it('never shows an unavailable, unpublished or expired item, from the moment it is told', async () => {
    const ids = async () => (await recommend('u1', '?limit=12')).items.map((item: { itemId: string }) => item.itemId);
    for (const [off, on] of [[{ available: false }, { available: true }], [{ publishedAt: '2100-01-01T00:00:00Z' }, { publishedAt: null }], [{ expiresAt: '2020-01-01T00:00:00Z' }, { expiresAt: null }]]) {
      expect(await ids()).toContain('i1');
      await service.call('PATCH', '/v1/items/i1', off);
      expect(await ids()).not.toContain('i1');
      await service.call('PATCH', '/v1/items/i1', on);
    }
    await service.call('DELETE', '/v1/items/i1');
    expect(await ids()).not.toContain('i1');
    expect((await service.call('GET', '/v1/trending?limit=50')).json.items.map((item: { itemId: string }) => item.itemId)).not.toContain('i1');
    await service.call('PUT', '/v1/items/i1', { title: 'back' });
    expect(await ids()).toContain('i1');
  });

  it('finds similar items of the same taste and answers a session', async () => {
    const similar = (await service.call('GET', '/v1/items/i3/similar?limit=5', undefined, 'publishable')).json;
    expect(similar.source).toBe('similar');
    expect(similar.items.map((item: { itemId: string }) => Number(item.itemId.slice(1)) % 2)).toEqual([1, 1, 1, 1, 1]);
    expect(similar.items.map((item: { itemId: string }) => item.itemId)).not.toContain('i3');
    const session = (await service.call('POST', '/v1/sessions/recommendations', { items: [{ itemId: 'i2' }, { itemId: 'i4', type: 'cart' }], limit: 3 }, 'publishable')).json;
    expect(session.source).toBe('session');
    expect(session.items).toHaveLength(3);
    for (const { itemId } of session.items) {
      expect(Number(itemId.slice(1)) % 2).toBe(0);
      expect(['i2', 'i4']).not.toContain(itemId);
    }
  });

  it('brings catalogue fields along when asked', async () => {
    await service.call('PUT', '/v1/items/i7', { title: 'Seven', price: 7.5, imageUrl: 'https://shop.example/7.jpg', categories: ['odd'] });
    const answer = await recommend('u1', '?limit=12&fields=title,price,imageUrl');
    const seven = answer.items.find((item: { itemId: string }) => item.itemId === 'i7');
    expect(seven).toMatchObject({ title: 'Seven', price: 7.5, imageUrl: 'https://shop.example/7.jpg' });
    expect(seven.categories).toBeUndefined();
  });

  it('fills a short list with what is trending and says so item by item', async () => {
    await service.call('POST', '/v1/events', { userId: 'u1', itemId: 'brand-new', type: 'view' });
    await service.answers.followEvents();
    await expect.poll(async () => (await service.call('GET', '/v1/trending?limit=50')).json.items.map((item: { itemId: string }) => item.itemId), { timeout: 10_000 }).toContain('brand-new');
    const answer = await recommend('u2', '?limit=50');
    expect(answer.source).toBe('personal');
    expect(answer.items.find((item: { itemId: string }) => item.itemId === 'brand-new')?.source).toBe('trending');
    expect(new Set(answer.items.map((item: { itemId: string }) => item.itemId)).size).toBe(answer.items.length);
  });

  it('learns of events that another process wrote', async () => {
    const other = await startSecondProcess(service);
    await other.query(`INSERT INTO users (user_id) VALUES ('elsewhere')`);
    await other.query(`INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup) SELECT user_no, item_no, 2, now(), gen_random_uuid() FROM users, items WHERE user_id = 'elsewhere' AND item_id = 'i2'`);
    await other.end();
    expect((await recommend('elsewhere')).source).toBe('trending');
    await service.answers.followEvents();
    expect((await recommend('elsewhere')).source).toBe('personal');
  });

  it('does not lose the event of a transaction that was open across an extract and a poll', async () => {
    const slow = await startSecondProcess(service);
    await slow.query('BEGIN');
    await slow.query(`INSERT INTO users (user_id) VALUES ('slow')`);
    await slow.query(`INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup) SELECT user_no, item_no, 2, now(), gen_random_uuid() FROM users, items WHERE user_id = 'slow' AND item_id = 'i2'`);
    // A later transaction commits first: event numbers alone would step over the slow one.
    await service.call('POST', '/v1/events', { userId: 'quick', itemId: 'i3', type: 'cart' });
    expect((await service.train()).state).toBe('published');
    await service.answers.followEvents();
    expect((await recommend('quick')).source).toBe('personal');
    expect((await recommend('slow')).source).toBe('trending');
    await slow.query('COMMIT');
    await slow.end();
    await service.answers.followEvents();
    expect((await recommend('slow')).source).toBe('personal');
  });

  it('goes on answering from memory, marked stale, when the database is away', async () => {
    // Somebody's open transaction, in whatever database of the cluster, may have kept the watermark low: then they too are read once.
    await recommend('u4', '?limit=3');
    await service.call('POST', '/v1/events', { userId: 'u3', itemId: 'i5', type: 'view' });
    await service.database.end();
    const known = await recommend('u4', '?limit=3');
    expect(known).toMatchObject({ source: 'personal' });
    expect(known.stale).toBeUndefined();
    const dirty = await recommend('u3', '?limit=3&fields=title');
    expect(dirty).toMatchObject({ source: 'personal', stale: true });
    // Now it is known that nobody can tell what others stored.
    // The id names the second.
    expect(await recommend('u4', '?limit=3')).toEqual({ ...known, stale: true, recommendationId: expect.any(String) });
    expect((await service.call('GET', '/v1/trending')).json).toMatchObject({ source: 'trending', stale: true });
    expect((await service.call('GET', '/v1/items/i3/similar')).json).toMatchObject({ source: 'similar', stale: true });
  });
});

async function startSecondProcess(service: Service): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: service.url });
  await client.connect();
  return client;
}
