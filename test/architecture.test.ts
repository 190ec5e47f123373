/**
 * The house's rooms and who may look into whom. This table is the rule, with the reason for each row; an import that is not in it fails here.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');

interface Room {
  /** Rooms whose files may be imported; `types` allows type-only imports. */
  readonly rooms: readonly string[];
  readonly types?: readonly string[];
  /** Packages and node: modules; '*' is any. */
  readonly packages: readonly string[] | '*';
  readonly because: string;
}

const ROOMS: Readonly<Record<string, Room>> = {
  model: { rooms: [], packages: ['ml-matrix'], because: 'pure mathematics: no I/O, no clock, so that it runs in a thread, in a test and in a bench alike' },
  storage: { rooms: [], types: ['model'], packages: '*', because: 'rows and bytes: it stands at the side and knows no recommendation' },
  ingest: { rooms: ['model', 'storage'], packages: '*', because: 'the way in; what it stored is told to others by callbacks of main.ts' },
  training: { rooms: ['model', 'storage'], packages: '*', because: 'batch; the published model reaches serving through Postgres and main.ts' },
  'training/threads/fit-entry.ts': { rooms: ['model'], packages: ['node:worker_threads'], because: 'a thread computes: it holds no connection and reads no file' },
  'training/threads/entry.ts': { rooms: ['model'], packages: ['node:worker_threads', 'node:crypto'], because: 'a thread computes: it holds no connection and reads no file' },
  serving: { rooms: ['model', 'storage'], packages: '*', because: 'online; it must not wait for training or ingest' },
  insight: { rooms: ['model', 'storage'], packages: '*', because: 'the loop back; reads what the others left in Postgres' },
  demo: { rooms: ['model'], packages: [], because: 'one generator for demo, simulator and bench: pure, so that the same seed gives the same shop' },
  http: { rooms: ['model', 'storage', 'ingest', 'training', 'serving', 'insight'], packages: '*', because: 'thin: schema, call, status. Without it the CLI still trains and recommends' },
};
/** Wiring: may import everything and is imported by nobody but wiring. */
const WIRING = new Set(['main.ts', 'cli.ts', 'house.ts', 'start.ts', 'greeting.ts', 'answer-commands.ts', 'demo-shop.ts', 'offline-commands.ts', 'rating-commands.ts', 'check-command.ts', 'file-options.ts', 'metric-commands.ts', 'recommendation-loop.ts', 'import-command.ts', 'event-type-commands.ts', 'experiment-commands.ts', 'data-commands.ts', 'key-commands.ts', 'training-commands.ts', 'model-commands.ts', 'simulate-command.ts', 'simulated-shop.ts', 'shop-client.ts', 'live-demo.ts', 'monitoring.ts', 'database-health.ts', 'follow-postgres.ts']);
/** At the top, and importing no room. */
const GROUND: Readonly<Record<string, string>> = { 'config.ts': 'the one reader of the environment', 'logger.ts': 'makes the logger', 'shutdown.ts': 'how the process ends', 'command-fault.ts': 'a fault of the user’s', 'progress-line.ts': 'how far a command is' };

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
  /** By `import()`. */
  readonly isLater: boolean;
}

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const statement = /^\s*(?:import|export)\s+(type\s+)?(?:([\w*\s{},]+?)\s+from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm;
  for (const match of text.matchAll(statement)) {
    const names = match[2] ?? '';
    const inBraces = /^\{([^}]*)\}$/.exec(names.trim());
    const allTypes = inBraces !== null && inBraces[1].split(',').filter((name) => name.trim() !== '').every((name) => name.trim().startsWith('type '));
    found.push({ from: path, to: match[3] ?? match[4], typeOnly: match[1] !== undefined || allTypes, isLater: match[4] !== undefined });
  }
  return found;
}

/** @returns the fault in words, or null */
function judge({ from, to, typeOnly }: Import): string | null {
  const room = from.includes('/') ? from.split('/')[0] : null;
  const rule = ROOMS[from] ?? (room === null ? undefined : ROOMS[room]);
  if (room !== null && rule === undefined) {
    return `${from} is in a room that the table does not name`;
  }
  if (!to.startsWith('.')) {
    const allowed = rule === undefined || rule.packages === '*' || rule.packages.includes(to);
    return allowed ? null : `${from} imports ${to}: ${rule.because}`;
  }
  const target = relative(src, resolve(dirname(join(src, from)), to)).replaceAll('\\', '/');
  const targetRoom = target.includes('/') ? target.split('/')[0] : null;
  if (WIRING.has(from)) {
    return targetRoom === null && (target === 'main.ts' || target === 'cli.ts') ? `${from} imports ${target}, which nobody may` : null;
  }
  if (from in GROUND) {
    return targetRoom === null ? null : `${from} imports ${target}: ${GROUND[from]}, and knows no room`;
  }
  if (rule === undefined) {
    return `${from} lies at the top and the table does not name it`;
  }
  if (targetRoom === null) {
    return `${from} imports ${target}: rooms receive values and never look up`;
  }
  const inside = targetRoom === room && ROOMS[from] === undefined;
  const sameThreadRoom = /^training\/threads\/(fit-)?entry\.ts$/.test(from) && /^training\/threads\/(messages|failure)\.ts$/.test(target);
  if (inside || sameThreadRoom || rule.rooms.includes(targetRoom) || (typeOnly && rule.types?.includes(targetRoom) === true)) {
    return null;
  }
  return `${from} imports ${target}: ${rule.because}`;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'));
const imports = files.flatMap((path) => importsOf(path, readFileSync(join(src, path), 'utf8')));

describe('architecture', () => {
  it('every import is one that the table allows', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.map(judge).filter((fault) => fault !== null)).toEqual([]);
  });

  it('commands begin without the API’s schemas, which take longer to load than they do', () => {
    const loaded = new Set<string>();
    const load = (file: string) => {
      if (!loaded.has(file)) {
        loaded.add(file);
        imports.filter(({ from, typeOnly, isLater }) => from === file && !typeOnly && !isLater).forEach(({ to }) => load(to.startsWith('.') ? relative(src, resolve(dirname(join(src, file)), to)).replaceAll('\\', '/') : to));
      }
    };
    load('cli.ts');
    expect([...loaded]).toEqual(expect.arrayContaining(['experiment-commands.ts', 'metric-commands.ts', 'commander']));
    expect([...loaded]).not.toContain('typebox');
    load('http/experiments.ts');
    expect([...loaded]).toContain('typebox');
  });

  it('finds a planted violation of every kind', () => {
    const planted: [string, string][] = [
      ['model/ials.ts', `import { readFileSync } from 'node:fs';`],
      ['model/ials.ts', `import { run } from '../storage/database.ts';`],
      ['storage/models.ts', `import { fitIals } from '../model/ials.ts';`],
      ['serving/answers.ts', `import { createTrainer } from '../training/trainer.ts';`],
      ['ingest/writer.ts', `import {\n  createAnswers,\n} from '../serving/answers.ts';`],
      ['demo/generator.ts', `import pg from 'pg';`],
      ['storage/users.ts', `import { Problem } from '../http/problems.ts';`],
      ['http/app.ts', `import { readConfig } from '../config.ts';`],
      ['http/app.ts', `export { main } from '../main.ts';`],
      ['http/app.ts', `const demo = await import('../demo/generator.ts');`],
      ['training/threads/entry.ts', `import { run } from '../../storage/database.ts';`],
      ['training/threads/entry.ts', `import { readFile } from 'node:fs/promises';`],
      ['config.ts', `import { run } from './storage/database.ts';`],
      ['utils/strings.ts', `import { a } from '../model/ials.ts';`],
      ['helpers.ts', `import { a } from './model/ials.ts';`],
      ['cli.ts', `import './main.ts';`],
    ];
    for (const [path, text] of planted) {
      expect(importsOf(path, text).map(judge), `${path}: ${text}`).toEqual([expect.any(String)]);
    }
    expect(importsOf('storage/models.ts', `import type { Recipe } from '../model/recipe.ts';`).map(judge)).toEqual([null]);
  });

  it('has a test folder that mirrors the rooms, and no catch-all room', () => {
    const rooms = new Set(files.filter((path) => path.includes('/')).map((path) => path.split('/')[0]));
    expect([...rooms].filter((room) => !(room in ROOMS))).toEqual([]);
    const tests = readdirSync(join(root, 'test'));
    expect([...rooms].filter((room) => !tests.includes(room))).toEqual([]);
  });

  it('reads the environment in config.ts alone', () => {
    const readers = files.filter((path) => /process\.env/.test(readFileSync(join(src, path), 'utf8')));
    // The two entries hand the environment over to it; the third passes PATH and its like on to Postgres' programs and reads no setting.
    expect(readers.toSorted()).toEqual(['cli.ts', 'main.ts', 'storage/embedded/processes.ts']);
  });

  it('keeps clocks and chance out of the model', () => {
    const found = files.filter((path) => /^(model|demo)\//.test(path) && /Math\.random|Date\.now|performance\.now|new Date\(\)/.test(readFileSync(join(src, path), 'utf8').replace(/^\s*(\*|\/\/|\/\*).*$/gm, '')));
    expect(found).toEqual([]);
  });
});
