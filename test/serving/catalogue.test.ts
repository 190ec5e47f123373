import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Catalogue, createCatalogue } from '../../src/serving/catalogue.ts';
import { evaluateFilter } from '../../src/serving/filter/evaluate.ts';
import { FilterFault } from '../../src/serving/filter/fault.ts';
import { parseFilter } from '../../src/serving/filter/parse.ts';
import { ItemColumns } from '../../src/serving/item-columns.ts';
import { type MaskedModel, createMasks } from '../../src/serving/masks.ts';
import { createDatabase, inTransaction, run } from '../../src/storage/database.ts';
import { type ItemPatch, deleteItem, patchItems } from '../../src/storage/items.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { createItem } from './filter/shop.ts';

/** A model that knows some of the items, with a scan of few slots that writes down what it is told. */
function createModel(itemNos: number[], itemIds: string[], masks = 4): MaskedModel & { slots: string[]; told: number } {
  const model = {
    itemNos: Int32Array.from(itemNos), itemIds, slots: Array.from({ length: masks }, () => ''), told: 0,
    scan: {
      masks,
      setMask(slot: number, marks: Uint8Array) {
        model.slots[slot] = marks.join('');
        model.told++;
      },
    },
  };
  return model;
}

describe('the catalogue in memory', () => {
  let database: pg.Pool;
  let drop: () => Promise<void>;
  let catalogue: Catalogue;
  let now = Date.UTC(2026, 10, 25);
  const put = async (...patches: ItemPatch[]) => await inTransaction(database, async (connection) => await patchItems(connection, patches, true));
  const found = (filter: string, of = catalogue) => {
    const { marks } = evaluateFilter(parseFilter(filter, of.schema()).node, of.columns, now);
    return of.columns.ids.filter((_, row) => marks[row] === 1).toSorted();
  };

  beforeAll(async () => {
    const made = await createTestDatabase(inject('templateUrl'));
    drop = made.drop;
    database = createDatabase({ connectionString: made.url, maxConnections: 5, onError: () => undefined });
    await put(
      { itemId: 'a', title: 'Trail Shoe', price: 89.99, categories: ['shoes', 'outdoor'], attributes: { brand: 'Acme', sizes: [40, 41], recycled: true, weightGrams: 640, care: { wash: 30 } } },
      { itemId: 'b', title: 'Größe', price: 5, categories: [], attributes: { brand: null, '__proto__x': 'y' }, available: false },
      { itemId: 'c', publishedAt: '2026-12-01T00:00:00Z', expiresAt: '2026-12-03T00:00:00Z' },
      { itemId: 'plain' },
    );
    catalogue = createCatalogue(database, () => now);
    expect(catalogue.schema().isEmpty).toBe(true);
    await catalogue.refresh();
  });
  afterAll(async () => {
    await database.end();
    await drop();
  });

  it('reads every field as Postgres has it', () => {
    const { columns } = catalogue;
    expect(columns.ids).toEqual(['a', 'b', 'c', 'plain']);
    expect([...columns.nos.subarray(0, columns.rows)]).toEqual([...columns.nos.subarray(0, columns.rows)].toSorted((x, y) => x - y));
    expect(columns.ids.map((id) => columns.rowOfId(id))).toEqual([0, 1, 2, 3]);
    expect(columns.rowOfId('A')).toBe(-1);
    expect([...catalogue.schema().attributes]).toEqual(expect.arrayContaining([['brand', 'string'], ['sizes', 'array'], ['recycled', 'boolean'], ['weightGrams', 'number'], ['care', 'object']]));
    for (const [filter, ids] of [['price = 89.99', ['a']], ['category = outdoor', ['a']], ['category EXISTS', ['a']], ['brand = acme', ['a']], ['brand EXISTS', ['a']], ['sizes = 41', ['a']], ['recycled = true', ['a']], ['weightGrams > 600', ['a']], ['care EXISTS', ['a']], ['`__proto__x` = y', ['b']], ['title CONTAINS größe', ['b']], ['publishedAt = 2026-12-01', ['c']], ['expiresAt = 2026-12-03', ['c']], ['available = false', ['b']]] as const) {
      expect([filter, found(filter)]).toEqual([filter, ids]);
    }
    expect(Math.abs(columns.firstSeenMs[0] - Date.now())).toBeLessThan(600_000);
  });

  it('takes in changes, new items and new attributes, and does nothing where nothing changed', async () => {
    const before = [catalogue.revision(), catalogue.schema().number];
    await catalogue.refresh();
    await catalogue.refresh();
    const again = catalogue.revision();
    await catalogue.refresh();
    expect([catalogue.revision(), catalogue.schema().number]).toEqual([again, before[1]]);

    await put({ itemId: 'a', price: 10, categories: ['shoes', 'sale', 'trail', 'x'], attributes: { brand: 'Bergspan', power: 3 } }, { itemId: 'new', attributes: { brand: 'acme' } });
    await catalogue.refresh();
    expect(catalogue.revision()).toBe(again + 2);
    expect(catalogue.schema().number).toBe(before[1] + 1);
    expect([found('brand = acme'), found('brand = bergspan'), found('recycled EXISTS'), found('power = 3'), found('price = 10'), found('category = outdoor'), found('category = trail')]).toEqual([['new'], ['a'], [], ['a'], ['a'], [], ['a']]);
    await database.query(`UPDATE items SET title = 'gone', xid = pg_current_xact_id() WHERE item_id = 'a'`);
    await deleteItem(database, 'new');
    await catalogue.refresh();
    expect(found('title = GONE')).toEqual(['a']);
    expect(catalogue.isBlocked(catalogue.columns.nos[catalogue.columns.rowOfId('new')])).toBe(true);
  });

  it('reads what a slow transaction left, also where its number is in the middle', async () => {
    const slow = await database.connect();
    await slow.query('BEGIN');
    await run(slow, `INSERT INTO items (item_id, price) VALUES ('slow', 1)`);
    await put({ itemId: 'fast', price: 2 });
    await catalogue.refresh();
    const model = createModel([catalogue.columns.nos[0], catalogue.columns.nos[catalogue.columns.rows - 1]], ['a', 'fast']);
    expect([...catalogue.rowsOf(model)]).toEqual([0, catalogue.columns.rows - 1]);
    const revision = catalogue.revision();
    // Read again for as long as the other one is under way, and recognised.
    await catalogue.refresh();
    expect(catalogue.revision()).toBe(revision);
    await slow.query('COMMIT');
    slow.release();
    await catalogue.refresh();
    expect(catalogue.columns.ids.slice(-2)).toEqual(['slow', 'fast']);
    expect([found('price = 1'), found('price = 2'), catalogue.columns.rowOfId('fast')]).toEqual([['slow'], ['fast'], catalogue.columns.rows - 1]);
    expect([...catalogue.rowsOf(model)]).toEqual([0, catalogue.columns.rows - 1]);
  });

  it('marks what may not be answered, and changes when a time passes', () => {
    const { columns } = catalogue;
    const model = createModel([...columns.nos.subarray(0, 4), columns.nos[columns.rows - 1] + 5], ['a', 'b', 'c', 'plain', 'unknown']);
    const marks = () => catalogue.marksFor(model).join('');
    const generations = [catalogue.generation(model)];
    expect(marks()).toBe('01100');
    expect(catalogue.generation(model)).toBe(generations[0]);
    for (const [at, expected] of [[Date.UTC(2026, 11, 1), '01000'], [Date.UTC(2026, 11, 3) - 1, '01000'], [Date.UTC(2026, 11, 3), '01100']] as const) {
      now = at;
      expect(marks()).toBe(expected);
      generations.push(catalogue.generation(model));
    }
    expect(new Set(generations).size).toBe(3);
    expect([catalogue.isBlocked(columns.nos[1]), catalogue.isBlocked(columns.nos[3]), catalogue.isBlocked(999_999)]).toEqual([true, false, false]);
    now = Date.UTC(2026, 10, 25);
  });

  it('answers while Postgres is away', async () => {
    const other = createDatabase({ connectionString: 'postgres://nobody@127.0.0.1:1/none', maxConnections: 1, onError: () => undefined });
    const cut = createCatalogue(other, () => now);
    await expect(cut.refresh()).rejects.toThrow(/Postgres cannot be used/);
    expect([cut.isBlocked(1), [...cut.newest(5, null)]]).toEqual([false, []]);
    await other.end();
  });

  it('lists the newest first, of those wanted', async () => {
    await put({ itemId: 'n1', publishedAt: '2026-11-20T00:00:00Z' }, { itemId: 'n2', publishedAt: '2026-11-24T00:00:00Z' }, { itemId: 'n3', publishedAt: '2026-11-24T00:00:00Z' }, { itemId: 'n4', publishedAt: '2026-11-26T00:00:00Z' }, { itemId: 'n5', publishedAt: '2020-01-01T00:00:00Z' });
    await database.query(`UPDATE items SET first_seen_at = CASE item_id WHEN 'plain' THEN '2026-11-23T00:00:00Z' ELSE '2026-11-21T00:00:00Z' END::timestamptz, xid = pg_current_xact_id() WHERE item_id IN ('plain', 'a')`);
    await catalogue.refresh();
    const { marks } = evaluateFilter(parseFilter('itemId IN [n1, n2, n3, n4, n5, plain, a, b]', catalogue.schema()).node, catalogue.columns, now);
    const ids = (limit: number) => [...catalogue.newest(limit, marks)].map((row) => catalogue.columns.ids[row]);
    // n4 is not published yet, b is not available; a came with the first import, as far as anybody knows.
    expect(ids(10)).toEqual(['n3', 'n2', 'plain', 'n1', 'n5', 'a']);
    expect(ids(2)).toEqual(['n3', 'n2']);
    expect(catalogue.newest(3, null).length).toBe(3);
  });

  it('keeps filters in slots: the least recently used one goes, and a changed catalogue fills a slot anew', async () => {
    const masks = createMasks(catalogue, () => now);
    const { columns } = catalogue;
    const model = createModel([...columns.nos.subarray(0, 4), 999_999], ['a', 'b', 'c', 'plain', 'unknown']);
    const parse = (text: string) => parseFilter(text, catalogue.schema());
    expect([masks.slotFor(model, null), model.slots[0]]).toEqual([0, '01100']);
    const cheap = parse('price <= 10');
    const slot = masks.slotFor(model, cheap);
    // b is cheap and not available; what is not known here cannot match.
    expect([slot, model.slots[slot]]).toEqual([1, '01111']);
    const boost = masks.boostSlotFor(model, cheap);
    expect([boost, model.slots[boost]]).toEqual([2, '11000']);
    expect([masks.slotFor(model, parse('price > 10')), masks.slotFor(model, null)]).toEqual([3, 0]);
    const told = model.told;
    expect([masks.slotFor(model, cheap), masks.boostSlotFor(model, cheap), model.told]).toEqual([1, 2, told]);
    // Full: the one that was asked for longest ago makes room.
    expect([masks.slotFor(model, parse('brand EXISTS')), masks.slotFor(model, cheap), model.told]).toEqual([3, 1, told + 1]);

    const other = createModel([columns.nos[3]], ['plain']);
    expect([masks.slotFor(other, cheap), other.slots[1]]).toEqual([1, '1']);

    await put({ itemId: 'plain', price: 3 }, { itemId: 'b', available: true });
    await catalogue.refresh();
    expect([masks.slotFor(model, cheap), model.slots[1], masks.slotFor(other, cheap), other.slots[1]]).toEqual([1, '00101', 1, '0']);
    expect([masks.slotFor(model, null), model.slots[0]]).toEqual([0, '00100']);

    const soon = parse('publishedAt <= now + 1d');
    now = Date.UTC(2026, 10, 30) - 1;
    expect(masks.matches(soon)[2]).toBe(0);
    now += 1;
    expect(masks.matches(soon)[2]).toBe(1);
    now = Date.UTC(2026, 10, 25);
  });

  it('reads a filter anew under another schema', async () => {
    const made = await createTestDatabase(inject('templateUrl'));
    const fresh = createDatabase({ connectionString: made.url, maxConnections: 2, onError: () => undefined });
    const empty = createCatalogue(fresh, () => now);
    await empty.refresh();
    const [right, wrong] = ['colour = red', 'color = red'].map((text) => parseFilter(text, empty.schema()));
    const masks = createMasks(empty, () => now);
    expect([masks.matches(right).length, masks.matches(wrong).length]).toEqual([0, 0]);
    await inTransaction(fresh, async (connection) => await patchItems(connection, [{ itemId: 'x', attributes: { colour: 'Red' } }], true));
    await empty.refresh();
    expect(masks.matches(right)[0]).toBe(1);
    expect(() => masks.matches(wrong)).toThrow(FilterFault);
    expect(() => masks.matches(wrong)).toThrow(/did you mean "colour"/);
    await fresh.end();
    await made.drop();
  });

  it('keeps the first 256 attributes and says so of the others', async () => {
    const made = await createTestDatabase(inject('templateUrl'));
    const fresh = createDatabase({ connectionString: made.url, maxConnections: 2, onError: () => undefined });
    const attributes = (prefix: string, count: number) => Object.fromEntries(Array.from({ length: count }, (_, k) => [`${prefix}${k}`, k]));
    await inTransaction(fresh, async (connection) => await patchItems(connection, [{ itemId: 'x', attributes: attributes('zzz', 250) }], true));
    await inTransaction(fresh, async (connection) => await patchItems(connection, [{ itemId: 'y', attributes: attributes('aaa', 10) }], true));
    const crowded = createCatalogue(fresh, () => now);
    await crowded.refresh();
    expect(found('zzz249 = 249', crowded)).toEqual(['x']);
    expect([crowded.schema().attributes.size, crowded.schema().notKept.size]).toEqual([256, 4]);
    expect(() => found(`${[...crowded.schema().notKept][0]} = 3`, crowded)).toThrow(/first 256 attributes/);
    await fresh.end();
    await made.drop();
  });
});

describe('columns', () => {
  const texts = fc.constantFrom('a', 'b', 'c d', 'e');
  const change = fc.record({
    itemNo: fc.integer({ min: 1, max: 12 }), price: fc.constantFrom(Number.NaN, 1, 2), categories: fc.array(texts, { maxLength: 5 }), isAvailable: fc.boolean(),
    attributes: fc.record({ brand: texts, sizes: fc.array(texts, { maxLength: 5 }), power: fc.integer({ min: 0, max: 3 }) }, { requiredKeys: [] }),
  });

  it('hold the same after any changes in any order as when filled once in order', () => {
    const create = () => {
      const columns = new ItemColumns();
      columns.addAttribute('brand', 'string');
      columns.addAttribute('sizes', 'array');
      columns.addAttribute('power', 'number');
      return columns;
    };
    const members = (dictionary: { keys: string[] }, { size, start, pool }: ItemColumns['categories'], row: number) => (size.length === 0 || size[row] === 0 ? null : Array.from(pool.subarray(start[row], start[row] + size[row] - 1), (code) => dictionary.keys[code]));
    const contentOf = (columns: ItemColumns) =>
      columns.ids.map((id, row) => {
        const [brand, sizes, power] = ['brand', 'sizes', 'power'].map((name) => columns.attributes.get(name)!);
        if (brand.type !== 'string' || sizes.type !== 'array' || power.type !== 'number') {
          throw new Error('of another type');
        }
        return [id, columns.nos[row], columns.isOff(row), columns.price.values[row], members(columns.categoryNames, columns.categories, row), brand.dictionary.keys[brand.column.values[row] ?? 0], members(sizes.dictionary, sizes.column, row), power.column.values[row] ?? Number.NaN, columns.rowOfId(id)];
      });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const columns = create();
        changes.forEach(({ itemNo, ...fields }, k) => {
          columns.put(createItem(itemNo, fields));
          if (k % 7 === 0) {
            columns.compact(k % 2 === 0);
          }
        });
        const last = new Map(changes.map((one) => [one.itemNo, one]));
        const once = create();
        [...last.keys()].toSorted((a, b) => a - b).forEach((itemNo) => once.put(createItem(itemNo, last.get(itemNo)!)));
        expect(contentOf(columns).map(([, , , price = Number.NaN, ...rest]) => [price, rest])).toEqual(contentOf(once).map(([, , , price = Number.NaN, ...rest]) => [price, rest]));
        expect(columns.ids).toEqual(once.ids);
      }),
    );
  });

  it('give back the room of lists and texts that are gone', () => {
    const columns = new ItemColumns();
    columns.addAttribute('tags', 'array');
    columns.addAttribute('stamp', 'string');
    for (let round = 0; round < 400; round++) {
      for (let itemNo = 1; itemNo <= 20; itemNo++) {
        columns.put(createItem(itemNo, { categories: Array.from({ length: 1 + (round % 9) }, (_, k) => `c${(round + k) % 30}`), attributes: { tags: Array.from({ length: 1 + (round % 5) }, (_, k) => `${round} ${k}`), stamp: `${round} ${itemNo}` } }));
      }
      columns.compact();
    }
    const [tags, stamp] = ['tags', 'stamp'].map((name) => columns.attributes.get(name)!);
    expect([columns.categories.pool.length < 10_000, tags.type === 'array' && tags.dictionary.size < 12_000, stamp.type === 'string' && stamp.dictionary.size < 3_000]).toEqual([true, true, true]);
    const { marks } = evaluateFilter(parseFilter('stamp = "399 7" AND tags = "399 4" AND category = c10', { number: 0, isEmpty: false, attributes: new Map([['tags', 'array'], ['stamp', 'string']]), notKept: new Set() }).node, columns, 0);
    // Round 399 wrote 399 % 9 + 1 categories from c9 on, and 399 % 5 + 1 tags.
    expect([...marks.subarray(0, 20)]).toEqual(Array.from({ length: 20 }, (_, row) => (row === 6 ? 1 : 0)));
  });

  it('cost less than 40 bytes an item that has nothing but an id', () => {
    const columns = new ItemColumns();
    const rows = 100_000;
    for (let itemNo = 1; itemNo <= rows; itemNo++) {
      columns.put(createItem(itemNo));
    }
    columns.compact(true);
    // And eight for the reference to the id.
    expect(columns.bytes / rows + 8).toBeLessThan(40);
  });
});
