import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_RECIPE } from '../../../src/model/recipe.ts';
import { type Evaluation, evaluateOffline } from '../../../src/training/offline/evaluate.ts';
import { DEFAULT_TERMS, type Terms } from '../../../src/model/terms.ts';
import { checkerboard, type Ended, jongleur, jongleurIn, readData } from './files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jongleur-evaluate-'));
});
afterAll(async () => await rm(folder, { recursive: true }));

async function write(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** The line that says what was fitted, without the time it took. */
function fittedLine(stderr: string): string {
  return /^Fitted .*$/m.exec(stderr)?.[0].replace(/ in [\d.]+ s/, '') ?? '';
}

describe('jongleur evaluate', () => {
  it('measures what can be counted by hand', async () => {
    // u1 can only be given d, u2 only a, u3 only b and c: whatever is learnt, the lists are known.
    const train = await write('hand-a.csv', 'user,item\nu1,a\nu1,b\nu1,c\nu2,b\nu2,c\nu2,d\nu3,a\nu3,d\nu5,a\n');
    // u1: d twice, one item nobody knows, one that u1 had. u2: nothing new. u4: unknown. u5: an item nobody knows.
    const test = await write('hand-b.csv', 'user,item\nu1,d\nu1,d\nu1,cold\nu1,a\nu2,b\nu3,b\nu3,c\nu4,a\nu5,cold\nu5,cold\n');
    const { code, stdout, stderr } = await jongleur('evaluate', '--train', train, '--test', test, '--k', '2,1', '--json', '--threads', '1');
    expect(code, `stderr: ${stderr}`).toBe(0);
    const result = JSON.parse(stdout) as Evaluation;
    expect(result).toMatchObject({ users: 4, items: 4, interactions: 9, sweeps: 4, params: { factors: 2, regularization: 0.3, unobservedWeight: 0.2, seed: 1 } });
    expect(result.test).toEqual({ users: 3, relevant: 5, coldShare: 0.4 });
    const means = Object.fromEntries(Object.entries(result.metrics).map(([name, { mean }]) => [name, mean]));
    expect(Object.keys(means)).toEqual(['recall@1', 'ndcg@1', 'recall@2', 'ndcg@2']);
    expect(means['recall@1']).toBeCloseTo((1 / 2 + 1 / 2 + 0) / 3, 12);
    expect(means['ndcg@1']).toBeCloseTo((1 + 1 + 0) / 3, 12);
    expect(means['recall@2']).toBeCloseTo((1 / 2 + 1 + 0) / 3, 12);
    expect(means['ndcg@2']).toBeCloseTo((1 / (1 + 1 / Math.log2(3)) + 1 + 0) / 3, 12);
    expect(result.baselines.popularity['recall@2']!.mean).toBeCloseTo(0.5, 12);
    expect(result.baselines.itemKnn['recall@2']!.mean).toBeCloseTo(0.5, 12);
    expect(result.baselines.recentPopularity).toBeNull();
    for (const { mean, low, high } of Object.values(result.metrics)) {
      expect(low).toBeLessThanOrEqual(mean);
      expect(high).toBeGreaterThanOrEqual(mean);
    }
    for (const figure of ['fitSeconds', 'cpuSeconds', 'peakMemoryBytes'] as const) {
      expect(result[figure]).toBeGreaterThan(0);
    }
  });

  it('prints a table without --json, and computes as the environment says', async () => {
    const { train, test } = checkerboard(12);
    const { code, stdout, stderr } = await jongleurIn({ TRAIN_KERNEL: 'reference' }, 'evaluate', '--train', await write('t-a.csv', train), '--test', await write('t-b.csv', test), '--k', '1');
    expect(code).toBe(0);
    expect(stderr).toMatch(/ thread(s)?, reference\); factors/);
    expect(stdout).toMatch(/Fitted: 60 interactions of 12 users with 12 items; 6 factors, 4 sweeps/);
    expect(stdout).toMatch(/this model +1\.0000 \[1\.0000, 1\.0000\]/);
    expect(stdout).toMatch(/popularity, 28 days +no times in the file/);
  });

  it('reads the test file after the fit: another one, or none, changes neither parameters nor factors', async () => {
    const { train, test } = checkerboard(12);
    const a = await write('after-a.csv', train);
    const [good, garbage, none] = await Promise.all(
      [await write('after-b.csv', test), await write('after-garbage.csv', '\u0000\u0001\u0002 no CSV'), join(folder, 'after-none.csv')]
        .map(async (b) => await jongleur('evaluate', '--train', a, '--test', b, '--json')),
    ) as [Ended, Ended, Ended];
    expect([good.code, garbage.code, none.code]).toEqual([0, 1, 1]);
    expect(fittedLine(good.stderr)).toMatch(/^Fitted \{"factors":6,.*factors [0-9a-f]{16}$/);
    expect(fittedLine(garbage.stderr)).toBe(fittedLine(good.stderr));
    expect(fittedLine(none.stderr)).toBe(fittedLine(good.stderr));
    expect([garbage.stdout, none.stdout]).toEqual(['', '']);
    expect(none.stderr).toMatch(/jongleur: There is no file .*after-none\.csv/);
  });

  it.skipIf(process.getuid?.() === 0)('fits before it finds the test file unreadable', async () => {
    const { train, test } = checkerboard(12);
    const b = await write('locked-b.csv', test);
    await chmod(b, 0);
    const { code, stderr } = await jongleur('evaluate', '--train', await write('locked-a.csv', train), '--test', b);
    expect(code).toBe(1);
    expect(fittedLine(stderr)).not.toBe('');
  });
});

describe('an evaluation', () => {
  const evaluate = async (train: string, test: string, options: { factors?: number; seed?: number; ks?: number[]; threads?: number; search?: boolean; terms?: Terms } = {}) => {
    const lines: string[] = [];
    const order: string[] = [];
    const path = await write('train.csv', train);
    const evaluation = await evaluateOffline({
      train: await readData(path),
      readTest: async () => {
        order.push('test read');
        return await readData(await write('test.csv', test));
      },
      recipe: { ...DEFAULT_RECIPE, seed: options.seed ?? 1, factors: options.factors ?? DEFAULT_RECIPE.factors },
      asked: { factors: options.factors !== undefined, regularization: false, unobservedWeight: false }, search: options.search ?? false, threads: options.threads ?? 1, ...(options.terms ? { terms: options.terms } : {}), ks: options.ks ?? [1],
      say: (line) => {
        lines.push(line);
        if (line.startsWith('Fitted')) {
          order.push('fitted');
        }
      },
    });
    expect(order).toEqual(['fitted', 'test read']);
    return { evaluation, lines };
  };

  it('finds by neighbours what one factor cannot, and fades what is old', async () => {
    // Five circles of users with items of their own, each user without one of them: too many for one factor to tell apart.
    const all = Array.from({ length: 25 * 5 }, (_, n) => ({ user: Math.floor(n / 5), item: (Math.floor(n / 5) % 5) + 5 * (n % 5), isLast: n % 5 === Math.floor(n / 25) }));
    const [train, test] = [false, true].map((wanted) => all.filter(({ isLast }) => isLast === wanted).map(({ user, item }) => `u${user},i${item}\n`).join('')) as [string, string];
    const terms = { ...DEFAULT_TERMS, neighbourWeight: 3, recencyWeight: 0 };
    const without = await evaluate(train, test, { factors: 1, terms: { ...terms, neighbours: 0 } });
    const withThem = await evaluate(train, test, { factors: 1, terms });
    expect(without.evaluation.metrics['recall@1']!.mean).toBeLessThan(0.9);
    expect(withThem.evaluation.metrics['recall@1']!.mean).toBe(1);
    expect(withThem.evaluation.params).toMatchObject({ factors: 1, ...terms });
    // Users of x and y, long ago and lately; u9 had w, as the others did.
    const rows = [...['u1', 'u2', 'u3', 'u4'].flatMap((user) => [`${user},w,1,2023-01-01`, `${user},x,1,2023-01-01`]), ...['u5', 'u6'].flatMap((user) => [`${user},w,1,2024-01-01`, `${user},y,1,2024-01-01`]), 'u9,w,1,2024-01-01'].join('\n');
    const recent = { ...DEFAULT_TERMS, neighbours: 0, recencyWeight: 5 };
    expect((await evaluate(rows, 'u9,y\n', { factors: 1, terms: recent })).evaluation.metrics['recall@1']!.mean).toBe(1);
    expect((await evaluate(rows, 'u9,x\n', { factors: 1, terms: { ...recent, recencyWeight: 0, halfLifeDays: 0 } })).evaluation.metrics['recall@1']!.mean).toBe(1);
  });

  it('finds the withheld diagonal of a checkerboard, of which popularity misses half', async () => {
    const { train, test } = checkerboard(20);
    const { evaluation } = await evaluate(train, test, { factors: 4 });
    expect(evaluation.metrics['recall@1']!.mean).toBe(1);
    expect(evaluation.baselines.itemKnn['recall@1']!.mean).toBe(1);
    expect(evaluation.baselines.popularity['recall@1']!.mean).toBeLessThan(0.6);
  });

  it('counts users, not weights, as popularity, and the last 28 days apart', async () => {
    // In all: x has 3 users, y 2, z 1 with a weight of 1,000. Lately: z and y.
    const train = 'u1,x,1,2024-01-01\nu2,x,1,2024-01-01\nu3,x,1,2024-01-01\nu4,y,1,2024-01-01\nu5,y,1,2024-06-01\nu6,z,1000,2024-06-01\nu7,z,1,2024-05-31\nu8,w,1,2024-06-01\n';
    const { evaluation } = await evaluate(train, 'u8,x\n', {});
    expect(evaluation.baselines.popularity['recall@1']!.mean).toBe(1);
    expect(evaluation.baselines.recentPopularity!['recall@1']!.mean).toBe(0);
    expect((await evaluate(train, 'u8,z\n', {})).evaluation.baselines.recentPopularity!['recall@1']!.mean).toBe(1);
  });

  it('sums repeated rows, with a warning, and treats constant values as none, with a warning', async () => {
    const { train, test } = checkerboard(8);
    const plain = await evaluate(train, test, { factors: 3 });
    const rows = train.trim().split('\n');
    const constant = await evaluate(rows.map((row) => `${row},5`).join('\n'), test, { factors: 3 });
    const twice = await evaluate([...rows, ...rows].join('\n'), test, { factors: 3 });
    const fitted = ({ lines }: { lines: string[] }) => fittedLine(lines.join('\n'));
    expect(fitted(constant)).toBe(fitted(plain));
    expect(constant.lines.join()).toMatch(/every value is 5/);
    expect(fitted(twice)).toBe(fitted(plain));
    expect(twice.lines.join()).toMatch(/24 of 48 rows repeat/);
    expect(twice.evaluation.interactions).toBe(24);
    expect(plain.lines).toHaveLength(1);
    const weighted = await evaluate(rows.map((row, n) => `${row},${1 + (n % 3)}`).join('\n'), test, { factors: 3 });
    expect(fitted(weighted)).not.toBe(fitted(plain));
    expect(fitted(await evaluate(train, test, { factors: 3, seed: 2 }))).not.toBe(fitted(plain));
  });

  it('takes as many factors as the matrix has directions, and says so', async () => {
    const { train, test } = checkerboard(8);
    const asked = await evaluate(train, test, { factors: 64 });
    expect(asked.evaluation.params.factors).toBe(8);
    expect(asked.lines.join()).toMatch(/8 factors in place of 64/);
    const byDefault = await evaluate(train, test);
    expect(byDefault.evaluation.params.factors).toBe(4);
    expect(byDefault.lines.join()).toMatch(/4 factors in place of 64: at most half/);
  });

  it('warns where everything to be found is unknown, and gives the result', async () => {
    const { evaluation, lines } = await evaluate('a,1\na,2\nb,1\n', 'a,99\nb,98\n');
    expect(evaluation.metrics['recall@1']!.mean).toBe(0);
    expect(evaluation.test.coldShare).toBe(1);
    expect(lines.join()).toMatch(/knows none of the items to be found/);
  });

  it.each([
    ['one user', 'a,1\na,2\n', 'a,3\n', /1 of at least 2 users/],
    ['one item', 'a,1\nb,1\n', 'a,3\n', /1 of at least 2 items/],
    ['no row that can be used', 'user,item,value\na,1,-1\n', 'a,3\n', /0 of at least 1 row, 0 of at least 2 users/],
    ['no user in both', 'a,1\nb,2\n', 'A,1\nB,2\n', /None of the 2 users of the test file is in the training file/],
    ['nothing new', 'a,1\nb,2\n', 'a,1\nb,2\n', /nothing to be found/],
    ['an empty test', 'a,1\nb,2\n', 'user,item\n', /test file has no row/],
  ])('is refused with %s', async (_, train, test, message) => {
    await expect(evaluate(train, test)).rejects.toThrow(message);
  });
});

describe('bad input ends with exit code 1 and words', () => {
  it.each<[string, string[], RegExp]>([
    ['a missing file', ['--train', '/none/a.csv', '--test', 'b'], /There is no file \/none\/a\.csv/],
    ['an objective nobody knows', ['--train', 'a', '--test', 'b', '--objective', 'clicks'], /There is no objective "clicks"; it is ranking or rating/],
    ['a weight for neighbours that are not there', ['--train', 'a', '--test', 'b', '--no-neighbours', '--neighbour-weight', '1'], /Without neighbours a --neighbour-weight of 1/],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await jongleur('evaluate', ...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect([code, stdout]).toEqual([1, '']);
  });

  it('an option that is no number it can be ends with code 2, as it does with every command', async () => {
    const wrong: [string, string, RegExp][] = [
      ['--k', '10,0', /whole number from 1 to 1000/],
      ['--neighbours', '-1', /whole number from 0 to 10000/],
      ['--neighbour-exponents', '0.5', /two numbers from 0 to 2, e\.g\. 0\.75,0\.25/],
      ['--half-life', '-60', /It must be from 0/],
      ['--recency-half-life', '0', /It must be above 0/],
    ];
    await Promise.all(wrong.map(async ([name, value, message]) => {
      const { code, stdout, stderr } = await jongleur('evaluate', '--train', 'a', '--test', 'b', name, value);
      expect(stderr).toMatch(message);
      expect([code, stdout]).toEqual([2, '']);
    }));
  });

  it('values that cannot be weights are left out, counted and shown', async () => {
    const { train, test } = checkerboard(12);
    const a = await write('bad-values.csv', `${train.trim().split('\n').map((row) => `${row},1`).join('\n')}\nu0,i2,NaN\nu0,i4,-3\n`);
    const { code, stderr, stdout } = await jongleur('evaluate', '--train', a, '--test', await write('bad-b.csv', test), '--json', '--k', '1');
    expect(code).toBe(0);
    expect(stderr).toMatch(/1 rows left out: value is no number, first in line 61/);
    expect(stderr).toMatch(/1 rows left out: value is not above 0, first in line 62/);
    expect((JSON.parse(stdout) as Evaluation).interactions).toBe(60);
  });
});
