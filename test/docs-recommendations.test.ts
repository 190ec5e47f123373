/** The lines of docs/recommendations.md against a small demo shop, and its table of parameters against their schemas. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_SIZE } from '../src/demo-shop.ts';
import { DEMO_EVENT_TYPES, generateDemoShop } from '../src/demo/generator.ts';
import { ScenarioBody, SteeringBody, SteeringQuery } from '../src/http/steering.ts';
import { type KEYS, type Service, startService } from './support/service.ts';

const page = readFileSync(new URL('../docs/recommendations.md', import.meta.url), 'utf8');
const ROLES = new Map<string, keyof typeof KEYS>([['$PK', 'publishable'], ['$SK', 'secret'], ['$AK', 'admin']]);

interface Line {
  readonly text: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With its query; $CURSOR stands in it. */
  readonly path: string;
  readonly body: unknown;
  readonly role: keyof typeof KEYS | null;
  readonly status: number;
  /** Of the problem. */
  readonly code: string | null;
}

/** A line as a shell cuts it: no more of its language than the page needs. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|((?:[^\s"']|'[^']*')+)/g)].map(([, quoted, bare]) => quoted ?? bare.replaceAll("'", ''));
}

function readLine(text: string): Line {
  const [, command, comment = ''] = /^curl (.*?)(?:\s+# (.*))?$/.exec(text)!;
  const query = new URLSearchParams();
  let [method, path, body, role, asQuery]: [string | null, string, string | undefined, Line['role'], boolean] = [null, '', undefined, null, false];
  const words = wordsOf(command);
  for (let n = 0; n < words.length; n++) {
    switch (words[n]) {
      case '-G':
        asQuery = true;
        break;
      case '-X':
        method = words[++n];
        break;
      case '-H':
        role = ROLES.get(words[++n]) ?? role;
        break;
      case '-d':
      case '--data-urlencode':
        if (asQuery) {
          const equals = words[++n].indexOf('=');
          query.append(words[n].slice(0, equals), words[n].slice(equals + 1));
        } else {
          body = words[++n];
        }
        break;
      default:
        path = words[n].replace(/^\$URL(?=\/)/, '');
    }
  }
  const expected = /^(\d{3})(?: ([a-z-]+))?/.exec(comment);
  return {
    text, method: (method ?? (body === undefined ? 'GET' : 'POST')) as Line['method'], path: query.size === 0 ? path : `${path}?${query}`, body: body === undefined ? undefined : JSON.parse(body), role,
    status: Number(expected?.[1] ?? 200), code: expected?.[2] ?? null,
  };
}

/** Blocks of lines, each with the names of fields that the answer shown after it has. */
const blocks = [...page.matchAll(/```sh\n((?:curl .*\n)+)```(?:\n\n```json\n([\s\S]+?)```)?/g)].map(([, lines, answer = '']) => ({
  lines: lines.trim().split('\n').map(readLine),
  fields: [...new Set([...answer.matchAll(/"(\w+)":/g)].map(([, name]) => name))],
}));

describe('docs/recommendations.md', () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService();
    const { items, events } = generateDemoShop({ ...DEMO_SIZE, users: 200, events: 8_000, endMs: Date.now() });
    const patches = items.map(({ publishedAtMs, ...item }) => ({ ...item, publishedAt: publishedAtMs === null ? null : new Date(publishedAtMs).toISOString() }));
    for (let from = 0; from < patches.length; from += 500) {
      expect((await service.call('POST', '/v1/items', { items: patches.slice(from, from + 500) })).status).toBe(200);
    }
    const lines = Array.from({ length: events.length }, (_, n) => JSON.stringify({
      userId: `user-${events.user[n]}`, itemId: `item-${events.item[n]}`, type: DEMO_EVENT_TYPES[events.type[n]], occurredAt: new Date(events.occurredAtMs[n]).toISOString(),
      ...(Number.isNaN(events.value[n]) ? {} : { value: events.value[n] }), ...(events.group[n] === 0 ? {} : { groupId: `session-${events.group[n]}` }),
    }));
    expect((await service.call('POST', '/v1/events', lines.join('\n'), 'secret', { 'content-type': 'application/x-ndjson' })).status).toBe(200);
    await service.call('PUT', '/v1/settings', { search: 'off' });
    expect((await service.train()).state).toBe('published');
  });
  afterAll(async () => await service.stop());

  it('has lines that are answered as it says, in their order, and answers with the fields it shows', async () => {
    const lines = blocks.flatMap((block) => block.lines);
    expect(lines.length).toBe(page.match(/^curl /gm)!.length);
    expect(lines.length).toBeGreaterThan(35);
    let cursor = '';
    for (const { lines: ofBlock, fields } of blocks) {
      const answers: string[] = [];
      for (const { text, method, path, body, role, status, code } of ofBlock) {
        const answer = await service.call(method, path.replace(encodeURIComponent('$CURSOR'), cursor), body, role);
        expect([text, answer.status, answer.json?.code ?? null, answer.status === status ? '' : answer.text]).toEqual([text, status, code, '']);
        // The page's CURSOR is that of the page before.
        cursor = path.includes('cursor=') ? cursor : (answer.json?.nextCursor ?? cursor);
        answers.push(answer.text);
      }
      expect(answers.map((answer) => fields.filter((name) => !answer.includes(`"${name}":`))), ofBlock[0].text).toContainEqual([]);
    }
  });

  it('lists every parameter with its default and its bounds', () => {
    const { boosts, ...inBody } = SteeringBody;
    const schemas = new Map(Object.entries({ ...inBody, ...SteeringQuery, boosts }) as [string, { 'x-default'?: unknown; minimum?: number; maximum?: number; maxItems?: number }][]);
    const rows = [...page.split('\n## The parameters\n')[1].split('\n### ')[0].matchAll(/^\| `(\w+)` \| (.*?) ?\| (.*?) ?\| .+ \|$/gm)];
    expect(rows.map(([, name]) => name).toSorted((a, b) => a.localeCompare(b))).toEqual([...schemas.keys()].toSorted((a, b) => a.localeCompare(b)));
    for (const [, name, value, bounds] of rows) {
      const { 'x-default': preset, minimum, maximum, maxItems } = schemas.get(name)!;
      expect([name, value]).toEqual([name, name === 'fields' ? 'none' : String(preset ?? '')]);
      const inWords = name === 'minScore' ? '−10⁹ to 10⁹' : minimum !== undefined ? `${minimum} to ${maximum}` : maxItems !== undefined && name !== 'fields' ? `${maxItems} ` : '';
      expect([name, bounds]).toEqual([name, expect.stringContaining(inWords)]);
    }
    expect(Object.keys(ScenarioBody.properties)).toEqual(expect.arrayContaining(rows.map(([, name]) => name).filter((name) => !['scenario', 'cursor', 'preview', 'boost'].includes(name))));
  });

  it('links only to what is there', () => {
    for (const [, path] of page.matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)) {
      expect(() => readFileSync(new URL(`../docs/${path}`, import.meta.url)), path).not.toThrow();
    }
    for (const [, anchor] of page.matchAll(/\]\(#([^)]+)\)/g)) {
      expect(page.toLowerCase()).toMatch(new RegExp(`\n#+ ${anchor.replaceAll('-', ' ')}\n`));
    }
  });
});
