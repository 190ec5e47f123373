/** The catalogue. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { keptAttributes, operatorsOf, operatorsOfBuiltIn } from '../serving/filter/schema.ts';
import { inTransaction } from '../storage/database.ts';
import { EMPTY_ITEM, type Item as StoredItem, type ItemPatch, deleteItem, findItem, listItems, patchItems } from '../storage/items.ts';
import { listItemAttributes } from '../storage/item-attributes.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { Cursor, Item, ItemBody, ItemId, ItemParams, Limit, Page, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';
import { findUnstorable } from './validation.ts';

function shapeItem(item: StoredItem) {
  const { itemNo: _, ...fields } = item;
  return { ...fields, publishedAt: item.publishedAt?.toISOString() ?? null, expiresAt: item.expiresAt?.toISOString() ?? null, updatedAt: item.updatedAt.toISOString() };
}

function noSuchItem(itemId: string): Problem {
  return new Problem('not-found', `There is no item ${JSON.stringify(itemId)}.`, { field: 'itemId' });
}

/** As Postgres surely reads it: it knows fewer zones and fractions than RFC 3339 allows. */
function asUtc(time: string | null): string | null {
  return time === null ? null : new Date(time.replace(' ', 'T').toUpperCase()).toISOString();
}

/** The body's fields, with times in UTC. */
function readPatch<T extends Static<typeof ItemBody>>(body: T): T {
  const { publishedAt, expiresAt } = body;
  return { ...body, ...(publishedAt === undefined ? {} : { publishedAt: asUtc(publishedAt) }), ...(expiresAt === undefined ? {} : { expiresAt: asUtc(expiresAt) }) };
}

function refuseUnstorable(attributes: unknown, field: string): void {
  const path = findUnstorable(attributes, field);
  if (path !== null) {
    throw new Problem('invalid-request', `${path} cannot be kept: text must be well-formed Unicode without NUL, and numbers finite.`, { field: path });
  }
}

const FIELD_TYPES = [
  { name: 'itemId', type: 'string' }, { name: 'title', type: 'string' }, { name: 'url', type: 'string' }, { name: 'imageUrl', type: 'string' }, { name: 'price', type: 'number' }, { name: 'categories', type: 'array' },
  { name: 'available', type: 'boolean' }, { name: 'publishedAt', type: 'date-time' }, { name: 'expiresAt', type: 'date-time' }, { name: 'createdAt', type: 'date-time' },
] as const;

const Operators = Type.Array(Type.String(), { description: 'What a filter may compare it by; none: it cannot be filtered by', examples: [['=', '!=', 'IN', 'NOT IN', 'EXISTS', 'NOT EXISTS']] });

export function itemRoutes({ database, answers }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    /** Read in the same transaction: who takes the item away a moment later takes nothing from this answer. Answered only when this process's own answers know it. */
    const changeOne = async (patch: ItemPatch, create: boolean) => {
      const item = await inTransaction(database, async (connection) => ((await patchItems(connection, [patch], create)).size === 0 ? null : await findItem(connection, patch.itemId)));
      if (item === null) {
        throw noSuchItem(patch.itemId);
      }
      await answers.refreshAvailability();
      return shapeItem(item);
    };
    const readBack = async (itemId: string) => {
      const item = await findItem(database, itemId);
      if (item === null) {
        throw noSuchItem(itemId);
      }
      return shapeItem(item);
    };

    app.put(
      '/v1/items/:itemId',
      {
        config: { role: 'secret' },
        schema: { operationId: 'putItem', tags: ['data'], summary: 'Set an item of the catalogue', description: 'Replaces all its fields: what is left out goes back to nothing.', params: ItemParams, body: ItemBody, response: { 200: Item, ...commonErrors } },
      },
      async (request) => {
        refuseUnstorable(request.body.attributes, 'attributes');
        return await changeOne({ ...EMPTY_ITEM, ...readPatch(request.body), itemId: request.params.itemId }, true);
      },
    );
    app.patch(
      '/v1/items/:itemId',
      {
        config: { role: 'secret' },
        schema: { operationId: 'patchItem', tags: ['data'], summary: 'Change fields of an item', description: 'Fields that are left out stay; null takes one back.', params: ItemParams, body: ItemBody, response: { 200: Item, ...withNotFound } },
      },
      async (request) => {
        refuseUnstorable(request.body.attributes, 'attributes');
        return await changeOne({ ...readPatch(request.body), itemId: request.params.itemId }, false);
      },
    );
    app.get(
      '/v1/items/schema',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'getItemSchema', tags: ['data'], summary: 'Fields and attributes of the catalogue, with their types and operators', description: 'What a filter may name, and how it may compare it. An attribute of the shop’s own has the type of its first value. (An item whose id is `schema` is found by `GET /v1/items?q=schema`.)',
          response: { 200: Type.Object({ fields: Type.Array(Type.Object({ name: Type.String(), type: Type.String(), operators: Operators })), attributes: Type.Array(Type.Object({ name: Type.String(), type: Type.String(), firstSeenAt: Type.String(), operators: Operators })) }), ...commonErrors },
        },
      },
      async () => {
        const attributes = await listItemAttributes(database);
        const kept = keptAttributes(attributes);
        return {
          fields: FIELD_TYPES.map(({ name, type }) => ({ name, type, operators: [...operatorsOfBuiltIn(name)] })),
          attributes: attributes.map(({ name, type, firstSeenAt }) => ({ name, type, firstSeenAt: firstSeenAt.toISOString(), operators: kept.has(name) ? [...operatorsOf(type)] : [] })),
        };
      },
    );
    app.get(
      '/v1/items/:itemId',
      { config: { role: 'secret' }, schema: { operationId: 'getItem', tags: ['data'], summary: 'An item of the catalogue', params: ItemParams, response: { 200: Item, ...withNotFound } } },
      async (request) => await readBack(request.params.itemId),
    );
    app.delete(
      '/v1/items/:itemId',
      {
        config: { role: 'secret' },
        schema: { operationId: 'deleteItem', tags: ['data'], summary: 'Take an item out of the catalogue', description: 'It leaves every answer at once. Its events stay, and PUT brings it back.', params: ItemParams, response: { 204: Type.Null(), ...withNotFound } },
      },
      async (request, reply) => {
        if (!(await deleteItem(database, request.params.itemId))) {
          throw noSuchItem(request.params.itemId);
        }
        await answers.refreshAvailability();
        return reply.code(204).send(null);
      },
    );
    app.get(
      '/v1/items',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'listItems', tags: ['data'], summary: 'List or search items',
          querystring: Type.Object({ q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, format: 'text', description: 'A part of the title or id', examples: ['tent'] })), limit: Limit(1000, 50), cursor: Cursor }, { additionalProperties: false }),
          response: { 200: Page(Item), ...commonErrors },
        },
      },
      async (request) => {
        const rows = await listItems(database, request.query.q ?? null, parseCursor(request.query.cursor) ?? 0, request.query.limit + 1);
        return pageOf(rows, request.query.limit, (item) => item.itemNo, shapeItem);
      },
    );
    app.post(
      '/v1/items',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'postItems', tags: ['data'], summary: 'Set many items', description: 'Up to 1,000; fields that are left out stay. All are stored, or none.',
          body: Type.Object({ items: Type.Array(Type.Object({ itemId: ItemId, ...ItemBody.properties }, { additionalProperties: false }), { minItems: 1, maxItems: 1000 }) }, { additionalProperties: false, examples: [{ items: [{ itemId: 'item-1', title: 'Trail running shoe', price: 89.5 }] }] }),
          response: { 200: Type.Object({ stored: Type.Integer() }), ...commonErrors },
        },
      },
      async (request) => {
        request.body.items.forEach((item, index) => refuseUnstorable(item.attributes, `items.${index}.attributes`));
        const patches = request.body.items.map(readPatch);
        const { size } = await inTransaction(database, async (connection) => await patchItems(connection, patches, true));
        await answers.refreshAvailability();
        return { stored: size };
      },
    );
    done();
  };
}
