/**
 * Who may call what. Every route states its role in `config.role`; a route that states none stops the start, so nothing is open by mistake. Keys, tokens and cookies are checked in `onRequest`, before a
 * body is read; users that a body names in `preHandler`, before anything is done with them.
 *
 *   open          no key
 *   publishable   any key
 *   shopper       a publishable key with a shopper token, or a secret key
 *   secret        a secret key
 *   admin         an admin key, or the dashboard's session
 *
 * A shopper token binds the request, whatever key it comes with: it may do what a shopper may, and name no other user. So a server that passes a browser's headers on gives nothing away.
 */
import { Readable } from 'node:stream';
import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import type { Role } from '../storage/api-keys.ts';
import type { DashboardSessions } from './dashboard-session.ts';
import { isOwnOrigin } from './origins.ts';
import { Problem } from './problems.ts';
import type { Shopper, ShopperTokens } from './shopper-tokens.ts';

export type Access = Role | 'open' | 'shopper';

declare module 'fastify' {
  interface FastifyContextConfig {
    role?: Access;
    /** Users that a request names beside its path; undefined where it names none. A route that a shopper may call states it, or has `:userId` in its path. */
    usersOf?: (request: FastifyRequest) => readonly unknown[];
    /** Content types whose bodies the route reads itself, as a stream. */
    streamTypes?: readonly string[];
  }
  interface FastifyRequest {
    /** Number of the key that was sent; null for one given by the environment, or on open routes. */
    keyNo: number | null;
    /** Of the key that was sent; null on open routes. */
    keyRole: Role | null;
    /** Whose token was sent along; null: none was. */
    shopper: Shopper | null;
    /** Would it be let in now? For streams, which outlive the look at their key. */
    mayGoOn(): boolean;
  }
}

/** What a key is looked up in. Lookups are by hash: how long they take tells nothing of the key. */
export interface KeyRing {
  find(sha256Hex: string): FoundKey | undefined;
  /** Another number each time the keys are read. */
  generation(): number;
  /** Those that open doors now, by their SHA-256. */
  all(): Iterable<readonly [sha256Hex: string, key: FoundKey]>;
  noteUse(keyNo: number): void;
  /** A page of another origin sent a key that must not be in a browser. */
  noteRefused(key: FoundKey, origin: string): void;
}

export interface FoundKey {
  readonly keyNo: number | null;
  readonly role: Role;
}

export interface Guard {
  readonly keys: KeyRing;
  readonly tokens: Pick<ShopperTokens, 'read'>;
  readonly sessions: Pick<DashboardSessions, 'find'>;
  readonly publicUrl: string | null;
}

export const TOKEN_HEADER = 'x-shopper-token';
const MAX_KNOWN_HEADERS = 1_000;
const MOST_OF_ORIGIN = 200;

const RANK: Readonly<Record<Role, number>> = { publishable: 1, secret: 2, admin: 3 };
export const ROLE_WORDS: Readonly<Record<Role | 'shopper', string>> = {
  publishable: 'a publishable key (pk_…)',
  shopper: 'a publishable key (pk_…) with a shopper token, or a secret key (sk_…)',
  secret: 'a secret key (sk_…)',
  admin: 'an admin key (ak_…)',
};
const BEARER = /^Bearer +(\S+) *$/i;

/**
 * Which key a header names. Headers that did name one are remembered until the ring changes, at most as many as there are keys: hashing would be a tenth of an answer's time. The look-up is by
 * the string's own hash, compared whole only where that agrees, so its time tells a guesser nothing.
 */
export function createLookup(ring: KeyRing): (header: string) => FoundKey | undefined {
  const known = new Map<string, FoundKey>();
  let generation = ring.generation();
  return (header) => {
    if (ring.generation() !== generation) {
      known.clear();
      generation = ring.generation();
    }
    let key = known.get(header);
    if (key === undefined) {
      const token = BEARER.exec(header);
      key = token === null ? undefined : ring.find(hash('sha256', token[1], 'hex'));
      if (key !== undefined && known.size < MAX_KNOWN_HEADERS) {
        known.set(header, key);
      }
    }
    return key;
  };
}

/** Of a request without a shopper token. */
export function mayCall(key: FoundKey, needed: Exclude<Access, 'open'>): boolean {
  return RANK[key.role] >= RANK[needed === 'shopper' ? 'secret' : needed];
}

/** A session counts for pages of this server alone: another page of the same site could make the browser send it. */
function sessionMayBeUsed(request: FastifyRequest, publicUrl: string | null): boolean {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return false;
  }
  return origin === undefined ? request.method === 'GET' || request.method === 'HEAD' : isOwnOrigin(origin, host, publicUrl);
}

function createIdentify({ keys, sessions, publicUrl }: Guard): (request: FastifyRequest, needed: Exclude<Access, 'open'>) => FoundKey {
  const lookup = createLookup(keys);
  return (request, needed) => {
    const { authorization, cookie, origin, host } = request.headers;
    if (authorization === undefined) {
      const session = cookie === undefined || !sessionMayBeUsed(request, publicUrl) ? undefined : sessions.find(cookie);
      if (session !== undefined) {
        return session;
      }
    }
    const key = authorization === undefined ? undefined : lookup(authorization);
    if (key === undefined) {
      if (authorization !== undefined && BEARER.test(authorization)) {
        throw new Problem('key-unknown', `The key that was sent is not known here; this needs ${ROLE_WORDS[needed]}.`);
      }
      throw new Problem('key-missing', `${authorization === undefined ? 'There is no Authorization header' : 'The Authorization header is not of the form "Bearer KEY"'}; this needs ${ROLE_WORDS[needed]} in "Authorization: Bearer KEY".`);
    }
    if (origin !== undefined && key.role !== 'publishable' && !isOwnOrigin(origin, host, publicUrl)) {
      const from = origin.slice(0, MOST_OF_ORIGIN);
      request.log.warn({ reqId: request.id, keyNo: key.keyNo, role: key.role, origin: from }, 'a key that must not be in a browser was sent by one, and refused');
      keys.noteRefused(key, from);
      throw new Problem('key-in-browser', `${ROLE_WORDS[key.role][0].toUpperCase()}${ROLE_WORDS[key.role].slice(1)} came from a browser's page of ${JSON.stringify(from)}, which is not this server's own${publicUrl === null ? '' : ` (PUBLIC_URL is ${publicUrl})`}.`);
    }
    return key;
  };
}

/** May this shopper name this user? The same answer whether or not there is such a user: nothing is looked up. */
function needOwn(shopper: Shopper, userId: unknown): void {
  if (userId !== undefined && userId !== shopper.userId) {
    throw new Problem('token-user', 'The request names another user than the shopper token.', { field: 'userId' });
  }
}

/** Users named beside the path; needs no look at whoever sends a secret key alone. */
function checkNamedUsers(request: FastifyRequest): void {
  const { usersOf } = request.routeOptions.config;
  if (usersOf === undefined || (request.shopper === null && request.keyRole !== 'publishable')) {
    return;
  }
  if (request.body instanceof Readable) {
    throw new Problem('key-role', `A body of lines or files needs ${ROLE_WORDS.secret} without a shopper token.`);
  }
  for (const userId of usersOf(request)) {
    if (request.shopper !== null) {
      needOwn(request.shopper, userId);
    } else if (userId !== undefined) {
      throw new Problem('token-missing', `userId needs ${ROLE_WORDS.shopper}; you sent ${ROLE_WORDS.publishable} alone.`, { field: 'userId' });
    }
  }
}

/** @throws Error where a route does not say who may call it, or whom a shopper's request names */
function checkRoute(route: RouteOptions): void {
  // The documentation's pages and files are a library's routes, and so is the answer to a browser that asks what it may send.
  if (route.config?.role === undefined && (/^\/docs(\/|$)/.test(route.url) || (route.method === 'OPTIONS' && route.url === '*'))) {
    route.config = { ...route.config, role: 'open' };
  }
  if (route.config?.role === undefined) {
    throw new Error(`Route ${String(route.method)} ${route.url} states no role in its config.`);
  }
  if ((route.schema as { hide?: boolean } | undefined)?.hide === true && (route.config.role !== 'open' || route.url.startsWith('/v1/'))) {
    throw new Error(`Route ${String(route.method)} ${route.url} is not in the specification, which only open pages may be.`);
  }
  if (route.config.role === 'shopper' && route.config.usersOf === undefined && !route.url.includes('/:userId')) {
    throw new Error(`Route ${String(route.method)} ${route.url} is for shoppers and does not say which users a request names.`);
  }
}

/** Before any route is there, a library's included. */
export function requireRoles(app: FastifyInstance): void {
  app.addHook('onRoute', checkRoute);
}

export function installAuth(app: FastifyInstance, guard: Guard): void {
  const identify = createIdentify(guard);
  app.decorateRequest('keyNo', null);
  app.decorateRequest('keyRole', null);
  app.decorateRequest('shopper', null);

  function check(request: FastifyRequest, needed: Exclude<Access, 'open'>): void {
    const key = identify(request, needed);
    const token = request.headers[TOKEN_HEADER];
    if (token === undefined) {
      if (!mayCall(key, needed)) {
        throw new Problem(needed === 'shopper' ? 'token-missing' : 'key-role', `This needs ${ROLE_WORDS[needed]}; you sent ${ROLE_WORDS[key.role]}${needed === 'shopper' ? ' alone' : ''}.`);
      }
    } else {
      const shopper = guard.tokens.read(String(token));
      if (needed === 'secret' || needed === 'admin') {
        throw new Problem('key-role', `This needs ${ROLE_WORDS[needed]} without a shopper token; you sent ${ROLE_WORDS[key.role]} with one.`);
      }
      const { userId } = request.params as { userId?: string };
      needOwn(shopper, userId);
      request.shopper = shopper;
    }
    request.keyNo = key.keyNo;
    request.keyRole = key.role;
    if (key.keyNo !== null) {
      guard.keys.noteUse(key.keyNo);
    }
  }

  app.decorateRequest('mayGoOn', function mayGoOn(this: FastifyRequest) {
    try {
      check(this, this.routeOptions.config.role as Exclude<Access, 'open'>);
      return true;
    } catch {
      return false;
    }
  });

  app.addHook('onRequest', (request, _reply, done) => {
    const role = request.routeOptions.config.role;
    if (role === 'open' || request.is404) {
      done();
      return;
    }
    try {
      if (role === undefined) {
        throw new Error(`${request.method} ${request.routeOptions.url} states no role`);
      }
      check(request, role);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('preHandler', (request, _reply, done) => {
    try {
      checkNamedUsers(request);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
