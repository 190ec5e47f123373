import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('events as lines', () => {
  let service: Service;
  const post = async (body: string | Buffer, headers: Record<string, string> = {}) => {
    const answer = await service.app.inject({ method: 'POST', url: '/v1/events', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/x-ndjson', ...headers }, payload: body });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body, json: answer.json() };
  };
  const count = async (userPattern: string) => (await service.database.query('SELECT count(*)::int AS n FROM events JOIN users USING (user_no) WHERE user_id LIKE $1', [userPattern])).rows[0].n;
  const line = (event: object) => JSON.stringify({ itemId: 'i1', type: 'view', ...event });

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('are stored, each judged on its own, with its place among the lines that are not empty', async () => {
    const answer = await post([line({ userId: 'a1' }), '', '  ', line({ userId: 'a1', itemId: '' }), '{"userId":"a1",', '[]', `${line({ userId: 'a2' })}\r`, line({ userId: 'a1', typo: 1 })].join('\n'));
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      lines: 6, accepted: 2, duplicates: 0, rejectedTotal: 4,
      rejected: [
        { index: 1, field: 'itemId', code: 'invalid-id', message: expect.stringContaining('itemId is empty') },
        { index: 2, field: '', code: 'not-json', message: expect.stringContaining('not JSON') },
        { index: 3, field: '', code: 'not-an-object', message: expect.any(String) },
        { index: 5, field: 'typo', code: 'unknown-field', message: expect.stringContaining('"typo"') },
      ],
    });
    expect(await count('a_')).toBe(2);
  });

  it('of 100,000 are taken, plain or gzipped, and one more is not', async () => {
    const lines = Array.from({ length: 100_001 }, (_, k) => line({ userId: `b${k % 500}`, itemId: `i${k % 300}` }));
    const answer = await post(gzipSync(lines.join('\n')), { 'content-encoding': 'gzip', 'idempotency-key': 'many' });
    expectProblem(answer, 400, 'too-many-events');
    expect(answer.json).toMatchObject({ lines: 100_000, accepted: 100_000, duplicates: 0 });
    // Part of it once more, plain, under the same key: all are known.
    const again = await post(lines.slice(0, 1_500).join('\n'), { 'idempotency-key': 'many' });
    expect(again.json).toEqual({ lines: 1_500, accepted: 0, duplicates: 1_500, rejectedTotal: 0, rejected: [] });
    expect(await count('b%')).toBe(100_000);
  });

  it('refuse what is wrong with the body as a whole', async () => {
    expectProblem(await post(''), 400, 'body-empty');
    expectProblem(await post('\n\n'), 400, 'body-empty');
    expectProblem(await post('{"userId":1}\nx'), 400, 'nothing-accepted');
    expectProblem(await post(line({ userId: 'c' }), { 'content-encoding': 'br' }), 415, 'media-type');
    expectProblem(await post('not gzip', { 'content-encoding': 'gzip' }), 400, 'body-damaged');
    expectProblem(await post(`{"userId":"${'x'.repeat(70_000)}"}`), 413, 'body-too-large');
    const cut = gzipSync(Array.from({ length: 5_000 }, (_, k) => line({ userId: 'cut', itemId: `${k * 7919}` })).join('\n'));
    const half = await post(cut.subarray(0, cut.length >> 1), { 'content-encoding': 'gzip' });
    expectProblem(half, 400, 'body-damaged');
    expect(half.json.detail).toContain(`The first ${half.json.lines} lines were taken`);
    expect(await count('cut')).toBe(half.json.accepted);
  });

  it('that are no UTF-8 are refused one by one, so that no two shoppers become one', async () => {
    const answer = await post(Buffer.concat([Buffer.from(`${line({ userId: 'd1' })}\n`), Buffer.from(line({ userId: 'dé' }), 'latin1'), Buffer.from(`\n${line({ userId: 'd2' })}`)]));
    expect(answer.json).toMatchObject({ accepted: 2, rejected: [{ index: 1, code: 'not-utf8' }] });
  });

  it('that unpack to more than is allowed are refused before they are all unpacked', async () => {
    const packed = gzipSync(Buffer.alloc(200 * 1024 * 1024, `${' '.repeat(50_000)}\n`), { level: 1 });
    expect(packed.length).toBeLessThan(3_000_000);
    expectProblem(await post(gzipSync(Buffer.alloc(50 * 1024 * 1024, '\n')), { 'content-encoding': 'gzip' }), 400, 'too-many-events');
    const before = process.memoryUsage().rss;
    expectProblem(await post(packed, { 'content-encoding': 'gzip' }), 413, 'body-too-large');
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('are no media type of other operations', async () => {
    for (const [method, url] of [['POST', '/v1/ratings'], ['PUT', '/v1/items/i1']] as const) {
      expect([url, (await service.call(method, url, line({ userId: 'e' }), 'secret', { 'content-type': 'application/x-ndjson' })).status]).toEqual([url, 415]);
    }
  });

  it('from a sender who hangs up are stored as far as they came, and nobody else notices', async () => {
    await service.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = service.app.server.address() as AddressInfo;
    const request = httpRequest({ port, method: 'POST', path: '/v1/events', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/x-ndjson' } });
    request.on('error', () => undefined);
    request.write(Array.from({ length: 2_500 }, (_, k) => `${line({ userId: 'f', itemId: `${k}` })}\n`).join(''));
    await expect.poll(async () => await count('f')).toBeGreaterThanOrEqual(2_000);
    request.destroy();
    expect((await post(line({ userId: 'g' }))).json).toMatchObject({ accepted: 1 });
  });
});

describe('a body that does not come', () => {
  it('is waited for only so long', async () => {
    const service = await startService({}, {}, undefined, 200);
    await service.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = service.app.server.address() as AddressInfo;
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest({ port, method: 'POST', path: '/v1/events', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/json', 'content-length': 1000 } });
      request.on('error', reject).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece)).on('end', () => resolve({ status: response.statusCode!, text }));
      });
      request.write('{"userId"');
    });
    expect(answer.status).toBe(408);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'request-timeout' });
    await service.stop();
  });
});
