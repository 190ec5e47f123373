/** "Similar items": cosine between item factors, exact over the whole catalogue, by the scan that ranks for users. Items without a direction (norm 0) are never returned. */
import type { Boost, HybridScan } from './hybrid.ts';
import type { TopN } from './top-n.ts';

/** The mean direction of some items, length 1: the sum of their unit vectors, scaled. null where none of them has a direction, or where their directions cancel out. */
export function directionOf(scan: HybridScan, itemIndexes: ArrayLike<number>): Float64Array | null {
  let direction = new Float64Array(0);
  for (let n = 0; n < itemIndexes.length; n++) {
    const vector = scan.vectorOf(itemIndexes[n]!);
    if (n === 0) direction = new Float64Array(vector.length);
    const length = lengthOf(vector);
    if (length > 0) for (let k = 0; k < vector.length; k++) direction[k]! += vector[k]! / length;
  }
  const length = lengthOf(direction);
  // Unit vectors in float64 that cancel out leave rounding errors behind, and those point nowhere.
  if (!(length > 1e-9)) return null;
  for (let k = 0; k < direction.length; k++) direction[k]! /= length;
  return direction;
}

/** The items nearest to the mean direction of the given ones, which are left out themselves, as is what `mask` marks. Scores are cosines, and boosts. */
export function findSimilar(scan: HybridScan, itemIndexes: ArrayLike<number>, limit: number, mask: number, boosts?: readonly Boost[]): TopN | null {
  const direction = directionOf(scan, itemIndexes);
  return direction === null ? null : scan.rankSimilar(direction, limit, mask, itemIndexes, boosts);
}

function lengthOf(vector: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < vector.length; k++) sum += vector[k]! * vector[k]!;
  return Math.sqrt(sum);
}
