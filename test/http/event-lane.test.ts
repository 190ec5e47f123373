import { connect } from 'node:net';
import { request } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Writer } from '../../src/ingest/writer.ts';
import { WriteUnknown } from '../../src/ingest/writer.ts';
import { DatabaseUnavailable } from '../../src/storage/database.ts';
import { KEYS, type Service, startService } from '../support/service.ts';

interface Raw {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

const BEARER = { authorization: `Bearer ${KEYS.secret}`, 'content-type': 'application/json', 'x-request-id': 'mine' };

describe('the fast lane of events', () => {
  let service: Service;
  let port: number;
  /** Of the service's own writer: elements it was given, and what it is to fail with. */
  let written: unknown[] = [];
  let failing: Error | null = null;

  /** Over a port, where the lane stands before the framework. */
  const overPort = async (body: string, headers: Record<string, string> = BEARER, method = 'POST', path = '/v1/events') =>
    await new Promise<Raw>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, method, headers: { 'content-length': String(Buffer.byteLength(body)), ...headers } }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece)).on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
      });
      sent.on('error', reject).end(body);
    });
  const throughFramework = async (body: string, headers: Record<string, string> = BEARER, method = 'POST', path = '/v1/events'): Promise<Raw> => {
    const answer = await service.app.inject({ method: method as 'POST', url: path, headers, payload: body });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body };
  };
  const stored = async (userId: string) => (await service.database.query('SELECT item_id AS item FROM events JOIN users USING (user_no) JOIN items USING (item_no) WHERE user_id = $1 ORDER BY event_no', [userId])).rows.map((row) => row.item as string);

  beforeAll(async () => {
    let inner: Writer | null = null;
    const writer = {
      get types() {
        return inner!.types;
      },
      isFull: () => inner!.isFull(),
      setTypes: (types) => inner!.setTypes(types),
      write: async (...asked) => {
        written.push(...asked[0]);
        if (failing !== null) {
          throw failing;
        }
        return await inner!.write(...asked);
      },
      tally: () => inner!.tally(),
    } satisfies Writer;
    service = await startService({ writer });
    inner = service.writer;
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    port = (service.app.server.address() as { port: number }).port;
  });
  afterAll(async () => await service.stop());

  it('gives the framework’s answers to everything, and writes each event once', async () => {
    const event = { userId: 'u', itemId: 'i', type: 'view', eventId: 'e' };
    const bodies = [
      JSON.stringify(event), JSON.stringify({ ...event, eventId: '"größe" \\ 🛒 /' }), JSON.stringify({ userId: 'u', itemId: 'i', type: 'rating', value: null, occurredAt: '2026-01-31T18:30:00.123+02:00', eventId: 'r' }),
      JSON.stringify({ ...event, itemId: 'other' }), JSON.stringify({ ...event, type: 'veiw' }), JSON.stringify({ ...event, itemID: 'i' }), JSON.stringify({ ...event, price: -0.0000001 }), JSON.stringify({ ...event, userId: 'a\u0000' }),
      JSON.stringify({ events: [event, { ...event, eventId: 'f' }] }), JSON.stringify({ events: [] }), JSON.stringify({ event: [event] }), JSON.stringify([event]), '{}', 'null', '"text"', '{"userId":', '{"__proto__":{"a":1},"userId":"u"}', '{"userId":"u","itemId":"i","type":"view","constructor":{"prototype":{}}}',
      JSON.stringify({ events: Array.from({ length: 30 }, (_, k) => ({ ...event, eventId: `many ${k} "ß"`, recommendationId: k === 3 ? 'nobody’s' : undefined })) }), JSON.stringify({ events: [event, { ...event, type: 'veiw' }] }), JSON.stringify({ events: [{ ...event, type: 'veiw' }, 3] }),
      JSON.stringify({ events: [event], also: 1 }), JSON.stringify({ events: event }), JSON.stringify({ events: Array.from({ length: 1_001 }, () => event) }), `{"events":[{"__proto__":1,"userId":"u"}]}`, `{"__proto__":[],"events":[{"userId":"u","itemId":"i","type":"view","eventId":"e"}]}`,
      `\uFEFF${JSON.stringify(event)}`, `  ${JSON.stringify(event)}\n`, `{"userId":"u","itemId":"i","type":"view","price":${'['.repeat(60)}${']'.repeat(60)}}`, JSON.stringify({ ...event, userId: 'u'.repeat(5_000) }), '',
    ];
    for (const body of bodies) {
      // Both find it stored already, so that they may answer the same.
      await throughFramework(body);
      const [fast, slow] = [await overPort(body), await throughFramework(body)];
      expect([body, fast.status, fast.text]).toEqual([body, slow.status, slow.text]);
      for (const name of ['content-type', 'x-request-id', 'x-content-type-options', 'content-length']) {
        expect([body, name, fast.headers[name]]).toEqual([body, name, slow.headers[name]]);
      }
    }
    written = [];
    const answer = await overPort(JSON.stringify({ userId: 'once', itemId: 'i', type: 'view' }));
    expect(JSON.parse(answer.text)).toMatchObject({ accepted: 1, items: [{ index: 0, eventId: expect.stringMatching(/^[0-9a-f-]{36}$/), status: 'accepted' }] });
    expect([written.length, await stored('once')]).toEqual([1, ['i']]);
    written = [];
    const some = await overPort(JSON.stringify({ events: ['a', 'b', 'c'].map((itemId) => ({ userId: 'some', itemId, type: itemId === 'b' ? 'veiw' : 'view' })) }));
    expect(JSON.parse(some.text)).toMatchObject({ accepted: 2, rejected: [{ index: 1, field: 'type' }], items: [{ index: 0 }, { index: 2 }] });
    expect([written.length, await stored('some')]).toEqual([3, ['a', 'c']]);
    written = [];
    const deep = await overPort(`{"events":[{"userId":"deep","itemId":"i","type":"view"},${'['.repeat(60)}${']'.repeat(60)}]}`);
    expect([deep.status, written]).toEqual([400, []]);
  });

  it('leaves keys, headers and other requests to the framework', async () => {
    const body = JSON.stringify({ userId: 'h', itemId: 'i', type: 'view', eventId: 'h' });
    await throughFramework(body);
    const { authorization: _, ...keyless } = BEARER;
    const headers: Record<string, string>[] = [
      keyless, { ...BEARER, authorization: 'Bearer nope' }, { ...BEARER, authorization: `Bearer ${KEYS.publishable}` }, { ...BEARER, 'content-type': 'text/plain' }, { ...BEARER, 'content-type': 'application/json; charset=latin1' },
      { ...BEARER, 'content-type': 'application/x-ndjson' }, { ...BEARER, 'content-encoding': 'gzip' }, { ...BEARER, 'idempotency-key': 'k' }, { ...BEARER, authorization: `Bearer ${KEYS.admin}` }, { ...BEARER, 'content-type': 'Application/JSON; charset=UTF-8' },
    ];
    for (const sent of headers) {
      const [fast, slow] = [await overPort(body, sent), await throughFramework(body, sent)];
      const told = ({ status, text }: Raw) => [sent, status, text.replace(/"requestId":"[^"]*"/, '')];
      expect(told(fast)).toEqual(told(slow));
    }
    expect((await overPort('', BEARER, 'GET')).status).toBe(200);
    expect((await overPort(body, BEARER, 'POST', '/v1/events?x=1')).status).toBe(200);
    service.setPhase('starting');
    expect((await overPort(body)).status).toBe(503);
    service.setPhase('ready');
  });

  it.each([
    ['away', () => new DatabaseUnavailable(new Error('gone')), 503, 'database-unavailable', undefined],
    ['lost at COMMIT', () => new WriteUnknown([{ index: 0, eventId: 'made-here' }], new Error('lost')), 503, 'commit-unknown', [{ index: 0, eventId: 'made-here' }]],
    ['wrong', () => new Error('unexpected'), 500, 'internal', undefined],
  ] as const)('tells what the writing ended in (Postgres %s), and does not write again', async (_what, error, status, code, items) => {
    failing = error();
    written = [];
    const answer = await overPort(JSON.stringify({ userId: 'f', itemId: 'i', type: 'view' }));
    failing = null;
    const told = JSON.parse(answer.text);
    expect([answer.status, told.code, told.items, written.length]).toEqual([status, code, items, 1]);
  });

  it('keeps the order of requests that follow one another on a connection, also where some are not plain', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    const ids = Array.from({ length: 12 }, (_, k) => `i${k}`);
    socket.write(ids.map((itemId, k) => {
      const event = { userId: 'pipe', itemId, type: 'view', eventId: itemId };
      // Of a long body others are not waited for.
      const body = JSON.stringify(k % 5 === 4 ? { ...event, type: 'nothing' } : k % 5 === 2 ? { events: [event] } : event).padEnd(k % 5 === 2 ? 2_000 : 0);
      return `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: ${BEARER.authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    }).join(''));
    await vi.waitFor(() => expect(text.match(/HTTP\/1\.1 (\d+)/g)).toHaveLength(12), { timeout: 5_000 });
    expect(text.match(/HTTP\/1\.1 (\d+)/g)!.map((line) => line.slice(9))).toEqual(ids.map((_, k) => (k % 5 === 4 ? '400' : '200')));
    expect(await stored('pipe')).toEqual(ids.filter((_, k) => k % 5 !== 4));
    socket.destroy();
  });

  it('takes a body that comes in pieces, and forgets a sender who goes away', async () => {
    const body = JSON.stringify({ userId: 'slow', itemId: 'i', type: 'view', eventId: 's' });
    const head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: ${BEARER.authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const send = async (pieces: string[]) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return socket;
    };
    const whole = await send([head, body.slice(0, 20), body.slice(20)]);
    const [answer] = (await once(whole, 'data')) as [Buffer];
    expect(answer.toString()).toContain('"status":"accepted"');
    whole.destroy();
    (await send([head, body.slice(0, 20)])).destroy();
    const gone = connect(port, '127.0.0.1');
    await once(gone, 'connect');
    gone.write(head + body.replace('"s"', '"t"'));
    gone.resetAndDestroy();
    expect((await overPort(body)).text).toContain('"duplicate"');
    expect(await stored('slow')).not.toHaveLength(0);
  });
});
