/** What a filter may name: the catalogue's own fields and the shop's attributes, each with its type and the operators that go with it. */
import { nearestName } from '../../model/nearest-name.ts';
import type { AttributeType, ItemAttribute } from '../../storage/item-attributes.ts';
import { quoteShort } from './fault.ts';

/** `unknown`: a field of a catalogue without items, of which nothing can be said yet. */
export type FieldType = AttributeType | 'id' | 'title' | 'categories' | 'date-time' | 'unknown';

export interface FilterField {
  readonly name: string;
  readonly type: FieldType;
  /** The attribute's own name; null for a field of every item. */
  readonly attribute: string | null;
}

export interface FilterSchema {
  /** Another number, another schema: what was parsed under the old one is parsed anew. */
  readonly number: number;
  /** No item at all: then every name may be right. */
  readonly isEmpty: boolean;
  readonly attributes: ReadonlyMap<string, AttributeType>;
  /** Attributes that exist and are not kept in memory. */
  readonly notKept: ReadonlySet<string>;
}

export const MAX_ATTRIBUTES = 256;

/** The names of those that are kept in memory: the first ones, the same in every process. */
export function keptAttributes(known: readonly Pick<ItemAttribute, 'name' | 'firstSeenAt'>[]): ReadonlySet<string> {
  const first = known.toSorted((a, b) => a.firstSeenAt.getTime() - b.firstSeenAt.getTime()).slice(0, MAX_ATTRIBUTES);
  return new Set(first.map(({ name }) => name));
}

const CATEGORIES: FilterField = { name: 'category', type: 'categories', attribute: null };
const BUILT_IN: ReadonlyMap<string, FilterField> = new Map([
  ['itemId', { name: 'itemId', type: 'id', attribute: null }],
  ['title', { name: 'title', type: 'title', attribute: null }],
  ['price', { name: 'price', type: 'number', attribute: null }],
  ['category', CATEGORIES],
  ['categories', CATEGORIES],
  ['available', { name: 'available', type: 'boolean', attribute: null }],
  ['publishedAt', { name: 'publishedAt', type: 'date-time', attribute: null }],
  ['expiresAt', { name: 'expiresAt', type: 'date-time', attribute: null }],
  ['createdAt', { name: 'createdAt', type: 'date-time', attribute: null }],
]);

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'TO' | 'IN' | 'NOT IN' | 'CONTAINS' | 'EXISTS' | 'NOT EXISTS';

const EQUAL: readonly Operator[] = ['=', '!=', 'IN', 'NOT IN', 'EXISTS', 'NOT EXISTS'];
const ORDERED: readonly Operator[] = ['=', '!=', '<', '<=', '>', '>=', 'TO', 'IN', 'NOT IN', 'EXISTS', 'NOT EXISTS'];

const OPERATORS: Readonly<Record<FieldType, readonly Operator[]>> = {
  id: EQUAL,
  title: ['=', '!=', 'IN', 'NOT IN', 'CONTAINS', 'EXISTS', 'NOT EXISTS'],
  categories: EQUAL,
  string: EQUAL,
  boolean: EQUAL,
  number: ORDERED,
  array: ORDERED,
  'date-time': ['=', '!=', '<', '<=', '>', '>=', 'TO', 'EXISTS', 'NOT EXISTS'],
  object: ['EXISTS', 'NOT EXISTS'],
  unknown: [...ORDERED, 'CONTAINS'],
};

export function operatorsOf(type: FieldType): readonly Operator[] {
  return OPERATORS[type];
}

/** Operators of a field of every item, by its name; none where a filter does not know it. */
export function operatorsOfBuiltIn(name: string): readonly Operator[] {
  const field = BUILT_IN.get(name);
  return field === undefined ? [] : operatorsOf(field.type);
}

/** Looking for the nearest name takes time in proportion to both names. */
const MAX_COMPARED_UNITS = 100;

/** @returns the field, or in words why there is none. `isAttribute`: the name came behind `attributes.` */
export function findField({ isEmpty, attributes, notKept }: FilterSchema, name: string, isAttribute: boolean): FilterField | string {
  const builtIn = isAttribute ? undefined : BUILT_IN.get(name);
  if (builtIn !== undefined) {
    return builtIn;
  }
  const type = attributes.get(name);
  if (type !== undefined) {
    return { name, type, attribute: name };
  }
  if (notKept.has(name)) {
    return `the attribute ${quoteShort(name)} cannot be filtered by: the first ${MAX_ATTRIBUTES} attributes can, and this shop has more`;
  }
  if (isEmpty) {
    return { name, type: 'unknown', attribute: name };
  }
  const known = isAttribute ? [...attributes.keys()] : [...BUILT_IN.keys(), ...attributes.keys()];
  const near = name.length > MAX_COMPARED_UNITS ? null : nearestName(name, known.filter((one) => one.length <= MAX_COMPARED_UNITS));
  return `${quoteShort(name)} is neither a field nor an attribute of any item${near === null ? '.' : `; did you mean ${quoteShort(near)}?`} GET /v1/items/schema lists them`;
}
