/** What a shop's events are like, as pictures: binned on this side, so that an answer is small whatever the shop's size. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { mostDays, sparsityBins } from '../model/quality/pictures.ts';
import { MAX_MAPPED } from '../serving/item-map.ts';
import type { NamedPictures } from '../training/pictures.ts';
import { Problem } from './problems.ts';
import { Limit, Nullable, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const USUAL_DAYS = 90;
const USUAL_MAPPED = 2_000;

const Looked = {
  checkedAt: Type.String({ description: 'When the events were looked at. What is older than ten seconds (a large shop: some minutes) is made anew when somebody asks, in a thread' }),
  events: Type.Integer({ description: 'Events of a known type: all that is counted here' }),
};
const EventsPerDay = Type.Object({
  ...Looked,
  first: Nullable(Type.String({ description: 'Day (UTC) of the first number; null where there are no events' })),
  types: Type.Array(Type.Object({ name: Nullable(Type.String({ description: 'null: all further types together' })), events: Type.Array(Type.Integer(), { description: 'By day, oldest first, up to the newest day with events' }) }), { description: 'Most events first' }),
});
const Curve = Type.Object({
  count: Type.Integer({ description: 'Those with at least one event' }),
  gini: Type.Number({ description: 'Gini coefficient of their events. 0: all have as many; 1: one has all' }),
  shares: Type.Array(Type.Number(), { description: 'The busiest so many of all, 0 to 1, ascending' }),
  eventShares: Type.Array(Type.Number(), { description: '… have so many of all events' }),
});
const LongTail = Type.Object({
  ...Looked, items: Curve, users: Curve,
  top: Type.Array(Type.Object({ itemId: Type.String(), title: Nullable(Type.String()), category: Nullable(Type.String()), events: Type.Integer(), users: Type.Integer() }), { description: 'The items with most events, 20 at most' }),
});
const ActivityBins = Type.Array(Type.Object({ from: Type.Integer(), to: Type.Integer(), count: Type.Integer() }), { description: '`count` of them have `from` to `to` events; each bin is twice as wide as the one before' });
const Activity = Type.Object({ ...Looked, users: ActivityBins, items: ActivityBins });
const Distribution = Nullable(
  Type.Object(
    {
      count: Type.Integer(), min: Type.Number(), max: Type.Number(), mean: Type.Number(),
      isDiscrete: Type.Boolean({ description: 'true: a bar is one value; false: a range, from ≤ value < to' }),
      bars: Type.Array(Type.Object({ from: Type.Number(), to: Type.Number(), count: Type.Integer() }), { description: 'Ascending' }),
      below: Type.Integer({ description: 'Below the first bar: the lowest hundredth at most' }),
      above: Type.Integer({ description: 'Above the last bar: the highest hundredth at most' }),
    },
    { description: 'null: no event carries one' },
  ),
);
const Values = Type.Object({ ...Looked, types: Type.Array(Type.Object({ name: Type.String(), events: Type.Integer(), values: Distribution, quantities: Distribution }), { description: 'Event types with events, most first' }) });
const Sparsity = Type.Object({
  ...Looked, users: Type.Integer(), items: Type.Integer(), pairs: Type.Integer({ description: 'Distinct pairs of shopper and item' }),
  density: Type.Number({ description: 'pairs / (users · items)' }),
  userBins: Type.Array(Type.Integer(), { description: `Shoppers in each bin, those who met most items first; ${sparsityBins} bins at most` }),
  itemBins: Type.Array(Type.Integer(), { description: `Items in each bin, those that most shoppers met first; ${sparsityBins} bins at most` }),
  cells: Type.Array(Type.Integer(), { description: 'Pairs in each cell, row by row: cells[r · itemBins.length + c] of userBins[r] · itemBins[c] that there is room for' }),
});
const Categories = Type.Object({
  ...Looked,
  categories: Type.Integer({ description: 'How many there are' }),
  shown: Type.Array(Type.Object({ name: Type.String(), items: Type.Integer({ description: 'In the catalogue' }), events: Type.Integer() }), { description: 'Those with most events, 40 at most. An item of several categories counts in each' }),
  without: Type.Object({ items: Type.Integer(), events: Type.Integer() }, { description: 'Items without a category, and their events' }),
});
const ItemMap = Type.Object({
  modelVersion: Type.Integer(),
  items: Type.Integer({ description: 'Items that the model knows' }),
  shares: Type.Array(Type.Number(), { description: 'Share of the variance of all directions that x and y show', minItems: 2, maxItems: 2 }),
  points: Type.Array(Type.Object({ itemId: Type.String(), title: Nullable(Type.String()), category: Nullable(Type.String({ description: 'The first of the item’s' })), x: Type.Number(), y: Type.Number(), popularity: Type.Number({ description: 'As the model knows it, in parts of the mean of its items: 2 is twice as popular as the average item. What shoppers did with the item, each one’s weighed by event type and saturated' }) }), { description: 'The most popular first' }),
});

const looked = ({ pictures: { checkedAtMs, events } }: NamedPictures) => ({ checkedAt: new Date(checkedAtMs).toISOString(), events });
const newestDays = (first: string, skipped: number) => new Date(Date.parse(first) + skipped * 86_400_000).toISOString().slice(0, 10);

export function insightRoutes({ quality, answers }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    const config = { role: 'admin', shed: 'first' } as const;
    const read = async (): Promise<NamedPictures> => {
      const pictures = await quality.pictures();
      if (pictures === 'making') {
        throw new Problem('insights-pending', 'The events are being counted for the first time, and there are many.');
      }
      return pictures;
    };
    /** Answers with what is made of the newest pictures, and with when and of how much they were made. */
    const drawn = <T extends object>(draw: (named: NamedPictures) => T) => async () => {
      const named = await read();
      return { ...looked(named), ...draw(named) };
    };

    app.get(
      '/v1/insights/events-per-day',
      {
        config,
        schema: {
          operationId: 'getEventsPerDay', tags: ['insight'], summary: 'Events by day and type', description: 'Days in UTC, up to the newest that has events; impossible dates are left out.',
          querystring: Type.Object({ days: Type.Integer({ minimum: 1, maximum: mostDays, default: USUAL_DAYS, description: `The newest so many, 1 to ${mostDays}` }) }, { additionalProperties: false }), response: { 200: EventsPerDay, ...commonErrors },
        },
      },
      async (request) => {
        const named = await read();
        const { first, types } = named.pictures.eventsPerDay;
        const skipped = Math.max(0, (types[0]?.events.length ?? 0) - request.query.days);
        return { ...looked(named), first: first === null ? null : newestDays(first, skipped), types: types.map(({ name, events }) => ({ name, events: events.slice(skipped) })) };
      },
    );
    app.get(
      '/v1/insights/long-tail',
      { config, schema: { operationId: 'getLongTail', tags: ['insight'], summary: 'How events are shared out among items and shoppers', description: 'The curve of the busiest: a straight line where all are alike, steep where few have nearly all.', response: { 200: LongTail, ...commonErrors } } },
      drawn(({ pictures: { longTail: { items, users } }, top }) => {
        const shape = ({ events, ...curve }: typeof items) => ({ ...curve, eventShares: events });
        return { items: shape(items), users: shape(users), top: [...top] };
      }),
    );
    app.get(
      '/v1/insights/activity',
      { config, schema: { operationId: 'getActivity', tags: ['insight'], summary: 'How many shoppers and items have how many events', response: { 200: Activity, ...commonErrors } } },
      drawn(({ pictures }) => pictures.activity),
    );
    app.get(
      '/v1/insights/values',
      { config, schema: { operationId: 'getValueDistributions', tags: ['insight'], summary: 'How values and quantities are distributed, by event type', response: { 200: Values, ...commonErrors } } },
      drawn(({ pictures }) => ({ types: pictures.values })),
    );
    app.get(
      '/v1/insights/sparsity',
      { config, schema: { operationId: 'getSparsity', tags: ['insight'], summary: 'The matrix of shoppers and items from far away', description: 'Both are sorted by how many of the others they have met, and cut into bins as equal as can be; a cell says how many of its pairs there are.', response: { 200: Sparsity, ...commonErrors } } },
      drawn(({ pictures }) => pictures.sparsity),
    );
    app.get(
      '/v1/insights/categories',
      { config, schema: { operationId: 'getCategoryMix', tags: ['insight'], summary: 'How catalogue and events are shared out among categories', response: { 200: Categories, ...commonErrors } } },
      drawn(({ categories: { shown, ...mix } }) => ({ ...mix, shown: [...shown] })),
    );
    app.get(
      '/v1/insights/item-map',
      {
        config,
        schema: {
          operationId: 'getItemMap', tags: ['insight'], summary: 'The live model’s items as a map',
          description: `The first two principal components of the directions of the items’ vectors: what lies near one another is alike to the model. Made once a version, of the ${MAX_MAPPED.toLocaleString('en-US')} most popular items, as the model knows them; \`limit\` leaves out and moves nothing.`,
          querystring: Type.Object({ limit: Limit(MAX_MAPPED, USUAL_MAPPED) }, { additionalProperties: false }), response: { 200: ItemMap, ...withNotFound },
        },
      },
      async (request) => {
        const map = await answers.itemMap(request.query.limit);
        if (map === null) {
          throw new Problem('not-found', 'No model is live yet, so there is nothing to draw a map of.', { remedy: 'Train one: POST /v1/training-runs, or `jongleur train`.' });
        }
        return { ...map, shares: [...map.shares], points: [...map.points] };
      },
    );
    done();
  };
}
