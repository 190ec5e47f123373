/** The samples of docs/security.md, as they stand. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLE_WORDS } from '../src/http/auth.ts';
import { PROBLEMS } from '../src/http/problems.ts';
import { KEYS, type Service, startService } from './support/service.ts';

/** Not everybody has it. */
const hasPhp = spawnSync('php', ['-v']).status === 0;
const page = readFileSync(new URL('../docs/security.md', import.meta.url), 'utf8');

describe('docs/security.md', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('has a sample for Node whose tokens are good here', async () => {
    const [, sample] = /```js\n([^]*?)```/.exec(page)!;
    const { shopperToken } = (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(sample)}`)) as { shopperToken(userId: string, kid: string, secret: string, seconds?: number): string };
    const { kid, secret } = (await service.call('POST', '/v1/token-secrets')).json;
    const ask = async (token: string) => await service.call('GET', `/v1/users/${encodeURIComponent('größe 1')}/recommendations`, undefined, null, { authorization: `Bearer ${KEYS.publishable}`, 'x-shopper-token': token });
    expect((await ask(shopperToken('größe 1', kid, secret))).status).toBe(200);
    expect((await ask(shopperToken('größe 1', kid, secret, 3600))).status).toBe(200);
    expect((await ask(shopperToken('größe 1', kid, secret, 3601))).json.code).toBe('token-invalid');
    expect((await ask(shopperToken('somebody', kid, secret))).json.code).toBe('token-user');
    expect((await ask(shopperToken('größe 1', kid, secret.slice(3)))).json.code).toBe('token-invalid');
  });

  it.skipIf(!hasPhp)('has a sample for PHP whose tokens are good here', async () => {
    const [, sample] = /```php\n([^]*?)```/.exec(page)!;
    const { kid, secret } = (await service.call('POST', '/v1/token-secrets')).json;
    const make = (userId: string, seconds: number) => spawnSync('php', ['-r', `${sample} echo shopper_token($argv[1], $argv[2], $argv[3], (int) $argv[4]);`, userId, kid, secret, String(seconds)], { encoding: 'utf8' }).stdout;
    const ask = async (token: string) => await service.call('GET', `/v1/users/${encodeURIComponent('größe 1')}/recommendations`, undefined, null, { authorization: `Bearer ${KEYS.publishable}`, 'x-shopper-token': token });
    expect((await ask(make('größe 1', 900))).status).toBe(200);
    expect((await ask(make('größe 1', 3601))).json.code).toBe('token-invalid');
    expect((await ask(make('somebody', 900))).json.code).toBe('token-user');
  });

  it('names codes and operations that there are', async () => {
    const codes = [...page.matchAll(/\b(?:400|401|403|500) `([a-z-]+)`/g)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(4);
    expect(codes.filter((code) => !Object.hasOwn(PROBLEMS, code))).toEqual([]);
    const { paths } = (await service.call('GET', '/openapi.json', undefined, null)).json;
    for (const [, method, path] of page.matchAll(/curl (?:-X (\w+) )?"?\$URL(\/v1\/[^\s"?]*)/g)) {
      const known = Object.keys(paths).find((one) => new RegExp(`^${one.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path));
      expect([path, known === undefined ? undefined : Object.keys(paths[known]).includes((method ?? 'GET').toLowerCase())]).toEqual([path, true]);
    }
    for (const prefix of Object.values(ROLE_WORDS).flatMap((words) => words.match(/[psa]k_/g) ?? [])) {
      expect(page).toContain(`\`${prefix}\``);
    }
  });
});
