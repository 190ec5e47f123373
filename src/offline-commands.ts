/**
 * `jongleur evaluate` and `jongleur fit`: wiring between the reader of files (`ingest/pairs.ts`) and the fit on them (`training/offline/`). No database is
 * opened. stdout carries the result alone, everything said on the way goes to stderr.
 */
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { readPairs, type ValueKind } from './ingest/pairs.ts';
import { DEFAULT_RATING_RECIPE } from './model/explicit.ts';
import { DEFAULT_RECIPE } from './model/recipe.ts';
import type { Interval } from './model/metrics.ts';
import type { PairData, RecipeChoice } from './training/offline/data.ts';
import { type Evaluation, evaluateOffline, type Metrics } from './training/offline/evaluate.ts';
import { chooseRatingRecipe, describeRatingEvaluation, describeRatingFit, ratingHelp } from './rating-commands.ts';
import { OfflineFault } from './training/offline/fault.ts';
import { evaluateRatings, fitRatingsToFiles } from './training/offline/ratings.ts';
import { fitOffline, type FitReport } from './training/offline/fit.ts';
import { DEFAULT_TERMS, type Terms } from './model/terms.ts';
import type { KernelChoice } from './training/threads/fit.ts';

interface RecipeOptions {
  readonly train: string;
  readonly objective: string;
  readonly factors?: number;
  readonly sweeps?: number;
  readonly regularization?: number;
  readonly unobservedWeight?: number;
  readonly seed: number;
  readonly threads: number;
  readonly json?: boolean;
  /** false: --no-neighbours. */
  readonly neighbours?: number | false;
  readonly neighbourWeight?: number;
  readonly neighbourExponents?: [number, number];
  readonly halfLife?: number;
  readonly recencyWeight?: number;
  readonly recencyHalfLife?: number;
  readonly search?: boolean;
}

const scoreHelp = `
The score of an item is the product of two vectors, plus w times what goes with the user's items (each item's K neighbours by users they share, items of
busy users counting less), plus p times how many users took it of late. w and p are relative to the spread of the products over all pairs, so they mean
the same in every shop. Where the file has times, an event counts half after --half-life days, in the fit and in the user's history; ages count
from the newest row of the file. Without times nothing fades and nothing is recent.`;

const searchHelp = `
--search holds out the latest fifth of the training file where it has times, and the latest fifth of what is before it, else a tenth of each user's
items (seeded). It compares by mean ndcg@20 on these parts: 16 recipes (factors, regularization, unobserved weight, half-life) with half of the sweeps, the best 5
with all, then for the best one the weights of neighbours and recency, one after the other. Then that is fitted on the whole file. What is given as an
option stays. Trials are printed on stderr. It costs about twenty-five times a fit.`;

const filesHelp = `
Files: CSV, plain or gzipped, split by comma, semicolon, tab or |. Columns user,item[,value[,timestamp]] in this order, or in any order
under a header with usual names (user_id, CustomerID, item, sku, rating, timestamp…).
  value      the weight of the pair, above 0; without the column, or left empty, 1. Rows of a pair are added up, with a warning; weights are
             scaled to mean 1. Constant values are as good as none, with a warning.
  timestamp  an ISO date and time (UTC without a zone) or a Unix time; used for what is recent and by --search. Rows whose time
             cannot be read still count.
Rows without user or item, with a value that is no number or not above 0 (NaN, negative), or with an id that is not UTF-8 are left out,
with a warning that counts them by reason and names the first line.
Fewer than two users or items, no row that can be used, a missing file, a header without user or item: exit code 1.
More factors than the shorter side of the matrix has: as many as it has, with a warning (by default at most half of it).`;

/** @param readKernel asked when a command runs, so that a fault in the environment is a fault of that command */
export function addOfflineCommands(program: Command, readKernel: () => KernelChoice): void {
  addRecipeOptions(program.command('evaluate').description('fit on one CSV file, measure on another; needs no database').requiredOption('--train <file>', 'the file to fit on'))
    .requiredOption('--test <file>', 'the file to measure on; read after the fit has ended')
    .option('--k <list>', 'lengths of list to measure at (default: 10,20)', lengths)
    .option('--json', 'the result as JSON')
    .addHelpText('after', `
Every user of the test file whom the training file knows gets a list from the whole catalogue less what the training file has of them.
  recall@k  found / all items of the user in the test file that are new to them: repeated ones count once, items that the training file does
            not know count and cannot be found. Users for whom nothing is new are left out.
  ndcg@k    gain 1 / log2(rank + 1) over that of an ideal list of min(k, items to be found)
Means over users, with 95 % intervals (bootstrap). Beside them, on the same users: popularity (users per item), the same over the last 28 days
of the training file where it has times, and item-kNN (plain cosine of the items' sets of users, 100 nearest).
No user in both files, or nothing new in the test file: exit code 1.
${scoreHelp}
${ratingHelp}
Every rating of the test file is predicted, those of unknown users or items by the mean and the bias that is known (their share is said), and
cut to the range of the ratings fitted. RMSE and MAE, with 95 % intervals over users (bootstrap), beside the mean, the item's mean and biases alone.
${searchHelp}
${filesHelp}

Example:
  jongleur evaluate --train before.csv --test after.csv --factors 128 --k 20`)
    .action(async (options: RecipeOptions & { test: string; k?: number[] }) => {
      if (options.objective === 'rating') {
        const ratings = { ...chooseRatingRecipe(options), kernel: readKernel(), say };
        const train = await readData(options.train, 'rating');
        const result = await evaluateRatings({ train, readTest: async () => await readData(options.test, 'rating'), ...ratings });
        process.stdout.write(options.json === true ? `${JSON.stringify(result, null, 2)}\n` : describeRatingEvaluation(result));
        return;
      }
      const choice = { ...chooseRecipe(options), kernel: readKernel() };
      const train = await readData(options.train);
      const evaluation = await evaluateOffline({
        train, readTest: async () => await readData(options.test), ...choice, ks: options.k ?? [10, 20], say,
      });
      process.stdout.write(options.json === true ? `${JSON.stringify(evaluation, null, 2)}\n` : describeEvaluation(evaluation));
    });

  addRecipeOptions(program.command('fit').description('fit a CSV file and write the factors for other programs; needs no database').requiredOption('--train <file>', 'the file to fit'))
    .requiredOption('--out <folder>', 'where to: a folder that is new or empty')
    .option('--force', 'replace an earlier fit in that folder')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', `
Writes user_factors.npy and item_factors.npy (NPY 1.0: float32, rows × factors), user_ids.txt and item_ids.txt (one per line, in the order of the
rows) and report.json (parameters, objective and seconds per sweep, memory). The product of two rows is the factors' part of a score. The lists of neighbours
are neighbour_start.npy, neighbour_index.npy (int32) and neighbour_similarity.npy (float32): scipy.sparse.csr_matrix((similarity, index, start)); recent_popularity.npy
is one number an item; report.json says in "scales" what both are multiplied by. --no-neighbours writes no lists. The folder appears when it is whole.
${scoreHelp}
${ratingHelp}
The rows then have two columns more: a user's row ends with its bias and a 1, an item's with a 1 and its bias; a prediction is the report's mean
plus the product of two rows.
${searchHelp}
${filesHelp}

Example:
  jongleur fit --train orders.csv --out factors --factors 128`)
    .action(async (options: RecipeOptions & { out: string; force?: boolean }) => {
      if (options.objective === 'rating') {
        const ratings = { ...chooseRatingRecipe(options), kernel: readKernel(), say };
        const result = await fitRatingsToFiles({ train: await readData(options.train, 'rating'), out: options.out, force: options.force === true, ...ratings });
        process.stdout.write(options.json === true ? `${JSON.stringify(result, null, 2)}\n` : describeRatingFit(options.out, result));
        return;
      }
      const choice = { ...chooseRecipe(options), kernel: readKernel() };
      const train = await readData(options.train);
      const report = await fitOffline({ train, out: options.out, force: options.force === true, ...choice, say });
      process.stdout.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : describeFit(options.out, report));
    });
}

function addRecipeOptions(command: Command): Command {
  return command
    .option('--objective <name>', 'ranking: what will be wanted next; rating: how a pair will be rated', 'ranking')
    .option('--factors <n>', `length of a vector (default: ${DEFAULT_RECIPE.factors}, for ratings ${DEFAULT_RATING_RECIPE.factors}, less for small files)`, wholeNumber(1, 1024))
    .option('--search', 'choose factors, regularization and unobserved weight, where not given, on a part of the training file held out')
    .option('--sweeps <n>', `one sweep solves all users, then all items (default: ${DEFAULT_RECIPE.sweeps}, for ratings ${DEFAULT_RATING_RECIPE.sweeps})`, wholeNumber(1, 1000))
    .option('--regularization <x>', `λ, above 0 (default: ${DEFAULT_RECIPE.regularization}, for ratings ${DEFAULT_RATING_RECIPE.regularization})`, number('above 0', (x) => x > 0))
    .option('--unobserved-weight <x>', `α₀: the weight of a pair that is not in the file, beside the mean pair's 1 (default: ${DEFAULT_RECIPE.unobservedWeight})`, number('from 0', (x) => x >= 0))
    .option('--seed <n>', 'of the first factors; the same seed gives the same bytes', wholeNumber(0, Number.MAX_SAFE_INTEGER), DEFAULT_RECIPE.seed)
    .option('--threads <n>', 'the result does not depend on it', wholeNumber(1, 256), availableParallelism())
    .option('--neighbours <k>', `neighbours kept an item, 0 = none (default: ${DEFAULT_TERMS.neighbours})`, wholeNumber(0, 10_000))
    .option('--no-neighbours', 'the same as --neighbours 0')
    .option('--neighbour-weight <w>', `w, beside the factors' 1 (default: ${DEFAULT_TERMS.neighbourWeight})`, number('from 0', (x) => x >= 0))
    .option('--neighbour-exponents <a,b>', `what popularity costs an item and its neighbours (default: ${DEFAULT_TERMS.neighbourExponents.join()})`, exponents)
    .option('--half-life <days>', `of an event's weight, 0 = events do not fade (default: ${DEFAULT_TERMS.halfLifeDays})`, number('from 0', (x) => x >= 0))
    .option('--recency-weight <p>', `p, of recent popularity, beside the factors' 1 (default: ${DEFAULT_TERMS.recencyWeight})`, number('from 0', (x) => x >= 0))
    .option('--recency-half-life <days>', `of what counts as recent (default: ${DEFAULT_TERMS.recencyHalfLifeDays})`, number('above 0', (x) => x > 0));
}

/** @throws OfflineFault for options that contradict one another */
function chooseRecipe(options: RecipeOptions): RecipeChoice {
  if (options.objective !== 'ranking') {
    throw new OfflineFault(`There is no objective ${JSON.stringify(options.objective)}; it is ranking or rating.`);
  }
  const { sweeps = DEFAULT_RECIPE.sweeps, regularization, unobservedWeight, seed, factors } = options;
  if (unobservedWeight === 0) {
    say('Warning: with an unobserved weight of 0 nothing speaks against any item: all scores tend to 1.');
  }
  const terms = termsGiven(options);
  return {
    recipe: {
      ...DEFAULT_RECIPE, sweeps, seed, factors: factors ?? DEFAULT_RECIPE.factors,
      regularization: regularization ?? DEFAULT_RECIPE.regularization, unobservedWeight: unobservedWeight ?? DEFAULT_RECIPE.unobservedWeight,
    },
    asked: { factors: factors !== undefined, regularization: regularization !== undefined, unobservedWeight: unobservedWeight !== undefined, terms: Object.keys(terms) as (keyof Terms)[] },
    terms: { ...DEFAULT_TERMS, ...terms },
    search: options.search === true,
    threads: options.threads,
  };
}

/** @throws OfflineFault for options that contradict one another */
function termsGiven({ neighbours, neighbourWeight, neighbourExponents, halfLife, recencyWeight, recencyHalfLife }: RecipeOptions): Partial<Terms> {
  if ((neighbours === false || neighbours === 0) && (neighbourWeight ?? 0) > 0) {
    throw new OfflineFault(`Without neighbours a --neighbour-weight of ${neighbourWeight} has nothing to weigh: give one of the two.`);
  }
  const given: Partial<Record<keyof Terms, Terms[keyof Terms]>> = {
    neighbours: neighbours === false ? 0 : neighbours, neighbourWeight, neighbourExponents, halfLifeDays: halfLife, recencyWeight, recencyHalfLifeDays: recencyHalfLife,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Reads a file and says what of it could not be used. */
async function readData(path: string, values: ValueKind = 'weight'): Promise<PairData> {
  const { pairs, userIds, itemIds, rowsRead, skipped, badTimes, columns } = await readPairs(path, values);
  say(`${path}: ${count(rowsRead)} rows, ${columns}; ${count(userIds.length)} users, ${count(itemIds.length)} items`);
  for (const [reason, { count: rows, firstLine, example }] of skipped) {
    say(`Warning: ${path}: ${count(rows)} rows left out: ${reason}, first in line ${firstLine} (${example})`);
  }
  if (badTimes !== null) {
    say(`Warning: ${path}: ${count(badTimes.count)} rows have a time that cannot be read, first in line ${badTimes.firstLine} (${badTimes.example}); they count, but never as recent`);
  }
  return { pairs, userIds, itemIds };
}

function describeEvaluation(evaluation: Evaluation): string {
  const { users, items, interactions, params, threads, fitSeconds, cpuSeconds, peakMemoryBytes, test, metrics, baselines } = evaluation;
  const names = Object.keys(metrics);
  const cell = ({ mean, low, high }: Interval) => `${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
  const rows: [string, Metrics | null][] = [['this model', metrics], ['item-kNN', baselines.itemKnn], ['popularity', baselines.popularity], ['popularity, 28 days', baselines.recentPopularity]];
  const line = (label: string, cells: readonly string[]) => `  ${label.padEnd(20)}${cells.map((text) => `  ${text.padEnd(23)}`).join('')}`.trimEnd();
  return [
    `Fitted: ${count(interactions)} interactions of ${count(users)} users with ${count(items)} items; ${params.factors} factors, ${params.sweeps} sweeps, regularization ${params.regularization}, unobserved weight ${params.unobservedWeight}, seed ${params.seed}`,
    `  half-life ${params.halfLifeDays} days; ${params.neighbours} neighbours, weight ${params.neighbourWeight}, exponents ${params.neighbourExponents.join()}; recency weight ${params.recencyWeight}, half-life ${params.recencyHalfLifeDays} days`,
    `  ${fitSeconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of CPU, ${threads} thread${threads === 1 ? '' : 's'}; peak memory ${count(Math.round(peakMemoryBytes / 2 ** 20))} MiB`,
    `Measured: ${count(test.users)} users, ${count(test.relevant)} items to be found, ${(100 * test.coldShare).toFixed(1)} % of them unknown to the fit; whole catalogue`,
    line('mean [95 % interval]', names),
    ...rows.map(([label, one]) => line(label, one === null ? ['no times in the file'] : names.map((name) => cell(one[name])))),
    '',
  ].join('\n');
}

function describeFit(out: string, { users, items, interactions, params, threads, fitSeconds, peakMemoryBytes, objective }: FitReport): string {
  return [
    `${out}: ${count(users)} users and ${count(items)} items × ${params.factors} factors, from ${count(interactions)} interactions`,
    `  ${params.sweeps} sweeps in ${fitSeconds.toFixed(2)} s on ${threads} thread${threads === 1 ? '' : 's'}; objective ${objective.at(0)?.toPrecision(7)} → ${objective.at(-1)?.toPrecision(7)}; peak memory ${count(Math.round(peakMemoryBytes / 2 ** 20))} MiB`,
    '',
  ].join('\n');
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function exponents(text: string): [number, number] {
  const read = text.split(',').map(number('two numbers from 0 to 2, e.g. 0.75,0.25', (x) => x >= 0 && x <= 2));
  if (read.length !== 2) {
    throw new InvalidArgumentError('It must be two numbers from 0 to 2, e.g. 0.75,0.25.');
  }
  return [read[0], read[1]];
}

function wholeNumber(least: number, most: number) {
  return number(`a whole number from ${least} to ${most}`, (x) => Number.isInteger(x) && x >= least && x <= most);
}

function number(wanted: string, isGood: (x: number) => boolean) {
  return (text: string): number => {
    const x = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(x) || !isGood(x)) {
      throw new InvalidArgumentError(`It must be ${wanted}.`);
    }
    return x;
  };
}

const mostListLength = 1000;

function lengths(text: string): number[] {
  return [...new Set(text.split(',').map(wholeNumber(1, mostListLength)))].sort((a, b) => a - b);
}
