/**
 * The catalogue in memory and filters over it: loading, memory, a change, an uncached and a cached filter.
 *
 *   npm run bench:filter [-- --items 40000,1000000]
 *
 * On an embedded Postgres of its own. Half of the items of each size have every field, half nothing but an id.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createCatalogue } from '../dist/serving/catalogue.js';
import { parseFilter } from '../dist/serving/filter/parse.js';
import { createMasks } from '../dist/serving/masks.js';
import { createDatabase } from '../dist/storage/database.js';
import { startEmbeddedPostgres } from '../dist/storage/embedded/launcher.js';
import { migrate } from '../dist/storage/migrations.js';

const FILTERS = [
  'price < 100',
  'category IN [shoes, "rain boots"]',
  'price < 100 AND category IN [shoes, "rain boots"] AND NOT brand = "brand 7"',
  'createdAt > now - 30d OR sizes 40 TO 42',
  'title CONTAINS "trail shoe"',
];
const { values: options } = parseArgs({ options: { items: { type: 'string', default: '40000,1000000' } } });

const median = (times) => times.toSorted((a, b) => a - b)[times.length >> 1];
function timed(work, rounds = 21) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    work(round);
    times.push(performance.now() - began);
  }
  return median(times);
}
function usedMiB() {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

async function fill(client, items) {
  await client.query('TRUNCATE items; TRUNCATE item_attributes');
  await client.query(`INSERT INTO item_attributes (name, type) VALUES ('brand', 'string'), ('weightGrams', 'number'), ('recycled', 'boolean'), ('sizes', 'array')`);
  await client.query(
    `INSERT INTO items (item_id, title, price, categories, attributes, published_at, first_seen_at)
     SELECT 'item-' || n, CASE WHEN n % 2 = 0 THEN 'Brand ' || n % 97 || ' Trail ' || (ARRAY['Shoe', 'Boot', 'Tent', 'Lamp'])[1 + n % 4] || ', edition ' || n END, CASE WHEN n % 2 = 0 THEN (n::bigint * 7919 % 50000) / 100.0 END,
       CASE WHEN n % 2 = 0 THEN ARRAY[(ARRAY['shoes', 'camping', 'rain boots', 'lamps'])[1 + n / 2 % 4], 'sub ' || n % 60] ELSE '{}' END,
       CASE WHEN n % 2 = 0 THEN jsonb_build_object('brand', 'brand ' || n % 97, 'weightGrams', n % 3000, 'recycled', n % 5 = 0, 'sizes', jsonb_build_array(36 + n % 10, 'XL')) ELSE '{}' END,
       CASE WHEN n % 2 = 0 THEN now() - n % 400 * interval '1 day' END, now() - n % 400 * interval '1 day'
     FROM generate_series(1, $1::int) AS n`,
    [items],
  );
  await client.query('ANALYZE items');
}

const folder = await mkdtemp(join(tmpdir(), 'jongleur-bench-'));
await chmod(folder, 0o755);
const postgres = await startEmbeddedPostgres({ dataDir: folder, log: () => {} });
try {
  await migrate(postgres.connectionString, () => {});
  const client = new pg.Client({ connectionString: postgres.connectionString });
  client.on('error', () => {});
  await client.connect();
  const database = createDatabase({ connectionString: postgres.connectionString, maxConnections: 4, onError: () => {} });
  console.log(`${cpus()[0].model}, ${cpus().length} cores, node ${process.version}`);
  for (const items of options.items.split(',').map(Number)) {
    await fill(client, items);
    const before = usedMiB();
    const catalogue = createCatalogue(database, Date.now);
    const began = performance.now();
    await catalogue.refresh();
    const loadMs = performance.now() - began;
    const { columns } = catalogue;
    console.log(`\n${items.toLocaleString('en-US')} items: loaded in ${(loadMs / 1000).toFixed(2)} s; ${(usedMiB() - before).toFixed(0)} MiB with ids and texts, of which columns ${(columns.bytes / 2 ** 20).toFixed(0)} MiB`);

    const step = 1.1;
    const known = Math.floor(items / step);
    const order = Int32Array.from({ length: known }, (_, index) => (index * 7919) % known);
    const slots = Array.from({ length: 32 }, () => new Uint8Array(known));
    const model = {
      itemNos: Int32Array.from({ length: known }, (_, index) => columns.nos[Math.floor(index * step)]),
      itemIds: Array.from({ length: known }, (_, index) => columns.ids[Math.floor(index * step)]),
      // As the scan does it: into its own order.
      scan: { masks: 32, setMask: (slot, marks) => { for (let k = 0; k < known; k++) slots[slot][k] = marks[order[k]]; } },
    };
    const masks = createMasks(catalogue, Date.now);
    let mappedMs = performance.now();
    catalogue.rowsOf(model);
    mappedMs = performance.now() - mappedMs;
    console.log(`a model of ${known.toLocaleString('en-US')} items: rows found in ${mappedMs.toFixed(1)} ms`);
    masks.slotFor(model, null);
    for (const text of FILTERS) {
      // The same filter under other texts, so that it is parsed, evaluated and put into a slot anew each time.
      const uncached = timed((round) => masks.slotFor(model, parseFilter(text + ' '.repeat(round), catalogue.schema())));
      const parsed = parseFilter(text, catalogue.schema());
      const matching = masks.matches(parsed).subarray(0, columns.rows).reduce((sum, mark) => sum + mark, 0);
      masks.slotFor(model, parsed);
      const cached = timed(() => { for (let k = 0; k < 1000; k++) masks.slotFor(model, parsed); });
      console.log(`  ${text}: ${matching.toLocaleString('en-US')} match; ${uncached.toFixed(2)} ms uncached, ${cached.toFixed(2)} µs cached`);
    }
    const newest = timed(() => catalogue.newest(20, null));
    const changes = [];
    for (let round = 0; round < 21; round++) {
      await client.query(`UPDATE items SET price = ${round}, categories = ARRAY['changed', 'sub ${round}', 'more'], available = ${round % 2 === 0}, xid = pg_current_xact_id() WHERE item_id = 'item-${1 + round * 50}'`);
      const start = performance.now();
      await catalogue.refresh();
      changes.push(performance.now() - start);
    }
    masks.slotFor(model, null);
    console.log(`  newest 20: ${newest.toFixed(2)} ms; a changed item is read back in ${median(changes).toFixed(2)} ms`);
  }
  await database.end();
  await client.end();
} finally {
  await postgres.release();
  await rm(folder, { recursive: true, force: true });
}
