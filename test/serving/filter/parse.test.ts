import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBoosts, readBoosts } from '../../../src/serving/filter/boosts.ts';
import { evaluateFilter } from '../../../src/serving/filter/evaluate.ts';
import type { FilterFault } from '../../../src/serving/filter/fault.ts';
import { MAX_FILTER_CHARACTERS, parseFilter } from '../../../src/serving/filter/parse.ts';
import { DAY, NOW, SCHEMA, columnsOf, createItem, faultIn } from './shop.ts';

const ITEMS = [
  createItem(1, { title: 'Trail Running Shoe, Moss Green', price: 89.99, categories: ['Footwear', 'trail shoes'], attributes: { brand: 'Acme', weightGrams: 640, recycled: true, sizes: [40, 41.5, 'XL'], care: { wash: 30 } }, publishedAtMs: Date.UTC(2026, 0, 1) }),
  createItem(2, { title: 'Regenstiefel Größe 3', price: 100, categories: ['footwear', 'rain boots'], attributes: { brand: 'it\'s "B" \\ C', sizes: [] }, expiresAtMs: Date.UTC(2027, 0, 1) }),
  createItem(3, { price: 0, attributes: { recycled: false, 'odd `name"': 'x' }, isAvailable: false }),
  createItem(4, { itemId: 'Item-1', title: 'Tent', categories: ['camping'], attributes: { brand: 'ACME', weightGrams: 0, price: 5 } }),
];

function found(filter: string): number[] {
  const { marks } = evaluateFilter(parseFilter(filter, SCHEMA).node, columnsOf(ITEMS), NOW);
  return ITEMS.filter((_, row) => marks[row] === 1).map((item) => item.itemNo);
}

type Refused = [string, string, number, RegExp];

/** With a title that can be read. */
function titled(cases: readonly Refused[]): [string, ...Refused][] {
  return cases.map((one) => [one[0].slice(0, 60), ...one]);
}

function faultOf(text: string, parse: (text: string) => unknown = (filter) => parseFilter(filter, SCHEMA)): FilterFault {
  const fault = faultIn(() => parse(text));
  if (fault === null) {
    throw new Error(`${text} was taken`);
  }
  return fault;
}

describe('filters', () => {
  it.each<[string, number[]]>([
    ['price < 100', [1, 3]],
    ['price = 89.99', [1]],
    ['price < 89.99', [3]],
    ['price <= 8.999e1', [1, 3]],
    ['price 0 TO 89.99', [1, 3]],
    ['price > "89.99"', [2]],
    ['price != 100', [1, 3, 4]],
    ['NOT price = 100', [1, 3, 4]],
    ['price IN [0, 100]', [2, 3]],
    ['price NOT IN [0, 100]', [1, 4]],
    ['price EXISTS', [1, 2, 3]],
    ['price NOT EXISTS', [4]],
    ['price is null', [4]],
    ['price IS NOT NULL', [1, 2, 3]],
    ['category = footwear', [1, 2]],
    ['categories = FOOTWEAR', [1, 2]],
    ['category IN ["rain boots", camping]', [2, 4]],
    ['category != footwear', [3, 4]],
    ['category EXISTS', [1, 2, 4]],
    ['category IN []', []],
    ['brand = acme', [1, 4]],
    ['brand = \'it\'\'s "B" \\\\ C\'', [2]],
    ['brand = "it\'s \\"B\\" \\\\ C"', [2]],
    ['NOT brand = acme', [2, 3]],
    ['brand NOT EXISTS', [3]],
    ['attributes.brand = Acme', [1, 4]],
    ['attributes.price = 5', [4]],
    ['attributes."price" >= 5', [4]],
    ['`odd \\`name"` = x', [3]],
    ['`odd ``name"` = x', [3]],
    ['attributes."odd `name\\"" = x', [3]],
    ['weightGrams >= 0', [1, 4]],
    ['weightGrams < 1', [4]],
    ['recycled = TRUE', [1]],
    ['recycled != true', [2, 3, 4]],
    ['recycled IN [true, false]', [1, 3]],
    ['sizes = 40', [1]],
    ['sizes = 41.50', [1]],
    ['sizes = "xl"', [1]],
    ['sizes 41 TO 42', [1]],
    ['sizes > 41.5', []],
    ['sizes EXISTS', [1, 2]],
    ['care EXISTS', [1]],
    ['itemId = item-1', [1]],
    ['itemId IN [Item-1, item-2, nothing]', [2, 4]],
    ['title CONTAINS shoe', [1]],
    ['title CONTAINS "GREEN running"', [1]],
    ['title CONTAINS run', []],
    ['title CONTAINS "größe"', [2]],
    ['title = tent', [4]],
    ['title EXISTS', [1, 2, 4]],
    ['available = false', [3]],
    ['publishedAt >= 2026-01-01', [1]],
    ['publishedAt = 2026-01-01T01:00:00+01:00', [1]],
    ['publishedAt < "2026-01-01 00:00"', []],
    ['expiresAt > now', [2]],
    ['createdAt > now - 3d', [1, 2]],
    ['createdAt >= now-3d', [1, 2, 3]],
    ['createdAt now - 3d TO now -2d', [2, 3]],
    ['createdAt < now - 0s AND createdAt > now - 1w', [1, 2, 3, 4]],
    ['price < 100 and category in [footwear] or brand = acme', [1, 4]],
    ['price < 100 AND (category = camping OR brand = acme)', [1]],
    ['NOT NOT NOT price < 100 AND NOT (brand = acme OR recycled EXISTS)', [2]],
  ])('%s', (filter, expected) => {
    expect(found(filter)).toEqual(expected);
  });

  it.each(titled([
    ['', 'syntax', 0, /found the end, expected the name of a field/],
    ['price', 'syntax', 5, /expected an operator behind "price": = != < <=/],
    ['prise < 3', 'unknown-field', 0, /did you mean "price"\?/],
    ['attributes.brnd = 3', 'unknown-field', 0, /did you mean "brand"\?/],
    ['attributes.itemId = 3', 'unknown-field', 0, /neither a field nor an attribute/],
    ['late = 1', 'unknown-field', 0, /first 256 attributes/],
    ['price < cheap', 'type', 8, /"price" is a number; "cheap" is no number/],
    ['price < 1e999', 'type', 8, /no number/],
    ['recycled = maybe', 'type', 11, /true or false; "maybe" is neither/],
    ['sizes > XL', 'type', 8, /a list.*"XL" is no number/],
    ['brand < acme', 'operator', 6, /"brand" is a text and does not go with <; it goes with = !=/],
    ['category 1 TO 3', 'operator', 9, /does not go with TO/],
    ['care = 1', 'operator', 5, /EXISTS/],
    ['price CONTAINS 3', 'operator', 6, /CONTAINS/],
    ['publishedAt IN [2026-01-01]', 'operator', 12, /IN/],
    ['publishedAt > 2026-02-30', 'type', 14, /no time; right are/],
    ['publishedAt > now - 30y', 'type', 14, /no time/],
    ['title CONTAINS "-!"', 'type', 15, /no word/],
    ['price < 3 brand = acme', 'syntax', 10, /found "brand", expected AND, OR or the end/],
    ['price == 3', 'syntax', 6, /use =/],
    ['price < 3 && price > 1', 'syntax', 10, /use AND/],
    ['brand = and', 'syntax', 8, /keyword AND.*quotes/],
    ['and = 3', 'syntax', 0, /backticks/],
    ['brand = "acme', 'syntax', 8, /never closed/],
    ['brand = "a\\x"', 'syntax', 10, /escape/],
    ['brand = "a\\', 'syntax', 10, /ends after a backslash/],
    ['(price < 3', 'syntax', 10, /found the end, expected AND, OR or "\)"/],
    ['price IN 3', 'syntax', 9, /expected "\["/],
    ['price IN [3 4]', 'syntax', 12, /expected "," or "]"/],
    ['price NOT 3', 'syntax', 10, /IN or EXISTS/],
    ['price IS 3', 'syntax', 9, /NULL or NOT NULL/],
    ['price 3', 'syntax', 7, /expected TO/],
    ['brand = a; DROP', 'syntax', 9, /found ";", which means nothing here/],
    ['brand = 👟 AND', 'syntax', 8, /found "👟"/],
    ['brand = "👟👟" AND (', 'syntax', 18, /found the end/],
    ['brand = "a" ^ 2', 'syntax', 12, /found "\^"/],
    [`${'('.repeat(60)}price < 3${')'.repeat(60)}`, 'too-deep', 51, /50 deep/],
    [`${'NOT '.repeat(60)}price < 3`, 'too-deep', 204, /50 deep/],
    [`brand = "${'x'.repeat(MAX_FILTER_CHARACTERS)}"`, 'too-long', 0, /4000 characters/],
    [`price IN [${Array(1001).fill(1).join()}]`, 'too-complex', 2010, /1000 values/],
    [Array(101).fill('price<1').join(' OR '), 'too-complex', 1100, /100 comparisons.*IN/],
  ]))('refuses %s', (_, filter, code, position, message) => {
    const fault = faultOf(filter);
    expect(fault.message).toMatch(message);
    expect([fault.code, fault.position]).toEqual([code, position]);
    expect(fault.message.length).toBeLessThan(400);
  });

  it('takes every name while there is no item at all', () => {
    const { node } = parseFilter('anything = 3 AND NOT other EXISTS AND third 1 TO 2', { number: 0, isEmpty: true, attributes: new Map(), notKept: new Set() });
    expect(evaluateFilter(node, columnsOf([]), NOW).marks.length).toBe(0);
  });

  it('says until when a filter with now is right', () => {
    const columns = columnsOf(ITEMS);
    const { node } = parseFilter('createdAt > now - 3d', SCHEMA);
    let now = NOW;
    const seen: [number, number][] = [];
    for (let step = 0; step < 4; step++) {
      const { marks, validUntilMs } = evaluateFilter(node, columns, now);
      seen.push([(now - NOW) / DAY, marks.reduce((sum, mark) => sum + mark, 0)]);
      // In between nothing changes.
      expect(evaluateFilter(node, columns, Math.min(validUntilMs - 1, now + 400 * DAY)).marks).toEqual(marks);
      now = validUntilMs;
    }
    expect(seen[0]).toEqual([0, 2]);
    expect(seen.at(-1)![1]).toBeLessThan(2);
    expect(evaluateFilter(node, columns, NOW + 2 * DAY).validUntilMs).toBe(NOW + 2 * DAY + 1);
    expect(evaluateFilter(node, columns, NOW + 3 * DAY).validUntilMs).toBe(Infinity);
    expect(evaluateFilter(parseFilter('createdAt > 2026-01-01', SCHEMA).node, columns, NOW).validUntilMs).toBe(Infinity);
  });

  it('throws nothing but FilterFault and takes no time, whatever comes', () => {
    const pieces = fc.constantFrom('price', 'brand', 'attributes.', '`', '"', "'", '\\', '(', ')', '[', ']', ',', '=', '!=', '<', '<>', ' NOT ', ' AND ', ' OR ', ' IN ', ' TO ', ' EXISTS', ' IS NULL', 'now', '-', '30d', '1', 'true', '2026-01-01', '^', ':', '👟', '\ud800', '\0');
    const longText = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')), fc.tuple(pieces, pieces, fc.integer({ min: 1, max: 2000 })).map(([a, b, times]) => (a + b).repeat(times).slice(0, 4000)));
    fc.assert(
      fc.property(longText, (text) => {
        for (const parse of [() => parseFilter(text, SCHEMA), () => parseBoosts(text, SCHEMA)]) {
          const began = process.cpuUsage();
          const fault = faultIn(parse);
          // The process' own time: a machine that is busy with something else does not count.
          const { user, system } = process.cpuUsage(began);
          expect(user + system).toBeLessThan(50_000);
          expect(fault?.position ?? 0).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('boosts', () => {
  it('reads fields, values and amounts', () => {
    const boosts = parseBoosts('category:shoes^1.5, brand:"rain: \\"b\\""^-2,recycled:true^.5, attributes.price:5^1', SCHEMA);
    expect(boosts.map(({ filter, amount }) => [filter.text, amount])).toEqual([['category = "shoes"', 1.5], ['attributes.`brand` = "rain: \\"b\\""', -2], ['attributes.`recycled` = "true"', 0.5], ['attributes.`price` = "5"', 1]]);
    for (const { filter } of [...boosts, ...parseBoosts('createdAt:now - 3d^1, attributes."odd `name\\"":a\\b^1'.replace('a\\b', '"a\\\\b"'), SCHEMA)]) {
      expect(parseFilter(filter.text, SCHEMA).node).toEqual(filter.node);
    }
  });

  it.each(titled([
    ['', 'syntax', 0, /name of a field/],
    ['category:shoes', 'syntax', 14, /expected "\^"/],
    ['category=shoes^1', 'syntax', 8, /expected ":"/],
    ['category:shoes^11', 'type', 15, /−10 to 10/],
    ['category:shoes^x', 'type', 15, /−10 to 10/],
    ['category:shoes^', 'syntax', 15, /found the end/],
    ['category:shoes^1;', 'syntax', 16, /means nothing/],
    ['category:shoes^1,', 'syntax', 17, /name of a field/],
    ['prise:3^1', 'unknown-field', 0, /did you mean "price"/],
    ['care:3^1', 'operator', 4, /EXISTS/],
    [Array(11).fill('price:1^1').join(), 'too-complex', 100, /10 boosts/],
  ]))('refuses %s', (_, text, code, position, message) => {
    const fault = faultOf(text, (boosts) => parseBoosts(boosts, SCHEMA));
    expect(fault.message).toMatch(message);
    expect([fault.code, fault.position]).toEqual([code, position]);
  });

  it('reads a list of filters with amounts, and says which element is wrong', () => {
    expect(readBoosts([{ filter: 'price < 3 AND brand = acme', amount: -10 }], SCHEMA)).toMatchObject([{ amount: -10, filter: { text: 'price < 3 AND brand = acme' } }]);
    expect(() => readBoosts([{ filter: 'price < 3', amount: 1 }, { filter: 'prise < 3', amount: 1 }], SCHEMA)).toThrow(/boost 1: "prise"/);
    expect(() => readBoosts([{ filter: 'price < 3', amount: 10.5 }], SCHEMA)).toThrow(/boost 0 is 10.5/);
    expect(() => readBoosts(Array.from({ length: 11 }, () => ({ filter: 'price < 3', amount: 1 })), SCHEMA)).toThrow(/at most 10/);
  });
});
