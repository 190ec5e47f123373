/** Training runs and the models they made. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { findModel, listModels } from '../storage/models.ts';
import { type TrainingRun, findRun, listRuns, requestCancel } from '../storage/training-runs.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { Cursor, Limit, Nullable, NumberParams, Page, ProblemBody, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const Report = Type.Object({}, { additionalProperties: true });
const Run = Type.Object({
  no: Type.Integer(),
  state: Type.String({ description: 'running, published, rejected, skipped, cancelled or failed' }),
  startedBy: Type.String({ description: 'schedule, events, api, cli or start' }),
  phase: Nullable(Type.String()),
  progress: Type.Number({ description: '0 to 1 over the whole run' }),
  secondsLeft: Nullable(Type.Number()),
  version: Nullable(Type.Integer({ description: 'The model it made live' })),
  code: Nullable(Type.String()),
  message: Nullable(Type.String({ description: 'Why it ended without a model' })),
  report: Nullable(Report),
  startedAt: Type.String(),
  finishedAt: Nullable(Type.String()),
});
const Model = Type.Object({ version: Type.Integer(), state: Type.String(), recipe: Report, report: Report, createdAt: Type.String(), activatedAt: Nullable(Type.String()) });
const PageQuery = Type.Object({ limit: Limit(200, 20), cursor: Cursor }, { additionalProperties: false });

function shapeRun({ runNo, ...run }: TrainingRun) {
  return { ...run, no: runNo, startedAt: run.startedAt.toISOString(), finishedAt: run.finishedAt?.toISOString() ?? null };
}

function shapeModel(model: { version: number; state: string; recipe: object; report: object; createdAt: Date; activatedAt: Date | null }) {
  return { ...model, createdAt: model.createdAt.toISOString(), activatedAt: model.activatedAt?.toISOString() ?? null };
}

export function trainingRoutes({ database, trainer }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
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
        config: { role: 'admin' },
        schema: { operationId: 'startTrainingRun', tags: ['model'], summary: 'Train now', description: 'Answers at once; GET the run to follow it.', response: { 202: Run, ...commonErrors, 409: ProblemBody } },
      },
      async (_request, reply) => {
        const started = await trainer.start('api');
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
      { config: { role: 'admin' }, schema: { operationId: 'listTrainingRuns', tags: ['model'], summary: 'Training runs, newest first', querystring: PageQuery, response: { 200: Page(Run), ...commonErrors } } },
      async (request) => pageOf(await listRuns(database, parseCursor(request.query.cursor), request.query.limit + 1), request.query.limit, (run) => run.runNo, shapeRun),
    );
    app.get(
      '/v1/training-runs/:no',
      { config: { role: 'admin' }, schema: { operationId: 'getTrainingRun', tags: ['model'], summary: 'A training run and how far it is', params: NumberParams('Number of the run'), response: { 200: Run, ...withNotFound } } },
      async (request) => shapeRun(await readRun(request.params.no)),
    );
    app.delete(
      '/v1/training-runs/:no',
      {
        config: { role: 'admin' },
        schema: { operationId: 'cancelTrainingRun', tags: ['model'], summary: 'Cancel a training run', description: 'The live model stays as it is.', params: NumberParams('Number of the run'), response: { 202: Run, ...withNotFound, 409: ProblemBody } },
      },
      async (request, reply) => {
        const run = await readRun(request.params.no);
        if (!(await requestCancel(database, run.runNo))) {
          throw new Problem('run-not-running', `Training run ${run.runNo} has ended already (${run.state}).`);
        }
        return reply.code(202).send(shapeRun(await readRun(run.runNo)));
      },
    );
    app.get(
      '/v1/models',
      { config: { role: 'admin' }, schema: { operationId: 'listModels', tags: ['model'], summary: 'Model versions, newest first', querystring: PageQuery, response: { 200: Page(Model), ...commonErrors } } },
      async (request) => pageOf(await listModels(database, parseCursor(request.query.cursor), request.query.limit + 1), request.query.limit, (model) => model.version, shapeModel),
    );
    app.get(
      '/v1/models/:no',
      { config: { role: 'admin' }, schema: { operationId: 'getModel', tags: ['model'], summary: 'A model version and its report', params: NumberParams('Version'), response: { 200: Model, ...withNotFound } } },
      async (request) => {
        const model = await findModel(database, request.params.no);
        if (model === null) {
          throw new Problem('not-found', `There is no model version ${request.params.no}.`, { field: 'no' });
        }
        return shapeModel(model);
      },
    );
    done();
  };
}
