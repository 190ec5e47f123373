import { createReadStream } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImportJobs } from '../../src/ingest/import-jobs.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('imports over HTTP', () => {
  let service: Service;
  const send = async (body: string | Buffer, query = '', type = 'text/csv') => {
    const answer = await service.app.inject({ method: 'POST', url: `/v1/imports${query}`, headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': type }, payload: body });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body, json: answer.json() };
  };
  const get = async (no: number, part = '') => await service.call('GET', `/v1/imports/${no}${part}`, undefined, 'secret');
  const ended = async (no: number, state: string) => {
    await expect.poll(async () => (await get(no)).json.state, { timeout: 20_000, interval: 20 }).toBe(state);
    return (await get(no)).json;
  };
  const count = async (userPattern: string) => (await service.database.query('SELECT count(*)::int AS n FROM events JOIN users USING (user_no) WHERE user_id LIKE $1', [userPattern])).rows[0].n;

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('run as jobs, and say what they found and did', async () => {
    const started = await send('customer;sku;ordered_at;qty\na1;i1;31.12.2025 10:00;2\na2;i2;01.02.2026 11:30;1\n', '?type=purchase&source=orders.csv');
    expect(started.status).toBe(200);
    expect(started.headers.location).toBe(`/v1/imports/${started.json.no}`);
    const done = await ended(started.json.no, 'done');
    expect(done).toMatchObject({ kind: 'events', source: 'orders.csv', preset: 'generic', rowsRead: 2, rowsImported: 2, rowsDuplicate: 0, rowsQuarantined: 0, progress: 1, lastLine: 3, message: null });
    expect(done.layout).toMatchObject({ format: 'csv', encoding: 'utf-8', delimiter: ';', dates: 'dmy', datesAmbiguous: false, columns: { user: 'customer', item: 'sku', time: 'ordered_at', quantity: 'qty' } });
    const { rows } = await service.database.query(`SELECT occurred_at AS at FROM events JOIN users USING (user_no) WHERE user_id = 'a2'`);
    expect(rows[0].at).toEqual(new Date('2026-02-01T11:30:00Z'));
    expect((await service.call('GET', '/v1/imports', undefined, 'secret')).json.items[0]).toMatchObject({ no: started.json.no });
    await expect.poll(async () => await readdir(service.folder)).toEqual([]);
  });

  it('are running all the while, though users are erased or merged under them', async () => {
    const rows = Array.from({ length: 60_000 }, (_, n) => `er${n % 3_000},ei${n % 500},view,2026-01-01T00:00:${String(n % 60).padStart(2, '0')}Z`);
    const { no } = (await send(gzipSync(`user,item,type,time\n${rows.join('\n')}\n`), '', 'application/gzip')).json;
    const states = new Set<string>();
    const erased: number[] = [];
    for (let k = 0, state = 'running'; state === 'running'; k++) {
      // Some times: whoever erases without a pause holds up every import.
      if (k < 4) {
        await service.call('POST', '/v1/events', { userId: `leaver-${k}`, itemId: 'ei1', type: 'view' }, 'secret');
        erased.push((await service.call('DELETE', `/v1/users/leaver-${k}`, undefined, 'secret')).status);
      }
      ({ state } = (await get(no)).json);
      states.add(state);
    }
    expect(erased).toEqual([200, 200, 200, 200]);
    expect([...states]).toEqual(['running', 'done']);
    expect((await get(no)).json).toMatchObject({ rowsRead: 60_000, rowsImported: 60_000, rowsDuplicate: 0 });
    expect(await count('er%')).toBe(60_000);
  });

  it('show without storing how the first rows would be taken', async () => {
    const before = (await service.call('GET', '/v1/imports', undefined, 'secret')).json.items.length;
    const answer = await send('user,item,time,value\nb1,i1,2026-01-01,4\n,i1,2026-01-01,4\nb2,i1,yesterday,4\n', '?dryRun=true&type=rating');
    expect(answer.json.dryRun).toMatchObject({
      rowsRead: 3, layout: { columns: { user: 'user' }, defaultType: 'rating' },
      rows: [{ line: 2, userId: 'b1', itemId: 'i1', type: 'rating', value: 4, occurredAt: '2026-01-01T00:00:00.000Z' }],
      skipped: { 'no user': { count: 1, firstLine: 3 }, 'bad time': { count: 1, firstLine: 4 } },
    });
    expect(await count('b_')).toBe(0);
    expect((await service.call('GET', '/v1/imports', undefined, 'secret')).json.items).toHaveLength(before);
  });

  it('are previewed by their first bytes, packed or plain, with what is missing and what is cut off left out', async () => {
    const preview = async (body: string | Buffer, query = '') => {
      const answer = await service.app.inject({ method: 'POST', url: `/v1/import-previews${query}`, headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/octet-stream' }, payload: body });
      return { status: answer.statusCode, headers: answer.headers, text: answer.body, json: answer.json() };
    };
    const before = (await get(1)).status;
    const file = 'who;what;ordered_at;qty\npv1;i1;31.12.2025 10:00;2\npv2;i2;nonsense;1\npv3;i3;01.0';
    const first = (await preview(file)).json;
    expect(first).toMatchObject({ format: 'csv', delimiter: ';', header: true, gzipped: false, dates: 'dmy', missing: ['user', 'item'], needed: ['user', 'item'], sample: null });
    expect(first.columns).toEqual([{ name: 'who', meaning: null }, { name: 'what', meaning: null }, { name: 'ordered_at', meaning: 'time' }, { name: 'qty', meaning: 'quantity' }]);
    expect(first.head).toEqual([{ line: 2, fields: ['pv1', 'i1', '31.12.2025 10:00', '2'] }, { line: 3, fields: ['pv2', 'i2', 'nonsense', '1'] }]);
    const mapped = '?columns=user=who,item=what&type=purchase';
    const { json } = await preview(file, mapped);
    expect(json).toMatchObject({ missing: [], defaultType: 'purchase', sample: { rowsRead: 2, rows: [{ line: 2, userId: 'pv1', type: 'purchase', quantity: 2, occurredAt: '2025-12-31T10:00:00.000Z' }], skipped: { 'bad time': { count: 1, firstLine: 3 } } } });
    expect((await preview(`${file}2.2026 09:00;1`, `${mapped}&whole=true`)).json.sample.rowsRead).toBe(3);
    // A packed file that is cut, and one in UTF-16.
    const packed = gzipSync(`user,item,time\n${Array.from({ length: 20_000 }, (_, n) => `u${(n * 7919) % 9973},i${(n * 104_729) % 7907},2026-01-01T00:00:00Z`).join('\n')}\n`);
    expect(packed.length).toBeGreaterThan(65_536);
    expect((await preview(packed.subarray(0, 65_536))).json).toMatchObject({ gzipped: true, missing: [], sample: { rowsRead: 1000, skipped: {} } });
    expect((await preview(Buffer.from(`\uFEFFuser,item\nu1,i1\nu2,i`, 'utf16le'))).json).toMatchObject({ encoding: 'utf-16le', sample: { rowsRead: 1 } });
    // Without names: columns are called by their places.
    expect((await preview('17,4711,5\n18,4712,4\n')).json).toMatchObject({ header: false, missing: ['user', 'item'], columns: [{ name: '1' }, { name: '2' }, { name: '3' }] });
    expect((await preview('17,4711,5\n18,4712,4\n', '?header=false&columns=user=1,item=2,value=3')).json).toMatchObject({ missing: [], sample: { rowsRead: 2, rows: [{ userId: '17', type: 'rating', value: 5 }, { userId: '18' }] } });
    expect((await preview('{"user":"u1","item":"i1"}\n{"user":"u2","it')).json).toMatchObject({ format: 'ndjson', sample: { rowsRead: 1 } });
    expectProblem(await preview('user,item\nu1,i1\n', '?type=purchse'), 400, 'import-file');
    expectProblem(await preview(Buffer.concat([packed.subarray(0, 300), Buffer.alloc(300, 7)])), 400, 'import-file');
    expectProblem(await preview(Buffer.alloc(70_000, 97)), 413, 'body-too-large');
    expect([await count('pv%'), (await get(1)).status]).toEqual([0, before]);
    expect((await readdir(service.folder)).filter((name) => name.endsWith('.look'))).toEqual([]);
  });

  it('keep bad rows aside as a file that can be mended and sent again', async () => {
    const { no } = (await send('user,item,time,title\nc1,i1,2026-01-01,"a ""quoted"", title"\nc2,i1,32.13.2026,"two, parts"\n,i1,2026-01-01,x\n')).json;
    expect(await ended(no, 'done')).toMatchObject({ rowsImported: 1, rowsQuarantined: 2, skipped: { 'bad time': 1, 'no user': 1 } });
    const errors = await get(no, '/errors');
    expect(errors.headers['content-type']).toContain('text/csv');
    expect(errors.text).toBe('user,item,time,title,_line,_reason\nc2,i1,32.13.2026,"two, parts",3,bad time\n,i1,2026-01-01,x,4,no user\n');
    const page = (await get(no, '/quarantine?limit=1')).json;
    expect(page.items).toEqual([{ line: 3, reason: 'bad time', text: 'c2,i1,32.13.2026,"two, parts"' }]);
    expect((await get(no, `/quarantine?cursor=${page.nextCursor}`)).json).toEqual({ items: [{ line: 4, reason: 'no user', text: ',i1,2026-01-01,x' }] });
    const mended = errors.text.replace('32.13.2026', '2026-02-03').replace('\n,i1', '\nc3,i1');
    expect(await ended((await send(mended)).json.no, 'done')).toMatchObject({ rowsImported: 2, rowsQuarantined: 0 });
    expect(await count('c_')).toBe(3);
  });

  it('end early where too many rows are bad', async () => {
    const lines = Array.from({ length: 60_000 }, (_, k) => (k % 3 === 0 ? `d${k},i1,2026-01-01` : `d${k},i1,never`));
    const { no } = (await send(`user,item,time\n${lines.join('\n')}\n`)).json;
    const failed = await ended(no, 'failed');
    expect(failed).toMatchObject({ code: 'too-many-bad-rows', message: expect.stringMatching(/more than the 50 % that are allowed; most often: bad time, first in line 3/) });
    expect(failed.rowsRead).toBeLessThan(40_000);
    // Allowed, they are counted and left out.
    expect(await ended((await send(`user,item,time\n${lines.slice(0, 3_000).join('\n')}\n`, '?maxBadShare=0.7')).json.no, 'done')).toMatchObject({ rowsRead: 3_000, rowsQuarantined: 2_000 });
  });

  it('can be undone, which touches nothing that came another way', async () => {
    await service.call('POST', '/v1/events', { userId: 'e1', itemId: 'i9', type: 'view' });
    const { no } = (await send('user,item,time\ne1,i1,2026-01-01\ne2,i2,2026-01-01\n')).json;
    await ended(no, 'done');
    const undone = await service.call('DELETE', `/v1/imports/${no}`, undefined, 'secret');
    expect(undone.json).toEqual({ no, eventsDeleted: 2 });
    expect(await count('e_')).toBe(1);
    expect((await get(no)).json.state).toBe('undone');
    // And imported again.
    expect(await ended((await send('user,item,time\ne1,i1,2026-01-01\ne2,i2,2026-01-01\n')).json.no, 'done')).toMatchObject({ rowsImported: 2, rowsDuplicate: 0 });
  });

  it('can be followed and cancelled; what is stored stays', async () => {
    const lines = Array.from({ length: 200_000 }, (_, k) => `f${k % 900},i${k % 77},${1_700_000_000 + k}`);
    const { no } = (await send(gzipSync(`user,item,time\n${lines.join('\n')}\n`, { level: 1 }), '', 'application/gzip')).json;
    expectProblem(await service.call('DELETE', `/v1/imports/${no}`, undefined, 'secret'), 409, 'import-running');
    const following = get(no, '/progress');
    expect((await service.call('POST', `/v1/imports/${no}/cancel`, undefined, 'secret')).status).toBe(202);
    const cancelled = await ended(no, 'cancelled');
    expect(cancelled.rowsImported).toBeGreaterThan(0);
    expect(cancelled.rowsImported).toBeLessThan(200_000);
    expect(await count('f%')).toBe(cancelled.rowsImported);
    const stream = (await following).text;
    expect(stream).toContain('event: progress\ndata: {"rowsRead":');
    expect(stream).toMatch(/event: end\ndata: .*"state":"cancelled"/);
    expectProblem(await service.call('POST', `/v1/imports/${no}/cancel`, undefined, 'secret'), 409, 'import-not-running');
  });

  it('that a stop interrupts go on from their last line, in the next process, without doubles', async () => {
    const lines = Array.from({ length: 120_000 }, (_, k) => `g${k % 900},i${k % 7},${1_700_000_000 + (k >> 3)}`);
    const { no } = (await send(`user,item,time\n${lines.join('\n')}\n`)).json;
    await service.imports.stop();
    const stopped = (await get(no)).json;
    expect(stopped.state).toBe('interrupted');
    expect(stopped.rowsImported).toBeLessThan(120_000);
    const next = createImportJobs({ database: service.database, connectionString: service.url, folder: service.folder, now: Date.now, log: () => undefined });
    await next.recover();
    expect(await ended(no, 'done')).toMatchObject({ rowsRead: 120_000, rowsImported: 120_000, rowsDuplicate: 0, lastLine: 120_001 });
    expect(await count('g%')).toBe(120_000);
    await next.stop();
  });

  it('take items and users the same way', async () => {
    const items = await send('item,title,price,category,brand,in stock,weight\nj1,Tent,99.5,outdoor|camping,Acme,true,2.5\nj2,Mat,x,,,,\n', '?kind=items');
    expect(await ended(items.json.no, 'done')).toMatchObject({ kind: 'items', rowsImported: 1, skipped: { 'bad price': 1 } });
    expect((await service.call('GET', '/v1/items/j1')).json).toMatchObject({ title: 'Tent', price: 99.5, categories: ['outdoor', 'camping'], attributes: { brand: 'Acme', 'in stock': true, weight: 2.5 } });
    const users = await send('{"userId":"k1"}\n{"userId":"k2"}\nnope\n', '?kind=users', 'application/x-ndjson');
    expect(await ended(users.json.no, 'done')).toMatchObject({ kind: 'users', rowsImported: 2, skipped: { 'not JSON': 1 } });
    expect((await get(users.json.no, '/errors')).text).toBe('nope\n');
    expectProblem(await service.call('DELETE', `/v1/imports/${items.json.no}`, undefined, 'secret'), 409, 'import-not-undoable');
  });

  it('are refused in words before anything is stored', async () => {
    expectProblem(await send('who,what\nx,y\n'), 400, 'import-file');
    expectProblem(await send(''), 400, 'import-file');
    expectProblem(await send('\n'), 400, 'import-file');
    expectProblem(await send('user,item\nu,i\n', '?type=bought'), 400, 'import-file');
    expectProblem(await send('user,item\nu,i\n', '?columns=nonsense'), 400, 'import-file');
    expectProblem(await send('user,item\nu,i\n', '?preset=nothing'), 400, 'invalid-request');
    expectProblem(await send('{}', '', 'application/json'), 415, 'media-type');
    const data = await send('1,2,3\n4,5,6\n');
    expectProblem(data, 400, 'import-file');
    expect(data.json.detail).toContain('--no-header');
    expectProblem(await get(999_999), 404, 'not-found');
  });

  it('of a bomb are refused with flat memory', async () => {
    const path = join(service.folder, 'bomb.gz');
    await writeFile(path, gzipSync(Buffer.alloc(512 * 1024 * 1024), { level: 1 }));
    await service.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = service.app.server.address() as AddressInfo;
    const before = process.memoryUsage().rss;
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest({ port, method: 'POST', path: '/v1/imports', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/gzip' } });
      request.on('error', reject).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece)).on('end', () => resolve({ status: response.statusCode!, text }));
      });
      createReadStream(path).pipe(request);
    });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([413, 'body-too-large']);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });
});

describe('a sender who hangs up in the middle of a file', () => {
  it('is no fault of the server, and leaves nothing behind', async () => {
    let logged = '';
    const logger = pino({ level: 'info' }, new Writable({ write: (line, _encoding, done) => { logged += String(line); done(); } }));
    const service = await startService({ logger });
    await service.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = service.app.server.address() as AddressInfo;
    const request = httpRequest({ port, method: 'POST', path: '/v1/imports', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'text/csv' } });
    request.on('error', () => undefined);
    request.write('user,item\nu1,i1\n');
    await expect.poll(async () => await readdir(service.folder)).not.toEqual([]);
    request.destroy();
    await expect.poll(async () => await readdir(service.folder)).toEqual([]);
    await expect.poll(() => logged).toContain('the sender hung up');
    expect(logged).not.toMatch(/"level":[56]0/);
    expect((await service.call('GET', '/v1/imports', undefined, 'secret')).json.items).toEqual([]);
    await service.stop();
  });
});
