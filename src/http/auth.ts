/**
 * Who may call what. Every route states its role in `config.role`; a route that states none stops the start, so nothing is open by mistake. The key is checked in
 * `onRequest`, before a body is read.
 */
import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Role } from '../storage/api-keys.ts';
import { Problem } from './problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `open`: no key. */
    role?: Role | 'open';
    /** Content types whose bodies the route reads itself, as a stream. */
    streamTypes?: readonly string[];
  }
  interface FastifyRequest {
    /** Number of the key that was sent; null for one given by the environment, or on open routes. */
    keyNo: number | null;
    /** Of the key that was sent; null on open routes. */
    keyRole: Role | null;
  }
}

/** What a key is looked up in. Lookups are by hash: how long they take tells nothing of the key. */
export interface KeyRing {
  find(sha256Hex: string): FoundKey | undefined;
  /** Another number each time the keys are read. */
  generation(): number;
}

export interface FoundKey {
  readonly keyNo: number | null;
  readonly role: Role;
}

const MAX_KNOWN_HEADERS = 1_000;

const RANK: Readonly<Record<Role, number>> = { publishable: 1, secret: 2, admin: 3 };
export const ROLE_WORDS: Readonly<Record<Role, string>> = { publishable: 'a publishable key (pk_…)', secret: 'a secret key (sk_…)', admin: 'an admin key (ak_…)' };
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

export function mayCall(key: FoundKey, needed: Role): boolean {
  return RANK[key.role] >= RANK[needed];
}

function check(request: FastifyRequest, lookup: (header: string) => FoundKey | undefined, needed: Role): void {
  const header = request.headers.authorization;
  const key = header === undefined ? undefined : lookup(header);
  if (key === undefined) {
    if (header !== undefined && BEARER.test(header)) {
      throw new Problem('key-unknown', `The key that was sent is not known here; this needs ${ROLE_WORDS[needed]}.`);
    }
    throw new Problem('key-missing', `${header === undefined ? 'There is no Authorization header' : 'The Authorization header is not of the form "Bearer KEY"'}; this needs ${ROLE_WORDS[needed]} in "Authorization: Bearer KEY".`);
  }
  if (!mayCall(key, needed)) {
    throw new Problem('key-role', `This needs ${ROLE_WORDS[needed]}; you sent ${ROLE_WORDS[key.role]}.`);
  }
  request.keyNo = key.keyNo;
  request.keyRole = key.role;
}

export function installAuth(app: FastifyInstance, ring: KeyRing): void {
  const lookup = createLookup(ring);
  app.decorateRequest('keyNo', null);
  app.decorateRequest('keyRole', null);
  app.addHook('onRoute', (route) => {
    // The documentation's pages and files are a library's routes.
    if (route.config?.role === undefined && /^\/docs(\/|$)/.test(route.url)) {
      route.config = { ...route.config, role: 'open' };
    }
    if (route.config?.role === undefined) {
      throw new Error(`Route ${String(route.method)} ${route.url} states no role in its config.`);
    }
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const role = request.routeOptions.config.role;
    if (role === undefined || role === 'open') {
      // Without a role there is no route: the answer is 404.
      done();
      return;
    }
    try {
      check(request, lookup, role);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
