/**
 * POST /v1/events with a single event, ahead of the framework.
 *
 * A shop sends its events one by one, as they happen, and routing, hooks, streams and a serializer cost as much as everything else that is done with one. So where path, key and headers are plain and the
 * body came together with them, it is written from here and answered when it is stored. Everything else goes to the framework: what needs no look at the body at once, the rest with the body that was
 * read (`ReadAhead`), and what could not be stored with what became of it, so that an event is never written twice and the framework alone says what was wrong.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Role } from '../storage/api-keys.ts';
import type { WriteResult } from '../ingest/writer.ts';
import type { Admission } from './admission.ts';
import { type FoundKey, TOKEN_HEADER, mayCall } from './auth.ts';
import type { RefusalCode } from './refusal.ts';
import type { Services } from './services.ts';
import { createTurn } from './turns.ts';

/** Of requests that the lane hands over: what it read, and the writing of it where that was tried. */
export type ReadAhead = WeakMap<IncomingMessage, { readonly body: Buffer; readonly result: Promise<WriteResult> | null }>;

export interface LaneParts {
  readonly lookup: (header: string) => FoundKey | undefined;
  /** Answers 200 with this JSON a request that was read at a moment. */
  readonly answer: (request: IncomingMessage, response: ServerResponse, text: string, readMs: number) => void;
  /** Answers that there is too much to do. */
  readonly refuse: (request: IncomingMessage, response: ServerResponse, code: RefusalCode, readMs: number) => void;
  readonly admission: Admission;
  /** The framework. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
}

export const EVENT_PATH = '/v1/events';
const NEEDED: Role = 'secret';
const JSON_TYPE = /^application\/json(; ?charset=utf-8)?$/i;
const PLAIN_LENGTH = /^[1-9]\d{0,3}$/;

/** Whose page a browser's request is from, and whose token came along, is for the framework to judge. */
function isFromServer({ url, method, headers }: IncomingMessage): boolean {
  return url === EVENT_PATH && method === 'POST' && headers.origin === undefined && headers[TOKEN_HEADER] === undefined;
}

function isPlain({ headers }: IncomingMessage): boolean {
  return (
    JSON_TYPE.test(headers['content-type'] ?? '') && PLAIN_LENGTH.test(headers['content-length'] ?? '') &&
    headers['idempotency-key'] === undefined && headers['content-encoding'] === undefined && headers['transfer-encoding'] === undefined
  );
}

/** The text that the route's schema would make of it. */
function textOf({ accepted, duplicates, items: [{ eventId, status, recommendation }] }: WriteResult): string {
  return `{"accepted":${accepted},"duplicates":${duplicates},"rejected":[],"items":[{"index":0,"eventId":${JSON.stringify(eventId)},"status":"${status}"${recommendation === undefined ? '' : `,"recommendation":"${recommendation}"`}}]}`;
}

/** @returns undefined where it is no JSON, or a list of events */
function readEvent(body: Buffer): object | undefined {
  try {
    const event: unknown = JSON.parse(body.toString());
    return typeof event === 'object' && event !== null && !('events' in event) ? event : undefined;
  } catch {
    return undefined;
  }
}

/** @returns whether the lane takes a request, or has refused it */
export function createEventLane({ writer, keys, phase, pressure }: Services, ahead: ReadAhead, { lookup, answer, refuse, handle, admission }: LaneParts): (request: IncomingMessage, response: ServerResponse, readMs: number) => boolean {
  function write(request: IncomingMessage, response: ServerResponse, readMs: number): void {
    const body = request.complete ? (request.read() as Buffer | null) : null;
    if (body === null) {
      handle(request, response);
      return;
    }
    const event = readEvent(body);
    const result = event === undefined ? null : writer.write([event], null);
    const handOver = () => {
      ahead.set(request, { body, result });
      handle(request, response);
    };
    if (result === null) {
      handOver();
      return;
    }
    result.then((written) => {
      if (written.items.length === 1) {
        answer(request, response, textOf(written), readMs);
      } else {
        handOver();
      }
    }, handOver);
  }

  const arrived = createTurn<readonly [IncomingMessage, ServerResponse, number]>((requests) => requests.forEach(([request, response, readMs]) => write(request, response, readMs)));
  return (request, response, readMs) => {
    if (!isFromServer(request) || phase() !== 'ready' || pressure.level() > 0) {
      return false;
    }
    const { authorization } = request.headers;
    const key = authorization === undefined ? undefined : lookup(authorization);
    if (key === undefined || !mayCall(key, NEEDED)) {
      return false;
    }
    // Of whatever size: the framework would take four times as long to say so. What the writer refuses must not count as work that was taken.
    if (writer.isFull()) {
      refuse(request, response, 'ingest-overloaded', readMs);
      return true;
    }
    if (!admission.admits()) {
      refuse(request, response, 'overloaded', readMs);
      return true;
    }
    if (!isPlain(request)) {
      return false;
    }
    if (key.keyNo !== null) {
      keys.noteUse(key.keyNo);
    }
    arrived.add([request, response, readMs]);
    return true;
  };
}
