/** What `jongleur import` and `jongleur check` ask of a file, and how they say what they found out about it. */
import { type Command, Option } from 'commander';
import { type Meaning, parseColumnMapping } from './ingest/columns.ts';
import type { Encoding } from './ingest/csv.ts';
import { DECIMALS, type Decimals } from './ingest/file-numbers.ts';
import { DATE_FORMATS, type DateFormat } from './ingest/file-times.ts';
import type { LayoutFacts } from './ingest/layout.ts';
import { PRESETS } from './ingest/rows.ts';

export interface FileOptions {
  readonly preset: string;
  readonly columns?: string;
  readonly type?: string;
  readonly delimiter?: string;
  readonly encoding?: Encoding;
  readonly dates?: DateFormat;
  readonly decimals?: Decimals;
  readonly header: boolean;
}

/** The same, as the rooms take it: what is not given is found out. */
export interface FileReading {
  readonly preset: string;
  readonly columns: Partial<Record<Meaning, string>>;
  readonly type: string | null;
  readonly delimiter?: string;
  readonly encoding?: Encoding;
  readonly dates?: DateFormat;
  readonly decimals?: Decimals;
  readonly header?: false;
}

export function addFileOptions(command: Command): Command {
  return command
    .option('--preset <name>', Object.entries(PRESETS).map(([name, preset]) => `${name}: ${preset.says}`).join('; '), 'generic')
    .option('--columns <mapping>', 'which column means what, e.g. user=CustomerID,item=StockCode,time=InvoiceDate; the rest is found by the usual names')
    .option('--type <name>', 'event type of rows that name none (default: rating where there is a value column, else view)')
    .option('--delimiter <text>', 'between fields; default: found out (comma, semicolon, tab, |, ::)')
    .addOption(new Option('--encoding <name>', 'default: found out').choices(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252']))
    .addOption(new Option('--dates <order>', 'how dates are written; default: found out (iso is 2026-01-31 and Unix times)').choices([...DATE_FORMATS]))
    .addOption(new Option('--decimals <sign>', 'how numbers are written; default: found out (comma is 4,90)').choices([...DECIMALS]))
    .option('--no-header', 'the first line is a row; name columns by their places: --columns user=1,item=2');
}

/** @throws ImportFileFault where the mapping of columns cannot be read */
export function readingOf({ preset, columns, type, delimiter, encoding, dates, decimals, header }: FileOptions): FileReading {
  return {
    preset, columns: columns === undefined ? {} : parseColumnMapping(columns), type: type ?? null,
    ...(delimiter === undefined ? {} : { delimiter: delimiter === '\\t' ? '\t' : delimiter }), ...(encoding === undefined ? {} : { encoding }),
    ...(dates === undefined ? {} : { dates }), ...(decimals === undefined ? {} : { decimals }), ...(header ? {} : { header: false as const }),
  };
}

/** @param defaultType of rows that name none; null where rows are no events */
export function describeLayout(path: string, { format, encoding, delimiter, gzipped, header, columns, dates, datesAmbiguous, decimals }: LayoutFacts, defaultType: string | null): string {
  const named = Object.entries(columns).map(([meaning, column]) => `${meaning} = ${header[column]}`).join(', ');
  const written = format === 'ndjson' ? 'NDJSON' : `CSV with ${delimiter === '\t' ? 'tabs' : `"${delimiter}"`}`;
  const dated = dates === 'iso' ? '' : `, dates ${dates === 'dmy' ? 'day/month/year' : 'month/day/year'}${datesAmbiguous ? ' (they could be read either way: --dates says which)' : ''}`;
  const typed = defaultType === null ? '' : `; type ${columns.type === undefined ? '' : 'from the column, else '}${defaultType}`;
  return `Reading ${path} (${gzipped ? 'gzip, ' : ''}${written}, ${encoding}${dated}${decimals === 'comma' ? ', decimal commas' : ''}): ${named}${typed}`;
}
