/** What docs/operations.md and SECURITY.md name is there: settings, commands, scripts, routes, codes, log lines, tests, and the places they link to. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VARIABLES } from '../src/config.ts';
import { PROBLEMS } from '../src/http/problems.ts';
import { type Service, startService } from './support/service.ts';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const PAGES = { 'docs/operations.md': read('docs/operations.md'), 'SECURITY.md': read('SECURITY.md') };
const both = Object.values(PAGES).join('\n');
const operations = PAGES['docs/operations.md'];
const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => read(`src/${name}`)).join('\n');
/** Not this service's own. */
const FOREIGN = new Set(['PG_VERSION', 'NODE_OPTIONS', 'NODE_ENV', 'POSTGRES_PASSWORD', 'JONGLEUR_TEST_DATABASE_URL']);

/** As GitHub makes it of a heading. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s-]/gu, '').replaceAll(' ', '-'));
}

describe('docs/operations.md and SECURITY.md', () => {
  let service: Service;
  let paths: Record<string, Record<string, unknown>>;
  beforeAll(async () => {
    service = await startService();
    paths = (await service.call('GET', '/openapi.json', undefined, null)).json.paths;
  });
  afterAll(async () => await service.stop());

  it('name settings that there are', () => {
    const named = [...both.matchAll(/`([A-Z]{2,}(?:_[A-Z]+)+|HOST|PORT|DEMO|TRAINER)(?:=[^`]*)?`/g), ...both.matchAll(/^(?:Environment=)?([A-Z]{2,}(?:_[A-Z]+)+)=/gm)].map(([, name]) => name);
    expect(new Set(named).size).toBeGreaterThan(12);
    expect(named.filter((name) => !Object.hasOwn(VARIABLES, name) && !FOREIGN.has(name))).toEqual([]);
  });

  it('name commands and scripts that there are', async () => {
    const cli = fileURLToPath(new URL('dist/cli.js', root));
    const commands = new Set([...both.matchAll(/npx (?:--no-install )?jongleur ([a-z-]+)(?: ([a-z]+)\b)?/g)].map(([, command, word]) => [command, ['keys', 'token-secrets', 'settings', 'models', 'runs'].includes(command) ? word : undefined].filter(Boolean).join(' ')));
    expect(commands.size).toBeGreaterThan(10);
    const helps = new Map<string, string>();
    for (const parent of new Set([...commands].map((command) => command.split(' ')[0]))) {
      helps.set(parent, (await promisify(execFile)(process.execPath, [cli, parent, '--help'])).stdout);
    }
    for (const command of commands) {
      // `keys admin` prints that key: a word, not a command.
      const [parent, word] = command.split(' ');
      const help = helps.get(parent)!;
      expect([command, help]).toEqual([command, expect.stringContaining(`Usage: jongleur ${parent}`)]);
      expect([command, word === undefined || new RegExp(String.raw`^  ${word}\b|\b${word}\b.*print that key`, 'm').test(help)]).toEqual([command, true]);
    }
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...both.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  }, 120_000);

  it('name routes and codes that there are', () => {
    const named = [...both.matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/[\w/{}-]+)/g), ...operations.matchAll(/curl (?:-X (\w+) )?\$URL(\/[\w/{}-]+)/g)];
    expect(named.length).toBeGreaterThan(4);
    for (const [, method = 'GET', path] of named) {
      expect([method, path, Object.hasOwn(paths[path] ?? {}, method.toLowerCase())]).toEqual([method, path, true]);
    }
    const codes = [...both.matchAll(/\b[45]\d\d `([a-z-]+)`/g)].map(([, code]) => code);
    // And what /health/ready says of itself.
    expect(codes.filter((code) => !Object.hasOwn(PROBLEMS, code) && !['starting', 'demo', 'stopping'].includes(code))).toEqual([]);
  });

  it('name log lines that are written', () => {
    const table = operations.split('| line | level |')[1].split('\n\n')[0];
    const lines = [...table.matchAll(/^\| ((?:`[^`]+`(?:, | and its like| and other codes.*?)?)+) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, line]) => line));
    expect(lines.length).toBeGreaterThan(25);
    const isWritten = (line: string) => {
      // How a run ends is put together from its state.
      const state = /^training (published|rejected|needs-approval|failed)$/.exec(line)?.[1];
      return state === undefined ? line.split('…').every((part) => sources.includes(part.trim()) || sources.includes(part.trim().replace('fsync', '${name}'))) : sources.includes('`training ${result.state}`') && sources.includes(`'${state}'`);
    };
    expect(lines.filter((line) => !isWritten(line))).toEqual([]);
  });

  it('link to places that are there, and name tests that are there', () => {
    for (const [page, text] of Object.entries(PAGES)) {
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
      expect(links.length).toBeGreaterThan(3);
      for (const [, path, anchor] of links) {
        const target = path === '' ? new URL(page, root) : new URL(path, new URL(page, root));
        expect([page, path, existsSync(target)]).toEqual([page, path, true]);
        expect([page, path, anchor, anchor === undefined || anchorsOf(readFileSync(target, 'utf8')).includes(anchor)]).toEqual([page, path, anchor, true]);
      }
    }
    const tests = [...PAGES['SECURITY.md'].matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path]) => path);
    expect(tests.length).toBeGreaterThan(20);
    expect(tests.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });

  it('let a proxy hand on every stream of server-sent events', () => {
    const location = new RegExp(/location ~ (\S+) \{/.exec(operations)![1]);
    // eslint-disable-next-line typescript/no-explicit-any -- a specification has many shapes
    const streams = Object.entries(paths).filter(([, methods]) => (methods as any).get?.responses?.['200']?.content?.['text/event-stream'] !== undefined).map(([path]) => path.replace(/\{\w+\}/, '7'));
    expect(streams.length).toBe(2);
    expect(streams.filter((path) => !location.test(path))).toEqual([]);
  });
});
