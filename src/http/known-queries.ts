/**
 * Query strings of GET /v1/users/{userId}/recommendations that the framework has accepted, with what they ask: a shop's pages send the same ones again and again, for one shopper after another. Nothing
 * of an answer is kept.
 */
import type { ListRequest } from '../serving/requests.ts';

export interface KnownQueries {
  /** @param text what follows the ? of a URL, as it came */
  find(text: string): ListRequest | undefined;
  /** Those that ask for a page further on are one shopper's, and answers with fields may have to wait for Postgres: they are not kept. */
  learn(text: string, request: ListRequest): void;
}

const MAX_KNOWN = 1_000;
const MAX_CHARS = 2_000;

export function createKnownQueries(): KnownQueries {
  const known = new Map<string, ListRequest>();
  return {
    find: (text) => known.get(text),
    learn(text, request) {
      if (request.cursor !== undefined || request.steering.fields !== undefined || text.length > MAX_CHARS || known.has(text)) {
        return;
      }
      if (known.size >= MAX_KNOWN) {
        known.delete(known.keys().next().value!);
      }
      known.set(text, request);
    },
  };
}
