/** Shoppers: who they are to us, and all that is kept of them. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { eraseUser, mergeUsers } from '../storage/erasures.ts';
import { listUserEvents, readUserEvents } from '../storage/user-events.ts';
import { findUser, identifyUser, listUsers } from '../storage/users.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { Cursor, Id, Limit, Nullable, Page, UserId, UserParams, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';
import { exportText } from './user-export.ts';

const EXPORT_LIMIT = 100_000;
const Recommendation = Type.Object({ listedAt: Type.String(), scenarioNo: Type.Integer(), variantNo: Type.Integer(), modelVersion: Type.Integer(), source: Type.String(), position: Nullable(Type.Integer()) }, { description: 'The list that the event came of' });

const UserEvent = Type.Object({
  eventNo: Type.Integer(), itemId: Type.String(), title: Nullable(Type.String()), categories: Type.Array(Type.String()), type: Type.String(), value: Nullable(Type.Number()), quantity: Nullable(Type.Number()), price: Nullable(Type.Number()), occurredAt: Type.String(),
});

export function userRoutes({ database, answers, redaction }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/users',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'listUsers', tags: ['data'], summary: 'List or search shoppers',
          querystring: Type.Object({ q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, format: 'text', description: 'A part of the id', examples: ['user-12'] })), limit: Limit(1000, 50), cursor: Cursor }, { additionalProperties: false }),
          response: { 200: Page(Type.Object({ userId: Type.String(), firstSeenAt: Type.String() })), ...commonErrors },
        },
      },
      async (request) => {
        const rows = await listUsers(database, request.query.q ?? null, parseCursor(request.query.cursor) ?? 0, request.query.limit + 1);
        return pageOf(rows, request.query.limit, (row) => row.userNo, (row) => ({ userId: row.userId, firstSeenAt: row.firstSeenAt.toISOString() }));
      },
    );
    app.get(
      '/v1/users/:userId',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'getUser', tags: ['data'], summary: 'A shopper', params: UserParams,
          response: { 200: Type.Object({ userId: Type.String(), firstSeenAt: Type.String(), events: Type.Integer(), lastEventAt: Nullable(Type.String()) }), ...withNotFound },
        },
      },
      async (request) => {
        const user = await findUser(database, request.params.userId);
        if (user === null) {
          throw new Problem('not-found', `There is no user ${JSON.stringify(request.params.userId)}.`, { field: 'userId' });
        }
        return { ...user, firstSeenAt: user.firstSeenAt.toISOString(), lastEventAt: user.lastEventAt?.toISOString() ?? null };
      },
    );
    app.get(
      '/v1/users/:userId/events',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'listUserEvents', tags: ['data'], summary: 'What a shopper did, newest first', description: 'In the order in which it came, with titles and categories of the catalogue. Of a shopper nobody knows there is nothing.',
          params: UserParams, querystring: Type.Object({ limit: Limit(200, 50), cursor: Cursor }, { additionalProperties: false }),
          response: { 200: Page(UserEvent), ...commonErrors },
        },
      },
      async (request) => {
        const { limit, cursor } = request.query;
        const before = parseCursor(cursor);
        const user = await identifyUser(database, request.params.userId);
        const rows = user === null ? [] : await listUserEvents(database, user.userNo, limit + 1, before);
        return pageOf(rows, limit, (row) => row.eventNo, ({ categories, ...row }) => ({ ...row, categories: [...categories], occurredAt: row.occurredAt.toISOString() }));
      },
    );
    app.get(
      '/v1/users/:userId/export',
      {
        config: { role: 'secret', shed: 'first' },
        schema: {
          operationId: 'exportUser', tags: ['data'], summary: 'All that is kept of a shopper', description: `Their events, newest first, up to ${EXPORT_LIMIT} a page, and on the first page what is derived from them: the vector that the live model has of them.`,
          params: UserParams, querystring: Type.Object({ cursor: Cursor }, { additionalProperties: false }),
          response: {
            200: Type.Object({
              userId: Type.String(), firstSeenAt: Type.String(),
              events: Type.Array(Type.Object({ eventNo: Type.Integer(), itemId: Type.String(), type: Type.String(), value: Nullable(Type.Number()), quantity: Nullable(Type.Number()), price: Nullable(Type.Number()), occurredAt: Type.String(), receivedAt: Type.String(), recommendation: Type.Optional(Recommendation) })),
              derived: Type.Optional(Nullable(Type.Object({ modelVersion: Type.Integer(), vector: Nullable(Type.Unsafe<number[]>({ type: 'array', items: { type: 'number' } }) as never) }))),
              nextCursor: Type.Optional(Type.String()),
            }),
            ...withNotFound,
          },
        },
      },
      async (request, reply) => {
        const user = await identifyUser(database, request.params.userId);
        if (user === null) {
          throw new Problem('not-found', `There is no user ${JSON.stringify(request.params.userId)}.`, { field: 'userId' });
        }
        const before = parseCursor(request.query.cursor);
        const [page, derived] = await Promise.all([readUserEvents(database, user.userNo, EXPORT_LIMIT + 1, before), before === null ? answers.profile(user.userId) : undefined]);
        return reply.type('application/json; charset=utf-8').send(exportText(user, page, EXPORT_LIMIT, derived) as never);
      },
    );
    app.delete(
      '/v1/users/:userId',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'eraseUser', tags: ['data'], summary: 'Erase a shopper',
          description: 'Their events, their id, and rows kept aside by imports that name them go in one transaction; memory forgets them within seconds, the stored model soon after. Only a keyed hash of the id stays: what they did before is not taken again, should an old file bring it. The id may come back as a new shopper.',
          params: UserParams, response: { 200: Type.Object({ userId: Type.String(), eventsDeleted: Type.Integer() }), ...withNotFound },
        },
      },
      async (request) => {
        const { userId } = request.params;
        const eventsDeleted = await eraseUser(database, userId);
        if (eventsDeleted === null) {
          throw new Problem('not-found', `There is no user ${JSON.stringify(userId)}.`, { field: 'userId' });
        }
        // This process' own memory at once; others are woken.
        await answers.followUsers();
        redaction.note();
        return { userId, eventsDeleted };
      },
    );
    app.put(
      '/v1/users/:userId/merge/:sourceId',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'mergeUsers', tags: ['data'], summary: 'Merge a guest into a shopper',
          description: 'For when a guest logs in: the guest’s events become the shopper’s, whose next answer knows them, and the guest is gone. `GET /v1/events?after=` shows the events again, under the shopper.',
          params: Type.Object({ userId: UserId, sourceId: Id('The shop’s id of the guest', 'guest-1') }), response: { 200: Type.Object({ userId: Type.String(), eventsMoved: Type.Integer() }), ...withNotFound },
        },
      },
      async (request) => {
        const { userId, sourceId } = request.params;
        if (userId === sourceId) {
          throw new Problem('invalid-request', `sourceId is ${JSON.stringify(sourceId)}, the shopper themself.`, { field: 'sourceId' });
        }
        const eventsMoved = await mergeUsers(database, userId, sourceId);
        if (eventsMoved === null) {
          throw new Problem('not-found', `There is no user ${JSON.stringify(sourceId)}.`, { field: 'sourceId' });
        }
        await Promise.all([answers.followUsers(), answers.followEvents()]);
        redaction.note();
        return { userId, eventsMoved };
      },
    );
    done();
  };
}
