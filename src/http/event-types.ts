/** What kinds of events there are and what each is worth. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { inTransaction } from '../storage/database.ts';
import { EVENT_TYPE_PRESETS, changeEventTypes, listEventTypes } from '../storage/event-types.ts';
import { Problem } from './problems.ts';
import { Nullable, OneOf, commonErrors } from './schemas.ts';
import type { Services } from './services.ts';

const FIELDS = {
  weight: Type.Number({ minimum: -1000, maximum: 1000, format: 'value', description: 'What one such event is worth; below 0 it speaks against the item' }),
  mode: OneOf(['sum', 'latest'], '`sum`: events add up and saturate at five times the weight; `latest`: the newest counts, and each needs a value'),
  halfLifeDays: Nullable(Type.Number({ exclusiveMinimum: 0, maximum: 36_500, format: 'amount', description: 'After so many days it counts half; null: it does not fade' })),
  threshold: Nullable(Type.Number({ format: 'value', description: 'With `latest`: from here on a value is positive' })),
  useValue: Type.Boolean({ description: 'With `sum`: an event counts as often as its value says, e.g. minutes watched' }),
  hidesDays: Nullable(Type.Number({ minimum: 0, maximum: 36_500, format: 'amount', description: 'How long it keeps the item out of the shopper’s answers; null: for ever' })),
};
const NAME = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,63}$', description: 'A letter, then letters, digits, _ . or -; up to 64' });
const EventType = Type.Object({ name: Type.String(), ...FIELDS });
const Change = Type.Object({ name: NAME, ...Object.fromEntries(Object.entries(FIELDS).map(([name, schema]) => [name, Type.Optional(schema)])) }, { additionalProperties: false });

const Types = Type.Object({ items: Type.Array(EventType), presets: Type.Array(Type.Object({ name: Type.String(), says: Type.String() }), { description: 'Sets of types that kinds of services begin with' }) });
const presets = Object.entries(EVENT_TYPE_PRESETS).map(([name, { says }]) => ({ name, says }));

export function eventTypeRoutes({ database, writer }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/event-types',
      { config: { role: 'secret' }, schema: { operationId: 'listEventTypes', tags: ['settings'], summary: 'Event types and what they are worth', response: { 200: Types, ...commonErrors } } },
      async () => ({ items: await listEventTypes(database), presets }),
    );
    app.put(
      '/v1/event-types',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'putEventTypes', tags: ['settings'], summary: 'Change event types, or make new ones',
          description: `Types that are not named stay as they are, and so do fields that are left out. Or a preset: ${Object.entries(EVENT_TYPE_PRESETS).map(([name, preset]) => `\`${name}\` (${preset.says})`).join('; ')}.\n\nNothing has to be imported again: the next training goes by it, and until then answers go by what the live model was trained with.`,
          body: Type.Object(
            { items: Type.Optional(Type.Array(Change, { minItems: 1, maxItems: 100 })), preset: Type.Optional(OneOf(Object.keys(EVENT_TYPE_PRESETS))) },
            { additionalProperties: false, examples: [{ items: [{ name: 'wishlist', weight: 2, halfLifeDays: 180 }] }] },
          ),
          response: { 200: Types, ...commonErrors },
        },
      },
      async (request) => {
        const { items, preset } = request.body;
        if ((items === undefined) === (preset === undefined)) {
          throw new Problem('invalid-request', 'The body must have either items or preset.', { field: items === undefined ? 'items' : 'preset' });
        }
        await inTransaction(database, async (connection) => await changeEventTypes(connection, items ?? EVENT_TYPE_PRESETS[preset!].types));
        const types = await listEventTypes(database);
        // The next event may be of a new type.
        writer.setTypes(types);
        return { items: types, presets };
      },
    );
    done();
  };
}
