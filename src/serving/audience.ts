/** Shoppers who would like an item most, as the live model was trained: for a mail about one item. */
import { findAudience } from '../model/audience.ts';
import { createTopN } from '../model/top-n.ts';
import { roundScore } from './lists.ts';
import type { LiveModel } from './live-model.ts';

export interface Audience {
  readonly modelVersion: number;
  readonly items: { readonly userId: string; readonly score: number }[];
}

/** @returns null where the model does not know the item */
export function audienceOf(live: LiveModel | null, itemId: string, limit: number, includeSeen: boolean): Audience | null {
  const item = live?.itemIndexById.get(itemId);
  if (live === null || item === undefined) {
    return null;
  }
  const { count, items: rows, scores } = findAudience(live.userFactors, live.scan, live.rowStart, live.history, { item, limit, includeHidden: includeSeen }, createTopN(limit));
  const idByRow = new Map<number, string>();
  const wanted = new Set(rows.subarray(0, count));
  for (const [userId, row] of live.userRowById) {
    if (wanted.has(row)) {
      idByRow.set(row, userId);
    }
  }
  // Who was erased since has no id here any more.
  const found = Array.from({ length: count }, (_, n) => ({ userId: idByRow.get(rows[n]), score: roundScore(scores[n]) }));
  return { modelVersion: live.version, items: found.filter((one): one is { userId: string; score: number } => one.userId !== undefined) };
}
