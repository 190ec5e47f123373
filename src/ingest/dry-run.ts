/**
 * What an import would make of a file: its first rows as they would be taken, and of a file whose columns are not told yet what is known of them. Nothing is stored.
 *
 * For a look a file's first 64 KiB are enough, of a packed one too: what is cut off at their end is left out. So a large file is sent once, when it is imported.
 */
import { rm, writeFile } from 'node:fs/promises';
import { createGunzip, constants } from 'node:zlib';
import type { EventTypeRule } from '../model/interactions.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { ImportKind } from '../storage/imports.ts';
import { COLUMN_MEANINGS, type ColumnMap, type Meaning, meaningOf } from './columns.ts';
import { type CsvOptions, ImportFileFault, NOT_A_ROW, detectEncoding, openCsv } from './csv.ts';
import type { Decimals } from './file-numbers.ts';
import type { DateFormat } from './file-times.ts';
import { type Layout, looksLikeData, readLayout } from './layout.ts';
import { type SkippedRows, createSkipNotes } from './read-state.ts';
import { PRESETS, createRowEvent, findPreset } from './rows.ts';

export interface SampledRow {
  line: number;
  userId: string;
  itemId: string;
  type: string;
  value: number | null;
  quantity: number | null;
  price: number | null;
  occurredAt: string;
}

/** The first rows as they would be taken. */
export interface Sampled {
  readonly rowsRead: number;
  readonly rows: SampledRow[];
  readonly skipped: Readonly<Record<string, SkippedRows>>;
}

/** How the file is to be read: what an import's options say of that. */
export interface ReadingOptions extends CsvOptions {
  readonly kind?: ImportKind;
  readonly preset: string;
  /** Column names by meaning, over those of the preset. */
  readonly columns: Partial<Record<Meaning, string>>;
  /** Event type of rows that name none; null: the preset's, else `rating` where there is a value column, else `view`. */
  readonly type: string | null;
  readonly dates?: DateFormat;
  readonly decimals?: Decimals;
}

export interface Preview extends Pick<Layout, 'dates' | 'datesAmbiguous' | 'decimals'> {
  readonly format: 'csv' | 'ndjson';
  readonly encoding: string;
  readonly delimiter: string;
  readonly gzipped: boolean;
  /** false: the first line is a row, and columns are called by their places. */
  readonly header: boolean;
  readonly columns: readonly { readonly name: string; readonly meaning: Meaning | null }[];
  /** Meanings that the kind needs and no column has. */
  readonly missing: readonly Meaning[];
  /** The first rows as they stand in the file. */
  readonly head: readonly { readonly line: number; readonly fields: readonly string[] }[];
  /** Event type of rows that name none. */
  readonly defaultType: string;
  /** null: something is missing. */
  readonly sample: Sampled | null;
}

/** Meanings that a file of a kind must have. */
export const NEEDS: Readonly<Record<ImportKind, readonly Meaning[]>> = { events: ['user', 'item'], items: ['item'], users: ['user'] };
/** Of a file's beginning; more is not looked at. */
export const PREVIEW_BYTES = 1 << 16;
const MAX_UNPACKED_BYTES = 1 << 20;
const ROWS_SHOWN = 20;
const HEAD_ROWS = 10;
const MAX_FIELD_CHARS = 300;

/** @throws ImportFileFault */
export function chooseType({ type: wanted, preset }: Pick<ReadingOptions, 'type' | 'preset'>, columns: ColumnMap, types: ReadonlyMap<string, EventTypeRule>): EventTypeRule {
  const name = wanted ?? PRESETS[preset].defaultType ?? (columns.value === undefined ? 'view' : 'rating');
  const type = types.get(name);
  if (type === undefined) {
    const near = nearestName(name, [...types.keys()]);
    throw new ImportFileFault(`"${name}" is no event type${near === null ? '' : `; did you mean "${near}"?`} Known types: ${[...types.keys()].join(', ')}.`);
  }
  return type;
}

/** Takes a layout's sample of rows. Of items and users there are no rows to show. */
export function takeSample(layout: Layout, { kind = 'events', preset }: Pick<ReadingOptions, 'kind' | 'preset'>, types: ReadonlyMap<string, EventTypeRule>, defaultType: EventTypeRule, nowMs: number): Sampled {
  const read = PRESETS[preset].createReader({ columns: layout.columns, types, defaultType, nowMs, dates: layout.dates, decimals: layout.decimals });
  const names = new Map([...types.values()].map((type) => [type.typeNo, type.name]));
  const notes = createSkipNotes(layout.file.delimiter);
  const row = createRowEvent();
  const rows: SampledRow[] = [];
  if (kind === 'events') {
    layout.sample.rows.forEach((fields, k) => {
      const reason = read(fields, row);
      if (reason !== null) {
        notes.skip(reason, layout.sample.lines[k], fields);
      } else if (rows.length < ROWS_SHOWN) {
        rows.push({ line: layout.sample.lines[k], userId: row.userId, itemId: row.itemId, type: names.get(row.typeNo)!, value: row.value, quantity: row.quantity, price: row.price, occurredAt: new Date(row.occurredAtMs).toISOString() });
      }
    });
  }
  return { rowsRead: layout.sample.rows.length, rows, skipped: notes.skipped };
}

/**
 * @param head the file's first bytes
 * @param isWhole they are all of it; else what follows their last line break is left out
 * @param path where a file may be written, which is removed again
 * @throws ImportFileFault
 */
export async function previewFile(head: Buffer, isWhole: boolean, path: string, options: ReadingOptions, types: ReadonlyMap<string, EventTypeRule>, nowMs: number): Promise<Preview> {
  const gzipped = head[0] === 0x1f && head[1] === 0x8b;
  const { bytes, isCut } = gzipped ? await unpackHead(head, !isWhole) : { bytes: head, isCut: false };
  await writeFile(path, isWhole && !isCut ? bytes : cutToLines(bytes, options));
  try {
    const named = { ...options, path, name: 'the file' };
    const header = options.header ?? !(await beginsWithRow(path, options));
    const layout = await readLayout({ ...named, header, preset: findPreset(options.preset), needs: [] });
    const { file, columns, dates, datesAmbiguous, decimals } = layout;
    const missing = NEEDS[options.kind ?? 'events'].filter((meaning) => columns[meaning] === undefined);
    const defaultType = chooseType(options, columns, types);
    return {
      format: file.format, encoding: file.encoding, delimiter: file.delimiter, gzipped, header, dates, datesAmbiguous, decimals, missing, defaultType: defaultType.name,
      columns: file.header.map((name, place) => ({ name, meaning: COLUMN_MEANINGS.find((meaning) => columns[meaning] === place) ?? null })),
      head: layout.sample.rows.slice(0, HEAD_ROWS).map((fields, k) => ({ line: layout.sample.lines[k], fields: (fields[0] === NOT_A_ROW ? [fields[1]] : fields).map((text) => text.slice(0, MAX_FIELD_CHARS)) })),
      sample: missing.length > 0 ? null : takeSample(layout, options, types, defaultType, nowMs),
    };
  } finally {
    await rm(path, { force: true });
  }
}

/** Whether the first line is no line of names. Columns that are called by places say so themselves. */
async function beginsWithRow(path: string, options: ReadingOptions): Promise<boolean> {
  const file = await openCsv(path, { ...options, name: 'the file' });
  return file.format === 'csv' && looksLikeData(file.header) && file.header.every((name) => meaningOf(name) === null) && !Object.values(options.columns).some((name) => file.header.includes(name) && !/^\d+$/.test(name));
}

/** @param maySuddenlyEnd what is packed goes on behind these bytes. @throws ImportFileFault where it is damaged */
async function unpackHead(head: Buffer, maySuddenlyEnd: boolean): Promise<{ bytes: Buffer; isCut: boolean }> {
  const gunzip = createGunzip(maySuddenlyEnd ? { finishFlush: constants.Z_SYNC_FLUSH } : {});
  const pieces: Buffer[] = [];
  let length = 0;
  gunzip.end(head);
  try {
    for await (const piece of gunzip) {
      pieces.push(piece as Buffer);
      length += (piece as Buffer).length;
      if (length >= MAX_UNPACKED_BYTES) {
        return { bytes: Buffer.concat(pieces), isCut: true };
      }
    }
  } catch (error) {
    throw new ImportFileFault(`the file is damaged gzip data (${(error as Error).message}).`, error);
  }
  return { bytes: Buffer.concat(pieces), isCut: false };
}

/** Up to the last line break, in whatever encoding; all of it where there is none. */
function cutToLines(bytes: Buffer, { encoding = detectEncoding(bytes) }: CsvOptions): Buffer {
  const width = encoding.startsWith('utf-16') ? 2 : 1;
  for (let end = bytes.length - (bytes.length % width); end >= width; end -= width) {
    const unit = width === 1 ? bytes[end - 1] : encoding === 'utf-16le' ? bytes.readUInt16LE(end - 2) : bytes.readUInt16BE(end - 2);
    if (unit === 10) {
      return bytes.subarray(0, end);
    }
  }
  return bytes;
}
