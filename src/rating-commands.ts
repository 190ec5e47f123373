/** `--objective rating` of the offline commands: which options go with it, and its results for people. Wiring, as offline-commands.ts. */
import type { Interval } from './model/metrics.ts';
import { DEFAULT_RATING_RECIPE } from './model/explicit.ts';
import type { RatingErrors } from './model/ratings.ts';
import { OfflineFault } from './training/offline/fault.ts';
import type { RatingChoice, RatingEvaluation, RatingFitReport, RatingsFitted } from './training/offline/ratings.ts';

export interface RatingOptions {
  readonly factors?: number;
  readonly sweeps?: number;
  readonly regularization?: number;
  readonly seed: number;
  readonly threads: number;
  readonly search?: boolean;
  /** Only to be refused. */
  readonly unobservedWeight?: number;
  readonly neighbours?: unknown;
  readonly neighbourWeight?: unknown;
  readonly neighbourExponents?: unknown;
  readonly halfLife?: unknown;
  readonly recencyWeight?: unknown;
  readonly recencyHalfLife?: unknown;
  readonly k?: unknown;
}

export const ratingHelp = `
--objective rating fits the ratings themselves: mean + user's bias + item's bias + product of two vectors, squared error, nothing said about
pairs that were not rated. The value is the rating, any number, also 0 or below; rows without one are left out, with a warning; of a pair
that was rated more than once the newest counts (by time, else the last row), with a warning. Fitted are ratings scaled to variance 1, so
--regularization (default ${DEFAULT_RATING_RECIPE.regularization}, times a row's ratings ^ ${DEFAULT_RATING_RECIPE.frequencyExponent}; biases half of it) means the same on every scale. --search tries factors and regularization
by RMSE. --k, --unobserved-weight, neighbours, half-life and recency do not go with it.`;

/** @throws OfflineFault for an option that means nothing here: it would be believed */
export function chooseRatingRecipe(options: RatingOptions): RatingChoice {
  const foreign = [
    [options.k !== undefined, '--k: it measures lists, and ratings are measured one by one (RMSE, MAE)'],
    [options.unobservedWeight !== undefined, '--unobserved-weight: it is 0, since only what was rated counts'],
    [typeof options.neighbours === 'string' || typeof options.neighbours === 'number' || options.neighbourWeight !== undefined || options.neighbourExponents !== undefined, 'a neighbourhood term (--neighbours, --neighbour-weight, --neighbour-exponents): it is part of ranking'],
    [options.halfLife !== undefined, '--half-life: a rating does not fade, the newest of a pair counts'],
    [options.recencyWeight !== undefined || options.recencyHalfLife !== undefined, 'recency (--recency-weight, --recency-half-life): it is part of ranking'],
  ] as const;
  const asked = foreign.find(([isAsked]) => isAsked);
  if (asked !== undefined) {
    throw new OfflineFault(`--objective rating does not go with ${asked[1]}.`);
  }
  const { factors, sweeps, regularization = DEFAULT_RATING_RECIPE.regularization, seed, threads } = options;
  const biasShare = DEFAULT_RATING_RECIPE.biasRegularization / DEFAULT_RATING_RECIPE.regularization;
  return {
    recipe: {
      ...DEFAULT_RATING_RECIPE, seed, regularization, factors: factors ?? DEFAULT_RATING_RECIPE.factors, sweeps: sweeps ?? DEFAULT_RATING_RECIPE.sweeps,
      biasRegularization: biasShare * regularization,
    },
    asked: { factors: factors !== undefined, regularization: options.regularization !== undefined },
    search: options.search === true,
    threads,
  };
}

function describeFitted({ interactions, users, items, params }: RatingsFitted): string {
  return `${count(interactions)} ratings of ${count(users)} users for ${count(items)} items; ${params.factors} factors, ${params.sweeps} sweeps, regularization ${params.regularization}, seed ${params.seed}`;
}

export function describeRatingEvaluation(evaluation: RatingEvaluation): string {
  const { threads, fitSeconds, cpuSeconds, peakMemoryBytes, test, metrics, baselines } = evaluation;
  const cell = ({ mean, low, high }: Interval) => `${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`.padEnd(26);
  const line = (label: string, { rmse, mae }: RatingErrors) => `  ${label.padEnd(20)}  ${cell(rmse)}${cell(mae)}`.trimEnd();
  return [
    `Fitted: ${describeFitted(evaluation)}`,
    `  ${fitSeconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of CPU, ${threads} thread${threads === 1 ? '' : 's'}; peak memory ${count(Math.round(peakMemoryBytes / 2 ** 20))} MiB`,
    `Measured: ${count(test.ratings)} ratings of ${count(test.users)} users, ${(100 * test.coldShare).toFixed(1)} % of them with a user or item unknown to the fit`,
    `  ${'mean [95 % interval]'.padEnd(20)}  ${'rmse'.padEnd(26)}mae`,
    line('this model', metrics),
    line('biases alone', baselines.biases),
    line('mean of the item', baselines.itemMean),
    line('mean of all', baselines.mean),
    '',
  ].join('\n');
}

export function describeRatingFit(out: string, report: RatingFitReport): string {
  const { threads, fitSeconds, peakMemoryBytes, objective } = report;
  return [
    `${out}: ${describeFitted(report)}; two columns more hold the biases, report.json the mean`,
    `  ${fitSeconds.toFixed(2)} s on ${threads} thread${threads === 1 ? '' : 's'}; objective ${objective.at(0)?.toPrecision(7)} → ${objective.at(-1)?.toPrecision(7)}; peak memory ${count(Math.round(peakMemoryBytes / 2 ** 20))} MiB`,
    '',
  ].join('\n');
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
