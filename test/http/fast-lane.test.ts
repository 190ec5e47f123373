import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { publishHybridModel } from '../support/hybrid-model.ts';
import { KEYS, type Service, startService } from '../support/service.ts';

interface Raw {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

describe('the fast lane', () => {
  let service: Service;
  let port: number;

  /** Over a port, where the lane stands before the framework. */
  const overPort = async (path: string, headers: Record<string, string>) =>
    await new Promise<Raw>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece)).on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
      });
      sent.on('error', reject).end();
    });
  /** Through the framework alone. */
  const throughFramework = async (path: string, headers: Record<string, string>): Promise<Raw> => {
    const answer = await service.app.inject({ method: 'GET', url: path, headers });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body };
  };
  /** An answer without its id, which says in which second it was made; errors have none. */
  const untimed = (text: string) => {
    const { recommendationId, ...rest } = JSON.parse(text);
    return { ...rest, isSigned: recommendationId === undefined ? undefined : /^[\w-]{44}$/.test(recommendationId) };
  };
  /** Answers that the lane gave. */
  let fromLane = 0;
  /** Requests that Node's HTTP parsed. */
  let parsed = 0;

  beforeAll(async () => {
    service = await startService();
    const events = Array.from({ length: 400 }, (_, n) => ({ userId: n % 40 === 7 ? 'größe ü' : `u${n % 40}`, itemId: n % 31 === 3 ? `"größe" ${n % 2}` : `i${(n * 7) % 31}`, type: n % 3 === 0 ? 'purchase' : 'view' }));
    expect((await service.call('POST', '/v1/events', { events })).status).toBe(200);
    await publishHybridModel(service, 6);
    const { answers } = service;
    const recommend = answers.recommendQuickly;
    answers.recommendQuickly = (...asked) => {
      const answer = recommend(...asked);
      fromLane++;
      return answer;
    };
    // What is trending is counted beside the answers.
    await vi.waitFor(async () => expect((await service.call('GET', '/v1/trending')).json.items).toHaveLength(10), { timeout: 10_000 });
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    port = (service.app.server.address() as { port: number }).port;
    service.app.server.prependListener('request', () => parsed++);
  });
  afterAll(async () => await service.stop());

  it('gives the answers of the framework, and is taken where nothing has to be waited for', async () => {
    const bearer = { authorization: `Bearer ${KEYS.secret}`, 'x-request-id': 'mine' };
    const taken = ['/v1/users/nobody/recommendations?limit=5', '/v1/users/u1/recommendations', '/v1/users/u2/recommendations?limit=3', '/v1/users/u3/recommendations?limit=99'];
    const others = [
      '/v1/users/u1/recommendations?limit=200', '/v1/users/u1/recommendations?limit=0', '/v1/users/u1/recommendations?limit=201', '/v1/users/u1/recommendations?limit=1e1',
      '/v1/users/u1/recommendations?limit=3&limit=4', '/v1/users/u1/recommendations?fields=title&limit=3', '/v1/users/u1/recommendations?', '/v1/users/u1/recommendations?limi=3', '/v1/users/u1/recommendations/',
      '/v1/users/u1/recommendationsx', '/v1/users//recommendations', '/v1/users/gr%C3%B6%C3%9Fe%20%C3%BC/recommendations?limit=3', '/v1/users/u%31/recommendations?limit=3', `/v1/users/${'u'.repeat(300)}/recommendations`,
    ];
    // Another test's open transaction may make everybody look as if they had newer events; once asked, they are in memory.
    for (const path of taken) {
      await throughFramework(path, bearer);
    }
    for (const path of [...taken, ...others]) {
      fromLane = 0;
      const [fast, slow] = [await overPort(path, bearer), await throughFramework(path, bearer)];
      expect([path, fast.status, untimed(fast.text)]).toEqual([path, slow.status, untimed(slow.text)]);
      for (const name of ['content-type', 'x-request-id', 'x-content-type-options', 'content-length']) {
        // Trailing zeros make the lane's text longer.
        expect([path, name, fast.headers[name]]).toEqual([path, name, name === 'content-length' ? String(Buffer.byteLength(fast.text)) : slow.headers[name]]);
      }
      expect([path, fromLane]).toEqual([path, taken.includes(path) ? 1 : 0]);
    }
  });

  it('gives new items the places that the framework gives them', async () => {
    const bearer = { authorization: `Bearer ${KEYS.secret}` };
    const publishedAt = new Date(Date.now() - 1000).toISOString();
    const known = Array.from({ length: 31 }, (_, n) => ({ itemId: `i${n}`, categories: [`c${n % 4}`] }));
    const fresh = Array.from({ length: 9 }, (_, n) => ({ itemId: `fresh${n}`, categories: [`c${n % 4}`], publishedAt, available: n !== 8 }));
    expect((await service.call('POST', '/v1/items', { items: [...known, ...fresh] })).status).toBe(200);
    await service.answers.followItems();
    const hasNew = async (user: number) => JSON.parse((await overPort(`/v1/users/u${user}/recommendations?explore=0.5&limit=10`, bearer)).text).items.some(({ source }: { source?: string }) => source === 'explore');
    // Each suits a tenth of the shoppers at least.
    await vi.waitFor(async () => expect(await Promise.all(Array.from({ length: 40 }, async (_, user) => await hasNew(user)))).toContain(true), { timeout: 10_000 });
    fromLane = 0;
    const explored = new Set<string>();
    for (let user = 0; user < 40; user++) {
      for (const query of ['limit=10', 'limit=6&explore=0.5', `explore=0.5&filter=${encodeURIComponent('categories = c1')}&limit=3`]) {
        const path = `/v1/users/u${user}/recommendations?${query}`;
        await throughFramework(path, bearer);
        const [fast, slow] = [await overPort(path, bearer), await throughFramework(path, bearer)];
        expect([path, fast.status, untimed(fast.text)]).toEqual([path, 200, untimed(slow.text)]);
        (JSON.parse(fast.text).items as { itemId: string; source?: string }[]).filter(({ source }) => source === 'explore').forEach(({ itemId }) => explored.add(itemId));
      }
    }
    expect(fromLane).toBe(120);
    expect(fresh.map(({ itemId }) => explored.has(itemId))).toEqual(fresh.map(({ available }) => available));
  });

  it('takes queries that the framework has accepted, and no others', async () => {
    const bearer = { authorization: `Bearer ${KEYS.secret}` };
    const filter = encodeURIComponent('itemId != i3');
    const taken = [`limit=5&filter=${filter}`, 'diversity=0.5&reasons=true', 'scenario=home', 'boost=itemId:i4%5E2&limit=3', 'exclude=i1&exclude=i2', 'minScore=0.01', 'explore=0.5&includeSeen=true', 'limit=5&preview=true', 'fill=false&limit=200'];
    const { nextCursor } = JSON.parse((await throughFramework('/v1/users/u1/recommendations?limit=5', bearer)).text);
    const others = [`filter=${encodeURIComponent('itemId !')}`, 'limit=3&fields=title', 'scenario=nowhere', 'diversity=2', `limit=5&cursor=${nextCursor}`];
    for (const query of [...taken, ...others]) {
      const path = (user: string) => `/v1/users/${user}/recommendations?${query}`;
      // One shopper's request teaches it for all.
      await throughFramework(path('u9'), bearer);
      await throughFramework(path('u1'), bearer);
      fromLane = 0;
      const [fast, slow] = [await overPort(path('u1'), bearer), await throughFramework(path('u1'), bearer)];
      const [{ requestId: _, ...told }, { requestId: __, ...wanted }] = [untimed(fast.text), untimed(slow.text)];
      expect([query, fast.status, told]).toEqual([query, slow.status, wanted]);
      expect([query, fromLane]).toEqual([query, taken.includes(query) ? 1 : 0]);
    }
    // What nobody is shown is counted by no way.
    service.answers.drainLists();
    await overPort('/v1/users/u1/recommendations?limit=5&preview=true', bearer);
    expect(service.answers.drainLists()).toEqual([]);
    // What it goes by may change: a scenario that is gone is told by the framework.
    await service.call('DELETE', '/v1/scenarios/home');
    expect(JSON.parse((await overPort('/v1/users/u1/recommendations?scenario=home', bearer)).text).code).toBe('scenario-unknown');
  });

  it('refuses nobody by itself: every fault is told by the framework', async () => {
    for (const headers of [{}, { authorization: 'Bearer nope' }, { authorization: `Bearer ${KEYS.publishable}` }, { authorization: 'Basic abc' }] as Record<string, string>[]) {
      const [fast, slow] = [await overPort('/v1/users/u1/recommendations', headers), await throughFramework('/v1/users/u1/recommendations', headers)];
      expect(fast.status).toBe(slow.status);
      expect(fast.status).toBeGreaterThanOrEqual(401);
      expect(JSON.parse(fast.text).code).toBe(JSON.parse(slow.text).code);
    }
    service.setPhase('starting');
    expect((await overPort('/v1/users/u1/recommendations', { authorization: `Bearer ${KEYS.secret}` })).status).toBe(503);
    service.setPhase('ready');
  });

  it('stands aside where a page’s origin or a shopper’s token is to be judged', async () => {
    const bearer = { authorization: `Bearer ${KEYS.secret}` };
    const { token } = (await service.call('POST', '/v1/tokens', { userId: 'u2' })).json as { token: string };
    const path = '/v1/users/u1/recommendations';
    fromLane = 0;
    for (const [headers, status, code] of [
      [{ ...bearer, origin: 'https://elsewhere.example' }, 403, 'key-in-browser'], [{ ...bearer, origin: 'null' }, 403, 'key-in-browser'], [{ ...bearer, 'x-shopper-token': token }, 403, 'token-user'], [{ ...bearer, 'x-shopper-token': '' }, 401, 'token-invalid'],
    ] as const) {
      const [fast, slow] = [await overPort(path, headers), await throughFramework(path, headers)];
      expect([fast.status, slow.status, JSON.parse(fast.text).code]).toEqual([status, status, code]);
    }
    expect(fromLane).toBe(0);
    expect((await overPort(path, { ...bearer, origin: `http://127.0.0.1:${port}` })).status).toBe(200);
    expect((await overPort('/v1/users/u2/recommendations', { authorization: `Bearer ${KEYS.publishable}`, 'x-shopper-token': token })).status).toBe(200);
  });

  it('sees an event at once, and answers many at a time each to its own', async () => {
    const bearer = { authorization: `Bearer ${KEYS.admin}` };
    const first = JSON.parse((await overPort('/v1/users/u5/recommendations?limit=1', bearer)).text).items[0].itemId as string;
    await service.call('POST', '/v1/events', { userId: 'u5', itemId: first, type: 'purchase' });
    expect((await overPort('/v1/users/u5/recommendations?limit=40', bearer)).text).not.toContain(JSON.stringify(first));
    const users = Array.from({ length: 60 }, (_, n) => `u${n % 30}`);
    // Where a machine does much else the queue may refuse some of so many, as it is to.
    const ask = async (user: string) => {
      let answer = await overPort(`/v1/users/${user}/recommendations`, bearer);
      for (; answer.status === 503; answer = await overPort(`/v1/users/${user}/recommendations`, bearer));
      return answer;
    };
    const answers = await Promise.all(users.map(ask));
    for (const [n, user] of users.entries()) {
      expect([user, untimed(answers[n].text)]).toEqual([user, untimed((await throughFramework(`/v1/users/${user}/recommendations`, bearer)).text)]);
    }
  });

  it('counts every answer once, whichever way it comes, in one tally a route', async () => {
    const bearer = { authorization: `Bearer ${KEYS.secret}` };
    const path = '/v1/users/u1/recommendations?limit=4';
    await throughFramework(path, bearer);
    const { traffic } = service.monitoring;
    const lists = traffic.tallyOf('GET', '/v1/users/:userId/recommendations');
    const counted = () => [lists.answers[200], lists.seconds.counts.reduce((sum, count) => sum + count, 0), lists.answers[401]];
    const [answers, timed, refused] = counted();
    const secondsBefore = lists.seconds.sum();
    const begunMs = performance.now();
    [parsed, fromLane] = [0, 0];
    await overPort(path, bearer);
    expect([parsed, fromLane]).toEqual([0, 1]);
    await overPort(path, { ...bearer, 'x-request-id': 'mine' });
    expect([parsed, fromLane]).toEqual([1, 2]);
    await throughFramework(path, bearer);
    await overPort(path, {});
    await vi.waitFor(() => expect(counted()).toEqual([answers + 3, timed + 4, refused + 1]));
    const seconds = lists.seconds.sum() - secondsBefore;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan((performance.now() - begunMs) / 1000);
    const before = traffic.elsewhere.answers[404];
    await overPort('/nowhere/at/all', bearer);
    await vi.waitFor(() => expect(traffic.elsewhere.answers[404]).toBe(before + 1));
  });
});
