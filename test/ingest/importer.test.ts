import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createGunzip, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ImportFileFault } from '../../src/ingest/csv.ts';
import { type ImportOptions, importFile } from '../../src/ingest/importer.ts';
import { prepareImports } from '../support/imports.ts';

const NOW = Date.UTC(2026, 5, 15);
const ONLINE_RETAIL = fileURLToPath(new URL('../../../shared/data/online-retail.csv.gz', import.meta.url));

describe('an import', () => {
  const place = prepareImports(2, NOW);

  const run = async (path: string, options: Partial<ImportOptions> = {}) => await importFile(place.optionsOf(path, options));
  const importText = async (content: string | Buffer, options: Partial<ImportOptions> = {}) => await run(await place.write(content), options);
  const faultOf = async (importing: Promise<unknown>) => {
    const error = await importing.then(() => null, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(ImportFileFault);
    return (error as Error).message;
  };
  const one = async (sql: string) => (await place.database.query(sql)).rows[0];
  const events = async () => (await place.database.query(`SELECT user_id AS "user", item_id AS item, event_types.name AS type, e.value, e.quantity, e.price, e.occurred_at AS at, e.import_no AS no FROM events e JOIN users USING (user_no) JOIN items USING (item_no) JOIN event_types USING (type_no) ORDER BY event_no`)).rows;

  it('stores what the rows say, in their order, and skips with a reason what it cannot take', async () => {
    const summary = await importText(`user,item,type,value,time,quantity,price,title
u1,i1,purchase,,2026-01-01 10:00:00,2,9.5,Tent
u1,i1,purchase,,2026-01-02 10:00:00,-1,9.5,Tent
,i1,view,,2026-01-01,,,
u2,"a\\b ""c""",rating,4.5,2026-01-03T00:00:00+01:00,,,
u2,i2,bought,,2026-01-03,,,
  ,i1,view,,2026-01-01,,,
u3,i2,view,,,,,
`);
    expect(summary).toMatchObject({ rowsRead: 7, rowsImported: 4, rowsDuplicate: 0, returns: 1, users: 3, items: 3, itemsFilled: 1 });
    expect(summary.skipped).toEqual({
      'no user': { count: 2, firstLine: 4, example: '",i1,view,,2026-01-01,,,"' },
      'unknown type': { count: 1, firstLine: 6, example: '"u2,i2,bought,,2026-01-03,,,"' },
    });
    const no = summary.importNo;
    expect(await events()).toEqual([
      { user: 'u1', item: 'i1', type: 'purchase', value: null, quantity: 2, price: 9.5, at: new Date('2026-01-01T10:00:00Z'), no },
      { user: 'u1', item: 'i1', type: 'purchase', value: null, quantity: -1, price: 9.5, at: new Date('2026-01-02T10:00:00Z'), no },
      { user: 'u2', item: String.raw`a\b "c"`, type: 'rating', value: 4.5, quantity: null, price: null, at: new Date('2026-01-02T23:00:00Z'), no },
      { user: 'u3', item: 'i2', type: 'view', value: null, quantity: null, price: null, at: new Date(NOW), no },
    ]);
    expect(await one(`SELECT state, format, options, rows_read, rows_imported, rows_duplicate, skipped, last_line, message FROM imports WHERE import_no = ${no}`)).toMatchObject({
      state: 'done', format: 'generic', rows_read: 7, rows_imported: 4, rows_duplicate: 0, skipped: { 'no user': 2, 'unknown type': 1 }, last_line: 8, message: null, options: { type: 'rating', columns: { user: 'user', value: 'value' } },
    });
  });

  it('of the same file again changes nothing, and the k-th of equal rows is kept each time', async () => {
    const text = `user,item,time\n${'u1,i1,2026-01-01\n'.repeat(3)}u1,i2,2026-01-01\n`;
    expect(await importText(text)).toMatchObject({ rowsImported: 4, rowsDuplicate: 0 });
    expect(await importText(text)).toMatchObject({ rowsRead: 4, rowsImported: 0, rowsDuplicate: 4 });
    // The file has grown: its new rows alone are new.
    expect(await importText(`${text}u1,i1,2026-01-01\nu2,i1,2026-01-05\n`)).toMatchObject({ rowsImported: 2, rowsDuplicate: 4 });
    // The same rows in other columns and another packing are the same rows.
    expect(await importText(gzipSync(text.replaceAll(',', ';')))).toMatchObject({ rowsImported: 0, rowsDuplicate: 4 });
    expect(await events()).toHaveLength(6);
  });

  it('knows rows with an id by it, as the API does', async () => {
    await importText('user,item,event_id,time\nu1,i1,e1,2026-01-01\n');
    expect(await importText('user,item,event_id,time\nu1,i1,e1,2026-01-02\nu2,i1,e1,2026-01-01\n')).toMatchObject({ rowsImported: 1, rowsDuplicate: 1 });
  });

  it('of rows without a time is known again though the clock has moved on', async () => {
    const text = 'user_id,book_id,rating\n1,10,4\n1,11,5\n1,10,4\n';
    expect(await importText(text, { preset: 'goodbooks' })).toMatchObject({ rowsImported: 3 });
    expect(await importText(text, { preset: 'goodbooks', nowMs: NOW + 60_000 })).toMatchObject({ rowsImported: 0, rowsDuplicate: 3 });
  });

  it('of goodbooks takes ratings, what readers want to read, and the books', async () => {
    expect(await importText('user_id,book_id,rating\n1,258,5\n', { preset: 'goodbooks' })).toMatchObject({ rowsImported: 1 });
    expect(await importText('user_id,book_id\n9,8\n', { preset: 'goodbooks', type: 'cart' })).toMatchObject({ rowsImported: 1 });
    expect((await events()).map(({ user, item, type, value }) => [user, item, type, value])).toEqual([['1', '258', 'rating', 5], ['9', '8', 'cart', null]]);
    await importText('book_id,goodreads_book_id,authors,original_title,title,language_code,average_rating,image_url\n258,1232,"Carlos Ruiz Zafón, Lucia Graves",La sombra del viento,"The Shadow of the Wind (Cemetery, #1)",eng,4.24,https://images.example/1232.jpg\n', { preset: 'goodbooks', kind: 'items' });
    expect(await one(`SELECT title, image_url, attributes FROM items WHERE item_id = '258'`)).toEqual({
      title: 'The Shadow of the Wind (Cemetery, #1)', image_url: 'https://images.example/1232.jpg',
      attributes: { goodreads_book_id: 1232, authors: 'Carlos Ruiz Zafón, Lucia Graves', original_title: 'La sombra del viento', language_code: 'eng', average_rating: 4.24 },
    });
  });

  it('of a Gorse dump takes feedback, items and users', async () => {
    await place.database.query(`INSERT INTO event_types (name, weight, mode) VALUES ('star', 4, 'sum') ON CONFLICT DO NOTHING`);
    const feedback = await importText(`{"FeedbackType":"star","UserId":"ann","ItemId":"gorse-io:gorse","Value":0,"Timestamp":"2022-02-24T10:00:00Z","Updated":"2022-02-24T10:00:00Z","Comment":""}
{"FeedbackType":"read","UserId":"ann","ItemId":"a:b","Timestamp":"0001-01-01T00:00:00Z","Comment":""}
{"FeedbackType":"like","UserId":"ann","ItemId":"a:b","Timestamp":"2022-02-24T10:00:00Z","Comment":""}
`, { preset: 'gorse' });
    expect(feedback).toMatchObject({ rowsImported: 2, skipped: { 'unknown type': { count: 1, firstLine: 3 } } });
    expect((await events()).map(({ user, item, type, at }) => [user, item, type, at])).toEqual([['ann', 'gorse-io:gorse', 'star', new Date('2022-02-24T10:00:00Z')], ['ann', 'a:b', 'view', new Date(NOW)]]);
    await importText(`{"ItemId":"a:b","IsHidden":true,"Categories":["ml","go"],"Timestamp":"2021-03-04T05:06:07Z","Labels":{"stars":12,"topics":["x"]},"Comment":"A library"}
{"ItemId":"c:d","IsHidden":false,"Categories":null,"Timestamp":"0001-01-01T00:00:00Z","Labels":["p","q"],"Comment":""}
`, { preset: 'gorse', kind: 'items' });
    expect((await place.database.query(`SELECT item_id AS id, available, categories, published_at AS at, attributes FROM items WHERE item_id IN ('a:b', 'c:d') ORDER BY 1`)).rows).toEqual([
      { id: 'a:b', available: false, categories: ['ml', 'go'], at: new Date('2021-03-04T05:06:07Z'), attributes: { stars: 12, topics: ['x'], Comment: 'A library' } },
      { id: 'c:d', available: true, categories: [], at: null, attributes: { Labels: ['p', 'q'] } },
    ]);
    expect(await importText('{"UserId":"bob","Labels":{"a":1},"Subscribe":null,"Comment":""}\n', { preset: 'gorse', kind: 'users' })).toMatchObject({ rowsImported: 1 });
    expect(await one(`SELECT count(*)::int AS n FROM users WHERE user_id = 'bob'`)).toEqual({ n: 1 });
    await place.database.query(`DELETE FROM event_types WHERE name = 'star'`);
  });

  it('goes over the bounds of its chunks without losing or doubling a row', async () => {
    const rows = 30_003;
    const text = `user,item,time\n${Array.from({ length: rows }, (_, k) => `u${k % 1000},i${k % 77},${1_700_000_000 + Math.floor(k / 2)}`).join('\n')}\n`;
    const progress: number[] = [];
    const summary = await importText(text, { onProgress: ({ fraction }) => progress.push(fraction) });
    expect(summary).toMatchObject({ rowsRead: rows, rowsImported: rows, rowsDuplicate: 0, users: 1000, items: 77 });
    expect(progress.length).toBeGreaterThan(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
    expect(await one('SELECT count(*)::int AS n, count(DISTINCT dedup)::int AS ids, (SELECT last_line FROM imports) AS last FROM events')).toEqual({ n: rows, ids: rows, last: rows + 1 });
    // Event numbers follow the file; the next k of u0,i0 would be of another chunk.
    const order = await place.database.query(`SELECT user_id FROM events JOIN users USING (user_no) ORDER BY event_no LIMIT 3 OFFSET 19999`);
    expect(order.rows.map((row) => row.user_id)).toEqual(['u999', 'u0', 'u1']);
    expect(await importText(text)).toMatchObject({ rowsImported: 0, rowsDuplicate: rows });
  });

  it('of a file that was cut off keeps what came before, says up to which line, and goes on where the whole is imported', async () => {
    const lines = Array.from({ length: 25_000 }, (_, k) => `u${k % 500},${randomBytes(8).toString('hex')},2026-01-01`);
    const whole = gzipSync(`user,item,time\n${lines.join('\n')}\n`);
    const message = await faultOf(importText(whole.subarray(0, Math.floor(whole.length * 0.9))));
    const [, stored, line] = /cut off.* (\d+) rows up to line (\d+) are stored\.$/.exec(message)!.map(Number);
    expect(stored).toBeGreaterThan(20_000);
    expect(line).toBe(stored + 1);
    expect(await one('SELECT count(*)::int AS n FROM events')).toEqual({ n: stored });
    expect(await one('SELECT state, rows_imported, last_line FROM imports')).toEqual({ state: 'failed', rows_imported: stored, last_line: line });
    expect((await one('SELECT message FROM imports')).message).toContain('cut off');
    expect(await importText(whole)).toMatchObject({ rowsImported: 25_000 - stored, rowsDuplicate: stored });
  });

  it('of a small file that was cut off keeps its rows too', async () => {
    const whole = gzipSync(`user,item,time\n${Array.from({ length: 3000 }, () => `u,${randomBytes(8).toString('hex')},2026-01-01`).join('\n')}\n`);
    const message = await faultOf(importText(whole.subarray(0, whole.length - 2000)));
    const stored = Number(/ (\d+) rows up to line/.exec(message)?.[1]);
    expect(stored).toBeGreaterThan(500);
    expect(await one('SELECT count(*)::int AS n FROM events')).toEqual({ n: stored });
  });

  it('fills titles and prices only where the shop has said nothing', async () => {
    await place.database.query(`INSERT INTO items (item_id, title, price) VALUES ('i1', 'The shop’s own', NULL), ('i2', NULL, 5)`);
    const summary = await importText(`user,item,title,price
u1,i1,From the file,9.5
u1,i2,seen once,1
u1,i2,seen twice,2
u1,i2,seen twice,3
u1,i3,New,4
u1,i3,,
u1,i4,,
`);
    expect(summary.itemsFilled).toBe(3);
    expect((await place.database.query('SELECT item_id AS id, title, price FROM items ORDER BY item_id')).rows).toEqual([
      { id: 'i1', title: 'The shop’s own', price: 9.5 },
      { id: 'i2', title: 'seen twice', price: 5 },
      { id: 'i3', title: 'New', price: 4 },
      { id: 'i4', title: null, price: null },
    ]);
  });

  it('is not lost for a title that Postgres cannot keep', async () => {
    expect(await importText('user,item,title\nu1,i1,bad\0title\nu1,i2,good\n')).toMatchObject({ rowsImported: 2, itemsFilled: 1 });
    expect(await one('SELECT state FROM imports')).toEqual({ state: 'done' });
  });

  it('takes rows without a type for ratings where there is a value, else for views, or for what it is told', async () => {
    const typeOf = async (text: string, type: string | null = null) => {
      await place.database.query('TRUNCATE events');
      await importText(text, { type });
      return (await events())[0].type;
    };
    expect(await typeOf('user,item,rating\nu,i,4\n')).toBe('rating');
    expect(await typeOf('user,item\nu,i\n')).toBe('view');
    expect(await typeOf('user,item\nu,i\n', 'cart')).toBe('cart');
    expect(await typeOf('user,item,type\nu,i,purchase\n', 'cart')).toBe('purchase');
  });

  it('is refused in words before anything is stored', async () => {
    const path = await place.write('who,sku\nu1,i1\n');
    expect(await faultOf(run(path))).toContain('No column of the file looks like the user. Its columns are: who, sku.');
    expect(await faultOf(run(path, { columns: { user: 'wo' } }))).toContain('did you mean "who"?');
    expect(await faultOf(run(path, { preset: 'online-retial' }))).toContain('no preset "online-retial"; did you mean "online-retail"?');
    expect(await faultOf(run(path, { preset: 'online-retail' }))).toMatch(/no column "CustomerID" \(wanted as user\).*Its columns are: who, sku/);
    expect(await faultOf(run(path, { columns: { user: 'who' }, type: 'purchse' }))).toContain('"purchse" is no event type; did you mean "purchase"?');
    expect(await faultOf(run(join(place.folder, 'none.csv')))).toContain('There is no file');
    expect(await one('SELECT (SELECT count(*)::int FROM imports) AS imports, (SELECT count(*)::int FROM events) AS events')).toEqual({ imports: 0, events: 0 });
    expect(await run(path, { columns: { user: 'who' } })).toMatchObject({ rowsImported: 1 });
  });

  it('of a header alone is done and has no rows', async () => {
    expect(await importText('user,item\n')).toMatchObject({ rowsRead: 0, rowsImported: 0, users: 0, itemsFilled: 0 });
    expect(await one('SELECT state FROM imports')).toEqual({ state: 'done' });
  });

  it('tells those who listen that there are events', async () => {
    const listener = await place.database.connect();
    const heard = new Promise((resolve) => listener.once('notification', (message) => resolve(message.channel)));
    await listener.query('LISTEN jongleur_events');
    await importText('user,item\nu,i\n');
    expect(await heard).toBe('jongleur_events');
    listener.release(true);
  });

  it.skipIf(!existsSync(ONLINE_RETAIL))('of a shop’s real invoices counts its dirt as it is (skipped where ../shared/data is not there)', async () => {
    const lines: string[] = [];
    const input = createReadStream(ONLINE_RETAIL);
    const reader = createInterface({ input: input.pipe(createGunzip()), crlfDelay: Infinity });
    for await (const line of reader) {
      lines.push(line);
      if (lines.length === 30_001) {
        break;
      }
    }
    reader.close();
    input.destroy();
    const summary = await importText(gzipSync(`${lines.join('\n')}\n`), { preset: 'online-retail' });
    // Counted here in another way: none of these rows has a comma or a line break beyond its eight fields unless quoted, and those are parsed by hand.
    const fields = lines.slice(1).map((line) => line.replace(/"(?:[^"]|"")*"/g, (quoted) => quoted.replaceAll(',', '')).split(','));
    expect(fields.every((row) => row.length === 8)).toBe(true);
    const withCustomer = fields.filter((row) => row[6] !== '');
    expect(summary.rowsRead).toBe(30_000);
    expect(summary.skipped['no customer'].count).toBe(30_000 - withCustomer.length);
    const skipped = Object.values(summary.skipped).reduce((total, one) => total + one.count, 0);
    expect(summary.rowsImported + skipped).toBe(30_000);
    expect(summary.rowsDuplicate).toBe(0);
    const goods = withCustomer.filter((row) => /^\d{5}/.test(row[1]) && Number(row[5]) > 0);
    expect(summary.returns).toBe(goods.filter((row) => Number(row[3]) < 0).length);
    expect(summary.users).toBe(new Set(goods.map((row) => row[6])).size);
    expect(await one(`SELECT count(*)::int AS n, min(occurred_at) AS first, count(*) FILTER (WHERE quantity < 0)::int AS returns FROM events`)).toEqual({ n: summary.rowsImported, first: new Date('2010-12-01T08:26:00Z'), returns: summary.returns });
    expect(await one(`SELECT title FROM items WHERE item_id = '85123A'`)).toEqual({ title: 'WHITE HANGING HEART T-LIGHT HOLDER' });
    expect((await one(`SELECT count(*)::int AS n FROM users WHERE user_id !~ '^[0-9]+$'`)).n).toBe(0);
  });
});
