/** Neighbour lists by threads of their own, while this one stays free. */
import { Worker } from 'node:worker_threads';
import type { SparseRows } from '../../model/matrix.ts';
import type { Neighbours, NeighbourSettings } from '../../model/neighbours.ts';
import { collectNeighbours, prepareNeighbours } from '../../model/threaded-neighbours.ts';
import type { ThreadJob, ThreadMessage } from './messages.ts';
import { ENTRY, TrainingFailed } from './thread.ts';

export interface NeighboursOnThreadsOptions {
  /** Copied, not changed. */
  byUser: SparseRows;
  settings: NeighbourSettings;
  /** From 1. The lists do not depend on it. */
  threads: number;
  signal?: AbortSignal;
}

/** @throws RangeError for settings no list can have; TrainingFailed; the signal's reason when cancelled */
export async function findNeighboursOnThreads({ byUser, settings, threads, signal }: NeighboursOnThreadsOptions): Promise<Neighbours> {
  signal?.throwIfAborted();
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`threads must be a whole number from 1, not ${threads}`);
  }
  const work = prepareNeighbours(byUser, settings);
  const workers = Array.from({ length: threads }, (_, thread) => {
    const workerData: ThreadJob = { kind: 'neighbours', work, thread };
    return new Worker(ENTRY, { workerData, name: `jongleur-neighbours-${thread}` });
  });
  await new Promise<void>((resolve, reject) => {
    let running = threads;
    const finish = (settle: () => void) => {
      signal?.removeEventListener('abort', abort);
      for (const worker of workers) {
        void worker.terminate();
      }
      settle();
    };
    const fail = (error: Error) => finish(() => reject(error));
    const abort = () => fail(signal!.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    for (const worker of workers) {
      worker.on('message', (message: ThreadMessage) => {
        if (message.kind === 'failed') {
          fail(new TrainingFailed(message.code, message.message));
        } else if (--running === 0) {
          finish(resolve);
        }
      });
      worker.on('error', (error: Error & { code?: string }) => fail(new TrainingFailed(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'internal', error.message)));
      worker.on('exit', (code) => {
        if (code !== 0) {
          fail(new TrainingFailed('internal', `A thread that finds neighbours ended with code ${code}.`));
        }
      });
    }
  });
  return collectNeighbours(work);
}
