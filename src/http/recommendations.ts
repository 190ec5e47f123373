/** The answers: what next for this shopper, what is like this item, what is on the rise, what fits this session. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from './problems.ts';
import { Answer, FieldsBody, FieldsQuery, ItemId, ItemParams, Limit, UserParams, commonErrors, parseFields, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const AnswerQuery = Type.Object({ limit: Limit(200, 10), fields: FieldsQuery }, { additionalProperties: false });

export function recommendationRoutes({ answers, writer }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/users/:userId/recommendations',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'getRecommendations', tags: ['answers'], summary: 'What next for a shopper',
          description: 'From everything known of the shopper, their newest event included. Someone unknown gets what is trending, and `source` says so. Items they have bought lately or rated are left out.',
          params: UserParams, querystring: AnswerQuery, response: { 200: Answer, ...commonErrors },
        },
      },
      async (request) => await answers.recommend(request.params.userId, request.query.limit, parseFields(request.query.fields)),
    );
    app.get(
      '/v1/items/:itemId/similar',
      {
        config: { role: 'publishable' },
        schema: {
          operationId: 'getSimilarItems', tags: ['answers'], summary: 'Items that please the same shoppers',
          description: 'An item that no model knows yet gets what is trending, and `source` says so.',
          params: ItemParams, querystring: AnswerQuery, response: { 200: Answer, ...withNotFound },
        },
      },
      async (request) => {
        const answer = await answers.similar(request.params.itemId, request.query.limit, parseFields(request.query.fields));
        if (answer === null) {
          throw new Problem('not-found', `There is no item ${JSON.stringify(request.params.itemId)}.`, { field: 'itemId' });
        }
        return answer;
      },
    );
    app.get(
      '/v1/trending',
      {
        config: { role: 'publishable' },
        schema: { operationId: 'getTrending', tags: ['answers'], summary: 'What is on the rise', description: 'By the newest events, which count half for every week of age.', querystring: AnswerQuery, response: { 200: Answer, ...commonErrors } },
      },
      async (request) => await answers.trending(request.query.limit, parseFields(request.query.fields)),
    );
    app.post(
      '/v1/sessions/recommendations',
      {
        config: { role: 'publishable' },
        schema: {
          operationId: 'postSessionRecommendations', tags: ['answers'], summary: 'What next for someone without a name',
          description: 'From the items of a session, oldest first; the newest count most. Nothing is stored.',
          body: Type.Object(
            {
              items: Type.Array(Type.Object({ itemId: ItemId, type: Type.Optional(Type.String({ maxLength: 256, description: 'An event type; default: view' })) }, { additionalProperties: false }), { minItems: 1, maxItems: 100 }),
              limit: Type.Optional(Limit(200, 10)),
              fields: FieldsBody,
            },
            { additionalProperties: false, examples: [{ items: [{ itemId: 'item-1' }, { itemId: 'item-2', type: 'cart' }], limit: 5, fields: ['title', 'price'] }] },
          ),
          response: { 200: Answer, ...commonErrors },
        },
      },
      async (request) => {
        const items = request.body.items.map((item, index) => {
          const type = writer.types.get(item.type ?? 'view');
          if (type === undefined) {
            throw new Problem('invalid-request', `items.${index}.type is ${JSON.stringify(item.type)}, which is no event type. Known types: ${[...writer.types.keys()].join(', ')}.`, { field: `items.${index}.type` });
          }
          return { itemId: item.itemId, typeNo: type.typeNo };
        });
        return await answers.session(items, request.body.limit ?? 10, request.body.fields ?? []);
      },
    );
    done();
  };
}
