import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_RECIPE } from '../../../src/model/recipe.ts';
import { createFactors } from '../../../src/model/matrix.ts';
import { fitOffline, type FitOptions, type FitReport } from '../../../src/training/offline/fit.ts';
import { npyHeader, writeNpy } from '../../../src/training/offline/npy.ts';
import { checkerboard, jongleur, readData } from './files.ts';

const hasNumpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;

/** Enough of NEP 1 to read what it should be: version 1.0, little-endian float32, C order, two dimensions. */
function parseNpy(bytes: Buffer): { rows: number; columns: number; data: Float32Array } {
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1'));
  const begin = 10 + bytes.readUInt16LE(8);
  expect(begin % 64).toBe(0);
  const header = bytes.subarray(10, begin).toString('latin1');
  const match = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n$/.exec(header);
  expect(match, `header: ${header}`).not.toBeNull();
  const [rows, columns] = [Number(match![1]), Number(match![2])];
  expect(bytes.length).toBe(begin + 4 * rows * columns);
  return { rows, columns, data: Float32Array.from({ length: rows * columns }, (_, n) => bytes.readFloatLE(begin + 4 * n)) };
}

let folder: string;
let train: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jongleur-fit-'));
  train = join(folder, 'train.csv');
  await writeFile(train, checkerboard(20).train);
});
afterAll(async () => await rm(folder, { recursive: true }));

describe('an NPY file', () => {
  it('is rows × factors without padding, whatever the sizes', async () => {
    for (const [rows, factors] of [[1, 1], [3, 8], [5, 13], [200_001, 11]] as const) {
      const matrix = createFactors(rows, factors);
      for (let row = 0; row < rows; row++) for (let k = 0; k < factors; k++) matrix.data[row * matrix.stride + k] = row + k / 16;
      const path = join(folder, `${rows}.npy`);
      await writeNpy(path, matrix);
      const { data, ...shape } = parseNpy(await readFile(path));
      expect(shape).toEqual({ rows, columns: factors });
      expect(data.every((value, n) => value === Math.fround(Math.floor(n / factors) + (n % factors) / 16))).toBe(true);
    }
  });

  it('has its data at a multiple of 64 bytes for every length of shape', () => {
    for (let digits = 1; digits < 10; digits++) {
      expect(npyHeader(10 ** digits, 128).length % 64).toBe(0);
    }
  });
});

describe('jongleur fit', () => {
  it('writes factors that score as they should, ids in their order, and a report', async () => {
    const out = join(folder, 'deep', 'factors');
    const { code, stdout, stderr } = await jongleur('fit', '--train', train, '--out', out, '--factors', '5', '--sweeps', '4', '--json');
    expect(code, `stderr: ${stderr}`).toBe(0);
    expect((await readdir(out)).sort()).toEqual(['item_factors.npy', 'item_ids.txt', 'neighbour_index.npy', 'neighbour_similarity.npy', 'neighbour_start.npy', 'report.json', 'user_factors.npy', 'user_ids.txt']);
    expect(await readdir(join(folder, 'deep'))).toEqual(['factors']);
    const userIds = (await readFile(join(out, 'user_ids.txt'), 'utf8')).split('\n');
    const itemIds = (await readFile(join(out, 'item_ids.txt'), 'utf8')).split('\n');
    expect([userIds.pop(), itemIds.pop()]).toEqual(['', '']);
    const users = parseNpy(await readFile(join(out, 'user_factors.npy')));
    const items = parseNpy(await readFile(join(out, 'item_factors.npy')));
    expect([users.rows, users.columns, items.rows, items.columns]).toEqual([20, 5, 20, 5]);
    expect([userIds.length, itemIds.length]).toEqual([20, 20]);
    for (const [u, userId] of userIds.entries()) {
      for (const [i, itemId] of itemIds.entries()) {
        let score = 0;
        for (let k = 0; k < 5; k++) score += users.data[u * 5 + k]! * items.data[i * 5 + k]!;
        const isLiked = Number(userId.slice(1)) % 2 === Number(itemId.slice(1)) % 2;
        expect(score > 0.4, `${userId} ${itemId} ${score}`).toBe(isLiked);
      }
    }
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as FitReport;
    expect(JSON.parse(stdout)).toEqual(report);
    expect(report).toMatchObject({ users: 20, items: 20, interactions: 180, sweeps: 4, params: { factors: 5, sweeps: 4, regularization: 0.3, unobservedWeight: 0.2, seed: 1 } });
    expect(report.objective).toHaveLength(5);
    for (let n = 1; n < 5; n++) expect(report.objective[n]).toBeLessThanOrEqual(report.objective[n - 1]! * (1 + 1e-6));
    expect(report.secondsPerSweep).toHaveLength(4);
    expect(report.fitSeconds).toBeGreaterThan(report.secondsPerSweep.reduce((sum, seconds) => sum + seconds, 0) * 0.99);
  });

  it.skipIf(!hasNumpy)(`is read by numpy${hasNumpy ? '' : ' (skipped: there is no python3 with numpy here)'}`, async () => {
    const out = join(folder, 'numpy');
    expect((await jongleur('fit', '--train', train, '--out', out, '--factors', '5')).code).toBe(0);
    const program = `
import json, numpy
a = numpy.load('${out}/user_factors.npy')
print(json.dumps([a.dtype.str, a.shape, bool(a.flags.c_contiguous), [float(x) for x in a.ravel()]]))`;
    const [type, shape, contiguous, values] = JSON.parse(spawnSync('python3', ['-c', program], { encoding: 'utf8' }).stdout) as [string, number[], boolean, number[]];
    expect([type, shape, contiguous]).toEqual(['<f4', [20, 5], true]);
    expect(values).toEqual([...parseNpy(await readFile(join(out, 'user_factors.npy'))).data]);
  });

  const fit = async (out: string, options: Partial<FitOptions> = {}) =>
    await fitOffline({ train: await readData(train), out, force: false, recipe: { ...DEFAULT_RECIPE, factors: 3, sweeps: 2 }, asked: { factors: true, regularization: true, unobservedWeight: true }, search: false, threads: 1, say: () => undefined, ...options });

  it('takes a folder that is empty, refuses one with a fit but for --force, and never one with other files', async () => {
    const out = join(folder, 'taken');
    await mkdir(out);
    await fit(out);
    const before = await readFile(join(out, 'user_factors.npy'));
    await expect(fit(out)).rejects.toThrow(/has a fit already; --force replaces it/);
    await fit(out, { force: true, recipe: { ...DEFAULT_RECIPE, factors: 3, sweeps: 2, seed: 7 } });
    expect((await readFile(join(out, 'user_factors.npy'))).equals(before)).toBe(false);
    await writeFile(join(out, 'thesis.txt'), 'mine');
    await expect(fit(out, { force: true })).rejects.toThrow(/files of its own \(thesis\.txt\)/);
    expect(await readFile(join(out, 'thesis.txt'), 'utf8')).toBe('mine');
    await expect(fit(train)).rejects.toThrow(/is a file; --out names a folder/);
    await expect(fit(join(train, 'below'))).rejects.toThrow(/cannot be written: a part of the path is a file/);
  });

  it('leaves nothing behind, and an earlier fit as it was, when it does not come to its end', async () => {
    const parent = join(folder, 'broken');
    const out = join(parent, 'factors');
    await mkdir(parent);
    const controller = new AbortController();
    controller.abort(new Error('Interrupted.'));
    await expect(fit(out, { signal: controller.signal })).rejects.toThrow('Interrupted.');
    expect(await readdir(parent)).toEqual([]);
    await fit(out);
    const before = await readFile(join(out, 'item_factors.npy'));
    await expect(fit(out, { force: true, signal: controller.signal })).rejects.toThrow('Interrupted.');
    await expect(fit(out, { force: true, recipe: { ...DEFAULT_RECIPE, factors: 3, sweeps: 2, regularization: -1 } })).rejects.toThrow(/regularization/);
    expect(await readdir(parent)).toEqual(['factors']);
    expect((await readFile(join(out, 'item_factors.npy'))).equals(before)).toBe(true);
  });

  it('writes the lists of neighbours as CSR, recent popularity where there are times, and neither where they are not wanted', async () => {
    const timed = join(folder, 'timed.csv');
    await writeFile(timed, 'a,x,1,2024-01-01\na,y,1,2024-01-01\nb,x,1,2024-01-08\nb,y,1,2024-01-08\nc,z,1,2024-01-08\nc,x,1,2024-01-01\n');
    const [all, none] = [join(folder, 'timed'), join(folder, 'bare')];
    expect((await jongleur('fit', '--train', timed, '--out', all, '--neighbours', '1', '--recency-half-life', '7')).code).toBe(0);
    const numbers = async (name: string, read: (bytes: Buffer, at: number) => number) => {
      const bytes = await readFile(join(all, name));
      const data = bytes.subarray(10 + bytes.readUInt16LE(8));
      return Array.from({ length: data.length / 4 }, (_, n) => read(data, 4 * n));
    };
    const ints = (bytes: Buffer, at: number) => bytes.readInt32LE(at);
    const floats = (bytes: Buffer, at: number) => bytes.readFloatLE(at);
    expect(await readFile(join(all, 'item_ids.txt'), 'utf8')).toBe('x\ny\nz\n');
    expect(await numbers('neighbour_start.npy', ints)).toEqual([0, 1, 2, 3]);
    expect(await numbers('neighbour_index.npy', ints)).toEqual([1, 0, 0]);
    // x: 3 users, y: 2, common 2 × ½
    expect((await numbers('neighbour_similarity.npy', floats))[0]).toBeCloseTo(1 / (3 ** 0.75 * 2 ** 0.25), 6);
    expect(await numbers('recent_popularity.npy', floats)).toEqual([2, 1.5, 1]);
    const report = JSON.parse(await readFile(join(all, 'report.json'), 'utf8')) as FitReport;
    expect(report.params).toMatchObject({ neighbours: 1, neighbourWeight: 0.15, neighbourExponents: [0.75, 0.25], halfLifeDays: 60, recencyWeight: 0.1, recencyHalfLifeDays: 7 });
    expect(report.scales.neighbours).toBeGreaterThan(0);
    expect(report.scales.recency).toBeGreaterThan(0);
    expect((await jongleur('fit', '--train', timed, '--out', none, '--no-neighbours', '--recency-weight', '0')).code).toBe(0);
    expect((await readdir(none)).sort()).toEqual(['item_factors.npy', 'item_ids.txt', 'report.json', 'user_factors.npy', 'user_ids.txt']);
  });
});
