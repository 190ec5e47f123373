/** For whoever watches over this: metrics for Prometheus, and what is wrong in words. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { ALARM_RULES } from '../insight/alarm-rules.ts';
import { EXPOSITION_TYPE } from '../insight/exposition.ts';
import { Nullable, OneOf, commonErrors } from './schemas.ts';
import type { Services } from './services.ts';

const Alerts = Type.Object({
  judgedAt: Nullable(Type.String({ description: 'When the measures were last looked at; null: not yet' })),
  items: Type.Array(
    Type.Object({
      code: OneOf(ALARM_RULES.map(({ code }) => code), 'Stable'),
      severity: OneOf(['critical', 'warning', 'info']),
      title: Type.String(),
      since: Type.String({ description: 'When the measure went beyond the threshold' }),
      value: Type.Number({ description: 'As it was measured last' }),
      side: OneOf(['above', 'below'], 'On which side of the threshold something is wrong'),
      threshold: Type.Number(),
      unit: Type.String({ description: 'Of value and threshold' }),
      advice: Type.String({ description: 'What to do' }),
    }),
  ),
});

export function monitoringRoutes({ monitoring }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/metrics',
      {
        // Most needed when there is too much to do, and asked of nobody but this process.
        config: { role: 'secret', shed: 'never' },
        logLevel: 'warn',
        schema: {
          operationId: 'getMetrics', tags: ['operations'], summary: 'Metrics for Prometheus',
          description: 'Text format 0.0.4. Give Prometheus a key of its own (`POST /v1/keys`), by `authorization: {credentials_file: …}`. docs/monitoring.md lists all metrics.',
          response: { 200: { description: 'Done', content: { 'text/plain': { schema: Type.String() } } } },
        },
      },
      (_request, reply) => {
        void reply.type(EXPOSITION_TYPE);
        return monitoring.metrics();
      },
    );
    app.get(
      '/v1/alerts',
      {
        config: { role: 'secret', shed: 'never' },
        schema: {
          operationId: 'listAlerts', tags: ['operations'], summary: 'What is wrong',
          description: 'Alarms that are raised now, the gravest first; an empty list means that all is well. Each process watches by itself: of several replicas, ask each.',
          response: { 200: Alerts, ...commonErrors },
        },
      },
      () => {
        const judgedAtMs = monitoring.judgedAtMs();
        return { judgedAt: judgedAtMs === null ? null : new Date(judgedAtMs).toISOString(), items: monitoring.alerts().map(({ sinceMs, ...alert }) => ({ ...alert, code: alert.code as (typeof ALARM_RULES)[number]['code'], since: new Date(sinceMs).toISOString() })) };
      },
    );
    done();
  };
}
