import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dryRunFile, importFile } from '../../src/ingest/importer.ts';
import { detectDecimals, parseFileNumber } from '../../src/ingest/file-numbers.ts';
import { prepareImports } from '../support/imports.ts';

describe('numbers of a file', () => {
  it('are read with a point or with a comma, with dots for thousands', () => {
    fc.assert(fc.property(fc.integer({ min: -99_999_999, max: 99_999_999 }), (hundredths) => {
      const number = hundredths / 100;
      const german = number.toLocaleString('de-DE', { minimumFractionDigits: 2 });
      expect(parseFileNumber(german, 'comma')).toBe(number);
      expect(parseFileNumber(german.replaceAll('.', ''), 'comma')).toBe(number);
      expect(parseFileNumber(String(number), 'point')).toBe(number);
    }));
    expect(['', '4.90', '1.2.3,4', '4,9,0', '1.23,4', ',5', 'x'].map((text) => parseFileNumber(text, 'comma'))).toEqual([null, ...Array.from({ length: 6 }, () => Number.NaN)]);
    expect(parseFileNumber('4,90', 'point')).toBeNaN();
  });

  it.each([
    [['4,90', '12,50', '3'], ';', 'comma'], [['4,90', '1.234,50'], '\t', 'comma'], [['4,90'], ',', 'point'], [['4.90', '3'], ';', 'point'], [['1,234', '2,000'], ';', 'point'], [['1,234.50', '4,90'], ';', 'point'],
    [['4,90', '4,90', '1.5'], ';', 'comma'], [[], ';', 'point'],
  ])('%j between %j have a decimal %s', (samples, delimiter, decimals) => {
    expect(detectDecimals(samples as string[], delimiter as string)).toBe(decimals);
  });
});

describe('a spreadsheet’s file with decimal commas', () => {
  const place = prepareImports(3, Date.UTC(2026, 5, 15));
  const optionsOf = async (content: string) => place.optionsOf(await place.write(content));
  const text = 'customer;sku;qty;unit price\nc1;i1;1;4,90\nc1;i2;2;1.234,50\nc2;i1;0,5;3\nc2;i3;1;4.90\n';

  it('is told as such in a dry run and read so, row by row', async () => {
    const options = await optionsOf(text);
    const looked = await dryRunFile(options);
    expect(looked.facts.decimals).toBe('comma');
    expect(looked.rows.map(({ quantity, price }) => [quantity, price])).toEqual([[1, 4.9], [2, 1234.5], [0.5, 3]]);
    expect(looked.skipped).toMatchObject({ 'bad number': { count: 1, firstLine: 5 } });
    expect(await importFile(options)).toMatchObject({ rowsImported: 3, rowsQuarantined: 1 });
    expect((await place.database.query('SELECT price FROM events ORDER BY event_no')).rows.map((row) => row.price)).toEqual([4.9, 1234.5, 3]);
  });

  it('is read as it is said to be, also as a catalogue', async () => {
    expect((await dryRunFile({ ...(await optionsOf(text)), decimals: 'point' })).skipped).toMatchObject({ 'bad number': { count: 3 } });
    expect((await dryRunFile({ ...(await optionsOf('user,item,price\nu,i,"4,90"\n')), decimals: 'comma' })).rows).toMatchObject([{ price: 4.9 }]);
    const summary = await importFile({ ...(await optionsOf('sku;title;price;weight\ni9;Pot;39,90;1,25\n')), kind: 'items' });
    expect(summary).toMatchObject({ rowsImported: 1 });
    expect((await place.database.query(`SELECT price, attributes FROM items WHERE item_id = 'i9'`)).rows).toEqual([{ price: 39.9, attributes: { weight: 1.25 } }]);
  });
});
