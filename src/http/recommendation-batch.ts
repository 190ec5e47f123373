/** Lists for many shoppers in one request: for mails. Answered line by line, as they are made. */
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Answers } from '../serving/answers.ts';
import type { ListRequest } from '../serving/requests.ts';
import { UserId, listErrors } from './schemas.ts';
import type { Services } from './services.ts';
import { SteeringBody, readBody } from './steering.ts';

export const MAX_BATCH_USERS = 500;
/** Shoppers whose newest events are read side by side. */
const AT_ONCE = 8;

const { cursor: _, ...Steering } = SteeringBody;

/** A line a shopper, in the order in which they were given. Between groups other requests are let in. */
async function* linesOf(answers: Answers, userIds: readonly string[], request: ListRequest): AsyncGenerator<string> {
  for (let from = 0; from < userIds.length; from += AT_ONCE) {
    const group = userIds.slice(from, from + AT_ONCE);
    const lists = await Promise.all(group.map(async (userId) => await answers.recommend(userId, request)));
    yield lists.map((list, n) => `${JSON.stringify({ userId: group[n], ...list })}\n`).join('');
    await setImmediate();
  }
}

export function recommendationBatchRoutes({ answers, logger }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.post(
      '/v1/recommendations/batch',
      {
        config: { role: 'secret', shed: 'first' },
        schema: {
          operationId: 'postRecommendationBatch', tags: ['answers'], summary: 'What next for many shoppers',
          description: `Lists for up to ${MAX_BATCH_USERS} shoppers, as for one, streamed as NDJSON: a line each, in the order of \`userIds\`, with the \`userId\` in front. For newsletters and exports.`,
          body: Type.Object(
            { userIds: Type.Array(UserId, { minItems: 1, maxItems: MAX_BATCH_USERS, description: `1 to ${MAX_BATCH_USERS} shoppers`, examples: [['user-1', 'user-2']] }), ...Steering },
            { additionalProperties: false, examples: [{ userIds: ['user-1', 'user-2'], limit: 3, scenario: 'mail' }] },
          ),
          response: { 200: { description: 'A line a shopper: `{"userId": …}` and the fields of an answer', content: { 'application/x-ndjson': { schema: Type.String() } } }, ...listErrors },
        },
      },
      async (request, reply) => {
        const { userIds, ...given } = request.body;
        const asked: ListRequest = { steering: readBody(given), scenario: given.scenario, preview: given.preview };
        // What is wrong with the request is said before the first line.
        answers.check(asked);
        const lines = Readable.from(linesOf(answers, userIds, asked));
        lines.on('error', (error) => logger.error({ err: error, reqId: request.id }, 'a batch of recommendations ended early'));
        return await reply.type('application/x-ndjson').send(lines as never);
      },
    );
    done();
  };
}
