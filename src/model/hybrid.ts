/**
 * The hybrid score of item i for user u:
 *
 *   x_u · y_i  +  w (σ_f / σ_n) Σ_{j ∈ history} h_j S_ji  +  p (σ_f / σ_p) r_i,     h_j = 2^(−age_j / half-life)
 *
 * S are the lists of `neighbours.ts`, r recent popularity. σ_f, σ_n, σ_p are the spreads (standard deviations over users and items) of the three terms, so that w
 * and p mean the same in every shop: with w = 1 the neighbourhood has as much say as the factors. Both are computed once a model; what a user's answer needs
 * are the two products, `scales`.
 *
 * The ranking is exact and does not score the catalogue (`ranker.ts`). Training measures and serving answers by the same function, so what was measured is what is served.
 */
import type { FoldIn } from './fold-in.ts';
import type { Recipe } from './recipe.ts';
import { decay } from './interactions.ts';
import { canRunWasm } from './kernels/create.ts';
import type { ScoreMoments } from './gram.ts';
import type { Factors, ItemVectors } from './matrix.ts';
import type { Ranker } from './metrics.ts';
import { addNeighbours, type Neighbours } from './neighbours.ts';
import { atOnce, type InPieces } from './pieces.ts';
import { createPlainScan } from './plain-scan.ts';
import { createRankerInPieces } from './ranker.ts';
import { createTopN, offerTopN, scanSlots, scoreItem, sortTopN, type TopN } from './top-n.ts';

/** Users' histories by row: items and h_j, 0 ≤ h_j ≤ 1; 0 = an item that the user has and that speaks for nothing. */
export interface Histories {
  rowStart: Int32Array;
  /** Ascending within a row. */
  index: Int32Array;
  weight: Float32Array;
}

/** 0 leaves a term out. */
export interface TermWeights {
  /** w */
  neighbours: number;
  /** p */
  recency: number;
}

/** What the terms are multiplied by: w σ_f / σ_n and p σ_f / σ_p. */
export type TermScales = TermWeights;

export interface HybridTerms {
  neighbours: Neighbours | null;
  /** One score per item, from 0; null where nothing has a time. */
  recentPopularity: Float32Array | null;
  scales: TermScales;
}

const dayMs = 86_400_000;

/**
 * h_j = 2^(−age / half-life) · target of every entry, which is what an entry of a history weighs in the neighbourhood: 0 where it is kept only to be hidden (weight 0) and where it speaks
 * against the item (target 0). Age counts from `newestMs`, younger entries have age 0; `halfLifeDays` 0: nothing fades.
 */
export function weighHistory({ weight, target, lastMs }: { weight: Float32Array; target: Float32Array; lastMs: Float64Array }, newestMs: number, halfLifeDays: number): Float32Array {
  const weighed = new Float32Array(weight.length);
  for (let e = 0; e < weighed.length; e++) {
    if (!(weight[e]! > 0)) continue;
    const ageDays = Math.max(0, newestMs - lastMs[e]!) / dayMs;
    weighed[e] = decay(ageDays, halfLifeDays > 0 ? halfLifeDays : null) * target[e]!;
  }
  return weighed;
}

/** Users the neighbourhood's spread is measured on. */
const sampleUsers = 1000;

/** A term without spread, or without data, has scale 0: it says nothing. */
export function scaleTerms(users: Factors, items: Factors, histories: Histories, neighbours: Neighbours | null, recentPopularity: Float32Array | null, weights: TermWeights): TermScales {
  return scalesOf(spreadOfProducts(users, items), histories, neighbours, recentPopularity, weights);
}

/** The same where σ_f is known. */
export function scalesOf(spread: number, histories: Histories, neighbours: Neighbours | null, recentPopularity: Float32Array | null, weights: TermWeights): TermScales {
  const share = (weight: number, own: number) => (weight > 0 && own > 0 ? (weight * spread) / own : 0);
  return {
    neighbours: neighbours === null ? 0 : share(weights.neighbours, weights.neighbours > 0 ? spreadOfNeighbours(neighbours, histories) : 0),
    recency: recentPopularity === null ? 0 : share(weights.recency, spreadOf(recentPopularity)),
  };
}

/** Standard deviation of x·y over all pairs: Σ (x·y)² = tr(XᵀX · YᵀY) and Σ x·y = Σx · Σy, so no pair is visited. */
export function spreadOfProducts(users: Factors, items: Factors): number {
  const { stride } = items;
  const [gramX, sumX] = momentsOf(users);
  const [gramY, sumY] = momentsOf(items);
  let squares = 0;
  for (let k = 0; k < stride * stride; k++) squares += gramX[k]! * gramY[k]!;
  let sum = 0;
  for (let k = 0; k < stride; k++) sum += sumX[k]! * sumY[k]!;
  const pairs = users.rows * items.rows;
  return Math.sqrt(Math.max(0, squares / pairs - (sum / pairs) ** 2));
}

function momentsOf({ rows, stride, data }: Factors): [Float64Array, Float64Array] {
  const gram = new Float64Array(stride * stride);
  const sum = new Float64Array(stride);
  for (let row = 0; row < rows; row++) {
    const base = row * stride;
    for (let a = 0; a < stride; a++) {
      const value = data[base + a]!;
      sum[a]! += value;
      if (value !== 0) for (let b = 0; b < stride; b++) gram[a * stride + b]! += value * data[base + b]!;
    }
  }
  return [gram, sum];
}

/** Standard deviation of Σ h_j S_ji over all items of at most a thousand users, every n-th of them. */
function spreadOfNeighbours(neighbours: Neighbours, histories: Histories): number {
  const users = histories.rowStart.length - 1;
  const sums = new Float64Array(neighbours.items);
  const touched = new Int32Array(neighbours.items);
  const taken = Math.min(users, sampleUsers);
  let sum = 0;
  let squares = 0;
  for (let n = 0; n < taken; n++) {
    const user = Math.floor((n * users) / taken);
    const count = addNeighbours(neighbours, histories, user, sums, touched);
    for (let k = 0; k < count; k++) {
      const value = sums[touched[k]!]!;
      sum += value;
      squares += value * value;
      sums[touched[k]!] = 0;
    }
  }
  const pairs = taken * neighbours.items;
  return Math.sqrt(Math.max(0, squares / pairs - (sum / pairs) ** 2));
}

function spreadOf(values: Float32Array): number {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! * values[i]!;
  }
  return Math.sqrt(Math.max(0, squares / values.length - (sum / values.length) ** 2));
}

/** What a user's answer is made from besides their vector: entries of several users, or of one. */
export interface HistoryEntries extends Pick<Histories, 'index' | 'weight'> {
  /** 1: the item is left out of the answer. */
  hidden: Uint8Array;
}

/** Amount, of either sign, that is added to the score of every item marked in a slot. */
export interface Boost {
  readonly slot: number;
  readonly amount: number;
}

export interface RankQuery {
  readonly vector: ArrayLike<number>;
  /** Entries `from` … `to` − 1 are the user's. */
  readonly history: HistoryEntries;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  /** The slot of what is left out. */
  readonly mask: number;
  /** What the history hides is answered too. */
  readonly includeHidden?: boolean;
  /** Item indexes that are left out besides. */
  readonly without?: ArrayLike<number>;
  readonly boosts?: readonly Boost[];
}

/** What a score is the sum of, boosts aside. */
export interface ScoreParts {
  readonly factors: number;
  readonly neighbours: number;
  readonly recency: number;
}

/** Ranks by the hybrid score. One call at a time, and an answer is the scan's own, good until the next one. Ties go to the smaller index. */
export interface HybridScan {
  /** How many slots of marks there are, numbered from 0. */
  readonly masks: number;
  /** Marks by item index, 0 or 1: what a mask leaves out, or what a boost is for. All slots begin empty, and an empty slot takes no memory. */
  setMask(slot: number, marks: Uint8Array): void;
  /**
   * The best items by hybrid score and boosts, best first, without hidden ones and those of the mask.
   *
   * @throws RangeError for a limit above what the scan was made for, a slot there is not and an amount that is not finite
   */
  rank(query: RankQuery): TopN;
  /** The best items by cosine x·y / ‖y‖ (‖x‖ being 1) and boosts, without those of the mask and `without`. What has no direction is never an answer. Throws as `rank` does. */
  rankSimilar(x: ArrayLike<number>, limit: number, mask: number, without: ArrayLike<number>, boosts?: readonly Boost[]): TopN;
  /** An item's factors, `stride` numbers: the scan's own. */
  vectorOf(item: number): Float32Array;
  /** All of them, where they lie. */
  readonly vectors: ItemVectors;
  /** Sums over all items' vectors, of `vectors.stride` numbers. */
  moments(): ScoreMoments;
  /** Standard deviation of x·y over all items: the unit that boosts are given in. */
  spread(x: ArrayLike<number>): number;
  /** What one item's score is made of. */
  partsOf(x: ArrayLike<number>, history: HistoryEntries, from: number, to: number, item: number): ScoreParts;
  /** What entries `from` … `to` − 1 of a history each add to the neighbours' part of the scores of some items, no two the same: that of the k-th item and entry e into out[k · (to − from) + e − from]. */
  neighbourShares(history: HistoryEntries, from: number, to: number, items: ArrayLike<number>, out: Float64Array): void;
  /** By item j, what a history entry of weight 1 on j adds to this item's score; null: the scan has no neighbours. */
  similarTo(item: number): Float32Array | null;
  /** Fold-in against the scan's own copy of the items, by the kernel that fits; null where that cannot be (no WebAssembly, or factors along other axes than their principal ones). */
  createFoldIn(recipe: Recipe, weightScale: number): FoldIn | null;
  /** Every item's score by the same arithmetic, hidden or not, by index. */
  scoreAll(x: ArrayLike<number>, history: HistoryEntries, from: number, to: number, boosts?: readonly Boost[]): Float64Array;
}

/** @throws RangeError for a slot there is not */
export function checkSlot(slot: number): void {
  if (!(Number.isInteger(slot) && slot >= 0 && slot < scanSlots)) throw new RangeError(`slots are numbered from 0 to ${scanSlots - 1}, and ${slot} is none`);
}

/** @throws RangeError for a slot there is not and for an amount that is not finite */
export function checkBoosts(boosts: readonly Boost[] | undefined): void {
  if (boosts === undefined) return;
  for (const { slot, amount } of boosts) {
    checkSlot(slot);
    if (!Number.isFinite(amount)) throw new RangeError(`a boost must be a finite number, not ${amount}`);
  }
}

/** By the WebAssembly kernel where it can run. */
export function createHybridScan(items: Factors, terms: HybridTerms, maxLimit: number): HybridScan {
  return atOnce(createHybridScanInPieces(items, terms, maxLimit));
}

export function* createHybridScanInPieces(items: Factors, terms: HybridTerms, maxLimit: number): InPieces<HybridScan> {
  return canRunWasm() ? yield* createRankerInPieces(items, terms, maxLimit) : createPlainScan(items, terms, maxLimit);
}

/** Ranks by the hybrid score, without a user's own items: those of their history. `users` has a row per row of the histories. */
export function rankByHybrid(users: Factors, items: Factors, histories: Histories, terms: HybridTerms, maxLimit: number): Ranker {
  const scan = createHybridScan(items, terms, maxLimit);
  const { rowStart, index, weight } = histories;
  const entries: HistoryEntries = { index, weight, hidden: new Uint8Array(index.length).fill(1) };
  return (userRow, out) => {
    const vector = users.data.subarray(userRow * users.stride, (userRow + 1) * users.stride);
    const best = scan.rank({ vector, history: entries, from: rowStart[userRow]!, to: rowStart[userRow + 1]!, limit: Math.min(out.length, maxLimit), mask: 0 });
    for (let n = 0; n < best.count; n++) out[n] = best.items[n]!;
    return best.count;
  };
}

/** Some users' factor scores, kept so that many combinations of terms can be ranked without multiplying again. */
export interface ScoredUsers {
  /** Ranks `userRows` only, without their own items. One ranker at a time. */
  ranker(terms: HybridTerms): Ranker;
}

/** @param userRows ascending; userRows × items float32 of memory */
export function createScoredUsers(users: Factors, items: Factors, histories: Histories, userRows: Int32Array, maxLimit: number): ScoredUsers {
  const { rows, stride } = items;
  const scores = new Float32Array(userRows.length * rows);
  const place = new Map<number, number>();
  const x = new Float64Array(stride);
  for (let n = 0; n < userRows.length; n++) {
    const user = userRows[n]!;
    place.set(user, n);
    for (let k = 0; k < stride; k++) x[k] = users.data[user * users.stride + k]!;
    for (let i = 0; i < rows; i++) scores[n * rows + i] = scoreItem(items, x, i);
    for (let e = histories.rowStart[user]!; e < histories.rowStart[user + 1]!; e++) scores[n * rows + histories.index[e]!] = -Infinity;
  }
  const sums = new Float64Array(rows);
  const touched = new Int32Array(rows);
  const best = createTopN(maxLimit);
  return {
    ranker({ neighbours, recentPopularity, scales }) {
      const recent = new Float64Array(rows);
      if (recentPopularity !== null) for (let i = 0; i < rows; i++) recent[i] = scales.recency * recentPopularity[i]!;
      return (userRow, out) => {
        const limit = Math.min(out.length, maxLimit);
        const base = place.get(userRow)! * rows;
        const count = neighbours !== null && scales.neighbours > 0 ? addNeighbours(neighbours, histories, userRow, sums, touched) : 0;
        best.count = 0;
        for (let i = 0; i < rows; i++) {
          const score = scores[base + i]! + recent[i]! + scales.neighbours * sums[i]!;
          if (score > -Infinity && (best.count < limit || score > best.scores[0]!)) offerTopN(best, limit, score, i);
        }
        for (let n = 0; n < count; n++) sums[touched[n]!] = 0;
        sortTopN(best);
        for (let n = 0; n < best.count; n++) out[n] = best.items[n]!;
        return best.count;
      };
    },
  };
}
