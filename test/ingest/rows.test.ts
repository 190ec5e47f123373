import { describe, expect, it } from 'vitest';
import { mapColumns } from '../../src/ingest/columns.ts';
import { parseFileTime } from '../../src/ingest/file-times.ts';
import { PRESETS, createRowEvent } from '../../src/ingest/rows.ts';
import type { EventTypeRule } from '../../src/model/interactions.ts';

const rule = (typeNo: number, name: string, mode: 'sum' | 'latest' = 'sum'): EventTypeRule => ({ typeNo, name, weight: 1, mode, halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 });
const TYPES = new Map([rule(1, 'view'), rule(2, 'cart'), rule(3, 'purchase'), rule(4, 'rating', 'latest')].map((type) => [type.name, type]));
const NOW = Date.UTC(2026, 5, 15, 12);

describe('a time in a file', () => {
  it.each([
    ['2011-11-02 12:20:00', Date.UTC(2011, 10, 2, 12, 20)],
    ['2011-11-02T12:20', Date.UTC(2011, 10, 2, 12, 20)],
    ['2011-11-02', Date.UTC(2011, 10, 2)],
    ['2011-1-2 3:04', Date.UTC(2011, 0, 2, 3, 4)],
    ['2011-11-02 12:20:00.5', Date.UTC(2011, 10, 2, 12, 20, 0, 500)],
    ['2011-11-02 12:20:00.123456789', Date.UTC(2011, 10, 2, 12, 20, 0, 123)],
    ['2011-11-02T12:20:00Z', Date.UTC(2011, 10, 2, 12, 20)],
    ['2019-10-01 00:00:00 UTC', Date.UTC(2019, 9, 1)],
    ['2011-11-02T12:20:00+02:00', Date.UTC(2011, 10, 2, 10, 20)],
    ['2011-11-02T12:20:00-0530', Date.UTC(2011, 10, 2, 17, 50)],
    ['2012-02-29', Date.UTC(2012, 1, 29)],
    ['1433221332', 1_433_221_332_000],
    ['1433221332117', 1_433_221_332_117],
    ['1433221332117000', 1_433_221_332_117],
    ['1433221332.25', 1_433_221_332_250],
  ])('%s is understood', (text, ms) => {
    expect(parseFileTime(text)).toBe(ms);
  });

  it.each(['', 'yesterday', '12/1/2010 8:26', '2011-02-30', '2011-13-01', '2011-00-10', '2011-01-00', '2011-11-02 24:00', '2011-11-02 12:60', '2011-11-02 12:20:61', '12', 'NaN', '-1433221332', '1e12', '2011-11-02 12:20:00 CET'])('%j is none', (text) => {
    expect(parseFileTime(text)).toBeNaN();
  });
});

describe('a row of any file', () => {
  const header = ['user', 'item', 'type', 'value', 'time', 'quantity', 'price', 'group', 'id', 'title'];
  const read = (row: Record<string, string>, defaultType = 'view') => {
    const out = createRowEvent();
    const reader = PRESETS.generic.createReader({ columns: mapColumns(header, {}), types: TYPES, defaultType: TYPES.get(defaultType)!, nowMs: NOW });
    const reason = reader(header.map((name) => ({ user: 'u', item: 'i', ...row })[name] ?? ''), out);
    return reason ?? out;
  };

  it('becomes an event, its fields trimmed', () => {
    expect(read({ user: ' u1 ', item: 'i1', type: 'purchase', value: ' 2.5 ', time: '2026-01-01', quantity: '-3', price: '1e1', group: 'g', id: 'e', title: ' T ' })).toEqual({
      userId: 'u1', itemId: 'i1', typeNo: 3, value: 2.5, quantity: -3, price: 10, groupId: 'g', eventId: 'e', occurredAtMs: Date.UTC(2026, 0, 1), timed: true, title: 'T',
    });
    expect(read({})).toEqual({ userId: 'u', itemId: 'i', typeNo: 1, value: null, quantity: null, price: null, groupId: null, eventId: null, occurredAtMs: NOW, timed: false, title: null });
  });

  it.each([
    [{ user: '  ' }, 'no user'], [{ item: '' }, 'no item'], [{ user: 'x'.repeat(257) }, 'bad user id'], [{ item: 'a\0b' }, 'bad item id'], [{ item: 'a\tb' }, 'bad item id'],
    [{ type: 'bought' }, 'unknown type'], [{ type: 'constructor' }, 'unknown type'], [{ value: 'NaN' }, 'bad number'], [{ value: 'nan' }, 'bad number'], [{ value: 'Infinity' }, 'bad number'], [{ value: '1e10' }, 'bad number'], [{ value: '1e-9' }, 'bad number'],
    [{ price: '1,99' }, 'bad number'], [{ quantity: 'two' }, 'bad number'], [{ type: 'rating' }, 'no value'], [{ time: '12/1/2010' }, 'bad time'], [{ time: '1969-12-31' }, 'bad time'], [{ time: '2026-06-17' }, 'bad time'],
    [{ group: 'a\u0001' }, 'bad id'], [{ id: 'x'.repeat(257) }, 'bad id'],
  ])('%j is skipped as "%s"', (row, reason) => {
    expect(read(row)).toBe(reason);
  });

  it('with bytes that are no UTF-8 in an id is skipped: two shoppers could become one', () => {
    expect(read({ user: 'caf\uFFFD' })).toBe('bad user id');
    expect(read({ item: 'caf\uFFFD' })).toBe('bad item id');
  });

  it('leaves nothing of itself to the next row', () => {
    const out = createRowEvent();
    const reader = PRESETS.generic.createReader({ columns: mapColumns(header, {}), types: TYPES, defaultType: TYPES.get('view')!, nowMs: NOW });
    reader(['u1', 'i1', 'purchase', '5', '2026-01-01', '2', '3', 'g', 'e', 'T'], out);
    expect(reader(['u2', 'i2', '', '', '', '', '', '', '', ''], out)).toBeNull();
    expect(out).toEqual({ userId: 'u2', itemId: 'i2', typeNo: 1, value: null, quantity: null, price: null, groupId: null, eventId: null, occurredAtMs: NOW, timed: false, title: null });
    expect(reader(['u3', 'i3'], out)).toBeNull();
  });
});

describe('a row of Online Retail', () => {
  const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country'.split(',');
  const read = (row: string) => {
    const out = createRowEvent();
    const { columns, defaultType, createReader } = PRESETS['online-retail'];
    return createReader({ columns: mapColumns(header, columns), types: TYPES, defaultType: TYPES.get(defaultType!)!, nowMs: NOW })(row.split(','), out) ?? out;
  };

  it('is a purchase of a customer without the “.0”', () => {
    expect(read('536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom')).toEqual({
      userId: '17850', itemId: '85123A', typeNo: 3, value: null, quantity: 6, price: 2.55, groupId: '536365', eventId: null, occurredAtMs: Date.UTC(2010, 11, 1, 8, 26), timed: true, title: 'WHITE HANGING HEART T-LIGHT HOLDER',
    });
  });

  it('of a cancelled invoice is a return, also where its quantity was written positive', () => {
    expect(read('C536391,22556,PLASTERS,-12,2010-12-01 10:24:00,1.65,17548.0,United Kingdom')).toMatchObject({ userId: '17548', quantity: -12 });
    expect(read('C536391,22556,PLASTERS,12,2010-12-01 10:24:00,1.65,17548.0,United Kingdom')).toMatchObject({ quantity: -12 });
  });

  it.each([
    ['536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom', 'no customer'],
    ['536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.0,12583.0,France', 'not goods'],
    ['C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom', 'not goods'],
    ['536779,BANK CHARGES,Bank Charges,1,2010-12-02 15:08:00,15.0,15823.0,United Kingdom', 'not goods'],
    ['537641,22841,ROUND CAKE TIN,1,2010-12-07 15:35:00,0.0,15510.0,United Kingdom', 'no price'],
    ['A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,-11062.06,99.0,United Kingdom', 'not goods'],
    ['536365,85123A,X,0,2010-12-01 08:26:00,2.55,17850.0,United Kingdom', 'no quantity'],
    ['536365,85123A,X,6,01/12/2010 08:26,2.55,17850.0,United Kingdom', 'bad time'],
    ['536365,,X,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom', 'no item'],
    ['536365,85123A,X,six,2010-12-01 08:26:00,2.55,17850.0,United Kingdom', 'bad number'],
  ])('%s is skipped as "%s"', (row, reason) => {
    expect(read(row)).toBe(reason);
  });

  it('of goods whose code begins like a fee stays', () => {
    for (const code of ['DCGS0058', 'M1', 'POSTER', '15056BL', 'C2X']) {
      expect(read(`536365,${code},X,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`)).toMatchObject({ itemId: code });
    }
  });
});
