/** The examples of docs/filters.md against the demo shop's catalogue, and the details of its faults. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generateDemoShop } from '../../../src/demo/generator.ts';
import { ItemColumns } from '../../../src/serving/item-columns.ts';
import { evaluateFilter } from '../../../src/serving/filter/evaluate.ts';
import { parseBoosts, readBoosts } from '../../../src/serving/filter/boosts.ts';
import { parseFilter } from '../../../src/serving/filter/parse.ts';
import type { FilterSchema } from '../../../src/serving/filter/schema.ts';
import { type AttributeType, typeOfAttribute } from '../../../src/storage/item-attributes.ts';
import { createItem, faultIn } from './shop.ts';

const page = readFileSync(new URL('../../../docs/filters.md', import.meta.url), 'utf8');
const section = (title: string) => page.split(`\n## ${title}\n`)[1].split('\n## ')[0];
const now = Date.UTC(2026, 10, 25);
const { items } = generateDemoShop({ seed: 1, users: 10, items: 1000, events: 0, endMs: now });
const attributes = new Map<string, AttributeType>(items.flatMap((item) => Object.entries(item.attributes).map(([name, value]): [string, AttributeType] => [name, typeOfAttribute(value)!])));
const schema: FilterSchema = { number: 1, isEmpty: false, attributes, notKept: new Set() };
const columns = new ItemColumns();
attributes.forEach((type, name) => columns.addAttribute(name, type));
items.forEach(({ itemId, title, price, categories, attributes: own, available, publishedAtMs }, k) => columns.put(createItem(k + 1, { itemId, title, price, categories, attributes: own, isAvailable: available, publishedAtMs: publishedAtMs ?? Number.NaN })));

const count = (filter: string) => {
  const { marks } = evaluateFilter(parseFilter(filter, schema).node, columns, now);
  return items.filter((_, row) => marks[row] === 1).length;
};

describe('docs/filters.md', () => {
  const examples = [...section('Examples').matchAll(/^\| `(.+)` \|/gm)].map((match) => match[1]);

  it('has twenty examples', () => {
    expect(examples.length).toBe(20);
  });

  it.each([...examples, /```\n(price.+)\n```/.exec(page)![1]])('%s finds some of the demo shop’s items', (filter) => {
    expect(count(filter)).toBeGreaterThan(0);
    expect(count(filter)).toBeLessThan(items.length);
  });

  it('has boosts that are right', () => {
    expect(parseBoosts(/```\n(.+)\n```/.exec(section('Boosts'))![1], schema).length).toBe(3);
    expect(readBoosts(JSON.parse(/```json\n(.+)\n```/.exec(section('Boosts'))![1]) as [{ filter: string; amount: number }], schema).length).toBe(1);
  });

  it('says of faults what they say', () => {
    const faults = [...section('What is refused').matchAll(/^\| `([a-z-]+)` \| `(.+)` \| (.+) \|$/gm)];
    expect(faults.length).toBe(5);
    for (const [, reason, filter, detail] of faults) {
      const fault = faultIn(() => parseFilter(filter, schema));
      expect([filter, fault?.code, fault?.message]).toEqual([filter, reason, expect.stringContaining(detail.replace(' …', ''))]);
    }
  });
});
