/** What the shop's events are like: the data-quality report of the newest run, or a new one. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { NamedQuality } from '../training/quality.ts';
import { Problem } from './problems.ts';
import { Nullable, OneOf, ProblemBody, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const Finding = Type.Object({
  code: Type.String({ description: 'Stable', examples: ['few-users'] }),
  severity: OneOf(['error', 'warning', 'info'], 'error: no model, or none to trust; warning: worse than it need be; info: good to know'),
  figure: Type.Number(),
  threshold: Type.Number({ description: 'The finding is there because the figure lies beyond this' }),
  message: Type.String(),
  advice: Type.String({ description: 'What to do about it' }),
  userIds: Type.Array(Type.String(), { description: 'Up to five examples' }),
  itemIds: Type.Array(Type.String(), { description: 'Up to five examples' }),
});
const Values = Type.Object({ count: Type.Integer(), min: Type.Number(), max: Type.Number(), mean: Type.Number(), p10: Type.Number(), p50: Type.Number(), p90: Type.Number() });
const Drift = Type.Object(
  { window: Type.Integer(), newEvents: Type.Integer(), types: Type.Number(), items: Type.Number(), users: Type.Number(), newUserShare: Type.Number(), newItemShare: Type.Number() },
  { description: 'Population stability index of the events since the last run against as many before it' },
);
const Figures = Type.Object({
  events: Type.Integer(),
  users: Type.Integer(),
  items: Type.Integer(),
  interactions: Type.Integer({ description: 'Distinct pairs of shopper and item' }),
  usersWithTwo: Type.Integer({ description: 'Shoppers with at least two items' }),
  positiveEvents: Type.Integer(),
  unknownTypeEvents: Type.Integer(),
  duplicates: Type.Integer(),
  futureEvents: Type.Integer(),
  earlyEvents: Type.Integer({ description: 'Before 1990' }),
  returnedPairs: Type.Integer(),
  excessReturnPairs: Type.Integer({ description: 'More returned than bought' }),
  coldUserShare: Type.Number({ description: 'Shoppers with one item' }),
  coldItemShare: Type.Number({ description: 'Items with fewer than three shoppers' }),
  catalogueItems: Nullable(Type.Integer()),
  catalogueWithoutEvents: Nullable(Type.Integer()),
  popularityGini: Type.Number({ description: '0: all items alike; 1: one has every shopper' }),
  sparsity: Type.Number({ description: 'Share of pairs of shopper and item without an event' }),
  oldestAt: Nullable(Type.String()),
  newestAt: Nullable(Type.String()),
  types: Type.Array(Type.Object({ name: Type.String(), events: Type.Integer(), positive: Type.Integer(), returns: Type.Integer(), values: Nullable(Values) })),
  days: Type.Object({
    span: Type.Integer(),
    withoutEvents: Type.Integer(),
    longestGap: Type.Integer(),
    median: Type.Number({ description: 'Over the days that have events' }),
    most: Type.Integer(),
    busiest: Nullable(Type.String()),
    recent: Type.Object({ first: Nullable(Type.String()), events: Type.Array(Type.Integer()) }, { description: 'Events per day of the newest 90 days' }),
  }),
  drift: Nullable(Drift),
});
const Quality = Type.Object({
  checkedAt: Type.String(),
  runNo: Nullable(Type.Integer({ description: 'The training run that made the report; null where it was asked for' })),
  minimums: Type.Object({ interactions: Type.Integer(), users: Type.Integer() }, { description: 'TRAIN_MIN_INTERACTIONS and TRAIN_MIN_USERS' }),
  missing: Type.Array(Type.String(), { description: 'What stands between these data and a model; empty: nothing' }),
  findings: Type.Array(Finding, { description: 'Errors first' }),
  figures: Figures,
});

function shape({ checkedAtMs, runNo, minimums, missing, findings, figures }: NamedQuality) {
  const { oldestMs, newestMs, ...rest } = figures;
  const at = (ms: number) => (figures.events === 0 ? null : new Date(ms).toISOString());
  return { checkedAt: new Date(checkedAtMs).toISOString(), runNo, minimums, missing, findings, figures: { ...rest, oldestAt: at(oldestMs), newestAt: at(newestMs) } };
}

export function qualityRoutes({ quality }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/data-quality',
      {
        config: { role: 'admin' },
        schema: { operationId: 'getDataQuality', tags: ['model'], summary: 'The newest data-quality report', description: 'Every training run makes one before it trains; POST makes one now.', response: { 200: Quality, ...withNotFound } },
      },
      async () => {
        const report = await quality.latest();
        if (report === null) {
          throw new Problem('not-found', 'There is no data-quality report yet: a training run makes one, and POST /v1/data-quality does.');
        }
        return shape(report);
      },
    );
    app.post(
      '/v1/data-quality',
      {
        config: { role: 'admin', shed: 'first' },
        schema: {
          operationId: 'checkDataQuality', tags: ['model'], summary: 'Check the data now',
          description: 'Answers when done: reads all events, which takes seconds for millions of them. Other requests do not wait.', response: { 200: Quality, ...commonErrors, 409: ProblemBody },
        },
      },
      async () => {
        const report = await quality.check();
        if (report === 'busy') {
          throw new Problem('check-running', 'A check of the data is under way in this process.');
        }
        return shape(report);
      },
    );
    done();
  };
}
