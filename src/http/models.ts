/** Model versions: which there are, what is known of one (its card), and which is live. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Model, activateModel, findModel, listModels, rejectModel } from '../storage/models.ts';
import { makeModelCard, summarizeModel } from '../training/model-card.ts';
import { cardToMarkdown } from '../training/model-card-text.ts';
import { NullableOpen, Open, findings } from './findings.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { Cursor, Limit, Nullable, OneOf, Page, ProblemBody, VersionParams, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const Mean = (description: string) => Nullable(Type.Object({ mean: Type.Number(), low: Type.Number(), high: Type.Number() }, { description }));

const facts = {
  version: Type.Integer(),
  state: OneOf(['candidate', 'live', 'rejected', 'retired'], 'candidate: waits for approval; retired: was live'),
  runNo: Nullable(Type.Integer({ description: 'The training run that made it' })),
  isKept: Type.Boolean({ description: 'Whether its bytes are there, so that it can be made live' }),
  createdAt: Type.String(),
  activatedAt: Nullable(Type.String({ description: 'When it went live last' })),
  codeVersion: Nullable(Type.String()),
  trainedOn: Type.Object({
    events: Nullable(Type.Integer()), users: Nullable(Type.Integer()), items: Nullable(Type.Integer()), interactions: Nullable(Type.Integer()),
    oldestAt: Nullable(Type.String()), newestAt: Nullable(Type.String()), watermark: Type.String(), dataHash: Nullable(Type.String({ description: 'SHA-256 of what it was trained on' })),
  }),
  recipe: Open('All parameters'),
  guard: NullableOpen('What the guard saw after the version went live: its experiment, state, how it ended and the figures of its last look. null: there was none'),
};
const Summary = Type.Object({
  ...facts,
  outcome: Nullable(Type.String({ description: 'What the gate said: published, rejected, underpowered or needs-approval' })),
  verdict: Nullable(Type.String({ description: 'underfitted, overfitted, well-fitted, data-limited or noise-limited' })),
  recall: Mean('Recall@20 on the test part, with its 95 % interval'),
  ndcg: Mean('NDCG@20 there'),
});
const Card = Type.Object(
  {
    ...facts,
    ...findings,
    limits: Type.Array(Type.String(), { description: 'When not to trust it' }),
    report: Open('Everything the run found out'),
  },
  { description: 'A model card' },
);
const PageQuery = Type.Object({ limit: Limit(200, 20), cursor: Cursor }, { additionalProperties: false });
const CardQuery = Type.Object({ format: Type.Optional(OneOf(['json', 'markdown'], 'json (default), or markdown, as with `Accept: text/markdown`')) }, { additionalProperties: false });

function wantsMarkdown(request: FastifyRequest, format: 'json' | 'markdown' | undefined): boolean {
  return format === undefined ? /\btext\/markdown\b/i.test(request.headers.accept ?? '') : format === 'markdown';
}

function shapeCard(model: Model) {
  return { ...makeModelCard(model), report: model.report };
}

export function modelRoutes({ database }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    const missing = (version: number) => new Problem('not-found', `There is no model version ${version}.`, { field: 'version' });
    const read = async (version: number) => {
      const model = await findModel(database, version);
      if (model === null) {
        throw missing(version);
      }
      return model;
    };

    app.get(
      '/v1/models',
      {
        config: { role: 'admin' },
        schema: { operationId: 'listModels', tags: ['model'], summary: 'Model versions, newest first', querystring: PageQuery, response: { 200: Page(Summary), ...commonErrors } },
      },
      async (request) => pageOf(await listModels(database, parseCursor(request.query.cursor), request.query.limit + 1), request.query.limit, (model) => model.version, summarizeModel),
    );
    app.get(
      '/v1/models/:version',
      {
        config: { role: 'admin', textTypes: ['text/markdown'] },
        schema: { operationId: 'getModel', tags: ['model'], summary: 'The card of a model version', description: 'Also as Markdown.', params: VersionParams, querystring: CardQuery, response: { 200: Card, ...withNotFound } },
      },
      async (request, reply) => {
        const model = await read(request.params.version);
        reply.header('vary', 'accept');
        if (wantsMarkdown(request, request.query.format)) {
          return reply.type('text/markdown; charset=utf-8').serializer((text: unknown) => text as string).send(cardToMarkdown(makeModelCard(model)) as never);
        }
        return shapeCard(model);
      },
    );
    app.post(
      '/v1/models/:version/activate',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'activateModel', tags: ['model'], summary: 'Make a version the live one',
          description: 'A candidate that waits for approval, or an older version that is still kept. All replicas swap within a second or so. The next run that passes the gate replaces it: set `gate.manual` to decide yourself.',
          params: VersionParams, response: { 200: Card, ...withNotFound, 409: ProblemBody },
        },
      },
      async (request) => {
        const { version } = request.params;
        if (!(await activateModel(database, version))) {
          throw missing(version);
        }
        return shapeCard(await read(version));
      },
    );
    app.post(
      '/v1/models/:version/reject',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'rejectModel', tags: ['model'], summary: 'Refuse a version that waits for approval', description: 'Its bytes are deleted, its report stays. The live version stays as it is.',
          params: VersionParams, response: { 200: Card, ...withNotFound, 409: ProblemBody },
        },
      },
      async (request) => {
        const { version } = request.params;
        if (!(await rejectModel(database, version))) {
          throw missing(version);
        }
        return shapeCard(await read(version));
      },
    );
    done();
  };
}
