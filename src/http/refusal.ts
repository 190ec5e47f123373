/** How the lanes refuse what there is no time for: in the framework's words, at a fraction of its cost, since refusing must not take the time that answers need. */
import { OVERLOADED } from './pressure.ts';
import { PROBLEMS, RETRY_AFTER_SECONDS } from './problems.ts';

/** In place of an answer's text. */
export const REFUSED = '';
/** Beside those of every answer. */
export const REFUSAL_HEADERS = `x-content-type-options: nosniff\r\nretry-after: ${RETRY_AFTER_SECONDS}\r\ncontent-type: application/problem+json; charset=utf-8\r\n`;

export function refusalText(requestId: string): string {
  const { status, title, remedy } = PROBLEMS.overloaded;
  return JSON.stringify({ type: '/docs/errors#overloaded', title, status, code: 'overloaded', detail: OVERLOADED, remedy, requestId });
}
