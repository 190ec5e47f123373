/** How alike two lists are: how much of them is the same, and how much of what stands at their heads. */

/** |A ∩ B| / k of the first k of each, 0–1; of lists that are both shorter, against the longer one. 1 where both are empty. */
export function overlapAt(a: ArrayLike<number>, b: ArrayLike<number>, k: number): number {
  const longest = Math.min(k, Math.max(a.length, b.length));
  if (longest === 0) return 1;
  const first = new Set(Array.from({ length: Math.min(k, a.length) }, (_, n) => a[n]!));
  let common = 0;
  for (let n = 0; n < Math.min(k, b.length); n++) if (first.has(b[n]!)) common++;
  return common / longest;
}

/**
 * Rank-biased overlap of the first k of two lists, in which places count p times as much as those before them (Webber, Moffat and Zobel, A similarity measure for indefinite rankings, 2010), as a part of what k
 * places can give, so that equal lists have 1:
 *
 *   RBO = Σ_{d=1..k} p^(d−1) · |A_d ∩ B_d| / d  /  Σ_{d=1..k} p^(d−1)
 *
 * @param p 0 < p < 1; with 0.9 the first ten places have 86 % of the weight
 */
export function rankBiasedOverlap(a: ArrayLike<number>, b: ArrayLike<number>, k: number, p = 0.9): number {
  const depth = Math.min(k, Math.max(a.length, b.length));
  if (depth === 0) return 1;
  const [inA, inB] = [new Set<number>(), new Set<number>()];
  let common = 0;
  let [sum, whole] = [0, 0];
  for (let d = 0, weight = 1; d < depth; d++, weight *= p) {
    if (d < a.length) {
      inA.add(a[d]!);
      if (inB.has(a[d]!)) common++;
    }
    if (d < b.length) {
      inB.add(b[d]!);
      if (inA.has(b[d]!)) common++;
    }
    sum += (weight * common) / (d + 1);
    whole += weight;
  }
  return sum / whole;
}
