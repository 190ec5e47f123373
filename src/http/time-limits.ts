/**
 * Requests that do not come: their connections are cut. Headers are Node's business (`headersTimeout`); a body that is parsed must be there within `limitMs`, and one that a route reads as a stream must
 * bring a kilobyte in each `limitMs`, however long it is, as long as it is read: a sender is not blamed for waiting for us.
 */
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PROBLEMS, type ProblemCode } from './problems.ts';

/** With a sweep on top it is less than 15 seconds. */
export const REQUEST_TIMEOUT_MS = 12_000;
export const SWEEP_MS = 2_000;
const LEAST_STREAM_BYTES = 1024;
/** For the answer to arrive before the connection goes. */
const LINGER_MS = 1_000;

/** For a request that never came to be: nothing of Fastify can answer it. The connection ends, whether or not the other side agrees. */
export function answerSocket(socket: Duplex, code: ProblemCode): void {
  const { status, title, when, remedy } = PROBLEMS[code];
  if (socket.writable) {
    const body = JSON.stringify({ type: `/docs/errors#${code}`, title, status, code, detail: when, remedy });
    socket.end(`HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

interface StreamSoFar {
  sinceMs: number;
  bytes: number;
}

/** Also where it was answered before its body came: the rest of it holds the connection. */
function cut(request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw.headersSent) {
    request.raw.destroy();
  } else {
    answerSocket(request.raw.socket, 'request-timeout');
  }
}

export function limitBodies(app: FastifyInstance, limitMs: number): void {
  /** Since when their body is under way, the oldest first. */
  const underWay = new Map<FastifyRequest, { readonly sinceMs: number; readonly reply: FastifyReply }>();
  const streamed = new Map<FastifyRequest, StreamSoFar & { readonly reply: FastifyReply }>();
  app.addHook('onRequest', (request, reply, done) => {
    if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
      underWay.set(request, { sinceMs: performance.now(), reply });
    }
    done();
  });
  app.addHook('preValidation', (request, reply, done) => {
    if (request.raw.complete || request.body instanceof Readable) {
      underWay.delete(request);
    }
    // An injected request has no connection that could be slow.
    if (request.body instanceof Readable && request.raw.socket instanceof Socket) {
      streamed.set(request, { sinceMs: performance.now(), bytes: request.raw.socket.bytesRead, reply });
    }
    done();
  });

  function cutUnderWay(now: number): void {
    for (const [request, { sinceMs, reply }] of underWay) {
      if (now - sinceMs < limitMs) {
        break;
      }
      underWay.delete(request);
      if (!request.raw.complete && !request.raw.destroyed) {
        cut(request, reply);
      }
    }
  }

  function cutStreamed(now: number): void {
    for (const [request, soFar] of streamed) {
      const { raw } = request;
      if (raw.complete || raw.destroyed) {
        streamed.delete(request);
        continue;
      }
      const bytes = raw.socket.bytesRead;
      // What lies here unread is not the sender's fault, as long as somebody is going to read it.
      const waitsForUs = raw.readableLength > 0 && !soFar.reply.raw.writableEnded;
      if (waitsForUs || bytes - soFar.bytes >= LEAST_STREAM_BYTES) {
        soFar.sinceMs = now;
        soFar.bytes = bytes;
      } else if (now - soFar.sinceMs >= limitMs) {
        streamed.delete(request);
        cut(request, soFar.reply);
      }
    }
  }

  const sweep = setInterval(() => {
    const now = performance.now();
    cutUnderWay(now);
    cutStreamed(now);
  }, Math.min(SWEEP_MS, limitMs));
  sweep.unref();
  app.addHook('onClose', (_instance, done) => {
    clearInterval(sweep);
    done();
  });
}
