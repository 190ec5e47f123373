/** A list's steering with its texts read: every condition as one filter, boosts as filters with amounts. Texts that were read before are not read again. */
import type { Catalogue } from './catalogue.ts';
import { parseBoosts } from './filter/boosts.ts';
import { FilterFault } from './filter/fault.ts';
import type { Filter } from './filter/nodes.ts';
import { parseFilter } from './filter/parse.ts';
import { type Boost, type Steered, SteeringFault } from './steering.ts';

export interface Prepared extends Steered {
  /** What an item must meet; null: anything goes. */
  readonly open: Filter | null;
  /** The same without buried items. */
  readonly condition: Filter | null;
  readonly boostFilters: readonly { readonly filter: Filter; readonly amount: number }[];
}

export interface Conditions {
  /**
   * @param field which the text came in, for the fault
   * @throws SteeringFault
   */
  read(text: string, field: string): Filter;
  /** @throws SteeringFault */
  readBoosts(text: string): Boost[];
  prepare(steered: Steered): Prepared;
}

const MAX_KNOWN_TEXTS = 500;

/** All of `filters` and none of `without`. */
function allOf(filters: readonly Filter[], without: readonly Filter[]): Filter | null {
  const all = [...filters, ...without.map((filter): Filter => ({ ...filter, text: `NOT (${filter.text})`, node: { kind: 'not', node: filter.node } }))];
  if (all.length <= 1) {
    return all[0] ?? null;
  }
  return { text: all.map(({ text }) => `(${text})`).join(' AND '), node: { kind: 'and', nodes: all.map(({ node }) => node) }, schemaNumber: all[0].schemaNumber };
}

function blaming<T>(field: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof FilterFault ? new SteeringFault('filter', field, `${field}: ${error.message}.`, error) : error;
  }
}

export function createConditions(catalogue: Pick<Catalogue, 'schema'>): Conditions {
  let known = new Map<string, Filter>();
  let schemaNumber = -1;

  function read(text: string, field: string): Filter {
    const schema = catalogue.schema();
    if (schema.number !== schemaNumber || known.size >= MAX_KNOWN_TEXTS) {
      known = new Map();
      schemaNumber = schema.number;
    }
    let filter = known.get(text);
    if (filter === undefined) {
      filter = blaming(field, () => parseFilter(text, schema));
      known.set(text, filter);
    }
    return filter;
  }

  return {
    read,
    readBoosts: (text) => blaming('boost', () => parseBoosts(text, catalogue.schema())).map(({ filter, amount }) => ({ filter: filter.text, amount })),
    prepare(steered) {
      const filters = steered.filters.map((text) => read(text, 'filter'));
      const never = steered.never.map((text, n) => read(text, `never.${n}`));
      const bury = steered.bury.map((text, n) => read(text, `bury.${n}`));
      return {
        ...steered,
        open: allOf(filters, never),
        condition: allOf(filters, [...never, ...bury]),
        boostFilters: steered.boosts.map(({ filter, amount }, n) => ({ filter: read(filter, `boosts.${n}.filter`), amount })),
      };
    },
  };
}
