/**
 * The hybrid scan in plain TypeScript and float64, by scoring everything: what the kernel of `ranker.ts` is tested against, and what answers where there is no WebAssembly.
 */
import { gramOf, spreadOfScores, sumOfRows } from './gram.ts';
import { type Boost, type HistoryEntries, type HybridScan, type HybridTerms, checkBoosts, checkSlot } from './hybrid.ts';
import { type Factors, vectorsOf } from './matrix.ts';
import { addNeighboursOf } from './neighbours.ts';
import { checkLimit, createTopN, offerTopN, scanSlots, scoreItem, sortTopN } from './top-n.ts';

/** `terms.scales` of 0 leave a term out. */
export function createPlainScan(items: Factors, { neighbours, recentPopularity, scales }: HybridTerms, maxLimit: number): HybridScan {
  const { rows, stride } = items;
  const query = new Float64Array(stride);
  const sums = new Float64Array(rows);
  const touched = new Int32Array(rows);
  const slots = new Map<number, Uint8Array>();
  const out = new Uint8Array(rows);
  const best = createTopN(maxLimit);
  const scores = new Float64Array(rows);
  const moments = { rows, gram: gramOf(items), sum: sumOfRows(items) };

  const vectorOf = (item: number) => items.data.subarray(item * stride, (item + 1) * stride);

  function scoreFactors(x: ArrayLike<number>): void {
    for (let k = 0; k < stride; k++) query[k] = x[k]!;
    for (let i = 0; i < rows; i++) scores[i] = scoreItem(items, query, i);
  }

  function boost(boosts: readonly Boost[] | undefined): void {
    for (const { slot, amount } of boosts ?? []) {
      const marks = slots.get(slot);
      for (let i = 0; i < (marks?.length ?? 0); i++) if (marks![i] === 1) scores[i]! += amount;
    }
  }

  function addHistory(history: HistoryEntries, from: number, to: number): void {
    if (neighbours !== null && scales.neighbours > 0) addNeighboursOf(neighbours, history.index, history.weight, from, to, sums, touched);
  }

  const recencyOf = (item: number) => (recentPopularity === null ? 0 : scales.recency * recentPopularity[item]!);

  function scoreAll(x: ArrayLike<number>, history: HistoryEntries, from: number, to: number, boosts?: readonly Boost[]): Float64Array {
    scoreFactors(x);
    addHistory(history, from, to);
    for (let i = 0; i < rows; i++) scores[i]! += recencyOf(i) + scales.neighbours * sums[i]!;
    sums.fill(0);
    boost(boosts);
    return scores;
  }

  function markOut(mask: number, without: ArrayLike<number> | undefined): void {
    out.fill(0);
    const marks = slots.get(mask);
    if (marks !== undefined) out.set(marks);
    for (let n = 0; n < (without?.length ?? 0); n++) out[without![n]!] = 1;
  }

  function takeBest(limit: number): void {
    best.count = 0;
    for (let i = 0; i < rows; i++) if (out[i] === 0) offerTopN(best, limit, scores[i]!, i);
    sortTopN(best);
  }

  return {
    masks: scanSlots,
    setMask(slot, marks) {
      checkSlot(slot);
      slots.set(slot, marks.slice(0, rows));
    },
    rank({ vector, history, from, to, limit, mask, includeHidden, without, boosts }) {
      checkLimit(limit, maxLimit);
      checkBoosts(boosts);
      scoreAll(vector, history, from, to, boosts);
      markOut(mask, without);
      if (includeHidden !== true) for (let e = from; e < to; e++) if (history.hidden[e] === 1) out[history.index[e]!] = 1;
      takeBest(limit);
      return best;
    },
    rankSimilar(x, limit, mask, without, boosts) {
      checkLimit(limit, maxLimit);
      checkBoosts(boosts);
      scoreFactors(x);
      markOut(mask, without);
      for (let i = 0; i < rows; i++) {
        const length = Math.hypot(...vectorOf(i));
        if (length > 0) scores[i]! /= length;
        else out[i] = 1;
      }
      boost(boosts);
      takeBest(limit);
      return best;
    },
    vectorOf,
    vectors: vectorsOf(items),
    moments: () => moments,
    neighbourShares(history, from, to, of, out) {
      for (let e = from; e < to; e++) {
        addHistory(history, e, e + 1);
        for (let k = 0; k < of.length; k++) out[k * (to - from) + e - from] = scales.neighbours * sums[of[k]!]!;
        sums.fill(0);
      }
    },
    similarTo(item) {
      if (neighbours === null || scales.neighbours === 0) return null;
      const { rowStart, index, similarity } = neighbours;
      const similar = new Float32Array(rows);
      for (let j = 0; j < rows; j++) for (let n = rowStart[j]!; n < rowStart[j + 1]!; n++) if (index[n] === item) similar[j] = scales.neighbours * similarity[n]!;
      return similar;
    },
    spread: (x) => spreadOfScores(x, moments),
    partsOf(x, history, from, to, item) {
      for (let k = 0; k < stride; k++) query[k] = x[k]!;
      addHistory(history, from, to);
      const near = scales.neighbours * sums[item]!;
      sums.fill(0);
      return { factors: scoreItem(items, query, item), neighbours: near, recency: recencyOf(item) };
    },
    createFoldIn: () => null,
    scoreAll: (x, history, from, to, boosts) => scoreAll(x, history, from, to, boosts).slice(),
  };
}
