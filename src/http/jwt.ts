/**
 * JSON Web Tokens (RFC 7519) in the one form this service takes: JWS compact, HS256. The algorithm is ours and never the token's to choose; a header that names another is refused before anything is
 * computed. `test/http/jwt.test.ts` holds it against `jose`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

const ALGORITHM = 'HS256';
const MAX_CHARS = 4096;
const SHAPE = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

export type Claims = Readonly<Record<string, unknown>>;

export type JwtFault = 'malformed' | 'algorithm' | 'key-id' | 'signature';

function macOf(text: string, key: string | Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** @returns null where it is no JSON object in UTF-8 */
function decode(part: string): Claims | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : null;
  } catch {
    return null;
  }
}

export function signJwt(claims: Claims, kid: string, key: string | Buffer): string {
  const text = `${encode({ alg: ALGORITHM, typ: 'JWT', kid })}.${encode(claims)}`;
  return `${text}.${macOf(text, key).toString('base64url')}`;
}

/**
 * What a token says, once its signature is found good. Claims are not looked at.
 *
 * @param keyOf the key that a `kid` names; undefined: there is none
 */
export function openJwt(token: string, keyOf: (kid: string) => string | Buffer | undefined): { readonly kid: string; readonly claims: Claims } | JwtFault {
  const match = token.length > MAX_CHARS ? null : SHAPE.exec(token);
  const header = match === null ? null : decode(match[1]);
  if (match === null || header === null) {
    return 'malformed';
  }
  // `crit` names extensions that must be understood; none is.
  if (header.alg !== ALGORITHM || header.crit !== undefined) {
    return 'algorithm';
  }
  const key = typeof header.kid === 'string' ? keyOf(header.kid) : undefined;
  if (key === undefined) {
    return 'key-id';
  }
  if (!timingSafeEqual(macOf(`${match[1]}.${match[2]}`, key), Buffer.from(match[3], 'base64url'))) {
    return 'signature';
  }
  const claims = decode(match[2]);
  return claims === null ? 'malformed' : { kid: header.kid as string, claims };
}
