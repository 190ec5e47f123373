/**
 * Which variant of an experiment a shopper is in: a hash of their id, so it is the same at every visit and on every replica, and nothing is stored. Each experiment hashes with a salt of its own, so that
 * who is in which variant of one says nothing of another, nor of the buckets that intervals are made from.
 *
 *   u = hashText(userId, seed) / 2³²      in the experiment: u < traffic      variant: where u lies among the variants' ends
 */
import { hashText } from './hash.ts';

export interface Assignment {
  /** `seedOfSalt` of the experiment's salt. */
  readonly seed: number;
  /** Where each variant's share of all shoppers ends, ascending; beyond the last nobody is in the experiment. */
  readonly ends: Float64Array;
}

export function seedOfSalt(salt: string): number {
  return hashText(salt);
}

/**
 * @param traffic share of the shoppers who take part, above 0, up to 1
 * @param shares of the variants among them; their sum is 1
 */
export function createAssignment(salt: string, traffic: number, shares: readonly number[]): Assignment {
  const ends = new Float64Array(shares.length);
  let end = 0;
  for (let n = 0; n < shares.length; n++) {
    end += shares[n] * traffic;
    ends[n] = end;
  }
  // Shares such as a third do not add up exactly.
  ends[shares.length - 1] = traffic;
  return { seed: seedOfSalt(salt), ends };
}

/** The place of the shopper's variant; −1: not in the experiment. */
export function variantOf({ seed, ends }: Assignment, userId: string): number {
  const draw = hashText(userId, seed) / 0x1_0000_0000;
  for (let n = 0; n < ends.length; n++) {
    if (draw < ends[n]) {
      return n;
    }
  }
  return -1;
}
