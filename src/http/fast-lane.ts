/**
 * The two routes that are called all the time, ahead of the framework: POST /v1/events with a single event (`event-lane.ts`), and the one that everything else is for, GET
 * /v1/users/{userId}/recommendations from memory, with at most a limit, or with a query that the framework has accepted before.
 *
 * Routing, hooks, two validations and a serializer cost more than the answer itself. So a request that is plainly right (an id without escapes, a known query, a key that was looked up before, a model that
 * is live, no catalogue fields wanted) is answered here, and every other one goes on to the framework, which would have given the same answer: the lane decides nothing, refuses nothing and has no
 * errors of its own. It stands aside where requests are logged one by one, and where keys have a quota. Requests come to it by two ways: from Node's own HTTP, and, where not even that is needed, from
 * `plain-connections.ts`. test/http/fast-lane.test.ts holds all of them against each other.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { type RouteTally, noteAnswer } from '../insight/traffic.ts';
import type { Answer } from '../serving/answers.ts';
import type { Reason } from '../serving/explain.ts';
import type { ListRequest } from '../serving/requests.ts';
import type { Admission } from './admission.ts';
import { createAnswerQueue } from './answer-queue.ts';
import { TOKEN_HEADER, createLookup, mayCall } from './auth.ts';
import { EVENT_PATH, type LaneParts, type ReadAhead, createEventLane } from './event-lane.ts';
import type { KnownQueries } from './known-queries.ts';
import { openPlainConnections } from './plain-connections.ts';
import { REFUSAL_HEADERS, type RefusalCode, refusalText } from './refusal.ts';
import { requestIdOf } from './request-id.ts';
import type { Services } from './services.ts';
import { createTurn } from './turns.ts';

const TEMPLATE = '/v1/users/:userId/recommendations';
const PREFIX = '/v1/users/';
const ROUTE = '/recommendations';
const QUERY = '?limit=';
/** Ids that are the same in a path, in JSON and in memory; the others go the long way. */
const PLAIN_ID = /^[\w.~-]{1,128}$/;
const PLAIN_LIMIT = /^[1-9]\d?$/;
/** Requests with no more than a limit, by limit; the first leaves it out. */
const PLAIN: readonly ListRequest[] = Array.from({ length: 100 }, (_, limit) => ({ steering: limit === 0 ? {} : { limit } }));
/** Of every answer, names and values by turns. */
const ANSWER_HEADERS = ['x-content-type-options', 'nosniff', 'content-type', 'application/json; charset=utf-8'];
/** Three digits each, with their zeros. */
const DIGITS = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));

/** As JSON; scores have six decimals at most, which is found quicker by whole numbers than by printing a double. */
function numberText(score: number): string {
  const millionths = Math.round(score * 1e6);
  if (!(millionths >= 0 && millionths < 2 ** 31)) {
    return String(score);
  }
  const whole = Math.floor(millionths / 1e6);
  const rest = millionths - whole * 1e6;
  const thousands = Math.floor(rest / 1000);
  return `${whole}.${DIGITS[thousands]}${DIGITS[rest - thousands * 1000]}`;
}

function quote(id: string): string {
  return PLAIN_ID.test(id) ? `"${id}"` : JSON.stringify(id);
}

function reasonText({ itemId, type, score, factors, neighbours, text }: Reason): string {
  return `{"itemId":${quote(itemId)},"type":${type === null ? 'null' : quote(type)},"score":${numberText(score)},"factors":${numberText(factors)},"neighbours":${numberText(neighbours)},"text":${JSON.stringify(text)}}`;
}

/** The text that the route's schema would make of it. */
export function textOf({ recommendationId, modelVersion, source, stale, items, nextCursor }: Answer): string {
  let text = `{"recommendationId":"${recommendationId}","modelVersion":${modelVersion},"source":"${source}"${stale === undefined ? '' : `,"stale":${stale}`},"items":[`;
  for (let k = 0; k < items.length; k++) {
    const item = items[k];
    text += `${k === 0 ? '' : ','}{"itemId":${quote(item.itemId)},"score":${item.score === null ? 'null' : numberText(item.score)}${item.source === undefined ? '' : `,"source":"${item.source}"`}${item.reasons === undefined ? '' : `,"reasons":[${item.reasons.map(reasonText).join()}]`}}`;
  }
  return nextCursor === undefined ? `${text}]}` : `${text}],"nextCursor":"${nextCursor}"}`;
}

/** Told of the text of an answer; null: that is for the framework after all. */
export type TakeText = (text: string | null) => void;

/** `asked`: the text will come, once. `refused`: too many wait already. `not-here`: that is for the framework. */
export type FastLane = (url: string, authorization: string | undefined, take: TakeText) => 'asked' | 'refused' | 'not-here';

/** @param endSlice calls when texts were taken that can be written together */
export function createFastLane({ answers, keys, phase, pressure }: Services, queries: KnownQueries, lookup: LaneParts['lookup'], endSlice: () => void): FastLane {
  const queue = createAnswerQueue<{ readonly userId: string; readonly request: ListRequest; readonly take: TakeText }>(({ userId, request, take }) => {
    try {
      const answer = answers.recommendQuickly(userId, request);
      if (answer instanceof Promise) {
        void answer.then(textOf, () => null).then(take);
      } else {
        take(textOf(answer));
      }
    } catch {
      // A scenario that is gone since, say: the framework says what is wrong.
      take(null);
    }
  }, endSlice);

  /** What a URL asks for behind its route; undefined: that is for the framework to say. */
  function requestOf(url: string, routeEnd: number): ListRequest | undefined {
    if (url.length === routeEnd) {
      return PLAIN[0];
    }
    const limit = url.slice(routeEnd + QUERY.length);
    if (url.startsWith(QUERY, routeEnd) && PLAIN_LIMIT.test(limit)) {
      return PLAIN[Number(limit)];
    }
    return url[routeEnd] === '?' ? queries.find(url.slice(routeEnd + 1)) : undefined;
  }

  return (url, authorization, take) => {
    if (!url.startsWith(PREFIX) || phase() !== 'ready' || pressure.level() === 3) {
      return 'not-here';
    }
    const idEnd = url.indexOf('/', PREFIX.length);
    if (idEnd < 0 || !url.startsWith(ROUTE, idEnd)) {
      return 'not-here';
    }
    const userId = url.slice(PREFIX.length, idEnd);
    const request = requestOf(url, idEnd + ROUTE.length);
    if (request === undefined) {
      return 'not-here';
    }
    const key = authorization === undefined || !PLAIN_ID.test(userId) ? undefined : lookup(authorization);
    if (key === undefined || !mayCall(key, 'shopper')) {
      return 'not-here';
    }
    if (!queue.add({ userId, request, take })) {
      return 'refused';
    }
    if (key.keyNo !== null) {
      keys.noteUse(key.keyNo);
    }
    return 'asked';
  };
}

/** Whose page a browser's request is from, whose token came along, and whether a body ever comes, is for the framework to judge. */
function saysNoMore({ headers }: IncomingMessage): boolean {
  return headers.origin === undefined && headers[TOKEN_HEADER] === undefined && headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
}

interface Sent {
  readonly response: ServerResponse;
  readonly text: string;
  readonly tally: RouteTally;
  /** When its request was read. */
  readonly readMs: number;
}

/** Puts the lanes before the framework's own listener, and that of recommendations before Node's HTTP. */
export function installFastLanes(app: FastifyInstance, services: Services, queries: KnownQueries, ahead: ReadAhead, admission: Admission): void {
  if (services.logger.isLevelEnabled('debug') || services.limits.perKey > 0) {
    return;
  }
  const [handle] = app.server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
  const lookup = createLookup(services.keys);
  const lane = createFastLane(services, queries, lookup, () => {
    turn.takeNow();
    connections.flush();
  });
  const { traffic } = services.monitoring;
  const listTally = traffic.tallyOf('GET', TEMPLATE);
  const eventTally = traffic.tallyOf('POST', EVENT_PATH);
  const turn = createTurn<Sent>((answers) => {
    answers.forEach(({ response, text }) => response.end(text));
    const nowMs = performance.now();
    answers.forEach(({ tally, readMs }) => noteAnswer(tally, 200, (nowMs - readMs) / 1000));
  });
  const send = (request: IncomingMessage, response: ServerResponse, text: string, tally: RouteTally, readMs: number) => {
    response.writeHead(200, ['x-request-id', requestIdOf(request), ...ANSWER_HEADERS, 'content-length', String(Buffer.byteLength(text))] as never);
    turn.add({ response, text, tally, readMs });
  };
  const refuse = (request: IncomingMessage, response: ServerResponse, code: RefusalCode, tally: RouteTally, readMs: number) => {
    const requestId = requestIdOf(request);
    const text = refusalText(code, requestId);
    response.writeHead(503, ['x-request-id', requestId, ...REFUSAL_HEADERS, 'content-length', String(text.length)] as never).end(text);
    noteAnswer(tally, 503, (performance.now() - readMs) / 1000);
  };
  const takeEvent = createEventLane(services, ahead, {
    lookup, handle, admission,
    answer: (request, response, text, readMs) => send(request, response, text, eventTally, readMs),
    refuse: (request, response, code, readMs) => refuse(request, response, code, eventTally, readMs),
  });
  app.server.removeAllListeners('request');
  app.server.on('request', (request, response) => {
    const readMs = performance.now();
    if (takeEvent(request, response, readMs)) {
      return;
    }
    const take = (text: string | null) => {
      if (text === null) {
        handle(request, response);
      } else {
        send(request, response, text, listTally, readMs);
      }
    };
    const outcome = request.method === 'GET' && saysNoMore(request) ? lane(request.url!, request.headers.authorization, take) : 'not-here';
    if (outcome === 'not-here') {
      handle(request, response);
    } else if (outcome === 'refused') {
      refuse(request, response, 'overloaded', listTally, readMs);
    }
  });
  const connections = openPlainConnections(app.server, lane, ANSWER_HEADERS, listTally);
  app.addHook('preClose', (done) => {
    connections.close();
    done();
  });
}
