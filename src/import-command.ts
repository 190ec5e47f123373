/** `jongleur import`: a file into the database, with what was found out about it, a bar, and what became of its rows. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import { type FileOptions, addFileOptions, describeLayout, readingOf } from './file-options.ts';
import type { House } from './house.ts';
import { type DryRun, type ImportFacts, type ImportOptions, type ImportSummary, dryRunFile, importFile } from './ingest/importer.ts';
import { createImportJobs } from './ingest/import-jobs.ts';
import { quarantineText } from './ingest/quarantine.ts';
import { createProgressLine } from './progress-line.ts';
import type { Database } from './storage/database.ts';
import { type ImportKind, type ImportRecord, findImport } from './storage/imports.ts';

interface ImportCommandOptions extends FileOptions {
  readonly kind: ImportKind;
  readonly maxBad: number;
  readonly dryRun?: boolean;
}

interface Surroundings {
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
}

const count = (number: number) => number.toLocaleString('en-US');
const print = (text: string) => process.stdout.write(`${text}\n`);

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() === '' || !(share >= 0 && share <= 1)) {
    throw new InvalidArgumentError('It must be a share from 0 to 1, like 0.1.');
  }
  return share;
}

function describeFacts(file: string, facts: ImportFacts, kind: ImportKind): string {
  const resumed = facts.resumedFrom > 0 ? `\nIt was interrupted; going on after line ${count(facts.resumedFrom)}` : '';
  return `${describeLayout(file, facts, kind === 'events' ? facts.defaultType : null)}${resumed}`;
}

function printTable(rows: readonly (readonly [string, number, string])[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, number, note] of rows) {
    print(`  ${label.padEnd(width)}  ${count(number).padStart(11)}${note === '' ? '' : `  ${note}`}`);
  }
}

const skippedRows = (skipped: ImportSummary['skipped']) =>
  Object.entries(skipped)
    .sort((a, b) => b[1].count - a[1].count)
    .map(([reason, one]): [string, number, string] => [`skipped: ${reason}`, one.count, `first in line ${one.firstLine}: ${one.example}`]);

function printImport(file: string, summary: ImportSummary, seconds: number, kind: ImportKind): void {
  print(`${file} (${seconds.toFixed(1)} s, import ${summary.importNo})`);
  printTable([
    ['rows read', summary.rowsRead, `${count(Math.round(summary.rowsRead / Math.max(seconds, 0.001)))} rows/s`],
    ['imported', summary.rowsImported, summary.returns > 0 ? `of the rows taken, ${count(summary.returns)} ${summary.returns === 1 ? 'is a return and cancels' : 'are returns and cancel'} earlier purchases` : ''],
    ['known already', summary.rowsDuplicate, summary.rowsDuplicate > 0 ? 'the same rows were imported before' : ''],
    ...skippedRows(summary.skipped),
    ...(summary.rowsQuarantined > 0 ? [['kept aside', summary.rowsQuarantined, `jongleur import-errors ${summary.importNo} prints them, to be mended and imported`] as const] : []),
  ]);
  if (kind === 'events') {
    print(`  ${count(summary.users)} users and ${count(summary.items)} items in the rows taken; title or price filled in for ${count(summary.itemsFilled)} items`);
  }
}

function printDryRun({ rowsRead, rows, skipped }: DryRun): void {
  print(`The first ${count(rowsRead)} rows; nothing was stored.`);
  printTable([['would be taken', rowsRead - Object.values(skipped).reduce((sum, one) => sum + one.count, 0), ''], ...skippedRows(skipped)]);
  for (const row of rows.slice(0, 10)) {
    print(`  line ${row.line}: ${row.userId} ${row.type} ${row.itemId} ${row.occurredAt}${row.value === null ? '' : ` value ${row.value}`}${row.quantity === null ? '' : ` quantity ${row.quantity}`}${row.price === null ? '' : ` price ${row.price}`}`);
  }
}

export function addImportCommand(program: Command, { withHouse }: Surroundings): void {
  const command = program.command('import').argument('<file>', 'a CSV or NDJSON file, plain or gzipped').description('import events (or items, or users) from a file; importing it again changes nothing');
  addFileOptions(command)
    .addOption(new Option('--kind <kind>', 'what the rows are').choices(['events', 'items', 'users']).default('events'))
    .option('--dry-run', 'show the first 1,000 rows as they would be taken, and store nothing')
    .option('--max-bad <share>', 'end early when more than this share of the rows is bad (looked at from 1,000 rows on)', parseShare, 0.5)
    .addHelpText('after', '\nTimes without a zone are taken as UTC. An import that was interrupted goes on when the same file is imported again.\nExample:\n  jongleur import orders.csv.gz --columns user=customer,item=sku,time=ordered_at --type purchase')
    .action(async (file: string, options: ImportCommandOptions) => {
      const reading = readingOf(options);
      await withHouse(async ({ connectionString }, signal) => {
        const startedMs = performance.now();
        const bar = createProgressLine(process.stderr, () => performance.now());
        const wanted: ImportOptions = {
          ...reading, connectionString, path: file, kind: options.kind, maxBadShare: options.maxBad, nowMs: Date.now(), signal,
          onStart: (facts) => print(describeFacts(file, facts, options.kind)),
          onProgress: ({ rowsRead, fraction }) => {
            const seconds = (performance.now() - startedMs) / 1000;
            const left = (seconds / Math.max(fraction, 0.01)) * (1 - fraction);
            if (process.stderr.isTTY) {
              bar.say(`${count(rowsRead)} rows, ${count(Math.round(rowsRead / seconds))}/s`, fraction, left);
            } else if (seconds > 10) {
              // A log wants no more than a line now and then.
              bar.say('importing', fraction, left);
            }
          },
        };
        if (options.dryRun === true) {
          const looked = await dryRunFile(wanted);
          print(describeFacts(file, looked.facts, options.kind));
          printDryRun(looked);
          return;
        }
        const summary = await importFile(wanted).finally(() => bar.end());
        printImport(file, summary, (performance.now() - startedMs) / 1000, options.kind);
        if (summary.rowsImported + summary.rowsDuplicate === 0) {
          throw new CommandFault('No row could be imported. The reasons are above; --columns says which column means what.');
        }
      });
    });

  program
    .command('import-errors')
    .argument('<no>', 'number of the import', wholeNumber)
    .description('print the rows of an import that were kept aside, with line and reason: mend them and import them')
    .action(async (no: number) => {
      await withHouse(async ({ database }) => {
        for await (const text of quarantineText(database, await readImport(database, no))) {
          process.stdout.write(text);
        }
      });
    });

  program
    .command('import-undo')
    .argument('<no>', 'number of the import', wholeNumber)
    .description('delete the events that an import brought; users and items stay')
    .action(async (no: number) => {
      await withHouse(async ({ database, connectionString }) => {
        const record = await readImport(database, no);
        if (record.state === 'running') {
          throw new CommandFault(`Import ${no} is under way; cancel it first.`);
        }
        if (record.kind !== 'events') {
          throw new CommandFault(`Import ${no} was one of ${record.kind}: what the catalogue said before is not kept.`);
        }
        const jobs = createImportJobs({ database, connectionString, folder: '', now: Date.now, log: () => undefined });
        print(`${count(await jobs.undo(no))} events deleted. The next training follows.`);
      });
    });
}

async function readImport(database: Database, no: number): Promise<ImportRecord> {
  const record = await findImport(database, no);
  if (record === null) {
    throw new CommandFault(`There is no import ${no}.`);
  }
  return record;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new InvalidArgumentError('It must be a whole number from 1.');
  }
  return Number(text);
}
