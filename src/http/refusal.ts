/** How the lanes refuse what there is no time for: in the framework's words, at a fraction of its cost, since refusing must not take the time that answers need. */
import { OVERLOADED } from './pressure.ts';
import { PROBLEMS, RETRY_AFTER_SECONDS } from './problems.ts';

/** In place of an answer's text. */
export const REFUSED = '';
/** Beside those of every answer. */
export const REFUSAL_HEADERS = `x-content-type-options: nosniff\r\nretry-after: ${RETRY_AFTER_SECONDS}\r\ncontent-type: application/problem+json; charset=utf-8\r\n`;

const { status, title, remedy } = PROBLEMS.overloaded;
const TEXT_BEFORE_ID = `${JSON.stringify({ type: '/docs/errors#overloaded', title, status, code: 'overloaded', detail: OVERLOADED, remedy }).slice(0, -1)},"requestId":"`;

export function refusalText(requestId: string): string {
  return `${TEXT_BEFORE_ID}${requestId}"}`;
}
