import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPlainHeaders } from '../../src/http/plain-connections.ts';
import { publishHybridModel } from '../support/hybrid-model.ts';
import { KEYS, type Service, startService } from '../support/service.ts';

interface Read {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const HEADERS = `Host: shop\r\nAuthorization: Bearer ${KEYS.secret}\r\n`;
const get = (path: string, headers = HEADERS) => `GET ${path} HTTP/1.1\r\n${headers}\r\n`;
const listOf = (user: string) => `/v1/users/${user}/recommendations?limit=40`;

/** Takes answers with a content length out of what came. */
function readAnswers(bytes: Buffer): Read[] {
  const found: Read[] = [];
  for (let rest = bytes; ; ) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd < 0) {
      return found;
    }
    const [first, ...lines] = rest.toString('latin1', 0, headEnd).split('\r\n');
    const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]));
    const bodyEnd = headEnd + 4 + Number(headers['content-length']);
    if (!(rest.length >= bodyEnd)) {
      return found;
    }
    found.push({ status: Number(first.split(' ')[1]), headers, body: rest.toString('utf8', headEnd + 4, bodyEnd) });
    rest = rest.subarray(bodyEnd);
  }
}

describe('plain connections', () => {
  let service: Service;
  let port: number;
  /** Requests that Node's HTTP parsed. */
  let parsed = 0;

  beforeAll(async () => {
    service = await startService();
    const events = Array.from({ length: 400 }, (_, n) => ({ userId: `u${n % 40}`, itemId: n % 31 === 3 ? `größe-${n % 2}` : `i${(n * 7) % 31}`, type: n % 3 === 0 ? 'purchase' : 'view' }));
    expect((await service.call('POST', '/v1/events', { events })).status).toBe(200);
    await publishHybridModel(service, 6);
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    port = (service.app.server.address() as { port: number }).port;
    service.app.server.prependListener('request', () => parsed++);
  });
  afterAll(async () => await service.stop());

  async function open(): Promise<{ socket: Socket; came: () => Buffer; answers: (count: number) => Promise<Read[]>; closed: Promise<unknown> }> {
    const socket = connect(port, '127.0.0.1');
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk) => (bytes = Buffer.concat([bytes, chunk]))).on('error', () => undefined);
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    const answers = async (count: number) => {
      while (readAnswers(bytes).length < count && !socket.readableEnded) {
        await Promise.race([once(socket, 'data'), once(socket, 'end')]);
      }
      return readAnswers(bytes);
    };
    return { socket, came: () => bytes, answers, closed };
  }

  it('answers what the lane answers, with the headers of the parsed way, one request after the other', async () => {
    // Another test's open transaction may make everybody look as if they had newer events; once asked, they are in memory.
    const { socket, answers } = await open();
    parsed = 0;
    let plainBodies = '';
    for (const [n, user] of ['u1', 'u2', 'u3', 'nobody'].entries()) {
      socket.write(get(listOf(user)));
      const plain = (await answers(n + 1))[n];
      expect([user, parsed]).toEqual([user, 0]);
      expect(plain.headers['content-length']).toBe(String(Buffer.byteLength(plain.body)));
      plainBodies += plain.body;
      const other = await open();
      other.socket.write(get(listOf(user), `${HEADERS}X-Request-Id: mine\r\n`));
      const [usual] = await other.answers(1);
      expect(parsed).toBe(1);
      parsed = 0;
      other.socket.destroy();
      expect(Object.keys(plain.headers).sort()).toEqual(Object.keys(usual.headers).sort());
      for (const name of ['content-type', 'connection', 'keep-alive', 'x-content-type-options']) {
        expect([name, plain.headers[name]]).toEqual([name, usual.headers[name]]);
      }
      expect(plain.headers['x-request-id']).toMatch(/^[\da-f]{16}-[\da-z]+$/);
      expect(Math.abs(Date.parse(plain.headers.date) - Date.now())).toBeLessThan(3_000);
      const untimed = (text: string) => ({ ...JSON.parse(text), recommendationId: '' });
      expect(untimed(plain.body)).toEqual(untimed(usual.body));
    }
    expect(plainBodies).toContain('größe-');
    socket.destroy();
  });

  it('gives everything else to the parser, and the connection goes on there', async () => {
    const bearer = `Authorization: Bearer ${KEYS.secret}\r\n`;
    const event = JSON.stringify({ userId: 'u39', itemId: 'i1', type: 'view' });
    const cases: [string, string, number][] = [
      ['no key', get(listOf('u1'), 'Host: shop\r\n'), 401],
      ['a key that is none', get(listOf('u1'), 'Host: shop\r\nAuthorization: Bearer sk_nothing\r\n'), 401],
      ['too little a key', get(listOf('u1'), `Host: shop\r\nAuthorization: Bearer ${KEYS.publishable}\r\n`), 403],
      ['an unknown parameter', get('/v1/users/u1/recommendations?limi=3'), 400],
      ['another route', get('/health/live'), 200],
      ['a route there is not', get('/v1/nothing'), 404],
      ['two keys', get(listOf('u1'), `${HEADERS}${bearer}`), 200],
      ['two hosts', get(listOf('u1'), `${HEADERS}Host: other\r\n`), 200],
      ['a header of another name', get(listOf('u1'), `${HEADERS}X-Request-Id: mine\r\n`), 200],
      ['spaces around a value', get(listOf('u1'), `Host: shop\r\nAuthorization:   Bearer ${KEYS.secret}  \r\n`), 200],
      ['another method', `POST /v1/events HTTP/1.1\r\n${HEADERS}Content-Type: application/json\r\nContent-Length: ${event.length}\r\n\r\n${event}`, 200],
      ['a length and no body', get(listOf('u1'), `${HEADERS}Content-Length: 0\r\n`), 200],
    ];
    for (const [name, text, status] of cases) {
      const { socket, answers } = await open();
      parsed = 0;
      socket.write(text);
      expect([name, (await answers(1))[0].status, parsed]).toEqual([name, status, 1]);
      socket.write(get(listOf('u2')));
      expect([name, (await answers(2))[1]?.status, parsed]).toEqual([name, 200, 2]);
      socket.destroy();
    }
    for (const [name, text, status] of [['no host', get(listOf('u1'), bearer), 400], ['a method in small letters', get(listOf('u1')).toLowerCase(), 400], ['headers too long', get(listOf('u1'), `${HEADERS}Accept: ${'a'.repeat(20_000)}\r\n`), 431], ['a line end in a header', get(listOf('u1'), `${HEADERS}Accept: a\nb\r\n`), 400]] as const) {
      const { socket, came, closed } = await open();
      socket.write(text);
      await closed;
      expect([name, came().toString().slice(0, 12)]).toEqual([name, `HTTP/1.1 ${status}`]);
    }
    const { socket, answers, closed } = await open();
    socket.write(get(listOf('u1'), `${HEADERS}Connection: close\r\n`));
    expect((await answers(1))[0].headers.connection).toBe('close');
    await closed;
  });

  it('keeps answers in order where requests come in pieces, together, or while another waits', async () => {
    const counted = (read: Read[]) => read.map(({ status, body }) => [status, (JSON.parse(body).items ?? []).length]);
    const { socket, answers } = await open();
    parsed = 0;
    socket.write(get('/v1/users/u1/recommendations?limit=1'));
    await answers(1);
    expect(parsed).toBe(0);
    const two = get('/v1/users/u1/recommendations?limit=2');
    socket.write(two.slice(0, 40));
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.write(two.slice(40) + get('/v1/users/u1/recommendations?limit=3') + get('/v1/users/u1/recommendations?limit=4'));
    expect(counted(await answers(4))).toEqual([[200, 1], [200, 2], [200, 3], [200, 4]]);
    expect(parsed).toBe(3);
    socket.destroy();

    const other = await open();
    parsed = 0;
    const recommend = service.answers.recommendQuickly;
    const releases: (() => void)[] = [];
    service.answers.recommendQuickly = async (...asked) => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return await recommend(...asked);
    };
    other.socket.write(get('/v1/users/u1/recommendations?limit=1'));
    while (releases.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    service.answers.recommendQuickly = recommend;
    other.socket.write(get('/v1/users/u1/recommendations?limit=2'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(other.came()).toHaveLength(0);
    releases[0]();
    expect(counted(await other.answers(2))).toEqual([[200, 1], [200, 2]]);
    expect(parsed).toBe(0);
    other.socket.destroy();
  });

  it('hands over an answer that fails while it is waited for', async () => {
    const { socket, answers } = await open();
    const recommend = service.answers.recommendQuickly;
    service.answers.recommendQuickly = async () => await Promise.reject(new Error('lost'));
    parsed = 0;
    socket.write(get(listOf('u1')));
    expect((await answers(1))[0].status).toBe(200);
    expect(parsed).toBe(1);
    service.answers.recommendQuickly = recommend;
    socket.destroy();
  });

  it('ends a connection that is silent, one that has ended, and all that are idle when the service stops', async () => {
    const { server } = service.app;
    const [headersTimeout, keepAliveTimeout] = [server.headersTimeout, server.keepAliveTimeout];
    try {
      server.headersTimeout = 100;
      const silent = await open();
      await silent.closed;
      server.keepAliveTimeout = 100;
      const idle = await open();
      idle.socket.write(get(listOf('u1')));
      expect(await idle.answers(1)).toHaveLength(1);
      await idle.closed;
    } finally {
      [server.headersTimeout, server.keepAliveTimeout] = [headersTimeout, keepAliveTimeout];
    }
    const ending = await open();
    ending.socket.end(get(listOf('u1')));
    expect(await ending.answers(1)).toHaveLength(1);
    await ending.closed;
    const kept = await open();
    kept.socket.write(get(listOf('u1')));
    expect(await kept.answers(1)).toHaveLength(1);
    await service.app.close();
    await kept.closed;
  });

  it('reads headers of the plain form only', () => {
    const block = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join('') + '\r\n';
    expect(readPlainHeaders(block('Host: a', 'authorization: Bearer x', 'User-Agent: curl/8 (x; y)', 'Accept: */*', 'Connection: keep-alive'))).toBe('Bearer x');
    for (const bad of [
      block('Host: a'), block('authorization: x'), block('Host: a', 'Host: b', 'authorization: x'), block('Host: a', 'authorization: x', 'Authorization: y'), block('Host: a', 'authorization: x', 'Origin: https://evil'),
      block('Host: a', 'authorization: x', 'Connection: close'), block('Host: a', 'authorization: x', 'Connection: upgrade', 'Upgrade: h2c'), block('Host: a', 'authorization: x', 'Content-Length: 1'), block('Host: a', 'authorization: x', 'Transfer-Encoding: chunked'),
      block('Host: a', 'authorization: x', ' folded'), block('Host : a', 'authorization: x'), block('Host: a', 'authorization: x\ty'), block('Host: a', 'authorization: \u00e9'), block('Host: a', 'authorization: '), 'Host: a\nauthorization: x\n\n', 'Host: a\r\nauthorization: x\r\n', '\r\n', '',
    ]) {
      expect([bad, readPlainHeaders(bad)]).toEqual([bad, null]);
    }
  });
});
