/** For whoever runs this: is it alive, is it ready. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { RETRY_AFTER_SECONDS } from './problems.ts';
import { Nullable } from './schemas.ts';
import type { Services } from './services.ts';

export function operationRoutes({ answers, phase, databaseUp, databaseFull, version }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/health/live',
      { config: { role: 'open', shed: 'never' }, logLevel: 'warn', schema: { operationId: 'healthLive', tags: ['operations'], summary: 'Is the process alive?', response: { 200: Type.Object({ status: Type.Literal('live'), version: Type.String() }) } } },
      async () => ({ status: 'live' as const, version }),
    );
    const Ready = Type.Object({
      status: Type.String({ description: 'ready, starting, demo (the demo shop is being made and trained) or stopping' }),
      database: Type.String({ description: 'up, down, or full where it is down because its disk is full. Answers are given from memory either way, so this does not change the status' }),
      modelVersion: Nullable(Type.Integer()),
    });
    app.get(
      '/health/ready',
      {
        config: { role: 'open', shed: 'never' },
        logLevel: 'warn',
        schema: { operationId: 'healthReady', tags: ['operations'], summary: 'Can it answer?', description: '200 once answers can be given: a model is loaded, or none exists yet.', response: { 200: Ready, 503: Ready } },
      },
      async (_request, reply) => {
        const status = phase();
        if (status !== 'ready') {
          reply.code(503).header('retry-after', RETRY_AFTER_SECONDS);
        }
        return { status, database: databaseUp() ? 'up' : databaseFull?.() === true ? 'full' : 'down', modelVersion: answers.modelVersion() };
      },
    );
    done();
  };
}
