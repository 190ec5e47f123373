/**
 * Click-through rates with 95 % intervals. A list is what is drawn: its clicks belong together, so the spread is that between lists, not between places.
 *
 *   CTR = Σ clicks / (lists · length)                        interval: mean clicks a list ± 1.96 · s / √lists
 *   ratio of two arms, of the same visits                    on a log scale, by the delta method: s² = (s_a²/ā² + s_b²/b̄² − 2 s_ab/(ā b̄)) / lists
 */
export interface Rate {
  readonly clicks: number;
  readonly ctr: number;
  readonly low: number;
  readonly high: number;
}

export interface Ratio {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

export interface ClickRates<Arm extends string> {
  /** Clicks on one visit's list, arm by arm. */
  add(clicks: Readonly<Record<Arm, number>>): void;
  lists(): number;
  rateOf(arm: Arm): Rate;
  /** null where one of them has no click, or there are fewer than two lists. */
  ratioOf(above: Arm, below: Arm): Ratio | null;
}

const Z = 1.96;

/** @param length items of a list */
export function createClickRates<Arm extends string>(arms: readonly Arm[], length: number): ClickRates<Arm> {
  const index = new Map(arms.map((arm, k) => [arm, k]));
  let lists = 0;
  const sums = new Float64Array(arms.length);
  /** arms × arms */
  const products = new Float64Array(arms.length * arms.length);
  const covariance = (a: number, b: number) => (lists < 2 ? 0 : (products[a * arms.length + b] - (sums[a] * sums[b]) / lists) / (lists - 1));
  return {
    add(clicks) {
      lists++;
      for (const [a, arm] of arms.entries()) {
        sums[a] += clicks[arm];
        for (const [b, other] of arms.entries()) products[a * arms.length + b] += clicks[arm] * clicks[other];
      }
    },
    lists: () => lists,
    rateOf(arm) {
      const a = index.get(arm)!;
      const clicks = sums[a];
      if (lists === 0) return { clicks, ctr: 0, low: 0, high: 0 };
      const ctr = clicks / (lists * length);
      const half = (Z * Math.sqrt(covariance(a, a) / lists)) / length;
      return { clicks, ctr, low: Math.max(0, ctr - half), high: ctr + half };
    },
    ratioOf(above, below) {
      const [a, b] = [index.get(above)!, index.get(below)!];
      if (lists < 2 || sums[a] === 0 || sums[b] === 0) return null;
      const [meanA, meanB] = [sums[a] / lists, sums[b] / lists];
      const variance = (covariance(a, a) / meanA ** 2 + covariance(b, b) / meanB ** 2 - (2 * covariance(a, b)) / (meanA * meanB)) / lists;
      const factor = Math.exp(Z * Math.sqrt(Math.max(0, variance)));
      return { ratio: meanA / meanB, low: meanA / meanB / factor, high: (meanA / meanB) * factor };
    },
  };
}
