/**
 * The hybrid score's exact top-N by the kernel of `kernels/assembly/rank.ts`, which explains how, over the index of `rank-index.ts`.
 *
 *   score_i = x·y_i + (p σ_f/σ_p r_i + boosts + w σ_f/σ_n Σ_j h_j S_ji)        all in float32, in this order, whichever way an item was found
 *
 * `plain-scan.ts` has the same in plain TypeScript and float64, for where WebAssembly may not run, and to test against.
 */
import type { FoldIn } from './fold-in.ts';
import { diagonalOf, isDiagonal, type ScoreMoments, spreadOfScores, sumOfRows } from './gram.ts';
import { type Boost, checkBoosts, checkSlot, type HistoryEntries, type HybridScan, type HybridTerms } from './hybrid.ts';
import { denseDiagonal } from './ials.ts';
import { type Recipe, ridgeOf } from './recipe.ts';
import type { Effort } from './kernels/kernels.ts';
import { createWasmKernels } from './kernels/wasm.ts';
import type { Factors } from './matrix.ts';
import { atOnce, type InPieces } from './pieces.ts';
import { bonusField, createRankIndex, marksField, mostEntries, mostNear, type RankIndex, tileBonusField } from './rank-index.ts';
import { checkLimit, createTopN, scanSlots, type TopN } from './top-n.ts';

/** Weights below it reach nothing. */
const leastWeight = 1e-15;

/** `terms.scales` of 0 leave a term out. `nearRows`: a multiple of 32. @throws RangeError where the index takes more than 4 GiB */
export function createRanker(items: Factors, terms: HybridTerms, maxLimit: number, nearRows = mostNear): HybridScan {
  return atOnce(createRankerInPieces(items, terms, maxLimit, nearRows));
}

export function* createRankerInPieces(items: Factors, terms: HybridTerms, maxLimit: number, nearRows = mostNear): InPieces<HybridScan> {
  return createScan(yield* createRankIndex(items, terms, maxLimit, nearRows), terms.neighbours === null ? 0 : terms.scales.neighbours, maxLimit);
}

/** A scan keeps the index alone. `neighbourScale` 0: no lists. */
function createScan({ memory, kernels, at, count, rows, stride, itemStride, placeOf }: RankIndex, neighbourScale: number, maxLimit: number): HybridScan {
  const floats = (from: number, numbers: number) => new Float32Array(memory.buffer, from, numbers);
  const doubles = (from: number, numbers: number) => new Float64Array(memory.buffer, from, numbers);
  const ints = (from: number, numbers: number) => new Int32Array(memory.buffer, from, numbers);
  const [vectors, bonus, itemAt] = [floats(at.vectors, rows * stride), floats(at.bonus, rows), ints(at.itemAt, rows)];
  const slots = new Uint8Array(memory.buffer, at.slots, scanSlots * rows);
  const index = ints(0, marksField + 1);
  const x = floats(at.x, stride);
  const history = ints(at.history, mostEntries);
  const weights = floats(at.weights, mostEntries);
  const scores = floats(at.scores, maxLimit);
  const places = ints(at.places, maxLimit);
  const best = createTopN(maxLimit);
  /** 1: the slot leaves out more than three quarters. */
  const isSparse = new Uint8Array(scanSlots);
  /** Marks that a call made, to be taken back at its end. */
  let marked = new Int32Array(256);
  let markedCount = 0;
  let moments: ScoreMoments | null = null;

  function mark(base: number, item: number): void {
    const p = base + placeOf[item]!;
    if (slots[p] !== 0) return;
    slots[p] = 1;
    if (markedCount === marked.length) {
      const longer = new Int32Array(2 * markedCount);
      longer.set(marked);
      marked = longer;
    }
    marked[markedCount++] = p;
  }

  function unmark(): void {
    for (let k = 0; k < markedCount; k++) slots[marked[k]!] = 0;
    markedCount = 0;
  }

  /** `boosted` = what it holds + boosts. */
  function addBoosts(boosts: readonly Boost[]): void {
    for (const { slot, amount } of boosts) kernels.addMarked(at.slots + slot * rows, amount, at.boosted, rows);
  }

  /** Lets the next call go by bonus + boosts, in the bonus' place. */
  function chooseBonus(boosts: readonly Boost[] | undefined): void {
    const plain = boosts === undefined || boosts.length === 0;
    if (!plain) {
      floats(at.boosted, rows).set(bonus);
      addBoosts(boosts);
      kernels.coverTiles(at.boosted, at.tileBoosted, rows);
    }
    index[bonusField] = plain ? at.bonus : at.boosted;
    index[tileBonusField] = plain ? at.tileBonus : at.tileBoosted;
  }

  function answer(found: number): TopN {
    for (let k = 0; k < found; k++) {
      best.items[k] = itemAt[places[k]!]!;
      best.scores[k] = scores[k]!;
    }
    best.count = found;
    return best;
  }

  /** Vector and history into the memory; returns the history's length there. */
  function place(vector: ArrayLike<number>, entriesOf: HistoryEntries, from: number, to: number): number {
    for (let k = 0; k < itemStride; k++) x[k] = vector[k]!;
    if (!(neighbourScale > 0)) return 0;
    let n = 0;
    for (let e = Math.max(from, to - mostEntries); e < to; e++) {
      const h = neighbourScale * entriesOf.weight[e]!;
      if (h < leastWeight) continue;
      history[n] = placeOf[entriesOf.index[e]!]!;
      weights[n++] = h;
    }
    return n;
  }

  /** Made when first asked for: who only ranks needs none. */
  function momentsOfItems(): ScoreMoments {
    if (moments !== null) return moments;
    const gram = doubles(at.gram, stride * stride);
    createWasmKernels(memory).gram(at.vectors, stride, 0, rows, at.scratch, at.gram);
    for (let i = 0; i < stride; i++) for (let j = 0; j < i; j++) gram[i * stride + j] = gram[j * stride + i]!;
    moments = { rows: count, gram: isDiagonal(gram, stride) ? diagonalOf(gram, stride) : gram, sum: sumOfRows({ rows: count, factors: stride, stride, data: vectors }) };
    return moments;
  }

  function createFoldInKernel(recipe: Recipe, weightScale: number): FoldIn | null {
    const { gram } = momentsOfItems();
    if (gram.length > stride) return null;
    const fitting = createWasmKernels(memory);
    doubles(at.dense, stride).set(denseDiagonal(gram, recipe));
    const [rowStart, targets, ridge, solved] = [ints(at.rowStart, 2), floats(at.targets, mostEntries), doubles(at.ridge, 1), floats(at.solved, stride)];
    const sparse = { rowStart: at.rowStart, index: at.history, weight: at.weights, target: at.targets };
    // As the closing half-sweep of a fit, and a little further, from 0.
    const effort: Effort = { warm: false, steps: 4 * stride + 32, tolerance: 1e-6, relaxation: 1, exactPasses: 2 };
    return {
      solve(itemIndex, weight, target, n, out) {
        let known = 0;
        for (let e = 0; e < n && known < mostEntries; e++) {
          if (itemIndex[e]! < 0 || !(weight[e]! > 0)) continue;
          history[known] = placeOf[itemIndex[e]!]!;
          weights[known] = weight[e]! * weightScale;
          targets[known++] = target[e]!;
        }
        out.fill(0, 0, itemStride);
        if (known === 0) return false;
        rowStart[1] = known;
        ridge[0] = ridgeOf(known, count, recipe);
        if (fitting.solveRows(at.solved, at.vectors, stride, sparse, 0, 1, at.dense, at.ridge, effort, at.scratch) >= 0) return false;
        for (let k = 0; k < itemStride; k++) out[k] = solved[k]!;
        return true;
      },
    };
  }

  return {
    masks: scanSlots,
    setMask(slot, byItem) {
      checkSlot(slot);
      const base = slot * rows;
      let marks = 0;
      for (let p = 0; p < count; p++) marks += slots[base + p] = byItem[itemAt[p]!]!;
      isSparse[slot] = 4 * marks > 3 * count ? 1 : 0;
    },
    rank({ vector, history: entriesOf, from, to, limit, mask, includeHidden, without, boosts }) {
      checkLimit(limit, maxLimit);
      checkBoosts(boosts);
      if (limit <= 0 || count === 0) return answer(0);
      const base = mask * rows;
      if (includeHidden !== true) for (let e = from; e < to; e++) if (entriesOf.hidden[e] === 1) mark(base, entriesOf.index[e]!);
      for (let n = 0; n < (without?.length ?? 0); n++) mark(base, without![n]!);
      chooseBonus(boosts);
      index[marksField] = at.slots + base;
      const found = kernels.rank(0, at.query, at.x, at.history, at.weights, place(vector, entriesOf, from, to), limit, isSparse[mask] === 1);
      unmark();
      return answer(found);
    },
    rankSimilar(vector, limit, mask, without, boosts) {
      checkLimit(limit, maxLimit);
      checkBoosts(boosts);
      if (limit <= 0 || count === 0) return answer(0);
      const base = mask * rows;
      for (let n = 0; n < without.length; n++) mark(base, without[n]!);
      const boosted = boosts !== undefined && boosts.length > 0;
      if (boosted) {
        floats(at.boosted, rows).fill(0);
        addBoosts(boosts);
      }
      index[marksField] = at.slots + base;
      for (let k = 0; k < itemStride; k++) x[k] = vector[k]!;
      const found = kernels.rankSimilar(0, at.x, boosted ? at.boosted : 0, limit);
      unmark();
      return answer(found);
    },
    vectorOf: (item) => vectors.subarray(placeOf[item]! * stride, placeOf[item]! * stride + itemStride),
    spread: (vector) => {
      for (let k = 0; k < itemStride; k++) x[k] = vector[k]!;
      return spreadOfScores(x, momentsOfItems());
    },
    partsOf(vector, entriesOf, from, to, item) {
      const n = place(vector, entriesOf, from, to);
      const p = placeOf[item]!;
      return { factors: kernels.scoreFactors(0, at.x, p), neighbours: kernels.scoreNeighbours(0, at.history, at.weights, n, p), recency: bonus[p]! };
    },
    vectors: { data: vectors, stride, offsetOf: (item) => placeOf[item]! * stride },
    moments: momentsOfItems,
    neighbourShares(entriesOf, from, to, of, out) {
      const length = to - from;
      out.fill(0, 0, length * of.length);
      if (!(neighbourScale > 0)) return;
      const first = Math.max(from, to - mostEntries);
      const n = to - first;
      for (let e = 0; e < n; e++) {
        history[e] = placeOf[entriesOf.index[first + e]!]!;
        weights[e] = neighbourScale * entriesOf.weight[first + e]!;
      }
      // There are no more entries than items, so there is room for those of one at least.
      const atOnce = Math.min(maxLimit, Math.floor(rows / Math.max(1, n)));
      for (let k = 0; k < of.length; k += atOnce) {
        const some = Math.min(atOnce, of.length - k);
        for (let m = 0; m < some; m++) places[m] = placeOf[of[k + m]!]!;
        const shares = floats(at.all, some * n).fill(0);
        kernels.shareNeighbours(0, at.history, at.weights, n, at.places, some, at.all);
        for (let m = 0; m < some; m++) out.set(shares.subarray(m * n, (m + 1) * n), (k + m) * length + length - n);
      }
    },
    similarTo(item) {
      if (!(neighbourScale > 0)) return null;
      const pointers = new Uint32Array(memory.buffer, at.neighbours, 2 * (count + 1));
      const numbers = (pointers[2 * count]! - at.entries) / 4;
      const [offsets, similar] = [new Uint32Array(memory.buffer, at.entries, numbers), floats(at.entries, numbers)];
      const wanted = placeOf[item]! * 4;
      const found = new Float32Array(count);
      for (let p = 0; p < count; p++) {
        const [from, to] = [(pointers[2 * p]! - at.entries) / 4, (pointers[2 * p + 2]! - at.entries) / 4];
        for (let e = from; e < to; e += 2) if (offsets[e] === wanted) found[itemAt[p]!] = neighbourScale * similar[e + 1]!;
      }
      return found;
    },
    createFoldIn: (recipe, weightScale) => createFoldInKernel(recipe, weightScale),
    scoreAll(vector, entriesOf, from, to, boosts) {
      checkBoosts(boosts);
      chooseBonus(boosts);
      kernels.scoreEverything(0, at.x, at.history, at.weights, place(vector, entriesOf, from, to), at.all);
      const byPlace = floats(at.all, rows);
      return Float64Array.from({ length: count }, (_, item) => byPlace[placeOf[item]!]!);
    },
  };
}
