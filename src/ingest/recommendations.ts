/**
 * What an event says of the list that it came of. A recommendation id is signed where lists are made; here it is only taken apart, by a function that the wiring brings along, and its fields are
 * stored with the event. An id that tells nothing does not cost the event: it is stored without, and why is counted.
 */
import type { EventRecommendation } from '../storage/events.ts';

/** `preview`: the list was shown to nobody; `early`: the event is from before the list; `outside`: the list was shorter than the position. */
export type RecommendationFault = 'malformed' | 'forged' | 'expired' | 'preview' | 'early' | 'outside';
export const RECOMMENDATION_FAULTS: readonly RecommendationFault[] = ['malformed', 'forged', 'expired', 'preview', 'early', 'outside'];

export interface RecommendationReader {
  /** Fields of the list, or what is wrong with the id. */
  read(text: string): (Omit<EventRecommendation, 'position'> & { readonly length: number }) | Exclude<RecommendationFault, 'early' | 'outside'>;
  noteFault(fault: RecommendationFault): void;
}

/** Clocks of pages and servers differ. */
const CLOCK_SLACK_MS = 300_000;

/** @param position from 1; null: not told */
export function readRecommendation(reader: RecommendationReader, text: string, position: number | null, occurredAtMs: number | null): EventRecommendation | RecommendationFault {
  const list = reader.read(text);
  const fault = typeof list === 'string' ? list : occurredAtMs !== null && occurredAtMs < list.listedAtMs - CLOCK_SLACK_MS ? 'early' : position !== null && position > list.length ? 'outside' : null;
  if (fault !== null) {
    reader.noteFault(fault);
    return fault;
  }
  const { listedAtMs, scenarioNo, variantNo, modelVersion, bucket, sourceNo } = list as Exclude<typeof list, string>;
  return { listedAtMs, scenarioNo, variantNo, modelVersion, bucket, sourceNo, position };
}
