/** What steps in where the threads' fit cannot run: the fit in one thread and in float64. */
import { fitExplicit } from './explicit.ts';
import { fitIals } from './ials.ts';
import { type SparseRows, transpose } from './matrix.ts';
import type { Fit, FitHooks, Recipe } from './recipe.ts';

/** Without a start that knows the data and without over-relaxation it needs twice the sweeps to come as far. */
export function fitPlainly(byUser: SparseRows, recipe: Recipe, hooks: FitHooks): Fit {
  const longer = { ...recipe, sweeps: 2 * recipe.sweeps };
  return hooks.biases === undefined ? fitIals(byUser, transpose(byUser), longer, hooks) : fitExplicit(byUser, transpose(byUser), longer, hooks.biases, hooks);
}
