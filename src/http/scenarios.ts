/** Scenarios: how the lists of one place of a shop are steered, under a name that requests send. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { PARAMETERS, PARAMETER_NAMES, type Parameter } from '../serving/parameters.ts';
import { type StoredScenario, deleteScenario, listScenarios, putScenario } from '../storage/scenarios.ts';
import { PROBLEMS, Problem } from './problems.ts';
import { Nullable, OneOf, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';
import { ScenarioBody } from './steering.ts';

const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$', description: 'Small letters, digits and -, up to 64, a letter first', examples: ['home'] });
const Params = Type.Object({ name: Name });
const Scenario = Type.Object({ name: Type.String(), updatedAt: Type.String(), ...ScenarioBody.properties }, { additionalProperties: false });

function shape({ name, definition, updatedAt }: StoredScenario): Static<typeof Scenario> {
  return { ...definition, name, updatedAt: updatedAt.toISOString() };
}

const Parameters = Type.Object({
  items: Type.Array(
    Type.Object({
      name: Type.String(), says: Type.String(), kind: OneOf(['number', 'integer', 'switch']), default: Type.Unsafe<number | boolean | null>({ type: ['number', 'boolean', 'null'], description: 'null: none' }),
      least: Nullable(Type.Number()), most: Nullable(Type.Number()),
    }),
  ),
});

const describeParameters = () =>
  PARAMETER_NAMES.map((name) => {
    const { kind, says, default: usual, ...more }: Parameter = PARAMETERS[name];
    return { name, says, kind, default: usual, least: 'least' in more ? more.least : null, most: 'most' in more ? more.most : null };
  });

export function scenarioRoutes({ database, answers }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/scenarios',
      {
        config: { role: 'secret' },
        schema: { operationId: 'listScenarios', tags: ['settings'], summary: 'Scenarios', description: 'Presets of steering for the places of a shop. A request names one with `scenario`.', response: { 200: Type.Object({ items: Type.Array(Scenario) }), ...commonErrors } },
      },
      async () => ({ items: (await listScenarios(database)).map(shape) }),
    );
    app.get(
      '/v1/parameters',
      {
        config: { role: 'secret' },
        schema: { operationId: 'listParameters', tags: ['settings'], summary: 'What steers a list by one value', description: 'Parameters that requests, scenarios and variants of experiments share, each with what it says, its default and its bounds.', response: { 200: Parameters, ...commonErrors } },
      },
      () => ({ items: describeParameters() }),
    );
    app.get(
      '/v1/scenarios/:name',
      { config: { role: 'secret' }, schema: { operationId: 'getScenario', tags: ['settings'], summary: 'One scenario', params: Params, response: { 200: Scenario, ...withNotFound } } },
      async (request) => {
        const found = (await listScenarios(database)).find(({ name }) => name === request.params.name);
        if (found === undefined) {
          throw noSuchScenario(request.params.name);
        }
        return shape(found);
      },
    );
    app.put(
      '/v1/scenarios/:name',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'putScenario', tags: ['settings'], summary: 'Make or replace a scenario',
          description: 'What the body leaves out has its default. The next answers go by it, on every replica within a second.', params: Params, body: ScenarioBody, response: { 200: Scenario, ...commonErrors },
        },
      },
      async (request) => {
        const { body } = request;
        const conditions = [
          ...(body.filter === undefined ? [] : [['filter', body.filter] as const]), ...(body.boosts ?? []).map(({ filter }, n) => [`boosts.${n}.filter`, filter] as const),
          ...(body.bury ?? []).map((text, n) => [`bury.${n}`, text] as const), ...(body.never ?? []).map((text, n) => [`never.${n}`, text] as const),
        ];
        for (const [field, text] of conditions) {
          answers.checkFilter(text, field);
        }
        const stored = await putScenario(database, request.params.name, body);
        await answers.followScenarios();
        return shape(stored);
      },
    );
    app.delete(
      '/v1/scenarios/:name',
      {
        config: { role: 'admin' },
        schema: { operationId: 'deleteScenario', tags: ['settings'], summary: 'Delete a scenario', description: 'Requests that still name it are refused.', params: Params, response: { 204: Type.Null(), ...withNotFound } },
      },
      async (request, reply) => {
        if (!(await deleteScenario(database, request.params.name))) {
          throw noSuchScenario(request.params.name);
        }
        await answers.followScenarios();
        return await reply.status(204).send(null);
      },
    );
    done();
  };
}

function noSuchScenario(name: string): Problem {
  return new Problem('not-found', `There is no scenario ${JSON.stringify(name)}.`, { field: 'name', remedy: PROBLEMS['scenario-unknown'].remedy });
}
