/** Settings changed while the service runs; the table in `storage/settings.ts` makes the schema. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type TSchema, Type } from 'typebox';
import { SETTINGS, SETTING_NAMES, type SettingName, type SettingRule, type SettingValue, type TrainingSettings, changeTrainingSettings, isSettingName, readTrainingSettings } from '../storage/settings.ts';
import { commonErrors } from './schemas.ts';
import type { Services } from './services.ts';

const JSON_TYPES = { number: 'number', integer: 'integer', switch: 'boolean', choice: 'string' } as const satisfies Record<SettingRule['kind'], string>;

/** @param nullable as in a change, where null sets the setting back to its default */
function schemaOf(name: SettingName, nullable: boolean): TSchema {
  const rule = SETTINGS[name];
  const bounds = 'least' in rule ? { minimum: rule.least, maximum: rule.most } : 'among' in rule ? { enum: [...rule.among, ...(nullable ? [null] : [])] } : {};
  const type = JSON_TYPES[rule.kind];
  // No `default` keyword: Ajv would fill it in, and a partial change would set all the others back.
  return Type.Unsafe({ type: nullable ? [type, 'null'] : type, ...bounds, description: `${rule.says[0].toUpperCase()}${rule.says.slice(1)}. Default: ${JSON.stringify(rule.default)}` });
}

function nested(wrap: (schema: TSchema) => TSchema, nullable: boolean): Record<string, TSchema> {
  const gate: Record<string, TSchema> = {};
  const all: Record<string, TSchema> = { gate: Type.Unsafe({}) };
  for (const name of SETTING_NAMES) {
    const [first, second] = name.split('.');
    const schema = wrap(schemaOf(name, nullable));
    if (second === undefined) {
      all[first] = schema;
    } else {
      gate[second] = schema;
    }
  }
  return { ...all, gate: wrap(Type.Object(gate, { additionalProperties: false, description: 'When a trained model goes live' })) };
}

const Settings = Type.Object(nested((schema) => schema, false));
const Changes = Type.Object(nested((schema) => Type.Optional(schema), true), {
  additionalProperties: false,
  examples: [{ gate: { margin: 0.05, manual: null }, keepVersions: 5 }],
});

/** A nested body to flat names. It has been checked against the schema. */
function flatten(body: Record<string, unknown>): Map<SettingName, SettingValue | null> {
  const { gate = {}, ...rest } = body as { gate?: Record<string, unknown> };
  const flat = [...Object.entries(rest), ...Object.entries(gate).map(([name, value]) => [`gate.${name}`, value] as const)];
  return new Map(flat.filter((one): one is [SettingName, SettingValue | null] => isSettingName(one[0])));
}

/** Of the static type that the generated schema does not have. */
const answer = (settings: TrainingSettings) => settings as unknown as Record<string, unknown>;

export function settingRoutes({ database, answers }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/settings',
      {
        config: { role: 'admin' },
        schema: { operationId: 'getSettings', tags: ['settings'], summary: 'Settings', description: 'What nobody changed has its default.', response: { 200: Settings, ...commonErrors } },
      },
      async () => answer(await readTrainingSettings(database)),
    );
    app.put(
      '/v1/settings',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'changeSettings', tags: ['settings'], summary: 'Change settings',
          description: 'Changes what is named and leaves the rest; null sets back to the default. The next training run goes by them (one under way keeps those it began with, except `keepVersions`), and `explore` holds for the next answer.', body: Changes, response: { 200: Settings, ...commonErrors },
        },
      },
      async (request) => {
        const changed = await changeTrainingSettings(database, flatten(request.body as Record<string, unknown>));
        await answers.followScenarios();
        return answer(changed);
      },
    );
    done();
  };
}
