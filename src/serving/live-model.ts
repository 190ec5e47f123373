/** The model that answers: one immutable thing, made from a snapshot's two parts. A new version replaces it whole, by changing one reference. */
import { type FoldIn, createFoldIn } from '../model/fold-in.ts';
import { type HistoryEntries, type HybridScan, createHybridScanInPieces, weighHistory } from '../model/hybrid.ts';
import { type IdIndex, createIdIndex } from '../model/id-index.ts';
import { type EventTypeRule } from '../model/interactions.ts';
import { type Factors, createFactors } from '../model/matrix.ts';
import type { Neighbours } from '../model/neighbours.ts';
import { type InPieces, overRanges } from '../model/pieces.ts';
import type { Recipe } from '../model/recipe.ts';
import { type SpanUsers, measureSimilarSpan, measureSpans } from '../model/span.ts';
import { rowsOfUsers } from '../model/without-users.ts';
import { partsOfMean } from '../model/popularity.ts';
import { liftsOf } from '../model/rerank.ts';
import { SnapshotDamaged } from '../model/snapshot-damaged.ts';
import { type ItemSide, type UserSide, decodeItemSideInPieces, decodeUserSideInPieces } from '../model/snapshot.ts';

export interface LiveModel {
  readonly version: number;
  /** Events of transactions at or above this may be missing in the model. */
  readonly watermark: string;
  readonly systemIdentifier: string;
  readonly rules: readonly EventTypeRule[];
  /** Ages count from here. */
  readonly newestMs: number;
  /** Item index → number (ascending) and id. */
  readonly itemNos: Int32Array;
  readonly itemIds: readonly string[];
  readonly itemIndexById: IdIndex;
  /** Ranks by the hybrid score, which is the factors' alone where the version has no terms. */
  readonly scan: HybridScan;
  /** Days after which an entry of a history counts half in the neighbourhood. */
  readonly halfLifeDays: number;
  /** What was in the same baskets; null: the version knows no baskets. */
  readonly together: Neighbours | null;
  readonly foldIn: FoldIn;
  /** By item, in parts of the mean: what shoppers did with it, each one's weighed and saturated (model/popularity.ts). */
  readonly popularity: Float32Array;
  /** What popularity's discount multiplies by, by item (model/rerank.ts). */
  readonly lifts: Float32Array;
  readonly recipe: Recipe;
  readonly weightScale: number;
  /** Numbers in a vector. */
  readonly stride: number;
  /** Ascending; user row → number. */
  readonly userNos: Int32Array;
  /** User id → row of `userFactors` and `history`. */
  readonly userRowById: Map<string, number>;
  readonly userFactors: Factors;
  /** Row r has entries rowStart[r] … rowStart[r + 1] − 1 of `history`. */
  readonly rowStart: Int32Array;
  readonly history: HistoryEntries;
  /** What a fold-in needs of each entry of `history`: weight and target as `foldEvents` made them. */
  readonly foldWeight: Float32Array;
  readonly foldTarget: Float32Array;
  /** Number of the event type that adds most to an entry; 0: not known. */
  readonly mainType: Int16Array;
  /** Spans of shoppers' lists in spreads of their scores, and of lists of similar items (model/span.ts). */
  readonly spansPerSpread: number;
  readonly similarSpan: number;
}

/** Longest list an answer is made from: a pool to choose from for more variety, and pages. */
export const MAX_RANKED = 1600;
/** In steps of a simple loop: a power of two, and an entry of a Map. */
const DECAY_COST = 16;
const MAP_COST = 128;
const MAX_SESSIONS = 64;

/**
 * In pieces, because answers go on meanwhile.
 *
 * @param itemPart in a buffer of its own, which is given back where the model has copies of all that it needs
 * @param userPart null: an older version made live again has its item side alone, and everybody is folded in from their events
 * @throws SnapshotDamaged where the bytes are no snapshot, and where both parts are not of one model
 */
export function* createLiveModel(facts: { version: number; watermark: string; systemIdentifier: string }, itemPart: Uint8Array, userPart: Uint8Array | null): InPieces<LiveModel> {
  const items = yield* decodeItemSideInPieces(itemPart);
  const users = userPart === null ? nobody(items) : yield* decodeUserSideInPieces(userPart);
  yield* checkFit(items, users);
  const { halfLifeDays } = items.terms;
  const scan = yield* createHybridScanInPieces(items.factors, items.hybrid, MAX_RANKED);
  const weight = new Float32Array(users.history.weight.length);
  yield* overRanges(weight.length, DECAY_COST, (from, to) => {
    const [own, target, lastMs] = [users.history.weight.subarray(from, to), users.history.target.subarray(from, to), users.history.lastMs.subarray(from, to)];
    weight.set(weighHistory({ weight: own, target, lastMs }, items.newestMs, halfLifeDays), from);
  });
  const userRowById = new Map<string, number>();
  yield* overRanges(users.userIds.length, MAP_COST, (from, to) => {
    for (let row = from; row < to; row++) {
      userRowById.set(users.userIds[row], row);
    }
  });
  // Copies: whatever is left of the item part's bytes would keep all of them, and the scan has its own.
  const itemNos = items.itemNos.slice();
  const together = items.together && copyOf(items.together);
  const popularity = partsOfMean(items.popularity);
  const lifts = liftsOf(popularity);
  const ownFoldIn = scan.createFoldIn(items.recipe, items.weightScale);
  if (ownFoldIn !== null) {
    giveBack(itemPart);
  }
  const foldIn = ownFoldIn ?? createFoldIn(items.factors, items.recipe, items.weightScale);
  const history: HistoryEntries = { index: users.history.itemIndex, weight, hidden: users.history.hidden };
  const { stride } = items.factors;
  const { rowStart } = users.history;
  const measured: SpanUsers = users.userIds.length === 0 ? shortSessions(foldIn, itemNos.length, stride) : { rows: users.userIds.length, rowStart, history, vectorOf: (row) => users.factors.data.subarray(row * stride, (row + 1) * stride) };
  return {
    ...facts,
    rules: items.rules,
    newestMs: items.newestMs,
    itemNos,
    together,
    itemIds: items.itemIds,
    itemIndexById: yield* createIdIndex(items.itemIds),
    scan,
    halfLifeDays,
    recipe: items.recipe,
    weightScale: items.weightScale,
    foldIn,
    popularity,
    lifts,
    stride,
    userNos: users.userNos,
    userRowById,
    userFactors: users.factors,
    rowStart,
    history,
    foldWeight: users.history.weight,
    foldTarget: users.history.target,
    mainType: users.history.mainType,
    spansPerSpread: yield* measureSpans(scan, measured),
    similarSpan: yield* measureSimilarSpan(scan, itemNos.length),
  };
}

/** In place of shoppers where there are none: some who met one item each. */
function shortSessions(foldIn: FoldIn, items: number, stride: number): SpanUsers {
  const rows = Math.min(items, MAX_SESSIONS);
  const index = Int32Array.from({ length: rows }, (_, n) => Math.floor((n * items) / rows));
  const vector = new Float32Array(stride);
  return {
    rows,
    rowStart: Int32Array.from({ length: rows + 1 }, (_, n) => n),
    history: { index, weight: new Float32Array(rows).fill(1), hidden: new Uint8Array(rows).fill(1) },
    vectorOf(row) {
      foldIn.solve([index[row]], [1], [1], 1, vector);
      return vector;
    },
  };
}

/** Detaches a buffer, so that the next small garbage collection frees it: a full one, which the old buffer would wait for, may be an hour away. */
function giveBack({ buffer }: Uint8Array): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

function copyOf({ items, rowStart, index, similarity }: Neighbours): Neighbours {
  return { items, rowStart: rowStart.slice(), index: index.slice(), similarity: similarity.slice() };
}

function nobody({ factors }: ItemSide): UserSide {
  const none = new Float32Array(0);
  return {
    userNos: new Int32Array(0), userIds: [], factors: createFactors(0, factors.factors),
    history: { rowStart: new Int32Array(1), itemIndex: new Int32Array(0), weight: none, target: none, lastMs: new Float64Array(0), hidden: new Uint8Array(0), mainType: new Int16Array(0) },
  };
}

/** What no part can see by itself: vectors of one length, histories of items that exist, and numbers that can be ranked by. */
function* checkFit(items: ItemSide, users: UserSide): InPieces<void> {
  if (users.factors.stride !== items.factors.stride) {
    throw new SnapshotDamaged(`its users' vectors have ${users.factors.stride} numbers and its items' ${items.factors.stride}`);
  }
  const rows = items.itemNos.length;
  const { itemIndex } = users.history;
  yield* overRanges(itemIndex.length, 1, (from, to) => {
    for (let e = from; e < to; e++) {
      if (!(itemIndex[e] >= 0 && itemIndex[e] < rows)) {
        throw new SnapshotDamaged('a history names an item that does not exist');
      }
    }
  });
  const { neighbours, recentPopularity } = items.hybrid;
  for (const numbers of [items.factors.data, users.factors.data, neighbours?.similarity, recentPopularity, items.popularity]) {
    if (numbers) {
      yield* overRanges(numbers.length, 1, (from, to) => checkFinite(numbers, from, to));
    }
  }
}

function checkFinite(numbers: Float32Array, from: number, to: number): void {
  // A sum is finite only where all are, unless they outgrow a double together. Four, because each addition would wait for the one before.
  let [a, b, c, d] = [0, 0, 0, 0];
  let k = from;
  for (; k + 3 < to; k += 4) {
    a += numbers[k];
    b += numbers[k + 1];
    c += numbers[k + 2];
    d += numbers[k + 3];
  }
  for (; k < to; k++) {
    a += numbers[k];
  }
  if (!Number.isFinite(a + b + c + d)) {
    throw new SnapshotDamaged('it holds numbers that are not finite');
  }
}

/** Drops users who left: nothing of them stays in this process's memory. @returns how many the model knew */
export function forgetUsers(model: LiveModel, goneNos: Int32Array): number {
  const rows = new Set(rowsOfUsers(model.userNos, goneNos));
  if (rows.size === 0) {
    return 0;
  }
  let known = 0;
  for (const [id, row] of model.userRowById) {
    if (rows.has(row)) {
      model.userRowById.delete(id);
      known++;
    }
  }
  for (const row of rows) {
    model.userFactors.data.fill(0, row * model.stride, (row + 1) * model.stride);
    const [from, to] = [model.rowStart[row], model.rowStart[row + 1]];
    model.history.index.fill(0, from, to);
    model.history.weight.fill(0, from, to);
    model.history.hidden.fill(0, from, to);
    model.foldWeight.fill(0, from, to);
    model.foldTarget.fill(0, from, to);
    model.mainType.fill(0, from, to);
  }
  return known;
}
