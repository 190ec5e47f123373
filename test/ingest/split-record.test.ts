import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCsv, splitRecord } from '../../src/ingest/csv.ts';

describe('splitting a record', () => {
  it('follows RFC 4180, and forgives what real files do', () => {
    expect(splitRecord('a,b,c', ',')).toEqual(['a', 'b', 'c']);
    expect(splitRecord('"a,1",b', ',')).toEqual(['a,1', 'b']);
    expect(splitRecord('"say ""hi""",', ',')).toEqual(['say "hi"', '']);
    expect(splitRecord('', ',')).toEqual(['']);
    expect(splitRecord('tin 5" wide,x', ',')).toEqual(['tin 5" wide', 'x']);
    expect(splitRecord('"a"b,c', ',')).toEqual(['ab', 'c']);
    expect(splitRecord('a,"open', ',')).toBeNull();
    expect(splitRecord('a,"open', ',', true)).toEqual(['a', 'open']);
  });
});

describe('a whole file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-csv-'));
  });
  afterAll(async () => await rm(folder, { recursive: true }));

  it('is read as csv-parse reads it, whatever is in its fields', async () => {
    const field = fc.oneof(fc.string({ unit: fc.constantFrom('a', 'é', '𝄞', ' ', '"', ',', '\n', '1'), maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 6 }));
    const quote = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 20 }), fc.constantFrom('\n', '\r\n'), async (records, newline) => {
        // A lone carriage return means a line end to some and a character to others; a byte order mark is nobody's first character.
        const rows = records.map((fields) => fields.map((text) => text.replace(/[\r\uFEFF]/g, '').toWellFormed()));
        const content = `x,y${newline}${rows.map((fields) => fields.map(quote).join(',')).join(newline)}${newline}`;
        const path = join(folder, 'any.csv');
        await writeFile(path, content);
        const read: string[][] = [];
        for await (const batch of (await openCsv(path)).batches()) {
          read.push(...batch.rows.map((fields) => [...fields]));
        }
        const normalise = (all: string[][]) => all.map((fields) => fields.map((text) => text.replaceAll('\r\n', '\n')));
        expect(read).toEqual(normalise(parse(content, { from: 2, relax_column_count: true }) as string[][]));
      }),
      { numRuns: 150 },
    );
  });
});
