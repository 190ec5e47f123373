/** Starts a training thread and waits for its end. The event loop of this process only passes messages on. */
import { Worker } from 'node:worker_threads';
import type { ThreadMessage, TrainJob } from './messages.ts';

export type Trained = Extract<ThreadMessage, { kind: 'done' }>;

/** The thread ended without a model. `code` is stable. */
export class TrainingFailed extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'TrainingFailed';
    this.code = code;
  }
}

/** A thread runs compiled code, also where this file itself is run from its source (as tests do): Node 20 loads no TypeScript. */
const ENTRY = import.meta.url.endsWith('.ts') ? new URL('../../../dist/training/threads/entry.js', import.meta.url) : new URL('./entry.js', import.meta.url);

/**
 * @throws TrainingFailed; the signal's reason when cancelled (the thread is ended at once)
 */
export async function trainInThread(job: TrainJob, signal: AbortSignal, onProgress: (phase: string, fraction: number) => void): Promise<Trained> {
  signal.throwIfAborted();
  const { columns, users, items } = job;
  const arrays = [columns.user, columns.item, columns.type, columns.value, columns.quantity, columns.occurredAtMs, columns.eventNo, users.nos, users.offsets, users.bytes, items.nos, items.offsets, items.bytes];
  const worker = new Worker(ENTRY, { workerData: job, transferList: arrays.map((array) => array.buffer as ArrayBuffer), name: 'jongleur-training' });
  return await new Promise<Trained>((resolve, reject) => {
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', abort);
      void worker.terminate();
      settle();
    };
    const abort = () => finish(() => reject(signal.reason as Error));
    signal.addEventListener('abort', abort, { once: true });
    worker.on('message', (message: ThreadMessage) => {
      if (message.kind === 'progress') {
        onProgress(message.phase, message.fraction);
      } else if (message.kind === 'done') {
        finish(() => resolve(message));
      } else {
        finish(() => reject(new TrainingFailed(message.code, message.message)));
      }
    });
    worker.on('error', (error: Error & { code?: string }) =>
      finish(() => reject(new TrainingFailed(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'internal', error.message))),
    );
    worker.on('exit', (code) => finish(() => reject(new TrainingFailed('internal', `The training thread ended with code ${code} before it was done.`))));
  });
}
