/** `jongleur experiments`: live experiments and the guards of new versions, at a terminal. They are made over the API, which checks their conditions against the catalogue. */
import type { Command } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { House } from './house.ts';
import type { answerExperiment } from './http/experiments.ts';
import { Problem } from './http/problems.ts';
import type { Database } from './storage/database.ts';
import { ExperimentFault, type LiveExperiment, listExperiments } from './storage/live-experiments.ts';
import { ModelStateFault } from './storage/models.ts';
import { alignColumns } from './training/model-card-text.ts';

interface Surroundings {
  withHouse(work: (house: House) => Promise<void>): Promise<void>;
}

interface Output {
  readonly json?: boolean;
}

type Answer = Awaited<ReturnType<typeof answerExperiment>>;

/** Loaded when it is needed: the API's schemas take longer to load than all commands together. */
const api = async () => await import('./http/experiments.ts');

const LIST_LENGTH = 50;
const print = (text: string) => process.stdout.write(`${text}\n`);
const count = (number: number) => Math.round(number).toLocaleString('en-US');
const day = (at: string | null) => at?.slice(0, 16).replace('T', ' ') ?? '';

function describeList(experiments: readonly LiveExperiment[]): string {
  if (experiments.length === 0) {
    return 'There are no experiments yet. POST /v1/experiments makes one; a version that goes live after another is guarded by one.';
  }
  return alignColumns([
    ['experiment', 'state', 'started (UTC)', 'lists of', 'variants', 'ended'],
    ...experiments.map(({ name, state, startedAt, definition, end }) => [
      name, state, day(startedAt?.toISOString() ?? null), definition.scenario ?? 'all', definition.variants.map((variant) => `${variant.name} ${Number((100 * variant.share).toFixed(1))} %`).join(', '), end === null ? '' : `${end.reason}${end.variant === undefined ? '' : ` ${end.variant}`}`,
    ]),
  ]).join('\n');
}

function describe({ name, state, startedAt, measure, traffic, variants, result }: Answer): string {
  const rows = variants.map((variant) => [
    variant.name, `${Number((100 * variant.share).toFixed(1))} %`, count(variant.lists), count(variant.clicks), count(variant.carts), count(variant.purchases), variant.revenue.toFixed(2),
    variant.rate === null ? '–' : `${variant.rate.value.toFixed(4)} (${variant.rate.low?.toFixed(4) ?? ''}–${variant.rate.high?.toFixed(4) ?? ''})`,
  ]);
  return [
    `${name}: ${state}${startedAt === null ? '' : `, since ${day(startedAt)} UTC`}${traffic === 1 ? '' : `, ${Number((100 * traffic).toFixed(1))} % of the shoppers`}`, '',
    ...alignColumns([['variant', 'share', 'lists', 'clicks', 'carts', 'purchases', 'revenue', `${measure} a list`], ...rows]), '',
    ...result.says,
    ...(result.asOf === null ? [] : [`Figures of the last look, ${day(result.asOf)} UTC; ${result.progress === null ? '' : `${Math.floor(100 * result.progress)} % of what was planned is there.`}`]),
  ].join('\n');
}

export function addExperimentCommands(program: Command, { withHouse }: Surroundings): void {
  const experiments = program.command('experiments').description('look at live experiments and at the guards of new versions; start, stop, promote, delete');
  /** Faults of the user's in their own words. */
  const blaming = async <T>(work: Promise<T>): Promise<T> =>
    await work.catch((error: unknown) => {
      throw error instanceof Problem || error instanceof ExperimentFault || error instanceof ModelStateFault ? new CommandFault(error.message) : error;
    });
  const show = async (database: Database, name: string, { json }: Output) => {
    const { answerExperiment } = await api();
    const answer = await blaming(answerExperiment(database, name, Date.now()));
    print(json === true ? JSON.stringify(answer, null, 2) : describe(answer));
  };
  experiments
    .command('list', { isDefault: true })
    .description('the newest experiments')
    .option('--json', 'as JSON')
    .action(async ({ json }: Output) => {
      await withHouse(async ({ database }) => {
        const found = await listExperiments(database, null, LIST_LENGTH);
        print(json === true ? JSON.stringify(found, null, 2) : describeList(found));
      });
    });
  experiments
    .command('show')
    .argument('<name>', 'an experiment')
    .description('what an experiment has found')
    .option('--json', 'as the API answers')
    .action(async (name: string, options: Output) => await withHouse(async ({ database }) => await show(database, name, options)));
  const change = (name: 'start' | 'stop', says: string, work: (database: Database, experiment: string, now: Date) => Promise<unknown>) =>
    experiments
      .command(name)
      .argument('<name>', 'an experiment')
      .description(says)
      .option('--json', 'as the API answers')
      .action(async (experiment: string, options: Output) => {
        await withHouse(async ({ database }) => {
          await blaming(work(database, experiment, new Date()));
          await show(database, experiment, options);
        });
      });
  change('start', 'start a draft; running servers go by it within a second or so', async (...asked) => await (await api()).beginExperiment(...asked));
  change('stop', 'end an experiment: everybody has the scenario’s and the live model’s lists again', async (...asked) => await (await api()).stopExperiment(...asked));
  experiments
    .command('promote')
    .argument('<name>', 'an experiment')
    .argument('<variant>', 'one of its variants')
    .description('take a variant over: its settings become the scenario’s, its version the live one; the experiment ends')
    .option('--json', 'as the API answers')
    .action(async (experiment: string, variant: string, options: Output) => {
      await withHouse(async ({ database }) => {
        const { promoteVariant } = await api();
        await blaming(promoteVariant(database, experiment, variant, new Date()));
        await show(database, experiment, options);
      });
    });
  experiments
    .command('delete')
    .argument('<name>', 'a draft')
    .description('delete a draft; one that was started stays, as the record of what was decided')
    .action(async (experiment: string) => {
      await withHouse(async ({ database }) => {
        await blaming((await api()).deleteExperiment(database, experiment));
        print(`The draft ${experiment} is deleted.`);
      });
    });
}
