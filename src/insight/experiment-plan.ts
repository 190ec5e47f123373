/** What live experiments and the guard promise. */
import type { LookPlan } from './sequential-look.ts';

/** An experiment is wrong in one of twenty where nothing differs, over all its looks and variants: each is compared with the first, and they share the error (Bonferroni). */
const LEVEL = 0.05;

export function planOf(variants: number, size: NonNullable<LookPlan['size']>): LookPlan {
  return { test: { level: LEVEL / (variants - 1), sides: 2 }, size };
}

/** One side, 1 %: a version is taken back for being worse, and an equal one in a hundred guards. */
export const GUARD_PLAN: LookPlan = { test: { level: 0.01, sides: 1 }, size: null };
