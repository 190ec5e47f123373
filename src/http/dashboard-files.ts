/**
 * The dashboard's files: those of `src/dashboard`, as they are but for the page itself, and three of libraries under `lib/`. All are read, and compressed, once; a request looks its path up among them and never reaches a file.
 */
import { hash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { JOINED_STYLES, preparePage } from './dashboard-page.ts';

export interface DashboardFile {
  readonly type: string;
  /** Strong, of the plain bytes. */
  readonly etag: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

/** What else may lie in the folder is not served. */
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

interface LibraryFile {
  readonly path: string;
  /** A module of the package beside which the file lies. */
  readonly beside: string;
  readonly file: string;
  /** Joined to the file's end. */
  readonly after?: string;
}

const LIBRARY_FILES: readonly LibraryFile[] = [
  { path: 'lib/preact.js', beside: 'htm', file: '../preact/standalone.module.js' },
  // The package's own module is not minified, and twice as long.
  { path: 'lib/uplot.js', beside: 'uplot', file: 'uPlot.iife.min.js', after: '\nexport default uPlot;\n' },
  { path: 'lib/uplot.css', beside: 'uplot', file: 'uPlot.min.css' },
];

const compress = promisify(gzip);

async function prepare(path: string, plain: Buffer): Promise<[string, DashboardFile]> {
  return [path, { type: TYPES[extname(path)], etag: `"${hash('sha256', plain, 'base64url').slice(0, 22)}"`, plain, gzipped: await compress(plain, { level: constants.Z_BEST_COMPRESSION }) }];
}

async function readAll(): Promise<ReadonlyMap<string, DashboardFile>> {
  const folder = fileURLToPath(new URL('../dashboard/', import.meta.url));
  const { resolve } = createRequire(import.meta.url);
  const own = (await readdir(folder, { recursive: true })).map((path) => path.replaceAll('\\', '/')).filter((path) => extname(path) in TYPES);
  const read = new Map<string, Buffer>(
    await Promise.all([
      ...own.map(async (path): Promise<[string, Buffer]> => [path, await readFile(join(folder, path))]),
      ...LIBRARY_FILES.map(async ({ path, beside, file, after = '' }): Promise<[string, Buffer]> => [path, Buffer.concat([await readFile(join(dirname(resolve(beside)), file)), Buffer.from(after)])]),
    ]),
  );
  const { page, styles } = preparePage(String(read.get('index.html')), (path) => String(read.get(path)));
  read.set('index.html', Buffer.from(page)).set(JOINED_STYLES, Buffer.from(styles));
  return new Map(await Promise.all([...read].map(async ([path, plain]) => await prepare(path, plain))));
}

let all: Promise<ReadonlyMap<string, DashboardFile>> | undefined;

/** By path below `/dashboard/`. Read once in a process, however often it is asked for. */
export async function readDashboardFiles(): Promise<ReadonlyMap<string, DashboardFile>> {
  all ??= readAll();
  return await all;
}
