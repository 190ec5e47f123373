/**
 * Connections whose requests need no HTTP parser: each comes in one piece, is a GET, and has headers of a plain form that say nothing but who asks. Parsing, message objects, streams and header
 * validation are a third of an answer's time, so such requests are read here, as text, and answered with one write.
 *
 * There is no second HTTP in this file. A connection begins here and stays for as long as the lane answers every request of it. At the first that is anything else (other headers, a body, a part of
 * a request, two at once, anything that the lane has no answer to) it goes to Node's HTTP server, with what came, and never comes back. Whatever that server would refuse is thus refused by it.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type RouteTally, noteAnswer } from '../insight/traffic.ts';
import type { FastLane, TakeText } from './fast-lane.ts';
import { REFUSAL_HEADERS, refusalText } from './refusal.ts';
import { nextRequestId } from './request-id.ts';
import { createTurn } from './turns.ts';

const START = 'GET /';
const URL_BEGIN = 'GET '.length;
const VERSION = ' HTTP/1.1';
const LINE_END = '\r\n';
const MAX_REQUEST_BYTES = 4_096;
/** One header of a request as clients write it: a name that means nothing to this service but `authorization`, and a value of visible characters and single spaces. */
const HEADER = /^(host|authorization|user-agent|accept|accept-encoding|accept-language|cache-control|pragma|sec-fetch-mode|connection): ([!-~]+(?: [!-~]+)*)$/i;
/** Clients send the same headers each time. */
const MAX_KNOWN_HEADERS = 1_000;
/** Sockets that have so much to send are not read fast enough. */
const MAX_UNSENT_BYTES = 65_536;

interface Waiting {
  readonly socket: Socket;
  readonly text: string;
  readonly isAscii: boolean;
  readonly status: number;
  /** When its request was read. */
  readonly readMs: number;
}

/** @returns the `authorization` of a header block; null: it is not of the plain form */
export function readPlainHeaders(block: string): string | null {
  if (!block.endsWith(LINE_END + LINE_END)) {
    return null;
  }
  const values = new Map<string, string>();
  for (const line of block.slice(0, -2 * LINE_END.length).split(LINE_END)) {
    const header = HEADER.exec(line);
    const name = header?.[1].toLowerCase();
    if (header === null || name === undefined || values.has(name) || (name === 'connection' && header[2].toLowerCase() !== 'keep-alive')) {
      return null;
    }
    values.set(name, header[2]);
  }
  return values.has('host') ? (values.get('authorization') ?? null) : null;
}

function headersText(headers: readonly string[]): string {
  let text = '';
  for (let k = 0; k < headers.length; k += 2) {
    text += `${headers[k]}: ${headers[k + 1]}${LINE_END}`;
  }
  return text;
}

export interface PlainConnections {
  /** Writes what has been answered so far, without waiting for the end of the round. */
  flush(): void;
  /** Ends connections that nothing is under way on, and leaves new ones to the server. */
  close(): void;
}

/**
 * @param headers of every answer, names and values by turns
 * @param tally where what is answered here is counted
 */
export function openPlainConnections(server: Server, lane: FastLane, headers: readonly string[], tally: RouteTally): PlainConnections {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  const [serve, ...others] = listeners;
  /** Connections and how each ends as soon as it may. */
  const open = new Map<Socket, () => void>();
  const known = new Map<string, string | null>();
  const answerHead = headersText(headers);
  const refusalHead = headersText(REFUSAL_HEADERS);
  let isClosing = false;
  let date = { second: 0, text: '' };
  const turn = createTurn<Waiting>((written) => {
    for (const { socket, text, isAscii } of written) {
      if (socket.writable) {
        // Mostly ASCII, which is quicker to write where it need not be looked for.
        socket.write(text, isAscii ? 'latin1' : 'utf8');
      }
    }
    const nowMs = performance.now();
    for (const { status, readMs } of written) {
      noteAnswer(tally, status, (nowMs - readMs) / 1000);
    }
  });

  function authorizationOf(block: string): string | null {
    let authorization = known.get(block);
    if (authorization === undefined) {
      authorization = readPlainHeaders(block);
      if (known.size >= MAX_KNOWN_HEADERS) {
        known.clear();
      }
      known.set(block, authorization);
    }
    return authorization;
  }

  function ask(chunk: Buffer, take: TakeText): ReturnType<FastLane> {
    if (isClosing || chunk.length > MAX_REQUEST_BYTES) {
      return 'not-here';
    }
    const text = chunk.toString('latin1');
    const lineEnd = text.indexOf(LINE_END);
    if (!text.startsWith(START) || !text.startsWith(VERSION, lineEnd - VERSION.length)) {
      return 'not-here';
    }
    const authorization = authorizationOf(text.slice(lineEnd + LINE_END.length));
    return authorization === null ? 'not-here' : lane(text.slice(URL_BEGIN, lineEnd - VERSION.length), authorization, take);
  }

  function dateText(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== date.second) {
      date = { second, text: new Date(second * 1000).toUTCString() };
    }
    return date.text;
  }

  function begin(socket: Socket): void {
    const onTimeout = () => socket.destroy();
    const onError = () => socket.destroy();
    const onClose = () => open.delete(socket);
    /** The request whose answer is being made. */
    let asked: Buffer | null = null;
    /** What came after it, so that answers keep the order of their requests. */
    let next: Buffer | null = null;
    let isEnding = false;
    /** When the request was read that is answered next: of a connection one at a time is. */
    let readMs = 0;
    const onEnd = () => {
      isEnding = true;
      endNow();
    };
    function send(text: string): void {
      const { keepAliveTimeout } = server;
      if (socket.timeout !== keepAliveTimeout) {
        socket.setTimeout(keepAliveTimeout);
      }
      const bytes = Buffer.byteLength(text);
      turn.add({
        socket,
        text: `HTTP/1.1 200 OK\r\nx-request-id: ${nextRequestId()}\r\n${answerHead}content-length: ${bytes}\r\nDate: ${dateText()}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}\r\n\r\n${text}`,
        isAscii: bytes === text.length, status: 200, readMs,
      });
    }
    function refuse(): void {
      const requestId = nextRequestId();
      const text = refusalText('overloaded', requestId);
      turn.add({ socket, text: `HTTP/1.1 503 Service Unavailable\r\nx-request-id: ${requestId}\r\n${refusalHead}content-length: ${text.length}\r\nDate: ${dateText()}\r\nConnection: keep-alive\r\n\r\n${text}`, isAscii: true, status: 503, readMs });
    }
    const take = (text: string | null) => {
      const chunk = asked!;
      const later = next;
      asked = null;
      next = null;
      if (socket.destroyed) {
        return;
      }
      if (text === null) {
        hand(chunk);
        if (later !== null) {
          socket.emit('data', later);
          socket.resume();
        }
        if (isEnding) {
          socket.emit('end');
        }
        return;
      }
      send(text);
      if (later !== null) {
        onData(later);
        socket.resume();
      }
      if (isEnding || isClosing) {
        endNow();
      }
    };
    const onData = (chunk: Buffer) => {
      if (asked !== null) {
        next = next === null ? chunk : Buffer.concat([next, chunk]);
        socket.pause();
        return;
      }
      asked = chunk;
      readMs = performance.now();
      const outcome = socket.writableLength > MAX_UNSENT_BYTES ? 'not-here' : ask(chunk, take);
      if (outcome === 'asked') {
        return;
      }
      asked = null;
      if (outcome === 'refused') {
        refuse();
      } else {
        hand(chunk);
      }
    };
    function endNow(): void {
      if (asked === null && open.has(socket)) {
        turn.takeNow();
        socket.end();
      }
    }
    /** Gives the connection to Node's HTTP, together with what came. Answers are in the order of their requests, so those that wait are written first. */
    function hand(chunk: Buffer): void {
      turn.takeNow();
      socket.off('data', onData).off('end', onEnd).off('timeout', onTimeout).off('error', onError).off('close', onClose);
      open.delete(socket);
      socket.setTimeout(0);
      serve.call(server, socket);
      socket.emit('data', chunk);
    }
    open.set(socket, endNow);
    // Until the first request, what a server gives the headers to come.
    socket.setTimeout(server.headersTimeout);
    socket.on('data', onData).on('end', onEnd).on('timeout', onTimeout).on('error', onError).on('close', onClose);
  }

  server.removeAllListeners('connection');
  others.forEach((listener) => server.on('connection', listener));
  server.on('connection', (socket: Socket) => {
    if (isClosing) {
      serve.call(server, socket);
    } else {
      begin(socket);
    }
  });
  return {
    flush: () => turn.takeNow(),
    close() {
      isClosing = true;
      open.forEach((endNow) => endNow());
    },
  };
}
