/** The baselines every model is shown beside, and the trending list: what most people want, over all time and of late. */
import { type EventColumns, type EventTypeRule, foldEvents, newestOccurredAt, selectEvents } from './interactions.ts';
import { indexOfNo, type SparseRows } from './matrix.ts';
import type { Ranker } from './metrics.ts';

const dayMs = 86_400_000;
/** "Recent" popularity looks this far back from the newest event. */
export const recentDays = 28;

/**
 * Σ over distinct users of weight · target: each user's interest in an item is already saturated by the rules, so one busy shopper is one voice. One score
 * per column of `matrix`. `voices`: how loud each row's is (`voices.ts`); null: all alike.
 */
export function scorePopularity({ rows, cols, rowStart, index, weight, target }: SparseRows, voices: Float32Array | null = null): Float32Array {
  const scores = new Float64Array(cols);
  for (let row = 0; row < rows; row++) {
    const voice = voices === null ? 1 : voices[row]!;
    for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) scores[index[e]!]! += voice * weight[e]! * target[e]!;
  }
  return Float32Array.from(scores);
}

/** The users of a model, ascending by number, and their voices: null where all are heard alike. */
export interface Heard {
  userNos: Int32Array;
  voices: Float32Array | null;
}

/** The same over the last `days` before the newest of the given events. Items are those of `itemNos`, ascending; others are ignored. */
export function scoreRecentPopularity(columns: EventColumns, rules: readonly EventTypeRule[], itemNos: Int32Array, heard: Heard | null = null, days = recentDays): Float32Array {
  const newestMs = newestOccurredAt(columns);
  const fromMs = newestMs - days * dayMs;
  let count = 0;
  const rows = new Int32Array(columns.length);
  for (let i = 0; i < columns.length; i++) if (columns.occurredAtMs[i]! > fromMs) rows[count++] = i;
  const recent = foldEvents(selectEvents(columns, rows.subarray(0, count)), rules, newestMs);
  const scores = new Float64Array(itemNos.length);
  for (let row = 0; row < recent.userNos.length; row++) {
    const at = heard === null || heard.voices === null ? -1 : indexOfNo(heard.userNos, recent.userNos[row]!);
    const voice = at < 0 ? 1 : heard!.voices![at]!;
    for (let e = recent.rowStart[row]!; e < recent.rowStart[row + 1]!; e++) {
      const item = indexOfNo(itemNos, recent.itemNos[e]!);
      if (item >= 0) scores[item]! += voice * recent.weight[e]! * recent.target[e]!;
    }
  }
  return Float32Array.from(scores);
}

/** Scores in parts of their mean: 1 for an item of mean popularity; all 0 where nothing is popular. */
export function partsOfMean(scores: Float32Array): Float32Array {
  const mean = scores.reduce((sum, one) => sum + one, 0) / scores.length;
  return scores.map((one) => (mean > 0 ? one / mean : 0));
}

/** Item indexes by score, best first; ties to the smaller index. */
export function orderByScore(scores: Float32Array): Int32Array {
  return Int32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
}

/** The same list for everyone, without each user's own train items. */
export function rankByScore(scores: Float32Array, train: SparseRows): Ranker {
  const order = orderByScore(scores);
  const skip = new Uint8Array(scores.length);
  const { rowStart, index } = train;
  return (userRow, out) => {
    for (let e = rowStart[userRow]!; e < rowStart[userRow + 1]!; e++) skip[index[e]!] = 1;
    let count = 0;
    for (let n = 0; n < order.length && count < out.length; n++) if (skip[order[n]!] === 0) out[count++] = order[n]!;
    for (let e = rowStart[userRow]!; e < rowStart[userRow + 1]!; e++) skip[index[e]!] = 0;
    return count;
  };
}
