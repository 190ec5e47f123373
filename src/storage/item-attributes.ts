/** Attributes of the shop's own: each is of the type that its first value had, so that a filter knows what it compares. */
import { type Queryable, run } from './database.ts';

export type AttributeType = 'number' | 'string' | 'boolean' | 'array' | 'object';

export interface ItemAttribute extends Record<string, unknown> {
  readonly name: string;
  readonly type: AttributeType;
  readonly firstSeenAt: Date;
}

/** An attribute came with a value of another type than it has. */
export class AttributeTypeFault extends Error {
  readonly itemId: string;
  readonly attribute: string;
  constructor(itemId: string, attribute: string, expected: AttributeType, value: unknown) {
    super(`attributes.${attribute} of item ${JSON.stringify(itemId)} is ${JSON.stringify(value).slice(0, 60)}; it must be of type ${expected}, as it was at first (GET /v1/items/schema)`);
    this.name = 'AttributeTypeFault';
    this.itemId = itemId;
    this.attribute = attribute;
  }
}

/** null has no type: it says that there is no value. */
export function typeOfAttribute(value: unknown): AttributeType | null {
  return value === null || value === undefined ? null : Array.isArray(value) ? 'array' : (typeof value as AttributeType);
}

/** In the order of their names. */
export async function listItemAttributes(database: Queryable): Promise<ItemAttribute[]> {
  return await run<ItemAttribute>(database, 'SELECT name, type, first_seen_at AS "firstSeenAt" FROM item_attributes ORDER BY name');
}

/**
 * Gives new attributes their types and holds all values against theirs, inside the caller's transaction.
 *
 * @throws AttributeTypeFault for the first that does not fit
 */
export async function checkAttributes(connection: Queryable, items: readonly { readonly itemId: string; readonly attributes?: object | null }[]): Promise<void> {
  const first = new Map<string, AttributeType>();
  for (const { attributes } of items) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      const type = typeOfAttribute(value);
      if (type !== null && !first.has(name)) {
        first.set(name, type);
      }
    }
  }
  if (first.size === 0) {
    return;
  }
  const names = [...first.keys()].sort();
  const read = async () => new Map((await run<{ name: string; type: AttributeType }>(connection, 'SELECT name, type FROM item_attributes WHERE name = ANY($1)', [names])).map((row) => [row.name, row.type]));
  let known = await read();
  const missing = names.filter((name) => !known.has(name));
  if (missing.length > 0) {
    // In the order of names, so that two who bring the same new ones cannot lock each other out.
    await run(connection, 'INSERT INTO item_attributes (name, type) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING', [missing, missing.map((name) => first.get(name)!)]);
    known = await read();
  }
  for (const { itemId, attributes } of items) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      const type = typeOfAttribute(value);
      if (type !== null && type !== known.get(name)) {
        throw new AttributeTypeFault(itemId, name, known.get(name)!, value);
      }
    }
  }
}
