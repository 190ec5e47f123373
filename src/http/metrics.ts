/** The loop back: lists that were seen come in, what recommendations did goes out. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { describeValue } from '../ingest/ids.ts';
import { parseTime } from '../ingest/validate.ts';
import { readLiveMetrics } from '../insight/live-metrics.ts';
import type { Interval } from '../model/metrics.ts';
import { RECOMMENDATION_SOURCES } from '../serving/recommendation-id.ts';
import { METRIC_GROUPINGS, type MetricGrouping } from '../storage/attribution.ts';
import type { Database } from '../storage/database.ts';
import { listExperiments } from '../storage/live-experiments.ts';
import { listScenarios } from '../storage/scenarios.ts';
import { readTrainingSettings } from '../storage/settings.ts';
import { Problem } from './problems.ts';
import { Nullable, OneOf, commonErrors } from './schemas.ts';
import type { Services } from './services.ts';

const MAX_SEEN = 1000;
const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;
const MOST_DAYS = 366;
/** Experiments, the newest, whose variants are named. */
const MOST_NAMED = 1000;

const Rate = (description: string) => Nullable(Type.Object({ value: Type.Number(), low: Type.Number(), high: Type.Number() }, { description: `${description}, with its 95 % interval; null where nothing was shown` }));
const Row = Type.Object({
  key: Type.String({ description: 'What the row is of: a day (UTC), a scenario’s name ("" for lists without one), a model version ("0": without a model), a source, a position ("" where the event did not say)' }),
  name: Type.Optional(Type.String({ description: 'Of a variant: its experiment and its own name' })),
  lists: Type.Integer({ description: 'Lists given out; on days on which pages said which of a scenario’s lists were seen, those alone' }),
  items: Type.Integer({ description: 'Items in these lists' }),
  clicks: Type.Integer({ description: 'Items of a list that a shopper did something with, once each' }),
  carts: Type.Integer(),
  purchases: Type.Integer({ description: 'Within the window after the last click' }),
  revenue: Type.Number({ description: 'Price × quantity of these purchases, returns taken off; the catalogue’s price where an event has none' }),
  clickRate: Rate('Clicks of all items shown'),
  clicksPerList: Rate('Clicks a list'),
  purchasesPerList: Rate('Purchases a list'),
  revenuePerList: Rate('Revenue a list'),
});
const Metrics = Type.Object({
  by: OneOf(METRIC_GROUPINGS), from: Type.String(), to: Type.String(), windowHours: Type.Integer({ description: 'Setting `attributionHours`' }),
  complete: Type.String({ description: 'Lists made before this have had their whole window; those after it may still lead to purchases' }),
  rows: Type.Array(Row),
  withoutList: Type.Object({}, { additionalProperties: { type: 'integer' }, description: 'Events whose recommendationId told nothing, by why: malformed, forged, expired, preview (the list was asked for with preview), early (before the list), outside (a position beyond its end)' }),
});

const rateOf = (interval: Interval | null) => (interval === null ? null : { value: interval.mean, low: interval.low, high: interval.high });

export interface MetricsQuestion {
  readonly from?: string;
  readonly to?: string;
  readonly by: MetricGrouping;
  readonly scenario?: string;
}

/** By their numbers in recommendation ids. */
async function namesOfVariants(database: Database): Promise<ReadonlyMap<string, string>> {
  const experiments = await listExperiments(database, null, MOST_NAMED);
  return new Map(experiments.flatMap(({ name, firstVariantNo, definition: { variants } }) => (firstVariantNo === null ? [] : variants.map((variant, n) => [String(firstVariantNo + n), `${name}: ${variant.name}`] as const))));
}

/** Asks and words it as the API does. @throws Problem */
export async function answerMetrics(database: Database, question: MetricsQuestion, nowMs: number): Promise<Static<typeof Metrics>> {
  const momentOf = (field: 'from' | 'to', usual: number): Date => {
    const given = question[field];
    const ms = given === undefined ? usual : /^\d{4}-\d{2}-\d{2}$/.test(given) ? parseTime(`${given}T00:00:00Z`, nowMs) : parseTime(given, nowMs);
    if (typeof ms === 'string') {
      throw new Problem('invalid-request', `${field} ${ms.replace(/^must be a date and time/, 'must be a date, or a date and time')}`, { field });
    }
    return new Date(ms);
  };
  // Up to the end of the hour: lists are counted by the hour in which they were made.
  const to = momentOf('to', Math.ceil((nowMs + 1) / 3_600_000) * 3_600_000);
  const from = momentOf('from', to.getTime() - USUAL_DAYS * DAY_MS);
  if (from >= to || to.getTime() - from.getTime() > MOST_DAYS * DAY_MS) {
    throw new Problem('invalid-request', `from must lie before to, and at most ${MOST_DAYS} days; ${from.toISOString()} to ${to.toISOString()} does not.`, { field: 'from' });
  }
  const [scenarios, { attributionHours }] = await Promise.all([listScenarios(database), readTrainingSettings(database)]);
  const scenario = question.scenario === undefined ? null : scenarios.find(({ name }) => name === question.scenario);
  if (scenario === undefined) {
    throw new Problem('not-found', `There is no scenario ${JSON.stringify(question.scenario)}.`, { field: 'scenario' });
  }
  const { rows, faults } = await readLiveMetrics(database, { from, to, by: question.by, scenarioNo: scenario?.scenarioNo ?? null }, attributionHours);
  const names = new Map(scenarios.map(({ scenarioNo, name }) => [String(scenarioNo), name]));
  const variants = question.by === 'variant' ? await namesOfVariants(database) : null;
  const keyOf = (key: string): string => {
    switch (question.by) {
      case 'scenario':
        return key === '0' ? '' : (names.get(key) ?? `(deleted ${key})`);
      case 'source':
        return RECOMMENDATION_SOURCES[Number(key)] ?? key;
      default:
        return key;
    }
  };
  return {
    by: question.by, from: from.toISOString(), to: to.toISOString(), windowHours: attributionHours, complete: new Date(Math.min(nowMs - attributionHours * 3_600_000, to.getTime())).toISOString(),
    rows: rows.map(({ key, clickRate, clicksPerList, purchasesPerList, revenuePerList, ...sums }) => ({
      ...sums, key: keyOf(key), ...(variants?.has(key) ? { name: variants.get(key) } : {}), clickRate: rateOf(clickRate), clicksPerList: rateOf(clicksPerList), purchasesPerList: rateOf(purchasesPerList), revenuePerList: rateOf(revenuePerList),
    })),
    withoutList: faults,
  };
}

export function metricRoutes({ database, impressions, recommendations }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.post(
      '/v1/impressions',
      {
        config: { role: 'shopper', usersOf: () => [] },
        schema: {
          operationId: 'postImpressions', tags: ['data'], summary: 'Say which lists were seen',
          description: 'Without it every list that is given out counts as shown. Once a page says of a scenario’s lists which were really seen, those alone count that day. Ids that tell nothing are told of and cost the others nothing.',
          body: Type.Object({ recommendationIds: Type.Array(Type.String({ maxLength: 200 }), { minItems: 1, maxItems: MAX_SEEN, description: 'Of the lists that came into view, each once' }) }, { additionalProperties: false, examples: [{ recommendationIds: ['the recommendationId of an answer'] }] }),
          response: { 200: Type.Object({ accepted: Type.Integer(), rejected: Type.Array(Type.Object({ index: Type.Integer(), code: OneOf(['malformed', 'forged', 'expired', 'preview']), message: Type.String() })) }), ...commonErrors },
        },
      },
      async (request) => {
        const rejected: { index: number; code: 'malformed' | 'forged' | 'expired' | 'preview'; message: string }[] = [];
        request.body.recommendationIds.forEach((text, index) => {
          const list = recommendations.read(text);
          if (typeof list === 'string') {
            rejected.push({ index, code: list, message: `recommendationIds.${index} is ${describeValue(text)}, which ${{ malformed: 'is no recommendationId', forged: 'was not signed by this installation', expired: 'is older than 30 days', preview: 'is of a list that was asked for with preview' }[list]}.` });
          } else {
            impressions.noteSeen(list);
          }
        });
        return { accepted: request.body.recommendationIds.length - rejected.length, rejected };
      },
    );
    app.get(
      '/v1/metrics/live',
      {
        config: { role: 'secret', shed: 'first' },
        schema: {
          operationId: 'getLiveMetrics', tags: ['insight'], summary: 'What recommendations did',
          description: 'Lists, clicks, carts, purchases and revenue, each rate with a 95 % interval (resampling 100 buckets of shoppers). Everything counts on the day of the list. A click is an event with the `recommendationId` of a list; carts and purchases of the clicked item count for the last click before them.',
          querystring: Type.Object({
            from: Type.Optional(Type.String({ maxLength: 40, description: `A date (UTC) or a date and time; default: ${USUAL_DAYS} days before \`to\``, examples: ['2026-01-01'] })),
            to: Type.Optional(Type.String({ maxLength: 40, description: 'Default: now' })),
            by: Type.Unsafe<MetricGrouping>({ type: 'string', enum: [...METRIC_GROUPINGS], default: 'day', description: 'A row for each of these' }),
            scenario: Type.Optional(Type.String({ maxLength: 64, description: 'Lists of one scenario' })),
          }, { additionalProperties: false }),
          response: { 200: Metrics, ...commonErrors, 404: commonErrors[400] },
        },
      },
      async (request) => await answerMetrics(database, request.query, Date.now()),
    );
    done();
  };
}
