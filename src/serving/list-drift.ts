/**
 * What changes for shoppers when a version goes live: lists of the one before and of the new one, of the same shoppers, side by side. Both are in memory at that moment, and in no other.
 *
 * Lists are ranked as an answer's are, from the vectors and histories that the versions were trained with, without what was explored, pinned or boosted. Answers go on meanwhile.
 */
import { overlapAt, rankBiasedOverlap } from '../model/list-overlap.ts';
import type { InPieces } from '../model/pieces.ts';
import { withPauses } from './following.ts';
import type { LiveModel } from './live-model.ts';

export interface ListDrift {
  readonly fromVersion: number;
  readonly toVersion: number;
  /** Shoppers whose lists were compared: those that both versions know, up to `SAMPLE`. */
  readonly shoppers: number;
  /** Mean share of the first 20 that both have. */
  readonly overlap: number;
  /** Mean rank-biased overlap of the first 20. */
  readonly rankBiasedOverlap: number;
  /** Different items in these lists. */
  readonly itemsBefore: number;
  readonly itemsAfter: number;
}

export interface ListDriftWatch {
  compare(before: LiveModel, after: LiveModel): void;
  /** Of the newest version that went live in this process; null: none has taken another's place, or they know no shopper in common. */
  latest(): ListDrift | null;
}

const LENGTH = 20;
const SAMPLE = 200;

/** Rows of users that both know, evenly spaced. Numbers ascend in both. */
function sampleRows(before: LiveModel, after: LiveModel): [number, number][] {
  const both: [number, number][] = [];
  for (let a = 0, b = 0; a < before.userNos.length && b < after.userNos.length; ) {
    const difference = before.userNos[a] - after.userNos[b];
    if (difference === 0) {
      both.push([a++, b++]);
    } else if (difference < 0) {
      a++;
    } else {
      b++;
    }
  }
  const step = Math.max(1, both.length / SAMPLE);
  return Array.from({ length: Math.min(SAMPLE, both.length) }, (_, n) => both[Math.floor(n * step)]);
}

/** Numbers of the items of a user's list. */
function listOf(model: LiveModel, row: number, mask: number): number[] {
  const { scan, userFactors, stride, history, rowStart, itemNos } = model;
  const found = scan.rank({ vector: userFactors.data.subarray(row * stride, (row + 1) * stride), history, from: rowStart[row], to: rowStart[row + 1], limit: LENGTH, mask });
  return Array.from({ length: found.count }, (_, n) => itemNos[found.items[n]]);
}

function* compareInPieces(before: LiveModel, after: LiveModel, slotFor: (model: LiveModel) => number): InPieces<ListDrift | null> {
  const rows = sampleRows(before, after);
  yield;
  const [itemsBefore, itemsAfter] = [new Set<number>(), new Set<number>()];
  let [overlap, biased] = [0, 0];
  for (const [rowBefore, rowAfter] of rows) {
    const listBefore = listOf(before, rowBefore, slotFor(before));
    const listAfter = listOf(after, rowAfter, slotFor(after));
    overlap += overlapAt(listBefore, listAfter, LENGTH);
    biased += rankBiasedOverlap(listBefore, listAfter, LENGTH);
    listBefore.forEach((item) => itemsBefore.add(item));
    listAfter.forEach((item) => itemsAfter.add(item));
    yield;
  }
  const shoppers = rows.length;
  return shoppers === 0 ? null : { fromVersion: before.version, toVersion: after.version, shoppers, overlap: overlap / shoppers, rankBiasedOverlap: biased / shoppers, itemsBefore: itemsBefore.size, itemsAfter: itemsAfter.size };
}

/** @param slotFor the slot of what may not be answered now, good until the process next waits */
export function createListDriftWatch(slotFor: (model: LiveModel) => number, log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void): ListDriftWatch {
  let latest: ListDrift | null = null;
  return {
    latest: () => latest,
    compare(before, after) {
      void withPauses(compareInPieces(before, after, slotFor)).then(
        (drift) => {
          latest = drift;
          if (drift !== null) {
            log('lists of two versions compared', { ...drift });
          }
        },
        (error: unknown) => log('lists of two versions could not be compared', { reason: String(error) }, true),
      );
    },
  };
}
