/** Live experiments: variants of shoppers' lists beside each other. The terminal's commands ask and act by the same functions. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { MISMATCH_LEVEL, type ExperimentResult, countVariants, looksOf, resultOf } from '../insight/live-experiments.ts';
import { describeResult } from '../insight/experiment-words.ts';
import type { Database } from '../storage/database.ts';
import { EXPERIMENT_MEASURES, ExperimentFault, GUARD_PREFIX, type LiveExperiment, type StoredVariant, deleteDraft, endExperiment, findExperiment, listExperiments, notePromotion, putDraft, startExperiment } from '../storage/live-experiments.ts';
import { readModelSizes } from '../storage/model-parts.ts';
import { ModelStateFault, activateModel, findModel, pruneModels } from '../storage/models.ts';
import { listScenarios, putScenario } from '../storage/scenarios.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { Cursor, Limit, Nullable, OneOf, Page, ProblemBody, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';
import { ScenarioBody } from './steering.ts';

const MAX_VARIANTS = 5;
const SHARE_SLACK = 1e-6;

const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$', description: 'Small letters, digits and -, up to 64, a letter first', examples: ['varied-home'] });
const Params = Type.Object({ name: Name });
const { description: _, ...settings } = ScenarioBody.properties;
const Variant = {
  name: Name,
  share: Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'Of the shoppers who take part; those of all variants add up to 1', examples: [0.5] }),
  settings: Type.Optional(Type.Object(settings, { additionalProperties: false, description: 'In place of the scenario’s, setting by setting; what a request says itself still counts' })),
  modelVersion: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'Answers from this version rather than the live one: one more model in the memory of every process', examples: [1] })),
  off: Type.Optional(Type.Boolean({ description: 'What is trending, in place of recommendations' })),
};
const definition = {
  description: Type.Optional(Type.String({ maxLength: 500, format: 'text', description: 'For people' })),
  scenario: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Lists of this scenario alone; without it all lists of shoppers (GET and POST /v1/users/{userId}/recommendations, batches)', examples: ['home'] })),
  traffic: Type.Number({ minimum: 0.01, maximum: 1, default: 1, description: 'Share of the shoppers who take part' }),
  measure: Type.Unsafe<(typeof EXPERIMENT_MEASURES)[number]>({ type: 'string', enum: [...EXPERIMENT_MEASURES], default: 'clicks', description: 'What counts, a list' }),
  minEffect: Type.Number({ minimum: 0.01, maximum: 10, default: 0.1, description: 'Least difference worth finding, as a share of the first variant’s rate: it says how long the experiment takes' }),
  power: Type.Number({ minimum: 0.5, maximum: 0.99, default: 0.8, description: 'Chance to find a difference of that size' }),
};
const Body = Type.Object(
  {
    name: Name, ...definition, variants: Type.Array(Type.Object(Variant, { additionalProperties: false }), { minItems: 2, maxItems: MAX_VARIANTS, description: 'The first is what the others are compared with' }),
    start: Type.Boolean({ default: false, description: 'Start it at once' }),
  },
  { additionalProperties: false, examples: [{ name: 'varied-home', scenario: 'home', variants: [{ name: 'as-it-is', share: 0.5 }, { name: 'varied', share: 0.5, settings: { diversity: 0.6 } }] }] },
);

const Bounds = (description: string) => Nullable(Type.Object({ value: Type.Number(), low: Nullable(Type.Number()), high: Nullable(Type.Number()) }, { description: `${description}; null: too little to tell, ends: anything` }));
const figures = { lists: Type.Integer(), items: Type.Integer(), clicks: Type.Integer(), carts: Type.Integer(), purchases: Type.Integer(), revenue: Type.Number(), rate: Bounds('Of what is measured, a list, with its 95 % interval') };
const comparison = {
  verdict: OneOf(['open', 'better', 'worse', 'none'], 'open: too early; none: all that was planned is there and no difference was found'),
  difference: Bounds('Of the rates, within bounds that hold however often somebody looks'), lift: Bounds('The same as a share of the first variant’s rate'),
  time: Nullable(Type.Number({ description: 'Share of the plan at the last look' })), bound: Nullable(Type.Number({ description: 'What |z| had to reach there; null: it tested nothing' })),
};
const Facts = {
  name: Type.String(), kind: OneOf(['shop', 'guard'], 'guard: made by the service when a version went live'), state: OneOf(['draft', 'running', 'stopped']),
  ...definition, traffic: Type.Number(), measure: Type.String(), minEffect: Type.Number(), power: Type.Number(),
  hours: Nullable(Type.Integer({ description: 'Of a guard: when it ends by itself' })),
  createdAt: Type.String(), startedAt: Nullable(Type.String()), stoppedAt: Nullable(Type.String()),
  ended: Nullable(Type.String({ description: 'stopped, promoted; of a guard: over, rolled-back, worse, superseded' })), promoted: Nullable(Type.String({ description: 'The variant that was taken over' })),
};
const Summary = Type.Object({ ...Facts, variants: Type.Array(Type.Object({ ...Variant })) });
const Experiment = Type.Object({
  ...Facts,
  variants: Type.Array(Type.Object({ ...Variant, ...figures, variantNo: Nullable(Type.Integer({ description: 'In recommendation ids, and in GET /v1/metrics/live?by=variant' })), modelBytes: Nullable(Type.Integer({ description: 'Size of the version it answers from: about that much memory more in every process, while it is not the live one' })) })),
  result: Type.Object({
    says: Type.Array(Type.String(), { description: 'What was found, in words' }),
    asOf: Nullable(Type.String({ description: 'The last look. Looks come by the clock: reading more often changes nothing' })),
    looks: Type.Integer(),
    progress: Nullable(Type.Number({ description: 'Share of the plan, 0 … 1' })),
    needsLists: Nullable(Type.Integer({ description: 'About so many more lists until the plan is through' })),
    sampleRatio: Type.Object({ p: Type.Number({ description: 'Chance of groups of these sizes where they are as they were meant' }), isMismatch: Type.Boolean({ description: `p is below ${MISMATCH_LEVEL}: no figure is to be trusted` }) }),
    comparisons: Type.Array(Type.Object({ variant: Type.String(), against: Type.String(), ...comparison })),
  }),
});

type Answer = Static<typeof Experiment>;

function factsOf({ name, kind, state, definition: { hours, rollsBack: __, ...rest }, end, createdAt, startedAt, stoppedAt }: LiveExperiment) {
  return {
    name, kind, state, ...rest, variants: [...rest.variants], hours: hours ?? null, createdAt: createdAt.toISOString(), startedAt: startedAt?.toISOString() ?? null, stoppedAt: stoppedAt?.toISOString() ?? null,
    ended: end?.reason ?? null, promoted: end?.variant ?? null,
  };
}

function shape(experiment: LiveExperiment, result: ExperimentResult, sizes: ReadonlyMap<number, number>): Answer {
  const { firstVariantNo, definition: { variants } } = experiment;
  return {
    ...factsOf(experiment),
    variants: variants.map((variant, n) => ({
      ...variant, ...result.variants[n], variantNo: firstVariantNo === null ? null : firstVariantNo + n, modelBytes: variant.modelVersion === undefined ? null : (sizes.get(variant.modelVersion) ?? null),
    })),
    result: {
      says: describeResult(experiment, result), asOf: result.asOf, looks: looksOf(experiment).length, progress: result.progress, needsLists: result.needsLists,
      sampleRatio: { p: result.mismatch, isMismatch: result.mismatch < MISMATCH_LEVEL },
      comparisons: variants.slice(1).map(({ name }, n) => {
        const { verdict, difference, lift, time, bound } = result.comparisons[n] ?? { verdict: 'open', difference: null, lift: null, time: null, bound: null };
        return { variant: name, against: variants[0].name, verdict, difference, lift, time, bound };
      }),
    },
  } as Answer;
}

/** @throws Problem */
function present(found: LiveExperiment | null, name: string): LiveExperiment {
  if (found === null) {
    throw new Problem('not-found', `There is no experiment ${JSON.stringify(name)}. GET /v1/experiments lists those there are.`, { field: 'name' });
  }
  return found;
}

async function answerOf(database: Database, experiment: LiveExperiment, nowMs: number): Promise<Answer> {
  const versions = experiment.definition.variants.map(({ modelVersion }) => modelVersion).filter((version) => version !== undefined);
  return shape(experiment, resultOf(experiment, await countVariants(database, experiment, new Date(nowMs), false)), await readModelSizes(database, versions));
}

/** @throws Problem */
export async function answerExperiment(database: Database, name: string, nowMs: number): Promise<Answer> {
  return await answerOf(database, present(await findExperiment(database, name), name), nowMs);
}

/** @throws Problem where a variant cannot answer */
async function checkVersions(database: Database, variants: readonly StoredVariant[]): Promise<void> {
  for (const [n, { modelVersion }] of variants.entries()) {
    const model = modelVersion === undefined ? undefined : await findModel(database, modelVersion);
    const field = `variants.${n}.modelVersion`;
    if (model === null) {
      throw new Problem('not-found', `There is no model version ${modelVersion}. GET /v1/models lists those there are.`, { field });
    }
    if (model !== undefined && !model.isKept) {
      throw new Problem(model.state === 'rejected' ? 'model-rejected' : 'model-pruned', `Model version ${modelVersion} is ${model.state}, and its bytes are not kept: no list can be made from it.`, { field });
    }
  }
}

/** @throws Problem, ExperimentFault */
export async function beginExperiment(database: Database, name: string, now: Date): Promise<LiveExperiment> {
  const found = await findExperiment(database, name);
  if (found?.state === 'draft') {
    await checkVersions(database, found.definition.variants);
  }
  return present(await startExperiment(database, name, now), name);
}

/** Deletes a draft. @throws Problem, ExperimentFault where it was started */
export async function deleteExperiment(database: Database, name: string): Promise<void> {
  if (!(await deleteDraft(database, name))) {
    present(null, name);
  }
}

/** Shoppers have the scenario's and the live model's lists again. @throws Problem, ExperimentFault */
export async function stopExperiment(database: Database, name: string, now: Date): Promise<void> {
  const found = present(await findExperiment(database, name), name);
  if (!(await endExperiment(database, found.experimentNo, { reason: 'stopped' }, now))) {
    throw new ExperimentFault('not-running', `Experiment ${JSON.stringify(name)} is ${found.state === 'draft' ? 'a draft' : 'stopped already'}.`);
  }
  await pruneModels(database);
}

/** Everybody gets what a variant's shoppers have: its settings become the scenario's, its version the live one, and the experiment ends. @throws Problem, ExperimentFault */
export async function promoteVariant(database: Database, name: string, variantName: string, now: Date): Promise<void> {
  const found = present(await findExperiment(database, name), name);
  const { scenario, variants } = found.definition;
  const variant = variants.find((one) => one.name === variantName);
  if (variant === undefined) {
    throw new Problem('not-found', `Experiment ${JSON.stringify(name)} has no variant ${JSON.stringify(variantName)}; it has ${variants.map((one) => one.name).join(', ')}.`, { field: 'variant' });
  }
  if (found.kind === 'guard' || variant.off === true) {
    throw new Problem('experiment-promotion', found.kind === 'guard' ? 'A guard decides by itself; to go back or to stay, activate a version.' : `Variant ${JSON.stringify(variantName)} is without recommendations: there is nothing to take over.`);
  }
  if (found.state === 'draft') {
    throw new ExperimentFault('not-running', `Experiment ${JSON.stringify(name)} was not started: there is nothing that speaks for a variant.`);
  }
  if (variant.settings !== undefined && scenario !== undefined) {
    const before = (await listScenarios(database)).find((one) => one.name === scenario);
    await putScenario(database, scenario, { ...before?.definition, ...variant.settings });
  }
  if (variant.modelVersion !== undefined) {
    await activateModel(database, variant.modelVersion, true).catch((error: unknown) => {
      if (!(error instanceof ModelStateFault && error.code === 'live')) {
        throw error;
      }
    });
  }
  await notePromotion(database, found.experimentNo, variantName, now);
  await pruneModels(database);
}

export function experimentRoutes({ database, answers }: Services): FastifyPluginCallbackTypebox {
  /** What cannot be said by a schema. @throws Problem */
  async function check({ name, scenario, variants }: Static<typeof Body>): Promise<void> {
    const wrong = (field: string, message: string) => new Problem('invalid-request', `${field} ${message}`, { field });
    if (name.startsWith(GUARD_PREFIX)) {
      throw wrong('name', `begins with ${GUARD_PREFIX}, as the service's own experiments do; take another.`);
    }
    const sum = variants.reduce((all, { share }) => all + share, 0);
    if (Math.abs(sum - 1) > SHARE_SLACK) {
      throw wrong('variants', `have shares that add up to ${Number(sum.toFixed(6))}; they must add up to 1. Who is to take no part is said by traffic.`);
    }
    const names = variants.map((variant) => variant.name);
    const twice = names.findIndex((one, n) => names.indexOf(one) < n);
    if (twice >= 0) {
      throw wrong(`variants.${twice}.name`, `is ${JSON.stringify(names[twice])}, as that of another variant; each needs its own.`);
    }
    if (scenario !== undefined && !(await listScenarios(database)).some((one) => one.name === scenario)) {
      throw new Problem('scenario-unknown', `There is no scenario ${JSON.stringify(scenario)}.`, { field: 'scenario' });
    }
    for (const [n, { settings: given, modelVersion, off }] of variants.entries()) {
      if (given !== undefined && scenario === undefined) {
        throw wrong(`variants.${n}.settings`, 'change a scenario’s, and the experiment names none: say which with scenario.');
      }
      if (off === true && (given !== undefined || modelVersion !== undefined)) {
        throw wrong(`variants.${n}.off`, 'is without recommendations, so it has neither settings nor modelVersion.');
      }
      const conditions = [
        ...(given?.filter === undefined ? [] : [['filter', given.filter] as const]), ...(given?.boosts ?? []).map(({ filter }, k) => [`boosts.${k}.filter`, filter] as const),
        ...(given?.bury ?? []).map((text, k) => [`bury.${k}`, text] as const), ...(given?.never ?? []).map((text, k) => [`never.${k}`, text] as const),
      ];
      conditions.forEach(([field, text]) => answers.checkFilter(text, `variants.${n}.settings.${field}`));
    }
    await checkVersions(database, variants);
  }

  const byName = { params: Params };
  const conflicts = { 409: ProblemBody };
  return (app, _options, done) => {
    app.get(
      '/v1/experiments',
      {
        config: { role: 'admin' },
        schema: { operationId: 'listExperiments', tags: ['insight'], summary: 'Live experiments, newest first', description: 'The guards of new versions among them, unless `kind` says otherwise.', querystring: Type.Object({ limit: Limit(200, 20), cursor: Cursor, kind: Type.Optional(OneOf(['shop', 'guard'], 'shop: those that you made; guard: those that the service makes when a version goes live')) }, { additionalProperties: false }), response: { 200: Page(Summary), ...commonErrors } },
      },
      async (request) => pageOf(await listExperiments(database, parseCursor(request.query.cursor), request.query.limit + 1, request.query.kind ?? null), request.query.limit, ({ experimentNo }) => experimentNo, factsOf) as never,
    );
    app.post(
      '/v1/experiments',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'createExperiment', tags: ['insight'], summary: 'Make an experiment',
          description: 'A draft, or a running one with `start`; a draft of the same name is replaced. Shoppers are put into variants by a hash of their id, which is the same at every visit; each experiment mixes them anew. See docs/measuring.md.',
          body: Body, response: { 201: Experiment, ...commonErrors, 404: ProblemBody, ...conflicts },
        },
      },
      async (request, reply) => {
        await check(request.body);
        const { name, start, ...rest } = request.body;
        const made = await putDraft(database, name, rest as LiveExperiment['definition']);
        const experiment = start ? await beginExperiment(database, name, new Date()) : made;
        await answers.followScenarios();
        return await reply.status(201).send(await answerOf(database, experiment, Date.now()));
      },
    );
    app.get(
      '/v1/experiments/:name',
      {
        config: { role: 'admin', shed: 'first' },
        schema: { operationId: 'getExperiment', tags: ['insight'], summary: 'An experiment and what it has found', description: 'What was counted is of now; differences and verdicts are of the last look.', ...byName, response: { 200: Experiment, ...withNotFound } },
      },
      async (request) => await answerExperiment(database, request.params.name, Date.now()),
    );
    app.delete(
      '/v1/experiments/:name',
      {
        config: { role: 'admin' },
        schema: { operationId: 'deleteExperiment', tags: ['insight'], summary: 'Delete a draft', description: 'One that was started stays, also when it has ended: lists and events name its variants, and it is the record of what was decided.', ...byName, response: { 204: Type.Null(), ...withNotFound, ...conflicts } },
      },
      async (request, reply) => {
        await deleteExperiment(database, request.params.name);
        return await reply.status(204).send(null);
      },
    );
    app.post(
      '/v1/experiments/:name/start',
      { config: { role: 'admin' }, schema: { operationId: 'startExperiment', tags: ['insight'], summary: 'Start a draft', description: 'The next answers go by it, on every replica within a second, or once a version beside the live one is loaded.', ...byName, response: { 200: Experiment, ...withNotFound, ...conflicts } } },
      async (request) => {
        const started = await beginExperiment(database, request.params.name, new Date());
        await answers.followScenarios();
        return await answerOf(database, started, Date.now());
      },
    );
    app.post(
      '/v1/experiments/:name/stop',
      { config: { role: 'admin' }, schema: { operationId: 'stopExperiment', tags: ['insight'], summary: 'Stop an experiment', description: 'All shoppers have the scenario’s and the live model’s lists again; what was found stays. A guard stopped so leaves the new version live.', ...byName, response: { 200: Experiment, ...withNotFound, ...conflicts } } },
      async (request) => {
        await stopExperiment(database, request.params.name, new Date());
        await answers.followScenarios();
        return await answerExperiment(database, request.params.name, Date.now());
      },
    );
    app.post(
      '/v1/experiments/:name/promote',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'promoteVariant', tags: ['insight'], summary: 'Take a variant over', description: 'Its settings become the scenario’s, its version the live one, and the experiment ends.',
          ...byName, body: Type.Object({ variant: Name }, { additionalProperties: false, examples: [{ variant: 'varied' }] }), response: { 200: Experiment, ...withNotFound, ...conflicts },
        },
      },
      async (request) => {
        await promoteVariant(database, request.params.name, request.body.variant, new Date());
        await answers.followScenarios();
        await answers.followModels();
        return await answerExperiment(database, request.params.name, Date.now());
      },
    );
    done();
  };
}
