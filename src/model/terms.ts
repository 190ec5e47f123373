/** What is added to the factors' score, and how fast events fade: the parameters beside the recipe. */
import type { Recipe } from './recipe.ts';
import type { TermWeights } from './hybrid.ts';
import type { EventTypeRule } from './interactions.ts';
import type { NeighbourSettings } from './neighbours.ts';

export interface Terms {
  /** Days after which an event counts half, in the fit's weights and in the histories of the neighbourhood; 0 = events do not fade. */
  halfLifeDays: number;
  /** K, neighbours an item; 0 = no neighbourhood term. */
  neighbours: number;
  /** w, relative to the spread of the factors' scores. */
  neighbourWeight: number;
  /** a and b: what an item's own and its neighbour's popularity cost. */
  neighbourExponents: readonly [number, number];
  /** p, relative to the same spread; 0 = no recent popularity. */
  recencyWeight: number;
  /** Days after which an event counts half as recent popularity. */
  recencyHalfLifeDays: number;
}

/**
 * From prototypes on three time windows inside the first 80 % of Online Retail, and on time splits of generated shops of 2,000 × 1,000 and 20,000 × 8,000. A half-life of 60
 * days helps or does no harm in all. a = b = ½ gains on Online Retail and loses a twentieth of the recall at this weight in a shop of few purchases a shopper (an eighth at
 * 0.8); a = ¾, b = ¼ gains a little in the generated shops and is about neutral on Online Retail.
 */
export const DEFAULT_TERMS: Readonly<Terms> = {
  halfLifeDays: 60, neighbours: 100, neighbourWeight: 0.15, neighbourExponents: [0.75, 0.25], recencyWeight: 0.1, recencyHalfLifeDays: 7,
};

/** The factors alone, and nothing fades but what the event types say. */
export const NO_TERMS: Readonly<Terms> = { ...DEFAULT_TERMS, halfLifeDays: 0, neighbours: 0, neighbourWeight: 0, recencyWeight: 0 };

/** All parameters, as they are reported. */
export type Params = Recipe & Terms;

export function settingsOf({ neighbours, neighbourExponents: [ownExponent, otherExponent] }: Terms): NeighbourSettings {
  return { most: neighbours, ownExponent, otherExponent };
}

export function weightsOf({ neighbours, neighbourWeight, recencyWeight }: Terms): TermWeights {
  return { neighbours: neighbours === 0 ? 0 : neighbourWeight, recency: recencyWeight };
}

/** Event types with a half-life of their own keep it; the others fade by the recipe's, so that training and fold-in weigh alike. */
export function withHalfLife(rules: readonly EventTypeRule[], halfLifeDays: number): EventTypeRule[] {
  return rules.map((rule) => (rule.halfLifeDays === null && halfLifeDays > 0 ? { ...rule, halfLifeDays } : { ...rule }));
}
