import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VARIABLES } from '../src/config.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('the README', () => {
  it('lists every variable with its default and its words, and no other', () => {
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$/gm)].map(([, name, value, says]) => [name, value, says]);
    const expected = Object.entries(VARIABLES).map(([name, { schema, says }]) => [name, schema.default === undefined ? undefined : String(schema.default), says]);
    expect(rows).toEqual(expected);
  });

  it('links only to files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)|(?:src|srcset)="([^"]+)"/g)].map(([, path, picture]) => path ?? picture);
    expect(links.length).toBeGreaterThan(0);
    for (const path of links) {
      expect(() => readFileSync(new URL(`../${path}`, import.meta.url)), path).not.toThrow();
    }
  });
});
