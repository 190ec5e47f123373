/** At a glance: what comes in, what goes out, when it trains next, and how far a new installation has come. Versions, rates and alarms have operations of their own. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { readNewestArrivals } from '../storage/arrivals.ts';
import { FIRST_STEPS, type FirstStep, readFirstSteps } from '../storage/first-steps.ts';
import { DEMO_FORMAT, findLastImport } from '../storage/imports.ts';
import { Nullable, commonErrors } from './schemas.ts';
import type { Services } from './services.ts';

const Overview = Type.Object({
  isDemo: Type.Boolean({ description: 'Whether this is the demo shop: its shoppers and events are made up' }),
  events: Type.Object({
    lastHour: Type.Integer({ description: 'Events that came in the last sixty minutes, without imports' }),
    usual: Nullable(Type.Number({ description: 'Median of the same sixty minutes of up to eight former weeks; null where too little is known' })),
    lastAt: Nullable(Type.String({ description: 'When the newest event came, imports included' })),
  }),
  pace: Type.Object({
    lists: Nullable(Type.Number({ description: 'Lists a second that this process gave out' })),
    requests: Nullable(Type.Number({ description: 'Requests a second that it answered, of any kind' })),
  }, { description: 'Over the last minute; of several replicas each counts its own. null: not counted yet' }),
  training: Type.Object({
    enabled: Type.Boolean({ description: 'Whether this process trains (TRAINER)' }),
    scheduledAt: Nullable(Type.String({ description: 'The next run by the schedule (RETRAIN_CRON); null: there is none, or it is starting' })),
    newEvents: Type.Integer({ description: 'Events since the newest run that judged a model; counted no further than the larger of the next two' }),
    minEvents: Type.Integer({ description: 'With fewer a scheduled run is skipped (RETRAIN_MIN_EVENTS)' }),
    afterEvents: Type.Integer({ description: 'So many start a run of themselves, at most one in 15 minutes (RETRAIN_AFTER_EVENTS); 0: never' }),
  }),
  firstSteps: Type.Object({
    event: Type.Boolean({ description: 'An event was stored' }),
    catalogue: Type.Boolean({ description: 'There are items with a title' }),
    training: Type.Boolean({ description: 'A model was live' }),
    recommendation: Type.Boolean({ description: 'A list was given out, or tried with preview' }),
    shown: Type.Boolean({ description: 'A page said that a list was seen, or an event named the list it came of' }),
  }, { description: 'What a new installation comes to, one after the other' }),
});

export function overviewRoutes({ database, monitoring, trainer }: Services): FastifyPluginCallbackTypebox {
  /** What was done once stays done, and is not asked for again. */
  const done = new Set<FirstStep>();
  let isDemo: boolean | null = null;

  return (app, _options, registered) => {
    app.get(
      '/v1/overview',
      {
        config: { role: 'secret' },
        schema: { operationId: 'getOverview', tags: ['insight'], summary: 'At a glance', description: 'What comes in and goes out, when a training starts next, and the first steps of a new installation. The dashboard’s first page.', response: { 200: Overview, ...commonErrors } },
      },
      async () => {
        const [arrivals, plan, found, demo] = await Promise.all([readNewestArrivals(database), trainer.plan(), readFirstSteps(database, FIRST_STEPS.filter((step) => !done.has(step))), isDemo ?? findLastImport(database, DEMO_FORMAT).then((last) => last !== null)]);
        found.forEach((step) => done.add(step));
        // An empty database may become the demo's; one with data never does.
        isDemo = done.has('event') ? demo : null;
        const pace = monitoring.pace();
        const { scheduledMs, ...training } = plan;
        return {
          isDemo: demo,
          events: { lastHour: arrivals.lastHour, usual: monitoring.usualHour(), lastAt: arrivals.lastAt?.toISOString() ?? null },
          pace,
          training: { ...training, scheduledAt: scheduledMs === null ? null : new Date(scheduledMs).toISOString() },
          firstSteps: Object.fromEntries(FIRST_STEPS.map((step) => [step, done.has(step)])) as Record<FirstStep, boolean>,
        };
      },
    );
    registered();
  };
}
