/** What each kind of list is made from: a `Plan` that `lists.ts` carries out. */
import { directionOf } from '../model/similar.ts';
import type { Because, KnownState } from './explain.ts';
import type { Entry, Plan } from './lists.ts';
import type { LiveModel } from './live-model.ts';
import type { ListSource } from './recommendation-id.ts';
import type { Steered } from './steering.ts';
import type { Trending } from './trending.ts';
import { NO_HISTORY, type UserState } from './user-state.ts';

export interface SessionItem {
  readonly itemId: string;
  readonly typeNo: number;
}

/** In a session each item counts this much of the one after it. */
const SESSION_DECAY = 0.8;
/** How far a shopper's own direction turns the one of the items they look at: so much of its length. */
const PERSONAL_TOUCH = 0.3;

const nothing = () => [];

/** A list that knows no shopper and no model: the base of the others. */
function plain(source: ListSource, live: LiveModel | null, key: string): Plan {
  return { live, source, key, seen: nothing, seenIds: [], rank: null, scoreOf: null, span: () => 0, rows: null, vector: null, next: null, because: null };
}

/** An empty list of a kind that has nothing to say. */
export function emptyPlan(source: ListSource, live: LiveModel | null, key: string): Plan {
  return plain(source, live, key);
}

/** Ranks by a vector and a history, whosever they are. */
function rankedBy(source: ListSource, state: KnownState, key: string, includeHidden: boolean): Plan {
  const { vector, history, from, to } = state;
  return {
    ...plain(source, state.model, key),
    rank: (live, limit, mask, without, boosts) => live.scan.rank({ vector, history, from, to, limit, mask, includeHidden, without, boosts }),
    scoreOf(live, index) {
      const { factors, neighbours, recency } = live.scan.partsOf(vector, history, from, to, index);
      return factors + neighbours + recency;
    },
    span: (live) => live.spansPerSpread * live.scan.spread(vector),
    vector,
    because: { kind: 'history', state },
  };
}

function* hiddenNos(live: LiveModel, { history, from, to, hiddenElsewhere }: UserState): Iterable<number> {
  for (let e = from; e < to; e++) {
    if (history.hidden[e] === 1) {
      yield live.itemNos[history.index[e]];
    }
  }
  yield* hiddenElsewhere;
}

/** Whether something of a shopper is known that can be scored. */
export function isKnown(state: UserState): state is KnownState {
  return state.model !== null && state.vector !== null;
}

/** The neighbourhood term is linear in what the entries of a history weigh: their multiples give its multiple. */
function withNeighbourWeight<T extends UserState>(state: T, times: number): T {
  const { history: { index, weight, hidden }, from, to, foldWeight, foldTarget, mainType } = state;
  if (times === 1) {
    return state;
  }
  const own = { index: index.subarray(from, to), weight: weight.slice(from, to).map((value) => times * value), hidden: hidden.subarray(from, to) };
  return { ...state, history: own, from: 0, to: to - from, foldWeight: foldWeight.subarray(from, to), foldTarget: foldTarget.subarray(from, to), mainType: mainType.subarray(from, to) };
}

/**
 * @param given its model is the one that answers, also where another has gone live meanwhile
 * @param instead what is answered where nothing is known of the shopper
 */
export function personalPlan(given: UserState, userId: string, { includeSeen: includeHidden, neighbourWeight }: Pick<Steered, 'includeSeen' | 'neighbourWeight'>, instead: Plan): Plan {
  const { model: live } = given;
  if (live === null) {
    return instead;
  }
  const state = withNeighbourWeight(given, neighbourWeight);
  const seen = () => hiddenNos(live, state);
  return isKnown(state) ? { ...rankedBy('personal', state, userId, includeHidden), seen } : { ...instead, live, seen };
}

/** Items oldest first. @returns null where the model knows none of them */
export function sessionPlan(live: LiveModel, items: readonly SessionItem[], neighbourWeight: number): Plan | null {
  const weights = new Map<number, number>();
  const fresh = new Map<number, number>();
  /** By item: what its heaviest event weighs, and the event's type. */
  const heaviest = new Map<number, { weight: number; typeNo: number }>();
  items.forEach((item, position) => {
    const index = live.itemIndexById.get(item.itemId);
    const weight = live.rules.find((rule) => rule.typeNo === item.typeNo)?.weight ?? 0;
    if (index !== undefined && weight > 0) {
      const decay = SESSION_DECAY ** (items.length - 1 - position);
      weights.set(index, (weights.get(index) ?? 0) + weight * decay);
      fresh.set(index, decay);
      if (weight * decay >= (heaviest.get(index)?.weight ?? 0)) {
        heaviest.set(index, { weight: weight * decay, typeNo: item.typeNo });
      }
    }
  });
  const index = Int32Array.from(weights.keys());
  const vector = new Float32Array(live.stride);
  const foldWeight = Float32Array.from(weights.values());
  const foldTarget = new Float32Array(index.length).fill(1);
  if (!live.foldIn.solve(index, foldWeight, foldTarget, index.length, vector)) {
    return null;
  }
  const state: KnownState = {
    model: live, vector, foldWeight, foldTarget, from: 0, to: index.length, hiddenElsewhere: [], mark: 0, stale: false,
    history: { ...NO_HISTORY, index, weight: Float32Array.from(fresh.values()), hidden: new Uint8Array(index.length).fill(1) },
    mainType: Int16Array.from(heaviest.values(), ({ typeNo }) => typeNo),
  };
  return { ...rankedBy('session', withNeighbourWeight(state, neighbourWeight), items.map(({ itemId, typeNo }) => `${itemId} ${typeNo}`).join('\n'), false), seenIds: items.map(({ itemId }) => itemId) };
}

/** Of lists that begin from items: what each of these adds to a score. */
function becauseOf(through: 'factors' | 'neighbours', words: (name: string) => string, itemIds: readonly string[], shareOf: (itemId: string, of: string) => number): Because {
  return { kind: 'items', through, words, sharesOf: (itemId) => itemIds.map((of) => ({ itemId: of, share: shareOf(itemId, of) })) };
}

/**
 * Items that please the same shoppers as the given ones do.
 *
 * @param state of a shopper whose taste turns the direction a little and whose hidden items stay away; null: nobody's
 * @returns null where the model knows none of the items
 */
export function similarPlan(live: LiveModel, itemIds: readonly string[], state: UserState | null, userId: string, includeHidden: boolean): Plan | null {
  const indexes = itemIds.map((itemId) => live.itemIndexById.get(itemId)).filter((index) => index !== undefined);
  const direction = directionOf(live.scan, indexes);
  if (direction === null) {
    return null;
  }
  const own = state !== null && state.model === live ? state : null;
  /** How long the items' part of the direction is. */
  let itemsPart = 1;
  if (own !== null && own.vector !== null) {
    const length = Math.hypot(...own.vector);
    const touch = length > 0 ? PERSONAL_TOUCH / length : 0;
    for (let k = 0; k < direction.length; k++) {
      direction[k] += touch * own.vector[k];
    }
    const turned = Math.hypot(...direction);
    for (let k = 0; k < direction.length; k++) {
      direction[k] /= turned;
    }
    itemsPart /= turned;
  }
  const hidden: number[] = [];
  if (own !== null && !includeHidden) {
    for (let e = own.from; e < own.to; e++) {
      if (own.history.hidden[e] === 1) {
        hidden.push(own.history.index[e]);
      }
    }
  }
  return {
    ...plain('similar', live, userId === '' ? itemIds.join('\n') : userId),
    seenIds: itemIds,
    seen: own === null ? nothing : () => hiddenNos(live, own),
    rank: (_live, limit, mask, without, boosts) => live.scan.rankSimilar(direction, limit, mask, [...indexes, ...hidden, ...without], boosts),
    scoreOf: (_live, index) => cosineTo(live, direction, index),
    span: () => live.similarSpan,
    because: becauseOf('factors', (name) => `Because it is like “${name}”`, itemIds, sharesOfItems(live, itemIds, itemsPart)),
  };
}

/** NaN for an item without a direction. @param direction of length 1 */
function cosineTo(live: LiveModel, direction: ArrayLike<number>, index: number): number {
  const vector = live.scan.vectorOf(index);
  let [product, square] = [0, 0];
  for (let k = 0; k < vector.length; k++) {
    product += direction[k] * vector[k];
    square += vector[k] * vector[k];
  }
  return square > 0 ? product / Math.sqrt(square) : Number.NaN;
}

/** What each of the items adds to a cosine with the mean of their directions, of which they are a part of this length. They sum to the cosine, but for a shopper's taste. */
function sharesOfItems(live: LiveModel, itemIds: readonly string[], itemsPart: number): (itemId: string, of: string) => number {
  const directions = new Map<string, Float64Array>();
  const sum = new Float64Array(live.stride);
  for (const itemId of itemIds) {
    const index = live.itemIndexById.get(itemId);
    const direction = index === undefined ? null : directionOf(live.scan, [index]);
    if (direction !== null) {
      directions.set(itemId, direction);
      direction.forEach((value, k) => (sum[k] += value));
    }
  }
  const scale = itemsPart / Math.hypot(...sum);
  return (itemId, of) => {
    const index = live.itemIndexById.get(itemId);
    const direction = directions.get(of);
    return index === undefined || direction === undefined ? 0 : scale * cosineTo(live, direction, index) || 0;
  };
}

/** Items that were in the same baskets as the given ones, then what is like these. @returns null where no basket says anything of them */
export function togetherPlan(live: LiveModel, itemIds: readonly string[]): Plan | null {
  const { together } = live;
  const begun = new Set(itemIds);
  const scores = new Map<number, number>();
  for (const itemId of begun) {
    const index = live.itemIndexById.get(itemId);
    if (together !== null && index !== undefined) {
      for (let n = together.rowStart[index]; n < together.rowStart[index + 1]; n++) {
        scores.set(together.index[n], (scores.get(together.index[n]) ?? 0) + together.similarity[n]);
      }
    }
  }
  const entries: Entry[] = [...scores]
    .map(([index, score]): Entry => ({ itemId: live.itemIds[index], itemNo: live.itemNos[index], score, source: 'together' }))
    .filter(({ itemId }) => !begun.has(itemId))
    .sort((a, b) => b.score - a.score || a.itemNo - b.itemNo);
  if (together === null || entries.length === 0) {
    return null;
  }
  const shareOf = (itemId: string, of: string) => {
    const [index, begin] = [live.itemIndexById.get(itemId), live.itemIndexById.get(of)];
    for (let n = begin === undefined ? 0 : together.rowStart[begin]; begin !== undefined && n < together.rowStart[begin + 1]; n++) {
      if (together.index[n] === index) {
        return together.similarity[n];
      }
    }
    return 0;
  };
  return {
    ...plain('together', live, itemIds.join('\n')),
    seenIds: itemIds,
    rows: () => entries,
    next: similarPlan(live, itemIds, null, '', false),
    because: becauseOf('neighbours', (name) => `Because it was bought together with “${name}”`, [...begun], shareOf),
  };
}

export function trendingPlan(live: LiveModel | null, trends: Pick<Trending, 'rows'>, key: string): Plan {
  return { ...plain('trending', live, key), rows: () => trends.rows().map(({ itemId, itemNo, score }) => ({ itemId, itemNo, score, source: 'trending' })) };
}

export function newestPlan(live: LiveModel | null, newest: NonNullable<Plan['rows']>): Plan {
  return { ...plain('newest', live, ''), rows: newest };
}
