/** How a process and its parts end: the trainer killed, a training thread that crashes, faults that nobody caught, signals in order, the clock moved. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { KEYS } from '../support/service.ts';
import { LONG, noteFigure } from './figures.ts';
import { SMALL, WRITES, ask, fillShop, insist, keepAsking, startShop, until } from './shop.ts';

const preload = (name: string) => ({ NODE_OPTIONS: `--import=${fileURLToPath(new URL(`${name}.mjs`, import.meta.url))}` });

describe('a process', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  const started: ServerProcess[] = [];
  const start = async (environment: Record<string, string> = {}) => {
    const server = await startServer({ DATABASE_URL: database.url, ...SMALL, ...environment });
    started.push(server);
    await server.ready();
    // Beside other tests a machine may have too much to do for a start.
    await until(async () => ((await WRITES[0].send(server.url)).status === 200 ? true : null));
    return server;
  };
  beforeAll(async () => {
    database = await createTestDatabase(inject('templateUrl'));
    started.push(await startShop(database.url));
  });
  afterAll(async () => {
    started.forEach(({ child }) => child.kill('SIGKILL'));
    await database.drop();
  });

  it('that is killed while it trains is followed by another; its run is lost', { timeout: 60_000 }, async () => {
    const [other] = started;
    const trainer = await start();
    const events = Array.from({ length: 20_000 }, (_, n) => ({ userId: `t${n % 1_500}`, itemId: `i${(n * 7 + (n % 1_500)) % 400}`, type: 'view', eventId: `t${n}` }));
    for (let from = 0; from < events.length; from += 1_000) {
      await insist(other, 'POST', '/v1/events', { events: events.slice(from, from + 1_000) });
    }
    const run = await insist(trainer, 'POST', '/v1/training-runs', { search: 'full' });
    await until(async () => ((await other.call('GET', `/v1/training-runs/${run.no}`)).json.progress > 0 ? true : null));
    expect((await other.call('POST', '/v1/training-runs')).status).toBe(409);
    await trainer.end('SIGKILL');
    const since = performance.now();
    await until(async () => ((await other.call('GET', `/v1/training-runs/${run.no}`)).json.state === 'lost' ? true : null));
    const next = await insist(other, 'POST', '/v1/training-runs', { search: 'off' });
    noteFigure({ measure: 'a killed trainer’s run lost, the next begun by another replica', value: (performance.now() - since) / 1_000, floor: 5, bound: 'at-most', unit: 's' });
    // However the gate judges what these events make.
    await until(async () => (['published', 'rejected'].includes((await other.call('GET', `/v1/training-runs/${next.no}`)).json.state) ? true : null), 60_000);
  });

  it('whose training thread crashes says so in the run, answers on, and takes writes', { timeout: 60_000 }, async () => {
    const server = await start(preload('crash-thread'));
    const answering = keepAsking(server.url);
    const run = await insist(server, 'POST', '/v1/training-runs');
    const ended = await until(async () => {
      const { json } = await server.call('GET', `/v1/training-runs/${run.no}`);
      return json.state === 'running' ? null : json;
    });
    expect(ended).toMatchObject({ state: 'failed', code: 'internal', message: expect.stringContaining('planted in thread') });
    expect((await WRITES[0].send(server.url)).status).toBe(200);
    expect((await answering.stop()).failed).toEqual([]);
    expect(await server.end('SIGTERM')).toBe(0);
  });

  it.each(['rejection', 'exception'])('with an uncaught %s ends in order, with code 1 and a fatal line, and what was acknowledged is stored', { timeout: 60_000 }, async (fault) => {
    const server = await start({ ...preload('uncaught'), PLANTED_FAULT: fault });
    const writing = Array.from({ length: 30 }, async (_, n) => ({ n, ...(await ask(server.url, 'POST', '/v1/events', { userId: fault, itemId: 'i1', type: 'view', eventId: `${fault}${n}` })) }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await server.end('SIGUSR2')).toBe(1);
    expect(server.lines.find((line) => line.includes('"level":60') || line.includes('"level":"fatal"'))).toMatch(new RegExp(`a fault that nobody caught.*|planted ${fault}`));
    expect(server.lines.join('\n')).toContain(`planted ${fault}`);
    expect(server.lines.some((line) => line.includes('"msg":"stopped"'))).toBe(true);
    const acknowledged = (await Promise.all(writing)).filter(({ status }) => status === 200);
    for (const { n } of acknowledged) {
      const again = await started[0].call('POST', '/v1/events', { userId: fault, itemId: 'i1', type: 'view', eventId: `${fault}${n}` });
      expect(again.json).toMatchObject({ accepted: 0, duplicates: 1 });
    }
  });

  it('that is told to stop says not ready first, answers on, closes kept connections, and a second signal ends it at once', { timeout: 60_000 }, async () => {
    const server = await start({ DRAIN_SECONDS: '60' });
    server.child.kill('SIGTERM');
    const ready = await until(async () => {
      const answer = await fetch(`${server.url}/health/ready`);
      return answer.status === 503 ? answer : null;
    });
    expect([await ready.json(), ready.headers.get('retry-after'), ready.headers.get('connection')]).toMatchObject([{ status: 'stopping' }, expect.any(String), 'close']);
    for (const path of ['/v1/users/u1/recommendations', '/v1/trending']) {
      const answer = await fetch(server.url + path, { headers: { authorization: `Bearer ${KEYS.secret}` } });
      await answer.arrayBuffer();
      expect([path, answer.status, answer.headers.get('connection')]).toEqual([path, 200, 'close']);
    }
    const write = await fetch(`${server.url}/v1/events`, { method: 'POST', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/json' }, body: JSON.stringify({ userId: 'u1', itemId: 'i1', type: 'view' }) });
    expect([write.status, write.headers.get('connection')]).toEqual([200, 'close']);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const since = performance.now();
    expect(await server.end('SIGTERM')).toBe(1);
    expect(performance.now() - since).toBeLessThan(2_000);
  });

  it('that is told to stop finishes what is under way: a body that is still coming, a write in Postgres', { timeout: 60_000 }, async () => {
    const server = await start();
    let finish = () => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"userId":"late","itemId":"i1","type":"view","eventId":"late1"}\n'));
        finish = () => {
          controller.enqueue(new TextEncoder().encode('{"userId":"late","itemId":"i2","type":"view","eventId":"late2"}\n'));
          controller.close();
        };
      },
    });
    const answer = fetch(`${server.url}/v1/events`, { method: 'POST', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/x-ndjson' }, body, duplex: 'half' } as RequestInit);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const ended = server.end('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 300));
    finish();
    const told = await answer;
    expect([told.status, await told.json()]).toMatchObject([200, { accepted: 2 }]);
    expect(await ended).toBe(0);
  });

  it.each(LONG ? ['-30', '30'] : ['-30'])('whose clock moves by %s hours answers, stores, trains and signs on', { timeout: 60_000 }, async (hours) => {
    const server = await start({ ...preload('moved-clock'), PLANTED_HOURS: hours, IP_RATE_LIMIT: '100000' });
    const token = async () => (await insist(server, 'POST', '/v1/tokens', { userId: 'u1' }, 'secret')).token as string;
    const withToken = async (jwt: string) => (await fetch(`${server.url}/v1/users/u1/recommendations`, { headers: { authorization: `Bearer ${KEYS.publishable}`, 'x-shopper-token': jwt } })).status;
    expect(await withToken(await token())).toBe(200);
    const answering = keepAsking(server.url);
    server.child.kill('SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await withToken(await token())).toBe(200);
    const told = await Promise.all(WRITES.filter(({ name }) => name !== 'a training run' && name !== 'an erasure').map(async ({ name, send }) => ({ name, status: (await send(server.url)).status })));
    expect(told.filter(({ status }) => ![200, 201, 202].includes(status))).toEqual([]);
    const { no } = await insist(server, 'POST', '/v1/training-runs', { search: 'off' });
    await until(async () => (['published', 'rejected'].includes((await server.call('GET', `/v1/training-runs/${no}`)).json.state) ? true : null), 60_000);
    expect((await answering.stop()).failed).toEqual([]);
    expect(await server.end('SIGTERM')).toBe(0);
  });

  it('and all of it leaves a shop that still answers', async () => {
    await fillShop(started[0]);
    expect((await ask(started[0].url, 'GET', '/v1/users/u1/recommendations')).status).toBe(200);
  });
});
