/** Bodies that a route reads itself, piece by piece: they may be larger than memory. */
import type { FastifyInstance, FastifyRequest, FastifyBaseLogger, RawServerDefault, FastifyTypeProvider } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Problem } from './problems.ts';

type Scope = Pick<FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, FastifyTypeProvider>, 'addContentTypeParser'>;

/** In this scope bodies of these types are handed on as streams. */
export function acceptStreams(scope: Scope, types: readonly string[]): void {
  scope.addContentTypeParser([...types], (_request, payload, done) => done(null, payload));
}

/** @throws Problem where the body is packed in a way that is not known here */
export function isGzipped(request: FastifyRequest): boolean {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new Problem('media-type', `Content-Encoding is ${JSON.stringify(encoding)}; it must be gzip, or absent.`, { field: 'content-encoding' });
  }
  return encoding === 'gzip';
}
