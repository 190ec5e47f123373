/**
 * The experiment, measured: what intervals cost and how often they hold the truth, how often the gate errs, how often the verdict is right, and Online Retail end to end with serving meanwhile. Prints what each
 * measure took and a table with floors and goals; ends with code 1 where a floor is not reached or an answer is wrong.
 *
 *   npm run bench:experiment [-- --rows report,intervals,gate,verdict,retail] [--seed 1] [--draws 2000] [--trials 1000] [--cases 20] [--first-case 1] [--verbose] [--file ../shared/data/online-retail.csv.gz] [--rate 300] [--rounds 5]
 *
 * Everything random is seeded, so every figure but times comes out the same again. The file is also taken from BENCH_RETAIL; where it is missing, its rows are left out.
 */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureGate } from './experiment/gate.mjs';
import { measureIntervals } from './experiment/intervals.mjs';
import { measureReport } from './experiment/report.mjs';
import { measureRetail } from './experiment/retail.mjs';
import { measureVerdict } from './experiment/verdict.mjs';
import { addFailure, printTable } from './train/table.mjs';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string' }, seed: { type: 'string', default: '1' }, draws: { type: 'string', default: '2000' }, trials: { type: 'string', default: '1000' }, cases: { type: 'string', default: '20' }, 'first-case': { type: 'string', default: '1' }, verbose: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' },
    file: { type: 'string', default: process.env.BENCH_RETAIL ?? '../shared/data/online-retail.csv.gz' }, rate: { type: 'string', default: '300' },
  },
});
const whole = (name) => {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`--${name} takes a whole number from 1, not ${options[name]}`);
  }
  return value;
};
const seed = whole('seed');
/** In this order; each takes itself for unmeasured where it throws. */
const ROWS = {
  report: () => measureReport({ rounds: whole('rounds'), seed }),
  intervals: () => measureIntervals({ draws: whole('draws'), seed }),
  gate: () => measureGate({ trials: whole('trials'), seed }),
  verdict: () => measureVerdict({ seeds: Array.from({ length: whole('cases') }, (_, n) => whole('first-case') + n), verbose: options.verbose }),
  retail: () => measureRetail({ path: options.file, rate: whole('rate') }),
};
const wanted = options.rows?.split(',') ?? Object.keys(ROWS);
for (const name of wanted) {
  if (!Object.hasOwn(ROWS, name)) {
    throw new RangeError(`--rows takes ${Object.keys(ROWS).join(', ')}, not ${name}`);
  }
}

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) }).trim();
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`;
console.log(`${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, node ${process.version}; commit ${commit}; seed ${seed}`);
for (const name of wanted) {
  const startedMs = performance.now();
  try {
    await ROWS[name]();
  } catch (error) {
    console.error(error);
    addFailure(name, error);
  }
  console.log(`(${name}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s)`);
}
printTable();
