/**
 * How a simulated shopper looks at a list. Two questions an item, as in the examination hypothesis of click models (Richardson, Dominowska, Ragno 2007):
 *
 *   seen       with probability 1 / log₂(1 + position), whatever stands there
 *   clicked    where it was seen, with probability ACCIDENT + MOST · σ((U − EVEN) / NOISE)
 *
 *   U = affinity                                     steps, distances and caps (tastes.ts)
 *     + 1.5 of the category that the visit is about
 *     − 2.5 dearer than the shopper ever pays        a cliff: 1.3 price levels above their band
 *     + 0.5 · ln(exposure / its geometric mean)        what everybody comes across has earned a part of it: shops put in front what sells
 *     + 0.5 · quality
 *     + 0.8 · e^(−age / 10 d)                        what has just come out
 *     − 0.9 · log₂(views), from the second on        what they have looked at again and again; looking once makes nobody tired
 *     − 2 · e^(−since / 14 d)                        they have just bought such a thing (of that sub-category)
 *     − 5                                            they have bought this very thing
 *     + 0.5 · whim                                   standard normal for each pair, for ever: nothing tells of it but the shopper's own clicks
 *
 * The constants go by what is usual and by the lists of trending and oracle; the noise was chosen with a model's figures known (docs/simulator.md): an item of the favourite category is clicked about once in ten times that it is seen, the best one
 * in three; lists of what sells are clicked more than lists by chance; and who knows the taste is clicked three to four times as often as what is trending. So NOISE is 2: a picture in a list says less than a
 * page, where shoppers of the generator choose with 1. U is no inner product, moves with every visit, and a whim cannot be learned from others: no model reaches who ranks by it.
 */
import { drawAt, seedOf } from '../model/hash.ts';
import type { ItemTraits } from './catalogue.ts';
import { MATCH_PRICE_LEVEL, MATCH_STRIDE, MATCH_SUBCATEGORY, SUBCATEGORY_COUNT } from './catalogue.ts';
import { DAY_SECONDS } from './calendar.ts';
import { publishedSecond } from './shopping.ts';
import type { Tastes } from './tastes.ts';
import { affinityOf } from './tastes.ts';

const ACCIDENT = 0.003;
const MOST = 0.4;
const EVEN = 4;
const NOISE = 2;
const NEVER_ABOVE = 1.3;

/** What a list meets: who looks, when, with what in mind, and the chances of this visit. */
export interface Look {
  /** By index. */
  readonly user: number;
  /** From the start of the simulation. */
  readonly second: number;
  readonly category: number;
  /** All chance of the look comes of it: the same item at the same place meets the same luck, whoever put it there. */
  readonly seed: number;
}

/** What shoppers have looked at and bought. Seconds are those of the simulation. */
export interface Memory {
  noteView(user: number, item: number): void;
  notePurchase(user: number, item: number, second: number): void;
  hasBought(user: number, item: number): boolean;
}

export interface ClickModel extends Memory {
  /** Probability that an item is clicked that is seen. */
  attraction(look: Look, item: number): number;
  /** Positions of `list`, from 0, that are clicked. */
  clicksOn(look: Look, list: ArrayLike<number>): number[];
}

/** @param position from 1 */
export function examination(position: number): number {
  return 1 / Math.log2(1 + position);
}

export function createClickModel(tastes: Tastes, traits: ItemTraits, seed: number): ClickModel {
  const items = traits.category.length;
  const views = new Map<number, number>();
  const bought = new Set<number>();
  /** users × sub-categories */
  const lastPurchase = new Float64Array(tastes.mainStyle.length * SUBCATEGORY_COUNT).fill(-Infinity);
  const appeal = appealOf(traits.exposure);
  const subcategoryOf = (item: number) => traits.match[item * MATCH_STRIDE + MATCH_SUBCATEGORY];

  function utility({ user, second, category }: Look, item: number): number {
    const pair = user * items + item;
    let sum = affinityOf(tastes, user, traits, item) + appeal[item] + 0.5 * traits.quality[item] + 0.5 * whim(user, item);
    if (traits.category[item] === category) sum += 1.5;
    if (traits.match[item * MATCH_STRIDE + MATCH_PRICE_LEVEL] > tastes.priceBand[user] + NEVER_ABOVE) sum -= 2.5;
    const published = publishedSecond(traits, item);
    if (published > 0) sum += 0.8 * Math.exp((published - second) / (10 * DAY_SECONDS));
    sum -= 0.9 * Math.log2(Math.max(1, views.get(pair) ?? 0));
    sum -= 2 * Math.exp((lastPurchase[user * SUBCATEGORY_COUNT + subcategoryOf(item)] - second) / (14 * DAY_SECONDS));
    return bought.has(pair) ? sum - 5 : sum;
  }

  /** Box–Muller on two draws of the pair. */
  function whim(user: number, item: number): number {
    const own = seedOf(seed, user);
    return Math.sqrt(-2 * Math.log(1 - drawAt(own, 2 * item))) * Math.cos(2 * Math.PI * drawAt(own, 2 * item + 1));
  }

  function attraction(look: Look, item: number): number {
    return ACCIDENT + MOST / (1 + Math.exp((EVEN - utility(look, item)) / NOISE));
  }

  return {
    attraction,
    clicksOn(look, list) {
      const eyes = seedOf(look.seed, 1);
      const hand = seedOf(look.seed, 2);
      const clicked: number[] = [];
      for (let k = 0; k < list.length; k++) {
        if (drawAt(eyes, k) < examination(k + 1) && drawAt(hand, list[k]) < attraction(look, list[k])) clicked.push(k);
      }
      return clicked;
    },
    noteView(user, item) {
      const pair = user * items + item;
      views.set(pair, (views.get(pair) ?? 0) + 1);
    },
    notePurchase(user, item, second) {
      bought.add(user * items + item);
      lastPurchase[user * SUBCATEGORY_COUNT + subcategoryOf(item)] = second;
    },
    hasBought: (user, item) => bought.has(user * items + item),
  };
}

/** Nobody comes across what has no exposure, and nothing is known of it: neither more nor less than the mean. */
function appealOf(exposure: Float64Array): Float64Array {
  const found = exposure.filter((one) => one > 0);
  const mean = found.reduce((sum, one) => sum + Math.log(one), 0) / found.length;
  return exposure.map((one) => (one > 0 ? 0.5 * (Math.log(one) - mean) : 0));
}
