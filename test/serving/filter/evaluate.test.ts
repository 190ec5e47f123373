/** The columns against a naive evaluator on plain items: whatever the filter, the same rows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateFilter } from '../../../src/serving/filter/evaluate.ts';
import type { FilterNode, FilterTime, FilterValue } from '../../../src/serving/filter/nodes.ts';
import { parseFilter } from '../../../src/serving/filter/parse.ts';
import { type FilterField, findField } from '../../../src/serving/filter/schema.ts';
import type { ItemRow } from '../../../src/storage/item-rows.ts';
import { DAY, NOW, SCHEMA, columnsOf, createItem } from './shop.ts';

const TEXTS = ['acme', 'Acme', 'ÄRGER', 'ärger', 'A\u0308rger', 'rain boots', 'Rain  Boots', '', '40', '040', 'true', 'and', 'it\'s "quoted" \\ `here`', '__proto__', '👟', 'x'.repeat(300), `${'x'.repeat(299)}y`];
const NUMBERS = [0, -1, 1, 40, 41.5, 89.99, 1e9, 1e-6];

const text = fc.constantFrom(...TEXTS);
const number = fc.constantFrom(...NUMBERS);
const time = fc.integer({ min: -4, max: 4 }).map((days) => NOW + days * DAY);
const orNone = <T>(arbitrary: fc.Arbitrary<T>, none: T) => fc.option(arbitrary, { nil: none });

const attributes = fc.record(
  {
    brand: fc.oneof(text, fc.constant(null)), weightGrams: number, recycled: fc.boolean(), sizes: fc.array(fc.oneof(text, number, fc.boolean(), fc.constant(null)), { maxLength: 4 }), care: fc.constant({}),
    'odd `name"': text, price: fc.oneof(number, text),
  },
  { requiredKeys: [] },
);
const fields = fc.record({
  title: orNone<string | null>(text, null), price: orNone(number, Number.NaN), categories: fc.array(text, { maxLength: 3 }), attributes: orNone<Record<string, unknown> | null>(attributes, null), isAvailable: fc.boolean(),
  isDeleted: fc.boolean(), publishedAtMs: orNone(time, Number.NaN), expiresAtMs: orNone(time, Number.NaN), firstSeenMs: time,
});

function field(name: string, isAttribute: boolean): FilterField {
  const found = findField(SCHEMA, name, isAttribute);
  if (typeof found === 'string') {
    throw new Error(found);
  }
  return found;
}

const FIELDS = ['itemId', 'title', 'price', 'category', 'available', 'publishedAt', 'expiresAt', 'createdAt'].map((name) => field(name, false)).concat([...SCHEMA.attributes.keys()].map((name) => field(name, true)));

const filterTime = fc.record({ fromNow: fc.boolean(), days: fc.integer({ min: -4, max: 4 }) }).map(({ fromNow, days }): FilterTime => ({ fromNow, ms: fromNow ? days * DAY : NOW + days * DAY }));

function valueFor({ name, type }: FilterField): fc.Arbitrary<FilterValue> {
  return name === 'itemId' ? fc.integer({ min: 1, max: 9 }).map((no) => `item-${no}`) : type === 'number' ? number : type === 'boolean' ? fc.boolean() : type === 'date-time' ? filterTime : fc.oneof(text, number.map(String));
}

const leaf: fc.Arbitrary<FilterNode> = fc.constantFrom(...FIELDS).chain((one) => {
  const value = valueFor(one);
  const sized = one.type === 'array' ? number : value;
  const exists = fc.constant({ kind: 'exists', field: one } as const);
  const equal = value.map((v) => ({ kind: 'compare', field: one, operator: '=', value: v }) as const);
  const anyOf = fc.array(value, { maxLength: 5 }).map((values) => ({ kind: 'in', field: one, values }) as const);
  const compare = fc.tuple(fc.constantFrom('<', '<=', '>', '>=' as const), sized).map(([operator, v]) => ({ kind: 'compare', field: one, operator, value: v }) as FilterNode);
  const range = fc.tuple(sized, sized).map(([from, to]) => ({ kind: 'range', field: one, from, to }) as const);
  const contains = fc.constantFrom('acme', 'BOOTS rain', 'Ärger', '40').map((words) => ({ kind: 'contains', field: one, text: words }) as const);
  switch (one.type) {
    case 'object':
      return exists;
    case 'number':
    case 'array':
      return fc.oneof(exists, equal, anyOf, compare, range);
    case 'date-time':
      return fc.oneof(exists, equal, compare, range);
    case 'title':
      return fc.oneof(exists, equal, anyOf, contains);
    default:
      return fc.oneof(exists, equal, anyOf);
  }
});

const filter: fc.Arbitrary<FilterNode> = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(fc.constantFrom('and', 'or' as const), fc.array(tie('node'), { minLength: 2, maxLength: 4 })).map(([kind, nodes]) => ({ kind, nodes }) as FilterNode),
    tie('node').map((node) => ({ kind: 'not', node }) as const),
  ),
})).node;

const quote = (content: string, mark: string) => mark + content.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`) + mark;

function printValue(value: FilterValue): string {
  if (typeof value === 'object') {
    return value.fromNow ? `now ${value.ms < 0 ? '-' : '+'} ${Math.abs(value.ms / DAY)}d` : new Date(value.ms).toISOString();
  }
  return typeof value === 'string' ? quote(value, '"') : String(value);
}

function print(node: FilterNode): string {
  if ('nodes' in node) {
    return node.nodes.map((one) => ('nodes' in one ? `(${print(one)})` : print(one))).join(node.kind === 'and' ? ' AND ' : ' or ');
  }
  if (node.kind === 'not') {
    return `NOT (${print(node.node)})`;
  }
  const name = node.field.attribute === null ? node.field.name : `attributes.${quote(node.field.attribute, '`')}`;
  switch (node.kind) {
    case 'exists':
      return `${name} EXISTS`;
    case 'contains':
      return `${name} CONTAINS ${quote(node.text, "'")}`;
    case 'in':
      return `${name} IN [${node.values.map(printValue).join(', ')}]`;
    case 'range':
      return `${name} ${printValue(node.from)} TO ${printValue(node.to)}`;
    default:
      return `${name} ${node.operator} ${printValue(node.value)}`;
  }
}

const fold = (content: string) => content.normalize('NFC').toLowerCase();
const wordsOf = (content: string) => new Set(fold(content).match(/[\p{L}\p{M}\p{N}]+/gu) ?? []);

/** The values of an item's field as the language sees them: none, one, or a list's; null where there is not even a list. */
function valuesOf(item: ItemRow, { name, attribute, type }: FilterField): (string | number | boolean)[] | null {
  const plain: Record<string, unknown> = {
    itemId: item.itemId, title: item.title, price: Number.isNaN(item.price) ? null : Math.fround(item.price), category: item.categories.length === 0 ? null : item.categories, available: item.isAvailable,
    publishedAt: Number.isNaN(item.publishedAtMs) ? null : item.publishedAtMs, expiresAt: Number.isNaN(item.expiresAtMs) ? null : item.expiresAtMs, createdAt: item.firstSeenMs,
  };
  const value = attribute === null ? plain[name] : (item.attributes?.[attribute] ?? null);
  if (value === null) {
    return null;
  }
  if (type === 'array') {
    return Array.isArray(value) ? value.filter((member) => member !== null).map(String) : null;
  }
  return attribute !== null && typeof value !== type ? null : Array.isArray(value) ? value : [value as string];
}

function matches(node: FilterNode, item: ItemRow): boolean {
  if ('nodes' in node) {
    return node.kind === 'and' ? node.nodes.every((one) => matches(one, item)) : node.nodes.some((one) => matches(one, item));
  }
  if (node.kind === 'not') {
    return !matches(node.node, item);
  }
  const { field: one } = node;
  const values = valuesOf(item, one);
  if (node.kind === 'exists' || values === null) {
    return values !== null && node.kind === 'exists';
  }
  const read = (value: FilterValue) => (typeof value === 'object' ? (value.fromNow ? NOW + value.ms : value.ms) : one.name === 'price' && one.attribute === null ? Math.fround(value as number) : value);
  const isNumeric = (value: unknown) => typeof value === 'string' && /^[+-]?[\d.]+(e[+-]?\d+)?$/.test(value);
  const equals = (a: string | number | boolean, b: FilterValue): boolean => {
    if (typeof a !== 'string' || one.type === 'id') {
      return a === read(b);
    }
    return fold(a) === fold(String(b)) || ((one.type === 'array' || one.type === 'categories') && isNumeric(b) && a === String(Number(b)));
  };
  const size = (value: string | number | boolean) => (one.type === 'array' ? (isNumeric(value) ? Number(value) : Number.NaN) : (value as number));
  return values.some((value) => {
    switch (node.kind) {
      case 'contains':
        return [...wordsOf(node.text)].every((word) => wordsOf(value as string).has(word));
      case 'in':
        return node.values.some((wanted) => equals(value, wanted));
      case 'range':
        return size(value) >= (read(node.from) as number) && size(value) <= (read(node.to) as number);
      default: {
        const wanted = read(node.value) as number;
        return node.operator === '=' ? equals(value, node.value) : node.operator === '<' ? size(value) < wanted : node.operator === '<=' ? size(value) <= wanted : node.operator === '>' ? size(value) > wanted : size(value) >= wanted;
      }
    }
  });
}

describe('a filter over columns', () => {
  it('finds the rows that a naive evaluator finds, and is itself again after printing and parsing', () => {
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 9 }), filter, (plain, node) => {
        const items = plain.map((one, index) => createItem(index + 1, one));
        const parsed = parseFilter(print(node), SCHEMA);
        expect(parsed.node).toEqual(node);
        const { marks } = evaluateFilter(parsed.node, columnsOf(items), NOW);
        expect(items.filter((_, row) => marks[row] === 1).map((item) => item.itemNo)).toEqual(items.filter((item) => matches(node, item)).map((item) => item.itemNo));
      }),
      { numRuns: 3000 },
    );
  });
});
