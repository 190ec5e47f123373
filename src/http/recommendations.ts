/** The answers: what next for this shopper, what is like this item, what goes with it, what is on the rise, what fits this session. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { UnknownItem } from '../serving/answers.ts';
import type { ListRequest } from '../serving/requests.ts';
import type { KnownQueries } from './known-queries.ts';
import { Problem } from './problems.ts';
import { Answer, ItemId, ItemParams, Reasons, UserId, UserParams, listErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';
import { type SteeringBodyFields, type SteeringQueryFields, SteeringBody, SteeringQuery, readBody, readQuery } from './steering.ts';

const ListQuery = Type.Object(SteeringQuery, { additionalProperties: false });
const TASTE = Type.Optional({ ...UserId, description: 'A shopper whose taste turns the list a little, and whose hidden items stay away' });
const SimilarQuery = Type.Object({ ...SteeringQuery, userId: TASTE }, { additionalProperties: false });
const ItemIds = Type.Array(ItemId, { minItems: 1, maxItems: 50, description: 'Items that the list begins from', examples: [['item-1', 'item-2']] });
const UserItemParams = Type.Object({ userId: UserId, itemId: ItemId });

const STEERED = 'All lists take the same parameters: see docs/recommendations.md.';

export function recommendationRoutes({ answers, writer }: Services, queries: KnownQueries): FastifyPluginCallbackTypebox {
  const query = (given: SteeringQueryFields): ListRequest => ({ steering: readQuery(given, answers.readBoosts), scenario: given.scenario, cursor: given.cursor, preview: given.preview });
  const body = (given: SteeringBodyFields): ListRequest => ({ steering: readBody(given), scenario: given.scenario, cursor: given.cursor, preview: given.preview });
  const found = <T>(answer: T | null, itemIds: readonly string[]): T => {
    if (answer === null) {
      throw itemIds.length === 1 ? noSuchItem(itemIds[0]) : new Problem('not-found', `There is none of the ${itemIds.length} items, the first being ${JSON.stringify(itemIds[0])}.`, { field: 'itemIds' });
    }
    return answer;
  };

  return (app, _options, done) => {
    app.get(
      '/v1/users/:userId/recommendations',
      {
        config: { role: 'shopper' },
        schema: {
          operationId: 'getRecommendations', tags: ['answers'], summary: 'What next for a shopper',
          description: `From everything known of the shopper, their newest event included. Someone unknown gets what is trending, and \`source\` says so. Items they have bought lately or rated are left out. ${STEERED}`,
          params: UserParams, querystring: ListQuery, response: { 200: Answer, ...listErrors },
        },
      },
      async (request) => {
        const asked = query(request.query);
        const answer = await answers.recommend(request.params.userId, asked);
        const questionMark = request.url.indexOf('?');
        if (questionMark >= 0) {
          queries.learn(request.url.slice(questionMark + 1), asked);
        }
        return answer;
      },
    );
    app.post(
      '/v1/users/:userId/recommendations',
      {
        config: { role: 'shopper' },
        schema: {
          operationId: 'postRecommendations', tags: ['answers'], summary: 'What next for a shopper, with parameters in a body', description: 'As the GET, for parameters that are too long for a URL.',
          params: UserParams, body: Type.Object(SteeringBody, { additionalProperties: false, examples: [{ limit: 5, filter: 'price < 100', diversity: 0.3 }] }), response: { 200: Answer, ...listErrors },
        },
      },
      async (request) => await answers.recommend(request.params.userId, body(request.body)),
    );
    app.get(
      '/v1/users/:userId/recommendations/:itemId/reasons',
      {
        config: { role: 'shopper' },
        schema: {
          operationId: 'getReasons', tags: ['answers'], summary: 'Why an item is recommended to a shopper',
          description: 'The shopper’s own items by their exact share of the score: what each adds through the factors, and what through the neighbourhood. Shares add up to the score, but for what recent popularity adds. Those below a hundredth of what speaks for the item are under `others`.',
          params: UserItemParams, response: { 200: Reasons, ...withNotFound },
        },
      },
      async (request) => {
        const { userId, itemId } = request.params;
        const reasons = await answers.reasons(userId, itemId);
        if (reasons === 'unknown-shopper') {
          throw new Problem('not-found', `Nothing that could be scored is known of user ${JSON.stringify(userId)}: their lists are what is trending, which is the same for everybody.`, { field: 'userId' });
        }
        if (typeof reasons === 'string') {
          throw unknownItem(reasons, itemId);
        }
        return { userId, itemId, ...reasons };
      },
    );
    app.get(
      '/v1/items/:itemId/similar',
      {
        config: { role: 'publishable', usersOf: (request) => [(request.query as { userId?: unknown }).userId] },
        schema: {
          operationId: 'getSimilarItems', tags: ['answers'], summary: 'Items that please the same shoppers',
          description: `An item that no model knows yet gets what is trending, and \`source\` says so. With \`userId\`, which needs that shopper’s token or a secret key, the list leans to the shopper’s taste. ${STEERED}`,
          params: ItemParams, querystring: SimilarQuery, response: { 200: Answer, ...listErrors, 404: withNotFound[404] },
        },
      },
      async (request) => {
        const { userId, ...rest } = request.query;
        return found(await answers.similar([request.params.itemId], userId ?? null, query(rest)), [request.params.itemId]);
      },
    );
    app.post(
      '/v1/items/similar',
      {
        config: { role: 'publishable', usersOf: (request) => [(request.body as { userId?: unknown }).userId] },
        schema: {
          operationId: 'postSimilarItems', tags: ['answers'], summary: 'Items like several others', description: `As for one item, from the mean of their directions: for a page that compares some, or a wish list. ${STEERED}`,
          body: Type.Object({ ...SteeringBody, itemIds: ItemIds, userId: TASTE }, { additionalProperties: false, examples: [{ itemIds: ['item-1', 'item-2'], limit: 5 }] }), response: { 200: Answer, ...listErrors, 404: withNotFound[404] },
        },
      },
      async (request) => {
        const { itemIds, userId, ...rest } = request.body;
        return found(await answers.similar(itemIds, userId ?? null, body(rest)), itemIds);
      },
    );
    app.get(
      '/v1/items/:itemId/together',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'getItemsBoughtTogether', tags: ['answers'], summary: 'What was bought together with an item', description: `From baskets: events with the same \`groupId\`, else purchases of one shopper within a day. Where no basket says anything, what is similar, and \`source\` says so. ${STEERED}`,
          params: ItemParams, querystring: ListQuery, response: { 200: Answer, ...listErrors, 404: withNotFound[404] },
        },
      },
      async (request) => found(await answers.together([request.params.itemId], query(request.query)), [request.params.itemId]),
    );
    app.post(
      '/v1/items/together',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'postItemsBoughtTogether', tags: ['answers'], summary: 'What goes with a cart', description: `As for one item, from all that lie in the cart. ${STEERED}`,
          body: Type.Object({ ...SteeringBody, itemIds: ItemIds }, { additionalProperties: false, examples: [{ itemIds: ['item-1', 'item-2'], scenario: 'cart' }] }), response: { 200: Answer, ...listErrors, 404: withNotFound[404] },
        },
      },
      async (request) => {
        const { itemIds, ...rest } = request.body;
        return found(await answers.together(itemIds, body(rest)), itemIds);
      },
    );
    app.get(
      '/v1/trending',
      {
        config: { role: 'publishable' },
        schema: { operationId: 'getTrending', tags: ['answers'], summary: 'What is on the rise', description: `By the newest events, which count half for every week of age. With \`filter=category = shoes\`: in one category. ${STEERED}`, querystring: ListQuery, response: { 200: Answer, ...listErrors } },
      },
      async (request) => await answers.trending(query(request.query)),
    );
    app.get(
      '/v1/newest',
      {
        config: { role: 'publishable' },
        schema: { operationId: 'getNewest', tags: ['answers'], summary: 'What is new in the catalogue', description: `By \`publishedAt\`, else by when the item was first heard of; what came with the first import without a \`publishedAt\` is last, with score 0. With \`filter=category = shoes\`: in one category. ${STEERED}`, querystring: ListQuery, response: { 200: Answer, ...listErrors } },
      },
      async (request) => await answers.newest(query(request.query)),
    );
    app.get(
      '/v1/items/:itemId/audience',
      {
        config: { role: 'secret', shed: 'first' },
        schema: {
          operationId: 'getAudience', tags: ['answers'], summary: 'Shoppers who would like an item most', description: 'For a mail about one item: shoppers by the score the item has for them, as the live model was trained. Those from whom it is hidden are left out.',
          params: ItemParams,
          querystring: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'How many, 1 to 1000' }), includeSeen: Type.Boolean({ default: false, description: 'Shoppers who bought it lately or rated it are answered as well' }) }, { additionalProperties: false }),
          response: { 200: Type.Object({ modelVersion: Type.Integer(), items: Type.Array(Type.Object({ userId: Type.String(), score: Type.Number() })) }), ...withNotFound },
        },
      },
      (request) => {
        const { itemId } = request.params;
        const audience = answers.audience(itemId, request.query.limit, request.query.includeSeen);
        if (typeof audience === 'string') {
          throw unknownItem(audience, itemId);
        }
        return audience;
      },
    );
    app.post(
      '/v1/sessions/recommendations',
      {
        config: { role: 'publishable' },
        schema: {
          operationId: 'postSessionRecommendations', tags: ['answers'], summary: 'What next for someone without a name',
          description: `From the items of a session, oldest first; the newest count most. Nothing is stored. ${STEERED}`,
          body: Type.Object(
            { ...SteeringBody, items: Type.Array(Type.Object({ itemId: ItemId, type: Type.Optional(Type.String({ maxLength: 256, description: 'An event type; default: view' })) }, { additionalProperties: false }), { minItems: 1, maxItems: 100 }) },
            { additionalProperties: false, examples: [{ items: [{ itemId: 'item-1' }, { itemId: 'item-2', type: 'cart' }], limit: 5, fields: ['title', 'price'] }] },
          ),
          response: { 200: Answer, ...listErrors },
        },
      },
      async (request) => {
        const { items: given, ...rest } = request.body;
        const items = given.map((item, index) => {
          const type = writer.types.get(item.type ?? 'view');
          if (type === undefined) {
            throw new Problem('invalid-request', `items.${index}.type is ${JSON.stringify(item.type)}, which is no event type. Known types: ${[...writer.types.keys()].join(', ')}.`, { field: `items.${index}.type` });
          }
          return { itemId: item.itemId, typeNo: type.typeNo };
        });
        return await answers.session(items, body(rest));
      },
    );
    done();
  };
}

function noSuchItem(itemId: string): Problem {
  return new Problem('not-found', `There is no item ${JSON.stringify(itemId)}.`, { field: 'itemId' });
}

/** Why a model has nothing to say of an item. */
function unknownItem(why: UnknownItem, itemId: string): Problem {
  switch (why) {
    case 'no-model':
      return new Problem('not-found', 'No model is live yet: lists are what is trending.', { field: 'itemId', remedy: 'Train one: POST /v1/training-runs, or `jongleur train`.' });
    case 'no-item':
      return noSuchItem(itemId);
    case 'new-item':
      return new Problem(
        'not-found',
        `The live model does not know item ${JSON.stringify(itemId)}: it is new, or nobody has done anything with it. Where a shopper’s list has it (source explore), that is for what the catalogue says of it: its categories, title, attributes and price are like those of items that suit them.`,
        { field: 'itemId', remedy: 'Wait for events of it: the next model that is trained knows it then.' },
      );
  }
}
