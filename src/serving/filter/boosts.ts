/** Boosts: what is to rank higher or lower, and by how much. `category:shoes^1.5, brand:acme^-0.5`, or a list of `{filter, amount}` with whole filters. */
import { FilterFault, quoteShort } from './fault.ts';
import type { Filter } from './nodes.ts';
import { createReader, parseFilter } from './parse.ts';
import type { FilterSchema } from './schema.ts';
import { BOOST_WORD } from './tokens.ts';
import { parseNumber } from './values.ts';

export interface Boost {
  readonly filter: Filter;
  /** Added to the score of what matches, in fifths of the list's span. */
  readonly amount: number;
}

export const MAX_BOOSTS = 10;
export const MAX_BOOST_AMOUNT = 10;

const AMOUNT_WORDS = `a number from −${MAX_BOOST_AMOUNT} to ${MAX_BOOST_AMOUNT}`;

function isAmount(amount: number | null): amount is number {
  return amount !== null && Math.abs(amount) <= MAX_BOOST_AMOUNT;
}

/** As a filter writes it. */
function quote(text: string, mark: '"' | '`'): string {
  return mark + text.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`) + mark;
}

/** @throws FilterFault */
export function parseBoosts(text: string, schema: FilterSchema): Boost[] {
  const { peek, take, fault, expected, takeSign, takeField, takeValue, checkOperator } = createReader(text, BOOST_WORD, schema);
  const boosts: Boost[] = [];
  do {
    if (boosts.length === MAX_BOOSTS) {
      throw fault(peek(), 'too-complex', `there are more than ${MAX_BOOSTS} boosts`);
    }
    const field = takeField();
    checkOperator(field, '=', peek());
    if (!takeSign(':')) {
      throw expected(`":" and a value, as in ${field.name}:value^1.5`);
    }
    const written = peek();
    const value = takeValue(field, false);
    const read = written.kind === 'text' ? written.text : text.slice(written.at, peek().at).trim();
    if (!takeSign('^')) {
      throw expected(`"^" and the amount, as in ${field.name}:value^1.5`);
    }
    const token = take();
    const amount = token.kind === 'word' ? parseNumber(token.text) : null;
    if (!isAmount(amount)) {
      throw fault(token, token.kind === 'word' ? 'type' : 'syntax', `found ${token.kind === 'end' ? 'the end' : quoteShort(token.text)}, expected the amount: ${AMOUNT_WORDS}`);
    }
    const name = field.attribute === null ? field.name : `attributes.${quote(field.attribute, '`')}`;
    boosts.push({ filter: { text: `${name} = ${quote(read, '"')}`, node: { kind: 'compare', field, operator: '=', value }, schemaNumber: schema.number }, amount });
  } while (takeSign(','));
  if (peek().kind !== 'end') {
    throw expected('"," and another boost, or the end');
  }
  return boosts;
}

/**
 * The form of a body. A fault's message says which element it is in; its position counts inside that element's filter.
 *
 * @throws FilterFault
 */
export function readBoosts(list: readonly { readonly filter: string; readonly amount: number }[], schema: FilterSchema): Boost[] {
  if (list.length > MAX_BOOSTS) {
    throw new FilterFault('too-complex', 0, `there are ${list.length} boosts; at most ${MAX_BOOSTS} are allowed`);
  }
  return list.map(({ filter, amount }, index) => {
    if (!isAmount(amount)) {
      throw new FilterFault('type', 0, `the amount of boost ${index} is ${amount}; it must be ${AMOUNT_WORDS}`);
    }
    try {
      return { filter: parseFilter(filter, schema), amount };
    } catch (error) {
      throw error instanceof FilterFault ? new FilterFault(error.code, error.position, `boost ${index}: ${error.message}`) : error;
    }
  });
}
