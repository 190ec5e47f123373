/** The id that a request is logged and answered with: the sender's own where it is a plain one. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Not one that looks like a key: it would be logged. */
const REQUEST_ID = /^(?![psa]k_|[td]s_|eyJ)[\w.:/+=-]{1,128}$/;

export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}
