/** A server that is started while Postgres is away, as a process, from the copy that a former one left. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { signJwt } from '../src/http/jwt.ts';
import { createTestDatabase, execute } from './support/postgres.ts';
import { type ServerProcess, startServer } from './support/process.ts';
import { type Proxy, startProxy } from './support/proxy.ts';
import { KEYS, type Service, startService } from './support/service.ts';
import { fillShop } from './support/three-tastes.ts';

const SMALL = { TRAIN_MIN_INTERACTIONS: '1', TRAIN_MIN_USERS: '1', RETRAIN_CRON: 'off', RETRAIN_AFTER_EVENTS: '0' };
const FEW_SECONDS = 8_000;
const LISTS = ['/v1/users/u1/recommendations?limit=5&explore=0', '/v1/users/u2/recommendations?limit=5&explore=0&filter=brand%20%3D%20acme', '/v1/items/i7/similar?limit=5', '/v1/items/i7/together?limit=5', '/v1/trending?limit=5', '/v1/newest?limit=5&fields=title,price', '/v1/users/u4/recommendations?scenario=home&explore=0'];

interface List {
  source: string;
  stale?: boolean;
  items: { itemId: string; score: number | null }[];
}

/** The database behind a wire, and a copy in `dataDir` that a server left which was killed. */
interface Left {
  proxy: Proxy;
  dataDir: string;
  databaseUrl: string;
  environment: Record<string, string>;
  lists: List[];
  recommendationId: string;
  cursor: string;
  keys: { good: string; revoked: string };
  token: string;
  deletedToken: string;
  drop(): Promise<void>;
}

async function listOf(server: ServerProcess, path: string): Promise<List> {
  const { status, json } = await server.call('GET', path, undefined, 'secret');
  expect([path, status]).toEqual([path, 200]);
  return json as List;
}

/** Until the newest copy has this in it. What is trending is counted for a thirtieth of the time at most, which is long on a busy machine. */
async function untilCopied(dataDir: string, isThere: (manifest: Record<string, any>) => boolean): Promise<void> { // eslint-disable-line typescript/no-explicit-any
  await vi.waitFor(async () => {
    const text = await readFile(join(dataDir, 'local-copy', 'manifest'), 'utf8');
    expect(isThere(JSON.parse(text.slice(text.indexOf('\n'))) as Record<string, unknown>), text).toBe(true);
  }, { timeout: 45_000, interval: 100 });
}

/** Another process' work on the database: whatever it trains is published. */
async function beside(url: string, work: (service: Service) => Promise<unknown>): Promise<void> {
  const service = await startService({}, {}, url);
  try {
    await work(service);
  } finally {
    await service.stop();
  }
}

/** Those that a test which failed left running. */
const leaving: ServerProcess[] = [];
afterAll(() => leaving.forEach(({ child }) => void child.kill('SIGKILL')));

async function leaveCopy(): Promise<Left> {
  const { url, drop } = await createTestDatabase(inject('templateUrl'));
  const proxy = await startProxy(url);
  const dataDir = await mkdtemp(join(tmpdir(), 'jongleur-copy-'));
  const environment = { DATABASE_URL: proxy.url, DATA_DIR: dataDir, ...SMALL };
  const server = await startServer(environment);
  leaving.push(server);
  await server.ready();
  await beside(url, fillShop);
  const good = (await server.call('POST', '/v1/keys', { role: 'secret', name: 'good' })).json.key as string;
  const revoked = (await server.call('POST', '/v1/keys', { role: 'secret', name: 'revoked' })).json;
  await server.call('DELETE', `/v1/keys/${revoked.no}`);
  const sign = ({ kid, secret }: { kid: string; secret: string }) => signJwt({ sub: 'u1', aud: 'jongleur', iat: Date.now() / 1000, exp: Date.now() / 1000 + 600 }, kid, secret);
  const [kept, deleted] = [(await server.call('POST', '/v1/token-secrets')).json, (await server.call('POST', '/v1/token-secrets')).json];
  await server.call('DELETE', `/v1/token-secrets/${deleted.kid}`);
  let lastFile = '';
  await untilCopied(dataDir, ({ model, catalogue }) => {
    lastFile = catalogue.files.at(-1).name;
    return model?.version === 1;
  });
  expect((await server.call('PATCH', '/v1/items/i4', { available: false })).status).toBe(200);
  await untilCopied(dataDir, ({ model, keys, tokenSecrets, catalogue, trending }) => model?.version === 1 && keys.length === 1 && tokenSecrets.length === 1 && catalogue.files.at(-1).name !== lastFile && trending.length > 0);
  const lists: List[] = [];
  for (const path of LISTS) {
    lists.push(await listOf(server, path));
  }
  const page = (await server.call('GET', '/v1/users/u1/recommendations?limit=2&explore=0')).json;
  await server.end('SIGKILL');
  return {
    proxy, dataDir, databaseUrl: url, environment, lists, recommendationId: page.recommendationId, cursor: page.nextCursor, keys: { good, revoked: revoked.key }, token: sign(kept), deletedToken: sign(deleted),
    async drop() {
      await proxy.close().catch(() => undefined);
      await drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const withKey = async (server: ServerProcess, path: string, key: string, token?: string) =>
  (await fetch(server.url + path, { headers: { authorization: `Bearer ${key}`, ...(token === undefined ? {} : { 'x-shopper-token': token }) } })).status;

async function expectSameButStale(server: ServerProcess, lists: readonly List[]): Promise<void> {
  for (const [n, path] of LISTS.entries()) {
    const { source, stale, items } = await listOf(server, path);
    // Scores of a vector that was folded in anew and of the trained one agree to some 1e-5.
    const bare = (list: List['items']) => list.map((item) => ({ ...item, score: null }));
    expect([path, stale, source, bare(items)]).toEqual([path, true, lists[n].source, bare(lists[n].items)]);
    expect(Math.max(...items.map(({ score }, k) => Math.abs((score ?? 0) - (lists[n].items[k].score ?? 0)))), path).toBeLessThan(1e-3);
  }
}

describe('a start while Postgres is away', () => {
  let left: Left;
  let server: ServerProcess;
  const lines: string[] = [];
  let version = 1;
  beforeAll(async () => {
    left = await leaveCopy();
    left.proxy.away = true;
    const sinceMs = performance.now();
    server = await startServer(left.environment, (line) => lines.push(line));
    await server.ready();
    expect(performance.now() - sinceMs).toBeLessThan(FEW_SECONDS);
  }, 90_000);
  afterAll(async () => {
    server.child.kill('SIGKILL');
    await left.drop();
  });

  it('answers what it answered before, marked stale, and says what it started from', async () => {
    expect(left.lists.map(({ source }) => source)).toEqual(['personal', 'personal', 'similar', 'together', 'trending', 'newest', 'personal']);
    expect(left.lists.every(({ items, stale }) => items.length > 0 && stale === undefined)).toBe(true);
    await expectSameButStale(server, left.lists);
    expect(lines.join('\n')).toMatch(/ready in [\d.]+ s, from the local copy of 20\d\d-.*, model version 1/);
    expect((await server.call('GET', '/health/ready'))).toMatchObject({ status: 200, json: { status: 'ready', database: 'down', modelVersion: 1 } });
    expect((await server.call('GET', '/health/live')).status).toBe(200);
    // Bought and out of stock stay away.
    const { items } = await listOf(server, '/v1/users/u1/recommendations?limit=60&explore=0');
    expect(items.some(({ itemId }) => itemId === 'i4')).toBe(false);
    const shown = new Set((await listOf(server, '/v1/users/u1/recommendations?limit=60&explore=0&includeSeen=true')).items.map(({ itemId }) => itemId));
    expect(shown.size).toBeGreaterThan(items.length);
  });

  it('knows keys, shoppers and signatures as they were', async () => {
    expect(await withKey(server, '/v1/trending', left.keys.good)).toBe(200);
    expect(await withKey(server, '/v1/trending', left.keys.revoked)).toBe(401);
    expect(await withKey(server, '/v1/trending', `${left.keys.good.slice(0, -1)}_`)).toBe(401);
    const mine = '/v1/users/u1/recommendations?limit=2';
    expect(await withKey(server, mine, KEYS.publishable, left.token)).toBe(200);
    expect(await withKey(server, mine, KEYS.publishable, left.deletedToken)).toBe(401);
    expect(await withKey(server, '/v1/users/u2/recommendations', KEYS.publishable, left.token)).toBe(403);
    const issued = (await server.call('POST', '/v1/tokens', { userId: 'u1' }, 'secret')).json.token as string;
    expect(await withKey(server, mine, KEYS.publishable, issued)).toBe(200);
    // A cursor that the former process signed, by the key that signs recommendation ids too: of this list, or of one that has changed (410), and never a forged one.
    expect([200, 410]).toContain((await server.call('GET', `/v1/users/u1/recommendations?limit=2&explore=0&cursor=${left.cursor}`)).status);
    expect((await server.call('GET', `/v1/users/u1/recommendations?limit=2&explore=0&cursor=${left.cursor.slice(0, -4)}AAAA`)).status).toBe(400);
  });

  it('refuses whatever would be stored, at once, and says when to come again', async () => {
    const event = { userId: 'u1', itemId: 'i1', type: 'view', recommendationId: left.recommendationId };
    for (const [method, path, body] of [['POST', '/v1/events', event], ['PUT', '/v1/users/u1/ratings/i2', { value: 4 }], ['PUT', '/v1/items/new', { title: 'New' }], ['DELETE', '/v1/users/u3', undefined], ['POST', '/v1/training-runs', undefined], ['POST', '/v1/keys', { role: 'secret', name: 'x' }]] as const) {
      const sinceMs = performance.now();
      const answer = await fetch(server.url + path, { method, headers: { authorization: `Bearer ${KEYS.admin}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      expect([path, answer.status, (await answer.json() as { code: string }).code]).toEqual([path, 503, 'database-unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(performance.now() - sinceMs).toBeLessThan(3_000);
    }
  });

  it('heals when Postgres comes: what others did meanwhile counts, writes are taken, nothing is stale', { timeout: 60_000 }, async () => {
    await execute(left.databaseUrl, `UPDATE api_keys SET revoked_at = now() WHERE name = 'good'`);
    await execute(left.databaseUrl, `UPDATE items SET available = false, xid = pg_current_xact_id() WHERE item_id = '${left.lists[2].items[0].itemId}'`);
    left.proxy.away = false;
    await expect.poll(async () => (await server.call('GET', '/health/ready')).json.database, { timeout: 10_000, interval: 20 }).toBe('up');
    expect((await server.call('POST', '/v1/events', { userId: 'u1', itemId: left.lists[0].items[0].itemId, type: 'purchase', recommendationId: left.recommendationId })).json).toMatchObject({ accepted: 1 });
    const { stale, source, items } = await listOf(server, LISTS[0]);
    expect([stale, source]).toEqual([undefined, 'personal']);
    expect(items.map(({ itemId }) => itemId)).not.toContain(left.lists[0].items[0].itemId);
    await expect.poll(async () => await withKey(server, '/v1/trending', left.keys.good), { timeout: 5_000, interval: 20 }).toBe(401);
    await expect.poll(async () => (await listOf(server, LISTS[2])).items[0].itemId, { timeout: 5_000, interval: 20 }).toBe(left.lists[2].items[1].itemId);
    expect((await server.call('POST', '/v1/training-runs', { search: 'off' })).status).toBe(202);
    await expect.poll(async () => (await server.call('GET', '/v1/training-runs')).json.items[0].state, { timeout: 20_000, interval: 50 }).not.toBe('running');
    await beside(left.databaseUrl, async (service) => {
      await service.train();
      version = service.answers.modelVersion()!;
    });
    expect(version).toBeGreaterThan(1);
    await expect.poll(async () => (await server.call('GET', '/v1/users/u1/recommendations')).json.modelVersion, { timeout: 8_000, interval: 50 }).toBe(version);
    await untilCopied(left.dataDir, ({ model, keys }) => model?.version === version && keys.every((key: { role: string }) => key.role !== 'secret'));
    expect(await server.end('SIGTERM')).toBe(0);
  });

  it('does so with a Postgres that swallows everything, and where nothing listens at all', async () => {
    left.proxy.hang();
    for (const isClosed of [false, true]) {
      if (isClosed) {
        await left.proxy.close();
      }
      const sinceMs = performance.now();
      const started = await startServer(left.environment);
      leaving.push(started);
      await started.ready();
      expect(performance.now() - sinceMs).toBeLessThan(FEW_SECONDS);
      expect(await listOf(started, '/v1/users/u2/recommendations?limit=3')).toMatchObject({ stale: true, source: 'personal', modelVersion: version });
      const writing = performance.now();
      expect((await started.call('POST', '/v1/events', { userId: 'u1', itemId: 'i1', type: 'view' })).status).toBe(503);
      expect(performance.now() - writing).toBeLessThan(3_000);
      expect(await started.end('SIGTERM')).toBe(0);
    }
  }, 60_000);
});

describe('a copy of another database', () => {
  it('is discarded when the Postgres comes that it is not of: the start begins anew, on the same port', async () => {
    const left = await leaveCopy();
    left.proxy.away = true;
    const server = await startServer(left.environment);
    try {
      await server.ready();
      expect(await listOf(server, '/v1/users/u1/recommendations')).toMatchObject({ source: 'personal', stale: true });
      // In its place an empty one, of the same name in the same cluster.
      await execute(inject('templateUrl').replace(/\/[^/]*$/, '/postgres'), `DROP DATABASE "${new URL(left.databaseUrl).pathname.slice(1)}" WITH (FORCE)`);
      await execute(inject('templateUrl').replace(/\/[^/]*$/, '/postgres'), `CREATE DATABASE "${new URL(left.databaseUrl).pathname.slice(1)}" TEMPLATE template0`);
      left.proxy.away = false;
      await expect.poll(async () => (await server.call('GET', '/health/ready').catch(() => null))?.json.modelVersion, { timeout: 20_000, interval: 50 }).toBeNull();
      await server.ready();
      expect(server.lines.join('\n')).toContain('the Postgres that came is another database');
      expect((await server.call('GET', '/v1/users/u1/recommendations')).json).toMatchObject({ modelVersion: null, source: 'trending', items: [] });
      expect(await withKey(server, '/v1/trending', left.keys.good)).toBe(401);
      expect((await server.call('POST', '/v1/events', { userId: 'u1', itemId: 'i1', type: 'view' })).json).toMatchObject({ accepted: 1 });
      await untilCopied(left.dataDir, ({ model, keys }) => model === null && keys.length === 0);
      for (const name of await readdir(join(left.dataDir, 'local-copy'))) {
        expect(await readFile(join(left.dataDir, 'local-copy', name), 'latin1')).not.toMatch(/\bu1\b/);
      }
      expect(await server.end('SIGTERM')).toBe(0);
    } finally {
      server.child.kill('SIGKILL');
      await left.drop();
    }
  }, 120_000);
});

describe('a copy that cannot be read', () => {
  it('is refused with a word, and the start waits for Postgres as it does without one', async () => {
    const left = await leaveCopy();
    try {
      const folder = join(left.dataDir, 'local-copy');
      const name = (await readdir(folder)).find((one) => one.startsWith('user-'))!;
      const bytes = await readFile(join(folder, name));
      bytes[bytes.length >> 1] ^= 1;
      await writeFile(join(folder, name), bytes);
      left.proxy.away = true;
      let refused = '';
      const starting = startServer(left.environment, (line) => {
        if (line.includes('the local copy is refused')) {
          refused = line;
          left.proxy.away = false;
        }
      });
      const server = await starting;
      try {
        await server.ready();
        expect(refused).toMatch(/it is damaged: user-\w+ does not match its checksum.*this start needs Postgres/);
        const { stale, items } = await listOf(server, LISTS[0]);
        expect([stale, items.map(({ itemId }) => itemId)]).toEqual([undefined, left.lists[0].items.map(({ itemId }) => itemId)]);
        // It is written anew, whole.
        await untilCopied(left.dataDir, ({ model }) => model?.version === 1 && model.user.name !== name);
      } finally {
        await server.end('SIGTERM');
      }
    } finally {
      await left.drop();
    }
  }, 120_000);
});
