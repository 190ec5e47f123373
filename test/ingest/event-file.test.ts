import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EventFileOptions, readEventFile } from '../../src/ingest/event-file.ts';

describe('a file of events', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-events-'));
  });
  afterAll(async () => await rm(folder, { recursive: true }));
  const read = async (content: string, { preset = 'generic', type = null, columns = {}, ...options }: Partial<Omit<EventFileOptions, 'path'>> = {}) => {
    const path = join(folder, 'events.csv');
    await writeFile(path, content);
    return await readEventFile({ ...options, path, preset, columns, type, nowMs: Date.UTC(2026, 0, 1) });
  };

  it('is read into columns with the import’s eyes, and what it would leave out is counted', async () => {
    const { events, userIds, itemIds, rowsRead, skipped } = await read('user,item,rating,time\na,x,4,2025-01-01\nb,x,,2025-01-02\n,x,1,2025-01-02\na,y,2,2027-01-01\na,y,5,2025-01-03\n');
    expect([userIds, itemIds, rowsRead, [...skipped]]).toEqual([['a'], ['x', 'y'], 5, [['no value', { count: 1, firstLine: 3 }], ['no user', { count: 1, firstLine: 4 }], ['bad time', { count: 1, firstLine: 5 }]]]);
    expect(events).toMatchObject({ length: 2, user: Int32Array.of(0, 0), item: Int32Array.of(0, 1), type: Int16Array.of(4, 4), value: Float32Array.of(4, 5), eventNo: Float64Array.of(1, 2) });
    expect([...events.occurredAtMs]).toEqual([Date.UTC(2025, 0, 1), Date.UTC(2025, 0, 3)]);
  });

  it('may have decimal commas, days before months, and no header', async () => {
    const german = await read('kunde;artikel;bewertung;datum\na;x;4,5;31.01.2025\nb;y;3,25;01.02.2025\n', { columns: { user: 'kunde', item: 'artikel', value: 'bewertung', time: 'datum' } });
    expect(german.facts).toMatchObject({ delimiter: ';', decimals: 'comma', dates: 'dmy', datesAmbiguous: false, defaultType: 'rating' });
    expect([[...german.events.value], [...german.events.occurredAtMs], [...german.skipped]]).toEqual([[4.5, 3.25], [Date.UTC(2025, 0, 31), Date.UTC(2025, 1, 1)], []]);
    const plain = await read('a,x\nb,y\n', { header: false, columns: { user: '1', item: '2' } });
    expect([plain.userIds, plain.itemIds, plain.rowsRead]).toEqual([['a', 'b'], ['x', 'y'], 2]);
  });

  it('may be longer than the first columns', async () => {
    const rows = Array.from({ length: 70_000 }, (_, n) => `u${n % 9},i${n % 7}`).join('\n');
    const { events } = await read(`user,item\n${rows}\n`, { type: 'cart' });
    expect([events.length, events.user[69_999], events.item[69_999], events.type[69_999], events.eventNo[69_999]]).toEqual([70_000, 69_999 % 9, 69_999 % 7, 2, 70_000]);
  });

  it('needs a preset and a type that there are', async () => {
    await expect(read('user,item\na,b\n', { type: 'sale' })).rejects.toThrow(/"sale" is none of the standard event types: view, cart, purchase, rating/);
    await expect(read('user,item\na,b\n', { preset: 'online-retial' })).rejects.toThrow(/did you mean "online-retail"/);
  });
});
