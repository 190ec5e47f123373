import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { dedupOfEventId } from '../../src/ingest/dedup.ts';
import { DatabaseUnavailable, createDatabase } from '../../src/storage/database.ts';
import { CommitUnknown, type EventStore, type StoredRequest, createEventStore } from '../../src/storage/event-writes.ts';
import type { NewEvent } from '../../src/storage/events.ts';
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
    await direct.query('TRUNCATE events, users, items');
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

  it('tells duplicates from conflicts, in one call and over several', async () => {
    const one = event('u', 'a', 'x', { price: 19.9 });
    expect(outcomes(await store.commit([[one, one], [one], [{ ...one, price: 20 }]]))).toEqual([['accepted', 'duplicate'], ['duplicate'], ['conflict']]);
    expect(outcomes(await store.commit([[one], [{ ...one, itemId: 'b' }]]))).toEqual([['duplicate'], ['conflict']]);
  });
});
