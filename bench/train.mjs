/**
 * Training, measured: speed beside the Python package implicit, warm refits, memory, the event loop's delay, threads. Prints what each measure took and a table with floors and goals;
 * ends with code 1 where a floor is not reached or an answer is wrong.
 *
 *   npm run bench:train [-- --size 1M,10M,retail] [--rows speed,warm,memory,loop,threads,retail,ratings] [--factors 64,128,256] [--threads 2] [--rounds 3] [--sweeps 10] [--seed 1]
 *
 * Without options it prints the whole table, in about half an hour on two cores, of which 10M takes two thirds (256 factors alone eight minutes, most of them implicit's). --rows, --size and --factors take
 * it apart. Without --size: 1M, then 10M. Without --rounds: 3, and 1 at 10M. implicit's function is reproduced by w = c − 1, t = c / (c − 1), α₀ = 1, ν = 0; ours is timed to the fewest sweeps after which
 * its objective is no higher than implicit's after its last; every time includes starting threads, every decomposition and the closing exact half-sweep. All objectives are computed
 * again in float64 (train/objective.py). The other rows use the product's recipe. `retail` (Online Retail's file: see bench/retail.mjs) and `ratings` run the benches of their own names.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEFAULT_RECIPE } from '../dist/model/recipe.js';
import { writeMatrix } from './train/implicit.mjs';
import { measureLoop } from './train/loop.mjs';
import { makeEvents, SIZES, toImplicitTargets, toMatrix } from './train/matrices.mjs';
import { measureMemory } from './train/memory.mjs';
import { runPart } from './train/part.mjs';
import { measureSpeed } from './train/speed.mjs';
import { addFailure, printTable } from './train/table.mjs';
import { measureThreads } from './train/threads.mjs';
import { measureWarm } from './train/warm.mjs';

const ROWS = ['speed', 'warm', 'memory', 'loop', 'threads', 'retail', 'ratings'];
const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '1M,10M' }, rows: { type: 'string', default: ROWS.join(',') }, factors: { type: 'string', default: '64,128,256' },
    threads: { type: 'string', default: '2' }, rounds: { type: 'string' }, sweeps: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' },
  },
});
const whole = (name) => {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`--${name} takes a whole number from 1, not ${options[name]}`);
  }
  return value;
};
const among = (name, allowed) =>
  options[name].split(',').map((one) => {
    if (!allowed.includes(one)) {
      throw new RangeError(`--${name} takes ${allowed.join(', ')}, not ${one}`);
    }
    return one;
  });
const sizes = among('size', SIZES);
const wanted = among('rows', ROWS);
const factorsList = options.factors.split(',').map(Number);
const [threads, sweeps, seed] = [whole('threads'), whole('sweeps'), whole('seed')];
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) }).trim();
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`;
console.log(`${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, node ${process.version}; commit ${commit}; seed ${seed}, ${threads} threads; medians`);

/** A measure that fails is a line of the table, and the next one is taken. */
async function row(name, measure, take) {
  if (!wanted.includes(name)) {
    return;
  }
  try {
    await take();
  } catch (error) {
    console.error(error);
    addFailure(measure, error);
  }
}

async function measureSize(size, folder) {
  const startedMs = performance.now();
  const rounds = options.rounds === undefined ? (size === '10M' ? 1 : 3) : whole('rounds');
  const events = await makeEvents(size, seed);
  const matrix = toMatrix(events);
  const byUser = toImplicitTargets(matrix);
  writeMatrix(folder, byUser);
  console.log(`\n${size}: ${matrix.rows} users × ${matrix.cols} items, ${events.user.length} events, ${matrix.index.length} interactions, ${rounds} rounds (made in ${((performance.now() - startedMs) / 1000).toFixed(0)} s)`);
  const recipe = { ...DEFAULT_RECIPE, factors: 128, seed };
  for (const factors of factorsList) {
    await row('speed', `wall to implicit's objective, ${size}, ${factors} factors`, async () => await measureSpeed({ size, byUser, folder, factors, sweeps, threads, rounds, seed }));
  }
  const warmFactors = size === '10M' ? factorsList[0] : 128;
  await row('warm', `warm refit, ${size}`, async () => await measureWarm({ size, events, recipe: { ...recipe, factors: warmFactors }, threads, rounds }));
  for (const factors of factorsList) {
    await row('memory', `peak memory of a fit, ${size}, ${factors} factors`, () => measureMemory({ size, byUser, folder, recipe: { ...recipe, factors, sweeps: 2 }, threads }));
  }
  if (size !== '10M') {
    await row('loop', `event loop's delay, ${size}`, async () => await measureLoop({ size, byUser: matrix, recipe }));
    await row('threads', `2 threads against one, ${size}`, async () => await measureThreads({ size, byUser: matrix, recipe, rounds }));
  }
}

for (const size of wanted.some((name) => name !== 'retail' && name !== 'ratings') ? sizes : []) {
  const folder = await mkdtemp(join(tmpdir(), 'jongleur-bench-'));
  try {
    await measureSize(size, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
for (const name of ['retail', 'ratings']) {
  const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  await row(name, `bench/${name}.mjs`, async () => await runPart(script, ['--seed', String(seed), '--threads', String(threads)]));
}
printTable();
