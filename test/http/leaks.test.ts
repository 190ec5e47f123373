/** Nothing secret in the log, and nothing of the database in an answer. */
import { Writable } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redactKeys } from '../../src/http/redact.ts';
import { KEYS, type Service, startService } from '../support/service.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

describe('leaks', () => {
  let service: Service;
  let logged = '';
  let operations: { method: Method; path: string; body: unknown }[];

  beforeAll(async () => {
    const logger = pino({ level: 'trace' }, new Writable({ write: (line, _encoding, done) => { logged += String(line); done(); } }));
    service = await startService({ logger });
    // eslint-disable-next-line typescript/no-explicit-any -- a specification has many shapes
    const { paths } = (await service.call('GET', '/openapi.json', undefined, null)).json as { paths: Record<string, Record<string, any>> };
    operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => {
      const content = operation.requestBody?.content?.['application/json'];
      const examples = content?.examples ?? content?.schema?.examples;
      const example = Array.isArray(examples) ? examples[0] : (Object.values(examples ?? {}) as { value: unknown }[])[0]?.value ?? content?.example;
      return { method: method.toUpperCase() as Method, path: path.replaceAll(/\{\w+\}/g, '1'), body: content === undefined ? undefined : (example ?? {}) };
    }));
  });
  afterAll(async () => await service.stop());

  it('of keys, secrets, tokens and cookies into the log: none, wherever they are put', async () => {
    const key = (await service.call('POST', '/v1/keys', { role: 'secret', name: 'canary' })).json.key as string;
    const secret = (await service.call('POST', '/v1/token-secrets')).json.secret as string;
    const token = (await service.call('POST', '/v1/tokens', { userId: 'u1' })).json.token as string;
    const anonymous = (await service.call('POST', '/v1/sessions', undefined, 'publishable')).json.token as string;
    const own = { origin: 'http://localhost:80', host: 'localhost:80' };
    const cookie = String((await service.call('POST', '/dashboard/session', { key: KEYS.admin }, null, own)).headers['set-cookie']).split(';')[0].split('=')[1];
    const canaries = [...Object.values(KEYS), key, secret, token, anonymous, cookie];
    for (const canary of canaries) {
      for (const path of ['/v1/items', '/nowhere', '/v1/users/u1/recommendations']) {
        const query = `?key=${canary}&limit=${encodeURIComponent(canary)}`;
        await service.call('GET', path, undefined, null, { authorization: `Bearer ${canary}`, 'x-request-id': canary });
        await service.call('GET', path, undefined, null, { authorization: canary, 'x-shopper-token': canary, cookie: `jongleur=${canary}`, 'x-api-key': canary });
        await service.call('GET', path, undefined, 'publishable', { 'x-shopper-token': canary });
        await service.call('GET', path + query, undefined, 'secret');
        await service.call('GET', `/v1/users/${canary}/recommendations/${canary}/reasons`, undefined, 'secret');
      }
      await service.call('POST', '/v1/events', { userId: 'u1', itemId: canary, type: canary, key: canary }, 'secret');
      await service.call('POST', '/v1/events', `{"userId": ${canary}`, 'secret');
      await service.call('POST', '/dashboard/session', { key: canary }, null, own);
      await service.call('POST', '/dashboard/session', { key: canary }, null, {});
      await service.call('POST', '/v1/keys', { role: 'secret', name: canary, canary });
    }
    const lines = logged.trim().split('\n');
    expect(lines.length).toBeGreaterThan(150);
    for (const canary of canaries) {
      expect(lines.filter((line) => line.includes(canary) || line.includes(canary.slice(3, 30)))).toEqual([]);
    }
  });

  it('of the database into answers: none, even where every table is gone', async () => {
    const { rows } = await service.database.query<{ name: string }>(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'migrations'`);
    expect(rows.length).toBeGreaterThan(15);
    for (const { name } of rows) {
      await service.database.query(`ALTER TABLE ${name} RENAME TO ${name}_gone`);
    }
    const failed: string[] = [];
    for (const { method, path, body } of operations) {
      const answer = await service.call(method, path, body, 'admin');
      failed.push(...(answer.status >= 500 ? [answer.json.code as string] : []));
      expect([method, path, answer.text]).not.toEqual([method, path, expect.stringMatching(/relation|does not exist|SQLSTATE|\b42P01\b|\bpg_|SELECT |INSERT |UPDATE |DELETE FROM|_gone|node_modules|\.ts:|\.js:|postgres:/)]);
    }
    expect(failed.length).toBeGreaterThan(25);
    expect(new Set(failed)).toEqual(new Set(['internal']));
    expect(logged).toContain('42P01');
    for (const { name } of rows) {
      await service.database.query(`ALTER TABLE ${name}_gone RENAME TO ${name}`);
    }
  });

  it('are cut from text to what tells their kind', () => {
    expect(redactKeys(`/v1/items?key=${KEYS.secret}&x=1`)).toBe('/v1/items?key=sk_…&x=1');
    expect(redactKeys('/?t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl&n=2')).toBe('/?t=eyJ…&n=2');
    expect(redactKeys('/v1/users/task_12345678/x')).toBe('/v1/users/task_12345678/x');
    expect(redactKeys('/v1/users/user-1/recommendations?limit=5')).toBe('/v1/users/user-1/recommendations?limit=5');
  });
});
