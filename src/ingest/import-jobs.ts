/**
 * Imports that came over HTTP, as jobs of this process.
 *
 * A body is spooled to `folder` first, so that a sender who stalls holds no transaction and a crash loses no file; then it is imported from there. A job whose process ended before it did is
 * `interrupted`: at the next start it goes on from its last line where its file is still there. Files are removed when their job has ended for good. At most `MAX_RUNNING` jobs run and
 * `MAX_SPOOLING` bodies come in at a time.
 */
import { createWriteStream } from 'node:fs';
import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Database, DatabaseFull, DatabaseUnavailable } from '../storage/database.ts';
import { findEventRange, findImport, markLostImports, markUndone, undoPartOfImport } from '../storage/imports.ts';
import { listEventTypes } from '../storage/event-types.ts';
import { BodyTooLarge, readBody } from './body-stream.ts';
import { PREVIEW_BYTES, type Preview, previewFile } from './dry-run.ts';
import { type DryRun, type ImportOptions, ImportTaken, dryRunFile, importFile } from './importer.ts';
import { ImportCancelled } from './read-state.ts';

export class ImportsBusy extends Error {}

/** What a request may say; the rest follows from where it came. */
export type ImportRequest = Omit<ImportOptions, 'connectionString' | 'path' | 'name' | 'nowMs' | 'signal' | 'onStart' | 'onProgress' | 'resumeNo'>;

export interface ImportJobs {
  /** Spools the body and starts the import. @returns its number, once the file's beginning has been understood. @throws ImportFileFault, BodyTooLarge, ImportsBusy */
  start(body: Readable, request: ImportRequest): Promise<number>;
  /** Takes the beginning of the body and stores nothing. */
  dryRun(body: Readable, request: ImportRequest): Promise<DryRun>;
  /** What is known of a file by its first bytes, `PREVIEW_BYTES` at most; `isWhole`: they are all of it. @throws ImportFileFault, BodyTooLarge, ImportsBusy */
  preview(body: Readable, isWhole: boolean, request: ImportRequest): Promise<Preview>;
  /** Deletes an import's events. The caller has seen to it that it does not run. @returns how many */
  undo(importNo: number): Promise<number>;
  /** Goes on with what a former process left, or what Postgres' absence ended. */
  recover(): Promise<void>;
  /** Looks for such now and then. */
  watch(): void;
  /** Interrupts what runs. */
  stop(): Promise<void>;
}

export interface ImportJobsOptions {
  readonly database: Database;
  readonly connectionString: string;
  readonly folder: string;
  readonly now: () => number;
  readonly maxBytes?: number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

const MAX_RUNNING = 2;
const MAX_SPOOLING = 4;
const MAX_BYTES = 16 * 2 ** 30;
/** CSV packs to a tenth or a twentieth of its size; what unpacks to more than this is no file of rows. */
const MAX_RATIO = 200;
const RATIO_FROM_BYTES = 64 * 2 ** 20;
/** Of a body that is only looked at. */
const DRY_RUN_BYTES = 4 * 2 ** 20;
const UNDO_ROWS = 20_000;
const RECOVER_MS = 30_000;

class ProcessEnds extends Error {
  constructor() {
    super('The process ended before the import did.');
  }
}

/** Lets gzip through as it is, and counts what it unpacks to: a few megabytes can hold a terabyte. */
async function* guardRatio(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let gunzip: ReturnType<typeof createGunzip> | null = null;
  let packed = 0;
  let unpacked = 0;
  for await (const piece of pieces) {
    if (packed === 0 && piece[0] === 0x1f && piece[1] === 0x8b) {
      gunzip = createGunzip();
      gunzip.on('data', (bytes: Buffer) => (unpacked += bytes.length)).on('error', () => undefined);
    }
    packed += piece.length;
    if (gunzip !== null && !gunzip.destroyed) {
      const room = gunzip.write(piece);
      if (!room && !gunzip.destroyed) {
        const waited = gunzip;
        await new Promise<void>((resolve) => waited.once('drain', resolve).once('close', resolve).once('error', () => resolve()));
      }
      if (unpacked > RATIO_FROM_BYTES && unpacked > MAX_RATIO * packed) {
        gunzip.destroy();
        throw new BodyTooLarge(MAX_RATIO * packed, `The body unpacks to more than ${MAX_RATIO} times its own size, as no file of rows does`);
      }
    }
    yield piece;
  }
  gunzip?.destroy();
}

export function createImportJobs(options: ImportJobsOptions): ImportJobs {
  const { database, connectionString, folder } = options;
  const running = new Map<AbortController, Promise<void>>();
  let spooling = 0;
  let made = 0;

  async function spool(body: Readable, maxBytes: number): Promise<string> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${process.pid}-${options.now()}-${++made}.upload`);
    try {
      await pipeline(guardRatio(readBody(body, false, maxBytes)), createWriteStream(path));
      return path;
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  const placeOf = (importNo: number) => join(folder, `import-${importNo}.upload`);

  /** @returns once the import has begun */
  async function begin(path: string, request: ImportRequest, resumeNo: number | null): Promise<number> {
    const controller = new AbortController();
    let number = resumeNo;
    return await new Promise<number>((resolve, reject) => {
      const work = importFile({
        ...request, connectionString, path, nowMs: options.now(), signal: controller.signal, resumeNo, source: request.source ?? 'the file',
        onStart: ({ importNo }) => {
          number = importNo;
          // Under its number it is found by the next process; the name it came under goes with the work.
          void (path === placeOf(importNo!) ? Promise.resolve() : link(path, placeOf(importNo!))).catch(() => undefined).then(() => resolve(importNo!));
        },
      })
        .then(
          async (summary) => {
            options.log('import done', { importNo: summary.importNo, rows: summary.rowsImported });
            await rm(placeOf(summary.importNo), { force: true });
          },
          async (error: unknown) => {
            const goesOn = controller.signal.aborted || error instanceof DatabaseUnavailable || error instanceof DatabaseFull || error instanceof ImportTaken;
            if (number !== null) {
              options.log('import ended', { importNo: number, reason: String(error) }, !(error instanceof ImportCancelled) && !goesOn);
              await (goesOn ? Promise.resolve() : rm(placeOf(number), { force: true }));
            }
            reject(error as Error);
          },
        )
        .finally(async () => {
          running.delete(controller);
          await (number !== null && path === placeOf(number) ? Promise.resolve() : rm(path, { force: true }));
        });
      running.set(controller, work.catch(() => undefined));
    });
  }

  let timer: NodeJS.Timeout | undefined;
  const jobs: ImportJobs = {
    async start(body, request) {
      if (running.size >= MAX_RUNNING || spooling >= MAX_SPOOLING) {
        throw new ImportsBusy(`${running.size} imports run and ${spooling} are coming in; at most ${MAX_RUNNING} may run here at a time.`);
      }
      spooling++;
      const path = await spool(body, options.maxBytes ?? MAX_BYTES).finally(() => spooling--);
      return await begin(path, request, null);
    },
    async dryRun(body, request) {
      if (spooling >= MAX_SPOOLING) {
        throw new ImportsBusy(`${spooling} files are coming in already.`);
      }
      spooling++;
      await mkdir(folder, { recursive: true });
      const path = join(folder, `${process.pid}-${options.now()}-${++made}.look`);
      try {
        const out = createWriteStream(path);
        let bytes = 0;
        for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
          bytes += piece.length;
          if (bytes <= DRY_RUN_BYTES) {
            out.write(piece);
          } else {
            // The rest is read and thrown away: an answer before the end of the body would reach few clients.
            if (bytes > (options.maxBytes ?? MAX_BYTES)) {
              throw new BodyTooLarge(options.maxBytes ?? MAX_BYTES);
            }
          }
        }
        await new Promise<void>((resolve, reject) => out.on('error', reject).end(resolve));
        return await dryRunFile({ ...request, source: request.source ?? 'the file', connectionString, path, nowMs: options.now() });
      } finally {
        spooling--;
        await rm(path, { force: true });
      }
    },
    async preview(body, isWhole, request) {
      if (spooling >= MAX_SPOOLING) {
        throw new ImportsBusy(`${spooling} files are coming in already.`);
      }
      spooling++;
      try {
        const pieces: Buffer[] = [];
        for await (const piece of readBody(body, false, PREVIEW_BYTES)) {
          pieces.push(piece);
        }
        await mkdir(folder, { recursive: true });
        const types = new Map((await listEventTypes(database)).map((type) => [type.name, type]));
        return await previewFile(Buffer.concat(pieces), isWhole, join(folder, `${process.pid}-${options.now()}-${++made}.look`), request, types, options.now());
      } finally {
        spooling--;
      }
    },
    async undo(importNo) {
      let undone = 0;
      const { first, last } = await findEventRange(database, importNo);
      for (let from = first; from <= last; from += UNDO_ROWS) {
        undone += await undoPartOfImport(database, importNo, from, from + UNDO_ROWS);
      }
      await markUndone(database, importNo);
      await rm(placeOf(importNo), { force: true });
      return undone;
    },
    async recover() {
      for (const no of await markLostImports(database)) {
        options.log('an import was interrupted', { importNo: no });
      }
      for (const name of await readdir(folder).catch(() => [])) {
        const no = Number(/^import-(\d+)\.upload$/.exec(name)?.[1] ?? Number.NaN);
        const record = Number.isNaN(no) ? null : await findImport(database, no);
        if (record?.state === 'interrupted' && running.size < MAX_RUNNING) {
          options.log('an import goes on', { importNo: no, line: record.lastLine });
          void begin(join(folder, name), { ...(record.options.request as ImportRequest) }, no).catch(() => undefined);
        } else if (!Number.isNaN(no) && record?.state !== 'running' && record?.state !== 'interrupted') {
          await rm(join(folder, name), { force: true });
        }
      }
    },
    watch() {
      timer = setInterval(() => void jobs.recover().catch(() => undefined), RECOVER_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      const under = [...running];
      under.forEach(([controller]) => controller.abort(new ProcessEnds()));
      await Promise.all(under.map(([, work]) => work));
    },
  };
  return jobs;
}
