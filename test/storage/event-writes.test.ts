import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { dedupOfEventId } from '../../src/ingest/dedup.ts';
import { DatabaseUnavailable, createDatabase } from '../../src/storage/database.ts';
import { eraseUser } from '../../src/storage/erasures.ts';
import { CommitUnknown, type EventStore, type StoredRequest, createEventStore } from '../../src/storage/event-writes.ts';
import type { NewEvent } from '../../src/storage/events.ts';
import { USERS_LOCK_KEY } from '../../src/storage/locks.ts';
import { readUserChanges } from '../../src/storage/users.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { type Proxy, startProxy } from '../support/proxy.ts';

describe('storing events', () => {
  let url: string;
  let drop: () => Promise<void>;
  let direct: pg.Client;
  let proxy: Proxy;
  let database: pg.Pool;
  let store: EventStore;

  const event = (userId: string, itemId: string, eventId: string, more: Partial<NewEvent> = {}): NewEvent => ({
    userId, itemId, typeNo: 1, value: null, quantity: null, price: null, groupHash: null, occurredAtMs: Date.UTC(2026, 0, 1), dedup: dedupOfEventId(userId, eventId), ...more,
  });
  const stored = async () => (await direct.query('SELECT user_id AS "user", item_id AS item FROM events JOIN users USING (user_no) JOIN items USING (item_no) ORDER BY event_no')).rows.map(({ user, item }: { user: string; item: string }) => `${user}/${item}`);
  const outcomes = (results: readonly StoredRequest[]) => results.map((result) => ('outcomes' in result ? result.outcomes : (result.error as Error).name));

  beforeAll(async () => {
    ({ url, drop } = await createTestDatabase(inject('templateUrl')));
    direct = new pg.Client({ connectionString: url });
    await direct.connect();
    await direct.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '22003'; END $$`);
    await direct.query(`CREATE TRIGGER poison BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.price = 666) EXECUTE FUNCTION refuse()`);
  });
  beforeEach(async () => {
    await direct.query('TRUNCATE events, users, items, erasures');
    await direct.query(`SELECT nextval('user_changes')`);
    proxy = await startProxy(url);
    database = createDatabase({ connectionString: proxy.url, maxConnections: 2, onError: () => undefined });
    store = createEventStore(database, proxy.url, 1_000);
    // From here on calls are sent behind one another.
    await store.commit([[event('first', 'i', '0')]]);
  });
  afterEach(async () => {
    await store.close();
    await database.end();
    await proxy.close();
  });
  afterAll(async () => {
    await direct.end();
    await drop();
  });

  it('keeps the order of calls that overlap, and of the events in them', async () => {
    const calls = Array.from({ length: 20 }, (_, call) => [[event('u', `${call}a`, `${call}a`), event('u', `${call}b`, `${call}b`)], [event('v', `${call}`, `${call}`)]]);
    const results = await Promise.all(calls.map(async (requests) => await store.commit(requests)));
    expect(results.map(outcomes)).toEqual(calls.map(() => [['accepted', 'accepted'], ['accepted']]));
    expect((await stored()).slice(1)).toEqual(calls.flat(2).map(({ userId, itemId }) => `${userId}/${itemId}`));
  });

  it('lets a request that Postgres will not have fail alone, and stores the others in their order, also those sent behind it', async () => {
    const poison = (n: number) => [event('u', `p${n}`, `p${n}`, { price: 666 }), event('u', `q${n}`, `q${n}`)];
    const results = await Promise.all([
      store.commit([[event('u', '1', '1')], poison(1), [event('u', '2', '2')], [event('u', '3', '3')], poison(2)]),
      store.commit([[event('u', '4', '4')]]),
      store.commit([poison(3)]),
      store.commit([[event('u', '5', '5')], [event('u', '6', '6')]]),
    ]);
    expect(results.map(outcomes)).toEqual([[['accepted'], 'error', ['accepted'], ['accepted'], 'error'], [['accepted']], ['error'], [['accepted'], ['accepted']]]);
    expect((await stored()).slice(1)).toEqual(['u/1', 'u/2', 'u/3', 'u/4', 'u/5', 'u/6']);
    expect(outcomes(await store.commit([[event('u', '7', '7')]]))).toEqual([['accepted']]);
  });

  it.each(['cut-before', 'cut-after'] as const)('finds out what became of a COMMIT whose connection was lost (%s), and stores each event once, in order', async (fault) => {
    proxy.faults.push(fault);
    const results = await Promise.all([
      store.commit([[event('u', '1', '1'), event('u', '2', '2')], [event('w', '1', '1')]]),
      store.commit([[event('u', '3', '3')]]),
      store.commit([[event('u', '4', '4')], [event('u', '1', '1')]]),
    ]);
    // Sent behind the lost one they may have been stored without an answer as well: then they are known already.
    expect(results.map(outcomes).flat(2).filter((one) => one !== 'accepted' && one !== 'duplicate')).toEqual([]);
    expect(outcomes(results[0])).toEqual([['accepted', 'accepted'], ['accepted']]);
    expect(outcomes(results[2])[1]).toEqual(['duplicate']);
    expect((await stored()).slice(1)).toEqual(['u/1', 'u/2', 'w/1', 'u/3', 'u/4']);
  });

  it.each(['cut-before', 'cut-after'] as const)('says that it does not know where Postgres stays away after that (%s), and sending again stores each event once', async (fault) => {
    proxy.awayAfterFault = true;
    proxy.faults.push(fault);
    const requests = [[event('u', '1', '1')], [event('w', '1', '1')]];
    const [result] = await store.commit(requests);
    expect('error' in result && result.error).toBeInstanceOf(CommitUnknown);
    const [refused] = await store.commit([[event('u', '2', '2')]]);
    expect('error' in refused && refused.error).toBeInstanceOf(DatabaseUnavailable);
    proxy.away = false;
    expect(outcomes(await store.commit(requests))).toEqual(fault === 'cut-before' ? [['accepted'], ['accepted']] : [['duplicate'], ['duplicate']]);
    expect((await stored()).slice(1)).toEqual(['u/1', 'w/1']);
  });

  it('looks numbers up anew when a user’s number has stopped to be theirs', async () => {
    await store.commit([[event('gone', 'i', '1')]]);
    await direct.query(`BEGIN; DELETE FROM events WHERE user_no = (SELECT user_no FROM users WHERE user_id = 'gone'); DELETE FROM users WHERE user_id = 'gone'; SELECT nextval('user_changes'); COMMIT`);
    await Promise.all([store.commit([[event('gone', 'j', '2')]]), store.commit([[event('gone', 'k', '3')]])]);
    expect((await stored()).slice(1)).toEqual(['gone/j', 'gone/k']);
    expect((await direct.query('SELECT count(*)::int AS n FROM events WHERE NOT EXISTS (SELECT FROM users u WHERE u.user_no = events.user_no)')).rows[0].n).toBe(0);
  });

  it('waits for the end of many changes in a row', async () => {
    const last = async () => (await database.query('SELECT last_value FROM user_changes')).rows[0].last_value as string;
    const before = await last();
    const changes = direct.query(`DO $$ BEGIN WHILE clock_timestamp() < now() + interval '400 ms' LOOP PERFORM nextval('user_changes'); END LOOP; END $$`);
    await vi.waitFor(async () => expect(await last()).not.toBe(before));
    expect(outcomes(await store.commit([[event('u', 'i', '1')], [event('v', 'i', '2')]]))).toEqual([['accepted'], ['accepted']]);
    await changes;
  });

  it('makes ids that are new on the way, also where somebody else is making them, and whatever characters they have', async () => {
    const ids = ['a"b', 'c\\d', '{e,f}', 'NULL', 'g\'h', 'größe ü', '🛒'];
    await Promise.all([store.commit([ids.map((id) => event(id, id, '1'))]), store.commit([ids.map((id) => event(id, `${id}2`, '2'))])]);
    expect((await stored()).slice(1)).toEqual([...ids.map((id) => `${id}/${id}`), ...ids.map((id) => `${id}/${id}2`)]);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query(`BEGIN; INSERT INTO users (user_id) VALUES ('both'); INSERT INTO items (item_id) VALUES ('both')`);
    const waiting = store.commit([[event('both', 'both', '1'), event('both', 'other', '2')]]);
    const until = async (found: boolean) => {
      while ((await direct.query(`SELECT FROM pg_locks WHERE NOT granted`)).rows.length > 0 !== found) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await until(true);
    await other.query('COMMIT');
    expect(outcomes(await waiting)).toEqual([['accepted', 'accepted']]);
    // Its numbers were not learnt on the way; what is sent again is still told from what is another.
    expect(outcomes(await store.commit([[event('both', 'both', '1'), event('both', 'both', '2')]]))).toEqual([['duplicate', 'conflict']]);
    await other.end();
    expect((await direct.query('SELECT user_id, count(*)::int AS n FROM users GROUP BY 1 HAVING count(*) > 1')).rows).toEqual([]);
  });

  it('refuses on the way what a user who comes again did before they were erased', async () => {
    await store.commit([[event('back', 'i', '1')]]);
    await eraseUser(database, 'back');
    // The first call finds that numbers have changed; from then on they are made on the way.
    await store.commit([[event('u', 'i', '1')]]);
    const after = { occurredAtMs: Date.now() + 1_000 };
    const results = await Promise.all([store.commit([[event('back', 'i', '1'), event('back', 'j', '2', after), event('new', 'j', '1')]]), store.commit([[event('back', 'k', '3')], [event('back', 'k', '4', after)]])]);
    expect(results.map(outcomes)).toEqual([[['erased', 'accepted', 'accepted']], [['erased'], ['accepted']]]);
    expect((await stored()).slice(1)).toEqual(['u/i', 'back/j', 'new/j', 'back/k']);
  });

  it('wakes those who follow the catalogue where an item is new, and nobody where none is', async () => {
    const heard: string[] = [];
    const listener = new pg.Client({ connectionString: url });
    await listener.connect();
    listener.on('notification', ({ channel }) => heard.push(channel));
    await listener.query('LISTEN jongleur_items');
    // That of the item that is there already may still be on its way.
    await new Promise((resolve) => setTimeout(resolve, 150));
    heard.length = 0;
    await store.commit([[event('somebody', 'i', '1')]]);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(heard).toEqual([]);
    await Promise.all([store.commit([[event('u', 'fresh', '1')]]), store.commit([[event('u', 'fresher', '2')]])]);
    await vi.waitFor(() => expect(heard).toEqual(['jongleur_items']), { timeout: 5_000 });
    await listener.end();
  });

  it('tells duplicates from conflicts, in one call and over several', async () => {
    const one = event('u', 'a', 'x', { price: 19.9 });
    expect(outcomes(await store.commit([[one, one], [one], [{ ...one, price: 20 }]]))).toEqual([['accepted', 'duplicate'], ['duplicate'], ['conflict']]);
    expect(outcomes(await store.commit([[one], [{ ...one, itemId: 'b' }]]))).toEqual([['duplicate'], ['conflict']]);
  });
});

describe('while shoppers leave', () => {
  let url: string;
  let drop: () => Promise<void>;
  let database: pg.Pool;
  let store: EventStore;
  const event = (userId: string, eventId: string): NewEvent => ({
    userId, itemId: 'i', typeNo: 1, value: null, quantity: null, price: null, groupHash: null, occurredAtMs: null, dedup: dedupOfEventId(userId, eventId),
  });
  const leftBehind = async () => (await database.query('SELECT count(*)::int AS n FROM events WHERE NOT EXISTS (SELECT FROM users WHERE users.user_no = events.user_no)')).rows[0].n as number;

  beforeEach(async () => {
    ({ url, drop } = await createTestDatabase(inject('templateUrl')));
    database = createDatabase({ connectionString: url, maxConnections: 4, onError: () => undefined });
    store = createEventStore(database, url);
  });
  afterEach(async () => {
    await store.close();
    await database.end();
    await drop();
  });

  it('the first who ever does leaves nothing behind under a number that is kept', async () => {
    await store.commit([[event('u', '1')]]);
    await store.commit([[event('u', '2')]]);
    expect(await eraseUser(database, 'u')).toBe(2);
    expect(await store.commit([[event('u', '3')]])).toEqual([{ outcomes: ['accepted'] }]);
    expect(await leftBehind()).toBe(0);
    expect((await database.query('SELECT user_id FROM events JOIN users USING (user_no)')).rows).toEqual([{ user_id: 'u' }]);
  });

  it('many, one after the other, while they and others send events: nothing is left behind, and nothing refused', async () => {
    let runs = true;
    let erased = 0;
    const leaving = (async () => {
      for (let k = 0; runs; k++) {
        erased += (await eraseUser(database, `u${k % 7}`)) === null ? 0 : 1;
      }
    })();
    const results: StoredRequest[] = [];
    for (let round = 0; round < 25; round++) {
      const calls = Array.from({ length: 4 }, async (_, call) => await store.commit([Array.from({ length: 20 }, (_unused, k) => event(`u${(call * 5 + k) % 20}`, `${round}-${call}-${k}`))]));
      results.push(...(await Promise.all(calls)).flat());
    }
    runs = false;
    await leaving;
    expect(erased).toBeGreaterThan(5);
    expect(results.filter((result) => 'error' in result)).toEqual([]);
    expect(await leftBehind()).toBe(0);
  });

  it('whoever asks how many have is not told of one before that one is gone', async () => {
    const before = await readUserChanges(database);
    const leaver = new pg.Client({ connectionString: url });
    await leaver.connect();
    await leaver.query(`BEGIN; SELECT pg_advisory_xact_lock(${USERS_LOCK_KEY}); SELECT nextval('user_changes')`);
    const answers: number[] = [];
    const asked = readUserChanges(database).then((n) => answers.push(n));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answers).toEqual([]);
    await leaver.query('COMMIT');
    await asked;
    expect(answers).toEqual([before + 1]);
    await leaver.end();
  });
});
