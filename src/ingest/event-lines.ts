/**
 * Events as NDJSON: a body of up to 100,000 lines, stored as it comes in, `LINES_A_TIME` lines at a time. Each line is accepted or refused on its own. There is no more in memory than one part and
 * the first thousand refusals, however long the body is.
 */
import { isUtf8 } from 'node:buffer';
import { describeValue } from './ids.ts';
import { IngestOverloaded, type RejectedElement, type Writer } from './writer.ts';

export const MAX_LINES = 100_000;
export const MAX_LINE_BYTES = 65_536;
/** Unpacked. */
export const MAX_LINES_BYTES = 64 * 1024 * 1024;
/** Of empty lines as well: a small gzip can hold a billion of them. */
const MAX_RAW_LINES = 2 * MAX_LINES;
const LINES_A_TIME = 1_000;
const MAX_REJECTED = 1_000;
/** How long a body under way waits for room in the queue. */
const ROOM_WAIT_MS = 30_000;
const ROOM_ASK_MS = 50;

export interface LinesResult {
  /** Lines with something in them; their indexes count from 0. */
  lines: number;
  accepted: number;
  duplicates: number;
  rejectedTotal: number;
  /** The first thousand. */
  rejected: RejectedElement[];
}

/** The body could not be taken to its end; `soFar` is what became of the lines before. */
export class LinesStopped extends Error {
  readonly soFar: LinesResult;
  constructor(soFar: LinesResult, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'LinesStopped';
    this.soFar = soFar;
  }
}

/** More lines, or a longer line, than allowed. */
export class LinesTooMany extends Error {}
export class LineTooLong extends Error {}

const NEWLINE = 10;

/** @throws LinesStopped, with the reason as its cause, where anything was taken before; else the reason itself */
export async function writeLines(pieces: AsyncIterable<Buffer>, writer: Writer, idempotencyKey: string | null): Promise<LinesResult> {
  const result: LinesResult = { lines: 0, accepted: 0, duplicates: 0, rejectedTotal: 0, rejected: [] };
  let rawLines = 0;
  let elements: unknown[] = [];
  /** Lines that are no JSON, by their index in `elements`, where they are null. */
  let faults: RejectedElement[] = [];
  let rest: Buffer = Buffer.alloc(0);

  function reject(rejected: readonly RejectedElement[]): void {
    result.rejectedTotal += rejected.length;
    for (const one of rejected) {
      if (result.rejected.length < MAX_REJECTED) {
        result.rejected.push(one);
      }
    }
  }

  async function flush(): Promise<void> {
    const firstIndex = result.lines;
    const wrong = new Map(faults.map((fault) => [fault.index, fault]));
    const deadline = performance.now() + ROOM_WAIT_MS;
    for (;;) {
      try {
        const written = await writer.write(elements, idempotencyKey, firstIndex);
        result.lines += elements.length;
        result.accepted += written.accepted;
        result.duplicates += written.duplicates;
        reject(written.rejected.map((one) => wrong.get(one.index) ?? one));
        break;
      } catch (error) {
        // One that has begun waits, and so does its sender; a new one is refused at once.
        if (!(error instanceof IngestOverloaded) || firstIndex === 0 || performance.now() > deadline) {
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, ROOM_ASK_MS));
      }
    }
    elements = [];
    faults = [];
  }

  /** @returns whether it is time to flush */
  function take(line: Buffer): boolean {
    const text = line.toString('utf8').trim();
    if (++rawLines > MAX_RAW_LINES) {
      throw new LinesTooMany(`The body has more than ${MAX_RAW_LINES} lines.`);
    }
    if (text === '') {
      return false;
    }
    const index = result.lines + elements.length;
    if (index >= MAX_LINES) {
      throw new LinesTooMany(`The body has more than ${MAX_LINES} lines.`);
    }
    let element: unknown = null;
    if (isUtf8(line)) {
      try {
        element = JSON.parse(text);
      } catch (error) {
        faults.push({ index, field: '', code: 'not-json', message: `the line is not JSON (${(error as Error).message}): ${describeValue(text)}` });
      }
    } else {
      faults.push({ index, field: '', code: 'not-utf8', message: 'the line is not UTF-8' });
    }
    elements.push(element);
    return elements.length === LINES_A_TIME;
  }

  try {
    for await (const piece of pieces) {
      const bytes: Buffer = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      let from = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
        if (take(bytes.subarray(from, end))) {
          await flush();
        }
        from = end + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > MAX_LINE_BYTES) {
        throw new LineTooLong(`Line ${result.lines + elements.length + 1} has more than ${MAX_LINE_BYTES} bytes.`);
      }
    }
    take(rest);
    if (elements.length > 0) {
      await flush();
    }
  } catch (error) {
    throw result.lines === 0 ? error : new LinesStopped(result, error);
  }
  return result;
}
