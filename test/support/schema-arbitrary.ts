/** Values that a JSON Schema allows, and ones that are beside it: as much of the language as /openapi.json has words of. */
import fc from 'fast-check';

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly format?: string;
  readonly pattern?: string;
  readonly examples?: readonly unknown[];
}

const MOST_ITEMS = 4;
/** What parsers, databases and languages stumble over. */
const AWKWARD = ['', ' ', '\0', 'null', '0', '-1', '1e999', '__proto__', 'constructor', '../../etc/passwd', "'; DROP TABLE events; --", '%00', '%s', '\ud800', '😀', 'é'.repeat(300), 'a,b', '[]', '{"a":1}', '2026-02-30T00:00:00Z', '9999999999999999999'];

/** JSON of any kind. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(fc.constantFrom<unknown>(null, true, [], {}, 0, -1, 1e308, 2 ** 53, ...AWKWARD), fc.jsonValue({ maxDepth: 2 }));

function stringOf(schema: JsonSchema): fc.Arbitrary<string> {
  if (schema.format === 'date-time') {
    return fc.date({ min: new Date('1971-01-01'), max: new Date('2026-01-01'), noInvalidDate: true }).map((date) => date.toISOString());
  }
  const [least, most] = [schema.minLength ?? 0, Math.min(schema.maxLength ?? 40, 300)];
  const plain = fc.string({ unit: 'grapheme', minLength: least, maxLength: Math.max(least, Math.min(most, 20)) });
  const pattern = schema.pattern === undefined ? null : new RegExp(schema.pattern, 'u');
  // A pattern that text by chance does not fit describes a name: one that is made from it.
  const fitting = pattern === null ? plain : fc.oneof(plain.filter((text) => pattern.test(text) && [...text].length <= most), fc.stringMatching(pattern).filter((text) => text.isWellFormed() && [...text].length <= most && [...text].length >= least));
  return schema.examples === undefined ? fitting : fc.oneof(fc.constantFrom(...(schema.examples as string[])), fitting);
}

function numberOf(schema: JsonSchema, whole: boolean): fc.Arbitrary<number> {
  const [min, max] = [schema.minimum ?? schema.exclusiveMinimum ?? -1e9, schema.maximum ?? 1e9];
  const any = whole ? fc.integer({ min: Math.ceil(min), max: Math.floor(max) }) : fc.double({ min, max, noNaN: true });
  // The first numbers are those that there is something of.
  return fc.oneof(any, fc.constantFrom(min, max, Math.min(max, Math.max(min, 1))));
}

/** @param schema without references */
export function valuesOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) {
    return fc.constant(schema.const);
  }
  if (schema.enum !== undefined) {
    return fc.constantFrom(...schema.enum);
  }
  if (schema.anyOf !== undefined) {
    const { anyOf, ...rest } = schema;
    return fc.oneof(...anyOf.map((one) => valuesOf({ ...rest, ...one })));
  }
  const types = [schema.type ?? 'object'].flat();
  return fc.oneof(
    ...types.map((type): fc.Arbitrary<unknown> => {
      switch (type) {
        case 'null':
          return fc.constant(null);
        case 'boolean':
          return fc.boolean();
        case 'integer':
        case 'number':
          return numberOf(schema, type === 'integer');
        case 'string':
          return stringOf(schema);
        case 'array':
          return fc.array(valuesOf(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? MOST_ITEMS, Math.max(schema.minItems ?? 0, MOST_ITEMS)) });
        case 'object':
          return schema.properties === undefined
            ? fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 })
            : fc.record(Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, valuesOf(one)])), { requiredKeys: [...(schema.required ?? [])] });
        default:
          throw new Error(`no values of type ${type}`);
      }
    }),
  );
}

/** A value with something changed: a field left out, added or of another kind, or another value altogether. */
export function mutationsOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc.tuple(valuesOf(schema), anything, fc.nat(), fc.constantFrom('replace', 'drop', 'add', 'whole')).map(([value, other, at, kind]) => {
    if (typeof value !== 'object' || value === null || kind === 'whole') {
      return other;
    }
    const names = Object.keys(value);
    const name = names[at % Math.max(1, names.length)];
    if (kind === 'add' || name === undefined) {
      return Array.isArray(value) ? [...(value as unknown[]), other] : { ...value, [AWKWARD[at % AWKWARD.length]]: other };
    }
    const entries = Object.entries(value).flatMap(([one, inner]) => (one !== name ? [[one, inner]] : kind === 'drop' ? [] : [[one, other]]));
    return Array.isArray(value) ? entries.map(([, inner]) => inner as unknown) : (Object.fromEntries(entries) as unknown);
  });
}
