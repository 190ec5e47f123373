/**
 * POST /v1/events with an event or a list of them, ahead of the framework.
 *
 * A shop sends its events one by one, as they happen, and routing, hooks, streams and a serializer cost as much as everything else that is done with one; of a hundred in a list they are still a sixth. So where path,
 * key and headers are plain and the body came together with them, it is written from here and answered when it is stored. Everything else goes to the framework: what needs no look at the body at once,
 * the rest with the body that was read (`ReadAhead`), and what was not stored whole with what became of it, so that an event is never written twice and the framework alone says what was wrong.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Role } from '../storage/api-keys.ts';
import type { WriteResult } from '../ingest/writer.ts';
import type { Admission } from './admission.ts';
import { type FoundKey, TOKEN_HEADER, mayCall } from './auth.ts';
import type { RefusalCode } from './refusal.ts';
import type { Services } from './services.ts';
import { createTurn } from './turns.ts';
import { isUnwelcome } from './validation.ts';

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
/** Of a list. */
export const MAX_EVENTS = 1000;
const NEEDED: Role = 'secret';
const JSON_TYPE = /^application\/json(; ?charset=utf-8)?$/i;
/** Bytes. A longer body rarely comes in one piece. */
const PLAIN_LENGTH = /^[1-9]\d{0,4}$/;
/** Bytes of a body that has many events, as a rule. They count as waiting before the next request is looked at. */
const LIST_BYTES = 1_000;

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

/** The text that the route's schema would make of events that were all stored. */
function textOf({ accepted, duplicates, items }: WriteResult): string {
  let text = `{"accepted":${accepted},"duplicates":${duplicates},"rejected":[],"items":[`;
  for (let k = 0; k < items.length; k++) {
    const { index, eventId, status, recommendation } = items[k];
    text += `${k === 0 ? '' : ','}{"index":${index},"eventId":${JSON.stringify(eventId)},"status":"${status}"${recommendation === undefined ? '' : `,"recommendation":"${recommendation}"`}}`;
  }
  return `${text}]}`;
}

/** @returns an event or several; undefined where the framework has something to say of the body before it looks at the events */
function readEvents(body: Buffer): readonly unknown[] | undefined {
  let sent: unknown;
  try {
    sent = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) {
    return undefined;
  }
  if (!('events' in sent)) {
    return [sent];
  }
  const { events, ...others } = sent;
  return Array.isArray(events) && events.length > 0 && events.length <= MAX_EVENTS && Object.keys(others).length === 0 && !isUnwelcome(events) ? events : undefined;
}

/** @returns whether the lane takes a request, or has refused it */
export function createEventLane({ writer, keys, phase, pressure }: Services, ahead: ReadAhead, { lookup, answer, refuse, handle, admission }: LaneParts): (request: IncomingMessage, response: ServerResponse, readMs: number) => boolean {
  function write(request: IncomingMessage, response: ServerResponse, readMs: number): void {
    const body = request.complete ? (request.read() as Buffer | null) : null;
    if (body === null) {
      handle(request, response);
      return;
    }
    const events = readEvents(body);
    const result = events === undefined ? null : writer.write(events, null);
    const handOver = () => {
      ahead.set(request, { body, result });
      handle(request, response);
    };
    if (events === undefined || result === null) {
      handOver();
      return;
    }
    result.then((written) => {
      if (written.items.length === events.length) {
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
    if (Number(request.headers['content-length']) >= LIST_BYTES) {
      // When what has been read of this connection is parsed; with those before it, which stay before it.
      process.nextTick(arrived.takeNow);
    }
    return true;
  };
}
