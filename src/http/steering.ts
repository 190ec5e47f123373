/** The parameters that steer a list: the same in a query, in a body and in a scenario. */
import { type Static, type TProperties, type TSchema, Type } from 'typebox';
import type { Boost, SteeringRequest } from '../serving/steering.ts';
import { FieldsBody, FieldsQuery, ItemId, parseFields } from './schemas.ts';

const MAX_FILTER_CHARS = 4_000;
const MAX_EXCLUDED = 500;
const MAX_BOOSTS = 10;

/**
 * Shown as the default and not filled in by the validator, so that a scenario's value can be told from one that was sent.
 */
function withDefault<T extends TSchema>(schema: T, value: unknown): T {
  return { ...schema, 'x-default': value };
}

const Filter = Type.String({ minLength: 1, maxLength: MAX_FILTER_CHARS, description: 'Only items that match: comparisons, `IN [..]`, `10 TO 20`, `EXISTS`, joined by AND, OR, NOT and parentheses', examples: ['category IN [shoes, "rain boots"] AND price < 100'] });
const Share = (description: string, most = 1) => Type.Number({ minimum: 0, maximum: most, description });

/** What a query and a body have in common. */
const COMMON = {
  limit: withDefault(Type.Integer({ minimum: 1, maximum: 200, description: 'How many items, 1 to 200', examples: [10] }), 10),
  filter: Filter,
  includeSeen: withDefault(Type.Boolean({ description: 'Items that the shopper has bought lately or rated are answered as well', examples: [false] }), false),
  diversity: withDefault({ ...Share('0: by score alone; 1: as unlike one another as can be (maximal marginal relevance)'), examples: [0.3] }, 0),
  rotation: withDefault({ ...Share('How far chance may move an item, in spreads of the shopper’s scores. The same list for `rotationHours`, then another one'), examples: [0.2] }, 0),
  rotationHours: withDefault(Type.Integer({ minimum: 1, maximum: 8760, description: 'How long a rotated list stays as it is', examples: [24] }), 24),
  minScore: Type.Number({ minimum: -1e9, maximum: 1e9, description: 'Items of the list’s own source that score less are left out, and nothing fills their places', examples: [0.05] }),
  explore: withDefault({ ...Share('Share of the places that new items may take', 0.5), examples: [0.1] }, 0.1),
  fill: withDefault(Type.Boolean({ description: 'Whether a short list is filled up by what is trending, then by what is newest', examples: [true] }), true),
  reasons: withDefault(Type.Boolean({ description: 'Whether each item says why it is there', examples: [false] }), false),
};

const Scenario = Type.String({ minLength: 1, maxLength: 64, description: 'A scenario whose steering applies where the request says nothing; see GET /v1/scenarios', examples: ['home'] });
const ListCursor = Type.String({ minLength: 1, maxLength: 200, description: '`nextCursor` of the page before, with the same other parameters' });
const BoostText = Type.String({ minLength: 1, maxLength: MAX_FILTER_CHARS, description: 'What to move up or down: `field:value^amount`, several separated by commas; an amount of 1 is one spread of the shopper’s scores, below 0 moves down', examples: ['category:shoes^1.5'] });
const Boosts = Type.Array(
  Type.Object({ filter: Filter, amount: Type.Number({ minimum: -10, maximum: 10, description: 'In spreads of the shopper’s scores' }) }, { additionalProperties: false }),
  { maxItems: MAX_BOOSTS, description: 'Items that match move up (or down, below 0)', examples: [[{ filter: 'category = shoes', amount: 1.5 }]] },
);
const Excluded = Type.Array(ItemId, { maxItems: MAX_EXCLUDED, description: 'Items that are not to be in the list', examples: [['item-1']] });

type Optionals<T extends TProperties> = { [K in keyof T]: ReturnType<typeof Type.Optional<T[K]>> };

function optional<const T extends TProperties>(properties: T): Optionals<T> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, Type.Optional(schema)])) as Optionals<T>;
}

/** In a query, where `exclude` comes several times. */
export const SteeringQuery = { ...optional({ ...COMMON, boost: BoostText, exclude: Excluded, scenario: Scenario, cursor: ListCursor }), fields: FieldsQuery };
/** In a body. */
export const SteeringBody = { ...optional({ ...COMMON, boosts: Boosts, exclude: Excluded, scenario: Scenario, cursor: ListCursor }), fields: FieldsBody };

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

/** @param parseBoosts from `category:shoes^1.5` to conditions and amounts; throws where it cannot */
export function readQuery(query: SteeringQueryFields, parseBoosts: (text: string) => readonly Boost[]): SteeringRequest {
  const { fields, boost, scenario: _, cursor: __, ...rest } = query;
  return { ...rest, fields: fields === undefined ? undefined : parseFields(fields), boosts: boost === undefined ? undefined : parseBoosts(boost) };
}

export function readBody(body: SteeringBodyFields): SteeringRequest {
  const { scenario: _, cursor: __, ...rest } = body;
  return rest;
}
