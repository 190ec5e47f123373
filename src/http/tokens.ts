/** Shopper tokens: made by the service, begun for someone without a name, and the secrets that shops sign their own with. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { MAX_TOKEN_SECRETS, type TokenSecret, deleteTokenSecret, insertTokenSecret, listTokenSecrets } from '../storage/token-secrets.ts';
import { Problem } from './problems.ts';
import { Nullable, ProblemBody, UserId, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';
import { MAX_TOKEN_SECONDS, createTokenSecret } from './shopper-tokens.ts';

const Issued = Type.Object({ userId: Type.String(), token: Type.String({ description: 'For the header X-Shopper-Token' }), expiresAt: Type.String() });
const secretFields = { kid: Type.String({ description: 'For the header of each token' }), createdAt: Type.String(), lastUsedAt: Nullable(Type.String()) };
const KidParams = Type.Object({ kid: Type.String({ minLength: 1, maxLength: 64, format: 'id', description: 'The kid of a secret', examples: ['shop-0123456789ab'] }) });

function shapeSecret({ kid, createdAt, lastUsedAt }: TokenSecret) {
  return { kid, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt?.toISOString() ?? null };
}

export function tokenRoutes({ database, tokens }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.post(
      '/v1/tokens',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'createToken', tags: ['settings'], summary: 'Make a shopper token',
          description: 'For a page of a shopper who has logged in to the shop: with a publishable key and this token in `X-Shopper-Token` it may ask for that shopper’s lists, and send their events and ratings. Or sign tokens yourself, see docs/security.md.',
          body: Type.Object({ userId: UserId, expiresIn: Type.Integer({ minimum: 1, maximum: MAX_TOKEN_SECONDS, default: MAX_TOKEN_SECONDS, description: `Seconds, 1 to ${MAX_TOKEN_SECONDS}` }) }, { additionalProperties: false, examples: [{ userId: 'user-1', expiresIn: 900 }] }),
          response: { 201: Issued, ...commonErrors },
        },
      },
      async (request, reply) => await reply.code(201).header('cache-control', 'no-store').send(tokens.issue(request.body.userId, request.body.expiresIn)),
    );
    app.post(
      '/v1/sessions',
      {
        config: { role: 'publishable' },
        schema: {
          operationId: 'beginSession', tags: ['answers'], summary: 'Begin a session of someone without a name',
          description: 'An id made here and a shopper token for it, good for 30 days: with both, a page may send the events of somebody who has not logged in, and ask for their lists. Sent with a token of this kind, it gives one for the same id again. When they log in, `PUT /v1/users/{userId}/merge/{sourceId}` gives their events to whom they are.',
          response: { 201: Issued, ...commonErrors },
        },
      },
      async (request, reply) => await reply.code(201).header('cache-control', 'no-store').send(tokens.issueAnonymous(request.shopper)),
    );
    app.get(
      '/v1/token-secrets',
      { config: { role: 'admin' }, schema: { operationId: 'listTokenSecrets', tags: ['settings'], summary: 'Secrets that sign shopper tokens, without themselves', response: { 200: Type.Object({ items: Type.Array(Type.Object(secretFields)) }), ...commonErrors } } },
      async () => ({ items: (await listTokenSecrets(database)).map(shapeSecret) }),
    );
    app.post(
      '/v1/token-secrets',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'createTokenSecret', tags: ['settings'], summary: 'Make a secret to sign shopper tokens with',
          description: `The answer is the only place where it is ever shown; its characters are the HS256 key. ${MAX_TOKEN_SECRETS} are live at most: to change it, make the second, sign with that one, and delete the first an hour later.`,
          response: { 201: Type.Object({ ...secretFields, secret: Type.String() }), ...commonErrors, 409: ProblemBody },
        },
      },
      async (_request, reply) => {
        const { kid, secret } = createTokenSecret();
        const made = await insertTokenSecret(database, kid, secret);
        if (made === null) {
          throw new Problem('too-many-token-secrets', `There are ${MAX_TOKEN_SECRETS} secrets already.`);
        }
        await tokens.reload();
        return reply.code(201).header('cache-control', 'no-store').send({ ...shapeSecret(made), secret });
      },
    );
    app.delete(
      '/v1/token-secrets/:kid',
      { config: { role: 'admin' }, schema: { operationId: 'deleteTokenSecret', tags: ['settings'], summary: 'Delete a secret', description: 'Tokens signed with it are good for nothing at once, on every replica.', params: KidParams, response: { 204: Type.Null(), ...withNotFound } } },
      async (request, reply) => {
        if (!(await deleteTokenSecret(database, request.params.kid))) {
          throw new Problem('not-found', `There is no secret ${JSON.stringify(request.params.kid)}.`, { field: 'kid' });
        }
        await tokens.reload();
        return reply.code(204).send(null);
      },
    );
    done();
  };
}
