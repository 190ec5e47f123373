/** The whole protocol between a run and its threads. Arrays of a training are transferred, not copied: the sender does not have them any more. */
import type { Factors, SparseRows } from '../../model/matrix.ts';
import type { Recipe } from '../../model/ials.ts';
import type { KernelChoice } from '../../model/kernels/kernels.ts';
import type { EventColumns, EventTypeRule } from '../../model/interactions.ts';
import type { TrainingPhase, TrainingReport } from '../../model/pipeline.ts';

/** Ids by number, ascending: `nos[k]` has the UTF-8 bytes from `offsets[k]` to `offsets[k + 1]`. */
export interface IdColumns {
  readonly nos: Int32Array;
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

export interface TrainJob {
  readonly columns: EventColumns;
  readonly rules: readonly EventTypeRule[];
  readonly recipe: Recipe;
  readonly users: IdColumns;
  readonly items: IdColumns;
}

export interface FitJob {
  readonly byUser: SparseRows;
  readonly recipe: Recipe;
  readonly objective: boolean;
  readonly start: { readonly users?: Factors; readonly items: Factors } | null;
  /** Explicit ratings: the constant beside the biases (`FitHooks.biases`). */
  readonly biases: number | null;
}

/** A thread's place among those of a run, and the memory they share. */
export interface Place {
  readonly memory: WebAssembly.Memory;
  readonly kernel: KernelChoice;
  /** 0 has the job, the others help it. */
  readonly thread: number;
  readonly threads: number;
}

/** Caller → thread, once, as `workerData`. */
export type ThreadJob = { readonly place: Place } & ({ readonly kind: 'train'; readonly job: TrainJob } | { readonly kind: 'fit'; readonly job: FitJob } | { readonly kind: 'help' });

/** What computed. */
export interface Computed {
  readonly kernel: 'wasm' | 'reference';
  readonly threads: number;
}

export type ThreadFailure =
  | { readonly kind: 'failed'; readonly code: 'not-enough-data' | 'internal' | 'range'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: 'diverged'; readonly message: string; readonly sweep: number; readonly side: 'user' | 'item'; readonly row: number };

/** Thread → caller. `done`, `fitted` or `failed` is the last; a helper says nothing. */
export type ThreadMessage =
  | { readonly kind: 'progress'; readonly phase: TrainingPhase; readonly fraction: number }
  | { readonly kind: 'sweep'; readonly sweep: number; readonly of: number; readonly seconds: number }
  | { readonly kind: 'done'; readonly computed: Computed; readonly threadId: number; readonly recipe: Recipe; readonly report: TrainingReport; readonly itemPart: Uint8Array; readonly userPart: Uint8Array }
  | { readonly kind: 'fitted'; readonly computed: Computed; readonly users: Factors; readonly items: Factors; readonly objective: number[] | null }
  | ThreadFailure;
