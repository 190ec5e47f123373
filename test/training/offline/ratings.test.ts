import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateRatings } from '../../../src/demo/ratings.ts';
import { readPairs } from '../../../src/ingest/pairs.ts';
import { frozenColumn } from '../../../src/model/biased-rows.ts';
import { biasConstant, DEFAULT_RATING_RECIPE, fitExplicit, rowRecipe, scaleRatings } from '../../../src/model/explicit.ts';
import { createRowScratch, exactSteps, exactTolerance, solveRow } from '../../../src/model/ials.ts';
import { ridgeOf } from '../../../src/model/recipe.ts';
import { transpose } from '../../../src/model/matrix.ts';
import { foldRatings } from '../../../src/model/ratings.ts';
import { evaluateRatings, type RatingEvaluation, type RatingFitReport } from '../../../src/training/offline/ratings.ts';
import { fitOnThreads } from '../../../src/training/threads/fit.ts';
import { type Ended, jongleur } from './files.ts';

let folder: string;
let train: string;
let test: string;
const noise = 0.5;
const generated = generateRatings({ users: 120, items: 70, ratings: 4500, rank: 2, noise, seed: 6 });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jongleur-ratings-'));
  const lines = Array.from(generated.rating, (rating, n) => `u${generated.user[n]},i${generated.item[n]},${rating - 3.5}`); // about half below 0
  train = await write('train.csv', lines.filter((_, n) => n % 5 !== 0).join('\n'));
  test = await write('test.csv', lines.filter((_, n) => n % 5 === 0).join('\n'));
});
afterAll(async () => await rm(folder, { recursive: true }));

async function write(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}
const fittedLine = (stderr: string) => /^Fitted .*$/m.exec(stderr)?.[0].replace(/ in [\d.]+ s/, '') ?? '';

describe('a fit of ratings on threads', () => {
  const { length } = generated.rating;
  const { matrix } = scaleRatings(foldRatings({ length, users: 120, items: 70, user: generated.user, item: generated.item, weight: generated.rating, timeMs: null }).matrix);
  const recipe = { ...DEFAULT_RATING_RECIPE, factors: 9 };
  const biases = biasConstant(recipe);

  it.each(['wasm', 'reference'] as const)('gives the same bytes with one, two and three threads, and an objective that falls to that of the plain fit (%s)', async (kernel) => {
    const fits = await Promise.all([1, 2, 3].map(async (threads) => await fitOnThreads({ byUser: matrix, recipe: rowRecipe(recipe), biases, threads, kernel, objective: true })));
    const [first] = fits;
    for (const other of fits.slice(1)) {
      expect(other.users.data).toEqual(first.users.data);
      expect(other.items.data).toEqual(first.items.data);
      expect(other.objective).toEqual(first.objective);
    }
    const values = first.objective!;
    expect(values).toHaveLength(recipe.sweeps + 1);
    for (let s = 1; s < values.length; s++) expect(values[s]).toBeLessThanOrEqual(values[s - 1] * (1 + 1e-6));
    const plain = fitExplicit(matrix, transpose(matrix), rowRecipe(recipe), biases, { objective: true });
    expect(values.at(-1)! / plain.objective!.at(-1)!).toBeCloseTo(1, 3);
  });

  it('ends so that folding in a training row gives its trained row', async () => {
    const { users, items } = await fitOnThreads({ byUser: matrix, recipe: rowRecipe(recipe), biases, threads: 2 });
    const { stride, factors } = items;
    const scratch = createRowScratch(stride);
    const frozen = frozenColumn('user', factors);
    for (let u = 0; u < users.rows; u++) {
      scratch.x.fill(0);
      scratch.x[frozen] = biases;
      const [start, end] = [matrix.rowStart[u], matrix.rowStart[u + 1]];
      solveRow(items.data, stride, matrix.index, matrix.weight, matrix.target, start, end, new Float64Array(stride), ridgeOf(end - start, 70, rowRecipe(recipe)), exactSteps(stride), exactTolerance, scratch, frozen);
      let difference = 0;
      let size = 0;
      for (let k = 0; k < stride; k++) {
        difference += (users.data[u * stride + k] - scratch.x[k]) ** 2;
        size += scratch.x[k] ** 2;
      }
      expect(Math.sqrt(difference / size)).toBeLessThan(1e-4);
    }
  });

  it('needs an unobserved weight of 0', async () => {
    await expect(fitOnThreads({ byUser: matrix, recipe: { ...rowRecipe(recipe), unobservedWeight: 0.1 }, biases, threads: 1 })).rejects.toThrow(/unobserved weight of 0/);
  });
});

describe('jongleur evaluate --objective rating', () => {
  it('comes near the noise, far below biases alone, whatever B holds', async () => {
    const [good, searched, garbage, human] = await Promise.all([
      jongleur('evaluate', '--objective', 'rating', '--train', train, '--test', test, '--json'),
      jongleur('evaluate', '--objective', 'rating', '--train', train, '--test', test, '--json', '--search', '--sweeps', '6', '--threads', '1'),
      write('garbage.csv', '\u0000\u0001 no CSV').then(async (path) => await jongleur('evaluate', '--objective', 'rating', '--train', train, '--test', path, '--json')),
      jongleur('evaluate', '--objective', 'rating', '--train', train, '--test', test, '--factors', '2', '--sweeps', '30'),
    ]) as [Ended, Ended, Ended, Ended];
    expect([good.code, searched.code, garbage.code, human.code], good.stderr).toEqual([0, 0, 1, 0]);
    const result = JSON.parse(good.stdout) as RatingEvaluation;
    expect(result).toMatchObject({ users: 120, items: 70, sweeps: 20, search: null, params: DEFAULT_RATING_RECIPE, test: { coldShare: 0 } });
    for (const figure of ['fitSeconds', 'cpuSeconds', 'peakMemoryBytes'] as const) expect(result[figure]).toBeGreaterThan(0);
    const { metrics: { rmse, mae }, baselines } = result;
    expect(rmse.mean).toBeLessThan(1.35 * noise);
    expect(rmse.mean).toBeLessThan(0.85 * baselines.biases.rmse.mean);
    expect(baselines.biases.rmse.mean).toBeLessThan(baselines.itemMean.rmse.mean);
    expect(baselines.itemMean.rmse.mean).toBeLessThan(baselines.mean.rmse.mean);
    for (const { mean, low, high } of [rmse, mae]) expect([low < mean, mean < high]).toEqual([true, true]);
    const chosen = JSON.parse(searched.stdout) as RatingEvaluation;
    expect(chosen.search).toMatchObject({ heldOutBy: 'user' });
    expect(chosen.search!.trials).toBeGreaterThanOrEqual(29);
    expect(chosen.params.biasRegularization).toBeCloseTo(chosen.params.regularization / 2, 6);
    expect(chosen.metrics.rmse.mean).toBeLessThan(rmse.mean);
    expect(chosen.metrics.rmse.mean).toBeLessThan(1.25 * noise);
    expect(fittedLine(good.stderr)).toMatch(/factors [0-9a-f]{16}$/);
    expect(fittedLine(garbage.stderr)).toBe(fittedLine(good.stderr));
    expect(garbage.stdout).toBe('');
    expect(human.stdout).toMatch(/this model +0\.\d{4} \[0\.\d{4}, 0\.\d{4}\] +0\.\d{4}/);
    expect(human.stdout).toMatch(/biases alone +0/);
  });

  it.each<[string, string[], RegExp]>([
    ['--k', ['--k', '10'], /does not go with --k: it measures lists/],
    ['an unobserved weight', ['--unobserved-weight', '0.1'], /does not go with --unobserved-weight/],
    ['neighbours', ['--neighbours', '20'], /does not go with a neighbourhood term/],
    ['exponents of neighbours', ['--neighbour-exponents', '0.5,0.5'], /does not go with a neighbourhood term/],
    ['a half-life', ['--half-life', '30'], /does not go with --half-life: a rating does not fade/],
    ['recency', ['--recency-weight', '0.1'], /does not go with recency/],
  ])('is refused with %s', async (_, args, message) => {
    const { code, stdout, stderr } = await jongleur('evaluate', '--objective', 'rating', '--train', train, '--test', test, ...args);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([1, '']);
  });
});

describe('an evaluation of ratings', () => {
  const evaluate = async (a: string, b: string) => {
    const lines: string[] = [];
    const read = async (name: string, content: string) => await readPairs(await write(name, content), 'rating');
    const evaluation = await evaluateRatings({
      train: await read('a.csv', a), readTest: async () => await read('b.csv', b), recipe: DEFAULT_RATING_RECIPE, asked: { factors: false, regularization: false }, search: false, threads: 1,
      say: (line) => lines.push(line),
    });
    return { evaluation, lines: lines.join('\n') };
  };

  it('counts the newest of a pair, with a warning, and says how many are cold', async () => {
    const { evaluation, lines } = await evaluate('user,item,rating,time\na,x,4,2024-01-02\na,x,1,2024-01-01\na,y,2,2024-01-01\nb,x,0,2024-01-01\nb,y,-2,2024-01-01\n', 'a,x,3\nnobody,x,1\nb,nothing,1\nnobody,nothing,1\na,x,4\n');
    expect(lines).toMatch(/Warning: 1 of 5 rows are older ratings of a pair that was rated again/);
    expect(evaluation).toMatchObject({ interactions: 4, mean: 1, lowest: -2, highest: 4, test: { ratings: 4, users: 3, coldShare: 0.75 } });
    expect(evaluation.baselines.mean.mae.mean).toBe(3 / 4); // of 3, 0, 0, 0
  });

  it('takes one rating for all as it is, with a warning', async () => {
    const { evaluation, lines } = await evaluate('a,x,3\na,y,3\nb,x,3\nb,y,3\n', 'a,x,4\nb,x,3\n');
    expect(lines).toMatch(/every rating is 3/);
    expect(evaluation.metrics.mae.mean).toBe(0.5);
  });

  it('warns where no pair is known whole', async () => {
    const { evaluation, lines } = await evaluate('a,x,1\na,y,3\nb,x,2\n', 'c,x,1\n');
    expect(lines).toMatch(/knows user and item of none of the ratings/);
    expect(evaluation.test.coldShare).toBe(1);
  });

  it.each([
    ['one user', 'a,x,1\na,y,2\n', 'a,x,1\n', /1 of at least 2 users/],
    ['no row that can be used', 'user,item,rating\na,x,NaN\n', 'a,x,1\n', /0 of at least 1 row/],
    ['nothing in common', 'a,x,1\nb,y,2\n', 'A,X,1\n', /None of the 1 users and 1 items of the test file/],
    ['an empty test', 'a,x,1\nb,y,2\n', 'user,item,rating\n', /test file has no row/],
    ['no ratings', 'a,x\nb,y\n', 'a,x,1\n', /has no column of ratings/],
  ])('is refused with %s', async (_, a, b, message) => {
    await expect(evaluate(a, b)).rejects.toThrow(message);
  });
});

it('jongleur fit --objective rating writes rows whose product and the mean are the prediction', async () => {
  const out = join(folder, 'out');
  const { code, stdout, stderr } = await jongleur('fit', '--objective', 'rating', '--train', train, '--out', out, '--factors', '3', '--regularization', '0.5', '--json');
  expect(code, stderr).toBe(0);
  const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as RatingFitReport;
  expect(JSON.parse(stdout)).toEqual(report);
  expect(report.objective).toHaveLength(21);
  expect(report.secondsPerSweep).toHaveLength(20);
  const load = async (name: string, rows: number) => {
    const bytes = await readFile(join(out, name));
    const begin = 10 + bytes.readUInt16LE(8);
    expect(bytes.subarray(10, begin).toString('latin1')).toContain(`'shape': (${rows}, 5)`);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + bytes.length));
  };
  const [users, items] = [await load('user_factors.npy', 120), await load('item_factors.npy', 70)];
  const [userIds, itemIds] = await Promise.all(['user_ids.txt', 'item_ids.txt'].map(async (name) => (await readFile(join(out, name), 'utf8')).trim().split('\n')));
  let squares = 0;
  const rows = (await readFile(train, 'utf8')).split('\n').map((line) => line.split(','));
  for (const [userId, itemId, rating] of rows) {
    const [u, i] = [userIds.indexOf(userId) * 5, itemIds.indexOf(itemId) * 5];
    let score = report.mean;
    for (let k = 0; k < 5; k++) score += users[u + k] * items[i + k];
    squares += (score - Number(rating)) ** 2;
    expect([users[u + 4], items[i + 3]]).toEqual([1, 1]);
  }
  expect(Math.sqrt(squares / rows.length)).toBeLessThan(1.1 * noise);
});
