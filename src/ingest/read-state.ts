/** How far an import has read: its counts, the rows it leaves out and why, and those kept aside until the chunk that notes them. */
import type { Quarantine } from '../storage/imports.ts';
import { type ChunkNotes, emptyQuarantine } from './chunks.ts';
import { type CsvFile, ImportFileFault, NOT_A_ROW } from './csv.ts';
import { joinRecord } from './csv-text.ts';
import { describeValue } from './ids.ts';

/** Rows that are left out for one reason. */
export interface SkippedRows {
  count: number;
  firstLine: number;
  /** The first such row, shortened. */
  readonly example: string;
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

/** What an earlier run of the import stored. */
export interface ReadBefore {
  readonly line: number;
  readonly imported: number;
  readonly duplicates: number;
  readonly quarantined: number;
}

export interface ReadStateOptions {
  readonly file: CsvFile;
  /** Reasons for which rows are neither kept aside nor held against the file. */
  readonly knownDirt: readonly string[];
  readonly from: ReadBefore;
  readonly maxBadShare?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: { rowsRead: number; fraction: number }) => void;
}

const MAX_QUARANTINED = 100_000;
const MAX_RAW_CHARS = 2_000;
const DEFAULT_MAX_BAD_SHARE = 0.5;
const BAD_SHARE_FROM_ROWS = 1_000;

export function createSkipNotes(delimiter: string) {
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
    counts: () => Object.fromEntries(Object.entries(skipped).map(([reason, one]) => [reason, one.count])),
  };
}

/** A row as it stood in the file, as far as it can be kept. */
function rawOf({ format, header, delimiter }: CsvFile, fields: readonly string[]): string {
  const raw = fields[0] === NOT_A_ROW ? fields[1] : format === 'ndjson' ? JSON.stringify(Object.fromEntries(header.map((name, k) => [name, fields[k]]))) : joinRecord(fields, delimiter);
  return raw.slice(0, MAX_RAW_CHARS).replaceAll('\0', '\uFFFD').toWellFormed();
}

export type ReadState = ReturnType<typeof createReadState>;

export function createReadState({ file, knownDirt, from, maxBadShare = DEFAULT_MAX_BAD_SHARE, signal, onProgress }: ReadStateOptions) {
  const notes = createSkipNotes(file.delimiter);
  let imported = from.imported;
  let bad = 0;
  let cancelled = false;
  let aside: Quarantine = emptyQuarantine();
  const state = {
    rowsRead: 0,
    line: Math.max(1, from.line),
    duplicates: from.duplicates,
    quarantined: from.quarantined,
    returns: 0,
    committedLine: Math.max(1, from.line),
    skipped: notes.skipped,
    skippedCounts: notes.counts,
    imported: () => imported,
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
        aside.raws.push(rawOf(file, fields));
      }
    },
    /** @throws TooManyBadRows */
    checkShare(): void {
      if (state.rowsRead >= BAD_SHARE_FROM_ROWS && bad > maxBadShare * state.rowsRead) {
        const worst = Object.entries(notes.skipped).sort((a, b) => b[1].count - a[1].count)[0];
        throw new TooManyBadRows(`${bad} of the first ${state.rowsRead} rows cannot be taken, more than the ${Math.round(100 * maxBadShare)} % that are allowed; most often: ${worst[0]}, first in line ${worst[1].firstLine}. Look at the columns and formats (a dry run shows them), or allow more.`);
      }
    },
    /** @throws ImportCancelled, the signal's reason */
    throwIfEnded(): void {
      if (cancelled) {
        throw new ImportCancelled();
      }
      signal?.throwIfAborted();
    },
    takeNotes(rows: number): ChunkNotes {
      // While what an earlier run stored is read once more, that run's line stands.
      const line = Math.max(state.line, from.line);
      const quarantine = aside;
      aside = emptyQuarantine();
      const fraction = Math.min(1, file.bytesRead() / Math.max(1, file.bytes));
      return {
        progress: { rowsRead: state.rowsRead, skipped: notes.counts(), lastLine: line, fraction },
        quarantine,
        onWritten: (inserted, wanted, refused) => {
          imported += inserted;
          state.duplicates += rows - inserted - refused;
          if (refused > 0) {
            notes.skipped.erased = { count: (notes.skipped.erased?.count ?? 0) + refused, firstLine: notes.skipped.erased?.firstLine ?? line, example: 'users who were erased after that' };
          }
          state.committedLine = line;
          cancelled ||= wanted;
          onProgress?.({ rowsRead: state.rowsRead, fraction });
        },
      };
    },
  };
  return state;
}
