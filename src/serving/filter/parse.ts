/**
 * The filter language: `price < 100 AND category IN [shoes, "rain boots"] AND NOT brand = acme`. docs/filters.md is its grammar.
 *
 * Recursive descent, one function a level of precedence: OR, AND, NOT, comparison. Only parentheses and NOT go deeper, and they are counted; lists of AND and OR stay flat. Everything has a
 * limit, so no text costs more than its reading.
 */
import { hashWords } from '../texts.ts';
import { type FilterFault, type FilterFaultCode, countCharacters, faultAt, quoteShort } from './fault.ts';
import type { Filter, FilterNode, FilterValue } from './nodes.ts';
import { type FilterField, type FilterSchema, type Operator, findField, operatorsOf } from './schema.ts';
import { FILTER_WORD, type Token, tokenize } from './tokens.ts';
import { readValue } from './values.ts';

export const MAX_FILTER_CHARACTERS = 4_000;
export const MAX_DEPTH = 50;
export const MAX_COMPARISONS = 100;
export const MAX_LIST_VALUES = 1_000;

const KEYWORDS = new Set(['AND', 'OR', 'NOT', 'IN', 'TO', 'IS', 'NULL', 'EXISTS', 'CONTAINS']);
const COMPARISONS = new Set(['=', '!=', '<', '<=', '>', '>=']);

/** Type names as messages say them. */
const TYPE_WORDS: Readonly<Record<FilterField['type'], string>> = {
  id: 'a text', title: 'a text', string: 'a text', number: 'a number', boolean: 'true or false', 'date-time': 'a time', array: 'a list', categories: 'a list of texts', object: 'an object', unknown: 'of no type yet',
};

function keywordOf({ kind, text }: Token): string | null {
  const upper = kind === 'word' && text.length <= 8 ? text.toUpperCase() : '';
  return KEYWORDS.has(upper) ? upper : null;
}

function describe(token: Token): string {
  return token.kind === 'end' ? 'the end' : token.kind === 'text' ? `the text ${quoteShort(token.text)}` : quoteShort(token.text);
}

/** A place in a list of tokens, and what both languages, filters and boosts, read from there. */
export function createReader(text: string, word: RegExp, schema: FilterSchema) {
  if (text.length > 2 * MAX_FILTER_CHARACTERS || countCharacters(text) > MAX_FILTER_CHARACTERS) {
    throw faultAt(text, 0, 'too-long', `it has more than ${MAX_FILTER_CHARACTERS} characters`);
  }
  const tokens = tokenize(text, word);
  let next = 0;

  const peek = (ahead = 0) => tokens[Math.min(next + ahead, tokens.length - 1)];
  const take = () => tokens[Math.min(next++, tokens.length - 1)];
  const fault = (token: Token, code: FilterFaultCode, message: string): FilterFault => faultAt(text, token.at, code, message);
  const expected = (what: string): FilterFault => fault(peek(), 'syntax', `found ${describe(peek())}, expected ${what}`);

  function takeSign(sign: string): boolean {
    const found = peek().kind === 'sign' && peek().text === sign;
    next += found ? 1 : 0;
    return found;
  }

  function takeKeyword(keyword: string): boolean {
    const found = keywordOf(peek()) === keyword;
    next += found ? 1 : 0;
    return found;
  }

  /** `price`, `attributes.brand`, `odd name` in backticks, `attributes."odd name"`. */
  function takeField(): FilterField {
    const token = peek();
    if ((token.kind !== 'word' && token.kind !== 'name') || keywordOf(token) !== null) {
      throw expected('the name of a field (one with odd characters, or of a keyword, is put in backticks)');
    }
    take();
    let [name, isAttribute] = [token.text, false];
    if (token.kind === 'word' && name.startsWith('attributes.')) {
      isAttribute = true;
      name = name.slice('attributes.'.length);
      const quoted = peek();
      if (name === '') {
        if (quoted.at !== token.end || (quoted.kind !== 'text' && quoted.kind !== 'name')) {
          throw expected('the name of an attribute right behind "attributes."');
        }
        name = take().text;
      }
    }
    const field = findField(schema, name, isAttribute);
    if (typeof field === 'string') {
      throw fault(token, 'unknown-field', field);
    }
    return field;
  }

  /** A time from now on may be written in up to three words. */
  function takeRelativeTime(): string {
    let joined = take().text;
    while (peek().kind === 'word' && (/[+-]$/.test(joined) || (/^now$/i.test(joined) && /^[+-]/.test(peek().text)))) {
      joined += take().text;
    }
    return joined;
  }

  function takeValue(field: FilterField, ordered: boolean): FilterValue {
    const token = peek();
    const keyword = keywordOf(token);
    if (keyword !== null) {
      throw fault(token, 'syntax', `found the keyword ${keyword}, expected a value; as a text it is put in quotes`);
    }
    if (token.kind !== 'word' && token.kind !== 'text') {
      throw expected('a value');
    }
    const text = field.type === 'date-time' && token.kind === 'word' && /^now/i.test(token.text) ? takeRelativeTime() : take().text;
    const read = readValue(text, field.type, ordered);
    if ('wrong' in read) {
      throw fault(token, 'type', `${quoteShort(field.name)} is ${TYPE_WORDS[field.type]}${field.type === 'array' ? ', and what is compared by size are its numbers' : ''}; ${read.wrong}`);
    }
    return read.value;
  }

  function checkOperator(field: FilterField, operator: Operator, token: Token): void {
    const allowed = operatorsOf(field.type);
    if (!allowed.includes(operator)) {
      throw fault(token, 'operator', `${quoteShort(field.name)} is ${TYPE_WORDS[field.type]} and does not go with ${operator}; it goes with ${allowed.join(' ')}`);
    }
  }

  return { peek, take, fault, expected, takeSign, takeKeyword, takeField, takeValue, checkOperator };
}

/** @throws FilterFault */
export function parseFilter(text: string, schema: FilterSchema): Filter {
  const reader = createReader(text, FILTER_WORD, schema);
  const { peek, take, fault, expected, takeSign, takeKeyword, takeField, takeValue, checkOperator } = reader;
  let comparisons = 0;

  function chain(kind: 'and' | 'or', keyword: 'AND' | 'OR', part: () => FilterNode): FilterNode {
    const nodes = [part()];
    while (takeKeyword(keyword)) {
      nodes.push(part());
    }
    return nodes.length === 1 ? nodes[0] : { kind, nodes };
  }

  const parseOr = (depth: number): FilterNode => chain('or', 'OR', () => parseAnd(depth));
  const parseAnd = (depth: number): FilterNode => chain('and', 'AND', () => parseUnary(depth));

  function parseUnary(depth: number): FilterNode {
    if (depth > MAX_DEPTH) {
      throw fault(peek(), 'too-deep', `parentheses and NOT lie more than ${MAX_DEPTH} deep`);
    }
    if (takeKeyword('NOT')) {
      return { kind: 'not', node: parseUnary(depth + 1) };
    }
    if (takeSign('(')) {
      const inner = parseOr(depth + 1);
      if (!takeSign(')')) {
        throw expected('AND, OR or ")"');
      }
      return inner;
    }
    return parseComparison();
  }

  function parseList(field: FilterField): FilterNode {
    if (!takeSign('[')) {
      throw expected('"[" and the values of the list');
    }
    const values: FilterValue[] = [];
    while (!takeSign(']')) {
      if (values.length > 0 && !takeSign(',')) {
        throw expected('"," or "]"');
      }
      if (values.length === MAX_LIST_VALUES) {
        throw fault(peek(), 'too-complex', `the list has more than ${MAX_LIST_VALUES} values`);
      }
      values.push(takeValue(field, false));
    }
    return { kind: 'in', field, values };
  }

  function parseComparison(): FilterNode {
    if (++comparisons > MAX_COMPARISONS) {
      throw fault(peek(), 'too-complex', `there are more than ${MAX_COMPARISONS} comparisons; many values of one field go into one IN [...]`);
    }
    const field = takeField();
    const at = peek();
    if (at.kind === 'sign' && COMPARISONS.has(at.text)) {
      take();
      checkOperator(field, at.text as Operator, at);
      const operator = at.text === '!=' ? '=' : (at.text as '=');
      const node: FilterNode = { kind: 'compare', field, operator, value: takeValue(field, operator !== '=') };
      return at.text === '!=' ? { kind: 'not', node } : node;
    }
    if (takeKeyword('IS')) {
      const denied = takeKeyword('NOT');
      if (!takeKeyword('NULL')) {
        throw expected(denied ? 'NULL' : 'NULL or NOT NULL');
      }
      return denied ? { kind: 'exists', field } : { kind: 'not', node: { kind: 'exists', field } };
    }
    if (takeKeyword('CONTAINS')) {
      checkOperator(field, 'CONTAINS', at);
      const written = peek();
      const words = String(takeValue(field, false));
      if (hashWords(words).length === 0) {
        throw fault(written, 'type', `found ${describe(written)}, which has no word to look for`);
      }
      return { kind: 'contains', field, text: words };
    }
    if (keywordOf(at) === null && (at.kind === 'word' || at.kind === 'text')) {
      checkOperator(field, 'TO', at);
      const from = takeValue(field, true);
      if (!takeKeyword('TO')) {
        throw expected(`TO and the end of the range (an operator goes before a value: ${operatorsOf(field.type).join(' ')})`);
      }
      return { kind: 'range', field, from, to: takeValue(field, true) };
    }
    const denied = takeKeyword('NOT');
    const node = takeKeyword('EXISTS') ? ({ kind: 'exists', field } as const) : takeKeyword('IN') ? (checkOperator(field, 'IN', at), parseList(field)) : null;
    if (node === null) {
      throw expected(denied ? 'IN or EXISTS' : `an operator behind ${quoteShort(field.name)}: ${operatorsOf(field.type).join(' ')}`);
    }
    return denied ? { kind: 'not', node } : node;
  }

  const node = parseOr(0);
  if (peek().kind !== 'end') {
    throw expected('AND, OR or the end');
  }
  return { text, node, schemaNumber: schema.number };
}
