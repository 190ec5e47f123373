/**
 * Who likes what. A shopper has one to three favourite categories, a main and a second style, a point on two axes of taste, a price band and perhaps a
 * favourite brand. Affinity adds up what those make of an item:
 *
 *   ln(1 + 20 · share of the category)                     favourites stand about 2 to 3 above the rest
 *   + M[main style, sub-category] + M[second, …] / 2       a hidden table: some styles like tents, some like rugs
 *   + 1.2 same style | + 0.6 second style | − 0.5 the style across
 *   − 0.7 · min(distance², 4)                              ideal point, saturated
 *   − 0.35 · min((price level − band)², 6)
 *   + 1.4 favourite brand
 *
 * Steps, distances and caps are no inner product: a factor model can come near, and has no unfair advantage by being the data's own form.
 */
import type { Random } from '../model/random.ts';
import type { ItemTraits } from './catalogue.ts';
import { MATCH_BRAND, MATCH_PRICE_LEVEL, MATCH_STRIDE, MATCH_STYLE, MATCH_SUBCATEGORY, MATCH_X, MATCH_Y, SUBCATEGORY_COUNT } from './catalogue.ts';
import { drawByWeight } from './sampling.ts';
import { CATEGORIES, STYLES } from './words.ts';

/** One entry per shopper, by index (user-1 is 0). */
export interface Tastes {
  /** users × 3, most liked first; 255 = none. */
  favourites: Uint8Array;
  mainStyle: Uint8Array;
  secondStyle: Uint8Array;
  x: Float32Array;
  y: Float32Array;
  priceBand: Float32Array;
  /** 255 = none. */
  brand: Uint8Array;
  /** styles × sub-categories */
  styleTable: Float32Array;
}

const FAVOURITES = 3;
const FAVOURITE_SHARES = [1, 0.6, 0.35];
const FAVOURITE_TERMS = FAVOURITE_SHARES.map((share) => Math.log(1 + 20 * share));
const NONE = 255;

export function createTastes(users: number, random: Random): Tastes {
  const tastes: Tastes = {
    favourites: new Uint8Array(users * FAVOURITES).fill(NONE),
    mainStyle: new Uint8Array(users),
    secondStyle: new Uint8Array(users),
    x: new Float32Array(users),
    y: new Float32Array(users),
    priceBand: new Float32Array(users),
    brand: new Uint8Array(users).fill(NONE),
    styleTable: new Float32Array(STYLES.length * SUBCATEGORY_COUNT),
  };
  for (let k = 0; k < tastes.styleTable.length; k++) tastes.styleTable[k] = 0.9 * random.gaussian();
  // How much each style likes each category, so that shoppers of a style share more than a style.
  const leaning = STYLES.map(() => CATEGORIES.map((category) => category.share * Math.exp(0.8 * random.gaussian())));

  for (let u = 0; u < users; u++) {
    const main = random.integer(STYLES.length);
    tastes.mainStyle[u] = main;
    tastes.secondStyle[u] = random.integer(STYLES.length);
    const weights = leaning[main]!.slice();
    const favourites = 1 + random.integer(FAVOURITES);
    for (let k = 0; k < favourites; k++) {
      const category = drawByWeight(weights, random);
      weights[category] = 0;
      tastes.favourites[u * FAVOURITES + k] = category;
    }
    tastes.x[u] = random.gaussian();
    tastes.y[u] = random.gaussian();
    tastes.priceBand[u] = 0.9 * random.gaussian();
    if (random.uniform() < 0.6) {
      const [from, to] = CATEGORIES[tastes.favourites[u * FAVOURITES]!]!.brands;
      tastes.brand[u] = from + random.integer(to - from);
    }
  }
  return tastes;
}

/** Adds the shopper's favourites to `weights`, one entry per category. */
export function addFavourites(tastes: Tastes, user: number, weights: Float64Array): void {
  for (let k = 0; k < FAVOURITES; k++) {
    const category = tastes.favourites[user * FAVOURITES + k]!;
    if (category !== NONE) weights[category]! += FAVOURITE_SHARES[k]!;
  }
}

/** The first term of the affinity. */
export function categoryTerm(tastes: Tastes, user: number, category: number): number {
  for (let k = 0; k < FAVOURITES; k++) if (tastes.favourites[user * FAVOURITES + k] === category) return FAVOURITE_TERMS[k]!;
  return 0;
}

/** The other terms: how well an item fits among those of its category. The generator's innermost loop. */
export function matchTerm(tastes: Tastes, user: number, traits: ItemTraits, item: number): number {
  const { match } = traits;
  const row = item * MATCH_STRIDE;
  const main = tastes.mainStyle[user]!;
  const second = tastes.secondStyle[user]!;
  const style = match[row + MATCH_STYLE]!;
  const subcategory = match[row + MATCH_SUBCATEGORY]!;
  const dx = tastes.x[user]! - match[row + MATCH_X]!;
  const dy = tastes.y[user]! - match[row + MATCH_Y]!;
  const dp = match[row + MATCH_PRICE_LEVEL]! - tastes.priceBand[user]!;
  let sum = tastes.styleTable[main * SUBCATEGORY_COUNT + subcategory]! + 0.5 * tastes.styleTable[second * SUBCATEGORY_COUNT + subcategory]!;
  if (style === main) sum += 1.2;
  else if (style === second) sum += 0.6;
  else if (style === (main ^ 4)) sum -= 0.5;
  sum -= 0.7 * Math.min(dx * dx + dy * dy, 4);
  sum -= 0.35 * Math.min(dp * dp, 6);
  if (match[row + MATCH_BRAND] === tastes.brand[user]) sum += 1.4;
  return sum;
}

/** All terms. */
export function affinityOf(tastes: Tastes, user: number, traits: ItemTraits, item: number): number {
  return categoryTerm(tastes, user, traits.category[item]!) + matchTerm(tastes, user, traits, item);
}
