/** What a file is, found out from its first rows and said before anything is stored: columns, delimiter, encoding, dates, decimals. */
import { type ColumnMap, type Meaning, mapColumns, meaningOf } from './columns.ts';
import { type CsvFile, type CsvOptions, ImportFileFault, openCsv } from './csv.ts';
import { type Decimals, detectDecimals } from './file-numbers.ts';
import { type DateFormat, detectDateFormat } from './file-times.ts';
import type { Preset } from './rows.ts';

export const SAMPLE_ROWS = 1_000;

export interface LayoutOptions extends CsvOptions {
  readonly path: string;
  readonly preset: Preset;
  /** Column names by meaning, over those of the preset. */
  readonly columns: Partial<Record<Meaning, string>>;
  readonly dates?: DateFormat;
  readonly decimals?: Decimals;
  /** Meanings that the file must have. */
  readonly needs?: readonly Meaning[];
}

export interface Layout {
  readonly file: CsvFile;
  readonly columns: ColumnMap;
  readonly dates: DateFormat;
  /** Day and month could be either way round in all rows looked at. */
  readonly datesAmbiguous: boolean;
  readonly decimals: Decimals;
  readonly sample: { readonly rows: readonly (readonly string[])[]; readonly lines: readonly number[] };
}

/** What was found out about a file, without its rows. */
export type LayoutFacts = Omit<Layout, 'file' | 'sample'> & Pick<CsvFile, 'header' | 'format' | 'encoding' | 'delimiter' | 'gzipped'>;

export function factsOf({ file, columns, dates, datesAmbiguous, decimals }: Layout): LayoutFacts {
  const { header, format, encoding, delimiter, gzipped } = file;
  return { header, columns, format, encoding, delimiter, gzipped, dates, datesAmbiguous, decimals };
}

/** A first line none of whose fields is a name, and one of which is a number. */
export function looksLikeData(header: readonly string[]): boolean {
  return header.every((name) => meaningOf(name) === null) && header.some((name) => /^-?\d+(\.\d+)?$/.test(name));
}

/** @throws ImportFileFault where the file cannot be read, or its columns cannot be told */
export async function readLayout(options: LayoutOptions): Promise<Layout> {
  const { preset } = options;
  let file = await openCsv(options.path, options);
  let wanted: Partial<Record<Meaning, string>> = { ...preset.columns, ...options.columns };
  if (file.format === 'csv' && options.header === undefined && looksLikeData(file.header) && !Object.values(options.columns).some((name) => file.header.includes(name))) {
    const byPlace = Object.keys(options.columns).length > 0 && Object.values(options.columns).every((name) => /^\d+$/.test(name));
    if (preset.places === undefined && !byPlace) {
      throw new ImportFileFault(`The first line of the file looks like data, not like names of columns: ${file.header.join(', ')}. Say that there is no header and which place has what, for example --no-header --columns user=1,item=2 (header=false&columns=user=1,item=2 over HTTP).`);
    }
    file = await openCsv(options.path, { ...options, header: false });
  }
  if (options.header === false || file.header[0] === '1') {
    const places = Object.fromEntries((preset.places ?? []).map((meaning, k) => [meaning, String(k + 1)]));
    wanted = { ...places, ...options.columns };
  }
  const columns = mapColumns(file.header, wanted, options.needs, Object.keys(options.columns) as Meaning[]);
  const rows: (readonly string[])[] = [];
  const lines: number[] = [];
  for await (const batch of file.batches()) {
    rows.push(...batch.rows.slice(0, SAMPLE_ROWS - rows.length));
    lines.push(...batch.lines.slice(0, SAMPLE_ROWS - lines.length));
    if (rows.length >= SAMPLE_ROWS) {
      break;
    }
  }
  const samplesOf = (meaning: Meaning) => (columns[meaning] === undefined ? [] : rows.map((fields) => (fields[columns[meaning]!] ?? '').trim()).filter((text) => text !== ''));
  const times = samplesOf('time');
  const decimals = options.decimals ?? (file.format === 'csv' ? detectDecimals([...samplesOf('value'), ...samplesOf('quantity'), ...samplesOf('price')], file.delimiter) : 'point');
  const found = options.dates === undefined ? detectDateFormat(times) : { format: options.dates, ambiguous: false };
  return { file, columns, dates: found.format, datesAmbiguous: found.ambiguous, decimals, sample: { rows, lines } };
}
