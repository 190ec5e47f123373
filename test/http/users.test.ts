import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createFollowing } from '../../src/serving/following.ts';
import type { UserStates } from '../../src/serving/user-state.ts';
import type { Database } from '../../src/storage/database.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('users who leave', () => {
  let service: Service;
  const send = async (userId: string, itemIds: string[], more: object = {}) => await service.call('POST', '/v1/events', { events: itemIds.map((itemId) => ({ userId, itemId, type: 'cart', ...more })) });
  const recommend = async (userId: string) => (await service.call('GET', `/v1/users/${userId}/recommendations?limit=3`)).json;
  const count = async (sql: string, ...values: unknown[]) => (await service.database.query(`SELECT count(*)::int AS n FROM ${sql}`, values)).rows[0].n as number;
  const modelBytes = async () => Buffer.concat((await service.database.query(`SELECT bytes FROM model_chunks JOIN models USING (version) WHERE state = 'live' ORDER BY part, seq`)).rows.map((row) => row.bytes as Buffer));
  const importFile = async (text: string) => {
    const { no } = (await service.app.inject({ method: 'POST', url: '/v1/imports', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'text/csv' }, payload: text })).json();
    await expect.poll(async () => (await service.call('GET', `/v1/imports/${no}`)).json.state, { timeout: 10_000 }).toBe('done');
    return (await service.call('GET', `/v1/imports/${no}`)).json;
  };

  beforeAll(async () => {
    service = await startService();
    for (let user = 0; user < 20; user++) {
      await send(`u${user}`, Array.from({ length: 10 }, (_, item) => `i${item}`).filter((_, item) => item % 2 === user % 2 && item !== user % 10), { occurredAt: '2026-01-01T00:00:00Z' });
    }
    await service.train();
  });
  afterAll(async () => await service.stop());

  it('take everything with them: events, id, memory, the stored model, and rows kept aside', async () => {
    await importFile('user,item,time\nu7,i1,yesterday\nu70,i1,yesterday\n');
    expect((await recommend('u7')).source).toBe('personal');
    expect((await service.call('GET', '/v1/users/u7/export')).json.derived.vector.length).toBeGreaterThan(4);
    expect((await modelBytes()).includes('u7')).toBe(true);
    const erased = await service.call('DELETE', '/v1/users/u7', undefined, 'secret');
    expect([erased.status, erased.json]).toEqual([200, { userId: 'u7', eventsDeleted: 4 }]);
    expectProblem(await service.call('GET', '/v1/users/u7'), 404, 'not-found');
    expectProblem(await service.call('GET', '/v1/users/u7/export'), 404, 'not-found');
    expect((await recommend('u7')).source).toBe('trending');
    expect((await recommend('u8')).source).toBe('personal');
    expect(await count('events WHERE NOT EXISTS (SELECT FROM users u WHERE u.user_no = events.user_no)')).toBe(0);
    expect(await count(`import_errors WHERE raw LIKE '%u7,%'`)).toBe(0);
    expect(await count(`import_errors WHERE raw LIKE '%u70,%'`)).toBe(1);
    await expect.poll(async () => (await modelBytes()).includes('u7'), { timeout: 5_000 }).toBe(false);
    expect((await modelBytes()).includes('u8')).toBe(true);
    // Nowhere in the whole database is the id in clear text.
    const { rows } = await service.database.query(`SELECT string_agg(t::text, ' ') AS text FROM erasures t`);
    expect(rows[0].text).not.toContain('u7');
    expectProblem(await service.call('DELETE', '/v1/users/u7'), 404, 'not-found');
  });

  it('are gone from a model that was being opened as they left, and are looked for again where the look failed', async () => {
    let isListed = false;
    let hasLeft = false;
    const query = async (...args: unknown[]) => {
      // The next question after who is gone already.
      if (isListed && !hasLeft) {
        hasLeft = (await service.call('DELETE', '/v1/users/u11')).status === 200;
      }
      isListed ||= String(args[0]).includes('FROM erasures');
      return await (service.database.query as (...all: unknown[]) => Promise<unknown>)(...args);
    };
    const looks: string[] = [];
    const following = createFollowing({
      database: Object.assign(Object.create(service.database) as Database, { query }), systemIdentifier: 'elsewhere', now: Date.now,
      states: { beginSwap: () => undefined, finishSwap: () => undefined, mark: () => undefined, markAll: () => looks.push('states') } as unknown as UserStates,
      others: {
        mark: () => undefined, markAll: () => undefined, forget: () => undefined,
        forgetGone: async () => {
          looks.push('others');
          if (looks.length === 1) {
            throw new Error('Postgres is away');
          }
        },
      },
      noteReach: () => undefined, onEvents: () => undefined, onSwap: () => undefined, log: () => undefined,
    });
    await following.followModels();
    expect(hasLeft).toBe(true);
    expect([following.model()!.userRowById.has('u11'), following.model()!.userRowById.has('u8')]).toEqual([false, true]);
    await expect(following.followUsers()).rejects.toThrow('away');
    await following.followUsers();
    await following.followUsers();
    expect(looks).toEqual(['others', 'others', 'states']);
  });

  it('can be read before that: what they did, newest first, a page at a time', async () => {
    await service.call('PUT', '/v1/items/i3', { title: '<img onerror>', categories: ['shoes'] });
    await service.call('POST', '/v1/events', { events: [{ userId: 'reader', itemId: 'i3', type: 'view' }, { userId: 'reader', itemId: 'i4', type: 'rating', value: 4.5, occurredAt: '2026-02-01T00:00:00Z' }, { userId: 'reader', itemId: 'i3', type: 'purchase', quantity: 2, price: 19.9 }] });
    const read = async (query: string, userId = 'reader') => (await service.call('GET', `/v1/users/${userId}/events${query}`, undefined, 'secret')).json;
    const first = await read('?limit=2');
    expect(first.items).toEqual([
      { eventNo: expect.any(Number), itemId: 'i3', title: '<img onerror>', categories: ['shoes'], type: 'purchase', value: null, quantity: 2, price: 19.9, occurredAt: expect.any(String) },
      { eventNo: expect.any(Number), itemId: 'i4', title: null, categories: [], type: 'rating', value: 4.5, quantity: null, price: null, occurredAt: '2026-02-01T00:00:00.000Z' },
    ]);
    const second = await read(`?limit=2&cursor=${first.nextCursor}`);
    expect([second.items.map((event: { type: string }) => event.type), second.nextCursor]).toEqual([['view'], undefined]);
    expect(await read('', 'nobody')).toEqual({ items: [] });
  });

  it('take all that is kept of them along before, as it was sent', async () => {
    const sent = [
      { itemId: '"größe" \\ 🛒', type: 'purchase', value: 0, quantity: -2, price: 19.9, occurredAt: '2026-01-31T18:30:00.123Z' },
      { itemId: 'i1', type: 'rating', value: null, occurredAt: '1970-01-01T00:00:00.000Z' },
      { itemId: 'i1', type: 'view', price: 1e-6, occurredAt: '2026-02-01T00:00:00.000Z' },
    ];
    expect((await service.call('POST', '/v1/events', { events: sent.map((event) => ({ userId: 'leaver', ...event })) })).json.accepted).toBe(3);
    const { json, headers } = await service.call('GET', '/v1/users/leaver/export');
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(Object.keys(json)).toEqual(['userId', 'firstSeenAt', 'events', 'derived']);
    const rest = { value: null, quantity: null, price: null, eventNo: expect.any(Number), receivedAt: expect.any(String) };
    expect(json.events).toEqual(sent.toReversed().map((event) => ({ ...rest, ...event })));
    expect(json.events.every((event: { receivedAt: string }) => Math.abs(Date.parse(event.receivedAt) - Date.now()) < 60_000)).toBe(true);
    const before = Buffer.from(String(json.events[1].eventNo)).toString('base64url');
    const { json: page } = await service.call('GET', `/v1/users/leaver/export?cursor=${before}`);
    expect([Object.keys(page), page.events]).toEqual([['userId', 'firstSeenAt', 'events'], json.events.slice(2)]);
  });

  it('are gone from a replica that loads the model later, and from one that holds it', async () => {
    const replica = await startService({}, {}, service.url);
    // What was before the start was seen then: the first look has nobody read from Postgres.
    await replica.answers.followUsers();
    expect(replica.answers.recommendQuickly('u9', { steering: { limit: 3 } })).toMatchObject({ source: 'personal' });
    expect((await replica.call('GET', '/v1/users/u9/recommendations')).json.source).toBe('personal');
    await service.call('DELETE', '/v1/users/u9');
    await replica.answers.followUsers();
    expect(replica.answers.recommendQuickly('u10', { steering: { limit: 3 } })).toMatchObject({ source: 'personal' });
    expect((await replica.call('GET', '/v1/users/u9/recommendations')).json.source).toBe('trending');
    expect((await replica.call('GET', '/v1/users/u10/recommendations')).json.source).toBe('personal');
    await replica.stop();
    const later = await startService({}, {}, service.url);
    expect((await later.call('GET', '/v1/users/u9/recommendations')).json.source).toBe('trending');
    expect((await later.call('GET', '/v1/users/u10/recommendations')).json).toMatchObject({ source: 'personal' });
    await later.stop();
  });

  it('do not keep what an import brought that was undone, at a replica that starts later or opens the model later either', async () => {
    const { no } = await importFile('user,item,time,type\nimported,i1,2026-01-01,cart\nimported,i3,2026-01-01,cart\nimported,i5,2026-01-01,cart\n');
    await service.train();
    expect((await recommend('imported')).source).toBe('personal');
    expect((await service.call('DELETE', `/v1/imports/${no}`)).json).toEqual({ no, eventsDeleted: 3 });
    const later = await startService({}, {}, service.url);
    expect((await later.call('GET', '/v1/users/imported/recommendations')).json.source).toBe('trending');
    expect((await later.call('GET', '/v1/users/u10/recommendations')).json.source).toBe('personal');
    await service.train();
    await later.answers.followModels();
    // A run that began after it has nothing of it: who is in memory is answered from there again.
    expect(later.answers.recommendQuickly('u10', { steering: { limit: 3 } })).toMatchObject({ source: 'personal' });
    expect((await later.call('GET', '/v1/users/imported/recommendations')).json.source).toBe('trending');
    await later.stop();
  });

  it('may come back as new users, but what they did before is not taken again, by whatever way', async () => {
    await service.call('DELETE', '/v1/users/u11');
    const old = await service.call('POST', '/v1/events', { events: [{ userId: 'u11', itemId: 'i1', type: 'cart', occurredAt: '2026-01-01T00:00:00Z' }, { userId: 'u11', itemId: 'i3', type: 'cart' }, { userId: 'u12', itemId: 'i2', type: 'cart', occurredAt: '2026-01-02T00:00:00Z' }] });
    expect(old.json).toMatchObject({ accepted: 2, rejected: [{ index: 0, field: 'occurredAt', code: 'erased' }] });
    expectProblem(await service.call('POST', '/v1/events', { userId: 'u11', itemId: 'i1', type: 'cart', occurredAt: '2026-01-01T00:00:00Z' }), 400, 'invalid-request');
    const file = await importFile('user,item,time\nu11,i1,2026-01-01\nu11,i5,2026-01-02\nu12,i4,2026-01-02\n');
    expect(file).toMatchObject({ rowsImported: 1, rowsDuplicate: 0, skipped: { erased: 2 } });
    expect((await service.call('GET', '/v1/users/u11/export')).json.events.map((event: { itemId: string }) => event.itemId)).toEqual(['i3']);
  });

  it('leave no event behind however many are sent while they go', async () => {
    let going = true;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; going; n++) {
        await send('busy', [`b${writer}-${n}`]);
      }
    });
    for (let k = 0; k < 10; k++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await service.call('DELETE', '/v1/users/busy');
    }
    going = false;
    await Promise.all(writers);
    expect(await count('events WHERE NOT EXISTS (SELECT FROM users u WHERE u.user_no = events.user_no)')).toBe(0);
    await service.call('DELETE', '/v1/users/busy');
    expect(await count(`events JOIN items USING (item_no) WHERE item_id LIKE 'b%-%'`)).toBe(0);
  });

  it('as guests who log in give what they did to the user they are', async () => {
    await service.call('POST', '/v1/events', { userId: 'guest', itemId: 'i0', type: 'cart', eventId: 'g1' });
    await send('guest', ['i2', 'i4']);
    expect((await recommend('ann')).source).toBe('trending');
    const merged = await service.call('PUT', '/v1/users/ann/merge/guest', undefined, 'secret');
    expect([merged.status, merged.json]).toEqual([200, { userId: 'ann', eventsMoved: 3 }]);
    expect((await recommend('ann')).source).toBe('personal');
    expectProblem(await service.call('GET', '/v1/users/guest'), 404, 'not-found');
    expect((await recommend('guest')).source).toBe('trending');
    // Sent again it is known; and the guest's id is a new user's, whose past is not refused.
    expect((await service.call('POST', '/v1/events', { userId: 'guest', itemId: 'i0', type: 'cart', eventId: 'g1' })).json).toMatchObject({ duplicates: 1 });
    expect((await service.call('POST', '/v1/events', { userId: 'guest', itemId: 'i6', type: 'cart', occurredAt: '2026-01-01T00:00:00Z' })).json).toMatchObject({ accepted: 1 });
    expectProblem(await service.call('PUT', '/v1/users/ann/merge/nobody'), 404, 'not-found');
    expectProblem(await service.call('PUT', '/v1/users/ann/merge/ann'), 400, 'invalid-request');
    expect((await service.call('GET', '/v1/users/ann/export')).json.events).toHaveLength(3);
  });

  it('and go, and nothing is read anew of anybody else, whatever process somebody asks', async () => {
    const replica = await startService({}, {}, service.url);
    vi.spyOn(replica.database, 'query');
    const asked = vi.spyOn(service.database, 'query');
    const readFor = async (userId: string, of = service) => {
      const spy = vi.spyOn(of.database, 'query');
      spy.mockClear();
      const { source } = (await of.call('GET', `/v1/users/${userId}/recommendations?limit=3`)).json;
      return { source, reads: spy.mock.calls.filter(([text]) => String(text).includes('LEFT JOIN LATERAL')).length };
    };
    try {
      for (const of of [service, replica]) {
        await of.answers.followUsers();
        await of.answers.followEvents();
        // Known by what they have done since the model was made, and kept.
        for (const userId of ['u1', 'comes', 'stays']) {
          await readFor(userId, of);
        }
      }
      await send('comes', ['i0', 'i2', 'i4']);
      await send('stays', ['i1', 'i3']);
      await send('other-guest', ['i5', 'i7']);
      for (const of of [service, replica]) {
        await of.answers.followEvents();
        await readFor('comes', of);
        await readFor('stays', of);
      }
      expect(asked.mock.calls.length).toBeGreaterThan(0);
      await service.call('DELETE', '/v1/users/comes');
      await service.call('PUT', '/v1/users/u12/merge/other-guest');
      await replica.answers.followUsers();
      await replica.answers.followEvents();
      for (const of of [service, replica]) {
        expect([await readFor('u1', of), await readFor('stays', of), await readFor('u12', of), await readFor('u12', of)]).toEqual([
          { source: 'personal', reads: 0 }, { source: 'personal', reads: 0 }, { source: 'personal', reads: 1 }, { source: 'personal', reads: 0 },
        ]);
        expect((await readFor('comes', of)).source).toBe('trending');
        expect((await readFor('other-guest', of)).source).toBe('trending');
      }
      // What is taken back may be anybody's.
      const { no } = await importFile('user,item,time\nu1,i8,2026-03-01\n');
      await service.answers.followEvents();
      await readFor('u1');
      await service.call('DELETE', `/v1/imports/${no}`);
      await service.answers.followUsers();
      expect(await readFor('stays')).toEqual({ source: 'personal', reads: 1 });
    } finally {
      vi.restoreAllMocks();
      await replica.stop();
    }
  });
});
