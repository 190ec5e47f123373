/** What goes out: `jongleur export`, `erase`, `backup`, `restore`. */
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Command, Option } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import type { House } from './house.ts';
import { guardFormula, joinRecord } from './ingest/csv-text.ts';
import { BackupFault, restoreBackup, writeBackup } from './storage/backup.ts';
import type { Database } from './storage/database.ts';
import { eraseUser } from './storage/erasures.ts';
import { EXPORT_KINDS, type ExportKind, type ExportRow, columnsOfExport, readExport } from './storage/exports.ts';
import { writeWholeFile } from './storage/whole-file.ts';

interface Surroundings {
  readonly version: string;
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
}

interface ExportOptions {
  readonly format: 'csv' | 'ndjson';
  readonly out?: string;
  readonly raw?: boolean;
}

const count = (number: number) => number.toLocaleString('en-US');

/** Lists as an import reads them, objects as JSON, text guarded against spreadsheets unless `raw`. */
function csvField(value: ExportRow[string], raw: boolean): string | number | boolean | null {
  const text = Array.isArray(value) ? value.join('|') : typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
  return typeof text === 'string' && !raw ? guardFormula(text) : text;
}

export async function* exportText(database: Database, kind: ExportKind, format: 'csv' | 'ndjson', raw: boolean): AsyncGenerator<string> {
  const columns = columnsOfExport(kind);
  if (format === 'csv') {
    yield `${joinRecord(columns)}\n`;
  }
  for await (const rows of readExport(database, kind)) {
    yield rows.map((row) => `${format === 'ndjson' ? JSON.stringify(row) : joinRecord(columns.map((column) => csvField(row[column], raw)))}\n`).join('');
  }
}

export function addDataCommands(program: Command, { version, withHouse }: Surroundings): void {
  program
    .command('export')
    .argument('<kind>', EXPORT_KINDS.join(', '))
    .description('write all events, items or users, in a form that import reads')
    .addOption(new Option('--format <format>', 'of the file').choices(['csv', 'ndjson']).default('csv'))
    .option('--out <file>', 'where to; a name that ends with .gz is packed; default: standard output')
    .option('--raw', 'CSV text exactly as stored; without this, text that a spreadsheet would take for a formula gets an apostrophe before it')
    .action(async (kind: string, options: ExportOptions) => {
      if (!(EXPORT_KINDS as readonly string[]).includes(kind)) {
        throw new CommandFault(`There is no export of ${JSON.stringify(kind)}; it is one of ${EXPORT_KINDS.join(', ')}.`);
      }
      await withHouse(async ({ database }, signal) => {
        const text = exportText(database, kind as ExportKind, options.format, options.raw === true);
        if (options.out === undefined) {
          await pipeline(text, process.stdout, { signal, end: false }).catch((error: NodeJS.ErrnoException) => {
            // Whoever reads has enough, as `head` has.
            if (error.code !== 'EPIPE') {
              throw signal.aborted ? signal.reason : error;
            }
          });
          return;
        }
        await writeWholeFile(options.out, text, options.out.endsWith('.gz') ? createGzip({ level: 3 }) : null, 0o600, signal);
      });
    });

  program
    .command('erase')
    .argument('<userId>', 'the shopper')
    .description('erase a shopper with all they did; a running server forgets them within seconds')
    .action(async (userId: string) => {
      await withHouse(async ({ database }) => {
        const deleted = await eraseUser(database, userId);
        if (deleted === null) {
          throw new CommandFault(`There is no user ${JSON.stringify(userId)}.`);
        }
        process.stdout.write(`${count(deleted)} events deleted.\n`);
      });
    });

  program
    .command('backup')
    .argument('<file>', 'where to; it holds everything, keys as hashes, and only its owner may read it')
    .description('write the whole database into one file; the server may run')
    .action(async (file: string) => {
      await withHouse(async ({ connectionString }, signal) => {
        const { tables } = await writeBackup(connectionString, file, version, signal);
        process.stdout.write(`${file}: ${count(tables.events)} events, ${count(tables.users)} users, ${count(tables.items)} items, ${count(tables.models)} models\n`);
      });
    });

  program
    .command('restore')
    .argument('<file>', 'made by jongleur backup')
    .description('fill an empty database from a backup')
    .addHelpText('after', '\nIt goes into the database of DATABASE_URL, or of DATA_DIR; that must be empty. The keys are those of the backup: bring keys.env along, or set JONGLEUR_ADMIN_KEY and make new ones.')
    .action(async (file: string) => {
      await withHouse(async ({ connectionString }) => {
        const { tables } = await restoreBackup(connectionString, file).catch((error: unknown) => {
          throw error instanceof BackupFault ? new CommandFault(error.message) : error;
        });
        process.stdout.write(`${file}: ${count(tables.events ?? 0)} events, ${count(tables.users ?? 0)} users, ${count(tables.items ?? 0)} items, ${count(tables.models ?? 0)} models restored\n`);
      });
    });
}
