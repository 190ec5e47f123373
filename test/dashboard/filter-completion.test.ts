import { describe, expect, it } from 'vitest';
// @ts-expect-error -- the browser's files have no types
import { complete, insert, quoted, valuesOf } from '../../src/dashboard/filter-completion.js';
import { parseFilter } from '../../src/serving/filter/parse.ts';

const SCHEMA = {
  fields: [{ name: 'price', type: 'number', operators: ['=', '<', 'TO', 'IN'] }, { name: 'categories', type: 'array', operators: ['=', 'IN', 'NOT IN'] }, { name: 'url', type: 'string', operators: [] }, { name: 'available', type: 'boolean', operators: ['='] }],
  attributes: [{ name: 'brand', type: 'string', operators: ['=', 'IN'] }],
};
const VALUES = valuesOf([{ categories: ['shoes', 'rain boots'], attributes: { brand: 'Acme', weight: 3, tags: ['a', 'b'] } }, { categories: ['shoes'], attributes: { brand: 'AND' } }]);
/** `|` is the caret. */
function offered(marked: string): string[] {
  return complete(marked.replace('|', ''), marked.indexOf('|'), SCHEMA, VALUES).options.map(({ text }: { text: string }) => text);
}

describe('completion of a filter', () => {
  it('offers what may come next', () => {
    expect(offered('|')).toEqual(['price', 'categories', 'available', 'brand', 'NOT']);
    expect(offered('pr|')).toEqual(['price']);
    expect(offered('price |')).toEqual(['=', '<', 'TO', 'IN']);
    expect(offered('price < 10 |')).toEqual(['AND', 'OR']);
    expect(offered('price 10 |')).toEqual(['TO']);
    expect(offered('price < 10 AND |')).toEqual(['price', 'categories', 'available', 'brand', 'NOT']);
    expect(offered('price < 10 AND NOT (br|')).toEqual(['brand']);
    expect(offered('category IN |')).toEqual(['[']);
    expect(offered('category IN [|')).toEqual(['shoes', '"rain boots"']);
    expect(offered('category NOT IN [shoes|')).toEqual([]);
    expect(offered('category IN [shoes |')).toEqual([',', ']']);
    expect(offered('category IN [shoes, "rain|')).toEqual(['"rain boots"']);
    expect(offered('category IN [shoes, "rain boots"] |')).toEqual(['AND', 'OR']);
    expect(offered('available = |')).toEqual(['true', 'false']);
    expect(offered('brand = |')).toEqual(['Acme', '"AND"']);
    expect(offered('brand = Acme AND pr| OR price < 3')).toEqual(['price']);
    expect(complete('', 0, null, VALUES).options.map(({ text }: { text: string }) => text)).toEqual(['NOT']);
  });

  it('puts a pick in the place of what was begun, and leads to filters that can be read', () => {
    let text = '';
    let caret = 0;
    for (const [typed, picked] of [['ca', 'categories'], ['', 'IN'], ['', '['], ['ra', '"rain boots"'], ['', ','], ['s', 'shoes'], ['', ']'], ['', 'AND'], ['b', 'brand'], ['', '='], ['', '"AND"']]) {
      text = text.slice(0, caret) + typed + text.slice(caret);
      const place = complete(text, caret + typed.length, SCHEMA, VALUES);
      expect(place.options.map((option: { text: string }) => option.text)).toContain(picked);
      ({ text, caret } = insert(text, place, picked));
    }
    expect(text.trim()).toBe('categories IN ["rain boots" , shoes ] AND brand = "AND"');
    expect(() => parseFilter(text, { number: 1, isEmpty: false, attributes: new Map([['brand', 'string']]), notKept: new Set() })).not.toThrow();
  });

  it('quotes whatever is no bare word', () => {
    expect([quoted('shoes'), quoted('a-b/c'), quoted('rain boots'), quoted('in'), quoted('say "hi" \\')]).toEqual(['shoes', 'a-b/c', '"rain boots"', '"in"', '"say \\"hi\\" \\\\"']);
  });
});
