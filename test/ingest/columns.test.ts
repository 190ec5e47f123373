import { describe, expect, it } from 'vitest';
import { mapColumns, parseColumnMapping } from '../../src/ingest/columns.ts';

describe('columns', () => {
  it.each([
    ['user_id,item_id,timestamp', { user: 0, item: 1, time: 2 }],
    ['Customer ID,Product-Id,Event Type,Qty,Unit Price,Order_ID,Product Name', { user: 0, item: 1, type: 2, quantity: 3, price: 4, group: 5, title: 6 }],
    // Online Retail, MovieLens, RetailRocket, a public cosmetics shop.
    ['InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country', { group: 0, item: 1, title: 2, quantity: 3, time: 4, price: 5, user: 6 }],
    ['userId,movieId,rating,timestamp', { user: 0, item: 1, value: 2, time: 3 }],
    ['timestamp,visitorid,event,itemid,transactionid', { time: 0, user: 1, type: 2, item: 3 }],
    ['event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session', { time: 0, type: 1, item: 2, price: 6, user: 7, group: 8 }],
  ])('are found by their usual names: %s', (header, map) => {
    expect(mapColumns(header.split(','), {})).toEqual(map);
  });

  it('that are named go before those that only look like it, and are not used twice', () => {
    expect(mapColumns(['user', 'item', 'buyer'], { user: 'buyer' })).toEqual({ user: 2, item: 1 });
    // Wanted exactly as it is written, else as nearly.
    expect(mapColumns(['Buyer', 'buyer', 'sku'], { user: 'buyer' })).toEqual({ user: 1, item: 2 });
    expect(mapColumns(['Buyer No', 'sku'], { user: 'buyer_no' })).toEqual({ user: 0, item: 1 });
    expect(mapColumns(['customer', 'sku', 'price'], { value: 'price' })).toEqual({ user: 0, item: 1, value: 2 });
  });

  it('that are misspelt are answered with the nearest name and the list', () => {
    expect(() => mapColumns(['CustomerID', 'StockCode'], { user: 'CustmerID' })).toThrow('no column "CustmerID" (wanted as user); did you mean "CustomerID"? Its columns are: CustomerID, StockCode.');
    expect(() => mapColumns(['a', 'b'], { user: 'something else' })).toThrow('no column "something else" (wanted as user). Its columns are: a, b.');
  });

  it('for user and item have to be there; the message says how to name them', () => {
    expect(() => mapColumns(['who', 'sku'], {})).toThrow('No column of the file looks like the user. Its columns are: who, sku. Say which it is, for example --columns user=who.');
    expect(() => mapColumns(['user', 'what'], {})).toThrow('--columns item=what');
    expect(() => mapColumns(['user'], {})).toThrow('looks like the item');
  });

  it('are named as meaning=column pairs', () => {
    expect(parseColumnMapping('user=CustomerID, item = Stock Code,time=a=b')).toEqual({ user: 'CustomerID', item: 'Stock Code', time: 'a=b' });
    expect(() => parseColumnMapping('usr=CustomerID')).toThrow('--columns has "usr=CustomerID" (did you mean "user=…"?)');
    expect(() => parseColumnMapping('CustomerID')).toThrow('expected meaning=column pairs');
    expect(() => parseColumnMapping('constructor=x')).toThrow('Meanings: user, item');
    expect(() => parseColumnMapping('')).toThrow('expected meaning=column pairs');
  });
});
