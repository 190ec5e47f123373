/**
 * Places for new items. What nobody has seen nobody can buy, and what nobody buys no model learns: so a share of each list's places, never the first, goes to items that the model does not know yet.
 *
 * Which are for a shopper at all the explorer says (explorer.ts). How many: e · limit, a broken part by chance. Where: one in each of so many equal stretches of the list, from its beginning where there are fewer new items. Which: those of the largest
 *
 *   z_i + 1 / √(1 + seen_i) + ½ Gumbel_i          z_i: x·y_new in spreads above the mean of the new items; seen_i: how often the item was shown, or had an event
 *
 * which draws without replacement, an item in proportion to e^(2 · (z_i + 1 / √(1 + seen_i))) (the Gumbel-max trick). All chance is drawn by user, item and period (`model/hash.ts`): the same list on
 * every replica, and for a user until the period ends.
 */
import { drawAt } from '../model/hash.ts';
import { createTopN, offerTopN, sortTopN } from '../model/top-n.ts';

export const MOST_EXPLORATION_SHARE = 0.5;

const TEMPERATURE = 0.5;
/** Items draw by their numbers, which begin at 1; how many places there are draws by 0, and the places by −1, −2, … */
const COUNT_DRAW = 0;
const FIRST_PLACE_DRAW = -1;

export interface NewItems {
  readonly itemNos: Int32Array;
  /** x·y_new of each; not finite: not for this user. */
  readonly relevance: ArrayLike<number>;
  /** How often each was shown or had an event, as far as is known; null: nothing is. */
  readonly seen: ArrayLike<number> | null;
}

/**
 * Places of a list that go to new items, from 0, ascending; none is 0. Those below `end`: a page needs no others.
 *
 * @param limit length of the whole list
 * @param share e, 0 … 0.5
 * @param seed `seedOf(hashText(userId), periodOf(time, hours))`
 */
export function placesForNew(limit: number, share: number, seed: number, end: number): number[] {
  const stretches = Math.max(0, Math.min(limit - 1, Math.floor(Math.min(share, MOST_EXPLORATION_SHARE) * limit + drawAt(seed, COUNT_DRAW))));
  /** Stretch k goes from here to where the next begins: at least one place, as there are no more stretches than places. */
  const beginOf = (k: number) => 1 + Math.floor((k * (limit - 1)) / stretches);
  const places: number[] = [];
  for (let k = 0; k < stretches && beginOf(k) < end; k++) {
    const place = beginOf(k) + Math.floor(drawAt(seed, FIRST_PLACE_DRAW - k) * (beginOf(k + 1) - beginOf(k)));
    if (place < end) {
      places.push(place);
    }
  }
  return places;
}

/** Which of the new items take part, by their positions in `NewItems`, the best first: `count`, or all that are for this user. */
export function drawNew({ itemNos, relevance, seen }: NewItems, count: number, seed: number): number[] {
  const { mean, spread, count: fit } = momentsOf(relevance, itemNos.length);
  const most = Math.min(count, fit);
  if (most === 0) return [];
  const best = createTopN(most);
  for (let n = 0; n < itemNos.length; n++) {
    if (!Number.isFinite(relevance[n])) continue;
    const gumbel = -Math.log(-Math.log((drawAt(seed, itemNos[n]) * 0xffff_ffff + 1) / 0x1_0000_0001)); // neither 0 nor 1
    const z = spread > 0 ? (relevance[n] - mean) / spread : 0;
    offerTopN(best, most, z + (seen === null ? 0 : 1 / Math.sqrt(1 + seen[n])) + TEMPERATURE * gumbel, n);
  }
  sortTopN(best);
  return Array.from(best.items.subarray(0, most));
}

/** The list with the new items in their places, the others in their order around them; `limit` long at most. */
export function weave<T>(ranked: readonly T[], explored: readonly T[], places: readonly number[], limit: number): T[] {
  const list: T[] = [];
  let next = 0;
  for (let k = 0; list.length < limit && (next < ranked.length || k < explored.length); ) {
    // Where the ranking has ended, what is left of the new items follows.
    if (k < explored.length && (places[k] <= list.length || next >= ranked.length)) {
      list.push(explored[k++]);
    } else {
      list.push(ranked[next++]);
    }
  }
  return list;
}

function momentsOf(values: ArrayLike<number>, length: number): { mean: number; spread: number; count: number } {
  let [count, sum, squares] = [0, 0, 0];
  for (let n = 0; n < length; n++) {
    if (!Number.isFinite(values[n])) continue;
    count++;
    sum += values[n];
    squares += values[n] * values[n];
  }
  const mean = count === 0 ? 0 : sum / count;
  return { mean, spread: count === 0 ? 0 : Math.sqrt(Math.max(0, squares / count - mean * mean)), count };
}
