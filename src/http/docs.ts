/** The documentation this service serves of itself: Swagger UI on the specification (`specification.ts`), and a page for every error code. */
import helmet from '@fastify/helmet';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { PROBLEMS } from './problems.ts';
import type { Services } from './services.ts';

/** Three balls in the air. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 44" height="40" role="img" aria-label="Jongleur"><circle cx="10" cy="30" r="6" fill="#f6a623"/><circle cx="26" cy="12" r="6" fill="#4fb3a5"/><circle cx="42" cy="30" r="6" fill="#e4572e"/><text x="62" y="31" font-family="system-ui,sans-serif" font-size="26" font-weight="600" fill="#fff">Jongleur</text></svg>`;

/** The hash is of the one inline style that Swagger UI sets. */
const PAGE_POLICY = "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; font-src 'self' data:; img-src 'self' data:; object-src 'none'; script-src 'self'; style-src 'self' 'unsafe-hashes' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

function errorsPage(): string {
  const rows = Object.entries(PROBLEMS)
    .map(([code, problem]) => `<section id="${code}"><h2><code>${code}</code> <small>${problem.status}</small></h2><p><strong>${problem.title}.</strong> ${problem.when}</p><p>${problem.remedy}</p></section>`)
    .join('\n');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Errors · Jongleur</title>
<link rel="stylesheet" href="/docs/errors.css"></head><body><main><h1>Errors</h1>
<p>Every error is answered as <code>application/problem+json</code> (RFC 9457): <code>code</code> is stable, <code>detail</code> names the field and the value, <code>remedy</code> says what to do, <code>requestId</code> finds it in the log. <a href="/docs">Back to the operations</a></p>
${rows}</main></body></html>`;
}

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}main{max-width:48rem;margin:2rem auto;padding:0 1rem}section{border-top:1px solid #8884;padding:.5rem 0}
h2{font-size:1.05rem;margin:.5rem 0}h2 small{font-weight:400;opacity:.7}section:target{background:#fe85;outline:.5rem solid #fe85}`;

/** After the routes: the specification has to know them. */
export async function installPages(app: FastifyInstance, { publicUrl }: Services): Promise<void> {
  const https = publicUrl?.startsWith('https:') === true;
  await app.register(helmet, {
    // What helmet allows by itself has inline styles in it. On a plain-http LAN `upgrade-insecure-requests` and HSTS would break the pages.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'self'"], baseUri: ["'self'"], frameAncestors: ["'self'"], objectSrc: ["'none'"], formAction: ["'self'"], ...(https ? { upgradeInsecureRequests: [] } : {}) } },
    strictTransportSecurity: https,
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // The library's own policy would upgrade requests to https, which breaks the page on a plain-http LAN.
    staticCSP: PAGE_POLICY,
    uiConfig: { persistAuthorization: true, tryItOutEnabled: true, displayRequestDuration: true, docExpansion: 'list', deepLinking: true },
    logo: { type: 'image/svg+xml', content: Buffer.from(LOGO) },
    theme: { title: 'Jongleur · API' },
  });
  const page = errorsPage();
  app.get('/docs/errors', { config: { role: 'open' }, schema: { hide: true } }, (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
  app.get('/docs/errors.css', { config: { role: 'open' }, schema: { hide: true } }, (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE));
  app.get('/openapi.json', { config: { role: 'open' }, schema: { hide: true } }, () => app.swagger());
  app.get('/', { config: { role: 'open' }, schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'));
}
