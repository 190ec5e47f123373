/** Events and ratings in, the stream of them out. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readBody } from '../ingest/body-stream.ts';
import { type LinesResult, MAX_LINES_BYTES, writeLines } from '../ingest/event-lines.ts';
import { describeValue, faultOfId } from '../ingest/ids.ts';
import { EVENT_FIELDS } from '../ingest/validate.ts';
import { IngestOverloaded, type WriteResult } from '../ingest/writer.ts';
import { nearestName } from '../model/nearest-name.ts';
import { listEvents } from '../storage/events.ts';
import { knownItemIds } from '../storage/items.ts';
import { MAX_EVENTS, type ReadAhead } from './event-lane.ts';
import { Problem } from './problems.ts';
import { createShopperLimit } from './rate-limits.ts';
import { EventBody, EventsAnswer, Id, ItemId, Limit, Nullable, ProblemBody, UserId, Value, WriteAnswer, commonErrors } from './schemas.ts';
import type { Services } from './services.ts';
import { acceptStreams, isGzipped } from './streams.ts';

const LINE_TYPES = ['application/x-ndjson', 'application/jsonl'] as const;
// Without an example: Swagger UI would send it with every try, and the second try of another body would be a conflict.
const IdempotencyHeaders = Type.Object({ 'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 200, format: 'id', description: 'Gives events without an eventId the ids KEY:0, KEY:1, …; up to 200 characters' })) });

const RatingBody = Type.Object(
  { userId: UserId, itemId: ItemId, value: Nullable(Value('null takes the rating back')), occurredAt: Type.Optional(Type.String({ format: 'date-time' })), eventId: Type.Optional(Id('Your id', 'r-1')), type: Type.Optional(Type.Literal('rating')) },
  { additionalProperties: false },
);

/** The elements of a body: one event, or a list under `name`. */
function elementsOf(body: unknown, name: string): { elements: unknown[]; listed: boolean } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Problem('invalid-request', `The body must be one event, or {"${name}": […]}, not ${describeValue(body)}.`, { field: '' });
  }
  if (!(name in body)) {
    const [only] = Object.keys(body);
    // {"event": […]} is a misspelt list, not an event with a misspelt field.
    if (only !== undefined && !(EVENT_FIELDS as readonly string[]).includes(only) && nearestName(only, [name]) !== null) {
      throw new Problem('invalid-request', `${describeValue(only)} is not known here; did you mean "${name}"?`, { field: only });
    }
    return { elements: [body], listed: false };
  }
  const other = Object.keys(body).find((key) => key !== name);
  if (other !== undefined) {
    throw new Problem('invalid-request', `${describeValue(other)} is not known beside "${name}"; a list of events has no other fields.`, { field: other });
  }
  const list = (body as Record<string, unknown>)[name];
  if (!Array.isArray(list) || list.length === 0) {
    throw new Problem('invalid-request', `${name} must be a list of 1 to ${MAX_EVENTS} events, not ${describeValue(list)}.`, { field: name });
  }
  if (list.length > MAX_EVENTS) {
    throw new Problem('too-many-events', `${name} has ${list.length} elements; at most ${MAX_EVENTS} are allowed in one request.`, { field: name });
  }
  return { elements: list, listed: true };
}

/** Users that a body names. What is no event names nobody, and is refused later. */
function usersOf(name: string): (request: FastifyRequest) => unknown[] {
  return ({ body }) => elementsOf(body, name).elements.map((element) => (element as { userId?: unknown } | null)?.userId);
}

/** Nothing accepted and nothing known already: the request as a whole failed. `listName` null: a single event. */
function answerOrRefuse(result: WriteResult, listName: string | null): WriteResult {
  if (result.items.length > 0) {
    return result;
  }
  const [first] = result.rejected;
  if (listName === null) {
    throw new Problem(first.code === 'conflict' ? 'event-conflict' : 'invalid-request', first.message, { field: first.field, rejected: result.rejected });
  }
  throw new Problem('nothing-accepted', `None of ${result.rejected.length} events was accepted. The first: ${first.message}`, { field: [listName, first.index, first.field].filter((part) => part !== '').join('.'), rejected: result.rejected });
}

/** As `answerOrRefuse`, for a body of lines. */
function answerLines(result: LinesResult): LinesResult {
  if (result.lines === 0) {
    throw new Problem('body-empty', 'The body has no line with an event in it.');
  }
  if (result.accepted + result.duplicates === 0) {
    const [first] = result.rejected;
    throw new Problem('nothing-accepted', `None of ${result.lines} lines was accepted. The first: ${first.message}`, { field: `${first.index}${first.field === '' ? '' : `.${first.field}`}`, ...result });
  }
  return result;
}

function readIdempotencyKey(sent: unknown): string | null {
  if (sent === undefined) {
    return null;
  }
  const wrong = faultOfId(sent);
  if (wrong !== null || (sent as string).length > 200) {
    throw new Problem('invalid-request', `The header Idempotency-Key ${wrong ?? 'has more than 200 characters'}.`, { field: 'idempotency-key' });
  }
  return sent as string;
}

function parseAfter(text: string): { xid: string; eventNo: number } {
  const match = /^(\d{1,19})-(\d{1,15})$/.exec(text);
  if (match === null) {
    throw new Problem('invalid-request', `after is ${describeValue(text)}; it must be the nextCursor of an earlier answer.`, { field: 'after' });
  }
  return { xid: match[1], eventNo: Number(match[2]) };
}

export function eventRoutes({ database, writer, limits }: Services, ahead: ReadAhead): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    /** An item that somebody makes up in a browser must not come into the catalogue, and so into everybody's lists. */
    const needKnownItems = async (elements: readonly unknown[], listName: string | null): Promise<void> => {
      const ids = elements.map((element) => (element as { itemId?: unknown } | null)?.itemId);
      const known = await knownItemIds(database, ids.filter((id): id is string => faultOfId(id) === null));
      // What is no id at all is told of by the check of each element.
      const index = ids.findIndex((id) => faultOfId(id) === null && !known.has(id as string));
      if (index >= 0) {
        throw new Problem('item-unknown', `There is no item ${JSON.stringify(ids[index])}; with a shopper token, events are of items that are there.`, { field: listName === null ? 'itemId' : `${listName}.${index}.itemId` });
      }
    };
    const chargeShopper = createShopperLimit(limits.perShopper, () => performance.now());
    const write = async (request: FastifyRequest, reply: FastifyReply, elements: readonly unknown[], listName: string | null) => {
      if (request.shopper !== null) {
        chargeShopper(request.shopper.userId, elements.length, reply);
        await needKnownItems(elements, listName);
      }
      return answerOrRefuse(await writer.write(elements, readIdempotencyKey(request.headers['idempotency-key'])), listName);
    };
    app.addHook('onRequest', (request, _reply, hookDone) => {
      // What the lane has written, or tried to, is told of; nothing else is looked at in vain.
      hookDone(request.method !== 'GET' && ahead.get(request.raw)?.result == null && writer.isFull() ? new IngestOverloaded() : undefined);
    });
    // Each element is accepted or refused on its own, so the schema only documents; `ingest/validate.ts` checks.
    const documentsOnly = () => () => true;

    // In a scope of its own: its streamed media types are no other route's.
    app.register(async (scope) => {
      acceptStreams(scope, LINE_TYPES);
      scope.post(
        '/v1/events',
        {
          config: { role: 'shopper', usersOf: usersOf('events'), streamTypes: LINE_TYPES },
          validatorCompiler: documentsOnly,
          preParsing: (request, _reply, payload, done) => {
            const read = ahead.get(request.raw);
            done(null, read === undefined ? payload : Readable.from([read.body]));
          },
          schema: {
            operationId: 'postEvents',
            tags: ['data'],
            summary: 'Send events',
            description:
              'One event, or `{"events": […]}` with up to 1,000. What is valid is stored even where other elements are not; nothing is acknowledged before it is safe on disk.\n\nOr a line an event (`Content-Type: application/x-ndjson`, also with `Content-Encoding: gzip`), up to 100,000 lines: they are stored as they come in, and the answer has `lines` and `rejectedTotal` instead of `items`. Give lines an `eventId`, or send an `Idempotency-Key`: then a body that broke off can be sent again whole.\n\nWith a shopper token: JSON, events of that shopper alone, and of items that are there.',
            headers: IdempotencyHeaders,
            body: Type.Union([EventBody, Type.Object({ events: Type.Array(EventBody, { minItems: 1, maxItems: MAX_EVENTS }) }, { additionalProperties: false })], {
              examples: [{ events: [{ userId: 'user-1', itemId: 'item-1', type: 'view' }, { userId: 'user-1', itemId: 'item-2', type: 'purchase', quantity: 1, price: 19.9, groupId: 'order-1001', eventId: 'order-1001-line-1' }] }],
            }),
            response: { 200: EventsAnswer, ...commonErrors, 409: ProblemBody, 413: ProblemBody },
          },
        },
        async (request, reply) => {
          if (request.body instanceof Readable) {
            return answerLines(await writeLines(readBody(request.body, isGzipped(request), MAX_LINES_BYTES), writer, readIdempotencyKey(request.headers['idempotency-key'])));
          }
          const { elements, listed } = elementsOf(request.body, 'events');
          const tried = ahead.get(request.raw)?.result ?? null;
          if (tried !== null) {
            return answerOrRefuse(await tried, listed ? 'events' : null);
          }
          return await write(request, reply, elements, listed ? 'events' : null);
        },
      );
    });

    app.post(
      '/v1/ratings',
      {
        config: { role: 'shopper', usersOf: usersOf('ratings') },
        validatorCompiler: documentsOnly,
        schema: {
          operationId: 'postRatings',
          tags: ['data'],
          summary: 'Send ratings',
          description: 'One rating, or `{"ratings": […]}`: events of type `rating`. The latest of a shopper and item counts; a value of null takes it back.',
          headers: IdempotencyHeaders,
          body: Type.Union([RatingBody, Type.Object({ ratings: Type.Array(RatingBody, { minItems: 1, maxItems: MAX_EVENTS }) }, { additionalProperties: false })], { examples: [{ userId: 'user-1', itemId: 'item-3', value: 5 }] }),
          response: { 200: WriteAnswer, ...commonErrors, 409: ProblemBody, 413: ProblemBody },
        },
      },
      async (request, reply) => {
        const { elements, listed } = elementsOf(request.body, 'ratings');
        const ratings = elements.map((element, index) => {
          if (typeof element !== 'object' || element === null || Array.isArray(element)) {
            return element;
          }
          if ('type' in element && element.type !== 'rating') {
            const field = listed ? `ratings.${index}.type` : 'type';
            throw new Problem('invalid-request', `${field} is ${describeValue(element.type)}; here everything is a rating. Send other events to POST /v1/events.`, { field });
          }
          return { ...element, type: 'rating' };
        });
        return await write(request, reply, ratings, listed ? 'ratings' : null);
      },
    );

    const RatingParams = Type.Object({ userId: UserId, itemId: ItemId });
    app.put(
      '/v1/users/:userId/ratings/:itemId',
      {
        config: { role: 'shopper' },
        schema: {
          operationId: 'putRating',
          tags: ['data'],
          summary: 'Set a shopper’s rating of an item',
          params: RatingParams,
          body: Type.Object({ value: Value('The rating') }, { additionalProperties: false, examples: [{ value: 5 }] }),
          response: { 200: WriteAnswer, ...commonErrors },
        },
      },
      async (request, reply) => await write(request, reply, [{ ...request.params, type: 'rating', value: request.body.value }], null),
    );
    app.delete(
      '/v1/users/:userId/ratings/:itemId',
      {
        config: { role: 'shopper' },
        schema: { operationId: 'deleteRating', tags: ['data'], summary: 'Take a shopper’s rating of an item back', params: RatingParams, response: { 200: WriteAnswer, ...commonErrors } },
      },
      async (request, reply) => await write(request, reply, [{ ...request.params, type: 'rating', value: null }], null),
    );

    app.get(
      '/v1/events',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'listEvents',
          tags: ['data'],
          summary: 'Follow the stream of events',
          description: 'Without `after` the newest events; with the `nextCursor` of an answer what has come since. Events appear in the order in which they became final: none is ever missed, and those of a transaction under way wait for it.',
          querystring: Type.Object({ after: Type.Optional(Type.String({ maxLength: 60, description: '`nextCursor` of the answer before' })), limit: Limit(1000, 100) }, { additionalProperties: false }),
          response: {
            200: Type.Object({
              items: Type.Array(
                Type.Object({
                  eventNo: Type.Integer(), userId: Type.String(), itemId: Type.String(), type: Type.String(), value: Nullable(Type.Number()), quantity: Nullable(Type.Number()), price: Nullable(Type.Number()),
                  occurredAt: Type.String(), receivedAt: Type.String(),
                }),
              ),
              nextCursor: Type.String({ description: 'Send as `after` to go on from here, also when `items` is empty' }),
            }),
            ...commonErrors,
          },
        },
      },
      async (request) => {
        const after = request.query.after === undefined ? null : parseAfter(request.query.after);
        const rows = await listEvents(database, after, request.query.limit);
        const last = rows.at(-1);
        return {
          items: rows.map((row) => ({ ...row, occurredAt: row.occurredAt.toISOString(), receivedAt: row.receivedAt.toISOString() })),
          nextCursor: last === undefined ? (request.query.after ?? '0-0') : `${last.xid}-${last.eventNo}`,
        };
      },
    );
    done();
  };
}
