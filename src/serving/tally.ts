/** What answers were, counted since the process began: by what they came from, how many had to be something else than what was asked for, and how many could not know the newest. Lists that are shown to nobody are counted as such alone. */
import { type IssuedLists, type ListSource, RECOMMENDATION_SOURCES, type RecommendationSource } from './recommendation-id.ts';

/** What can know nothing, so that something else is given. */
const MAY_FALL_BACK = ['personal', 'session', 'similar', 'together'] as const satisfies readonly ListSource[];
type MayFallBack = (typeof MAY_FALL_BACK)[number];

export interface AnswerTally {
  /** Lists given out, by what they came from. */
  readonly lists: Readonly<Record<RecommendationSource, number>>;
  /** Lists whose kind knew nothing, so that another was given, by what was asked for. */
  readonly fallbacks: Readonly<Record<MayFallBack, number>>;
  readonly stale: number;
  /** Lists that are shown to nobody. */
  readonly previews: number;
}

export interface Tally {
  /** @returns the same */
  noteLists(issued: IssuedLists[]): IssuedLists[];
  /** Counts what is of another kind than was asked for and given to somebody. @returns what was given */
  noteKind<T extends { readonly source: ListSource }>(asked: MayFallBack, given: T, isPreview: boolean): T;
  /** Marks, and counts once, an answer of which something is not, or may not be, the newest. @returns the same */
  markStale<T extends { stale?: boolean }>(answer: T): T;
  notePreview(): void;
  read(): AnswerTally;
}

export function createTally(): Tally {
  const lists = Object.fromEntries(RECOMMENDATION_SOURCES.map((source) => [source, 0])) as Record<RecommendationSource, number>;
  const fallbacks = Object.fromEntries(MAY_FALL_BACK.map((source) => [source, 0])) as Record<MayFallBack, number>;
  let [stale, previews] = [0, 0];
  return {
    noteLists(issued) {
      issued.forEach((one) => (lists[one.source] += one.lists));
      return issued;
    },
    noteKind(asked, given, isPreview) {
      if (!isPreview && given.source !== asked) {
        fallbacks[asked]++;
      }
      return given;
    },
    markStale(answer) {
      if (answer.stale !== true) {
        answer.stale = true;
        stale++;
      }
      return answer;
    },
    notePreview: () => void previews++,
    read: () => ({ lists: { ...lists }, fallbacks: { ...fallbacks }, stale, previews }),
  };
}
