#!/usr/bin/env node
/**
 * `jongleur`: the commands. Each opens the house itself: it starts the embedded Postgres, or attaches to the one that a running server has. Those of
 * `offline-commands.ts` need none.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { addCheckCommand } from './check-command.ts';
import { CommandFault } from './command-fault.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { ensureDemoShop } from './demo-shop.ts';
import { type House, openHouse } from './house.ts';
import { parseColumnMapping } from './ingest/columns.ts';
import { ImportFileFault } from './ingest/csv.ts';
import { type ImportSummary, importFile } from './ingest/importer.ts';
import { PRESETS } from './ingest/rows.ts';
import { createLogger } from './logger.ts';
import { FitDiverged } from './model/recipe.ts';
import { addModelCommands, addSettingCommands } from './model-commands.ts';
import { addOfflineCommands } from './offline-commands.ts';
import { type Answer, createAnswers } from './serving/answers.ts';
import type { Role } from './storage/api-keys.ts';
import { DatabaseFull, DatabaseUnavailable } from './storage/database.ts';
import { EmbeddedPostgresError } from './storage/embedded/errors.ts';
import { KEY_VARIABLE, ROLES, createFirstKeys, keyFileOf, readKeyFile } from './storage/first-keys.ts';
import { OfflineFault } from './training/offline/fault.ts';
import { TrainingFailed } from './training/threads/thread.ts';
import { addTrainingCommands } from './training-commands.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const terminal = process.stdout.isTTY === true;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line that is written over, on a terminal only. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\u001B[K${text}`);
  }
}

/** Opens the house for one command and closes it whatever happens, also on Ctrl-C. */
async function withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void> {
  const config = readConfig(process.env, terminal);
  // A command's output is its own: the log is for what goes wrong.
  const logger = createLogger({ logLevel: process.env.LOG_LEVEL === undefined ? 'warn' : config.logLevel, logPretty: terminal });
  const controller = new AbortController();
  const interrupt = () => controller.abort(new CommandFault('Interrupted.'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const house = await openHouse(config, logger, 4);
  try {
    await work(house, controller.signal, config);
  } finally {
    await house.close();
    process.removeListener('SIGINT', interrupt).removeListener('SIGTERM', interrupt);
  }
}

function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < least || number > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return number;
  };
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function printImport(file: string, summary: ImportSummary, seconds: number): void {
  const rows: [string, number, string][] = [
    ['rows read', summary.rowsRead, `${count(Math.round(summary.rowsRead / Math.max(seconds, 0.001)))} rows/s`],
    ['imported', summary.rowsImported, summary.returns > 0 ? `of the rows taken, ${count(summary.returns)} are returns, which cancel earlier purchases` : ''],
    ['known already', summary.rowsDuplicate, summary.rowsDuplicate > 0 ? 'the same rows were imported before' : ''],
    ...Object.entries(summary.skipped)
      .sort((a, b) => b[1].count - a[1].count)
      .map(([reason, one]): [string, number, string] => [`skipped: ${reason}`, one.count, `first in line ${one.firstLine}: ${one.example}`]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  print(`${file} (${seconds.toFixed(1)} s)`);
  for (const [label, number, note] of rows) {
    print(`  ${label.padEnd(width)}  ${count(number).padStart(11)}${note === '' ? '' : `  ${note}`}`);
  }
  print(`  ${count(summary.users)} users and ${count(summary.items)} items in the file; title or price filled in for ${count(summary.itemsFilled)} items`);
}

function printAnswer(answer: Answer): void {
  if (answer.items.length === 0) {
    print('Nothing to recommend: there are no events yet.');
    return;
  }
  const width = Math.max(...answer.items.map((item) => item.itemId.length));
  for (const [rank, item] of answer.items.entries()) {
    print(`${String(rank + 1).padStart(3)}  ${item.score.toFixed(4).padStart(8)}  ${item.itemId.padEnd(width)}  ${item.title ?? ''}${item.source === undefined ? '' : ` (${item.source})`}`);
  }
}

// Before the commands are made: they take it over.
const program = new Command('jongleur').exitOverride();
program
  .description('Self-hosted recommendations for shops. "npm start" runs the server; these commands work on the same data, beside it or without it.')
  .version(version)
  .showHelpAfterError('(--help shows what is possible)')
  .addHelpText('after', '\nThe environment sets where the data are: DATABASE_URL, or DATA_DIR (./.jongleur) for the embedded Postgres. See the README.');

program
  .command('import')
  .argument('<file>', 'a CSV file, plain or gzipped, whose first line names the columns')
  .description('import events from a file; importing it again changes nothing')
  .option('--preset <name>', Object.entries(PRESETS).map(([name, preset]) => `${name}: ${preset.says}`).join('; '), 'generic')
  .option('--columns <mapping>', 'which column means what, e.g. user=CustomerID,item=StockCode,time=InvoiceDate; the rest is found by the usual names')
  .option('--type <name>', 'event type of rows that name none (default: rating where there is a value column, else view)')
  .addHelpText('after', '\nTimes without a zone are taken as UTC. Example:\n  jongleur import orders.csv.gz --columns user=customer,item=sku,time=ordered_at --type purchase')
  .action(async (file: string, options: { preset: string; columns?: string; type?: string }) => {
    const columns = options.columns === undefined ? {} : parseColumnMapping(options.columns);
    await withHouse(async ({ connectionString }, signal) => {
      const started = performance.now();
      const interrupted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      const importing = importFile({
        connectionString, path: file, preset: options.preset, columns, type: options.type ?? null, nowMs: Date.now(),
        onStart: (facts) =>
          print(`Reading ${file}${facts.gzipped ? ' (gzip)' : ''}: ${Object.entries(facts.columns).map(([meaning, column]) => `${meaning} = ${facts.header[column]}`).join(', ')}; type ${facts.columns.type === undefined ? '' : 'from the column, else '}${facts.defaultType}`),
        onProgress: ({ rowsRead, fraction }) => {
          const seconds = (performance.now() - started) / 1000;
          showProgress(`${count(rowsRead)} rows, ${Math.round(fraction * 100)} %, ${count(Math.round(rowsRead / seconds))} rows/s, ${Math.max(0, Math.round((seconds / Math.max(fraction, 0.01)) * (1 - fraction)))} s left`);
        },
      });
      const summary = await Promise.race([importing, interrupted]).finally(() => showProgress(''));
      printImport(file, summary, (performance.now() - started) / 1000);
      if (summary.rowsImported + summary.rowsDuplicate === 0) {
        throw new CommandFault('No row could be imported. The reasons are above; --columns says which column means what.');
      }
    });
  });

addTrainingCommands(program, { version, withHouse });
addModelCommands(program, { version, withHouse });

program
  .command('recommend')
  .argument('<userId>', 'the shopper')
  .description('print what is recommended to a shopper')
  .option('--limit <n>', 'how many', wholeNumber(1, 200), 10)
  .option('--json', 'the answer as the API gives it')
  .action(async (userId: string, options: { limit: number; json?: boolean }) => {
    await withHouse(async ({ database, facts }) => {
      const answers = createAnswers({ database, systemIdentifier: facts.systemIdentifier, now: Date.now, log: () => undefined });
      await answers.start();
      const answer = await answers.recommend(userId, options.limit, ['title', 'price']);
      answers.stop();
      if (options.json === true) {
        print(JSON.stringify(answer, null, 2));
        return;
      }
      if (answer.source !== 'personal') {
        process.stderr.write(`${answer.modelVersion === null ? 'No model is live yet (jongleur train makes one)' : `Nothing is known of ${JSON.stringify(userId)} that could be scored`}: this is what is trending.\n`);
      }
      printAnswer(answer);
    });
  });

program
  .command('keys')
  .argument('[role]', 'secret, publishable or admin: print that key alone')
  .description('show the keys made at the first start')
  .action(async (role?: string) => {
    const config = readConfig(process.env, terminal);
    if (role !== undefined && !(ROLES as readonly string[]).includes(role)) {
      throw new CommandFault(`There is no role "${role}"; roles are ${ROLES.join(', ')}.`);
    }
    const read = async () => {
      const file = await readKeyFile(config.dataDir);
      return Object.fromEntries(ROLES.map((one) => [one, config.keys[one] ?? file[one]])) as Record<Role, string | undefined>;
    };
    let keys = await read();
    if (ROLES.every((one) => keys[one] === undefined)) {
      // Asked before the first start of the server: make them now.
      await withHouse(async ({ database }) => {
        await createFirstKeys(database, config.dataDir, []);
      });
      keys = await read();
    }
    const wanted = role === undefined ? ROLES : [role as Role];
    if (wanted.every((one) => keys[one] === undefined)) {
      throw new CommandFault(`The clear text of the keys is not here: it was written to the DATA_DIR of the process that made them, once. Make new ones with POST /v1/keys, or set ${KEY_VARIABLE.admin}.`);
    }
    for (const one of wanted) {
      print(role === undefined ? `${one.padEnd(12)} ${keys[one] ?? '(not here)'}${config.keys[one] === null ? '' : ' (environment)'}` : (keys[one] ?? ''));
    }
    if (role === undefined && terminal) {
      print(`\nFrom ${keyFileOf(config.dataDir)}. publishable: for browsers (similar, trending, sessions). secret: for your backend. admin: training, models, keys.`);
    }
  });

program
  .command('demo')
  .description('write the demo shop into an empty database')
  .action(async () => {
    await withHouse(async ({ database, connectionString }) => {
      const outcome = await ensureDemoShop(database, connectionString, true, Date.now(), () => undefined);
      if (outcome.written === 0) {
        throw new CommandFault(outcome.isDemo ? 'The demo shop is there already.' : 'This database has data of its own; the demo shop goes into an empty one only.');
      }
      print(`${count(outcome.written)} events written. Next: jongleur train`);
    });
  });

addSettingCommands(program, { version, withHouse });
addCheckCommand(program, { withHouse, readConfig: () => readConfig(process.env, terminal) });
addOfflineCommands(program, () => readConfig(process.env, terminal).trainKernel);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const known = [CommandFault, ConfigError, ImportFileFault, OfflineFault, TrainingFailed, FitDiverged, EmbeddedPostgresError, DatabaseUnavailable, DatabaseFull].some((kind) => error instanceof kind);
    process.stderr.write(`jongleur: ${known ? (error as Error).message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  }
}
