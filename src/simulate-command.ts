/** `jongleur simulate`: shoppers with hidden tastes against a running service, day after day. Wiring. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import type { Rate, Ratio } from './demo/click-rates.ts';
import { ARMS, type DayReport, runLoop } from './demo/loop.ts';
import { DEMO_SIZE } from './demo-shop.ts';
import { openShopClient } from './shop-client.ts';
import { openSimulatedShop } from './simulated-shop.ts';
import { KEY_VARIABLE, readKeyFile } from './storage/first-keys.ts';

interface SimulateOptions {
  readonly url?: string;
  readonly key?: string;
  readonly days: number;
  readonly history: number;
  readonly shoppers: number;
  readonly products: number;
  readonly seed: number;
  readonly list: number;
  readonly scenario?: string;
  readonly search?: 'off' | 'light' | 'full';
  readonly json?: boolean;
}

const DEFAULT_DAYS = 30;
const DEFAULT_HISTORY = 3;
const MOST_DAYS = 365;

const help = `
Every day items come out, shoppers come, some look things up, each is shown the service's list and clicks by a taste that no model knows the form of; events go in, and a model is trained.
The same visits see two other lists as well, of which nothing is told to the service: what is trending, and what an oracle who knows the taste would show. Three click-through rates a day
with 95 % intervals: the model lies between the two. Coverage is the share of the catalogue that the day's lists had. docs/simulator.md says how shoppers choose.

An empty service begins with --history days without lists, so its first model knows little. The demo shop (seed ${DEMO_SIZE.seed}, ${DEMO_SIZE.users} shoppers, ${DEMO_SIZE.items} products) goes on from where it is. A service with other items is
refused. The last day ends now, so the days lie in the past: what the service says of clicks on lists (which it gave out today) leaves them out.`;

function whole(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

export function addSimulateCommand(program: Command, readConfig: () => Config): void {
  program
    .command('simulate')
    .description('simulated shoppers with hidden tastes against a running service, day after day: how much better than trending is the model, and how near to an oracle')
    .option('--url <url>', 'where the service is (default: by HOST and PORT)')
    .option('--key <key>', `an admin key (default: ${KEY_VARIABLE.admin}, or the one in DATA_DIR)`)
    .option('--days <n>', 'days with lists', whole(1, MOST_DAYS), DEFAULT_DAYS)
    .option('--history <n>', 'days before, without lists, where the service is empty', whole(1, MOST_DAYS), DEFAULT_HISTORY)
    .option('--shoppers <n>', 'how many shoppers there are; about three in ten come on a day', whole(10, 1_000_000), DEMO_SIZE.users)
    .option('--products <n>', 'how many items there will be on the last day', whole(20, 100_000), DEMO_SIZE.items)
    .option('--seed <n>', 'of all chance', whole(0, Number.MAX_SAFE_INTEGER), DEMO_SIZE.seed)
    .option('--list <n>', 'length of the lists', whole(1, 100), 10)
    .option('--scenario <name>', 'of the lists (default: none)')
    .addOption(new Option('--search <mode>', 'how long a training looks for a better recipe (default: as the service is set)').choices(['off', 'light', 'full']))
    .option('--json', 'a line of JSON a day')
    .addHelpText('after', help)
    .action(async (options: SimulateOptions) => {
      const controller = new AbortController();
      const interrupt = () => controller.abort(new CommandFault('Interrupted.'));
      process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
      try {
        await simulate(options, readConfig(), controller.signal);
      } finally {
        process.removeListener('SIGINT', interrupt).removeListener('SIGTERM', interrupt);
      }
    });
}

async function simulate(options: SimulateOptions, config: Config, signal: AbortSignal): Promise<void> {
  const url = readUrl(options.url, config);
  const key = options.key ?? config.keys.admin ?? (await readKeyFile(config.dataDir)).admin;
  if (key === undefined) {
    throw new CommandFault(`There is no admin key in ${config.dataDir}. Say one with --key, or set ${KEY_VARIABLE.admin}.`);
  }
  const client = await openShopClient({ url, key, scenario: options.scenario ?? null, ...(options.search === undefined ? {} : { search: options.search }), signal });
  const { simulation, startMs, historyDays } = await openSimulatedShop(client, url, { seed: options.seed, users: options.shoppers, items: options.products, days: options.days, historyDays: options.history, endMs: Date.now() });
  const print = (text: string) => process.stdout.write(`${text}\n`);
  if (options.json !== true) {
    print(`${count(options.shoppers)} shoppers, ${count(options.products)} products, seed ${options.seed}, lists of ${options.list}, at ${url}; ${historyDays === 0 ? 'the shop goes on from where it is' : `${historyDays} days of history first`}`);
    print(HEADING);
  }
  let last: DayReport | null = null;
  let begunMs = performance.now();
  await runLoop({
    service: client, simulation, startMs, historyDays, days: options.days, listLength: options.list, signal,
    onDay(report) {
      const seconds = (performance.now() - begunMs) / 1000;
      begunMs = performance.now();
      last = report;
      print(options.json === true ? JSON.stringify({ ...report, seconds: Number(seconds.toFixed(2)) }) : dayLine(report, seconds));
    },
  });
  if (options.json !== true && last !== null) {
    print(summaryLine(last));
  }
}

/** @throws CommandFault */
function readUrl(given: string | undefined, config: Config): string {
  if (given === undefined) {
    if (config.port === 0) {
      throw new CommandFault('PORT is 0, any free port: say with --url where the service is.');
    }
    const host = config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${config.port}`;
  }
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol)) {
    throw new CommandFault(`--url is "${given}": it must be an http(s) URL, like http://127.0.0.1:3000.`);
  }
  return given.replace(/\/+$/, '');
}

const count = (number: number) => number.toLocaleString('en-US');
const COLUMNS = [4, 11, 7, 6, 7, 16, 16, 16, 10, 10, 9, 22, 7] as const;
const alignRow = (cells: readonly string[]) => cells.map((cell, k) => cell.padStart(COLUMNS[k])).join(' ').trimEnd();
export const HEADING = alignRow(['day', 'date', 'events', 'lists', 'clicks', 'trending CTR %', 'model CTR %', 'oracle CTR %', '× trending', '% oracle', 'coverage', 'made by → trained', 's']);

function rateText({ ctr, low, high }: Rate): string {
  return `${(100 * ctr).toFixed(2)} ±${((100 * (high - low)) / 2).toFixed(2)}`;
}

function ratioText(ratio: Ratio | null, scale: number, digits: number): string {
  return ratio === null ? '–' : (scale * ratio.ratio).toFixed(digits);
}

export function dayLine(report: DayReport, seconds: number): string {
  const { day, beginsMs, events, lists, rates, shown, offered, modelVersion, trained } = report;
  const version = modelVersion === null ? 'no model' : `model ${modelVersion}`;
  const outcome = trained.state === 'published' ? `${trained.modelVersion}` : `${trained.state}`;
  return alignRow([
    String(day), new Date(beginsMs).toISOString().slice(0, 10), count(events), count(lists), count(rates.model.clicks), ...ARMS.map((arm) => rateText(rates[arm])),
    ratioText(report.timesTrending, 1, 2), ratioText(report.ofOracle, 100, 0), `${((100 * shown) / Math.max(1, offered)).toFixed(0)} %`, `${version} → ${outcome}`, seconds.toFixed(1),
  ]);
}

function summaryLine({ day, timesTrending, ofOracle, shown, offered }: DayReport): string {
  const interval = (ratio: Ratio | null, scale: number, digits: number) => (ratio === null ? 'too few clicks to tell' : `${(scale * ratio.ratio).toFixed(digits)} (${(scale * ratio.low).toFixed(digits)} to ${(scale * ratio.high).toFixed(digits)})`);
  return `Day ${day}: the model's lists are clicked ${interval(timesTrending, 1, 2)} times as often as what is trending, and ${interval(ofOracle, 100, 0)} % as often as the oracle's; they had ${count(shown)} of ${count(offered)} items.`;
}
