/** Users are taken out of a stored user part by a thread of its own: a gigabyte that is read and written anew takes seconds, and this one has answers to give. */
import { Worker } from 'node:worker_threads';
import type { TakeOutJob, TakenOut, ThreadJob } from './messages.ts';
import { awaitThreads, ENTRY, TrainingFailed } from './thread.ts';

/**
 * @param job its bytes, which need a buffer of their own, are transferred: the caller does not have them any more
 * @throws TrainingFailed where the part cannot be read; the signal's reason when cancelled
 */
export async function takeOutInThread(job: TakeOutJob, signal?: AbortSignal): Promise<TakenOut> {
  signal?.throwIfAborted();
  const workerData: ThreadJob = { kind: 'take-out', job };
  return await awaitThreads<TakenOut>([new Worker(ENTRY, { workerData, transferList: [job.bytes.buffer as ArrayBuffer], name: 'jongleur-take-out' })], {
    signal,
    onMessage: (message) => (message.kind === 'taken-out' ? message : null),
    failure: ({ code, message }) => new TrainingFailed(code, message),
    endedEarly: (code) => `The thread that takes users out of a model ended with code ${code}.`,
  });
}
