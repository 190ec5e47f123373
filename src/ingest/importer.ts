/**
 * A file into Postgres: rows are read and checked as a stream and written in chunks of 20,000, each chunk one transaction that also notes the position. While one
 * chunk is being written the next is read. Importing a file again changes nothing, because a row's identity follows from what it says (`dedup.ts`).
 *
 * Rows that cannot be taken are kept aside with their line, the reason and their text (`MAX_QUARANTINED` at most), to be mended and sent again; when they are too large a share of the file, it ends early.
 * An import that was interrupted goes on from its last line: what lies before is read once more, for the numbering of equal rows, and not written.
 */
import type pg from 'pg';
import type { EventTypeRule } from '../model/interactions.ts';
import { nearestName } from '../model/nearest-name.ts';
import { DatabaseFull, DatabaseUnavailable, connectAlone } from '../storage/database.ts';
import { listEventTypes } from '../storage/event-types.ts';
import { type ImportKind, NumbersChanged, type Quarantine, analyzeTables, createStaging, endImport, findInterrupted, lockImport, resumeImport, startImport } from '../storage/imports.ts';
import { fillItems } from '../storage/items.ts';
import { readUserChanges } from '../storage/users.ts';
import { createCatalogueWriter } from './catalogue-rows.ts';
import { createChunkWriter, emptyQuarantine } from './chunks.ts';
import type { ColumnMap, Meaning } from './columns.ts';
import { type CsvOptions, ImportFileFault, NOT_A_ROW } from './csv.ts';
import { joinRecord } from './csv-text.ts';
import type { DateFormat } from './file-times.ts';
import { describeValue } from './ids.ts';
import { createItemNotes } from './item-notes.ts';
import { type Layout, readLayout } from './layout.ts';
import { PRESETS, type RowEvent, type RowReader, createRowEvent, findPreset } from './rows.ts';

export interface ImportOptions extends CsvOptions {
  readonly connectionString: string;
  readonly path: string;
  /** What the file is called to people; default: its path. */
  readonly source?: string;
  readonly kind?: ImportKind;
  readonly preset: string;
  /** Column names by meaning, over those of the preset. */
  readonly columns: Partial<Record<Meaning, string>>;
  /** Event type of rows that name none; null: the preset's, else `rating` where there is a value column, else `view`. */
  readonly type: string | null;
  readonly dates?: DateFormat;
  /** Of the rows read, from the first thousand on, how many may be bad; more end the import. */
  readonly maxBadShare?: number;
  readonly nowMs: number;
  /** This import goes on; null: a new one, or the last that was interrupted of the same file and options. */
  readonly resumeNo?: number | null;
  /** Its reason is `ImportCancelled` where somebody wants the import to end for good; anything else interrupts it. */
  readonly signal?: AbortSignal;
  readonly onStart?: (facts: ImportFacts) => void;
  readonly onProgress?: (done: { rowsRead: number; fraction: number }) => void;
}

export interface ImportFacts {
  readonly importNo: number | null;
  readonly header: readonly string[];
  readonly columns: ColumnMap;
  readonly format: 'csv' | 'ndjson';
  readonly encoding: string;
  readonly delimiter: string;
  readonly gzipped: boolean;
  readonly dates: DateFormat;
  readonly datesAmbiguous: boolean;
  readonly defaultType: string;
  /** Line up to which an earlier run came; 0: it is the first. */
  readonly resumedFrom: number;
}

export interface SkippedRows {
  count: number;
  firstLine: number;
  /** The first such row, shortened. */
  readonly example: string;
}

export interface ImportSummary {
  readonly importNo: number;
  readonly rowsRead: number;
  readonly rowsImported: number;
  /** Rows that were stored before, by an earlier import of the same rows. */
  readonly rowsDuplicate: number;
  /** Rows kept aside. */
  readonly rowsQuarantined: number;
  /** Imported rows with a negative quantity: they cancel earlier events. */
  readonly returns: number;
  readonly skipped: Readonly<Record<string, SkippedRows>>;
  readonly users: number;
  readonly items: number;
  readonly itemsFilled: number;
}

/** The first rows of a file as they would be taken; nothing is stored. */
export interface DryRun {
  readonly facts: ImportFacts;
  readonly rowsRead: number;
  readonly rows: { line: number; userId: string; itemId: string; type: string; value: number | null; quantity: number | null; price: number | null; occurredAt: string }[];
  readonly skipped: Readonly<Record<string, SkippedRows>>;
}

/** Somebody wants the import to end; what was stored stays. */
export class ImportCancelled extends Error {
  constructor() {
    super('The import was cancelled.');
    this.name = 'ImportCancelled';
  }
}

/** Too many rows of the file are bad for the rest to be meant. */
export class TooManyBadRows extends ImportFileFault {}

const MAX_QUARANTINED = 100_000;
const MAX_RAW_CHARS = 2_000;
const DEFAULT_MAX_BAD_SHARE = 0.5;
const BAD_SHARE_FROM_ROWS = 1_000;
const DRY_RUN_ROWS_SHOWN = 20;
const NEEDS: Readonly<Record<ImportKind, readonly Meaning[]>> = { events: ['user', 'item'], items: ['item'], users: ['user'] };

function chooseType(options: ImportOptions, columns: ColumnMap, types: ReadonlyMap<string, EventTypeRule>): EventTypeRule {
  const name = options.type ?? PRESETS[options.preset].defaultType ?? (columns.value === undefined ? 'view' : 'rating');
  const type = types.get(name);
  if (type === undefined) {
    const near = nearestName(name, [...types.keys()]);
    throw new ImportFileFault(`"${name}" is no event type${near === null ? '' : `; did you mean "${near}"?`} Known types: ${[...types.keys()].join(', ')}.`);
  }
  return type;
}

async function look(options: ImportOptions, connection: pg.Client): Promise<{ layout: Layout; types: ReadonlyMap<string, EventTypeRule>; defaultType: EventTypeRule; facts: ImportFacts }> {
  const layout = await readLayout({ ...options, name: options.source ?? options.path, preset: findPreset(options.preset), needs: NEEDS[options.kind ?? 'events'] });
  const types = new Map((await listEventTypes(connection)).map((type) => [type.name, type]));
  const defaultType = chooseType(options, layout.columns, types);
  const { file, columns, dates, datesAmbiguous } = layout;
  const { header, format, encoding, delimiter, gzipped } = file;
  return { layout, types, defaultType, facts: { importNo: null, header, columns, format, encoding, delimiter, gzipped, dates, datesAmbiguous, defaultType: defaultType.name, resumedFrom: 0 } };
}

/** What options say about the file: the same file with the same of these is the same import. */
function optionsOf(options: ImportOptions, defaultType: string, layout: Layout): object {
  const { columns, type, dates, delimiter, encoding, header, kind, preset, maxBadShare, source } = options;
  const request = { kind: kind ?? 'events', preset, columns, type, dates, delimiter, encoding, header, maxBadShare, source };
  const named = Object.fromEntries(Object.entries(layout.columns).map(([meaning, column]) => [meaning, layout.file.header[column]]));
  return { columns: named, type: type ?? defaultType, bytes: layout.file.bytes, request };
}

/** @throws ImportFileFault */
export async function dryRunFile(options: ImportOptions): Promise<DryRun> {
  const connection = await connectAlone(options.connectionString, 'jongleur-import');
  try {
    const { layout, types, defaultType, facts } = await look(options, connection);
    const read = PRESETS[options.preset].createReader({ columns: layout.columns, types, defaultType, nowMs: options.nowMs, dates: layout.dates });
    const names = new Map([...types.values()].map((type) => [type.typeNo, type.name]));
    const notes = createSkipNotes(layout.file.delimiter);
    const row = createRowEvent();
    const rows: DryRun['rows'] = [];
    layout.sample.rows.forEach((fields, k) => {
      const reason = options.kind === undefined || options.kind === 'events' ? read(fields, row) : null;
      if (reason !== null) {
        notes.skip(reason, layout.sample.lines[k], fields);
      } else if (rows.length < DRY_RUN_ROWS_SHOWN && (options.kind ?? 'events') === 'events') {
        rows.push({ line: layout.sample.lines[k], userId: row.userId, itemId: row.itemId, type: names.get(row.typeNo)!, value: row.value, quantity: row.quantity, price: row.price, occurredAt: new Date(row.occurredAtMs).toISOString() });
      }
    });
    return { facts, rowsRead: layout.sample.rows.length, rows, skipped: notes.skipped };
  } finally {
    await connection.end().catch(() => undefined);
  }
}

/**
 * Imports a file.
 *
 * @throws ImportFileFault for what is wrong with the file or the options; what earlier chunks stored stays stored, and the message says how far it came. ImportCancelled, or the signal's reason
 */
export async function importFile(options: ImportOptions): Promise<ImportSummary> {
  let resumeNo = options.resumeNo ?? null;
  for (;;) {
    try {
      return await importOnce({ ...options, resumeNo });
    } catch (error) {
      if (!(error instanceof Restart)) {
        throw error;
      }
      resumeNo = error.importNo;
    }
  }
}

/** Numbers of users changed under the import: it goes on from its last line. */
class Restart extends Error {
  readonly importNo: number;
  constructor(importNo: number) {
    super('restart');
    this.importNo = importNo;
  }
}

async function importOnce(options: ImportOptions): Promise<ImportSummary> {
  const kind = options.kind ?? 'events';
  const preset = findPreset(options.preset);
  const connection = await connectAlone(options.connectionString, 'jongleur-import');
  try {
    const userChanges = await readUserChanges(connection);
    const { layout, types, defaultType, facts } = await look(options, connection);
    const source = options.source ?? options.path;
    const known = optionsOf(options, defaultType.name, layout);
    const { importNo, from } = await begin();
    options.onStart?.({ ...facts, importNo, resumedFrom: from.line });
    await createStaging(connection);
    const read = createReadState(layout, preset.knownDirt ?? [], options, from);
    let itemsFilled = 0;
    try {
      const reader = preset.createReader({ columns: layout.columns, types, defaultType, nowMs: options.nowMs, dates: layout.dates });
      await (kind === 'events' ? readEvents(reader) : readCatalogue(kind));
      if (kind === 'events') {
        const { ids, titles, prices } = read.items.columns();
        itemsFilled = ids.length === 0 ? 0 : await fillItems(connection, ids, titles, prices);
      }
      if (itemsFilled > 0 || kind === 'items') {
        await connection.query(`SELECT pg_notify('jongleur_items', '')`);
      }
      await analyzeTables(connection);
      await endImport(connection, importNo, 'done', null, null, Object.fromEntries(Object.entries(read.skipped).map(([reason, one]) => [reason, one.count])));
    } catch (error) {
      if (error instanceof NumbersChanged) {
        await endImport(connection, importNo, 'interrupted', null);
        throw new Restart(importNo);
      }
      const stored = `${read.imported()} rows up to line ${read.committedLine} are stored.`;
      const goesOn = options.signal?.aborted === true || error instanceof DatabaseUnavailable || error instanceof DatabaseFull;
      const state = error instanceof ImportCancelled ? 'cancelled' : goesOn ? 'interrupted' : 'failed';
      const code = error instanceof TooManyBadRows ? 'too-many-bad-rows' : error instanceof ImportFileFault ? 'bad-file' : null;
      await endImport(connection, importNo, state, `${error instanceof Error ? error.message : String(error)} ${stored}`, code).catch(() => undefined);
      if (error instanceof TooManyBadRows || error instanceof ImportFileFault) {
        throw new (error.constructor as typeof ImportFileFault)(`${error.message} ${stored}`, error);
      }
      throw error;
    }
    return {
      importNo, rowsRead: read.rowsRead, rowsImported: read.imported(), rowsDuplicate: read.duplicates, rowsQuarantined: read.quarantined, returns: read.returns, skipped: read.skipped,
      users: read.users.size, items: read.items.count(), itemsFilled,
    };

    /** A new import, or one that goes on; either way this connection holds its lock. */
    async function begin(): Promise<{ importNo: number; from: { line: number; imported: number; duplicates: number; quarantined: number } }> {
      const former = options.resumeNo == null ? await findInterrupted(connection, source, options.preset, known) : null;
      const resumeNo = options.resumeNo ?? former?.importNo ?? null;
      if (resumeNo !== null && (await lockImport(connection, resumeNo)) && (await resumeImport(connection, resumeNo))) {
        const [row] = (await connection.query('SELECT last_line::float8 AS line, rows_imported::float8 AS imported, rows_duplicate::float8 AS duplicates, rows_quarantined::float8 AS quarantined FROM imports WHERE import_no = $1', [resumeNo])).rows as { line: number; imported: number; duplicates: number; quarantined: number }[];
        return { importNo: resumeNo, from: row };
      }
      const { columns: _, header: __, importNo: ___, resumedFrom: ____, ...shown } = facts;
      const no = await startImport(connection, source, options.preset, known, kind, { ...shown, names: facts.header, columns: (known as { columns: object }).columns });
      await lockImport(connection, no);
      return { importNo: no, from: { line: 0, imported: 0, duplicates: 0, quarantined: 0 } };
    }

    async function readEvents(reader: RowReader): Promise<void> {
      const row = createRowEvent();
      const chunks = createChunkWriter(connection, importNo, userChanges, (rows) => read.takeNotes(rows));
      const take = (fields: readonly string[], line: number): boolean => {
        const reason = reader(fields, row);
        if (reason !== null) {
          read.skip(reason, line, fields);
          return false;
        }
        read.see(row);
        if (line <= from.line) {
          chunks.pass(row);
          return false;
        }
        return chunks.add(row);
      };
      await readRows(take, chunks);
    }

    async function readCatalogue(what: 'items' | 'users'): Promise<void> {
      const catalogue = await createCatalogueWriter(connection, importNo, what, layout, (rows) => read.takeNotes(rows));
      await readRows((fields, line) => {
        if (line <= from.line) {
          return false;
        }
        const taken = catalogue.add(fields);
        if (typeof taken === 'string') {
          read.skip(taken, line, fields);
          return false;
        }
        return taken;
      }, catalogue);
    }

    /** @param take gets a row and its line, and says whether it is time to flush */
    async function readRows(take: (fields: readonly string[], line: number) => boolean, into: { flush(): Promise<void>; end(): Promise<void> }): Promise<void> {
      try {
        for await (const { rows, lines } of layout.file.batches()) {
          for (let k = 0; k < rows.length; k++) {
            read.rowsRead++;
            read.line = lines[k];
            if (take(rows[k], lines[k])) {
              await into.flush();
              read.throwIfEnded();
            }
          }
          options.signal?.throwIfAborted();
          read.checkShare();
        }
      } catch (error) {
        // What was read before the file's fault, or before somebody ended it, is good, and stays.
        if (error instanceof ImportFileFault || error instanceof ImportCancelled || options.signal?.aborted === true) {
          await into.end();
        }
        throw error;
      }
      await into.end();
      read.checkShare();
    }
  } finally {
    await connection.end().catch(() => undefined);
  }
}

function createSkipNotes(delimiter: string) {
  const skipped: Record<string, SkippedRows> = {};
  return {
    skipped,
    skip(reason: string, line: number, fields: readonly string[]): void {
      const one = skipped[reason];
      if (one === undefined) {
        skipped[reason] = { count: 1, firstLine: line, example: describeValue(fields[0] === NOT_A_ROW ? fields[1] : fields.join(delimiter)) };
      } else {
        one.count++;
      }
    },
  };
}

function createReadState({ file }: Layout, knownDirt: readonly string[], options: ImportOptions, from: { line: number; imported: number; duplicates: number; quarantined: number }) {
  const notes = createSkipNotes(file.delimiter);
  const users = new Set<string>();
  let lastUser = '';
  const items = createItemNotes();
  let imported = from.imported;
  let bad = 0;
  let cancelled = false;
  let aside: Quarantine = emptyQuarantine();
  const maxBadShare = options.maxBadShare ?? DEFAULT_MAX_BAD_SHARE;
  const state = {
    rowsRead: 0,
    line: from.line === 0 ? 1 : from.line,
    duplicates: from.duplicates,
    quarantined: from.quarantined,
    returns: 0,
    committedLine: from.line === 0 ? 1 : from.line,
    skipped: notes.skipped,
    users,
    items,
    imported: () => imported,
    see(row: RowEvent): void {
      // Rows of one basket follow one another.
      if (row.userId !== lastUser) {
        lastUser = row.userId;
        users.add(row.userId);
      }
      items.see(row);
      if (row.quantity !== null && row.quantity < 0) {
        state.returns++;
      }
    },
    skip(reason: string, line: number, fields: readonly string[]): void {
      notes.skip(reason, line, fields);
      if (knownDirt.includes(reason)) {
        return;
      }
      bad++;
      if (line > from.line && state.quarantined < MAX_QUARANTINED) {
        state.quarantined++;
        aside.lines.push(line);
        aside.codes.push(reason.replaceAll(' ', '-'));
        aside.messages.push(reason);
        const raw = fields[0] === NOT_A_ROW ? fields[1] : file.format === 'ndjson' ? JSON.stringify(Object.fromEntries(file.header.map((name, k) => [name, fields[k]]))) : joinRecord(fields, file.delimiter);
        aside.raws.push(raw.slice(0, MAX_RAW_CHARS).replaceAll('\0', '�').toWellFormed());
      }
    },
    /** @throws TooManyBadRows */
    checkShare(): void {
      if (state.rowsRead >= BAD_SHARE_FROM_ROWS && bad > maxBadShare * state.rowsRead) {
        const worst = Object.entries(notes.skipped).sort((a, b) => b[1].count - a[1].count)[0];
        throw new TooManyBadRows(`${bad} of the first ${state.rowsRead} rows cannot be taken, more than the ${Math.round(100 * maxBadShare)} % that are allowed; most often: ${worst[0]}, first in line ${worst[1].firstLine}. Look at the columns and formats (a dry run shows them), or allow more.`);
      }
    },
    throwIfEnded(): void {
      if (cancelled) {
        throw new ImportCancelled();
      }
      options.signal?.throwIfAborted();
    },
    takeNotes(rows: number) {
      const line = state.line;
      const quarantine = aside;
      aside = emptyQuarantine();
      const fraction = Math.min(1, file.bytesRead() / Math.max(1, file.bytes));
      return {
        progress: { rowsRead: state.rowsRead, skipped: Object.fromEntries(Object.entries(notes.skipped).map(([reason, one]) => [reason, one.count])), lastLine: line, fraction },
        quarantine,
        onWritten: (inserted: number, wanted: boolean, refused: number) => {
          imported += inserted;
          state.duplicates += rows - inserted - refused;
          if (refused > 0) {
            notes.skipped.erased = { count: (notes.skipped.erased?.count ?? 0) + refused, firstLine: notes.skipped.erased?.firstLine ?? line, example: 'users who were erased after that' };
          }
          state.committedLine = line;
          cancelled ||= wanted;
          options.onProgress?.({ rowsRead: state.rowsRead, fraction });
        },
      };
    },
  };
  return state;
}
