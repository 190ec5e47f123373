/** The parameters that steer a list: the same in a query, in a body and in a scenario. */
import { type Static, type TProperties, type TUnsafe, Type } from 'typebox';
import { faultOfId } from '../ingest/ids.ts';
import { PARAMETERS, PARAMETER_NAMES, type Parameter, type ParameterName, type ParameterValue } from '../serving/parameters.ts';
import type { Boost, SteeringRequest } from '../serving/steering.ts';
import { Problem } from './problems.ts';
import { FieldsBody, FieldsQuery, ItemId, parseFields } from './schemas.ts';

const MAX_FILTER_CHARS = 4_000;
const MAX_EXCLUDED = 500;
const MAX_BOOSTS = 10;
/** A URL holds no more. */
const MAX_QUERY_CHARS = 16_384;

/** The default is shown and not filled in by the validator, so that a scenario's value can be told from one that was sent. */
function schemaOf<K extends ParameterName>(name: K): TUnsafe<ParameterValue<K>> {
  const rule: Parameter = PARAMETERS[name];
  const shape = rule.kind === 'switch' ? { type: 'boolean', examples: [rule.default] } : { type: rule.kind, minimum: rule.least, maximum: rule.most, examples: [rule.example] };
  return Type.Unsafe({ ...shape, description: rule.says, ...(rule.default === null ? {} : { 'x-default': rule.default }) });
}

const Filter = Type.String({ minLength: 1, maxLength: MAX_FILTER_CHARS, description: 'Only items that match: comparisons, `IN [..]`, `10 TO 20`, `EXISTS`, joined by AND, OR, NOT and parentheses', examples: ['category IN [shoes, "rain boots"] AND price < 100'] });
/** What a query and a body have in common. */
const COMMON = { ...(Object.fromEntries(PARAMETER_NAMES.map((name) => [name, schemaOf(name)])) as unknown as { [K in ParameterName]: TUnsafe<ParameterValue<K>> }), filter: Filter };

const Scenario = Type.String({ minLength: 1, maxLength: 64, description: 'A scenario whose steering applies where the request says nothing; see GET /v1/scenarios', examples: ['home'] });
const ListCursor = Type.String({ minLength: 1, maxLength: 200, description: '`nextCursor` of the page before, with the same other parameters' });
const Preview = Type.Boolean({ description: 'true: it is shown to nobody, as while you try things out. It is not counted as given out (live metrics, experiments), and an event that names its recommendationId is stored without a list', 'x-default': false, examples: [true] });
const BoostText = Type.String({ minLength: 1, maxLength: MAX_FILTER_CHARS, description: 'What to move up or down: `field:value^amount`, several separated by commas; an amount of 5 lifts the fiftieth item of a list to the first place, below 0 moves down', examples: ['category:shoes^1.5'] });
const Boosts = Type.Array(
  Type.Object({ filter: Filter, amount: Type.Number({ minimum: -10, maximum: 10, description: '5 lifts the fiftieth item of a list to the first place' }) }, { additionalProperties: false }),
  { maxItems: MAX_BOOSTS, description: 'Items that match move up (or down, below 0)', examples: [[{ filter: 'category = shoes', amount: 1.5 }]] },
);
const Excluded = Type.Array(ItemId, { maxItems: MAX_EXCLUDED, description: 'Items that are not to be in the list', examples: [['item-1']] });
const ExcludedQuery = Type.Array(Type.String({ maxLength: MAX_QUERY_CHARS }), {
  maxItems: MAX_EXCLUDED, description: `Items that are not to be in the list, up to ${MAX_EXCLUDED}: separated by commas, or the parameter once for each id, which may then have commas in it`, examples: [['item-1']],
});

type Optionals<T extends TProperties> = { [K in keyof T]: ReturnType<typeof Type.Optional<T[K]>> };

function optional<const T extends TProperties>(properties: T): Optionals<T> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, Type.Optional(schema)])) as Optionals<T>;
}

/** In a query, where lists are texts. */
export const SteeringQuery = { ...optional({ ...COMMON, boost: BoostText, exclude: ExcludedQuery, scenario: Scenario, cursor: ListCursor, preview: Preview }), fields: FieldsQuery };
/** In a body. */
export const SteeringBody = { ...optional({ ...COMMON, boosts: Boosts, exclude: Excluded, scenario: Scenario, cursor: ListCursor, preview: Preview }), fields: FieldsBody };

const Rules = {
  pins: Type.Array(Type.Object({ itemId: ItemId, position: Type.Integer({ minimum: 1, maximum: 200 }) }, { additionalProperties: false }), { maxItems: 50, description: 'Items that have a place of their own, counted from 1, where they are available and pass `filter`, `never` and `exclude`', examples: [[{ itemId: 'item-1', position: 1 }]] }),
  bury: Type.Array(Filter, { maxItems: 20, description: 'Items that match come after all others: they only fill places that would stay empty', examples: [['price < 5']] }),
  never: Type.Array(Filter, { maxItems: 20, description: 'Items that match are in no list, whatever else is said', examples: [['category = adults']] }),
};

/** What a scenario holds. */
export const ScenarioBody = Type.Object(
  { description: Type.Optional(Type.String({ maxLength: 500, format: 'text', description: 'For people' })), ...optional({ ...COMMON, boosts: Boosts, exclude: Excluded, ...Rules }), fields: FieldsBody },
  { additionalProperties: false, examples: [{ description: 'The front page', diversity: 0.3, rotation: 0.2, never: ['price > 500'] }] },
);
export type ScenarioBody = Static<typeof ScenarioBody>;

const Query = Type.Object(SteeringQuery);
const Body = Type.Object(SteeringBody);

export type SteeringQueryFields = Static<typeof Query>;
export type SteeringBodyFields = Static<typeof Body>;

/**
 * Ids of a query: one text is a list, and several are an id each.
 *
 * @throws Problem
 */
function parseExcluded(texts: readonly string[]): readonly string[] {
  const ids = texts.length === 1 ? texts[0].split(',') : texts;
  const wrong = ids.find((id) => faultOfId(id) !== null);
  if (wrong !== undefined) {
    throw new Problem('invalid-request', `exclude has the id ${JSON.stringify(wrong.slice(0, 100))}, which ${faultOfId(wrong)}. Ids are separated by commas, or the parameter comes once for each.`, { field: 'exclude' });
  }
  if (ids.length > MAX_EXCLUDED) {
    throw new Problem('invalid-request', `exclude has ${ids.length} ids; it may have ${MAX_EXCLUDED}.`, { field: 'exclude' });
  }
  return ids;
}

/** @param parseBoosts from `category:shoes^1.5` to conditions and amounts; throws where it cannot */
export function readQuery(query: SteeringQueryFields, parseBoosts: (text: string) => readonly Boost[]): SteeringRequest {
  const { fields, boost, exclude, scenario: _, cursor: __, preview: ___, ...rest } = query;
  return { ...rest, exclude: exclude === undefined ? undefined : parseExcluded(exclude), fields: fields === undefined ? undefined : parseFields(fields), boosts: boost === undefined ? undefined : parseBoosts(boost) };
}

export function readBody(body: SteeringBodyFields): SteeringRequest {
  const { scenario: _, cursor: __, preview: ___, ...rest } = body;
  return rest;
}
