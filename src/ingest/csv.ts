/**
 * A CSV file, plain or gzipped, as rows with their line numbers. Read as a stream: a file may be larger than memory.
 *
 * Splitting is ours because it is most of an import's time: see `bench/csv.mjs`.
 */
import { isUtf8 } from 'node:buffer';
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

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** What is known of a file beforehand; what is left out is found out. */
export interface CsvOptions {
  readonly delimiter?: string;
  readonly encoding?: Encoding;
  /** false: the first line is a row already; columns are then named by their places, from 1. */
  readonly header?: boolean;
  /** What the file is called in messages; default: its path. */
  readonly name?: string;
}

export interface CsvFile {
  /** Names of the columns; of a file without a header line "1", "2", … */
  readonly header: readonly string[];
  /** `ndjson`: an object a line; its names are the columns. */
  readonly format: 'csv' | 'ndjson';
  readonly encoding: Encoding;
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

/** Marks a row that is no row of this format: the fields after it are its text and the reason. */
export const NOT_A_ROW = '\u0000not a row';

const DELIMITERS = [',', ';', '\t', '|', '::'];

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
export async function openCsv(path: string, options: CsvOptions = {}): Promise<CsvFile> {
  const name = options.name ?? path;
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
    throw explainRead(name, error);
  }
  if (bytes === 0) {
    throw new ImportFileFault(`${name} is empty; the first line must name the columns.`);
  }

  function openText(): { file: ReturnType<typeof createReadStream>; text: NodeJS.ReadableStream } {
    const file = createReadStream(path, { highWaterMark: 1 << 16 });
    if (!gzipped) {
      return { file, text: file };
    }
    const gunzip = createGunzip({ chunkSize: 1 << 16 });
    // Errors arrive at whoever reads `gunzip`.
    pipeline(file, gunzip, () => undefined);
    return { file, text: gunzip };
  }

  /** The first bytes, as many as hold a header and enough rows to judge the encoding by. */
  async function readHead(): Promise<Buffer> {
    const { file, text } = openText();
    const pieces: Buffer[] = [];
    let length = 0;
    try {
      for await (const piece of text) {
        pieces.push(piece as Buffer);
        length += (piece as Buffer).length;
        if (length >= HEAD_BYTES) {
          break;
        }
      }
      return Buffer.concat(pieces);
    } catch (error) {
      throw explainRead(name, error);
    } finally {
      file.destroy();
    }
  }

  const head = await readHead();
  const encoding = options.encoding ?? detectEncoding(head);
  const text = new TextDecoder(encoding).decode(head, { stream: true });
  const firstLine = /^[^\n]*/.exec(text)![0].replace(/\r$/, '');
  if (firstLine.includes('\0')) {
    throw new ImportFileFault(`${name} is not a text file (it has NUL bytes in its first line).`);
  }
  if (firstLine.trim() === '') {
    throw new ImportFileFault(`${name} has nothing in its first line; it must name the columns.`);
  }
  const format = options.delimiter === undefined && firstLine.trimStart().startsWith('{') ? 'ndjson' : 'csv';
  const delimiter = options.delimiter ?? detectDelimiter(firstLine);
  const names = format === 'ndjson' ? namesOfObjects(name, text) : splitRecord(firstLine, delimiter)?.map((column) => column.trim());
  if (names === undefined) {
    throw new ImportFileFault(`${name} is not well-formed CSV: a quote that opens in line 1 is not closed there; the first line must name the columns.`);
  }
  if (names.every((column) => column === '')) {
    throw new ImportFileFault(`${name} has an empty first line; the first line must name the columns.`);
  }
  const hasHeader = format === 'csv' && options.header !== false;
  let position = () => 0;
  return {
    header: hasHeader || format === 'ndjson' ? names : names.map((_, place) => String(place + 1)),
    format,
    encoding,
    delimiter,
    gzipped,
    bytes,
    bytesRead: () => position(),
    async *batches() {
      const { file, text: stream } = openText();
      position = () => file.bytesRead;
      // Incomplete characters at the end of a piece wait for the next; a byte order mark is dropped.
      const decoder = new TextDecoder(encoding);
      const splitter = format === 'ndjson' ? createObjectSplitter(name, names) : createSplitter(name, delimiter, hasHeader);
      try {
        for await (const piece of stream) {
          yield splitter.push(decoder.decode(piece as Buffer, { stream: true }));
        }
        yield splitter.push(decoder.decode(), true);
      } catch (error) {
        throw error instanceof ImportFileFault ? error : explainRead(name, error);
      } finally {
        file.destroy();
      }
    },
  };
}

/** How much of a file is looked at to find out what it is. */
const HEAD_BYTES = 1 << 16;

/** By its byte order mark, else UTF-8 where the head is that, else the encoding that Windows and spreadsheets write. */
export function detectEncoding(head: Buffer): Encoding {
  if (head[0] === 0xff && head[1] === 0xfe) {
    return 'utf-16le';
  }
  if (head[0] === 0xfe && head[1] === 0xff) {
    return 'utf-16be';
  }
  // The head may end in the middle of a character.
  for (let cut = 0; cut < 4; cut++) {
    if (isUtf8(head.subarray(0, head.length - cut))) {
      return 'utf-8';
    }
  }
  return 'windows-1252';
}

/** Of one line, and of the lines of a quoted field. */
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
    at = end + delimiter.length;
  }
}

/** Whether a closing quote is followed by anything but the next field: `"a"b`. What follows the quote of a well-formed field is a delimiter, or nothing. */
function hasTextAfterQuote(record: string, delimiter: string): boolean {
  for (let at = 0; at >= 0 && at < record.length; ) {
    if (record[at] === '"') {
      let quote = record.indexOf('"', at + 1);
      while (quote >= 0 && record[quote + 1] === '"') {
        quote = record.indexOf('"', quote + 2);
      }
      if (quote < 0 || quote + 1 === record.length) {
        return false;
      }
      if (!record.startsWith(delimiter, quote + 1)) {
        return true;
      }
      at = quote + 1 + delimiter.length;
      continue;
    }
    const end = record.indexOf(delimiter, at);
    at = end < 0 ? -1 : end + delimiter.length;
  }
  return false;
}

/**
 * Cuts text into records, the header left out. Lines are cut first and split each by itself: most have no quote, and then the engine's own `split` is all there is to do.
 *
 * A quote that is not closed would swallow rows up to the next one that opens: where a field of several lines is followed by text, grows too long, or has no end, its first line is a bad row and the lines
 * after it are read anew.
 */
function createSplitter(path: string, delimiter: string, hasHeader: boolean) {
  let rest = '';
  /** Lines of a record whose quoted field goes on. */
  let open: string[] = [];
  let openChars = 0;
  let line = 0;
  let headerSeen = !hasHeader;
  let rows: string[][] = [];
  let lines: number[] = [];

  function put(fields: string[], at: number): void {
    rows.push(fields);
    lines.push(at);
  }

  /** @param at the line's number. @param last nothing comes after it */
  function take(one: string, at: number, last: boolean): void {
    if (open.length === 0) {
      if (one === '') {
        return;
      }
      const fields = splitRecord(one, delimiter, last);
      if (fields !== null) {
        put(fields, at);
        return;
      }
    }
    open.push(one);
    openChars += one.length + 1;
    // Without a quote in it a line cannot close the field: looking again at all before it would cost the square of its length.
    const fields = one.includes('"') && open.length > 1 ? splitRecord(open.join('\n'), delimiter) : null;
    if (fields !== null && !hasTextAfterQuote(open.join('\n'), delimiter)) {
      put(fields, at);
      open = [];
      openChars = 0;
    } else if (fields !== null || openChars > MAX_RECORD_CHARS || last) {
      closeInVain(at, last);
    }
  }

  function closeInVain(at: number, last: boolean): void {
    const [first, ...others] = open;
    const firstAt = at - others.length;
    open = [];
    openChars = 0;
    put([NOT_A_ROW, first, 'quote not closed'], firstAt);
    others.forEach((one, k) => take(one, firstAt + 1 + k, last && k === others.length - 1));
  }

  return {
    push(text: string, last = false): CsvBatch {
      rows = [];
      lines = [];
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
        if (headerSeen) {
          take(one, line, last && from >= whole.length);
        }
        // The header has no line breaks: it was read as one line.
        headerSeen = true;
      }
      if (last && open.length > 0) {
        closeInVain(line, true);
      }
      rest = whole.slice(Math.min(from, whole.length));
      if (rest.length > MAX_RECORD_CHARS) {
        throw new ImportFileFault(`${path} is not well-formed CSV: line ${line + 1} has more than ${MAX_RECORD_CHARS} characters.`);
      }
      return { rows, lines };
    },
  };
}

/** Columns of an NDJSON file: the names of the objects in its head, in the order in which they first come. */
function namesOfObjects(path: string, head: string): string[] {
  const names = new Set<string>();
  for (const line of head.split('\n').slice(0, -1).concat(head.endsWith('\n') ? [] : head.split('\n').slice(-1))) {
    const object = parseObject(line);
    Object.keys(object ?? {}).forEach((name) => names.add(name));
  }
  if (names.size === 0) {
    throw new ImportFileFault(`${path} begins like NDJSON, and no line of its beginning is a JSON object.`);
  }
  return [...names];
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** As `createSplitter`, for lines of JSON objects: values become the text that a CSV file would hold. */
function createObjectSplitter(path: string, names: readonly string[]) {
  let rest = '';
  let line = 0;
  return {
    push(text: string, last = false): CsvBatch {
      const rows: string[][] = [];
      const lines: number[] = [];
      const pieces = (rest + text).split('\n');
      rest = last ? '' : pieces.pop()!;
      if (rest.length > MAX_RECORD_CHARS) {
        throw new ImportFileFault(`${path} is not well-formed NDJSON: line ${line + pieces.length + 1} has more than ${MAX_RECORD_CHARS} characters.`);
      }
      for (const piece of pieces) {
        line++;
        if (piece.trim() === '') {
          continue;
        }
        const object = parseObject(piece);
        rows.push(object === null ? [NOT_A_ROW, piece, 'not JSON'] : names.map((name) => asText(object[name])));
        lines.push(line);
      }
      return { rows, lines };
    },
  };
}

function asText(value: unknown): string {
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
}
