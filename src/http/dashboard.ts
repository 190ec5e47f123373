/** The dashboard's pages and its login. The pages use the public API alone; the login gives them a cookie in the place of a key. */
import { hash } from 'node:crypto';
import helmet from '@fastify/helmet';
import { type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ROLE_WORDS } from './auth.ts';
import { type DashboardFile, readDashboardFiles } from './dashboard-files.ts';
import { isOwnOrigin } from './origins.ts';
import { Problem } from './problems.ts';
import type { Services } from './services.ts';

const POLICY = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], scriptSrc: ["'self'"], styleSrc: ["'self'"], connectSrc: ["'self'"], imgSrc: ["'self'", 'data:'], formAction: ["'none'"], baseUri: ["'none'"], frameAncestors: ["'none'"] },
};

/** A browser asks again each time (`no-cache`) and is told that nothing has changed: so a new version of this program is shown at once. */
function sendFile(request: FastifyRequest, reply: FastifyReply, { type, etag, plain, gzipped }: DashboardFile): FastifyReply {
  reply.headers({ 'cache-control': 'no-cache', etag, vary: 'accept-encoding' });
  const { 'if-none-match': known, 'accept-encoding': encodings } = request.headers;
  if (known !== undefined && known.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)) {
    return reply.code(304).send();
  }
  const isGzipped = /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?(?:\s|,|$))/i.test(encodings ?? '');
  return reply.headers(isGzipped ? { 'content-type': type, 'content-encoding': 'gzip' } : { 'content-type': type }).send(isGzipped ? gzipped : plain);
}

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
    const files = await readDashboardFiles();
    const page = files.get('index.html')!;
    app.get('/dashboard', { config: { role: 'open' }, schema: { hide: true } }, (request, reply) => sendFile(request, reply, page));
    app.get('/dashboard/*', { config: { role: 'open' }, schema: { hide: true } }, (request, reply) => {
      const path = (request.params as { '*': string })['*'];
      if (path === '') {
        // The page's paths are relative to the address without the slash; so is this one, as a proxy may put a path before it.
        return reply.redirect('../dashboard');
      }
      const file = files.get(path);
      if (file === undefined) {
        throw new Problem('route-not-found', `The dashboard has no file ${JSON.stringify(path.slice(0, 200))}.`);
      }
      return sendFile(request, reply, file);
    });
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
