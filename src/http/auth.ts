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
  }
  interface FastifyRequest {
    /** Number of the key that was sent; null for one given by the environment, or on open routes. */
    keyNo: number | null;
  }
}

/** What a key is looked up in. Lookups are by hash: how long they take tells nothing of the key. */
export interface KeyRing {
  find(sha256Hex: string): { readonly keyNo: number | null; readonly role: Role } | undefined;
}

const RANK: Readonly<Record<Role, number>> = { publishable: 1, secret: 2, admin: 3 };
export const ROLE_WORDS: Readonly<Record<Role, string>> = { publishable: 'a publishable key (pk_…)', secret: 'a secret key (sk_…)', admin: 'an admin key (ak_…)' };
const BEARER = /^Bearer +(\S+) *$/i;

function check(request: FastifyRequest, ring: KeyRing, needed: Role): void {
  const header = request.headers.authorization;
  const token = header === undefined ? null : BEARER.exec(header);
  if (token === null) {
    throw new Problem('key-missing', `${header === undefined ? 'There is no Authorization header' : 'The Authorization header is not of the form "Bearer KEY"'}; this needs ${ROLE_WORDS[needed]} in "Authorization: Bearer KEY".`);
  }
  const key = ring.find(hash('sha256', token[1], 'hex'));
  if (key === undefined) {
    throw new Problem('key-unknown', `The key that was sent is not known here; this needs ${ROLE_WORDS[needed]}.`);
  }
  if (RANK[key.role] < RANK[needed]) {
    throw new Problem('key-role', `This needs ${ROLE_WORDS[needed]}; you sent ${ROLE_WORDS[key.role]}.`);
  }
  request.keyNo = key.keyNo;
}

export function installAuth(app: FastifyInstance, ring: KeyRing): void {
  app.decorateRequest('keyNo', null);
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
      check(request, ring, role);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
