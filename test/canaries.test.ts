/** The search for leaks that ends every run finds what is planted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Leaks, findLeaks, openLeaks } from './support/canaries.ts';

describe('the search for leaks', () => {
  let folder: string;
  let leaks: Leaks;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jongleur-canaries-'));
    leaks = openLeaks(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const KEY = 'sk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

  it('finds nothing where nothing is', () => {
    leaks.answer({ status: 201, text: JSON.stringify({ no: 1, key: KEY }), cookies: ['jongleur=abcdefghijklmnopqrstuvwxyz0123; HttpOnly'], sent: '' });
    leaks.log('{"level":30,"req":{"url":"/v1/items?key=sk_…"},"msg":"request"}');
    leaks.answer({ status: 400, text: '{"code":"invalid-request","detail":"a line\\nand a field"}', cookies: [], sent: '' });
    // Whoever misplaces a key is told where it stands.
    leaks.answer({ status: 400, text: JSON.stringify({ detail: `limit is "${KEY}"` }), cookies: [], sent: `/v1/items?limit=${KEY}` });
    expect(findLeaks(folder)).toEqual({ leaks: [], lines: 1, bodies: 2, secrets: 2 });
  });

  it.each([
    ['a key that an answer had', (plant: Leaks) => { plant.answer({ status: 201, text: JSON.stringify({ key: KEY }), cookies: [], sent: '' }); plant.log(`{"msg":"made ${KEY}"}`); }],
    ['a cookie in an error body', (plant: Leaks) => { plant.answer({ status: 200, text: '', cookies: ['jongleur=abcdefghijklmnopqrstuvwxyz0123; HttpOnly'], sent: '' }); plant.errorBody('{"detail":"abcdefghijklmnopqrstuvwxyz0123"}'); }],
    ['the end of a password', (plant: Leaks) => { plant.secret('a-database-password-of-thirty-characters'); plant.log('cannot reach …word-of-thirty-characters@db'.replace('…', 'a-database-pass')); }],
    ['the words of Postgres', (plant: Leaks) => plant.errorBody('{"detail":"duplicate key value violates unique constraint"}')],
    ['a table', (plant: Leaks) => plant.errorBody('{"detail":"no row in training_runs"}')],
    ['a stack', (plant: Leaks) => plant.answer({ status: 500, text: 'Error: x\n    at open (/app/dist/http/app.js:10:5)', cookies: [], sent: '' })],
    ['a path', (plant: Leaks) => plant.errorBody('{"detail":"cannot open /tmp/jongleur-1/x"}')],
  ])('finds %s', (_what, plant) => {
    plant(leaks);
    expect(findLeaks(folder).leaks).toHaveLength(1);
  });
});
