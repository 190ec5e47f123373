/**
 * A file into Postgres: rows are read and checked as a stream and written in chunks of 20,000, each chunk one transaction that also notes the position. While one
 * chunk is being written the next is read. Importing a file again changes nothing, because a row's identity follows from what it says (`dedup.ts`).
 */
import type { EventTypeRule } from '../model/interactions.ts';
import { connectAlone } from '../storage/database.ts';
import { listEventTypes } from '../storage/event-types.ts';
import { analyzeTables, createStaging, endImport, startImport } from '../storage/imports.ts';
import { fillItems } from '../storage/items.ts';
import { createChunkWriter } from './chunks.ts';
import { type ColumnMap, type Meaning, mapColumns } from './columns.ts';
import { type CsvFile, ImportFileFault, openCsv } from './csv.ts';
import { describeValue, nearestName } from './ids.ts';
import { PRESETS, type RowEvent, createRowEvent, findPreset } from './rows.ts';

export interface ImportOptions {
  readonly connectionString: string;
  readonly path: string;
  readonly preset: string;
  /** Column names by meaning, over those of the preset. */
  readonly columns: Partial<Record<Meaning, string>>;
  /** Event type of rows that name none; null: the preset's, else `rating` where there is a value column, else `view`. */
  readonly type: string | null;
  readonly nowMs: number;
  readonly onStart?: (facts: { header: readonly string[]; columns: ColumnMap; delimiter: string; gzipped: boolean; defaultType: string }) => void;
  readonly onProgress?: (done: { rowsRead: number; fraction: number }) => void;
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
  /** Imported rows with a negative quantity: they cancel earlier events. */
  readonly returns: number;
  readonly skipped: Readonly<Record<string, SkippedRows>>;
  readonly users: number;
  readonly items: number;
  readonly itemsFilled: number;
}

function chooseType(options: ImportOptions, columns: ColumnMap, types: ReadonlyMap<string, EventTypeRule>): EventTypeRule {
  const name = options.type ?? PRESETS[options.preset].defaultType ?? (columns.value === undefined ? 'view' : 'rating');
  const type = types.get(name);
  if (type === undefined) {
    const near = nearestName(name, [...types.keys()]);
    throw new ImportFileFault(`"${name}" is no event type${near === null ? '' : `; did you mean "${near}"?`} Known types: ${[...types.keys()].join(', ')}.`);
  }
  return type;
}

/** Different titles kept of one item; the right one is among the first. */
const MAX_TITLES = 20;

/** What the file says of items, to be kept once at the end: the title seen most often, the last price. */
function createItemNotes() {
  // Lists rather than maps inside: an item has one title or two, and comparing text is cheaper than hashing it in every row.
  const notes = new Map<string, { titles: string[]; counts: number[]; price: number | null }>();
  return {
    see(row: RowEvent): void {
      let note = notes.get(row.itemId);
      if (note === undefined) {
        note = { titles: [], counts: [], price: null };
        notes.set(row.itemId, note);
      }
      if (row.title !== null) {
        const known = note.titles.indexOf(row.title);
        if (known >= 0) {
          note.counts[known]++;
        } else if (note.titles.length < MAX_TITLES && !row.title.includes('\0')) {
          // NUL is all that Postgres cannot keep of what a file may hold.
          note.titles.push(row.title);
          note.counts.push(1);
        }
      }
      note.price = row.price ?? note.price;
    },
    count: () => notes.size,
    columns() {
      const ids = [...notes.keys()].sort();
      const titles = ids.map((id) => {
        const { titles: seen, counts } = notes.get(id)!;
        return seen.length === 0 ? null : seen[counts.indexOf(Math.max(...counts))];
      });
      return { ids, titles, prices: ids.map((id) => notes.get(id)!.price) };
    },
  };
}

/**
 * Imports a file of events.
 *
 * @throws ImportFileFault for what is wrong with the file or the options; what earlier chunks stored stays stored, and the message says how far it came
 */
export async function importFile(options: ImportOptions): Promise<ImportSummary> {
  const preset = findPreset(options.preset);
  const file = await openCsv(options.path);
  const columns = mapColumns(file.header, { ...preset.columns, ...options.columns });
  const connection = await connectAlone(options.connectionString, 'jongleur-import');
  try {
    const types = new Map((await listEventTypes(connection)).map((type) => [type.name, type]));
    const defaultType = chooseType(options, columns, types);
    options.onStart?.({ header: file.header, columns, delimiter: file.delimiter, gzipped: file.gzipped, defaultType: defaultType.name });
    const importNo = await startImport(connection, options.path, options.preset, { columns: Object.fromEntries(Object.entries(columns).map(([meaning, column]) => [meaning, file.header[column]])), type: defaultType.name });
    await createStaging(connection);
    const reader = preset.createReader({ columns, types, defaultType, nowMs: options.nowMs });
    const read = createReadState(file, options);
    let itemsFilled = 0;
    try {
      await readRows();
      const { ids, titles, prices } = read.items.columns();
      itemsFilled = ids.length === 0 ? 0 : await fillItems(connection, ids, titles, prices);
      if (itemsFilled > 0) {
        await connection.query(`SELECT pg_notify('jongleur_items', '')`);
      }
      await analyzeTables(connection);
      await endImport(connection, importNo, 'done', null);
    } catch (error) {
      await endImport(connection, importNo, 'failed', error instanceof Error ? error.message : String(error)).catch(() => undefined);
      if (error instanceof ImportFileFault) {
        throw new ImportFileFault(`${error.message} ${read.imported()} rows up to line ${read.committedLine} are stored.`, error);
      }
      throw error;
    }
    return { importNo, rowsRead: read.rowsRead, rowsImported: read.imported(), rowsDuplicate: read.duplicates, returns: read.returns, skipped: read.skipped, users: read.users.size, items: read.items.count(), itemsFilled };

    async function readRows(): Promise<void> {
      const row = createRowEvent();
      let lastLine = 1;
      const chunks = createChunkWriter(connection, importNo, (rows) => {
        const line = lastLine;
        return {
          progress: { rowsRead: read.rowsRead, skipped: Object.fromEntries(Object.entries(read.skipped).map(([reason, one]) => [reason, one.count])), lastLine: line },
          onWritten: (inserted) => read.noteChunk(inserted, rows, line),
        };
      });
      try {
        for await (const { rows, lines } of file.batches()) {
          for (let k = 0; k < rows.length; k++) {
            const fields = rows[k];
            read.rowsRead++;
            lastLine = lines[k];
            const reason = reader(fields, row);
            if (reason !== null) {
              read.skip(reason, lastLine, fields);
              continue;
            }
            read.see(row);
            if (chunks.add(row)) {
              await chunks.flush();
            }
          }
        }
      } catch (error) {
        // What was read before the file's fault is good, and stays.
        if (error instanceof ImportFileFault) {
          await chunks.end();
        }
        throw error;
      }
      await chunks.end();
    }
  } finally {
    await connection.end().catch(() => undefined);
  }
}

function createReadState(file: CsvFile, options: ImportOptions) {
  const skipped: Record<string, SkippedRows> = {};
  const users = new Set<string>();
  let lastUser = '';
  const items = createItemNotes();
  let imported = 0;
  return {
    rowsRead: 0,
    duplicates: 0,
    returns: 0,
    committedLine: 1,
    skipped,
    users,
    items,
    imported: () => imported,
    fraction: () => Math.min(1, file.bytesRead() / Math.max(1, file.bytes)),
    see(row: RowEvent): void {
      // Rows of one basket follow one another.
      if (row.userId !== lastUser) {
        lastUser = row.userId;
        users.add(row.userId);
      }
      items.see(row);
      if (row.quantity !== null && row.quantity < 0) {
        this.returns++;
      }
    },
    skip(reason: string, line: number, fields: readonly string[]): void {
      const one = skipped[reason];
      if (one === undefined) {
        skipped[reason] = { count: 1, firstLine: line, example: describeValue(fields.join(file.delimiter)) };
      } else {
        one.count++;
      }
    },
    noteChunk(inserted: number, rows: number, line: number): void {
      imported += inserted;
      this.duplicates += rows - inserted;
      this.committedLine = line;
      options.onProgress?.({ rowsRead: this.rowsRead, fraction: this.fraction() });
    },
  };
}
