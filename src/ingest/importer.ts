/**
 * A file into Postgres: rows are read and checked as a stream and written in chunks of 20,000, each chunk one transaction that also notes the position. While one
 * chunk is being written the next is read. Importing a file again changes nothing, because a row's identity follows from what it says (`dedup.ts`).
 *
 * Rows that cannot be taken are kept aside with their line, the reason and their text (100,000 at most), to be mended and sent again; when they are too large a share of the file, it ends early.
 * An import that was interrupted goes on from its last line: what lies before is read once more, for the numbering of equal rows, and not written.
 */
import { setImmediate } from 'node:timers/promises';
import type pg from 'pg';
import type { EventTypeRule } from '../model/interactions.ts';
import { bePatient } from '../storage/connections.ts';
import { DatabaseFull, DatabaseUnavailable, connectAlone } from '../storage/database.ts';
import { listEventTypes } from '../storage/event-types.ts';
import { analyzeTables, createStaging, endImport, findInterrupted, lockImport, resumeImport, startImport } from '../storage/imports.ts';
import { createCatalogueWriter } from './catalogue-rows.ts';
import { createChunkWriter } from './chunks.ts';
import { ImportFileFault } from './csv.ts';
import { NEEDS, type ReadingOptions, type Sampled, chooseType, takeSample } from './dry-run.ts';
import { type Layout, type LayoutFacts, factsOf, readLayout } from './layout.ts';
import { ImportCancelled, type ReadBefore, type SkippedRows, TooManyBadRows, createReadState } from './read-state.ts';
import { type RowReader, createRowEvent, findPreset } from './rows.ts';

export interface ImportOptions extends ReadingOptions {
  readonly connectionString: string;
  readonly path: string;
  /** What the file is called to people; default: its path. */
  readonly source?: string;
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

export interface ImportFacts extends LayoutFacts {
  readonly importNo: number | null;
  readonly defaultType: string;
  /** Line up to which an earlier run came; 0: it is the first. */
  readonly resumedFrom: number;
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
  /** Different users and items of the rows taken; after an interruption of those taken since. */
  readonly users: number;
  readonly items: number;
  readonly itemsFilled: number;
}

/** The first rows of a file as they would be taken; nothing is stored. */
export interface DryRun extends Sampled {
  readonly facts: ImportFacts;
}

/** Rows between two looks at what else there is to do: answers of Postgres wait no longer than a few milliseconds for the reading. */
const ROWS_A_TURN = 500;

async function look(options: ImportOptions, connection: pg.Client): Promise<{ layout: Layout; types: ReadonlyMap<string, EventTypeRule>; defaultType: EventTypeRule; facts: ImportFacts }> {
  const layout = await readLayout({ ...options, name: options.source ?? options.path, preset: findPreset(options.preset), needs: NEEDS[options.kind ?? 'events'] });
  const types = new Map((await listEventTypes(connection)).map((type) => [type.name, type]));
  const defaultType = chooseType(options, layout.columns, types);
  return { layout, types, defaultType, facts: { ...factsOf(layout), importNo: null, defaultType: defaultType.name, resumedFrom: 0 } };
}

/** What options say about the file: the same file with the same of these is the same import. */
function optionsOf(options: ImportOptions, defaultType: string, layout: Layout): object {
  const { columns, type, dates, decimals, delimiter, encoding, header, kind, preset, maxBadShare, source } = options;
  const request = { kind: kind ?? 'events', preset, columns, type, dates, decimals, delimiter, encoding, header, maxBadShare, source };
  const named = Object.fromEntries(Object.entries(layout.columns).map(([meaning, column]) => [meaning, layout.file.header[column]]));
  return { columns: named, type: type ?? defaultType, bytes: layout.file.bytes, request };
}

/** @throws ImportFileFault */
export async function dryRunFile(options: ImportOptions): Promise<DryRun> {
  const connection = await connectAlone(options.connectionString, 'jongleur-import');
  try {
    const { layout, types, defaultType, facts } = await look(options, connection);
    return { facts, ...takeSample(layout, options, types, defaultType, options.nowMs) };
  } finally {
    await connection.end().catch(() => undefined);
  }
}

/** The import that was to go on is under way elsewhere, or has ended. */
export class ImportTaken extends Error {
  constructor(importNo: number) {
    super(`Import ${importNo} is under way elsewhere, or has ended.`);
    this.name = 'ImportTaken';
  }
}

/**
 * Imports a file.
 *
 * @throws ImportFileFault for what is wrong with the file or the options; what earlier chunks stored stays stored, and the message says how far it came. ImportCancelled, or the signal's reason; ImportTaken
 */
export async function importFile(options: ImportOptions): Promise<ImportSummary> {
  // One connection to the end: with it goes the import's lock, and whoever finds a running import without one takes it for lost.
  const connection = await connectAlone(options.connectionString, 'jongleur-import');
  try {
    return await importOver(connection, options);
  } finally {
    await connection.end().catch(() => undefined);
  }
}

async function importOver(connection: pg.Client, options: ImportOptions): Promise<ImportSummary> {
  const kind = options.kind ?? 'events';
  const preset = findPreset(options.preset);
  const { layout, types, defaultType, facts } = await look(options, connection);
  const source = options.source ?? options.path;
  const known = optionsOf(options, defaultType.name, layout);
  const { importNo, from } = await begin();
  bePatient(options.connectionString, connection);
  options.onStart?.({ ...facts, importNo, resumedFrom: from.line });
  await createStaging(connection);
  const { maxBadShare, signal, onProgress } = options;
  const read = createReadState({ file: layout.file, knownDirt: preset.knownDirt ?? [], from, ...(maxBadShare === undefined ? {} : { maxBadShare }), ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) });
  let counts = { users: 0, items: 0, itemsMade: false, itemsFilled: 0 };
  try {
    const reader = preset.createReader({ columns: layout.columns, types, defaultType, nowMs: options.nowMs, dates: layout.dates, decimals: layout.decimals });
    counts = await (kind === 'events' ? readEvents(reader) : readCatalogue(kind));
    if (counts.itemsFilled > 0 || counts.itemsMade || kind === 'items') {
      await connection.query(`SELECT pg_notify('jongleur_items', '')`);
    }
    await analyzeTables(connection);
    await endImport(connection, importNo, 'done', null, null, read.skippedCounts());
  } catch (error) {
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
    ...counts,
  };

  /** A new import, or one that goes on; either way this connection holds its lock. */
  async function begin(): Promise<{ importNo: number; from: ReadBefore }> {
    const former = options.resumeNo == null ? await findInterrupted(connection, source, options.preset, known) : null;
    const resumeNo = options.resumeNo ?? former?.importNo ?? null;
    if (resumeNo !== null && (await lockImport(connection, resumeNo)) && (await resumeImport(connection, resumeNo))) {
      const [row] = (await connection.query('SELECT last_line::float8 AS line, rows_imported::float8 AS imported, rows_duplicate::float8 AS duplicates, rows_quarantined::float8 AS quarantined FROM imports WHERE import_no = $1', [resumeNo])).rows as ReadBefore[];
      return { importNo: resumeNo, from: row };
    }
    if (options.resumeNo != null) {
      throw new ImportTaken(options.resumeNo);
    }
    const { columns: _, header: __, importNo: ___, resumedFrom: ____, ...shown } = facts;
    // Nobody sees it before it is locked.
    await connection.query('BEGIN');
    const no = await startImport(connection, source, options.preset, known, kind, { ...shown, names: facts.header, columns: (known as { columns: object }).columns });
    await lockImport(connection, no);
    await connection.query('COMMIT');
    return { importNo: no, from: { line: 0, imported: 0, duplicates: 0, quarantined: 0 } };
  }

  async function readEvents(reader: RowReader): Promise<typeof counts> {
    const row = createRowEvent();
    const { columns } = layout;
    const chunks = createChunkWriter(connection, { importNo, fillsItems: columns.title !== undefined || columns.price !== undefined, takeNotes: (rows) => read.takeNotes(rows) });
    const take = (fields: readonly string[], line: number): boolean => {
      const reason = reader(fields, row);
      if (reason !== null) {
        read.skip(reason, line, fields);
        return false;
      }
      if (row.quantity !== null && row.quantity < 0) {
        read.returns++;
      }
      return line <= from.line ? chunks.pass(row) : chunks.add(row);
    };
    await readRows(take, chunks);
    return chunks.counts();
  }

  async function readCatalogue(what: 'items' | 'users'): Promise<typeof counts> {
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
    return counts;
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
          } else if (read.rowsRead % ROWS_A_TURN === 0) {
            await setImmediate();
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
}
