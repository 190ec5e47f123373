import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MAX_FOLLOWERS } from '../../src/http/progress-feed.ts';
import { run } from '../../src/storage/database.ts';
import { type TrainingLock, endRun, noteProgress, startRun, takeTrainingLock } from '../../src/storage/training-runs.ts';
import type { Trainer } from '../../src/training/trainer.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('starting a run', () => {
  const asked: unknown[] = [];
  let service: Service;
  beforeAll(async () => {
    const trainer: Trainer = { start: async (startedBy, wishes) => (asked.push([startedBy, wishes]), 'busy'), watch: () => undefined, noteEvents: () => undefined, plan: async () => ({ enabled: true, scheduledMs: null, minEvents: 1, afterEvents: 0, newEvents: 0 }), stop: async () => undefined };
    service = await startService({ trainer });
  });
  afterAll(async () => await service.stop());
  beforeEach(() => {
    asked.length = 0;
  });

  it.each([
    ['no body', undefined, {}], ['an empty body', {}, {}], ['search', { search: 'off' }, { search: 'off' }], ['everything', { search: 'full', curves: true, cold: true }, { search: 'full', curves: true, cold: true }],
  ])('hands on what is wished by %s', async (_what, body, wishes) => {
    expectProblem(await service.call('POST', '/v1/training-runs', body), 409, 'training-running');
    expect(asked).toEqual([['api', wishes]]);
  });

  it.each([[{ search: 'fast' }, 'search'], [{ curves: 'yes' }, 'curves'], [{ cold: null }, 'cold'], [{ serach: 'off' }, 'serach'], ['null', 'body'], ['[]', 'body']])('refuses %j, naming the field', async (body, field) => {
    const answer = await service.call('POST', '/v1/training-runs', body);
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.field).toBe(field);
    expect(asked).toEqual([]);
  });
});

describe('following a run', () => {
  let service: Service;
  let replica: Service;
  let lock: TrainingLock;
  beforeEach(async () => {
    service = await startService();
    replica = await startService({}, {}, service.url);
    lock = (await takeTrainingLock(service.url))!;
    for (const one of [service, replica]) {
      await one.app.listen({ host: '127.0.0.1', port: 0 });
    }
  });
  afterEach(async () => {
    await lock.release();
    await replica.stop();
    await service.stop();
  });

  interface Event {
    name: string;
    data: Record<string, unknown>;
  }

  /** Collects events until the stream ends. */
  function follow(one: Service, runNo: number, key: string = KEYS.admin) {
    const events: Event[] = [];
    const { port } = one.app.server.address() as AddressInfo;
    let rest = '';
    let headers: Record<string, unknown> = {};
    const request = httpRequest({ port, path: `/v1/training-runs/${runNo}/progress`, headers: { authorization: `Bearer ${key}` } });
    const ended = new Promise<void>((resolve) => {
      request.on('response', (response) => {
        headers = { status: response.statusCode, ...response.headers };
        response.setEncoding('utf8').on('data', (text: string) => {
          const blocks = (rest + text).split('\n\n');
          rest = blocks.pop()!;
          for (const block of blocks.filter((one_) => !one_.startsWith(':'))) {
            const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block)!;
            events.push({ name, data: JSON.parse(data) as Record<string, unknown> });
          }
        });
        response.on('end', () => resolve()).on('error', () => resolve());
      });
    });
    request.on('error', () => undefined);
    request.end();
    return { events, ended, headers: () => headers, leave: () => request.destroy() };
  }
  const named = (events: readonly Event[], name: string) => events.filter((one) => one.name === name).map(({ data }) => data);

  it('tells phase, per cent and seconds left, every point and trial once, and the end, at any replica', async () => {
    const runNo = await startRun(lock.connection, 'api');
    await noteProgress(lock.connection, runNo, 'search', 0.2, 9, { trials: [{ number: 1, ndcg: 0.1 }] });
    const [early, elsewhere] = [follow(service, runNo), follow(replica, runNo)];
    await expect.poll(() => [early.events.length, elsewhere.events.length], { timeout: 3_000 }).toEqual([2, 2]);
    await noteProgress(lock.connection, runNo, 'curves', 0.6, 4, { trials: [{ number: 1, ndcg: 0.1 }, { number: 2, ndcg: 0.2 }], points: [{ curve: 'bySweep', at: 1, validation: 0.05 }] });
    await expect.poll(() => [early.events.length, elsewhere.events.length], { timeout: 3_000 }).toEqual([5, 5]);
    const late = follow(service, runNo);
    await expect.poll(() => late.events.length, { timeout: 3_000 }).toBe(4);
    await endRun(lock.connection, runNo, 'rejected', 'worse', 'Not good enough.');
    await Promise.all([early.ended, elsewhere.ended, late.ended]);
    expect(early.events).toEqual([
      { name: 'progress', data: { phase: 'search', progress: expect.closeTo(0.2) as number, secondsLeft: 9 } },
      { name: 'point', data: { kind: 'trial', index: 0, number: 1, ndcg: 0.1 } },
      { name: 'progress', data: { phase: 'curves', progress: expect.closeTo(0.6) as number, secondsLeft: 4 } },
      { name: 'point', data: { kind: 'trial', index: 1, number: 2, ndcg: 0.2 } },
      { name: 'point', data: { kind: 'point', index: 0, curve: 'bySweep', at: 1, validation: 0.05 } },
      { name: 'end', data: { state: 'rejected', version: null, code: 'worse', message: 'Not good enough.' } },
    ]);
    expect(elsewhere.events).toEqual(early.events);
    expect(named(late.events, 'point')).toEqual(named(early.events, 'point'));
    expect(early.headers()).toMatchObject({ status: 200, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no', 'x-request-id': expect.any(String) as string });
    // One that has ended is told of as well.
    const after = follow(replica, runNo);
    await after.ended;
    expect(after.events.map(({ name }) => name)).toEqual(['point', 'point', 'point', 'end']);
  });

  it('reads the row twice a second, however many follow, and not at all once they have left', async () => {
    const runNo = await startRun(lock.connection, 'api');
    let reads = 0;
    const { query } = service.database;
    service.database.query = function counting(this: typeof service.database, ...args: unknown[]) {
      reads += /detail/.test(String(args[0])) ? 1 : 0;
      return (query as (...all: unknown[]) => unknown).apply(this, args);
    } as typeof query;
    const all = Array.from({ length: 20 }, () => follow(service, runNo));
    await expect.poll(() => all.every(({ events }) => events.length === 1), { timeout: 5_000 }).toBe(true);
    reads = 0;
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    // Each read of a running run looks once more after marking those that died.
    expect(reads).toBeGreaterThanOrEqual(2);
    expect(reads).toBeLessThanOrEqual(8);
    all.forEach(({ leave }) => leave());
    await expect.poll(async () => {
      reads = 0;
      await new Promise((resolve) => setTimeout(resolve, 700));
      return reads;
    }, { timeout: 5_000, interval: 10 }).toBe(0);
    service.database.query = query;
  });

  it('is refused beyond a number of followers, and possible again when some have left', async () => {
    const runNo = await startRun(lock.connection, 'api');
    const all = Array.from({ length: MAX_FOLLOWERS }, () => follow(service, runNo));
    await expect.poll(() => all.every(({ events }) => events.length === 1), { timeout: 5_000 }).toBe(true);
    const refused = await service.call('GET', `/v1/training-runs/${runNo}/progress`);
    expectProblem(refused, 429, 'too-many-followers');
    expect(refused.headers['retry-after']).toBeDefined();
    all[0].leave();
    const next = await waitFor(async () => {
      const one = follow(service, runNo);
      await expect.poll(() => one.headers().status, { timeout: 3_000 }).toBeDefined();
      return one.headers().status === 200 ? one : null;
    });
    expect(next.headers().status).toBe(200);
    await endRun(lock.connection, runNo, 'cancelled', 'cancelled', 'x');
    await Promise.all([next.ended, ...all.slice(1).map(({ ended }) => ended)]);
    expect(named(all[1].events, 'end')).toHaveLength(1);
  });

  it('ends with the key it was opened with, and goes on for others', async () => {
    const runNo = await startRun(lock.connection, 'api');
    const { key, no } = (await service.call('POST', '/v1/keys', { role: 'admin', name: 'for a while' })).json;
    const [theirs, other] = [follow(service, runNo, key), follow(service, runNo)];
    await expect.poll(() => [theirs.events.length, other.events.length], { timeout: 3_000 }).toEqual([1, 1]);
    expect((await service.call('DELETE', `/v1/keys/${no}`)).status).toBe(204);
    await theirs.ended;
    await noteProgress(lock.connection, runNo, 'search', 0.5, 1, {});
    await expect.poll(() => other.events.length, { timeout: 3_000 }).toBe(2);
    expect(theirs.events.map(({ name }) => name)).toEqual(['progress']);
    await endRun(lock.connection, runNo, 'cancelled', 'cancelled', 'x');
    await other.ended;
  });

  it('ends with the process, at once and without an end of the run', async () => {
    const runNo = await startRun(lock.connection, 'api');
    const one = follow(replica, runNo);
    await expect.poll(() => one.events.length, { timeout: 3_000 }).toBe(1);
    const started = performance.now();
    await replica.app.close();
    await one.ended;
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(named(one.events, 'end')).toEqual([]);
  });

  it('goes with a real run from its start to its model, at the replica that does not train', async () => {
    await lock.release();
    const events = Array.from({ length: 400 }, (_, k) => ({ userId: `u${k % 40}`, itemId: `i${(k * 7) % 30}`, type: 'cart', occurredAt: new Date(Date.UTC(2026, 0, 1) + k * 3_600_000).toISOString() }));
    await service.call('POST', '/v1/events', { events });
    const started = await service.call('POST', '/v1/training-runs', { search: 'light', curves: true });
    expect([started.status, started.headers.location]).toEqual([202, `/v1/training-runs/${started.json.no}`]);
    const one = follow(replica, started.json.no as number);
    await one.ended;
    expect(named(one.events, 'end')).toEqual([{ state: 'published', version: 1, code: null, message: null }]);
    const progress = named(one.events, 'progress').map((data) => data.progress as number);
    expect(progress.length).toBeGreaterThan(0);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    // Whatever its report has was told.
    const told = (kind: string) => named(one.events, 'point').filter((data) => data.kind === kind);
    const { report, findings } = (await replica.call('GET', `/v1/training-runs/${started.json.no}`)).json;
    const card = (await replica.call('GET', '/v1/models/1')).json;
    expect(findings).toEqual(Object.fromEntries(Object.keys(findings as object).map((name) => [name, card[name]])));
    expect(findings).toMatchObject({ test: { rankings: expect.arrayContaining([expect.objectContaining({ name: 'item-kNN' })]) as unknown[] }, verdict: { code: report.verdict.code }, curves: report.curves });
    expect(told('trial').map(({ number }) => number)).toEqual(report.search.trials.map(({ number }: { number: number }) => number));
    expect(told('trial').length).toBeGreaterThan(5);
    const curves = ['bySweep', 'byShare', 'byFactors', 'byRegularization'];
    expect(told('point').map(({ curve, at }) => `${curve} ${at}`).toSorted()).toEqual(curves.flatMap((curve) => report.curves[curve].map(({ at }: { at: number }) => `${curve} ${at}`)).toSorted());
  });

  it('of a process that died ends as lost', async () => {
    const runNo = await startRun(lock.connection, 'api');
    const one = follow(service, runNo);
    await expect.poll(() => one.events.length, { timeout: 3_000 }).toBe(1);
    await run(service.database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jongleur-training' AND datname = current_database()`);
    await one.ended;
    expect(named(one.events, 'end')).toMatchObject([{ state: 'lost', version: null }]);
  });

  it('that is not there is refused', async () => {
    const answer = await service.call('GET', '/v1/training-runs/77/progress');
    expectProblem(answer, 404, 'not-found');
    expect(answer.json.field).toBe('no');
  });
});

async function waitFor<T>(attempt: () => Promise<T | null>): Promise<T> {
  for (let n = 0; n < 20; n++) {
    const got = await attempt();
    if (got !== null) {
      return got;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it never came');
}
