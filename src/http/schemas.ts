/** Shapes that several routes share. Their examples run against the demo shop. */
import { describeValue } from '../ingest/ids.ts';
import { RECOMMENDATION_FAULTS } from '../ingest/recommendations.ts';
import { nearestName } from '../model/nearest-name.ts';
import { SOURCES } from '../serving/lists.ts';
import { type Static, type TSchema, Type } from 'typebox';
import { Problem } from './problems.ts';

export const Id = (description: string, example: string) => Type.String({ minLength: 1, maxLength: 256, format: 'id', description, examples: [example] });
export const UserId = Id('The shop’s id of a shopper', 'user-1');
export const ItemId = Id('The shop’s id of an item', 'item-1');
/** `type: [T, 'null']` rather than a union of schemas: a fault of it reads better, and the serializer need not try the branches. */
export const Nullable = <T extends TSchema & { type: string }>(schema: T) => Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] });
export const OneOf = <const T extends readonly string[]>(names: T, description?: string) => Type.Unsafe<T[number]>({ type: 'string', enum: [...names], ...(description === undefined ? {} : { description }) });

export const UserParams = Type.Object({ userId: UserId });
export const ItemParams = Type.Object({ itemId: ItemId });
export const NumberParams = (what: string) => Type.Object({ no: Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: what, examples: [1] }) });

export const VersionParams = Type.Object({ version: Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'A model version', examples: [1] }) });

export const Limit = (most: number, usual: number) => Type.Integer({ minimum: 1, maximum: most, default: usual, description: `How many, 1 to ${most}` });
export const Cursor = Type.Optional(Type.String({ maxLength: 100, description: '`nextCursor` of the page before' }));

/** Fields of the catalogue that an answer can bring along. */
export const ITEM_FIELDS = ['title', 'url', 'imageUrl', 'price', 'categories', 'attributes'] as const;
export type ItemField = (typeof ITEM_FIELDS)[number];

export const FieldsQuery = Type.Optional(
  Type.String({
    maxLength: 200,
    description: `Catalogue fields to bring along, separated by commas: ${ITEM_FIELDS.join(', ')}`,
    examples: ['title,price,imageUrl'],
  }),
);
export const FieldsBody = Type.Optional(Type.Array(OneOf(ITEM_FIELDS), { maxItems: ITEM_FIELDS.length, description: 'Catalogue fields to bring along' }));

/** @throws Problem */
export function parseFields(text: string): ItemField[] {
  return text.split(',').map((name) => {
    const field = ITEM_FIELDS.find((one) => one === name);
    if (field === undefined) {
      const near = nearestName(name, [...ITEM_FIELDS]);
      throw new Problem('invalid-request', `fields has ${describeValue(name)}, which is none${near === null ? '' : `; did you mean "${near}"?`}${near === null ? '.' : ''} It takes ${ITEM_FIELDS.join(', ')}, separated by commas.`, { field: 'fields' });
    }
    return field;
  });
}

const CatalogueFields = {
  title: Type.Optional(Nullable(Type.String())),
  url: Type.Optional(Nullable(Type.String())),
  imageUrl: Type.Optional(Nullable(Type.String())),
  price: Type.Optional(Nullable(Type.Number())),
  categories: Type.Optional(Type.Array(Type.String())),
  attributes: Type.Optional(Type.Object({}, { additionalProperties: true })),
};

const Source = OneOf(SOURCES, 'Where the list, or an item of it, comes from');

const Reason = Type.Object({
  itemId: Type.String({ description: 'An item of the shopper’s own or of the session; in lists that begin from items one of these' }),
  type: Nullable(Type.String({ description: 'What they did with it, by the event that weighs most; null where that is not known' })),
  score: Type.Number({ description: 'What it adds to the score: `factors` + `neighbours`' }),
  factors: Type.Number({ description: 'Its exact share of the factor score, or of the likeness; below 0 it speaks against the item' }),
  neighbours: Type.Number({ description: 'What it adds through the neighbourhood, or through common baskets' }),
  text: Type.String({ description: 'Words ready for a shop' }),
});

export const Reasons = Type.Object({
  userId: Type.String(), itemId: Type.String(), modelVersion: Type.Integer(),
  score: Type.Number({ description: 'The item’s score for this shopper, boosts aside: the sum of the parts' }),
  parts: Type.Object({ factors: Type.Number(), neighbours: Type.Number(), recency: Type.Number({ description: 'What recent popularity adds, for everybody alike' }) }),
  reasons: Type.Array(Reason, { description: 'The shopper’s items that add most, or take most away' }),
  others: Type.Object({ count: Type.Integer(), factors: Type.Number(), neighbours: Type.Number() }, { description: 'What all other items of the shopper add together: with it, the shares sum to `parts`' }),
});

export const Answer = Type.Object(
  {
    recommendationId: Type.String({ description: 'Signed: which kind of list this was, of which model, when' }),
    modelVersion: Nullable(Type.Integer({ description: 'The model that answered; null where none is live yet' })),
    source: Source,
    stale: Type.Optional(Type.Boolean({ description: 'true: the newest events or fields could not be read, the answer is from memory' })),
    items: Type.Array(Type.Object({ itemId: Type.String(), score: Nullable(Type.Number({ description: 'Higher is better; comparable within one list of one source only. null for a pinned item that the list has no score for' })), source: Type.Optional(Source), reasons: Type.Optional(Type.Array(Reason)), ...CatalogueFields })),
    nextCursor: Type.Optional(Type.String({ description: 'Send as `cursor`, with the same other parameters, for the next page; absent on the last. Pages reach 200 items deep' })),
  },
  { description: 'A list of items, best first' },
);
export type Answer = Static<typeof Answer>;

export const ItemBody = Type.Object(
  {
    title: Type.Optional(Nullable(Type.String({ maxLength: 1000, format: 'text' }))),
    url: Type.Optional(Nullable(Type.String({ maxLength: 2048, format: 'text' }))),
    imageUrl: Type.Optional(Nullable(Type.String({ maxLength: 2048, format: 'text' }))),
    price: Type.Optional(Nullable(Type.Number({ minimum: 0, maximum: 1e9, format: 'amount', description: '0, or from 0.000001 to 1000000000' }))),
    categories: Type.Optional(Nullable(Type.Array(Type.String({ minLength: 1, maxLength: 256, format: 'id' }), { maxItems: 50 }))),
    attributes: Type.Optional(Nullable(Type.Object({}, { additionalProperties: true, maxProperties: 100, description: 'Anything else the shop wants to know or filter by' }))),
    available: Type.Optional(Nullable(Type.Boolean({ description: 'false: in no answer, until it is true again' }))),
    publishedAt: Type.Optional(Nullable(Type.String({ format: 'date-time', description: 'In no answer before this' }))),
    expiresAt: Type.Optional(Nullable(Type.String({ format: 'date-time', description: 'In no answer from then on' }))),
  },
  {
    additionalProperties: false,
    examples: [{ title: 'Trail running shoe', url: 'https://shop.example/p/item-1', imageUrl: 'https://shop.example/img/item-1.jpg', price: 89.5, categories: ['shoes', 'outdoor'], attributes: { brand: 'Acme', waterproof: true }, available: true }],
  },
);

export const Item = Type.Object({
  itemId: Type.String(),
  title: Nullable(Type.String()),
  url: Nullable(Type.String()),
  imageUrl: Nullable(Type.String()),
  price: Nullable(Type.Number()),
  categories: Type.Array(Type.String()),
  attributes: Type.Object({}, { additionalProperties: true }),
  available: Type.Boolean(),
  publishedAt: Nullable(Type.String()),
  expiresAt: Nullable(Type.String()),
  updatedAt: Type.String(),
});

/** What Postgres' `real` keeps without loss of meaning. */
export const Value = (description: string) => Type.Number({ format: 'value', description });

export const EventBody = Type.Object(
  {
    userId: UserId,
    itemId: ItemId,
    type: Type.String({ description: 'An event type: view, cart, purchase, rating, or one of your own', examples: ['purchase'] }),
    value: Type.Optional(Nullable(Value('A rating’s value; null takes the rating back. 0 or 1e-6 to 1e9'))),
    quantity: Type.Optional(Value('Pieces; negative for a return, which cancels earlier purchases')),
    price: Type.Optional(Value('Price of one piece')),
    groupId: Type.Optional(Id('Basket or session', 'order-1001')),
    occurredAt: Type.Optional(Type.String({ format: 'date-time', description: 'With its zone; default: now', examples: ['2026-01-31T18:30:00Z'] })),
    eventId: Type.Optional(Id('Your id of this event: sending it again stores nothing', 'order-1001-line-1')),
    recommendationId: Type.Optional(Type.String({ maxLength: 200, description: 'Of the list that the shopper came from: so it is known what recommendations did. One that tells nothing does not cost the event: the answer says why' })),
    position: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'Where in that list the item stood, from 1' })),
  },
  { additionalProperties: false, examples: [{ userId: 'user-1', itemId: 'item-1', type: 'purchase', quantity: 1, price: 19.9 }] },
);

const Rejected = Type.Object({ index: Type.Integer(), field: Type.String(), code: Type.String(), message: Type.String() });
export const WriteAnswer = Type.Object({
  accepted: Type.Integer({ description: 'Events stored by this request' }),
  duplicates: Type.Integer({ description: 'Events that were stored before, with the same content' }),
  rejected: Type.Array(Rejected),
  items: Type.Array(Type.Object({ index: Type.Integer(), eventId: Type.String(), status: OneOf(['accepted', 'duplicate']), recommendation: Type.Optional(OneOf(RECOMMENDATION_FAULTS, 'Why the event is stored without the list that it names: the id is none, was not signed here, or is older than 30 days; or the event is from before the list, or the position beyond its end')) })),
});
/** One schema for both kinds of body: a union would be tried branch by branch for every answer. */
export const EventsAnswer = Type.Object({
  ...WriteAnswer.properties,
  items: Type.Optional(WriteAnswer.properties.items),
  lines: Type.Optional(Type.Integer({ description: 'Of an NDJSON body: lines with something in them' })),
  rejectedTotal: Type.Optional(Type.Integer({ description: 'Of an NDJSON body; `rejected` has the first 1,000' })),
});

export const Page = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String({ description: 'Send as `cursor` for the next page; absent on the last' })) });

export const ProblemBody = Type.Object(
  { type: Type.String(), title: Type.String(), status: Type.Integer(), code: Type.String(), detail: Type.String(), remedy: Type.String(), requestId: Type.String() },
  { additionalProperties: true, description: 'RFC 9457 problem; all codes at /docs/errors' },
);

/** The error answers that every operation with a key can give. */
export const commonErrors = { 400: ProblemBody, 401: ProblemBody, 403: ProblemBody, 503: ProblemBody };
/** Of everything that answers a list. */
export const listErrors = { ...commonErrors, 410: ProblemBody };
export const withNotFound = { ...commonErrors, 404: ProblemBody };
