/** What a thread says when it could not do its work. */
import { FitDiverged } from '../../model/recipe.ts';
import type { ThreadFailure } from './messages.ts';

export function failureOf(error: unknown): ThreadFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof FitDiverged) {
    return { kind: 'failed', code: 'diverged', message, sweep: error.sweep, side: error.side, row: error.row };
  }
  return { kind: 'failed', code: error instanceof RangeError ? 'range' : 'internal', message };
}
