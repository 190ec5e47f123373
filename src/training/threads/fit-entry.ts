/**
 * A thread that fits and does nothing else: the first of a fit without a database, and the helpers of every run. It loads only what a fit runs, which is a third of
 * what a training needs: two threads begin after 60 ms in place of 120, where a small fit takes 300.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { createKernels } from '../../model/kernels/create.ts';
import type { Fit, FitHooks } from '../../model/recipe.ts';
import { awaitPlaced, FitTooLarge } from '../../model/shared-memory.ts';
import { viewPlaced } from '../../model/fit-job.ts';
import { createFitThread } from '../../model/threaded-fit.ts';
import { failureOf } from './failure.ts';
import type { Computed, FitJob, FitThreadJob, Place, ThreadMessage } from './messages.ts';

function post(message: ThreadMessage): void {
  parentPort!.postMessage(message, []);
}

type Given = Extract<FitJob['matrix'], { kind: 'sent' }>;

/** What the caller puts into the memory while this thread starts. */
function openPlaced(memory: WebAssembly.Memory, { shape, started }: Extract<FitJob['matrix'], { kind: 'placed' }>): Given {
  awaitPlaced(memory);
  const { byUser, users, items } = viewPlaced(memory, shape);
  return { kind: 'sent', byUser, start: started === 'none' ? undefined : started === 'items' ? { items } : { users, items } };
}

/** The threads' fit; and where the matrix is beyond what they can address, the plain one in this thread alone. */
async function fitOrFallBack(job: FitJob, { memory, kernel, limitBytes, thread, threads }: Place, hooks: FitHooks): Promise<Fit & { computed: Computed }> {
  const kernels = await createKernels(kernel, memory);
  const { byUser, start } = job.matrix.kind === 'placed' ? openPlaced(memory, job.matrix) : job.matrix;
  const all = { ...hooks, ...(start ? { start } : {}) };
  try {
    const fit = createFitThread(memory, kernels, thread, threads, limitBytes).fit(byUser, job.recipe, all, job.matrix.kind === 'placed');
    return { ...fit, computed: { kernel: kernels.name, threads } };
  } catch (error) {
    if (!(error instanceof FitTooLarge) || kernel !== 'auto') {
      throw error;
    }
    const { fitPlain } = await import('../../model/fitting.ts');
    return { ...fitPlain(byUser, { ...job.recipe, sweeps: 2 * job.recipe.sweeps }, all), computed: { kernel: 'reference', threads: 1 } };
  }
}

async function fit(job: FitJob, place: Place): Promise<void> {
  let before = performance.now();
  let objectiveMs = 0;
  let objectiveStartedMs = 0;
  let ofSweepMs = 0;
  const { users, items, objective, computed } = await fitOrFallBack(job, place, {
    objective: job.objective,
    ...(job.biases === null ? {} : { biases: job.biases }),
    onObjective: (begins) => {
      const now = performance.now();
      if (begins) {
        objectiveStartedMs = now;
      } else {
        objectiveMs += now - objectiveStartedMs;
        ofSweepMs = now - objectiveStartedMs;
      }
    },
    onSweep: (sweep, of) => {
      const now = performance.now();
      post({ kind: 'sweep', sweep, of, seconds: (now - before - ofSweepMs) / 1000 });
      before = now;
      ofSweepMs = 0;
    },
  });
  post({ kind: 'fitted', computed, users, items, objective: objective ?? null, objectiveSeconds: objectiveMs / 1000 });
}

async function help({ memory, kernel, limitBytes, thread, threads }: Place): Promise<never> {
  return createFitThread(memory, await createKernels(kernel, memory), thread, threads, limitBytes).serve();
}

const given = workerData as FitThreadJob;
if (given.kind === 'help') {
  await help(given.place);
} else {
  await fit(given.job, given.place).catch((error: unknown) => post(failureOf(error)));
}
