/** The training thread: takes a job, says how far it is, gives back a model's bytes. Imports only the model and the messages. */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { FitDiverged } from '../../model/ials.ts';
import { indexOfNo } from '../../model/matrix.ts';
import { NotEnoughData, trainModel } from '../../model/pipeline.ts';
import { encodeItemSide, encodeUserSide } from '../../model/snapshot.ts';
import type { IdColumns, ThreadMessage, TrainJob } from './messages.ts';

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

function train(job: TrainJob): void {
  const { itemSide, userSide, report } = trainModel({
    columns: job.columns,
    rules: job.rules,
    recipe: job.recipe,
    onProgress: (phase, fraction) => post({ kind: 'progress', phase, fraction }),
  });
  const itemPart = encodeItemSide({ ...itemSide, itemIds: idsOf(itemSide.itemNos, job.items) });
  const userPart = encodeUserSide({ ...userSide, userIds: idsOf(userSide.userNos, job.users) });
  post({ kind: 'done', threadId, recipe: itemSide.recipe, report, itemPart, userPart }, [itemPart.buffer as ArrayBuffer, userPart.buffer as ArrayBuffer]);
}

try {
  train(workerData as TrainJob);
} catch (error) {
  const code = error instanceof NotEnoughData ? 'not-enough-data' : error instanceof FitDiverged ? 'diverged' : 'internal';
  post({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
}
