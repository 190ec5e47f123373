/** A thread with a training, a check of the data, neighbours to find or users to take out: says how far it is and gives back what it made. What fits only is fit-entry.ts. Imports only the model and the messages. */
import { createHash } from 'node:crypto';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { createKernels } from '../../model/kernels/create.ts';
import { indexOfNo } from '../../model/matrix.ts';
import { NotEnoughData } from '../../model/enough.ts';
import { type FitFunction, fitPlain } from '../../model/fitting.ts';
import { type TrainingInput, trainModel } from '../../model/pipeline.ts';
import { leaveOutBursts } from '../../model/quality/bursts.ts';
import { countItemEvents, pictureData } from '../../model/quality/pictures.ts';
import { profileEvents } from '../../model/quality/profile.ts';
import { reportQuality } from '../../model/quality/report.ts';
import { FitTooLarge } from '../../model/shared-memory.ts';
import { decodeItemSide, decodeUserSide, encodeItemSide, encodeUserSide } from '../../model/snapshot.ts';
import { createFitThread } from '../../model/threaded-fit.ts';
import { helpFindNeighbours } from '../../model/threaded-neighbours.ts';
import { rowsOfUsers, withoutUsers } from '../../model/without-users.ts';
import { failureOf } from './failure.ts';
import type { CheckJob, Computed, IdColumns, Place, TakeOutJob, ThreadJob, ThreadMessage, TrainJob } from './messages.ts';

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
async function createFit({ memory, kernel, limitBytes, thread, threads }: Place): Promise<{ fit: FitFunction; computed(): Computed }> {
  const kernels = await createKernels(kernel, memory);
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
        const plain = { ...recipe, sweeps: 2 * recipe.sweeps };
        return fitPlain(byUser, plain, hooks);
      }
    },
  };
}

/** Posts the report. @returns it */
function check({ columns, rules, catalogueItems, quality }: CheckJob) {
  const profile = profileEvents(columns, rules, quality.nowMs);
  const report = reportQuality({ columns, rules, catalogueItems, ...quality }, profile);
  const events = countItemEvents(columns, rules, profile);
  const pictures = pictureData(columns, rules, profile, events, report);
  post({ kind: 'quality', report, pictures, itemEvents: { nos: profile.items.nos, events } });
  return report;
}

/** What the experiment takes of the live version. A part that cannot be read costs a cold start and the look back, not the run. */
function readLive(live: TrainJob['live']): Pick<TrainingInput, 'live' | 'start' | 'snapshot'> {
  if (live === null) {
    return {};
  }
  const { version, params, cold, events, users, newestEventNo, warmInARow, itemPart, userPart } = live;
  const recipe = params === null ? null : { version, recipe: params, terms: params };
  if (itemPart === null) {
    return { live: recipe, ...(cold === null ? {} : { start: cold }) };
  }
  try {
    const itemSide = decodeItemSide(itemPart);
    const userSide = userPart === null ? null : decodeUserSide(userPart);
    return {
      live: recipe,
      start: cold ?? { version, events, users, warmInARow, items: itemSide, userSide },
      snapshot: userSide === null || newestEventNo === null ? null : { version, newestEventNo, itemSide, userSide },
    };
  } catch (error) {
    return { live: recipe, start: { code: 'unreadable', note: `Live version ${version}: ${error instanceof Error ? error.message : String(error)}` } };
  }
}

/** SHA-256 over the columns: equal exactly where the events and their order are. */
function hashOf({ length: _length, ...columns }: TrainJob['columns']): string {
  const hash = createHash('sha256');
  for (const column of Object.values(columns) as ArrayBufferView[]) {
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }
  return hash.digest('hex');
}

async function train(job: TrainJob, place: Place): Promise<void> {
  if (job.quality != null) {
    post({ kind: 'progress', phase: 'quality', fraction: 0 });
    const { missing, figures } = check({ columns: job.columns, rules: job.rules, catalogueItems: job.items.nos.length, quality: job.quality });
    if (missing.length > 0) {
      throw new NotEnoughData(figures.users, figures.items, figures.interactions, missing);
    }
  }
  const { fit, computed } = await createFit(place);
  const { rules, recipe, terms, settings } = job;
  const { columns, leftOut } = job.leaveOutBursts === true ? leaveOutBursts(job.columns, rules, job.quality?.nowMs ?? Infinity) : { columns: job.columns, leftOut: null };
  const { report, model } = await trainModel({
    columns, rules, leftOut, settings, ...(recipe === undefined ? {} : { recipe }), ...(terms === undefined ? {} : { terms }), ...readLive(job.live),
    fit,
    seconds: () => performance.now() / 1000,
    onProgress: (phase, fraction) => post({ kind: 'progress', phase, fraction }),
    onTrial: (trial) => post({ kind: 'trial', trial }),
    onPoint: (curve, point) => post({ kind: 'point', curve, point }),
  });
  const parts = model === null ? null : {
    item: encodeItemSide({ ...model.itemSide, itemIds: idsOf(model.itemSide.itemNos, job.items) }),
    user: encodeUserSide({ ...model.userSide, userIds: idsOf(model.userSide.userNos, job.users) }),
  };
  post({ kind: 'done', computed: computed(), threadId, report, dataHash: hashOf(job.columns), parts }, parts === null ? [] : [parts.item.buffer as ArrayBuffer, parts.user.buffer as ArrayBuffer]);
}

function takeOut({ bytes, gone }: TakeOutJob): void {
  const side = decodeUserSide(bytes);
  const rows = rowsOfUsers(side.userNos, gone);
  const lean = rows.length === 0 ? side : withoutUsers(side, rows);
  const userNos = lean.userNos.slice();
  const encoded = rows.length === 0 ? null : encodeUserSide(lean);
  post({ kind: 'taken-out', userNos, users: rows.length, bytes: encoded }, encoded === null ? [userNos.buffer] : [userNos.buffer, encoded.buffer as ArrayBuffer]);
}

const given = workerData as ThreadJob;
try {
  if (given.kind === 'train') {
    await train(given.job, given.place);
  } else if (given.kind === 'check') {
    check(given.job);
  } else if (given.kind === 'take-out') {
    takeOut(given.job);
  } else {
    helpFindNeighbours(given.work, given.thread);
    post({ kind: 'found' });
  }
} catch (error) {
  post(error instanceof NotEnoughData ? { kind: 'failed', code: 'not-enough-data', message: error.message } : failureOf(error));
}
