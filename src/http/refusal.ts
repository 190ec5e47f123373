/** How the lanes refuse what there is no time for: in the framework's words, at a fraction of its cost, since refusing must not take the time that answers need. */
import { IngestOverloaded } from '../ingest/writer.ts';
import { OVERLOADED } from './pressure.ts';
import { PROBLEMS, RETRY_AFTER_SECONDS } from './problems.ts';

/** Names and values by turns. */
export const REFUSAL_HEADERS: readonly string[] = ['x-content-type-options', 'nosniff', 'retry-after', String(RETRY_AFTER_SECONDS), 'content-type', 'application/problem+json; charset=utf-8'];

export type RefusalCode = 'overloaded' | 'ingest-overloaded';

function textBeforeId(code: RefusalCode, detail: string): string {
  const { status, title, remedy } = PROBLEMS[code];
  return `${JSON.stringify({ type: `/docs/errors#${code}`, title, status, code, detail, remedy }).slice(0, -1)},"requestId":"`;
}

const TEXTS: Readonly<Record<RefusalCode, string>> = { overloaded: textBeforeId('overloaded', OVERLOADED), 'ingest-overloaded': textBeforeId('ingest-overloaded', new IngestOverloaded().message) };

export function refusalText(code: RefusalCode, requestId: string): string {
  return `${TEXTS[code]}${requestId}"}`;
}
