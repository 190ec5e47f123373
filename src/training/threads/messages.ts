/** The whole protocol between a run and its thread. Arrays are transferred, not copied: the sender does not have them any more. */
import type { Recipe } from '../../model/ials.ts';
import type { EventColumns, EventTypeRule } from '../../model/interactions.ts';
import type { TrainingPhase, TrainingReport } from '../../model/pipeline.ts';

/** Ids by number, ascending: `nos[k]` has the UTF-8 bytes from `offsets[k]` to `offsets[k + 1]`. */
export interface IdColumns {
  readonly nos: Int32Array;
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Run → thread, once, as `workerData`. */
export interface TrainJob {
  readonly columns: EventColumns;
  readonly rules: readonly EventTypeRule[];
  readonly recipe: Recipe;
  readonly users: IdColumns;
  readonly items: IdColumns;
}

/** Thread → run. `done` or `failed` is the last. */
export type ThreadMessage =
  | { readonly kind: 'progress'; readonly phase: TrainingPhase; readonly fraction: number }
  | { readonly kind: 'done'; readonly threadId: number; readonly recipe: Recipe; readonly report: TrainingReport; readonly itemPart: Uint8Array; readonly userPart: Uint8Array }
  | { readonly kind: 'failed'; readonly code: 'not-enough-data' | 'diverged' | 'internal'; readonly message: string };
