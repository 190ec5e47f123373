import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createShopperTokens } from '../../src/http/shopper-tokens.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('shopper tokens', () => {
  let service: Service;
  let one: { kid: string; secret: string };
  const pk = { authorization: `Bearer ${KEYS.publishable}` };
  const nowSeconds = () => Math.floor(Date.now() / 1000);

  /** As a shop's server signs one. */
  const sign = async ({ kid, secret }: { kid?: string; secret: string } = one, changes: Record<string, unknown> = {}) => {
    const claims = { sub: 'user-1', aud: 'jongleur', iat: nowSeconds(), exp: nowSeconds() + 600, ...changes };
    return await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', ...(kid === undefined ? {} : { kid }) }).sign(new TextEncoder().encode(secret));
  };
  const ask = async (token: string, path = '/v1/users/user-1/recommendations') => await service.call('GET', path, undefined, null, { ...pk, 'x-shopper-token': token });

  beforeAll(async () => {
    service = await startService();
    await service.call('POST', '/v1/items', { items: [{ itemId: 'item-1' }, { itemId: 'item-2' }] });
    await service.call('POST', '/v1/events', { events: [{ userId: 'user-1', itemId: 'item-1', type: 'view' }, { userId: 'user-2', itemId: 'item-2', type: 'view' }] });
    const made = await service.call('POST', '/v1/token-secrets');
    expect(made.status).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    one = made.json;
    expect(one).toMatchObject({ kid: expect.stringMatching(/^shop-[0-9a-f]{12}$/), secret: expect.stringMatching(/^ts_[A-Za-z0-9_-]{43}$/) });
  });
  afterAll(async () => await service.stop());

  it('signed by the shop open what is the shopper’s, and nobody else’s', async () => {
    const token = await sign();
    expect((await ask(token)).status).toBe(200);
    expect((await ask(await sign(one, { aud: ['shop', 'jongleur'] }))).status).toBe(200);
    expectProblem(await ask(token, '/v1/users/user-2/recommendations'), 403, 'token-user');
    expectProblem(await ask(token, '/v1/users/USER-1/recommendations'), 403, 'token-user');
    expect((await ask(token, '/v1/users/user%2D1/recommendations')).status).toBe(200);
    // Ids are compared as they are stored.
    const odd = await sign(one, { sub: 'größe/ü 1' });
    expect((await ask(odd, `/v1/users/${encodeURIComponent('größe/ü 1')}/recommendations`)).status).toBe(200);
  });

  it.each([
    ['an hour and a second', { exp: 3601, iat: 0 }, /at most 3600 are allowed/],
    ['no exp', { exp: undefined }, /^exp of the shopper token is missing/],
    ['an exp that is text', { exp: '600' }, /^exp of the shopper token is "600"/],
    ['no iat', { iat: undefined }, /^iat of the shopper token is missing/],
    ['an iat in the future', { iat: 60 }, /in the future/],
    ['an nbf in the future', { nbf: 60 }, /in the future/],
    ['another audience', { aud: 'elsewhere' }, /it must be "jongleur"/],
    ['no audience', { aud: undefined }, /it must be "jongleur"/],
    ['no sub', { sub: undefined }, /^sub of the shopper token must be a string/],
    ['an empty sub', { sub: '' }, /^sub of the shopper token is empty/],
    ['a sub that is a number', { sub: 1 }, /^sub of the shopper token must be a string/],
  ] as const)('with %s are refused', async (_what, changes, detail) => {
    const times = Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, typeof value === 'number' && name !== 'sub' ? nowSeconds() + value : value]));
    const answer = await ask(await sign(one, times));
    expectProblem(answer, 401, 'token-invalid');
    expect(answer.json.detail).toMatch(detail);
  });

  it('expire, with half a minute for clocks that differ', async () => {
    expect((await ask(await sign(one, { iat: nowSeconds() - 600, exp: nowSeconds() - 20 }))).status).toBe(200);
    expect((await ask(await sign(one, { iat: nowSeconds() + 20 }))).status).toBe(200);
    expectProblem(await ask(await sign(one, { iat: nowSeconds() - 600, exp: nowSeconds() - 31 })), 401, 'token-expired');
  });

  it('are refused where another secret signed them, whatever their kid', async () => {
    for (const [kid, word] of [[one.kid, 'signature'], ['service', 'signature'], ['anonymous', 'signature'], ['shop-000000000000', 'kid'], [undefined, 'kid']] as const) {
      const answer = await ask(await sign({ ...(kid === undefined ? {} : { kid }), secret: `ts_${'x'.repeat(43)}` }));
      expectProblem(answer, 401, 'token-invalid');
      expect(answer.json.detail).toContain(word);
    }
    // A secret's holder cannot sign for the service itself, whose tokens may live longer.
    expectProblem(await ask(await sign({ kid: 'anonymous', secret: one.secret })), 401, 'token-invalid');
    expectProblem(await service.call('GET', '/v1/users/user-1/recommendations', undefined, null, { 'x-shopper-token': await sign() }), 401, 'key-missing');
  });

  it('are checked wherever they are sent, also where none is needed', async () => {
    expectProblem(await ask('nonsense', '/v1/trending'), 401, 'token-invalid');
    expect((await ask(await sign(), '/v1/trending')).status).toBe(200);
  });

  it('go on while their secret is changed for another, and end with it', async () => {
    const two = (await service.call('POST', '/v1/token-secrets')).json as typeof one;
    expectProblem(await service.call('POST', '/v1/token-secrets'), 409, 'too-many-token-secrets');
    const [old, fresh] = [await sign(one), await sign(two)];
    expect([(await ask(old)).status, (await ask(fresh)).status]).toEqual([200, 200]);
    await service.tokens.flushUse();
    const listed = await service.call('GET', '/v1/token-secrets');
    expect(listed.json.items).toMatchObject([{ kid: one.kid, lastUsedAt: expect.any(String) }, { kid: two.kid, lastUsedAt: expect.any(String) }]);
    expect(listed.text).not.toContain('ts_');
    expect((await service.call('DELETE', `/v1/token-secrets/${one.kid}`)).status).toBe(204);
    expectProblem(await ask(old), 401, 'token-invalid');
    expect((await ask(fresh)).status).toBe(200);
    expectProblem(await service.call('DELETE', `/v1/token-secrets/${one.kid}`), 404, 'not-found');
    one = two;
  });

  it('are known to a replica that was started before their secret', async () => {
    const replica = createShopperTokens(service.database, await readSecret(service.database, 'tokens'), Date.now);
    await replica.reload();
    expect(replica.read(await sign())).toEqual({ userId: 'user-1', anonymous: false });
    const made = (await service.call('POST', '/v1/token-secrets')).json as typeof one;
    const token = await sign(made);
    expect(() => replica.read(token)).toThrow(/no kid of a secret that is live/);
    await replica.reload();
    expect(replica.read(token).userId).toBe('user-1');
    await service.call('DELETE', `/v1/token-secrets/${made.kid}`);
    await replica.reload();
    expect(() => replica.read(token)).toThrow(/no kid of a secret that is live/);
  });

  it('can be made by the service, for an hour at most', async () => {
    const made = await service.call('POST', '/v1/tokens', { userId: 'user-2', expiresIn: 60 }, 'secret');
    expect(made).toMatchObject({ status: 201, json: { userId: 'user-2' } });
    expect(Date.parse(made.json.expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
    expect((await ask(made.json.token, '/v1/users/user-2/recommendations')).status).toBe(200);
    expectProblem(await ask(made.json.token), 403, 'token-user');
    expectProblem(await service.call('POST', '/v1/tokens', { userId: 'user-2', expiresIn: 3601 }, 'secret'), 400, 'invalid-request');
  });

  it('let a page send what is the shopper’s own, of items that are there', async () => {
    const headers = { ...pk, 'x-shopper-token': await sign() };
    const send = async (body: unknown, path = '/v1/events') => await service.call('POST', path, body, null, headers);
    const own = { userId: 'user-1', itemId: 'item-2', type: 'view' };
    expect((await send(own)).json).toMatchObject({ accepted: 1 });
    expect((await send({ events: [own, own] })).json).toMatchObject({ accepted: 2 });
    expect((await send({ ratings: [{ userId: 'user-1', itemId: 'item-1', value: 4 }] }, '/v1/ratings')).json).toMatchObject({ accepted: 1 });
    expectProblem(await send({ ...own, itemId: 'made-up' }), 400, 'item-unknown');
    const listed = await send({ events: [own, { ...own, itemId: 'made-up' }] });
    expectProblem(listed, 400, 'item-unknown');
    expect(listed.json.field).toBe('events.1.itemId');
    expectProblem(await service.call('PUT', '/v1/users/user-1/ratings/made-up', { value: 3 }, null, headers), 400, 'item-unknown');
    expectProblem(await send({ ...own, userId: undefined }), 400, 'invalid-request');
    expectProblem(await send({ ...own, userId: ['user-1'] }), 403, 'token-user');
    expectProblem(await send({ ...own, itemId: '\0' }), 400, 'invalid-request');
    const lines = await service.call('POST', '/v1/events', JSON.stringify({ ...own, userId: 'user-2' }), null, { ...headers, 'content-type': 'application/x-ndjson' });
    expectProblem(lines, 403, 'key-role');
    expect((await service.database.query(`SELECT count(*)::int AS n FROM items WHERE item_id = 'made-up'`)).rows[0].n).toBe(0);
  });

  it('give someone without a name an id, which nobody else can ask for', async () => {
    const begun = await service.call('POST', '/v1/sessions', undefined, 'publishable');
    expect(begun).toMatchObject({ status: 201, json: { userId: expect.stringMatching(/^anon_[A-Za-z0-9_-]{22}$/) } });
    expect(Date.parse(begun.json.expiresAt) - Date.now()).toBeGreaterThan(29 * 86_400_000);
    const { userId, token } = begun.json;
    const path = `/v1/users/${userId}/recommendations`;
    expect((await service.call('POST', '/v1/events', { userId, itemId: 'item-1', type: 'view' }, null, { ...pk, 'x-shopper-token': token })).status).toBe(200);
    expect((await ask(token, path)).status).toBe(200);
    expectProblem(await service.call('GET', path, undefined, 'publishable'), 403, 'token-missing');
    expectProblem(await ask(token), 403, 'token-user');
    const other = (await service.call('POST', '/v1/sessions', undefined, 'publishable')).json;
    expect(other.userId).not.toBe(userId);
    expectProblem(await ask(other.token, path), 403, 'token-user');
    // For longer, under the same id; a shopper of the shop's begins anew.
    const again = async (sent: string) => (await service.call('POST', '/v1/sessions', undefined, null, { ...pk, 'x-shopper-token': sent })).json.userId;
    expect(await again(token)).toBe(userId);
    expect(await again(await sign(one, { sub: userId }))).not.toBe(userId);
    // Logged in: what they did is theirs.
    expect((await service.call('PUT', `/v1/users/user-1/merge/${userId}`, undefined, 'secret')).json).toMatchObject({ userId: 'user-1', eventsMoved: 1 });
  });

  it('live as long as their kind may', async () => {
    const clock = vi.fn<() => number>(() => Date.now());
    const tokens = createShopperTokens(service.database, await readSecret(service.database, 'tokens'), clock);
    const anonymous = tokens.issueAnonymous(null).token;
    const made = tokens.issue('user-1', 3600).token;
    clock.mockReturnValue(Date.now() + 3_700_000);
    expect(() => tokens.read(made)).toThrow('past');
    expect(tokens.read(anonymous).anonymous).toBe(true);
    clock.mockReturnValue(Date.now() + 31 * 86_400_000);
    expect(() => tokens.read(anonymous)).toThrow('past');
  });
});
