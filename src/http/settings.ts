/** Settings changed while the service runs; the table in `storage/settings.ts` makes the schema. And what only a restart changes, to be read. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, type TSchema, Type } from 'typebox';
import { SETTINGS, SETTING_NAMES, type SettingName, type SettingRule, type SettingValue, type TrainingSettings, changeTrainingSettings, isSettingName, readTrainingSettings } from '../storage/settings.ts';
import { Nullable, OneOf, commonErrors } from './schemas.ts';
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

const Value = Type.Unsafe<SettingValue>({ type: ['number', 'boolean', 'string'] });
const Rules = Type.Object({
  items: Type.Array(
    Type.Object({
      name: Type.String({ description: 'As in the body of a change; `gate.margin` is `margin` within `gate`' }), says: Type.String(), value: Value, default: Value, kind: OneOf(['number', 'integer', 'switch', 'choice']),
      least: Nullable(Type.Number()), most: Nullable(Type.Number()), among: Nullable(Type.Array(Type.String(), { description: 'Of a choice' })),
    }),
  ),
});
const Installation = Type.Object({
  publicUrl: Nullable(Type.String({ description: 'PUBLIC_URL: where browsers reach this server; null: wherever a request came to' })),
  corsOrigins: Type.Array(Type.String(), { description: 'CORS_ORIGINS: origins whose pages may call from a browser, beside this server’s own' }),
  eventsRetentionDays: Type.Integer({ description: 'EVENTS_RETENTION_DAYS: events received longer ago are deleted; 0: none is' }),
  version: Type.String(),
});

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

/** Each setting with its rule. */
function describeAll(settings: TrainingSettings): Static<typeof Rules>['items'] {
  const { gate, ...rest } = settings;
  const values = new Map<string, SettingValue>([...Object.entries(gate).map(([name, value]) => [`gate.${name}`, value as SettingValue] as const), ...Object.entries(rest)]);
  return SETTING_NAMES.map((name) => {
    const { kind, says, default: usual, ...more }: SettingRule = SETTINGS[name];
    return { name, says, value: values.get(name)!, default: usual, kind, least: 'least' in more ? more.least : null, most: 'most' in more ? more.most : null, among: 'among' in more ? [...more.among] : null };
  });
}

/** Of the static type that the generated schema does not have. */
const answer = (settings: TrainingSettings) => settings as unknown as Record<string, unknown>;

export function settingRoutes({ database, answers, publicUrl, corsOrigins, eventsRetentionDays, version }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/settings',
      {
        config: { role: 'admin' },
        schema: { operationId: 'getSettings', tags: ['settings'], summary: 'Settings', description: 'What nobody changed has its default.', response: { 200: Settings, ...commonErrors } },
      },
      async () => answer(await readTrainingSettings(database)),
    );
    app.get(
      '/v1/settings/rules',
      {
        config: { role: 'admin' },
        schema: { operationId: 'listSettingRules', tags: ['settings'], summary: 'Settings, and what each may be', description: 'Each with what it says, its value, its default and its bounds.', response: { 200: Rules, ...commonErrors } },
      },
      async () => ({ items: describeAll(await readTrainingSettings(database)) }),
    );
    app.get(
      '/v1/installation',
      {
        config: { role: 'admin' },
        schema: { operationId: 'getInstallation', tags: ['settings'], summary: 'What was set at the start', description: 'Of the environment variables those that decide who may call from a browser and how long events stay. A restart changes them; of several replicas each says its own.', response: { 200: Installation, ...commonErrors } },
      },
      () => ({ publicUrl, corsOrigins: [...corsOrigins], eventsRetentionDays, version }),
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
