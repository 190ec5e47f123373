/** The id that a request is logged and answered with: the sender's own where it is a plain one. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Not one that looks like a key: it would be logged. */
const REQUEST_ID = /^(?![psa]k_|[td]s_|eyJ)[\w.:/+=-]{1,128}$/;

/** Drawn for this process: its requests are told apart by their number. */
const PROCESS = randomBytes(8).toString('hex');
let requests = 0;

/** Another each time, here and on every replica. */
export function nextRequestId(): string {
  return `${PROCESS}-${(++requests).toString(36)}`;
}

export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : nextRequestId();
}
