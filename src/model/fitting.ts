/** How a matrix becomes factors, whoever computes it: the plain fit, or the threads'. */
import { type Fit, type FitHooks, fitIals, type Recipe } from './ials.ts';
import { type SparseRows, transpose } from './matrix.ts';

/** What it returns need not outlive its next call. */
export type FitFunction = (byUser: SparseRows, recipe: Recipe, hooks: FitHooks) => Fit;

export const fitPlain: FitFunction = (byUser, recipe, hooks) => fitIals(byUser, transpose(byUser), recipe, hooks);
