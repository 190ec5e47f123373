/** The process as it is shipped: compiled, started, killed, started again. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import pg from 'pg';
import { signJwt } from '../src/http/jwt.ts';
import { createTestDatabase, execute } from './support/postgres.ts';
import { type ServerProcess, startServer } from './support/process.ts';

/** These shops are smaller than a model should be made from. */
const SMALL = { TRAIN_MIN_INTERACTIONS: '1', TRAIN_MIN_USERS: '1' };

async function countRows(url: string, table: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`);
  await client.end();
  return Number(rows[0].n);
}

describe('the whole way of one rating', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let server: ServerProcess;
  beforeAll(async () => {
    database = await createTestDatabase(inject('templateUrl'));
    server = await startServer({ DATABASE_URL: database.url, ...SMALL });
    await server.ready();
  });
  afterAll(async () => {
    server.child.kill('SIGKILL');
    await database.drop();
  });

  /** Shoppers of two kinds; each likes what is of their kind and dislikes the rest. */
  const ratings = Array.from({ length: 20 }, (_, user) =>
    Array.from({ length: 10 }, (_unused, item) => ({ userId: `u${user}`, itemId: `i${item}`, value: item % 2 === user % 2 ? 5 : 1 })).filter((_unused, item) => item !== user % 10),
  ).flat();

  it('goes over HTTP and Postgres, through a thread, into an answer', async () => {
    const sent = await server.call('POST', '/v1/ratings', { ratings });
    expect(sent).toMatchObject({ status: 200, json: { accepted: ratings.length, rejected: [] } });
    const before = await server.call('GET', '/v1/users/u1/recommendations');
    expect(before.json).toMatchObject({ modelVersion: null, source: 'trending' });

    // All at one moment, so nothing can be held out.
    await server.call('PUT', '/v1/settings', { gate: { publishUnmeasured: true } });
    const started = await server.call('POST', '/v1/training-runs');
    expect(started.status).toBe(202);
    await expect.poll(async () => (await server.call('GET', `/v1/training-runs/${started.json.no}`)).json.state, { timeout: 20_000, interval: 50 }).toBe('published');
    await expect.poll(async () => (await server.call('GET', '/v1/users/u1/recommendations')).json.modelVersion, { timeout: 5_000, interval: 50 }).toBe(1);

    // Everything rated is hidden, so what is left is the one item that was left out: of each shopper's own kind.
    for (const user of [0, 1, 7, 12]) {
      const answer = await server.call('GET', `/v1/users/u${user}/recommendations?limit=1`);
      expect(answer.json.items[0].itemId).toBe(`i${user % 10}`);
      expect(answer.json.source).toBe('personal');
    }
    const run = await server.call('GET', `/v1/training-runs/${started.json.no}`);
    expect(run.json).toMatchObject({ startedBy: 'api', progress: 1, version: 1, report: { users: 20, items: 10, interactions: ratings.length } });
  });

  it('changes the next answer without retraining', async () => {
    await server.call('PUT', '/v1/users/fresh/ratings/i1', { value: 5 });
    const answer = await server.call('GET', '/v1/users/fresh/recommendations?limit=3');
    expect(answer.json).toMatchObject({ modelVersion: 1, source: 'personal' });
    expect(answer.json.items.map((item: { itemId: string }) => Number(item.itemId.slice(1)) % 2)).toEqual([1, 1, 1]);
  });

  it('swaps to the next model without a failed request', async () => {
    let failed = 0;
    let asked = 0;
    const versions = new Set<number>();
    let going = true;
    const askers = Array.from({ length: 4 }, async (_, asker) => {
      while (going) {
        const answer = await server.call('GET', `/v1/users/u${asker}/recommendations?limit=3`);
        asked++;
        failed += answer.status === 200 && answer.json.source === 'personal' ? 0 : 1;
        versions.add(answer.json.modelVersion);
      }
    });
    await server.call('POST', '/v1/training-runs');
    await expect.poll(() => versions.has(2), { timeout: 20_000, interval: 20 }).toBe(true);
    going = false;
    await Promise.all(askers);
    expect(failed).toBe(0);
    expect(asked).toBeGreaterThan(20);
    expect([...versions].toSorted()).toEqual([1, 2]);
  });

  it('loses nothing that was acknowledged to a kill -9, and answers from the snapshot at the next start', async () => {
    const acknowledged: string[] = [];
    let going = true;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; going; n++) {
        const eventId = `w${writer}-${n}`;
        const answer = await server.call('POST', '/v1/events', { userId: `k${writer}`, itemId: `i${n % 10}`, type: 'view', eventId }).catch(() => null);
        if (answer?.status === 200) {
          acknowledged.push(`k${writer}/${answer.json.items[0].eventId}`);
        }
      }
    });
    // In the middle of it, however slow the machine is.
    await expect.poll(() => acknowledged.length, { timeout: 20_000, interval: 10 }).toBeGreaterThan(60);
    await server.end('SIGKILL');
    going = false;
    await Promise.all(writers);

    server = await startServer({ DATABASE_URL: database.url, ...SMALL });
    await server.ready();
    let stored = 0;
    for (const writer of [0, 1, 2, 3]) {
      const kept = await server.call('GET', `/v1/users/k${writer}/export`);
      expect(kept).toMatchObject({ status: 200 });
      stored += kept.json.events.length;
    }
    // What was sent and not yet acknowledged may be there too.
    expect(stored).toBeGreaterThanOrEqual(acknowledged.length);
    const again = await server.call('POST', '/v1/events', { events: acknowledged.slice(0, 1000).map((name) => ({ userId: name.split('/')[0], itemId: `i${Number(name.split('-')[1]) % 10}`, type: 'view', eventId: name.split('/')[1] })) });
    expect(again.json).toMatchObject({ accepted: 0, duplicates: Math.min(1000, acknowledged.length), rejected: [] });
    expect((await server.call('GET', '/v1/users/u1/recommendations')).json).toMatchObject({ modelVersion: 2, source: 'personal' });
    // Written just before the end, after the model: folded in at the start.
    expect((await server.call('GET', '/v1/users/k0/recommendations')).json.source).toBe('personal');
  });

  it('stops on SIGTERM with code 0, having cancelled a run under way', async () => {
    expect(await server.end('SIGTERM')).toBe(0);
    expect(server.lines.some((line) => line.includes('"msg":"stopped"'))).toBe(true);
    expect(server.lines.join('\n')).not.toContain('sk_sss');
  });
});

describe('two processes that start at once on one empty database', () => {
  it('migrate once, make one set of keys, both answer, and learn of each other’s events', async () => {
    const template = new URL(inject('templateUrl'));
    const database = await createTestDatabase(inject('templateUrl'));
    // Emptied: not even the tables are there.
    await execute(database.url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    expect(template.pathname).not.toBe(new URL(database.url).pathname);
    const none = { JONGLEUR_PUBLISHABLE_KEY: '', ...SMALL };
    const servers = await Promise.all([startServer({ DATABASE_URL: database.url, ...none }), startServer({ DATABASE_URL: database.url, ...none })]);
    try {
      await Promise.all(servers.map((server) => server.ready()));
      expect(await countRows(database.url, 'migrations')).toBe(readdirSync(new URL('../migrations', import.meta.url)).length);
      expect(await countRows(database.url, 'event_types')).toBe(4);
      expect(await countRows(database.url, 'api_keys')).toBe(1);
      const [a, b] = servers;
      await a.call('PUT', '/v1/settings', { gate: { publishUnmeasured: true } });
      const events = ['u1', 'u2', 'u3'].flatMap((userId, k) => ['i1', 'i2', 'i3', 'i4'].slice(0, 4 - (k % 2)).map((itemId) => ({ userId, itemId, type: 'cart' })));
      expect((await a.call('POST', '/v1/events', { events })).json.accepted).toBe(events.length);
      const runs = await Promise.all(servers.map((server) => server.call('POST', '/v1/training-runs')));
      // One trains, the other is told so.
      expect(runs.map((run) => run.status).toSorted()).toEqual([202, 409]);
      await expect.poll(async () => (await b.call('GET', '/v1/users/u1/recommendations')).json.modelVersion, { timeout: 20_000, interval: 50 }).toBe(1);
      await expect.poll(async () => (await a.call('GET', '/v1/users/u1/recommendations')).json.modelVersion, { timeout: 20_000, interval: 50 }).toBe(1);
      await a.call('POST', '/v1/events', { userId: 'late', itemId: 'i1', type: 'cart' });
      const started = Date.now();
      await expect.poll(async () => (await b.call('GET', '/v1/users/late/recommendations')).json.source, { timeout: 5_000, interval: 20 }).toBe('personal');
      expect(Date.now() - started).toBeLessThan(1_500);

      // Keys and secrets for tokens open and close doors at both, sooner than anybody polls (every five seconds).
      const { key, no } = (await a.call('POST', '/v1/keys', { role: 'publishable', name: 'of a' })).json;
      const made = (await a.call('POST', '/v1/token-secrets')).json;
      const token = signJwt({ sub: 'late', aud: 'jongleur', iat: Date.now() / 1000, exp: Date.now() / 1000 + 60 }, made.kid, made.secret);
      const ask = async () => (await fetch(`${b.url}/v1/users/late/recommendations`, { headers: { authorization: `Bearer ${key}`, 'x-shopper-token': token } })).status;
      const reaches = async (status: number) => {
        const since = Date.now();
        await expect.poll(ask, { timeout: 5_000, interval: 20 }).toBe(status);
        expect(Date.now() - since).toBeLessThan(1_500);
      };
      await reaches(200);
      expect((await a.call('DELETE', `/v1/token-secrets/${made.kid}`)).status).toBe(204);
      await reaches(401);
      const open = async () => (await fetch(`${b.url}/v1/trending`, { headers: { authorization: `Bearer ${key}` } })).status;
      expect(await open()).toBe(200);
      expect((await a.call('DELETE', `/v1/keys/${no}`)).status).toBe(204);
      const since = Date.now();
      await expect.poll(open, { timeout: 5_000, interval: 20 }).toBe(401);
      expect(Date.now() - since).toBeLessThan(1_500);
    } finally {
      await Promise.all(servers.map((server) => server.end('SIGTERM')));
      await database.drop();
    }
  });
});

describe('a start that cannot be', () => {
  it('names every fault of the configuration at once, with code 1', async () => {
    await expect(startServer({ PORT: 'eighty', RETRAIN_CRON: 'daily', DATABASE_URL: 'mysql://x', JONGLEUR_SECRET_KEY: 'secret' })).rejects.toThrow(/ended with 1:[^]*PORT is "eighty"[^]*JONGLEUR_SECRET_KEY[^]*RETRAIN_CRON[^]*DATABASE_URL/);
  });

  it('says that the port is taken and which variable to change', async () => {
    const database = await createTestDatabase(inject('templateUrl'));
    const first = await startServer({ DATABASE_URL: database.url });
    await expect(startServer({ DATABASE_URL: database.url, PORT: new URL(first.url).port })).rejects.toThrow(/ended with 1:[^]*PORT=3001/);
    await first.ready();
    await first.end('SIGTERM');
    await database.drop();
  });
});
