/** What may come next in a filter (docs/filters.md has the language): fields, operators, values that items have, and what joins comparisons. The service alone says whether a filter is right. */

const TOKEN = /"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|[<>!]=|[=<>[\],()]|[^\s[\],()=<>!"']+/g;
const BARE = /^[\w\-./:+%#@$]+$/;
const KEYWORDS = new Set(['AND', 'OR', 'NOT', 'IN', 'TO', 'EXISTS', 'IS', 'NULL', 'CONTAINS']);
const COMPARISONS = new Set(['=', '!=', '<', '<=', '>', '>=', 'CONTAINS']);
const MOST_OPTIONS = 12;

/** A value as it stands in a filter. */
export function quoted(value) {
  return BARE.test(value) && !KEYWORDS.has(value.toUpperCase()) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** What is expected after a token, where `state` was. @returns {[state: string, field: string | null]} */
function after(state, field, token) {
  const word = token.toUpperCase();
  switch (state) {
    case 'field':
      return word === 'NOT' || token === '(' ? ['field', null] : ['operator', token];
    case 'operator':
      if (COMPARISONS.has(word)) {
        return ['value', field];
      }
      return word === 'IN' ? ['bracket', field] : word === 'EXISTS' ? ['joint', null] : word === 'NOT' ? ['negated', field] : word === 'IS' ? ['null', field] : ['to', field];
    case 'negated':
      return word === 'IN' ? ['bracket', field] : ['joint', null];
    case 'bracket':
      return ['member', field];
    case 'member':
      return ['comma', field];
    case 'comma':
      return token === ',' ? ['member', field] : ['joint', null];
    case 'to':
      return ['value', field];
    case 'joint':
      return token === ')' ? ['joint', null] : ['field', null];
    default:
      // After a value, or IS [NOT] NULL.
      return word === 'NOT' ? [state, field] : ['joint', null];
  }
}

/**
 * @param {string} text
 * @param {number} caret where the next letter would go
 * @param {{ fields: { name: string, type: string, operators: string[] }[], attributes: { name: string, type: string, operators: string[] }[] } | null} schema of `GET /v1/items/schema`
 * @param {ReadonlyMap<string, ReadonlySet<string>>} values that items are known to have, by field
 * @returns {{ from: number, to: number, options: { key: string, text: string, note?: string }[] }} `text` of an option takes the place of what lies between `from` and `to`
 */
export function complete(text, caret, schema, values) {
  const tokens = [...text.slice(0, caret).matchAll(TOKEN)];
  const last = tokens.at(-1);
  // What the caret touches is still being written; a sign stands for itself.
  const isPartial = last !== undefined && last.index + last[0].length === caret && !/^([<>!]=|[=<>[\],()])$/.test(last[0]);
  let [state, field] = ['field', null];
  for (const [token] of isPartial ? tokens.slice(0, -1) : tokens) {
    [state, field] = after(state, field, token);
  }
  const partial = isPartial ? last[0].replace(/^["']/, '').toLowerCase() : '';
  const all = schema === null ? [] : [...schema.fields, ...schema.attributes].filter(({ operators }) => operators.length > 0);
  const found = all.find(({ name }) => name === field || (field === 'category' && name === 'categories'));
  const members = () => (found?.type === 'boolean' ? ['true', 'false'] : [...(values.get(found?.name) ?? [])]).map((value) => ({ text: quoted(value), match: value }));
  const words = (...all) => all.map((word) => ({ text: word, match: word }));
  const of = {
    field: () => [...all.map(({ name, type }) => ({ text: name, match: name, note: type === 'array' ? 'list of texts' : type })), ...words('NOT')],
    operator: () => words(...(found?.operators ?? [])),
    negated: () => words('IN', 'EXISTS'),
    bracket: () => words('['),
    member: members,
    value: members,
    comma: () => words(',', ']'),
    to: () => words('TO'),
    null: () => words('NULL', 'NOT NULL'),
    joint: () => words('AND', 'OR'),
  };
  const options = of[state]().filter(({ text, match }) => match.toLowerCase().includes(partial) && text !== last?.[0]);
  const [begin, rest] = [options.filter(({ match }) => match.toLowerCase().startsWith(partial)), options.filter(({ match }) => !match.toLowerCase().startsWith(partial))];
  return { from: isPartial ? last.index : caret, to: caret, options: [...begin, ...rest].slice(0, MOST_OPTIONS).map(({ text, note }) => ({ key: text, text, note })) };
}

/** @returns the text with an option in its place, and where the caret goes */
export function insert(text, { from, to }, option) {
  const before = text.slice(0, from);
  const space = before !== '' && !/[\s([]$/.test(before) && option !== ',' ? ' ' : '';
  const head = `${before}${space}${option}${option === '[' ? '' : ' '}`;
  return { text: `${head}${text.slice(to).trimStart()}`, caret: head.length };
}

/** Values of items, by field: what completion offers. @param items as `GET /v1/items` answers them */
export function valuesOf(items) {
  const values = new Map();
  const add = (name, value) => {
    if (typeof value === 'string' && value.length <= 60) {
      values.set(name, (values.get(name) ?? new Set()).add(value));
    }
  };
  for (const { categories, attributes } of items) {
    categories.forEach((category) => add('categories', category));
    Object.entries(attributes).forEach(([name, value]) => [value].flat().forEach((one) => add(name, one)));
  }
  return values;
}
