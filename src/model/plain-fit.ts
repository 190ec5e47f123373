/** What steps in where the threads' fit cannot run: the fit in one thread and in float64. */
import { fitPlain } from './fitting.ts';
import type { SparseRows } from './matrix.ts';
import type { Fit, FitHooks, Recipe } from './recipe.ts';

/** Without a start that knows the data and without over-relaxation it needs twice the sweeps to come as far. */
export function fitPlainly(byUser: SparseRows, recipe: Recipe, hooks: FitHooks): Fit {
  return fitPlain(byUser, { ...recipe, sweeps: 2 * recipe.sweeps }, hooks);
}
