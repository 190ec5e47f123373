/** "Similar items": cosine between item factors, exact over the whole catalogue. Items without a direction (norm 0) are never returned. */
import { createFactors, type Factors } from './matrix.ts';
import { createScanIndex, type ScanIndex, scanTopN, type TopN } from './top-n.ts';

export interface SimilarIndex {
  /** Every row scaled to length 1; rows of norm 0 stay 0. */
  normalized: Factors;
  scan: ScanIndex;
  /** Marks of one call, cleared at its end. */
  marks: Uint8Array;
  mean: Float64Array;
}

export function createSimilarIndex(items: Factors): SimilarIndex {
  const { rows, stride, data } = items;
  const normalized = createFactors(rows, items.factors);
  for (let i = 0; i < rows; i++) {
    const base = i * stride;
    let sum = 0;
    for (let k = 0; k < stride; k++) sum += data[base + k]! ** 2;
    if (sum === 0) continue;
    const scale = 1 / Math.sqrt(sum);
    for (let k = 0; k < stride; k++) normalized.data[base + k] = data[base + k]! * scale;
  }
  return { normalized, scan: createScanIndex(normalized, true), marks: new Uint8Array(rows), mean: new Float64Array(stride) };
}

/**
 * The items nearest to the mean direction of the given ones, which are left out themselves, as is what `skip` marks. Scores are cosines. Nothing comes
 * back where none of the given items has a direction, or where their directions cancel out.
 */
export function findSimilar(index: SimilarIndex, itemIndexes: ArrayLike<number>, limit: number, skip: Uint8Array | null, out: TopN): TopN {
  const { normalized, scan, marks, mean } = index;
  const { stride, data } = normalized;
  mean.fill(0);
  for (let n = 0; n < itemIndexes.length; n++) {
    const base = itemIndexes[n]! * stride;
    for (let k = 0; k < stride; k++) mean[k]! += data[base + k]!;
  }
  let sum = 0;
  for (let k = 0; k < stride; k++) sum += mean[k]! * mean[k]!;
  out.count = 0;
  if (sum === 0) return out;
  const scale = 1 / Math.sqrt(sum);
  for (let k = 0; k < stride; k++) mean[k]! *= scale;

  if (skip !== null) marks.set(skip);
  for (let n = 0; n < itemIndexes.length; n++) marks[itemIndexes[n]!] = 1;
  scanTopN(scan, mean, limit, marks, out);
  if (skip !== null) marks.fill(0);
  else for (let n = 0; n < itemIndexes.length; n++) marks[itemIndexes[n]!] = 0;
  return out;
}
