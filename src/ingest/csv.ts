/**
 * A CSV file, plain or gzipped, as rows with their line numbers. Read as a stream: a file may be larger than memory.
 *
 * Splitting is ours because it is most of an import's time: see `bench/csv.mjs`.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** The file cannot be read as what it should be; `message` says where and what to do. */
export class ImportFileFault extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ImportFileFault';
  }
}

export interface CsvFile {
  readonly header: readonly string[];
  readonly delimiter: string;
  readonly gzipped: boolean;
  /** Bytes on disk, and how many of them are read so far. */
  readonly bytes: number;
  bytesRead(): number;
  /** Rows after the header, as many at a time as a piece of the file holds. */
  batches(): AsyncGenerator<CsvBatch>;
}

export interface CsvBatch {
  readonly rows: readonly (readonly string[])[];
  /** The last line of each row in the file, from 1. */
  readonly lines: readonly number[];
}

const DELIMITERS = [',', ';', '\t', '|'];

/** The delimiter that splits the header line into the most fields, quoted text left out. */
export function detectDelimiter(headerLine: string): string {
  const bare = headerLine.replace(/"(?:[^"]|"")*"/g, '');
  let best = ',';
  let most = 0;
  for (const delimiter of DELIMITERS) {
    const count = bare.split(delimiter).length - 1;
    if (count > most) {
      best = delimiter;
      most = count;
    }
  }
  return best;
}

function explainRead(path: string, error: unknown): ImportFileFault {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') {
    return new ImportFileFault(`There is no file ${path}.`, error);
  }
  if (code === 'EISDIR') {
    return new ImportFileFault(`${path} is a folder; name a CSV file (plain or .gz).`, error);
  }
  if (code === 'EACCES') {
    return new ImportFileFault(`${path} may not be read by this user.`, error);
  }
  if (code === 'Z_BUF_ERROR') {
    return new ImportFileFault(`${path} ends in the middle of its gzip data: the file was cut off. Copy it again and import the whole; rows that are stored already are recognised.`, error);
  }
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return new ImportFileFault(`${path} is damaged gzip data (${(error as Error).message}). Copy it again and import the whole; rows that are stored already are recognised.`, error);
  }
  return new ImportFileFault(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, error);
}

/** @throws ImportFileFault where there is no such file, it is a folder, or it has no header line */
export async function openCsv(path: string): Promise<CsvFile> {
  let bytes: number;
  let gzipped: boolean;
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) {
      throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    }
    bytes = facts.size;
    const handle = await open(path);
    const magic = Buffer.alloc(2);
    await handle.read(magic, 0, 2, 0);
    await handle.close();
    gzipped = magic[0] === 0x1f && magic[1] === 0x8b;
  } catch (error) {
    throw explainRead(path, error);
  }
  if (bytes === 0) {
    throw new ImportFileFault(`${path} is empty; the first line must name the columns.`);
  }

  function openText(): { file: ReturnType<typeof createReadStream>; text: NodeJS.ReadableStream } {
    const file = createReadStream(path, { highWaterMark: 1 << 18 });
    if (!gzipped) {
      return { file, text: file };
    }
    const gunzip = createGunzip({ chunkSize: 1 << 18 });
    // Errors arrive at whoever reads `gunzip`.
    pipeline(file, gunzip, () => undefined);
    return { file, text: gunzip };
  }

  async function readHeaderLine(): Promise<string> {
    const { file, text } = openText();
    let head = '';
    try {
      for await (const piece of text) {
        head += (piece as Buffer).toString('utf8');
        const end = head.indexOf('\n');
        if (end >= 0 || head.length > 1 << 20) {
          return head.slice(0, end < 0 ? head.length : end).replace(/^\uFEFF/, '').replace(/\r$/, '');
        }
      }
      return head.replace(/^\uFEFF/, '').replace(/\r$/, '');
    } catch (error) {
      throw explainRead(path, error);
    } finally {
      file.destroy();
    }
  }

  const headerLine = await readHeaderLine();
  if (headerLine.includes('\0')) {
    throw new ImportFileFault(`${path} is not a text file (it has NUL bytes in its first line).`);
  }
  if (headerLine.trim() === '') {
    throw new ImportFileFault(`${path} has nothing in its first line; it must name the columns.`);
  }
  const delimiter = detectDelimiter(headerLine);
  const names = splitRecord(headerLine, delimiter)?.map((name) => name.trim());
  if (names === undefined) {
    throw new ImportFileFault(`${path} is not well-formed CSV: a quote that opens in line 1 is not closed there; the first line must name the columns.`);
  }
  if (names.every((name) => name === '')) {
    throw new ImportFileFault(`${path} has an empty first line; the first line must name the columns.`);
  }
  let position = () => 0;
  return {
    header: names,
    delimiter,
    gzipped,
    bytes,
    bytesRead: () => position(),
    async *batches() {
      const { file, text } = openText();
      position = () => file.bytesRead;
      // Incomplete characters at the end of a piece wait for the next; a byte order mark is dropped.
      const decoder = new TextDecoder();
      const splitter = createSplitter(path, delimiter);
      try {
        for await (const piece of text) {
          yield splitter.push(decoder.decode(piece as Buffer, { stream: true }));
        }
        yield splitter.push(decoder.decode(), true);
      } catch (error) {
        throw error instanceof ImportFileFault ? error : explainRead(path, error);
      } finally {
        file.destroy();
      }
    },
  };
}

/** A quote that is never closed would swallow the rest of the file into one field. */
const MAX_RECORD_CHARS = 1 << 18;

/**
 * RFC 4180, forgiving where files are sloppy: a quote counts at a field's beginning only, text after a closing quote is kept, rows may be longer or shorter than the header.
 *
 * @param last a quoted field that is still open at the end is closed there
 * @returns null where the text ends inside a quoted field
 */
export function splitRecord(text: string, delimiter: string, last = false): string[] | null {
  if (!text.includes('"')) {
    return text.split(delimiter);
  }
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let field = '';
    if (text[at] === '"') {
      let from = at + 1;
      for (;;) {
        const quote = text.indexOf('"', from);
        if (quote < 0) {
          if (!last) {
            return null;
          }
          field += text.slice(from);
          at = text.length;
          break;
        }
        field += text.slice(from, quote);
        if (text[quote + 1] !== '"') {
          at = quote + 1;
          break;
        }
        field += '"';
        from = quote + 2;
      }
    }
    const end = text.indexOf(delimiter, at);
    fields.push(field + text.slice(at, end < 0 ? text.length : end));
    if (end < 0) {
      return fields;
    }
    at = end + 1;
  }
}

/** Cuts text into records, the header left out. Lines are cut first and split each by itself: most have no quote, and then the engine's own `split` is all there is to do. */
function createSplitter(path: string, delimiter: string) {
  let rest = '';
  /** Lines of a record whose quoted field goes on; null: none does. */
  let open: string | null = null;
  let openedIn = 0;
  let line = 0;
  let headerSeen = false;
  return {
    push(text: string, last = false): CsvBatch {
      const rows: string[][] = [];
      const lines: number[] = [];
      const whole = rest + text;
      let from = 0;
      while (from < whole.length) {
        let end = whole.indexOf('\n', from);
        if (end < 0) {
          if (!last) {
            break;
          }
          end = whole.length;
        }
        const one = whole.slice(from, whole.charCodeAt(end - 1) === 13 && end > from ? end - 1 : end);
        from = end + 1;
        line++;
        if (!headerSeen) {
          // The header has no line breaks: it was read as one line.
          headerSeen = true;
          continue;
        }
        if (open === null && one === '') {
          continue;
        }
        const record: string = open === null ? one : `${open}\n${one}`;
        if (record.length > MAX_RECORD_CHARS) {
          throw new ImportFileFault(`${path} is not well-formed CSV: the quote that opens in line ${open === null ? line : openedIn} is not closed within ${MAX_RECORD_CHARS} characters.`);
        }
        // Without a quote in it a line cannot close the field: looking again at all before it would cost the square of its length.
        if (open !== null && !one.includes('"') && !(last && from >= whole.length)) {
          open = record;
          continue;
        }
        // Without a quote in it a line cannot end the open field: splitting anew for each would take the square of the record's length.
        const fields = open !== null && !one.includes('"') ? null : splitRecord(record, delimiter);
        if (fields === null) {
          openedIn = open === null ? line : openedIn;
          open = record;
          continue;
        }
        open = null;
        rows.push(fields);
        lines.push(line);
      }
      if (last && open !== null) {
        rows.push(splitRecord(open, delimiter, true)!);
        lines.push(line);
      }
      rest = whole.slice(Math.min(from, whole.length));
      if (rest.length > MAX_RECORD_CHARS) {
        throw new ImportFileFault(`${path} is not well-formed CSV: line ${line + 1} has more than ${MAX_RECORD_CHARS} characters.`);
      }
      return { rows, lines };
    },
  };
}
