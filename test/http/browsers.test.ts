import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDashboardSessions } from '../../src/http/dashboard-session.ts';
import { isOwnOrigin } from '../../src/http/origins.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

const SHOP = 'https://shop.example';
const PUBLIC_URL = 'https://recommend.example';

describe('pages of other origins', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ corsOrigins: [SHOP], publicUrl: PUBLIC_URL });
  });
  afterAll(async () => await service.stop());
  const preflight = async (origin: string) =>
    await service.app.inject({ method: 'OPTIONS', url: '/v1/users/u1/recommendations', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,x-shopper-token,content-type' } });

  it('may call where they are allowed to, with what they need', async () => {
    const allowed = await preflight(SHOP);
    expect(allowed.statusCode).toBe(204);
    expect(allowed.headers).toMatchObject({ 'access-control-allow-origin': SHOP, vary: 'Origin' });
    expect(String(allowed.headers['access-control-allow-headers']).toLowerCase()).toContain('x-shopper-token');
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
    const answer = await service.call('GET', '/v1/trending', undefined, 'publishable', { origin: SHOP });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(SHOP);
    // A refusal can be read too.
    expect((await service.call('GET', '/v1/trending', undefined, null, { origin: SHOP })).headers['access-control-allow-origin']).toBe(SHOP);
  });

  it('are told nothing elsewhere', async () => {
    for (const origin of ['https://shop.example.evil.example', 'http://shop.example', 'https://shop.example:8443', 'https://sub.shop.example', 'null']) {
      expect([origin, (await preflight(origin)).headers['access-control-allow-origin']]).toEqual([origin, undefined]);
      expect((await service.call('GET', '/v1/trending', undefined, 'publishable', { origin })).headers['access-control-allow-origin']).toBeUndefined();
    }
    const closed = await startService();
    const answer = await closed.app.inject({ method: 'OPTIONS', url: '/v1/trending', headers: { origin: SHOP, 'access-control-request-method': 'GET' } });
    expect(answer.statusCode).toBe(405);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    await closed.stop();
  });

  it('cannot use a key that must not be in a browser; it is noted with the key', async () => {
    const { key, no } = (await service.call('POST', '/v1/keys', { role: 'secret', name: 'leaked' })).json;
    const headers = { authorization: `Bearer ${key}` };
    expect((await service.call('GET', '/v1/items', undefined, null, headers)).status).toBe(200);
    for (const origin of [SHOP, 'https://elsewhere.example', 'null', 'http://recommend.example', `${PUBLIC_URL}, ${SHOP}`]) {
      expectProblem(await service.call('GET', '/v1/items', undefined, null, { ...headers, origin }), 403, 'key-in-browser');
    }
    expectProblem(await service.call('GET', '/v1/items', undefined, 'admin', { origin: SHOP }), 403, 'key-in-browser');
    expect((await service.call('GET', '/v1/items', undefined, null, { ...headers, origin: PUBLIC_URL })).status).toBe(200);
    await service.call('GET', '/v1/items', undefined, null, { ...headers, origin: 'https://last.example' });
    await service.keys.flushUse();
    const listed = (await service.call('GET', '/v1/keys')).json.items.find((one: { no: number }) => one.no === no);
    expect(listed).toMatchObject({ refusedOrigin: 'https://last.example', refusedAt: expect.any(String) });
    const alarms = async () => {
      await service.monitoring.look();
      service.monitoring.sample();
      return (await service.call('GET', '/v1/alerts')).json.items.map(({ code, value }: { code: string; value: number }) => [code, value]);
    };
    // It and the environment's, which no list shows.
    expect(await alarms()).toEqual([['key-in-page', 2]]);
    await service.call('DELETE', `/v1/keys/${no}`);
    expect(await alarms()).toEqual([['key-in-page', 1]]);
  });
});

describe('an origin', () => {
  it('is this server’s own by PUBLIC_URL, else by the host that the request names', () => {
    const cases: [string, string | undefined, string | null, boolean][] = [
      ['https://a.example', 'b.example', 'https://a.example/path', true], ['https://b.example', 'b.example', 'https://a.example', false], ['http://a.example', 'a.example', 'https://a.example', false],
      ['http://127.0.0.1:3000', '127.0.0.1:3000', null, true], ['https://a.example', 'a.example', null, true], ['https://a.example', 'A.Example', null, true], ['https://a.example', 'a.example:443', null, true], ['http://a.example', 'a.example:443', null, false], ['https://a.example', 'a.example@b.example', null, false], ['http://127.0.0.1:3001', '127.0.0.1:3000', null, false],
      ['null', 'a.example', null, false], ['ftp://a.example', 'a.example', null, false], ['https://a.example', undefined, null, false], ['a.example', 'a.example', null, false],
    ];
    for (const [origin, host, publicUrl, own] of cases) {
      expect([origin, host, publicUrl, isOwnOrigin(origin, host, publicUrl)]).toEqual([origin, host, publicUrl, own]);
    }
  });
});

describe('the dashboard', () => {
  let service: Service;
  const own = { origin: 'http://localhost:80', host: 'localhost:80' };
  const login = async (key: string, headers: Record<string, string> = own) => await service.call('POST', '/dashboard/session', { key }, null, headers);
  const cookieOf = (answer: { headers: Record<string, unknown> }) => String(answer.headers['set-cookie']).split(';')[0];

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('and the documentation allow nothing inline, and nothing from elsewhere', async () => {
    for (const path of ['/dashboard', '/docs/', '/docs/errors']) {
      const page = await service.app.inject(path);
      expect([path, page.statusCode]).toEqual([path, 200]);
      const policy = String(page.headers['content-security-policy']);
      expect(policy).toMatch(/default-src '(none|self)'/);
      expect(policy).toMatch(/frame-ancestors '(none|self)'/);
      expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|\*|https?:/);
      expect(page.body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/);
      expect(page.headers['x-content-type-options']).toBe('nosniff');
    }
    const files = readdirSync(new URL('../../src/dashboard/', import.meta.url), { recursive: true, encoding: 'utf8' }).filter((file) => /\.(js|css)$/.test(file));
    expect(files).toEqual(expect.arrayContaining(['main.js', 'pages.js']));
    for (const file of [...files, 'lib/preact.js', 'lib/uplot.js', 'lib/uplot.css']) {
      expect([file, (await service.app.inject(`/dashboard/${file}`)).statusCode]).toEqual([file, 200]);
    }
    for (const file of files.filter((one) => one.endsWith('.js'))) {
      const script = readFileSync(new URL(`../../src/dashboard/${file}`, import.meta.url), 'utf8');
      expect([file, /innerHTML|insertAdjacentHTML|document\.write|eval\(/.exec(script)]).toEqual([file, null]);
      // Examples for a shop's own page: text that nothing here runs.
      if (file === 'pages/connect/snippets.js') {
        continue;
      }
      expect([file, /localStorage|sessionStorage/.exec(script)]).toEqual([file, null]);
      // One file talks to the service, and one to the library of charts.
      expect([file, /\bfetch\(|XMLHttpRequest/.test(script) && file !== 'api.js', /lib\/uplot/.test(script) && file !== 'parts/chart.js']).toEqual([file, false, false]);
    }
  });

  it('is logged in to by an admin key alone, from its own page', async () => {
    const good = await login(KEYS.admin);
    expect(good.status).toBe(204);
    expect(good.headers['set-cookie']).toMatch(/^jongleur=ds_[\w-]{56}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    expect(good.headers['set-cookie']).not.toContain(KEYS.admin.slice(3));
    for (const [key, code, status] of [[KEYS.secret, 'key-role', 403], [KEYS.publishable, 'key-role', 403], [`ak_${'z'.repeat(40)}`, 'key-unknown', 401]] as const) {
      const answer = await login(key);
      expectProblem(answer, status, code);
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.text).not.toContain(key.slice(3));
    }
    for (const headers of [{}, { origin: 'https://elsewhere.example' }, { origin: 'null' }] as Record<string, string>[]) {
      expectProblem(await login(KEYS.admin, headers), 403, 'origin-foreign');
      expectProblem(await service.call('DELETE', '/dashboard/session', undefined, null, headers), 403, 'origin-foreign');
    }
    expect((await service.call('DELETE', '/dashboard/session', undefined, null, own)).headers['set-cookie']).toMatch(/^jongleur=; .*HttpOnly; SameSite=Strict; Max-Age=0$/);
  });

  it('gives a session that other pages cannot use', async () => {
    const cookie = cookieOf(await login(KEYS.admin));
    const use = async (method: 'GET' | 'POST', headers: Record<string, string>) => (await service.call(method, '/v1/keys', method === 'GET' ? undefined : { role: 'publishable', name: 'x' }, null, { cookie, ...headers })).status;
    expect(await use('GET', {})).toBe(200);
    expect(await use('GET', { 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await use('POST', own)).toBe(201);
    for (const headers of [{ 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'cross-site' }, { ...own, origin: 'http://elsewhere.example' }, { ...own, origin: 'http://localhost:81' }] as Record<string, string>[]) {
      expect([headers, await use('GET', headers), await use('POST', headers)]).toEqual([headers, 401, 401]);
    }
    expect(await use('POST', {})).toBe(401);
    // A key that was sent counts, and the cookie does not make up for what it may not.
    expect((await service.call('GET', '/v1/keys', undefined, 'secret', { cookie })).status).toBe(403);
    expect((await service.call('GET', '/v1/keys', undefined, null, { cookie: `other=1; ${cookie}; more=2` })).status).toBe(200);
    for (const wrong of [cookie.slice(0, -1), `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}`, cookie.replace('jongleur=', 'xjongleur='), 'jongleur=', 'jongleur=x']) {
      expect([wrong, (await service.call('GET', '/v1/keys', undefined, null, { cookie: wrong })).status]).toEqual([wrong, 401]);
    }
  });

  it('ends a session with its key, and after twelve hours', async () => {
    const { key, no } = (await service.call('POST', '/v1/keys', { role: 'admin', name: 'a colleague' })).json;
    const cookie = cookieOf(await login(key));
    const use = async () => (await service.call('GET', '/v1/keys', undefined, null, { cookie })).status;
    expect(await use()).toBe(200);
    expectProblem(await service.call('DELETE', `/v1/keys/${no}`, undefined, null, { cookie, ...own }), 409, 'last-admin-key');
    await service.call('DELETE', `/v1/keys/${no}`);
    expect(await use()).toBe(401);

    const clock = vi.fn<() => number>(() => Date.now());
    const sessions = createDashboardSessions(await readSecret(service.database, 'tokens'), service.keys, false, clock);
    const { key: fresh } = (await service.call('POST', '/v1/keys', { role: 'admin', name: 'another' })).json;
    const kept = cookieOf(await login(fresh));
    expect(sessions.find(kept)).toMatchObject({ role: 'admin' });
    clock.mockReturnValue(Date.now() + 12 * 3_600_000 + 1000);
    expect(sessions.find(kept)).toBeUndefined();
  });

  it('over https gives a cookie that travels no other way', async () => {
    const secure = await startService({ publicUrl: PUBLIC_URL });
    const answer = await secure.call('POST', '/dashboard/session', { key: KEYS.admin }, null, { origin: PUBLIC_URL });
    expect(answer.headers['set-cookie']).toMatch(/^__Host-jongleur=ds_[\w-]{56}; Path=\/; HttpOnly; SameSite=Strict; Secure; Max-Age=43200$/);
    expect((await secure.call('GET', '/v1/keys', undefined, null, { cookie: cookieOf(answer) })).status).toBe(200);
    expect((await secure.app.inject('/dashboard')).headers['strict-transport-security']).toBeDefined();
    await secure.stop();
  });
});
