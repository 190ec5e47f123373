import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPairs } from '../../src/ingest/pairs.ts';

describe('a file of pairs', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-pairs-'));
  });
  afterAll(async () => await rm(folder, { recursive: true }));
  const read = async (content: string | Buffer) => {
    const path = join(folder, 'a.csv');
    await writeFile(path, content);
    return await readPairs(path);
  };

  it('is read by order without a header, first line and all', async () => {
    const { pairs, userIds, itemIds, rowsRead, columns } = await read('u1,i1,2,2011-11-02 12:20\nu2,i1,0.5,2011-11-03\n u1 ,i2,,\n');
    expect(userIds).toEqual(['u1', 'u2']);
    expect(itemIds).toEqual(['i1', 'i2']);
    expect(pairs).toMatchObject({ length: 3, users: 2, items: 2 });
    expect([...pairs.user]).toEqual([0, 1, 0]);
    expect([...pairs.item]).toEqual([0, 0, 1]);
    expect([...pairs.weight!]).toEqual([2, 0.5, 1]);
    expect([...pairs.timeMs!]).toEqual([Date.UTC(2011, 10, 2, 12, 20), Date.UTC(2011, 10, 3), Number.NaN]);
    expect(rowsRead).toBe(3);
    expect(columns).toBe('user = column 1, item = column 2, value = column 3, time = column 4');
  });

  it('is read by the header where there is one, in any order, other columns left alone', async () => {
    const { pairs, userIds, columns } = await read('timestamp;colour;StockCode;CustomerID\n1320236400;red;7;a\n1320236401;blue;8;b\n');
    expect(userIds).toEqual(['a', 'b']);
    expect(columns).toBe('user = CustomerID, item = StockCode, time = timestamp');
    expect(pairs.weight).toBeNull();
    expect(pairs.timeMs![0]).toBe(1_320_236_400_000);
  });

  it('may be gzipped, tab-separated, quoted and longer than a block', async () => {
    const lines = Array.from({ length: 300_000 }, (_, n) => `"u,${n % 1000}"\ti${n % 77}`);
    const { pairs, userIds } = await read(gzipSync(`${lines.join('\n')}\n`));
    expect(pairs.length).toBe(300_000);
    expect(userIds[999]).toBe('u,999');
    expect(pairs.user[299_999]).toBe(999);
    expect(pairs.item[299_999]).toBe(299_999 % 77);
  });

  it('leaves out rows that cannot be used and says which', async () => {
    const { pairs, skipped, badTimes } = await read('a,1,1,2011-01-01\n,1,1,\na,,1,\na,1,NaN,\na,1,-2,\na,1,0,\na,1,x,\na,1,1e12,\na,2,3,yesterday\n');
    expect(pairs.length).toBe(2);
    expect(Object.fromEntries([...skipped].map(([reason, { count, firstLine }]) => [reason, [count, firstLine]]))).toEqual({
      'no user': [1, 2], 'no item': [1, 3], 'value is no number': [2, 4], 'value is not above 0': [2, 5], 'value is out of range': [1, 8],
    });
    expect(badTimes).toMatchObject({ count: 1, firstLine: 9 });
  });

  it('of ratings takes any number, 0 and below too, and leaves out rows without one', async () => {
    const path = join(folder, 'ratings.csv');
    await writeFile(path, 'user,item,rating\na,1,0\na,2,-3.5\na,3,\na,4,NaN\na,5,Infinity\na,6,1e10\nb,1,0.0000001\n');
    const { pairs, skipped } = await readPairs(path, 'rating');
    expect([...pairs.weight!]).toEqual([0, -3.5, Math.fround(1e-7)]);
    expect(Object.fromEntries([...skipped].map(([reason, { count }]) => [reason, count]))).toEqual({ 'no rating': 1, 'rating is no number': 1, 'rating is out of range': 2 });
    await writeFile(path, 'user,item\na,1\n');
    await expect(readPairs(path, 'rating')).rejects.toThrow(/no column of ratings: name one of its columns/);
  });

  it.each([
    ['customer,rating\n1,2\n', /first line .*names no column that looks like an item/],
    ['sku,rating\n1,2\n', /looks like a user/],
    ['who,what,howMuch\n1,2,3\n', /looks like a user or an item/],
    ['a b\nc d\n', /one column/],
    ['', /is empty/],
  ])('is refused where no column can be the user or the item: %j', async (content, message) => {
    await expect(read(content)).rejects.toThrow(message);
  });

  it('that is missing is named', async () => {
    await expect(readPairs(join(folder, 'none.csv'))).rejects.toThrow(/There is no file .*none\.csv/);
  });
});
