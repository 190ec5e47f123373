/** Starts training threads and waits for their end. The event loop of this process only passes messages on. */
import { Worker } from 'node:worker_threads';
import type { CurveName, FittedPoint } from '../../model/experiment/curves.ts';
import type { Trial } from '../../model/experiment/search.ts';
import type { EventColumns } from '../../model/interactions.ts';
import { canRunWasm, type KernelChoice } from '../../model/kernels/create.ts';
import { compileKernels } from '../../model/kernels/wasm.ts';
import { createSharedMemory, sharedMemoryLimit } from '../../model/shared-memory.ts';
import type { CheckJob, DataCheck, FirstJob, FitThreadJob, ThreadFailure, ThreadJob, ThreadMessage, TrainJob } from './messages.ts';

export type Trained = Extract<ThreadMessage, { kind: 'done' }>;

/** The threads ended without a model. `code` is stable. */
export class TrainingFailed extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'TrainingFailed';
    this.code = code;
  }
}

/** A thread runs compiled code, also where this file itself is run from its source (as tests do): Node 20 loads no TypeScript. */
const compiled = (name: string) => new URL(import.meta.url.endsWith('.ts') ? `../../../dist/training/threads/${name}.js` : `./${name}.js`, import.meta.url);
export const ENTRY = compiled('entry');
const FIT_ENTRY = compiled('fit-entry');

export interface Team {
  /** From 1; what is computed does not depend on it. */
  readonly threads: number;
  readonly kernel: KernelChoice;
  /** Beyond so many bytes of shared memory the plain fit, on one thread, takes over; default: all that can be addressed. */
  readonly limitBytes?: number | undefined;
  /** The memory to share where something has been put there already. */
  readonly memory?: WebAssembly.Memory;
}

/** What a run shows while it goes. */
export interface TrainHooks {
  onProgress?(phase: string, fraction: number): void;
  onChecked?(check: DataCheck): void;
  onTrial?(trial: Trial): void;
  onPoint?(curve: CurveName, point: FittedPoint): void;
}

/**
 * @throws TrainingFailed; the signal's reason when cancelled (the threads are ended at once)
 */
export async function trainInThread(job: TrainJob, signal: AbortSignal, hooks: TrainHooks = {}, team: Team = { threads: 1, kernel: 'auto' }): Promise<Trained> {
  const { columns, users, items, live } = job;
  const arrays = [...arraysOf(columns), users.nos, users.offsets, users.bytes, items.nos, items.offsets, items.bytes];
  return await runThreads<Trained>({
    job: { kind: 'train', job },
    transfer: [...arrays, live?.itemPart, live?.userPart].filter((array) => array != null).map((array) => array.buffer as ArrayBuffer),
    team,
    signal,
    onMessage: (message) => {
      if (message.kind === 'progress') {
        hooks.onProgress?.(message.phase, message.fraction);
      } else if (message.kind === 'quality') {
        hooks.onChecked?.(message);
      } else if (message.kind === 'trial') {
        hooks.onTrial?.(message.trial);
      } else if (message.kind === 'point') {
        hooks.onPoint?.(message.curve, message.point);
      }
      return message.kind === 'done' ? message : null;
    },
    failure: ({ code, message }) => new TrainingFailed(code, message),
  });
}

/**
 * A look at the data alone.
 *
 * @throws TrainingFailed; the signal's reason when cancelled
 */
export async function checkInThread(job: CheckJob, signal: AbortSignal): Promise<DataCheck> {
  return await runThreads<DataCheck>({
    job: { kind: 'check', job },
    transfer: arraysOf(job.columns).map((array) => array.buffer as ArrayBuffer),
    team: { threads: 1, kernel: 'reference' },
    signal,
    onMessage: (message) => (message.kind === 'quality' ? message : null),
    failure: ({ code, message }) => new TrainingFailed(code, message),
  });
}

function arraysOf(columns: EventColumns) {
  const { user, item, type, value, quantity, occurredAtMs, eventNo, group } = columns;
  return [user, item, type, value, quantity, occurredAtMs, eventNo, ...(group === undefined ? [] : [group])];
}

export interface ThreadRun<Result> {
  job: FirstJob;
  transfer: ArrayBuffer[];
  team: Team;
  signal: AbortSignal | undefined;
  /** The result, where the message carries it. */
  onMessage(message: Exclude<ThreadMessage, ThreadFailure>): Result | null;
  failure(message: ThreadFailure): Error;
}

/** A pool for one run, from its job to its result, its failure or its cancellation: the thread that has the job, and its helpers. All end together. */
export async function runThreads<Result>({ job, transfer, team: { threads, kernel, limitBytes = sharedMemoryLimit, memory = createSharedMemory() }, signal, onMessage, failure }: ThreadRun<Result>): Promise<Result> {
  signal?.throwIfAborted();
  checkThreads(threads);
  if (kernel !== 'reference' && job.kind !== 'check' && canRunWasm()) {
    compileKernels(); // the engine keeps its code as long as somebody holds the module: threads of later runs begin with what earlier ones optimised
  }
  const startThread = (thread: number) => {
    const place = { memory, kernel, limitBytes, thread, threads };
    const data: ThreadJob | FitThreadJob = thread === 0 ? { ...job, place } : { kind: 'help', place };
    return new Worker(data.kind === 'fit' || data.kind === 'help' ? FIT_ENTRY : ENTRY, { workerData: data, transferList: thread === 0 ? transfer : [], name: thread === 0 ? 'jongleur-training' : `jongleur-helper-${thread}` });
  };
  const workers = Array.from({ length: threads }, (_, thread) => startThread(thread));
  return await awaitThreads(workers, {
    signal,
    onMessage: (message, thread) => (thread === 0 ? onMessage(message) : null),
    failure,
    endedEarly: (code) => `A training thread ended with code ${code} before the run was done.`,
  });
}

export interface ThreadWait<Result> {
  readonly signal: AbortSignal | undefined;
  /** The result, where the message completes it. */
  onMessage(message: Exclude<ThreadMessage, ThreadFailure>, thread: number): Result | null;
  failure(message: ThreadFailure): Error;
  /** What is wrong where a thread ends with this code before there is a result; null: nothing. */
  endedEarly(code: number): string | null;
}

/** Until there is a result, a failure or a cancellation; then all threads are ended. */
export async function awaitThreads<Result>(workers: readonly Worker[], { signal, onMessage, failure, endedEarly }: ThreadWait<Result>): Promise<Result> {
  return await new Promise<Result>((resolve, reject) => {
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
    for (const [thread, worker] of workers.entries()) {
      worker.on('message', (message: ThreadMessage) => {
        if (message.kind === 'failed') {
          fail(failure(message));
          return;
        }
        const result = onMessage(message, thread);
        if (result !== null) {
          finish(() => resolve(result));
        }
      });
      worker.on('error', (error: Error & { code?: string }) => fail(new TrainingFailed(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'internal', error.message)));
      worker.on('exit', (code) => {
        const words = endedEarly(code);
        if (words !== null) {
          fail(new TrainingFailed('internal', words));
        }
      });
    }
  });
}

/** @throws RangeError */
export function checkThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`threads must be a whole number from 1, not ${threads}`);
  }
}
