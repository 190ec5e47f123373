/** Training runs: start, look, follow, cancel. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { type RunSummary, type TrainingRun, findRun, listRuns, requestCancel } from '../storage/training-runs.ts';
import { type KeptReport, readFindings } from '../training/model-card.ts';
import { NullableOpen, findings } from './findings.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { createProgressFeed } from './progress-feed.ts';
import { Cursor, Limit, Nullable, NumberParams, OneOf, Page, ProblemBody, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const ByPhase = (description: string) => Type.Unsafe<Readonly<Record<string, number>> | null>({ type: ['object', 'null'], additionalProperties: { type: 'number' }, description });
const summary = {
  no: Type.Integer(),
  state: Type.String({ description: 'running; published; needs-approval (its version waits for /activate or /reject); rejected (by the gate, by somebody, or for want of data); skipped; cancelled; failed; lost (its process died)' }),
  startedBy: Type.String({ description: 'schedule, events, api, cli or start' }),
  phase: Nullable(Type.String()),
  progress: Type.Number({ description: '0 to 1 over the whole run' }),
  secondsLeft: Nullable(Type.Number()),
  version: Nullable(Type.Integer({ description: 'The model version it made' })),
  code: Nullable(Type.String()),
  message: Nullable(Type.String({ description: 'Why it ended without a model' })),
  startedAt: Type.String(),
  finishedAt: Nullable(Type.String()),
  seconds: ByPhase('Wall time of each phase'),
  rows: ByPhase('How many rows each phase had to do with'),
};
const Summary = Type.Object(summary);
const Run = Type.Object({
  ...summary,
  findings: Nullable(Type.Object(findings, { description: 'As in the card of a model version, and also where no version came of the run. null: it ended, or is, before there was anything' })),
  report: NullableOpen('All that it found out; also of a run that was rejected'),
});
const PageQuery = Type.Object({ limit: Limit(200, 20), cursor: Cursor }, { additionalProperties: false });
const Wishes = Type.Object(
  {
    search: Type.Optional(OneOf(['off', 'light', 'full'], 'In place of the setting `search`, for this run')),
    curves: Type.Optional(Type.Boolean({ description: 'true: learning curves by share of the data, factors and regularization as well; they take fits of their own. Default: with full search, and for the first model' })),
    cold: Type.Optional(Type.Boolean({ description: 'true: the published fit begins from the start, whatever is live' })),
  },
  { additionalProperties: false, description: 'What is wished for this run; no body at all is fine', examples: [{ search: 'off' }] },
);
const NO = NumberParams('Number of the run');

function shapeSummary({ runNo, ...run }: RunSummary) {
  return { ...run, no: runNo, startedAt: run.startedAt.toISOString(), finishedAt: run.finishedAt?.toISOString() ?? null };
}

function shapeRun(run: TrainingRun) {
  return { ...shapeSummary(run), findings: run.report === null ? null : readFindings(run.report as KeptReport), report: run.report };
}

export function trainingRunRoutes({ database, trainer, logger }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    const feed = createProgressFeed(database, (error) => logger.warn({ reason: String(error) }, 'could not follow a training run'));
    // Streams never end by themselves while a run goes on, and closing waits for open ones.
    app.addHook('preClose', (closed) => {
      feed.stop();
      closed();
    });

    const readRun = async (no: number) => {
      const run = await findRun(database, no);
      if (run === null) {
        throw new Problem('not-found', `There is no training run ${no}.`, { field: 'no' });
      }
      return run;
    };

    app.post(
      '/v1/training-runs',
      {
        config: { role: 'admin', shed: 'first', bodyOptional: true },
        schema: { operationId: 'startTrainingRun', tags: ['model'], summary: 'Train now', description: 'Answers at once; follow the run at its `Location`, or at `/progress` below it.', body: Wishes, response: { 202: Run, ...commonErrors, 409: ProblemBody } },
      },
      async (request, reply) => {
        const started = await trainer.start('api', request.body);
        if (started === 'off') {
          throw new Problem('trainer-off', 'This process was started with TRAINER=off.');
        }
        if (started === 'busy') {
          throw new Problem('training-running', 'A training run is under way in this or another process.');
        }
        return reply.code(202).header('location', `/v1/training-runs/${started.runNo}`).send(shapeRun(await readRun(started.runNo)));
      },
    );
    app.get(
      '/v1/training-runs',
      {
        config: { role: 'admin' },
        schema: { operationId: 'listTrainingRuns', tags: ['model'], summary: 'Training runs, newest first', description: 'Without their reports.', querystring: PageQuery, response: { 200: Page(Summary), ...commonErrors } },
      },
      async (request) => pageOf(await listRuns(database, parseCursor(request.query.cursor), request.query.limit + 1), request.query.limit, (run) => run.runNo, shapeSummary),
    );
    app.get(
      '/v1/training-runs/:no',
      { config: { role: 'admin' }, schema: { operationId: 'getTrainingRun', tags: ['model'], summary: 'A training run, how far it is, and its report', params: NO, response: { 200: Run, ...withNotFound } } },
      async (request) => shapeRun(await readRun(request.params.no)),
    );
    app.get(
      '/v1/training-runs/:no/progress',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'followTrainingRun', tags: ['model'], summary: 'Follow a training run', params: NO, produces: ['text/event-stream'],
          description: 'Server-sent events, from any replica: `progress` (`{phase, progress, secondsLeft}`) as it changes, `point` (a point of a learning curve, or a trial of the search: `{kind: "point" | "trial", index, …}`) as they come, those so far first, and `end` (`{state, version, code, message}`), after which the stream ends. Lines that begin with a colon keep the connection open. A stream that ends without `end` was cut: connect again.',
          response: { 200: Type.String({ description: 'text/event-stream' }), ...withNotFound },
        },
      },
      async (request, reply) => {
        const { runNo } = await readRun(request.params.no);
        const stream = feed.follow(runNo, () => request.mayGoOn());
        if (stream === null) {
          throw new Problem('too-many-followers', 'So many streams of progress are open in this process that no more can be.');
        }
        // Proxies that buffer would hold the events back (nginx looks at the last header).
        return reply.type('text/event-stream; charset=utf-8').headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' }).send(stream as never);
      },
    );
    app.delete(
      '/v1/training-runs/:no',
      {
        config: { role: 'admin' },
        schema: { operationId: 'cancelTrainingRun', tags: ['model'], summary: 'Cancel a training run', description: 'The live model stays as it is.', params: NO, response: { 202: Run, ...withNotFound, 409: ProblemBody } },
      },
      async (request, reply) => {
        const run = await readRun(request.params.no);
        if (!(await requestCancel(database, run.runNo))) {
          throw new Problem('run-not-running', `Training run ${run.runNo} has ended already (${run.state}).`);
        }
        return reply.code(202).send(shapeRun(await readRun(run.runNo)));
      },
    );
    done();
  };
}
