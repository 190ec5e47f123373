/** The dashboard's pages and its login. The pages use the public API alone; the login gives them a cookie in the place of a key. */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import helmet from '@fastify/helmet';
import { type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ROLE_WORDS } from './auth.ts';
import { isOwnOrigin } from './origins.ts';
import { Problem } from './problems.ts';
import type { Services } from './services.ts';

const FILES = [
  { url: '/dashboard', file: 'index.html', type: 'text/html; charset=utf-8' },
  { url: '/dashboard/dashboard.css', file: 'dashboard.css', type: 'text/css; charset=utf-8' },
  { url: '/dashboard/dashboard.js', file: 'dashboard.js', type: 'text/javascript; charset=utf-8' },
] as const;

const POLICY = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], scriptSrc: ["'self'"], styleSrc: ["'self'"], connectSrc: ["'self'"], imgSrc: ["'self'", 'data:'], formAction: ["'none'"], baseUri: ["'none'"], frameAncestors: ["'none'"] },
};

export function dashboardRoutes({ keys, sessions, publicUrl, logger }: Services): FastifyPluginAsyncTypebox {
  const needOwnPage = (request: FastifyRequest) => {
    const { origin, host } = request.headers;
    if (origin === undefined || !isOwnOrigin(origin, host, publicUrl)) {
      throw new Problem('origin-foreign', origin === undefined ? 'There is no Origin header; this is for the dashboard’s own page.' : `The page is of ${JSON.stringify(origin.slice(0, 200))}, which is not this server’s own${publicUrl === null ? '' : ` (PUBLIC_URL is ${publicUrl})`}.`);
    }
  };
  return async (app) => {
    const https = publicUrl?.startsWith('https:') === true;
    await app.register(helmet, { contentSecurityPolicy: POLICY, strictTransportSecurity: https, referrerPolicy: { policy: 'no-referrer' }, frameguard: { action: 'deny' } });
    for (const { url, file, type } of FILES) {
      const content = await readFile(new URL(`../dashboard/${file}`, import.meta.url));
      app.get(url, { config: { role: 'open' }, schema: { hide: true } }, (_request, reply) => reply.type(type).header('cache-control', 'no-cache').send(content));
    }
    app.post(
      '/dashboard/session',
      { config: { role: 'open' }, schema: { hide: true, body: Type.Object({ key: Type.String({ minLength: 1, maxLength: 300 }) }, { additionalProperties: false }) } },
      (request, reply) => {
        needOwnPage(request);
        const sha256Hex = hash('sha256', request.body.key, 'hex');
        const found = keys.find(sha256Hex);
        if (found === undefined) {
          logger.warn({ reqId: request.id, ip: request.ip }, 'a login to the dashboard with an unknown key');
          throw new Problem('key-unknown', `The key is not known here; the dashboard needs ${ROLE_WORDS.admin}.`);
        }
        if (found.role !== 'admin') {
          throw new Problem('key-role', `The dashboard needs ${ROLE_WORDS.admin}; you sent ${ROLE_WORDS[found.role]}.`);
        }
        if (found.keyNo !== null) {
          keys.noteUse(found.keyNo);
        }
        return reply.code(204).header('set-cookie', sessions.begin(sha256Hex)).header('cache-control', 'no-store').send();
      },
    );
    app.delete('/dashboard/session', { config: { role: 'open' }, schema: { hide: true } }, (request, reply) => {
      needOwnPage(request);
      return reply.code(204).header('set-cookie', sessions.end()).send();
    });
  };
}
