/** The model that answers: one immutable thing, made from a snapshot's two parts. A new version replaces it whole, by changing one reference. */
import { type FoldIn, createFoldIn } from '../model/fold-in.ts';
import { type EventTypeRule } from '../model/interactions.ts';
import { type Factors, createFactors } from '../model/matrix.ts';
import { type SimilarIndex, createSimilarIndex } from '../model/similar.ts';
import { type UserHistory, type UserSide, decodeItemSide, decodeUserSide } from '../model/snapshot.ts';
import { type ScanIndex, createScanIndex } from '../model/top-n.ts';

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
  readonly itemIndexById: ReadonlyMap<string, number>;
  readonly scan: ScanIndex;
  readonly similar: SimilarIndex;
  readonly foldIn: FoldIn;
  /** Numbers in a vector. */
  readonly stride: number;
  /** User id → row of `userFactors` and `history`. */
  readonly userRowById: ReadonlyMap<string, number>;
  readonly userFactors: Factors;
  readonly history: UserHistory;
}

/**
 * @param userPart null for a version that went live again: it knows no user, and all are to be folded in from their events
 * @throws SnapshotDamaged where the bytes are no snapshot
 */
export function createLiveModel(facts: { version: number; watermark: string; systemIdentifier: string }, itemPart: Uint8Array, userPart: Uint8Array | null): LiveModel {
  const items = decodeItemSide(itemPart);
  const users = userPart === null ? noUsers(items.factors.factors) : decodeUserSide(userPart);
  return {
    ...facts,
    rules: items.rules,
    newestMs: items.newestMs,
    itemNos: items.itemNos,
    itemIds: items.itemIds,
    itemIndexById: new Map(items.itemIds.map((id, index) => [id, index])),
    scan: createScanIndex(items.factors),
    similar: createSimilarIndex(items.factors),
    foldIn: createFoldIn(items.factors, items.recipe, items.weightScale),
    stride: items.factors.stride,
    userRowById: new Map(users.userIds.map((id, row) => [id, row])),
    userFactors: users.factors,
    history: users.history,
  };
}

function noUsers(factors: number): UserSide {
  const history: UserHistory = { rowStart: new Int32Array(1), itemIndex: new Int32Array(0), weight: new Float32Array(0), target: new Float32Array(0), lastMs: new Float64Array(0), hidden: new Uint8Array(0) };
  return { userNos: new Int32Array(0), userIds: [], factors: createFactors(0, factors), history };
}
