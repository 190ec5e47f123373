#!/usr/bin/env node
/**
 * `jongleur`: the commands. Each opens the house itself: it starts the embedded Postgres, or attaches to the one that a running server has. Those of
 * `offline-commands.ts` need none.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAnswerCommands } from './answer-commands.ts';
import { addCheckCommand } from './check-command.ts';
import { CommandFault } from './command-fault.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { addDataCommands } from './data-commands.ts';
import { ensureDemoShop } from './demo-shop.ts';
import { addEventTypeCommands } from './event-type-commands.ts';
import { addExperimentCommands } from './experiment-commands.ts';
import { type House, openHouse } from './house.ts';
import { addImportCommand } from './import-command.ts';
import { ImportFileFault } from './ingest/csv.ts';
import { addKeyCommands } from './key-commands.ts';
import { createLogger } from './logger.ts';
import { FitDiverged } from './model/recipe.ts';
import { addMetricCommands } from './metric-commands.ts';
import { addModelCommands, addSettingCommands } from './model-commands.ts';
import { addOfflineCommands } from './offline-commands.ts';
import { addSimulateCommand } from './simulate-command.ts';
import { DatabaseFull, DatabaseUnavailable } from './storage/database.ts';
import { EmbeddedPostgresError } from './storage/embedded/errors.ts';
import { OfflineFault } from './training/offline/fault.ts';
import { TrainingFailed } from './training/threads/thread.ts';
import { addTrainingCommands } from './training-commands.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const terminal = process.stdout.isTTY === true;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
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

function count(number: number): string {
  return number.toLocaleString('en-US');
}

// `jongleur check | head -3` has read enough: what is left to print is of no use to anybody, and what the command does goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    throw error;
  }
});

// Before the commands are made: they take it over.
const program = new Command('jongleur').exitOverride();
program
  .description('Self-hosted recommendations for shops. "npm start" runs the server; these commands work on the same data, beside it or without it.')
  .version(version)
  .showHelpAfterError('(--help shows what is possible)')
  .addHelpText('after', '\nThe environment sets where the data are: DATABASE_URL, or DATA_DIR (./.jongleur) for the embedded Postgres. See the README.');

addImportCommand(program, { withHouse });
addEventTypeCommands(program, { withHouse });
addDataCommands(program, { version, withHouse });
addTrainingCommands(program, { version, withHouse });
addModelCommands(program, { version, withHouse });

addAnswerCommands(program, { withHouse });

addMetricCommands(program, { withHouse });
addExperimentCommands(program, { withHouse });

addKeyCommands(program, { withHouse, readConfig: () => readConfig(process.env, terminal), terminal });

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
addSimulateCommand(program, () => readConfig(process.env, terminal));
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
