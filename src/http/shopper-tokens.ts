/**
 * Shopper tokens: with a publishable key, which is in every browser, a token says who is asking, and that shopper is the only one who can be read or written.
 *
 * A token is a JWT. Three kinds of keys sign one, told apart by `kid`: secrets that shops made here and keep (`kid` as handed out, two of them at most), the service itself for POST /v1/tokens
 * (`service`), and the service for someone without a name (`anonymous`). The last two are derived from a secret of this database, so every replica knows them and nobody else does.
 *
 *   sub   the shopper's id                        aud   `jongleur`
 *   iat   when it was signed, in seconds          exp   until when it is good, at most an hour after `iat` (`anonymous`: 30 days)
 *
 * Clocks may differ by 30 seconds.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { describeValue, faultOfId } from '../ingest/ids.ts';
import type { Database } from '../storage/database.ts';
import { loadTokenSecrets, noteTokenSecretsUsed } from '../storage/token-secrets.ts';
import { type JwtFault, openJwt, signJwt } from './jwt.ts';
import { Problem } from './problems.ts';
import { createReload } from './reload.ts';

export const AUDIENCE = 'jongleur';
export const MAX_TOKEN_SECONDS = 3600;
export const ANONYMOUS_SECONDS = 30 * 86_400;
const TOLERANCE_SECONDS = 30;
const SERVICE = 'service';
const ANONYMOUS = 'anonymous';
const ANONYMOUS_PREFIX = 'anon_';

export interface Shopper {
  readonly userId: string;
  /** The service made the id, for someone without a name. */
  readonly anonymous: boolean;
}

export interface IssuedToken {
  readonly userId: string;
  readonly token: string;
  readonly expiresAt: string;
}

export interface ShopperTokens {
  /** @throws Problem saying what is wrong with the token */
  read(token: string): Shopper;
  issue(userId: string, seconds: number): IssuedToken;
  /** For someone without a name: a new id, or their own again for longer. */
  issueAnonymous(former: Shopper | null): IssuedToken;
  reload(): Promise<void>;
  /** The shops' secrets of a local copy, until they can be read. */
  restore(secrets: readonly { readonly kid: string; readonly secret: string }[]): void;
  /** Writes down which secrets were used. */
  flushUse(): Promise<void>;
}

const FAULTS: Readonly<Record<JwtFault, string>> = {
  malformed: 'The shopper token is no JWT: three parts of base64url with dots between them, 4,096 characters at most.',
  algorithm: 'The shopper token’s header must say alg HS256, and no crit.',
  'key-id': 'The header of the shopper token has no kid of a secret that is live here.',
  signature: 'The signature of the shopper token is not that of the secret its kid names.',
};

function invalid(detail: string): Problem {
  return new Problem('token-invalid', detail);
}

function secondsIn(claims: Readonly<Record<string, unknown>>, name: string): number {
  const value = claims[name];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw invalid(`${name} of the shopper token is ${describeValue(value)}; it must be a time in seconds since 1970.`);
  }
  return value;
}

/** @param key the secret `tokens` of this database */
export function createShopperTokens(database: Database, key: Buffer, now: () => number): ShopperTokens {
  const derived = (purpose: string) => createHmac('sha256', key).update(`shopper token: ${purpose}`).digest();
  const own: ReadonlyMap<string, Buffer> = new Map([SERVICE, ANONYMOUS].map((kid) => [kid, derived(kid)]));
  let ofShop: ReadonlyMap<string, string> = new Map();
  const used = new Set<string>();
  const use: ShopperTokens['restore'] = (secrets) => {
    ofShop = new Map(secrets.map(({ kid, secret }) => [kid, secret]));
  };
  const reload = createReload(async () => use(await loadTokenSecrets(database)));

  function issue(kid: string, userId: string, seconds: number): IssuedToken {
    const iat = Math.floor(now() / 1000);
    const exp = iat + seconds;
    return { userId, token: signJwt({ sub: userId, aud: AUDIENCE, iat, exp }, kid, own.get(kid)!), expiresAt: new Date(exp * 1000).toISOString() };
  }

  return {
    reload,
    restore: use,
    read(token) {
      const opened = openJwt(token, (kid) => own.get(kid) ?? ofShop.get(kid));
      if (typeof opened === 'string') {
        throw invalid(FAULTS[opened]);
      }
      const { kid, claims } = opened;
      const { sub, aud } = claims;
      if (!(Array.isArray(aud) ? aud : [aud]).includes(AUDIENCE)) {
        throw invalid(`aud of the shopper token is ${describeValue(aud)}; it must be "${AUDIENCE}".`);
      }
      const wrong = faultOfId(sub);
      if (wrong !== null) {
        throw invalid(`sub of the shopper token ${wrong}.`);
      }
      const nowSeconds = now() / 1000;
      const [iat, exp] = [secondsIn(claims, 'iat'), secondsIn(claims, 'exp')];
      const most = kid === ANONYMOUS ? ANONYMOUS_SECONDS : MAX_TOKEN_SECONDS;
      if (exp - iat > most) {
        throw invalid(`exp of the shopper token lies ${describeValue(exp - iat)} seconds after iat; at most ${most} are allowed.`);
      }
      const notBefore = Math.max(iat, claims.nbf === undefined ? 0 : secondsIn(claims, 'nbf'));
      if (notBefore > nowSeconds + TOLERANCE_SECONDS) {
        throw invalid(`The shopper token is good from ${describeValue(notBefore)} on, which is in the future: compare the clocks.`);
      }
      if (exp <= nowSeconds - TOLERANCE_SECONDS) {
        throw new Problem('token-expired', 'The shopper token was good until its exp, which is past.');
      }
      if (!own.has(kid)) {
        used.add(kid);
      }
      return { userId: sub as string, anonymous: kid === ANONYMOUS };
    },
    issue: (userId, seconds) => issue(SERVICE, userId, seconds),
    issueAnonymous: (former) => issue(ANONYMOUS, former?.anonymous === true ? former.userId : ANONYMOUS_PREFIX + randomBytes(16).toString('base64url'), ANONYMOUS_SECONDS),
    async flushUse() {
      if (used.size > 0) {
        const kids = [...used];
        used.clear();
        await noteTokenSecretsUsed(database, kids);
      }
    },
  };
}

/** A secret for a shop to sign with. It is text, and its characters are the key: no library needs to be told of an encoding. */
export function createTokenSecret(): { kid: string; secret: string } {
  return { kid: `shop-${randomBytes(6).toString('hex')}`, secret: `ts_${randomBytes(32).toString('base64url')}` };
}
