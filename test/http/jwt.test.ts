import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { SignJWT, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { openJwt, signJwt } from '../../src/http/jwt.ts';

const SECRET = 'ts_0123456789012345678901234567890123456789012';
const keyOf = (kid: string) => (kid === 'one' ? SECRET : undefined);
const part = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signed = (header: unknown, claims: unknown) => {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
};

describe('a JSON Web Token', () => {
  it('signed here is good for jose, and the other way round', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 2 ** 40 }), async (sub, exp) => {
        const claims = { sub, aud: 'jongleur', exp };
        const { payload, protectedHeader } = await jwtVerify(signJwt(claims, 'one', SECRET), new TextEncoder().encode(SECRET), { currentDate: new Date(0) });
        expect([payload, protectedHeader.alg, protectedHeader.kid]).toEqual([claims, 'HS256', 'one']);
        const theirs = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(new TextEncoder().encode(SECRET));
        expect(openJwt(theirs, keyOf)).toEqual({ kid: 'one', claims });
      }),
      { numRuns: 50 },
    );
  });

  it('with any character changed is refused', () => {
    const token = signJwt({ sub: 'user-1', exp: 1 }, 'one', SECRET);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
    /** Places of characters that could be another. */
    const accepted: number[] = [];
    for (let at = 0; at < token.length; at++) {
      for (const character of alphabet) {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        // The last character of 43 has two bits that say nothing.
        if (typeof openJwt(changed, keyOf) !== 'string' && changed !== token) {
          accepted.push(at);
        }
      }
    }
    expect(accepted.filter((at) => at !== token.length - 1)).toEqual([]);
    expect(accepted.length).toBeLessThanOrEqual(3);
  });

  it('chooses no algorithm: none, another one, a key of another kind, and extensions are refused', async () => {
    const claims = { sub: 'user-1' };
    expect(openJwt(signed({ alg: 'HS256', kid: 'one' }, claims), keyOf)).toEqual({ kid: 'one', claims });
    for (const alg of ['none', 'None', 'HS512', 'hs256', 'RS256', 'ES256', '', null, undefined, ['HS256']]) {
      expect([alg, openJwt(signed({ alg, kid: 'one' }, claims), keyOf)]).toEqual([alg, 'algorithm']);
    }
    expect(openJwt(`${part({ alg: 'none', kid: 'one' })}.${part(claims)}.`, keyOf)).toBe('malformed');
    expect(openJwt(signed({ alg: 'HS256', kid: 'one', crit: ['b64'], b64: false }, claims), keyOf)).toBe('algorithm');
    const other = await new SignJWT(claims).setProtectedHeader({ alg: 'HS512', kid: 'one' }).sign(new TextEncoder().encode(SECRET.repeat(2)));
    expect(openJwt(other, keyOf)).toBe('malformed');
  });

  it('needs a kid that is known', () => {
    for (const kid of ['two', '', undefined, null, 1, ['one'], '__proto__']) {
      expect([kid, openJwt(signed({ alg: 'HS256', kid }, {}), keyOf)]).toEqual([kid, 'key-id']);
    }
  });

  it('is refused without being computed where it is none', () => {
    for (const text of ['', '.', '..', 'a.b', 'a.b.c', `${'a'.repeat(5000)}.b.${'c'.repeat(43)}`, `${part('[]')}.${part('{}')}.${'A'.repeat(43)}`, `${part('{')}.${part('{}')}.${'A'.repeat(43)}`, ` ${signJwt({}, 'one', SECRET)}`, signJwt({}, 'one', SECRET).replace('.', '=.')]) {
      expect([text, openJwt(text, keyOf)]).toEqual([text, 'malformed']);
    }
    for (const claims of ['[]', 'null', '"text"', '{', '1']) {
      expect([claims, openJwt(signed({ alg: 'HS256', kid: 'one' }, claims), keyOf)]).toEqual([claims, 'malformed']);
    }
  });
});
