/** Fits on real threads. */
import type { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createFoldIn } from '../../src/model/fold-in.ts';
import { toPrincipalAxes } from '../../src/model/gram.ts';
import { fitIals, objective } from '../../src/model/ials.ts';
import { DEFAULT_RECIPE, FitDiverged, type Recipe } from '../../src/model/recipe.ts';
import { transpose } from '../../src/model/matrix.ts';
import { solveSideByNormalEquations } from '../../src/model/reference.ts';
import { bruteForceTopN, createTopN } from '../../src/model/top-n.ts';
import { layoutOf } from '../../src/model/shared-memory.ts';
import { fitOnThreads, type FitOnThreadsOptions } from '../../src/training/threads/fit.ts';
import { TrainingFailed } from '../../src/training/threads/thread.ts';
import { randomSparse, sparseOf } from '../model/events.ts';

const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 13, sweeps: 4, regularization: 0.05 };
// past a block of sums, with rows on both sides of the dual's limit
const byUser = randomSparse(700, 130, 0.2, 11);
const fit = async (options: Partial<FitOnThreadsOptions> = {}) => await fitOnThreads({ byUser, recipe, threads: 2, ...options });

function relativeDistance(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let length = 0;
  for (let k = 0; k < b.length; k++) {
    difference += (a[k] - b[k]) ** 2;
    length += b[k] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / length);
}

describe('a fit on threads', () => {
  it.each(['wasm', 'reference'] as const)('gives the same bytes with one, two and three threads (%s)', async (kernel) => {
    const fits = [];
    for (const threads of [1, 2, 3]) {
      const done = await fit({ threads, kernel, objective: true });
      expect(done).toMatchObject({ kernel, threads });
      expect(done.secondsPerSweep).toHaveLength(recipe.sweeps);
      fits.push(done);
    }
    const bytes = (data: Float32Array) => Buffer.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    for (const other of fits.slice(1)) {
      expect(bytes(other.users.data).equals(bytes(fits[0].users.data))).toBe(true);
      expect(bytes(other.items.data).equals(bytes(fits[0].items.data))).toBe(true);
      expect(other.objective).toEqual(fits[0].objective);
    }
    expect(fits[0].users.data.some((value) => value !== 0)).toBe(true);
    expect((await fit({ kernel, recipe: { ...recipe, seed: 2 } })).items.data).not.toEqual(fits[0].items.data);
  });

  it('really runs on as many threads: each phase waits for all of them', async () => {
    const started = new Set<number>();
    const note = (worker: Worker) => started.add(worker.threadId);
    process.on('worker', note);
    await fit({ threads: 3 }).finally(() => process.off('worker', note));
    expect(started.size).toBe(3);
  });

  it('says the objective that summing over all pairs gives, falling from sweep to sweep', async () => {
    const { objective: values, users, items } = await fit({ objective: true });
    expect(values).toHaveLength(recipe.sweeps + 1);
    expect(objective(byUser, transpose(byUser), users, items, recipe) / values!.at(-1)!).toBeCloseTo(1, 6);
    for (let s = 1; s < values!.length; s++) expect(values![s]).toBeLessThanOrEqual(values![s - 1] * (1 + 1e-5));
  });

  it.each(['wasm', 'reference'] as const)('comes to the fixed point of exact alternating solves (%s)', async (kernel) => {
    const small = randomSparse(61, 43, 0.15, 11);
    const { objective: values, users } = await fit({ byUser: small, kernel, recipe: { ...recipe, factors: 8, sweeps: 200 }, objective: true });
    const exactItems = solveSideByNormalEquations(transpose(small), users, { ...recipe, factors: 8 });
    const exactUsers = solveSideByNormalEquations(small, exactItems, { ...recipe, factors: 8 });
    expect(objective(small, transpose(small), exactUsers, exactItems, { ...recipe, factors: 8 }) / values!.at(-1)!).toBeCloseTo(1, 4);
  });

  it('ends as low as the single-threaded fit does', async () => {
    const { objective: plain } = fitIals(byUser, transpose(byUser), { ...recipe, sweeps: 30 }, { objective: true });
    const { objective: values } = await fit({ recipe: { ...recipe, sweeps: 30 }, objective: true });
    expect(values!.at(-1)! / plain!.at(-1)!).toBeLessThan(1.01);
  });

  it.each(['wasm', 'reference'] as const)('ends so that folding in a training row gives its trained vector (%s)', async (kernel) => {
    for (const factors of [5, 40]) {
      const used = { ...recipe, factors };
      const { users, items } = await fit({ recipe: used, kernel });
      expect(toPrincipalAxes(items).vectors).toBeNull();
      const foldIn = createFoldIn(items, used, 1);
      const vector = new Float32Array(items.stride);
      for (let u = 0; u < byUser.rows; u++) {
        const [from, to] = [byUser.rowStart[u], byUser.rowStart[u + 1]];
        foldIn.solve(byUser.index.slice(from, to), byUser.weight.slice(from, to), byUser.target.slice(from, to), to - from, vector);
        expect(relativeDistance(vector, users.data.subarray(u * users.stride, (u + 1) * users.stride))).toBeLessThan(1e-5);
      }
    }
  });

  it('fills in the withheld diagonal of a checkerboard', async () => {
    const size = 20;
    const rows = Array.from({ length: size }, (_, u) => Array.from({ length: size }, (_, i) => [i, 1, 1] as const).filter(([i]) => i % 2 === u % 2 && i !== u));
    const board = sparseOf(size, rows);
    const { users, items } = await fit({ byUser: board, recipe: { ...recipe, factors: 2, sweeps: 10 } });
    const best = createTopN(1);
    for (let u = 0; u < size; u++) {
      const seen = new Uint8Array(size);
      for (const [i] of rows[u]) seen[i] = 1;
      bruteForceTopN(items, users.data.subarray(u * 8, u * 8 + 8), 1, seen, best);
      expect(best.items[0]).toBe(u);
    }
  });

  it('goes on from a start', async () => {
    const first = await fit({ objective: true, recipe: { ...recipe, sweeps: 20 } });
    const second = await fit({ objective: true, recipe: { ...recipe, sweeps: 1 }, start: first });
    expect(second.objective![0]).toBeLessThanOrEqual(first.objective!.at(-1)! * (1 + 1e-5));
    await expect(fit({ recipe: { ...recipe, factors: 3 }, start: first })).rejects.toThrow(/the start must have 700 users and 130 items of 3 factors/);
  });

  it.each(['wasm', 'reference'] as const)('goes on from users and items, with the same bytes on any number of threads; users at 0 are solved first (%s)', async (kernel) => {
    const first = await fit({ kernel, recipe: { ...recipe, sweeps: 20 }, objective: true });
    const users = { ...first.users, data: first.users.data.slice() };
    const isNew = (row: number) => row > 680;
    for (let row = 0; row < users.rows; row++) if (isNew(row)) users.data.fill(0, row * users.stride, (row + 1) * users.stride);
    const fits = await Promise.all([1, 2, 3].map(async (threads) => await fit({ kernel, threads, objective: true, recipe: { ...recipe, sweeps: 1 }, start: { users, items: first.items } })));
    for (const other of fits.slice(1)) {
      expect(other.users.data).toEqual(fits[0].users.data);
      expect(other.items.data).toEqual(fits[0].items.data);
      expect(other.objective).toEqual(fits[0].objective);
    }
    const [{ objective: values, users: after, items }] = fits;
    expect(values!.at(-1)! / first.objective!.at(-1)!).toBeCloseTo(1, 3);
    const foldIn = createFoldIn(items, recipe, 1);
    const vector = new Float32Array(items.stride);
    for (let u = 0; u < byUser.rows; u += u > 600 ? 1 : 37) {
      const [from, to] = [byUser.rowStart[u], byUser.rowStart[u + 1]];
      foldIn.solve(byUser.index.slice(from, to), byUser.weight.slice(from, to), byUser.target.slice(from, to), to - from, vector);
      expect(relativeDistance(vector, after.data.subarray(u * after.stride, (u + 1) * after.stride))).toBeLessThan(1e-5);
    }
    const half = { users: { ...users, rows: 699 }, items: first.items };
    await expect(fit({ start: half })).rejects.toThrow(/the start must have 700 users/);
  });

  it.each(['wasm', 'reference'] as const)('names sweep, side and row where the numbers end (%s)', async (kernel) => {
    const broken = { ...byUser, weight: byUser.weight.slice() };
    for (const row of [600, 7]) broken.weight[broken.rowStart[row]] = Number.NaN;
    const failed = fit({ byUser: broken, kernel, threads: 3 });
    await expect(failed).rejects.toThrow(FitDiverged);
    await expect(failed).rejects.toMatchObject({ sweep: 1, side: 'user', row: 7 });
  });

  it('refuses a recipe without a solution, and no threads', async () => {
    await expect(fit({ recipe: { ...recipe, regularization: 0 } })).rejects.toThrow(/recipe.regularization must be a positive number/);
    await expect(fit({ threads: 0 })).rejects.toThrow(RangeError);
  });

  it('is ended by its signal in the middle of a sweep', async () => {
    const controller = new AbortController();
    let sweeps = 0;
    const endless = fit({
      recipe: { ...recipe, sweeps: 1_000_000 }, signal: controller.signal,
      onSweep: () => {
        if (++sweeps === 3) controller.abort(new Error('enough'));
      },
    });
    await expect(endless).rejects.toThrow('enough');
    await expect(fit({ signal: controller.signal })).rejects.toThrow('enough');
  });

  it('carries over what a thread throws, a helper’s too', async () => {
    // a column that is not there: the kernel reads past the memory, in a helper or in the first thread, whichever has the row
    const beyond = { ...byUser, index: byUser.index.slice() };
    beyond.index.fill(2_000_000_000, byUser.index.length - 1000);
    const failed = fit({ byUser: beyond, threads: 3 });
    await expect(failed).rejects.toThrow(TrainingFailed);
    await expect(failed).rejects.toMatchObject({ code: 'internal', message: expect.stringMatching(/memory access out of bounds/) as string });
  });

  it('falls back to the plain fit in one thread where the memory would not hold it, and says so', async () => {
    const start = { items: (await fit()).items };
    const plain = fitIals(byUser, transpose(byUser), { ...recipe, sweeps: 2 * recipe.sweeps }, { start }); // plain sweeps come half as far
    // the first is too small for the matrix, the second for what threads need besides
    const shape = { userRows: byUser.rows, itemRows: byUser.cols, entries: byUser.index.length, factors: recipe.factors };
    for (const limitBytes of [100_000, layoutOf(shape, 0, 0).bytes]) {
      const done = await fit({ threads: 3, limitBytes, start });
      expect(done).toMatchObject({ kernel: 'reference', threads: 1 });
      expect(done.items.data).toEqual(plain.items.data);
      expect(done.users.data).toEqual(plain.users.data);
      await expect(fit({ kernel: 'wasm', limitBytes })).rejects.toThrow(/The fit needs .* GiB of shared memory; threads can address/);
    }
  });

  it('leaves the caller’s event loop free, also while the matrix is handed over', async () => {
    const large = randomSparse(4000, 2000, 0.1, 3);
    const lateMs: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      lateMs.push(now - last);
      last = now;
    }, 2);
    const { seconds } = await fit({ byUser: large, recipe: { ...recipe, factors: 64, sweeps: 3 } });
    clearInterval(timer);
    // A fit on this thread would be one tick of all its seconds. Other tests share the cores, so single ticks may come late; the most must not.
    const free = lateMs.filter((ms) => ms < 50).reduce((sum, ms) => sum + ms, 0);
    expect(free).toBeGreaterThan(seconds * 500);
    expect(lateMs.toSorted((a, b) => a - b)[lateMs.length >> 1]).toBeLessThan(10);
  });
});
