/**
 * A training thread. The first takes a job, says how far it is, and gives back a model's bytes or factors; the others help it fit. Imports only the model and
 * the messages.
 */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { fitExplicit } from '../../model/explicit.ts';
import { FitDiverged, fitIals } from '../../model/ials.ts';
import { createKernels } from '../../model/kernels/kernels.ts';
import { indexOfNo, transpose } from '../../model/matrix.ts';
import { type FitFunction, NotEnoughData, trainModel } from '../../model/pipeline.ts';
import { FitTooLarge } from '../../model/shared-memory.ts';
import { encodeItemSide, encodeUserSide } from '../../model/snapshot.ts';
import { createFitThread } from '../../model/threaded-fit.ts';
import type { Computed, FitJob, IdColumns, Place, ThreadFailure, ThreadJob, ThreadMessage, TrainJob } from './messages.ts';

const decoder = new TextDecoder();

function idsOf(nos: Int32Array, table: IdColumns): string[] {
  return Array.from(nos, (no) => {
    const at = indexOfNo(table.nos, no);
    if (at < 0) {
      throw new Error(`number ${no} has no id`);
    }
    return decoder.decode(table.bytes.subarray(table.offsets[at], table.offsets[at + 1]));
  });
}

function post(message: ThreadMessage, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transfer);
}

/** The threads' fit; and where the matrix is beyond what they can address, the plain one in this thread alone. */
function createFit({ memory, kernel, thread, threads }: Place): { fit: FitFunction; computed(): Computed } {
  const kernels = createKernels(kernel, memory);
  const shared = createFitThread(memory, kernels, thread, threads);
  let computed: Computed = { kernel: kernels.name, threads };
  return {
    computed: () => computed,
    fit(byUser, recipe, hooks) {
      try {
        return shared.fit(byUser, recipe, hooks);
      } catch (error) {
        if (!(error instanceof FitTooLarge) || kernel !== 'auto') {
          throw error;
        }
        computed = { kernel: 'reference', threads: 1 };
        return hooks.biases === undefined ? fitIals(byUser, transpose(byUser), recipe, hooks) : fitExplicit(byUser, transpose(byUser), recipe, hooks.biases, hooks);
      }
    },
  };
}

function train(job: TrainJob, place: Place): void {
  const { fit, computed } = createFit(place);
  const { itemSide, userSide, report } = trainModel({
    columns: job.columns,
    rules: job.rules,
    recipe: job.recipe,
    fit,
    onProgress: (phase, fraction) => post({ kind: 'progress', phase, fraction }),
  });
  const itemPart = encodeItemSide({ ...itemSide, itemIds: idsOf(itemSide.itemNos, job.items) });
  const userPart = encodeUserSide({ ...userSide, userIds: idsOf(userSide.userNos, job.users) });
  const transfer = [itemPart.buffer as ArrayBuffer, userPart.buffer as ArrayBuffer];
  post({ kind: 'done', computed: computed(), threadId, recipe: itemSide.recipe, report, itemPart, userPart }, transfer);
}

function fitOnly(job: FitJob, place: Place): void {
  const { fit, computed } = createFit(place);
  let before = performance.now();
  const { users, items, objective } = fit(job.byUser, job.recipe, {
    objective: job.objective,
    ...(job.start ? { start: job.start } : {}),
    ...(job.biases === null ? {} : { biases: job.biases }),
    onSweep: (sweep, of) => {
      const now = performance.now();
      post({ kind: 'sweep', sweep, of, seconds: (now - before) / 1000 });
      before = now;
    },
  });
  post({ kind: 'fitted', computed: computed(), users, items, objective: objective ?? null });
}

function failureOf(error: unknown): ThreadFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof FitDiverged) {
    return { kind: 'failed', code: 'diverged', message, sweep: error.sweep, side: error.side, row: error.row };
  }
  return { kind: 'failed', code: error instanceof NotEnoughData ? 'not-enough-data' : error instanceof RangeError ? 'range' : 'internal', message };
}

function help({ memory, kernel, thread, threads }: Place): never {
  return createFitThread(memory, createKernels(kernel, memory), thread, threads).serve();
}

const given = workerData as ThreadJob;
if (given.kind === 'help') {
  help(given.place);
}
try {
  if (given.kind === 'train') {
    train(given.job, given.place);
  } else {
    fitOnly(given.job, given.place);
  }
} catch (error) {
  post(failureOf(error));
}
