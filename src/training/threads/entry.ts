/** A thread with a training, a check of the data or neighbours to find: says how far it is and gives back what it made. What fits only is fit-entry.ts. Imports only the model and the messages. */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { createKernels } from '../../model/kernels/create.ts';
import type { Kernels } from '../../model/kernels/kernels.ts';
import { indexOfNo } from '../../model/matrix.ts';
import { type FitFunction, NotEnoughData, type TrainingInput, trainModel } from '../../model/pipeline.ts';
import { fitPlainly } from '../../model/plain-fit.ts';
import { reportQuality } from '../../model/quality/report.ts';
import { FitTooLarge } from '../../model/shared-memory.ts';
import { decodeItemFactors, decodeUserFactors, encodeItemSide, encodeUserSide } from '../../model/snapshot.ts';
import { createFitThread } from '../../model/threaded-fit.ts';
import { helpFindNeighbours } from '../../model/threaded-neighbours.ts';
import { failureOf } from './failure.ts';
import type { CheckJob, Computed, IdColumns, Place, ThreadJob, ThreadMessage, TrainJob } from './messages.ts';

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
function createFit({ memory, kernel, limitBytes, thread, threads }: Place, kernels: Kernels): { fit: FitFunction; computed(): Computed } {
  const shared = createFitThread(memory, kernels, thread, threads, limitBytes);
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
        return fitPlainly(byUser, recipe, hooks);
      }
    },
  };
}

/** Posts the report. @returns it */
function check({ columns, rules, catalogueItems, quality }: CheckJob) {
  const report = reportQuality({ columns, rules, catalogueItems, ...quality });
  post({ kind: 'quality', report });
  return report;
}

/** A part that cannot be read costs a cold start, not the run. */
function readLive(live: TrainJob['live']): NonNullable<TrainingInput['live']> {
  if ('code' in live) {
    return live;
  }
  const { version, events, users, warmInARow, itemPart, userPart } = live;
  try {
    return { version, events, users, warmInARow, items: decodeItemFactors(itemPart), userSide: userPart === null ? null : decodeUserFactors(userPart) };
  } catch (error) {
    return { code: 'unreadable', note: `Live version ${version}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function train(job: TrainJob, place: Place, kernels: Kernels): void {
  if (job.quality != null) {
    post({ kind: 'progress', phase: 'quality', fraction: 0 });
    const { missing, figures } = check({ columns: job.columns, rules: job.rules, catalogueItems: job.items.nos.length, quality: job.quality });
    if (missing.length > 0) {
      throw new NotEnoughData(figures.users, figures.items, figures.interactions, missing);
    }
  }
  const { fit, computed } = createFit(place, kernels);
  const { itemSide, userSide, report } = trainModel({
    columns: job.columns,
    rules: job.rules,
    recipe: job.recipe,
    live: readLive(job.live),
    fit,
    onProgress: (phase, fraction) => post({ kind: 'progress', phase, fraction }),
  });
  const itemPart = encodeItemSide({ ...itemSide, itemIds: idsOf(itemSide.itemNos, job.items) });
  const userPart = encodeUserSide({ ...userSide, userIds: idsOf(userSide.userNos, job.users) });
  const transfer = [itemPart.buffer as ArrayBuffer, userPart.buffer as ArrayBuffer];
  post({ kind: 'done', computed: computed(), threadId, recipe: itemSide.recipe, report, itemPart, userPart }, transfer);
}

const given = workerData as ThreadJob;
try {
  if (given.kind === 'train') {
    train(given.job, given.place, await createKernels(given.place.kernel, given.place.memory));
  } else if (given.kind === 'check') {
    check(given.job);
  } else {
    helpFindNeighbours(given.work, given.thread);
    post({ kind: 'found' });
  }
} catch (error) {
  post(error instanceof NotEnoughData ? { kind: 'failed', code: 'not-enough-data', message: error.message } : failureOf(error));
}
