/** Shoppers: who they are to us, and all that is kept of them. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { listUserEvents } from '../storage/events.ts';
import { findUser, listUsers } from '../storage/users.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { Cursor, Limit, Nullable, Page, UserParams, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const EXPORT_LIMIT = 100_000;

export function userRoutes({ database }: Services): FastifyPluginCallbackTypebox {
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
      '/v1/users/:userId/export',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'exportUser', tags: ['data'], summary: 'All that is kept of a shopper', description: `Their events, newest first; up to ${EXPORT_LIMIT} a page.`,
          params: UserParams, querystring: Type.Object({ cursor: Cursor }, { additionalProperties: false }),
          response: {
            200: Type.Object({
              userId: Type.String(), firstSeenAt: Type.String(),
              events: Type.Array(Type.Object({ eventNo: Type.Integer(), itemId: Type.String(), type: Type.String(), value: Nullable(Type.Number()), quantity: Nullable(Type.Number()), price: Nullable(Type.Number()), occurredAt: Type.String(), receivedAt: Type.String() })),
              nextCursor: Type.Optional(Type.String()),
            }),
            ...withNotFound,
          },
        },
      },
      async (request) => {
        const user = await findUser(database, request.params.userId);
        if (user === null) {
          throw new Problem('not-found', `There is no user ${JSON.stringify(request.params.userId)}.`, { field: 'userId' });
        }
        const rows = await listUserEvents(database, request.params.userId, EXPORT_LIMIT + 1, parseCursor(request.query.cursor));
        const { items, ...rest } = pageOf(rows, EXPORT_LIMIT, (row) => row.eventNo, (row) => ({ ...row, occurredAt: row.occurredAt.toISOString(), receivedAt: row.receivedAt.toISOString() }));
        return { userId: user.userId, firstSeenAt: user.firstSeenAt.toISOString(), events: items, ...rest };
      },
    );
    done();
  };
}
