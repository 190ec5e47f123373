/** What each kind of list is made from: a `Plan` that `lists.ts` carries out. */
import { directionOf } from '../model/similar.ts';
import { type TopN, createTopN } from '../model/top-n.ts';
import type { Entry, ListSource, Plan } from './lists.ts';
import type { LiveModel } from './live-model.ts';
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
const SAMPLED_ITEMS = 1_000;

const NOTHING: TopN = createTopN(0);
const nothing = () => [];

/** A list that knows no shopper and no model: the base of the others. */
function plain(source: ListSource, live: LiveModel | null, key: string): Plan {
  return { live, source, key, seen: nothing, seenIds: [], rank: null, spread: () => 0, rows: null, vector: null };
}

function* hiddenNos(live: LiveModel, { history, from, to, hiddenElsewhere }: UserState): Iterable<number> {
  for (let e = from; e < to; e++) {
    if (history.hidden[e] === 1) {
      yield live.itemNos[history.index[e]];
    }
  }
  yield* hiddenElsewhere;
}

/** @param state its model is the one that answers, also where another has gone live meanwhile */
export function personalPlan(state: UserState, userId: string, includeHidden: boolean, trending: () => Plan): Plan {
  const { model: live, vector, history, from, to } = state;
  if (live === null || vector === null) {
    return live === null ? trending() : { ...trending(), live, seen: () => hiddenNos(live, state) };
  }
  return {
    ...plain('personal', live, userId),
    seen: () => hiddenNos(live, state),
    rank: (_live, limit, mask, without, boosts) => live.scan.rank({ vector, history, from, to, limit, mask, includeHidden, without, boosts }),
    spread: () => live.scan.spread(vector),
    vector,
  };
}

/** Items oldest first. */
export function sessionPlan(live: LiveModel | null, items: readonly SessionItem[], trending: () => Plan): Plan {
  const seenIds = items.map(({ itemId }) => itemId);
  if (live === null) {
    return { ...trending(), seenIds };
  }
  const weights = new Map<number, number>();
  const fresh = new Map<number, number>();
  items.forEach((item, position) => {
    const index = live.itemIndexById.get(item.itemId);
    const weight = live.rules.find((rule) => rule.typeNo === item.typeNo)?.weight ?? 0;
    if (index !== undefined && weight > 0) {
      const decay = SESSION_DECAY ** (items.length - 1 - position);
      weights.set(index, (weights.get(index) ?? 0) + weight * decay);
      fresh.set(index, decay);
    }
  });
  const index = Int32Array.from(weights.keys());
  const vector = new Float32Array(live.stride);
  if (!live.foldIn.solve(index, Float32Array.from(weights.values()), new Float32Array(index.length).fill(1), index.length, vector)) {
    return { ...trending(), live, seenIds };
  }
  const history = { ...NO_HISTORY, index, weight: Float32Array.from(fresh.values()), hidden: new Uint8Array(index.length).fill(1) };
  return {
    ...plain('session', live, seenIds.join('\n')),
    seenIds,
    rank: (_live, limit, mask, without, boosts) => live.scan.rank({ vector, history, from: 0, to: index.length, limit, mask, without, boosts }),
    spread: () => live.scan.spread(vector),
    vector,
  };
}

const spreads = new WeakMap<LiveModel, number>();

/** Standard deviation of the cosine between a direction and an item's, about the same for every direction: measured once a model, between some items. */
function spreadOfCosines(live: LiveModel): number {
  let spread = spreads.get(live);
  if (spread === undefined) {
    const items = live.itemIds.length;
    const step = Math.max(1, Math.floor(items / SAMPLED_ITEMS));
    let sum = 0;
    let squares = 0;
    let pairs = 0;
    for (let a = 0; a + step < items; a += step) {
      const [one, other] = [directionOf(live.scan, [a]), directionOf(live.scan, [(a * 7919 + 1) % items])];
      if (one !== null && other !== null) {
        const cosine = one.reduce((total, value, k) => total + value * other[k], 0);
        sum += cosine;
        squares += cosine * cosine;
        pairs++;
      }
    }
    spread = pairs === 0 ? 0 : Math.sqrt(Math.max(0, squares / pairs - (sum / pairs) ** 2));
    spreads.set(live, spread);
  }
  return spread;
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
    rank: (_live, limit, mask, without, boosts) => live.scan.rankSimilar(direction, limit, mask, [...indexes, ...hidden, ...without], boosts) ?? NOTHING,
    spread: spreadOfCosines,
  };
}

/** Items that were in the same baskets as the given ones. @returns null where no basket says anything of them */
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
  return entries.length === 0 ? null : { ...plain('together', live, itemIds.join('\n')), seenIds: itemIds, rows: () => entries };
}

export function trendingPlan(live: LiveModel | null, trends: Pick<Trending, 'rows'>, key: string): Plan {
  return { ...plain('trending', live, key), rows: () => trends.rows().map(({ itemId, itemNo, score }) => ({ itemId, itemNo, score, source: 'trending' })) };
}

export function newestPlan(live: LiveModel | null, newest: NonNullable<Plan['rows']>): Plan {
  return { ...plain('newest', live, ''), rows: newest };
}
