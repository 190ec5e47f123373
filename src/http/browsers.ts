/** Which pages of other origins may call from a browser: those of CORS_ORIGINS, with a publishable key. Keys travel in a header and cookies are this server's own, so none is ever sent along. */
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

const PREFLIGHT_SECONDS = 3600;

export async function installBrowsers(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) {
    return;
  }
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Shopper-Token', 'X-Request-Id', 'Idempotency-Key'],
    exposedHeaders: ['X-Request-Id', 'Retry-After', 'RateLimit', 'RateLimit-Policy'],
    credentials: false,
    strictPreflight: false,
    maxAge: PREFLIGHT_SECONDS,
  });
}
