import { connect } from 'node:net';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Level, type Load, NO_PRESSURE, createPressure, nextState } from '../../src/http/pressure.ts';
import { clientOf, createRateLimit } from '../../src/http/rate-limits.ts';
import { REQUEST_TIMEOUT_MS, SWEEP_MS } from '../../src/http/time-limits.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('a quota', () => {
  it('is there all at once, and comes back evenly', () => {
    const now = vi.fn<() => number>(() => 0);
    const limit = createRateLimit(6, now);
    const takes = (n: number) => Array.from({ length: n }, () => limit.take('a').allowed);
    expect(takes(7)).toEqual([true, true, true, true, true, true, false]);
    expect(limit.take('a')).toMatchObject({ remaining: 0, waitMs: 10_000, fullMs: 60_000 });
    expect(limit.take('b')).toMatchObject({ allowed: true, remaining: 5, fullMs: 10_000 });
    now.mockReturnValue(9_990);
    expect(takes(1)).toEqual([false]);
    now.mockReturnValue(10_000);
    expect(takes(2)).toEqual([true, false]);
    now.mockReturnValue(200_000);
    expect(takes(7).filter(Boolean)).toHaveLength(6);
  });

  it('lets through what it says and no more, whatever the order of time and clients', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.tuple(fc.integer({ min: 0, max: 4_000 }), fc.integer({ min: 0, max: 2 })), { minLength: 1, maxLength: 400 }), (quota, steps) => {
        let nowMs = 0;
        const limit = createRateLimit(quota, () => nowMs);
        const allowed: number[][] = [[], [], []];
        for (const [ms, client] of steps) {
          nowMs += ms;
          if (limit.take(String(client)).allowed) {
            allowed[client].push(nowMs);
          }
        }
        for (const times of allowed) {
          // In any stretch: the quota at once, and what has come back since.
          times.forEach((from, k) => times.slice(k).forEach((to, n) => expect(n + 1).toBeLessThanOrEqual(quota + ((to - from) * quota) / 60_000 + 1e-6)));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('takes many at once or none of them, over a window of its own', () => {
    const now = vi.fn<() => number>(() => 0);
    const limit = createRateLimit(10, now, 10, 3_600_000);
    expect([limit.take('a', 8).allowed, limit.take('a', 3).allowed, limit.take('a', 2).allowed, limit.take('a').allowed]).toEqual([true, false, true, false]);
    expect(limit.take('a', 11)).toMatchObject({ allowed: false });
    now.mockReturnValue(360_000);
    expect([limit.take('a').allowed, limit.take('a').allowed]).toEqual([true, false]);
  });

  it('knows a bounded number of clients, the latest ones', () => {
    const limit = createRateLimit(1, () => 0, 10);
    for (let client = 0; client < 1000; client++) {
      expect(limit.take(`c${client}`).allowed).toBe(true);
    }
    expect(limit.take('c999').allowed).toBe(false);
    expect(limit.take('c995').allowed).toBe(false);
    expect(limit.take('c0').allowed).toBe(true);
  });

  it('is one for an IPv4 address and for an IPv6 network of 64 bits', () => {
    expect(clientOf('::ffff:10.1.2.3')).toBe('10.1.2.3');
    expect(clientOf('10.1.2.3')).toBe('10.1.2.3');
    expect(new Set(['2001:db8:0:1::1', '2001:db8::1:0:0:0:2', '2001:0db8:0000:0001:ffff::', '2001:db8:0:1:a:b:c:d%eth0'].map(clientOf))).toEqual(new Set(['2001:db8:0:1']));
    expect(clientOf('2001:db8:0:2::1')).not.toBe(clientOf('2001:db8:0:1::1'));
    expect([clientOf('::1'), clientOf('::'), clientOf('fe80::1')]).toEqual(['0:0:0:0', '0:0:0:0', 'fe80:0:0:0']);
  });
});

describe('requests beyond a quota', () => {
  it('of one address are told when to come again; a secret key’s and health are not counted', async () => {
    const service = await startService({ limits: { perIp: 5, perKey: 0, perShopper: 0, trustProxy: [] } });
    const answers = [];
    for (let n = 0; n < 6; n++) {
      answers.push(await service.call('GET', '/v1/trending', undefined, n % 2 === 0 ? 'publishable' : null));
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 200, 401, 200, 429]);
    expect(answers[0].headers).toMatchObject({ 'ratelimit-policy': '"ip";q=5;w=60', ratelimit: '"ip";r=4;t=12' });
    expectProblem(answers[5], 429, 'rate-limited');
    expect(answers[5].headers).toMatchObject({ ratelimit: expect.stringMatching(/^"ip";r=0;t=(\d|1[012])$/), 'retry-after': expect.stringMatching(/^(\d|1[012])$/) });
    // Guessing keys and logging in count, and so does what is not there.
    expectProblem(await service.call('POST', '/dashboard/session', { key: KEYS.admin }, null, { origin: 'http://localhost', host: 'localhost' }), 429, 'rate-limited');
    expectProblem(await service.call('GET', '/v1/keys', undefined, null, { authorization: `Bearer ak_${'x'.repeat(43)}` }), 429, 'rate-limited');
    expectProblem(await service.call('GET', '/nowhere', undefined, null), 429, 'rate-limited');
    // A header that anybody can write changes nothing.
    expectProblem(await service.call('GET', '/v1/trending', undefined, 'publishable', { 'x-forwarded-for': '10.9.8.7', forwarded: 'for=10.9.8.7' }), 429, 'rate-limited');
    const secret = await service.call('GET', '/v1/items', undefined, 'secret');
    expect([secret.status, secret.headers.ratelimit]).toEqual([200, undefined]);
    expect((await service.call('GET', '/health/ready', undefined, null)).status).toBe(200);
    await service.stop();
  });

  it('behind a proxy that is named are of whom it says', async () => {
    const service = await startService({ limits: { perIp: 2, perKey: 0, perShopper: 0, trustProxy: ['127.0.0.1'] } });
    const ask = async (forwarded: string) => (await service.call('GET', '/v1/trending', undefined, 'publishable', { 'x-forwarded-for': forwarded })).status;
    expect([await ask('10.0.0.1'), await ask('10.0.0.1'), await ask('10.0.0.1'), await ask('10.0.0.2')]).toEqual([200, 200, 429, 200]);
    // What stands before the proxy's own word was written by the visitor.
    expect([await ask('1.2.3.4, 10.0.0.2'), await ask('5.6.7.8, 10.0.0.2')]).toEqual([200, 429]);
    await service.stop();
  });

  it('of one key are refused, on the fast way too, and another key’s are not', async () => {
    const service = await startService({ limits: { perIp: 0, perKey: 3, perShopper: 0, trustProxy: [] } });
    const { key } = (await service.call('POST', '/v1/keys', { role: 'secret', name: 'other' }, 'admin')).json;
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = service.app.server.address() as { port: number };
    const ask = async (bearer: string) => await fetch(`http://127.0.0.1:${port}/v1/users/u1/recommendations`, { headers: { authorization: `Bearer ${bearer}` } });
    const statuses = [];
    for (let n = 0; n < 4; n++) {
      statuses.push((await ask(KEYS.secret)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429]);
    const other = await ask(key);
    expect([other.status, other.headers.get('ratelimit-policy')]).toEqual([200, '"key";q=3;w=60']);
    await service.stop();
  });
});

describe('under load', () => {
  const load = (delayMs: number, heap = 0.5, waiting = 0): Load => ({ delayMs, heap, waiting });

  it('the more is refused, the later the event loop, the fuller the heap or the more wait for Postgres; it is given back step by step', () => {
    const levels: Level[] = [];
    let now = NO_PRESSURE;
    const samples = [5, 99, 100, 110, 600, 2500, 2500, 20, 20, 20, 20, 150, 20, 20, 20, 550, 550, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3000, 0, 0];
    for (const sample of samples) {
      now = nextState(now, load(sample));
      levels.push(now.level);
    }
    expect(levels).toEqual([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    // Whoever waits for a connection to Postgres never closes answers.
    expect([49, 50, 200, 10_000].map((waiting) => load(0, 0.1, waiting)).map((sample) => nextState(nextState(NO_PRESSURE, sample), sample).level)).toEqual([0, 1, 2, 2]);
    expect([load(0, 0.84), load(0, 0.85), load(0, 0.93), load(0, 0.98)].map((sample) => nextState(nextState(NO_PRESSURE, sample), sample).level)).toEqual([0, 1, 2, 3]);
  });

  it('a blocked event loop is noticed, and that it is free again', async () => {
    const levels: Level[] = [];
    const pressure = createPressure(() => 0, (level) => levels.push(level));
    for (let n = 0; n < 8; n++) {
      const until = performance.now() + 400;
      while (performance.now() < until);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => Math.max(0, ...levels), { timeout: 5_000 }).toBeGreaterThanOrEqual(1);
    await expect.poll(() => pressure.level(), { timeout: 20_000 }).toBe(0);
    pressure.stop();
  }, 30_000);

  describe('the order', () => {
    let service: Service;
    let level: Level = 0;
    beforeAll(async () => {
      service = await startService({ pressure: { level: () => level } });
      await service.call('PUT', '/v1/items/i1', {});
      await service.app.listen({ port: 0, host: '127.0.0.1' });
    });
    afterAll(async () => await service.stop());

    it('is imports and training, then data and settings, then answers, and never health', async () => {
      const first = [['POST', '/v1/imports'], ['POST', '/v1/training-runs'], ['POST', '/v1/data-quality'], ['GET', '/v1/insights/sparsity'], ['POST', '/v1/recommendations/batch'], ['GET', '/v1/users/u1/export'], ['GET', '/v1/items/i1/audience']] as const;
      const middle = [['POST', '/v1/events'], ['GET', '/v1/items'], ['GET', '/v1/settings'], ['DELETE', '/v1/users/u1'], ['GET', '/dashboard'], ['GET', '/docs/'], ['GET', '/nowhere']] as const;
      const last = [['GET', '/v1/users/u1/recommendations'], ['GET', '/v1/trending'], ['GET', '/v1/newest'], ['GET', '/v1/items/i1/similar'], ['POST', '/v1/sessions/recommendations']] as const;
      const { port } = service.app.server.address() as { port: number };
      for (level of [1, 2, 3] as const) {
        const refused = async (calls: readonly (readonly [string, string])[]) => {
          const answers = await Promise.all(calls.map(async ([method, path]) => await service.call(method as 'GET', path, method === 'POST' ? {} : undefined)));
          const overloaded = answers.filter(({ json }) => json?.code === 'overloaded');
          overloaded.forEach((answer) => {
            expectProblem(answer, 503, 'overloaded');
            expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
          });
          return overloaded.length;
        };
        expect([level, await refused(first), await refused(middle), await refused(last)]).toEqual([level, first.length, level >= 2 ? middle.length : 0, level >= 3 ? last.length : 0]);
        expect((await service.call('GET', '/health/live', undefined, null)).status).toBe(200);
        expect((await service.call('GET', '/health/ready', undefined, null)).status).toBe(200);
        const fast = await fetch(`http://127.0.0.1:${port}/v1/users/u1/recommendations`, { headers: { authorization: `Bearer ${KEYS.secret}` } });
        expect([level, fast.status]).toEqual([level, level >= 3 ? 503 : 200]);
      }
    });
  });
});

describe('connections', () => {
  const LIMIT_MS = 300;
  let service: Service;
  let port: number;
  beforeAll(async () => {
    service = await startService({}, {}, undefined, LIMIT_MS);
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    ({ port } = service.app.server.address() as { port: number });
  });
  afterAll(async () => await service.stop());

  /** Sends a beginning, then a piece now and then. @returns what was answered until the connection ended, and when that was */
  const drip = async (beginning: string, piece: string, everyMs: number) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const startedMs = performance.now();
    socket.write(beginning);
    const timer = setInterval(() => socket.write(piece), everyMs);
    await once(socket, 'close');
    clearInterval(timer);
    return { answer, ms: performance.now() - startedMs };
  };
  const head = (type: string, length: string) => `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.secret}\r\nContent-Type: ${type}\r\n${length}\r\n\r\n`;

  it('are cut within fifteen seconds as they are set', () => {
    expect(REQUEST_TIMEOUT_MS + SWEEP_MS).toBeLessThan(15_000);
    const { headersTimeout, maxConnections, maxHeadersCount } = service.app.server;
    expect({ headersTimeout, maxConnections, maxHeadersCount }).toEqual({ headersTimeout: REQUEST_TIMEOUT_MS, maxConnections: 10_000, maxHeadersCount: 100 });
  });

  it('with a body that drips are cut, parsed or streamed, though something always comes', async () => {
    for (const beginning of [head('application/json', 'Content-Length: 100000'), head('application/json', 'Transfer-Encoding: chunked'), head('application/x-ndjson', 'Content-Length: 100000')]) {
      const { answer, ms } = await drip(beginning, '1\r\n \r\n', 50);
      expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request-timeout"/);
      expect(ms).toBeLessThan(LIMIT_MS * 2 + 3_000);
    }
  });

  it('that were answered before their body came are cut too, on the fast way as well', async () => {
    const get = (path: string) => head('application/json', 'Content-Length: 100000').replace('POST /v1/events', `GET ${path}`);
    for (const [beginning, status] of [
      [head('application/json', 'Content-Length: 100000').replace(KEYS.secret, 'sk_wrong'), 401], [head('application/x-ndjson', 'Content-Length: 100000').replace(KEYS.secret, KEYS.publishable), 403], [get('/v1/trending'), 200], [get('/v1/users/u1/recommendations'), 200], [get('/nowhere'), 404], [get('/health/live'), 200],
    ] as const) {
      const { answer, ms } = await drip(beginning, ' ', 50);
      expect([beginning.split('\r\n')[0], answer.slice(0, 13)]).toEqual([beginning.split('\r\n')[0], `HTTP/1.1 ${status} `]);
      expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
      expect(ms).toBeLessThan(LIMIT_MS * 2 + 3_000);
    }
  });

  it('with a stream that goes on for longer than the limit are not, as long as it brings something', async () => {
    const patient = await startService({}, {}, undefined, 2_000);
    await patient.app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect({ port: (patient.app.server.address() as { port: number }).port, host: '127.0.0.1' });
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const pad = 'x'.repeat(200);
    const lines = Array.from({ length: 6 }, (_, part) => Array.from({ length: 20 }, (_unused, n) => JSON.stringify({ userId: `${pad}${n}`, itemId: 'i1', type: 'view', eventId: `${part}-${n}` })).join('\n') + '\n');
    socket.write(head('application/x-ndjson', `Content-Length: ${lines.join('').length}`));
    for (const part of lines) {
      socket.write(part);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await expect.poll(() => answer, { timeout: 5_000 }).toMatch(/^HTTP\/1\.1 200 [^]*"accepted":120/);
    socket.destroy();
    await patient.stop();
  });
});

it('stores so many events an hour with one shopper’s token, of no one else the less', async () => {
  const service = await startService({ limits: { perIp: 0, perKey: 0, perShopper: 3, trustProxy: [] } });
  try {
    await service.call('POST', '/v1/items', { items: [{ itemId: 'item-1' }] });
    const tokenOf = async (userId: string) => ((await service.call('POST', '/v1/tokens', { userId })).json as { token: string }).token;
    const send = async (userId: string, count: number, token: string) =>
      await service.call('POST', '/v1/events', { events: Array.from({ length: count }, () => ({ userId, itemId: 'item-1', type: 'view' })) }, 'publishable', { 'x-shopper-token': token });
    const token = await tokenOf('busy');
    expect((await send('busy', 2, token)).status).toBe(200);
    const refused = await send('busy', 2, token);
    expectProblem(refused, 429, 'rate-limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1000);
    expect((await send('busy', 1, token)).status).toBe(200);
    expectProblem(await service.call('PUT', '/v1/users/busy/ratings/item-1', { value: 5 }, 'publishable', { 'x-shopper-token': token }), 429, 'rate-limited');
    expect((await send('other', 3, await tokenOf('other'))).status).toBe(200);
    // The shop's own server is believed.
    expect((await service.call('POST', '/v1/events', { events: Array.from({ length: 50 }, () => ({ userId: 'busy', itemId: 'item-1', type: 'view' })) })).status).toBe(200);
  } finally {
    await service.stop();
  }
});
