/** `jongleur metrics`: what recommendations did, at a terminal. */
import { type Command, Option } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { House } from './house.ts';
import type { MetricsQuestion, answerMetrics } from './http/metrics.ts';
import { Problem } from './http/problems.ts';
import { METRIC_GROUPINGS } from './storage/attribution.ts';
import { alignColumns } from './training/model-card-text.ts';

interface Surroundings {
  withHouse(work: (house: House) => Promise<void>): Promise<void>;
}

type Answer = Awaited<ReturnType<typeof answerMetrics>>;
type Rate = Answer['rows'][number]['clickRate'];

const print = (text: string) => process.stdout.write(`${text}\n`);
const count = (number: number) => Math.round(number).toLocaleString('en-US');

function rateText(rate: Rate, times: number, unit: string): string {
  return rate === null ? '–' : `${(times * rate.value).toFixed(2)}${unit} (${(times * rate.low).toFixed(2)}–${(times * rate.high).toFixed(2)})`;
}

function describeMetrics({ by, from, to, windowHours, complete, rows, withoutList }: Answer): string {
  if (rows.length === 0) {
    return `No list was given out from ${from} to ${to}.`;
  }
  const nameOf = (key: string) => (by === 'total' ? 'all' : key === '' ? '(none)' : key);
  const table = alignColumns([
    [by === 'total' ? '' : by, 'lists', 'items', 'clicks', 'click rate', 'carts', 'purchases', 'per 100 lists', 'revenue'],
    ...rows.map((row) => [nameOf(row.key), count(row.lists), count(row.items), count(row.clicks), rateText(row.clickRate, 100, ' %'), count(row.carts), count(row.purchases), rateText(row.purchasesPerList, 100, ''), row.revenue.toFixed(2)]),
  ]);
  const told = Object.entries(withoutList).map(([fault, events]) => `${count(events)} ${fault}`).join(', ');
  return [
    ...table, '',
    `Lists of ${from} to ${to}; in brackets 95 % intervals. Carts and purchases within ${windowHours} hours of a click; lists after ${complete} may still lead to some.`,
    ...(told === '' ? [] : [`Events whose recommendationId told nothing: ${told}.`]),
  ].join('\n');
}

export function addMetricCommands(program: Command, { withHouse }: Surroundings): void {
  program
    .command('metrics')
    .description('what recommendations did: lists, clicks, carts, purchases and revenue, with intervals')
    .addOption(new Option('--by <group>', 'a row for each').choices([...METRIC_GROUPINGS]).default('day'))
    .option('--from <date>', 'lists from this day (UTC) or moment on; default: 30 days back')
    .option('--to <date>', 'lists before this; default: now')
    .option('--scenario <name>', 'lists of one scenario')
    .option('--json', 'as the API answers')
    .action(async ({ json, ...question }: MetricsQuestion & { json?: boolean }) => {
      // Loaded when it is needed: the API's schemas take longer to load than all commands together.
      const { answerMetrics } = await import('./http/metrics.ts');
      await withHouse(async ({ database }) => {
        const answer = await answerMetrics(database, question, Date.now()).catch((error: unknown) => {
          throw error instanceof Problem ? new CommandFault(error.message) : error;
        });
        print(json === true ? JSON.stringify(answer, null, 2) : describeMetrics(answer));
      });
    });
}
