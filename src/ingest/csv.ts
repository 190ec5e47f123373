/** A CSV file, plain or gzipped, as rows with their line numbers. Read as a stream: a file may be larger than memory. */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';

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
  /** Rows after the header; `line` is the row's last line in the file, from 1. */
  rows(): AsyncGenerator<{ readonly fields: readonly string[]; readonly line: number }>;
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
  if (typeof code === 'string' && code.startsWith('CSV_')) {
    return new ImportFileFault(`${path} is not well-formed CSV: ${(error as Error).message}.`, error);
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
  const delimiter = detectDelimiter(headerLine);
  let position = () => 0;
  const headerParser = parse(headerLine, { delimiter, relax_quotes: true });
  const header: string[] = ((await headerParser.toArray())[0] as string[] | undefined)?.map((name) => name.trim()) ?? [];

  return {
    header,
    delimiter,
    gzipped,
    bytes,
    bytesRead: () => position(),
    async *rows() {
      const { file, text } = openText();
      position = () => file.bytesRead;
      const parser = parse({
        delimiter,
        bom: true,
        from: 2,
        relax_quotes: true,
        relax_column_count: true,
        skip_empty_lines: true,
        // A quote that is never closed would swallow the rest of the file into one field.
        max_record_size: 1 << 20,
        // The line travels as a last field: an object a row would cost more than all the rest.
        on_record: (fields: string[], context) => {
          fields.push(String(context.lines));
          return fields;
        },
      });
      text.on('error', (error) => parser.destroy(error));
      text.pipe(parser);
      try {
        for await (const record of parser) {
          const fields = record as string[];
          const line = Number(fields.pop());
          yield { fields, line };
        }
      } catch (error) {
        throw explainRead(path, error);
      } finally {
        file.destroy();
      }
    },
  };
}
