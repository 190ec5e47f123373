/** How a matrix becomes factors, whoever computes it: the plain fit, or the threads'. */
import { fitExplicit } from './explicit.ts';
import { fitIals } from './ials.ts';
import type { Fit, FitHooks, Recipe } from './recipe.ts';
import { type SparseRows, transpose } from './matrix.ts';

/** What it returns need not outlive its next call. */
export type FitFunction = (byUser: SparseRows, recipe: Recipe, hooks: FitHooks) => Fit;

export const fitPlain: FitFunction = (byUser, recipe, hooks) =>
  hooks.biases === undefined ? fitIals(byUser, transpose(byUser), recipe, hooks) : fitExplicit(byUser, transpose(byUser), recipe, hooks.biases, hooks);

/** A matrix has no more directions than its shorter side; half of that leaves the fit something to generalise from. */
export function capFactors(recipe: Recipe, users: number, items: number): { used: Recipe; note: string | null } {
  const most = Math.max(1, Math.floor(Math.min(users, items) / 2));
  if (recipe.factors <= most) return { used: recipe, note: null };
  const note = `${most} factors in place of ${recipe.factors}: at most half of the shorter side of ${users} users × ${items} items.`;
  return { used: { ...recipe, factors: most }, note };
}
