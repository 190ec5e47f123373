/** What any model needs. What a shop asks for beyond that are its minimums (`quality/findings.ts`). */
import type { Interactions } from './interactions.ts';
import { indexInteractions } from './matrix.ts';

/** Fewer than this and there is nothing to factorise. */
const minimum = { users: 2, items: 2, positiveInteractions: 1 };

/** Too little data for any model. `missing` names what, in words, with both numbers. */
export class NotEnoughData extends Error {
  readonly users: number;
  readonly items: number;
  readonly interactions: number;
  readonly missing: string[];

  constructor(users: number, items: number, interactions: number, missing: string[]) {
    super(`Not enough data to train: ${missing.join(', ')}.`);
    this.name = 'NotEnoughData';
    this.users = users;
    this.items = items;
    this.interactions = interactions;
    this.missing = missing;
  }
}

/** Throws `NotEnoughData`. */
export function checkEnoughData(interactions: Interactions): void {
  const missing = findShortage(interactions);
  if (missing.length === 0) return;
  const { users, items, entries } = countUsable(interactions);
  throw new NotEnoughData(users, items, entries, missing);
}

function findShortage(interactions: Interactions): string[] {
  const { users, items, positive } = countUsable(interactions);
  const missing: string[] = [];
  if (users < minimum.users) missing.push(`${users} of at least ${minimum.users} users`);
  if (items < minimum.items) missing.push(`${items} of at least ${minimum.items} items`);
  if (positive < minimum.positiveInteractions) missing.push(`${positive} of at least ${minimum.positiveInteractions} positive interaction`);
  return missing;
}

function countUsable(interactions: Interactions): { users: number; items: number; entries: number; positive: number } {
  const { userNos, itemNos, matrix } = indexInteractions(interactions);
  let positive = 0;
  for (let e = 0; e < matrix.target.length; e++) if (matrix.target[e]! > 0) positive++;
  return { users: userNos.length, items: itemNos.length, entries: matrix.index.length, positive };
}
