/** The whole protocol between a run and its threads. Arrays of a training are transferred, not copied: the sender does not have them any more. */
import type { Factors, SparseRows } from '../../model/matrix.ts';
import type { FitStart, Recipe } from '../../model/recipe.ts';
import type { KernelChoice } from '../../model/kernels/create.ts';
import type { EventColumns, EventTypeRule } from '../../model/interactions.ts';
import type { Shape } from '../../model/shared-memory.ts';
import type { Started } from '../../model/fit-job.ts';
import type { ColdStart } from '../../model/warm-start.ts';
import type { NeighbourWork } from '../../model/threaded-neighbours.ts';
import type { FittedPoint, CurveName } from '../../model/experiment/curves.ts';
import type { Trial } from '../../model/experiment/search.ts';
import type { ExperimentSettings } from '../../model/experiment/context.ts';
import type { TrainingPhase } from '../../model/experiment/report.ts';
import type { TrainingReport } from '../../model/pipeline.ts';
import type { Params, Terms } from '../../model/terms.ts';
import type { ImportedRows, QualityMinimums } from '../../model/quality/findings.ts';
import type { DataPictures } from '../../model/quality/pictures.ts';
import type { QualityReport } from '../../model/quality/report.ts';

/** Ids by number, ascending: `nos[k]` has the UTF-8 bytes from `offsets[k]` to `offsets[k + 1]`. */
export interface IdColumns {
  readonly nos: Int32Array;
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

/** What a data-quality report needs besides the events (`model/quality/report.ts`). */
export interface QualitySettings {
  readonly nowMs: number;
  readonly minimums: QualityMinimums;
  readonly lastEventNo: number | null;
  readonly imported: ImportedRows;
}

/** What a look at the data finds: what is judged, and what is shown. */
export interface DataCheck {
  readonly report: QualityReport;
  readonly pictures: DataPictures;
  /** Events of known types by item. */
  readonly itemEvents: { readonly nos: Int32Array; readonly events: Int32Array };
}

export interface CheckJob {
  readonly columns: EventColumns;
  readonly rules: readonly EventTypeRule[];
  readonly catalogueItems: number | null;
  readonly quality: QualitySettings;
}

export interface TrainJob {
  readonly columns: EventColumns;
  readonly rules: readonly EventTypeRule[];
  /** Where they are not given: the live version's, else the default. */
  readonly recipe?: Recipe;
  readonly terms?: Terms;
  readonly settings: Partial<ExperimentSettings>;
  readonly users: IdColumns;
  readonly items: IdColumns;
  /** Report on the data first, and end where they are too few; null: train on whatever is there. */
  readonly quality?: QualitySettings | null;
  /** Bursts on single items are left out (`model/quality/bursts.ts`). */
  readonly leaveOutBursts?: boolean;
  /** Null: no version is live. */
  readonly live: LivePart | null;
}

/** The live version: the recipe to compare with, the factors that the published fit may go on from, the snapshot to see how it really did. */
export interface LivePart {
  readonly version: number;
  /** Recipe and terms; null where they cannot be read, and the version counts as none to compare with. */
  readonly params: Params | null;
  /** Why the published fit begins cold; null where it may go on. */
  readonly cold: { readonly code: ColdStart; readonly note: string } | null;
  readonly events: number;
  readonly users: number;
  /** Null in versions from before it was noted. */
  readonly newestEventNo: number | null;
  readonly warmInARow: number;
  /** As stored; null where they are gone or damaged. */
  readonly itemPart: Uint8Array | null;
  readonly userPart: Uint8Array | null;
}

export interface FitJob {
  /** `placed`: it lies in the shared memory, or will when `awaitPlaced` returns; what to begin from too, where `started` says so. */
  readonly matrix: { readonly kind: 'placed'; readonly shape: Shape; readonly started: Started } | { readonly kind: 'sent'; readonly byUser: SparseRows; readonly start: FitStart | undefined };
  readonly recipe: Recipe;
  readonly objective: boolean;
  /** Explicit ratings: the constant beside the biases (`FitHooks.biases`). */
  readonly biases: number | null;
}

/** A stored user part, and the numbers of those who left. */
export interface TakeOutJob {
  /** Transferred, and written over. */
  readonly bytes: Uint8Array;
  readonly gone: Int32Array;
}

/** Who is in the part without them. */
export interface TakenOut {
  /** Ascending. */
  readonly userNos: Int32Array;
  /** How many were taken out. */
  readonly users: number;
  /** The part without them; null where none was in it. */
  readonly bytes: Uint8Array | null;
}

/** A thread's place among those of a run, and the memory they share. */
export interface Place {
  readonly memory: WebAssembly.Memory;
  readonly kernel: KernelChoice;
  /** Beyond so many bytes of shared memory the plain fit takes over. */
  readonly limitBytes: number;
  /** 0 has the job, the others help it. */
  readonly thread: number;
  readonly threads: number;
}

/** Caller → thread, once, as `workerData`: of entry.ts… */
export type ThreadJob =
  | { readonly kind: 'train'; readonly job: TrainJob; readonly place: Place }
  | { readonly kind: 'check'; readonly job: CheckJob; readonly place: Place }
  | { readonly kind: 'neighbours'; readonly work: NeighbourWork; readonly thread: number }
  | { readonly kind: 'take-out'; readonly job: TakeOutJob };

/** …and of fit-entry.ts. */
export type FitThreadJob = { readonly kind: 'fit'; readonly job: FitJob; readonly place: Place } | { readonly kind: 'help'; readonly place: Place };

/** What the first thread of a run is given. */
export type FirstJob = { readonly kind: 'train'; readonly job: TrainJob } | { readonly kind: 'fit'; readonly job: FitJob } | { readonly kind: 'check'; readonly job: CheckJob };

/** What computed. */
export interface Computed {
  readonly kernel: 'wasm' | 'reference';
  readonly threads: number;
}

export type ThreadFailure =
  | { readonly kind: 'failed'; readonly code: 'not-enough-data' | 'internal' | 'range'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: 'diverged'; readonly message: string; readonly sweep: number; readonly side: 'user' | 'item'; readonly row: number };

/** Thread → caller. `done`, `fitted`, `found`, `taken-out`, `failed`, or the `quality` of a check is the last; a helper says nothing. */
export type ThreadMessage =
  | { readonly kind: 'progress'; readonly phase: TrainingPhase | 'quality'; readonly fraction: number }
  | ({ readonly kind: 'quality' } & DataCheck)
  | { readonly kind: 'trial'; readonly trial: Trial }
  | { readonly kind: 'point'; readonly curve: CurveName; readonly point: FittedPoint }
  | { readonly kind: 'sweep'; readonly sweep: number; readonly of: number; readonly seconds: number }
  | { readonly kind: 'done'; readonly computed: Computed; readonly threadId: number; readonly report: TrainingReport; readonly dataHash: string; readonly parts: { readonly item: Uint8Array; readonly user: Uint8Array } | null }
  | { readonly kind: 'fitted'; readonly computed: Computed; readonly users: Factors; readonly items: Factors; readonly objective: number[] | null; readonly objectiveSeconds: number }
  | { readonly kind: 'found' }
  | ({ readonly kind: 'taken-out' } & TakenOut)
  | ThreadFailure;
