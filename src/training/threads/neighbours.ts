/** Neighbour lists by threads of their own, while this one stays free. */
import { Worker } from 'node:worker_threads';
import type { SparseRows } from '../../model/matrix.ts';
import type { Neighbours, NeighbourSettings } from '../../model/neighbours.ts';
import { collectNeighbours, prepareNeighbours } from '../../model/threaded-neighbours.ts';
import type { ThreadJob } from './messages.ts';
import { awaitThreads, checkThreads, ENTRY, TrainingFailed } from './thread.ts';

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
  checkThreads(threads);
  const work = prepareNeighbours(byUser, settings);
  const workers = Array.from({ length: threads }, (_, thread) => {
    const workerData: ThreadJob = { kind: 'neighbours', work, thread };
    return new Worker(ENTRY, { workerData, name: `jongleur-neighbours-${thread}` });
  });
  let running = threads;
  return await awaitThreads(workers, {
    signal,
    onMessage: () => (--running === 0 ? collectNeighbours(work) : null),
    failure: ({ code, message }) => new TrainingFailed(code, message),
    endedEarly: (code) => (code === 0 ? null : `A thread that finds neighbours ended with code ${code}.`),
  });
}
