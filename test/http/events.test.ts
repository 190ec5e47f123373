import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dedupOfEventId } from '../../src/ingest/dedup.ts';
import type { Writer } from '../../src/ingest/writer.ts';
import { createWriter } from '../../src/ingest/writer.ts';
import { listEventTypes } from '../../src/storage/event-types.ts';
import { createEventStore } from '../../src/storage/event-writes.ts';
import { type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

interface Listed {
  eventNo: number;
  userId: string;
  itemId: string;
  type: string;
  value: number | null;
}

describe('events', () => {
  let service: Service;
  const post = async (body: unknown, headers: Record<string, string> = {}) => await service.call('POST', '/v1/events', body, 'secret', headers);
  const stored = async (userId: string) =>
    (await service.database.query('SELECT item_id AS item, e.value, e.quantity, e.price, e.occurred_at AS at FROM events e JOIN users USING (user_no) JOIN items USING (item_no) WHERE user_id = $1 ORDER BY event_no', [userId])).rows;

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('sent alone, in a list and as ratings are stored as they are', async () => {
    const full = { userId: 'full', itemId: 'i1', type: 'purchase', value: 0, quantity: -2, price: 19.9, groupId: 'order-1', occurredAt: '2026-01-31T18:30:00.123+02:00', eventId: 'line-1' };
    const answer = await post(full);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ accepted: 1, duplicates: 0, rejected: [], items: [{ index: 0, eventId: 'line-1', status: 'accepted' }] });
    await service.call('POST', '/v1/ratings', { ratings: [{ userId: 'full', itemId: 'i2', value: 4.5 }, { userId: 'full', itemId: 'i3', value: 1, type: 'rating' }] });
    expect(await stored('full')).toMatchObject([
      { item: 'i1', value: 0, quantity: -2, price: 19.9, at: new Date('2026-01-31T16:30:00.123Z') },
      { item: 'i2', value: 4.5, quantity: null, price: null },
      { item: 'i3', value: 1 },
    ]);
  });

  it('without an id get one, by which they can be sent again', async () => {
    const event = { userId: 'made', itemId: 'i1', type: 'view' };
    const first = (await post(event)).json.items[0].eventId as string;
    const second = (await post(event)).json.items[0].eventId as string;
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(second > first).toBe(true);
    expect(await stored('made')).toHaveLength(2);
  });

  describe('with an eventId', () => {
    const event = { userId: 'idem', itemId: 'i1', type: 'purchase', quantity: 3, price: 19.9, value: 0.1, groupId: 'g', occurredAt: '2026-03-01T10:00:00.001Z', eventId: 'e1' };

    it('are stored once, however often they come', async () => {
      expect((await post(event)).json).toMatchObject({ accepted: 1, duplicates: 0 });
      const again = await post(event);
      expect(again.status).toBe(200);
      expect(again.json).toEqual({ accepted: 0, duplicates: 1, rejected: [], items: [{ index: 0, eventId: 'e1', status: 'duplicate' }] });
      const { occurredAt: _, ...withoutTime } = event;
      expect((await post(withoutTime)).json).toMatchObject({ duplicates: 1 });
      expect((await post({ ...event, occurredAt: '2026-03-01T12:00:00.001+02:00' })).json).toMatchObject({ duplicates: 1 });
      expect(await stored('idem')).toHaveLength(1);
    });

    it.each([{ itemId: 'i2' }, { type: 'cart' }, { quantity: 4 }, { quantity: undefined }, { price: 19.91 }, { value: 0.2 }, { groupId: 'h' }, { groupId: undefined }, { occurredAt: '2026-03-01T10:00:00.002Z' }])('but other content (%j) conflict, and change nothing', async (change) => {
      await post(event);
      const answer = await post({ ...event, ...change });
      expectProblem(answer, 409, 'event-conflict');
      expect(answer.json).toMatchObject({ field: 'eventId', rejected: [{ index: 0, code: 'conflict' }] });
      expect(answer.json.detail).toContain('"e1"');
      expect(await stored('idem')).toMatchObject([{ item: 'i1', quantity: 3 }]);
    });

    it('of another shopper are other events', async () => {
      expect((await post({ ...event, userId: 'idem2' })).json).toMatchObject({ accepted: 1, duplicates: 0 });
    });

    it('twice in one list are one event, or a conflict', async () => {
      const same = { userId: 'twice', itemId: 'i1', type: 'view', eventId: 't' };
      const answer = await post({ events: [same, same, { ...same, itemId: 'i2' }, { ...same, eventId: 't2' }] });
      expect(answer.json).toMatchObject({ accepted: 2, duplicates: 1, rejected: [{ index: 2, field: 'eventId', code: 'conflict' }] });
      expect(answer.json.items.map((item: { index: number; status: string }) => [item.index, item.status])).toEqual([[0, 'accepted'], [1, 'duplicate'], [3, 'accepted']]);
      expect(await stored('twice')).toHaveLength(2);
    });
  });

  it('without a time, sent again, are duplicates though the clock has moved on', async () => {
    const event = { userId: 'clock', itemId: 'i1', type: 'view', eventId: 'c' };
    await post(event);
    await new Promise((resolve) => setTimeout(resolve, 15));
    expect((await post(event)).json).toMatchObject({ accepted: 0, duplicates: 1 });
  });

  it('under an Idempotency-Key have the ids KEY:0, KEY:1, … unless they bring their own', async () => {
    const events = [{ userId: 'key', itemId: 'i1', type: 'view' }, { userId: 'key', itemId: 'i2', type: 'view', eventId: 'own' }, { userId: 'key', itemId: 'i1', type: 'view' }];
    const first = await post({ events }, { 'idempotency-key': 'order-7' });
    expect(first.json.items.map((item: { eventId: string }) => item.eventId)).toEqual(['order-7:0', 'own', 'order-7:2']);
    expect((await post({ events }, { 'idempotency-key': 'order-7' })).json).toMatchObject({ accepted: 0, duplicates: 3 });
    expect((await post({ events }, { 'idempotency-key': 'order-8' })).json).toMatchObject({ accepted: 2, duplicates: 1 });
    expect((await post({ userId: 'key', itemId: 'i1', type: 'view', eventId: 'order-7:0' })).json).toMatchObject({ duplicates: 1 });
    expect(await stored('key')).toHaveLength(5);
  });

  it('of one time keep the order of the list', async () => {
    const occurredAt = '2026-05-05T05:05:05Z';
    const values = Array.from({ length: 300 }, (_, k) => (k * 7919) % 1000);
    await post({ events: values.map((value, k) => ({ userId: 'order', itemId: `i${(k * 31) % 7}`, type: 'rating', value, occurredAt })) });
    expect((await stored('order')).map((row) => row.value)).toEqual(values);
  });

  it('take a rating back with null, which is not 0', async () => {
    await service.call('PUT', '/v1/users/back/ratings/i1', { value: 0 });
    await service.call('POST', '/v1/ratings', { userId: 'back', itemId: 'i1', value: null });
    await service.call('DELETE', '/v1/users/back/ratings/i1');
    await post({ userId: 'back', itemId: 'i1', type: 'rating', value: null });
    expect((await stored('back')).map((row) => row.value)).toEqual([0, null, null, null]);
    const { events } = (await service.call('GET', '/v1/users/back/export')).json;
    expect(events.map((event: Listed) => event.value)).toEqual([null, null, null, 0]);
  });

  it('appear in the export of their shopper, whole, newest first, and in no other', async () => {
    await post({ events: [{ userId: 'exp', itemId: 'a', type: 'view' }, { userId: 'exp', itemId: 'b', type: 'purchase', quantity: 2, price: 3.5, value: 1, occurredAt: '2026-02-02T02:02:02.002Z' }, { userId: 'other', itemId: 'c', type: 'view' }] });
    const answer = (await service.call('GET', '/v1/users/exp/export')).json;
    expect(answer.userId).toBe('exp');
    expect(answer.events).toMatchObject([{ itemId: 'b', type: 'purchase', quantity: 2, price: 3.5, value: 1, occurredAt: '2026-02-02T02:02:02.002Z' }, { itemId: 'a', type: 'view', quantity: null, price: null, value: null }]);
    expect(answer.nextCursor).toBeUndefined();
    expectProblem(await service.call('GET', '/v1/users/nobody/export'), 404, 'not-found');
    expect((await service.call('GET', '/v1/users/exp')).json).toMatchObject({ userId: 'exp', events: 2 });
    expect((await service.call('GET', '/v1/users?q=EXP')).json.items).toMatchObject([{ userId: 'exp' }]);
  });

  it('of many writers with the same shoppers, items and ids in different order are stored once each, and nobody sees a deadlock', async () => {
    const events = Array.from({ length: 60 }, (_, k) => ({ userId: `w${k % 7}`, itemId: `wi${k % 11}`, type: 'view', eventId: `w${k}`, occurredAt: '2026-01-01T00:00:00Z' }));
    // Known already: making them would let one writer after the other through.
    await post({ events: events.map((event) => ({ ...event, eventId: undefined })) });
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, writer) => {
        const mine = events.map((event, k) => ({ event, at: (k * (2 * writer + 7) + writer * 13) % 61 })).sort((a, b) => (writer % 2 === 0 ? a.at - b.at : b.at - a.at)).map((one) => one.event);
        return await post({ events: mine });
      }),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200));
    const sum = (name: string) => answers.reduce((total, answer) => total + answer.json[name], 0);
    expect([sum('accepted'), sum('duplicates')]).toEqual([60, 540]);
    expect(answers.flatMap((answer) => answer.json.rejected)).toEqual([]);
    const { rows } = await service.database.query(`SELECT count(*)::int AS n FROM events JOIN users USING (user_no) WHERE user_id LIKE 'w_'`);
    expect(rows[0].n).toBe(60 + 60);
  });

  it('that Postgres takes out of a deadlock are sent again by the service, not by the shop', async () => {
    await post({ userId: 'dead', itemId: 'i1', type: 'view' });
    const other = new pg.Client({ connectionString: service.url });
    await other.connect();
    const insert = async (eventId: string) =>
      await other.query(`INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup) SELECT user_no, item_no, 1, '2026-01-01T00:00:00Z', $1 FROM users, items WHERE user_id = 'dead' AND item_id = 'i1'`, [dedupOfEventId('dead', eventId)]);
    for (let attempt = 1; ; attempt++) {
      const [a, b] = [`a${attempt}`, `b${attempt}`];
      await other.query('BEGIN');
      await insert(b);
      // Holds a and waits for b; the other one then waits for a. Whoever waited longest looks first, and gives way.
      const waiting = post({ events: [a, b].map((eventId) => ({ userId: 'dead', itemId: 'i1', type: 'view', occurredAt: '2026-01-01T00:00:00Z', eventId })) });
      await expect.poll(async () => (await service.database.query('SELECT count(*)::int AS n FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()')).rows[0].n).toBe(1);
      try {
        await insert(a);
      } catch (error) {
        // Where this took longer than the service's one look, there was no deadlock to be seen yet, and this connection gives way.
        if ((error as { code?: string }).code !== '40P01' || attempt === 5) {
          throw error;
        }
        await other.query('ROLLBACK');
        await waiting;
        continue;
      }
      await other.query('COMMIT');
      await other.end();
      const answer = await waiting;
      expect([answer.status, answer.json.accepted, answer.json.duplicates]).toEqual([200, 0, 2]);
      expect(await stored('dead')).toHaveLength(1 + 2 * attempt);
      return;
    }
  });

  it('of two writers that meet in new shoppers and items leave no gap and no double', async () => {
    const list = (ids: number[]) => ({ events: ids.map((k) => ({ userId: `n${k}`, itemId: `ni${(k * 17) % 40}`, type: 'view' })) });
    const up = Array.from({ length: 40 }, (_, k) => k);
    const answers = await Promise.all([post(list(up)), post(list([...up].reverse())), post(list(up.map((k) => (k * 7) % 40)))]);
    expect(answers.map((answer) => answer.json?.accepted)).toEqual([40, 40, 40]);
    const { rows } = await service.database.query(`SELECT (SELECT count(*)::int FROM users WHERE user_id ~ '^n[0-9]+$') AS users, (SELECT count(*)::int FROM items WHERE item_id ~ '^ni[0-9]+$') AS items`);
    expect(rows[0]).toEqual({ users: 40, items: 40 });
  });
});

describe('the stream of events', () => {
  let service: Service;
  const read = async (after: string | null, limit = 1000) => (await service.call('GET', `/v1/events?limit=${limit}${after === null ? '' : `&after=${after}`}`, undefined, 'secret')).json as { items: Listed[]; nextCursor: string };
  const send = async (...itemIds: string[]) => await service.call('POST', '/v1/events', { events: itemIds.map((itemId) => ({ userId: 'u', itemId, type: 'view' })) });
  const ids = (page: { items: Listed[] }) => page.items.map((event) => event.itemId);
  // An event waits for every transaction of the server that began before its own ended, those of tests beside this one included.
  const soon = async (look: () => Promise<unknown>, expected: unknown) => await expect.poll(look, { timeout: 20_000, interval: 20 }).toEqual(expected);

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('has a cursor before it has an event', async () => {
    const page = await read(null);
    expect(page.items).toEqual([]);
    await send('first');
    await soon(async () => ids(await read(page.nextCursor)), ['first']);
  });

  it('begins with the newest and goes on from the cursor, page by page, each event once', async () => {
    await send('a', 'b', 'c', 'd', 'e');
    await soon(async () => ids(await read(null, 2)), ['d', 'e']);
    const newest = await read(null, 2);
    await send('f', 'g');
    await send('h');
    await soon(async () => ids(await read(newest.nextCursor)), ['f', 'g', 'h']);
    const one = await read(newest.nextCursor, 2);
    const two = await read(one.nextCursor, 2);
    expect(ids(one)).toEqual(['f', 'g']);
    expect(ids(two)).toEqual(['h']);
    const end = await read(two.nextCursor);
    expect(end).toEqual({ items: [], nextCursor: two.nextCursor });
    expect(ids(await read('0-0'))).toEqual(['first', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  });

  it('misses nothing and repeats nothing while transactions commit out of order', async () => {
    const slow = new pg.Client({ connectionString: service.url });
    await slow.connect();
    const insert = async (value: number) => await slow.query(`INSERT INTO events (user_no, item_no, type_no, value, occurred_at, dedup) SELECT min(user_no), (SELECT min(item_no) FROM items), 1, ${value}, now(), gen_random_uuid() FROM users`);
    const seen: number[] = [];
    let cursor = (await read(null)).nextCursor;
    const follow = async () => {
      const page = await read(cursor, 3);
      seen.push(...page.items.map((event) => event.eventNo));
      cursor = page.nextCursor;
      return page.items.length;
    };
    await slow.query('BEGIN');
    await insert(1);
    await send('after-slow-began');
    await follow();
    // The later event is committed, and is held back: behind it the slow one would be lost.
    expect(seen).toEqual([]);
    await insert(2);
    await send('and-another', 'and-one-more');
    await follow();
    await slow.query('COMMIT');
    await slow.query('BEGIN');
    await insert(3);
    await soon(async () => await follow().then(() => seen.length), 5);
    await slow.query('ROLLBACK');
    await send('last');
    await soon(async () => await follow().then(() => seen.length), 6);
    await slow.end();
    const all = (await read('0-0')).items.filter((event) => event.eventNo >= Math.min(...seen)).map((event) => event.eventNo);
    expect(seen).toHaveLength(6);
    expect(seen).toEqual(all);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('misses nothing under ten writers at once', async () => {
    let cursor = (await read(null)).nextCursor;
    const seen: string[] = [];
    const reader = soon(async () => {
      const page = await read(cursor, 7);
      seen.push(...ids(page));
      cursor = page.nextCursor;
      return seen.length >= 160;
    }, true);
    await Promise.all(
      Array.from({ length: 10 }, async (_, writer) => {
        for (let k = 0; k < 8; k++) {
          await send(`x${writer}-${k}-0`, `x${writer}-${k}-1`);
        }
      }),
    );
    await reader;
    expect((await read(cursor)).items).toEqual([]);
    expect(seen).toHaveLength(160);
    expect(new Set(seen).size).toBe(160);
  });
});

describe('when more requests wait than may', () => {
  it('new ones are refused at once with a time to come again, and those under way are stored', async () => {
    let inner: Writer | null = null;
    const told: number[] = [];
    const service = await startService({ writer: { tally: () => inner!.tally(), get types() { return inner!.types; }, setTypes: (types) => inner!.setTypes(types), isFull: () => inner!.isFull(), write: (...args) => inner!.write(...args) } });
    inner = createWriter({ store: createEventStore(service.database, service.url), types: await listEventTypes(service.database), maxQueuedEvents: 2, now: Date.now, recommendations: { read: () => 'malformed', noteFault: () => undefined }, onCommitted: () => undefined, onFull: (queued) => told.push(queued) });
    const blocker = new pg.Client({ connectionString: service.url });
    await blocker.connect();
    try {
      await blocker.query('BEGIN');
      await blocker.query('LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
      const event = (id: string) => ({ userId: 'u', itemId: 'i', type: 'view', eventId: id });
      const waiting = [service.call('POST', '/v1/events', event('1')), service.call('POST', '/v1/events', event('2'))];
      await new Promise((resolve) => setTimeout(resolve, 100));
      const refused = await service.call('POST', '/v1/events', event('3'));
      expectProblem(refused, 503, 'ingest-overloaded');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expectProblem(await service.call('POST', '/v1/events', event('4')), 503, 'ingest-overloaded');
      expect(told).toEqual([2]);
      // What is wrong anyway is told so, not sent round again.
      expectProblem(await service.call('POST', '/v1/events', { userId: 'u' }), 400, 'invalid-request');
      await blocker.query('ROLLBACK');
      expect((await Promise.all(waiting)).map((answer) => answer.json.accepted)).toEqual([1, 1]);
      expect((await service.call('POST', '/v1/events', event('3'))).json.accepted).toBe(1);
    } finally {
      await blocker.end();
      await service.stop();
    }
  });
});
