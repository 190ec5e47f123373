import { hash } from 'node:crypto';
import { Writable } from 'node:stream';
import fastify from 'fastify';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireRoles } from '../../src/http/auth.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('keys', () => {
  let service: Service;
  let ring: Service['keys'];
  let logged = '';

  beforeAll(async () => {
    const logger = pino({ level: 'trace' }, new Writable({ write: (line, _encoding, done) => { logged += String(line); done(); } }));
    service = await startService({ logger });
    ring = service.keys;
  });
  afterAll(async () => await service.stop());

  it('are asked for in words: which, and how', async () => {
    const answer = await service.call('GET', '/v1/keys', undefined, null);
    expectProblem(answer, 401, 'key-missing');
    expect(answer.headers['www-authenticate']).toContain('Bearer');
    expect(answer.json.detail).toContain('this needs an admin key (ak_…) in "Authorization: Bearer KEY"');
    expect(answer.json.remedy).toContain('jongleur keys');
    const refused = await service.call('GET', '/v1/keys', undefined, 'secret');
    expectProblem(refused, 403, 'key-role');
    expect(refused.json.detail).toBe('This needs an admin key (ak_…); you sent a secret key (sk_…).');
    const alone = await service.call('GET', '/v1/users/u1/recommendations', undefined, 'publishable');
    expectProblem(alone, 403, 'token-missing');
    expect(alone.json.detail).toBe('This needs a publishable key (pk_…) with a shopper token, or a secret key (sk_…); you sent a publishable key (pk_…) alone.');
  });

  it.each([
    ['Basic dXNlcjpwYXNz', 'key-missing'], ['Bearer', 'key-missing'], [KEYS.secret, 'key-missing'], ['Bearer a b', 'key-missing'], [`Bearer ${KEYS.secret}x`, 'key-unknown'], [`Bearer ${KEYS.secret.slice(0, -1)}`, 'key-unknown'], [`Bearer ${hash('sha256', KEYS.secret, 'hex')}`, 'key-unknown'],
  ] as const)('are not taken from %s', async (authorization, code) => {
    const answer = await service.call('GET', '/v1/items', undefined, null, { authorization });
    expectProblem(answer, 401, code);
    expect(answer.text).not.toContain(KEYS.secret.slice(5));
  });

  it('are taken whatever the case of "Bearer", and not from the URL', async () => {
    expect((await service.call('GET', '/v1/items', undefined, null, { authorization: `bearer  ${KEYS.secret}` })).status).toBe(200);
    // A key of its own: the log has URLs in it.
    const { key } = (await service.call('POST', '/v1/keys', { role: 'secret', name: 'in a URL' })).json;
    expectProblem(await service.call('GET', `/v1/items?key=${key}`, undefined, null), 401, 'key-missing');
    await service.database.query('DELETE FROM api_keys');
    await ring.reload();
  });

  it('are checked before the body is read', async () => {
    const before = [await service.call('POST', '/v1/events', 'x'.repeat(2 << 20), null), await service.call('POST', '/v1/events', 'not json', 'publishable')];
    expect(before.map((answer) => answer.json.code)).toEqual(['key-missing', 'token-missing']);
  });

  it('made by an admin open doors at once, are shown once, and are kept as hashes', async () => {
    const made = await service.call('POST', '/v1/keys', { role: 'secret', name: 'backend' });
    expect(made.status).toBe(201);
    const { key, no, hint } = made.json;
    expect(key).toMatch(/^sk_[A-Za-z0-9_-]{43}$/);
    expect(key.startsWith(hint)).toBe(true);
    const use = async () => (await service.call('GET', '/v1/items', undefined, null, { authorization: `Bearer ${key}` })).status;
    expect(await use()).toBe(200);
    const { rows } = await service.database.query('SELECT * FROM api_keys');
    expect(rows).toHaveLength(1);
    expect(rows[0].sha256.equals(hash('sha256', key, 'buffer'))).toBe(true);
    expect(JSON.stringify(rows)).not.toContain(key.slice(8));
    const listed = await service.call('GET', '/v1/keys');
    expect(listed.json.items).toMatchObject([{ no, role: 'secret', name: 'backend', hint, lastUsedAt: null, revokedAt: null }]);
    expect(listed.text).not.toContain(key.slice(8));
    // Their use is noted, later and together.
    await ring.flushUse();
    expect(Date.parse((await service.call('GET', '/v1/keys')).json.items[0].lastUsedAt)).toBeGreaterThan(Date.now() - 60_000);

    expect((await service.call('DELETE', `/v1/keys/${no}`)).status).toBe(204);
    expect(await use()).toBe(401);
    expectProblem(await service.call('DELETE', `/v1/keys/${no}`), 404, 'not-found');
    expect(Date.parse((await service.call('GET', '/v1/keys')).json.items[0].revokedAt)).toBeGreaterThan(0);
  });

  it('cannot revoke themselves', async () => {
    const { key, no } = (await service.call('POST', '/v1/keys', { role: 'admin', name: 'me' })).json;
    const headers = { authorization: `Bearer ${key}` };
    expectProblem(await service.call('DELETE', `/v1/keys/${no}`, undefined, null, headers), 409, 'last-admin-key');
    expect((await service.call('GET', '/v1/keys', undefined, null, headers)).status).toBe(200);
    expect((await service.call('DELETE', `/v1/keys/${no}`)).status).toBe(204);
  });

  it('revoked by another process stop opening doors when that is read', async () => {
    const { key, no } = (await service.call('POST', '/v1/keys', { role: 'secret', name: 'elsewhere' })).json;
    await service.database.query('UPDATE api_keys SET revoked_at = now() WHERE key_no = $1', [no]);
    await ring.reload();
    const answer = await service.call('GET', '/v1/items', undefined, null, { authorization: `Bearer ${key}` });
    expectProblem(answer, 401, 'key-unknown');
    expect(answer.json.detail).toContain('not known here');
  });

  it('never reach the log, at any level', async () => {
    const { key } = (await service.call('POST', '/v1/keys', { role: 'secret', name: 'logged' })).json;
    const headers = { authorization: `Bearer ${key}`, 'x-request-id': 'in-the-log' };
    await service.call('GET', '/v1/items', undefined, null, headers);
    await service.call('GET', '/v1/items?limit=0', undefined, null, headers);
    await service.call('POST', '/v1/events', '{', null, headers);
    await service.database.query('ALTER TABLE items RENAME TO items_away');
    expectProblem(await service.call('GET', '/v1/items', undefined, null, headers), 500, 'internal');
    await service.database.query('ALTER TABLE items_away RENAME TO items');
    const lines = logged.trim().split('\n').map((line) => JSON.parse(line) as { level: number; reqId: string; err?: { message: string } });
    const own = lines.filter((line) => line.reqId === 'in-the-log');
    expect(own.length).toBeGreaterThanOrEqual(5);
    // What went well is a line for whoever debugs, what was refused one for whoever runs this.
    expect(own.map((line) => line.level)).toEqual([20, 30, 30, 50, 30]);
    // The log has what the answer of a fault leaves out.
    expect(own.find((line) => line.level === 50)?.err?.message).toContain('items');
    for (const secret of [key, ...Object.values(KEYS)]) {
      expect(logged).not.toContain(secret.slice(3));
    }
  });
});

describe('a route that does not say who may call it', () => {
  it('stops the start', async () => {
    const app = fastify();
    requireRoles(app);
    expect(() => app.get('/v1/forgotten', () => 'open to all')).toThrow('GET /v1/forgotten states no role');
    expect(() => app.get('/v1/hidden', { config: { role: 'open' }, schema: { hide: true } as never }, () => 'in no matrix')).toThrow('is not in the specification');
    expect(() => app.post('/v1/anybody', { config: { role: 'shopper' } }, () => 'of whom?')).toThrow('does not say which users');
    await app.close();
    const service = await startService();
    expect(service.app.hasRoute({ method: 'GET', url: '/v1/items' })).toBe(true);
    await service.stop();
  });
});
