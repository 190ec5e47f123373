/** Ten million events: as a file, and as a database that several measures share. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createRandom } from '../../dist/model/random.js';
import { extractTrainingData } from '../../dist/storage/extract.js';
import { migrate } from '../../dist/storage/migrations.js';
import { addRow, check, median } from '../train/table.mjs';
import { KEY, createDatabase, query, startApp } from './server.mjs';

export const LARGE_ROWS = 10_000_000;
const USERS = 300_000;
const ITEMS = 100_000;
const FROM_S = 1_600_000_000;

/** A CSV in the order of time, as shops export it; ids as long as shops' ids are. */
export async function writeLargeFile(path, rows = LARGE_ROWS, seed = 1) {
  const random = createRandom(seed);
  const out = createWriteStream(path, { highWaterMark: 1 << 20 });
  out.write('customer_id,product_id,event_type,timestamp,price\n');
  for (let row = 0; row < rows; ) {
    let text = '';
    for (const end = Math.min(rows, row + 10_000); row < end; row++) {
      // Squared: some shoppers and items are much busier than others.
      const user = Math.floor(random.uniform() ** 2 * USERS);
      const item = Math.floor(random.uniform() ** 2 * ITEMS);
      text += `customer-${1_000_000 + user},product-${200_000 + item},${random.uniform() < 0.8 ? 'view' : 'purchase'},${FROM_S + Math.floor(row / 2)},${(1 + (item % 9999)) / 100}\n`;
    }
    if (!out.write(text)) {
      await once(out, 'drain');
    }
  }
  out.end();
  await once(out, 'close');
}

/** Events made by Postgres itself: the same shape in a quarter of the time. */
export const createEventsSql = (rows, from = 1) => `INSERT INTO events (user_no, item_no, type_no, price, occurred_at, received_at, dedup)
  SELECT 1 + floor(power(random(), 2) * ${USERS})::int, 1 + floor(power(random(), 2) * ${ITEMS})::int, CASE WHEN random() < 0.8 THEN 1 ELSE 3 END, (1 + n % 9999) / 100.0,
    to_timestamp(${FROM_S} + n / 2), to_timestamp(${FROM_S} + n / 2), (lpad(to_hex(n), 12, '0') || substr(md5(n::text), 1, 20))::uuid
  FROM generate_series(${from}::bigint, ${from + rows - 1}) n`;

export async function createShop(url) {
  await query(url, `INSERT INTO users (user_id) SELECT 'customer-' || 1000000 + n FROM generate_series(0, ${USERS - 1}) n`);
  await query(url, `INSERT INTO items (item_id, title) SELECT 'product-' || 200000 + n, 'Product ' || n FROM generate_series(0, ${ITEMS - 1}) n`);
}

/** The database of an earlier measure stays for those that follow. */
export async function keepLarge(context, database) {
  await context.large?.drop();
  context.large = database;
}

/** With that many events, made by Postgres where no measure has imported them before. */
async function openLarge(context) {
  if (context.large === undefined) {
    const database = await createDatabase(context.serverUrl);
    context.large = database;
    await migrate(database.url, () => {});
    await createShop(database.url);
    for (let from = 1; from < LARGE_ROWS; from += 1e6) {
      await query(database.url, createEventsSql(1e6, from));
    }
    await query(database.url, 'VACUUM ANALYZE');
    await query(database.url, 'CHECKPOINT');
  }
  return context.large.url;
}

export async function measureExtraction(context) {
  const url = await openLarge(context);
  const rates = [];
  for (let round = 0; round < context.rounds; round++) {
    const startedMs = performance.now();
    const { columns, users, items } = await extractTrainingData(url, new AbortController().signal);
    const ms = performance.now() - startedMs;
    const [{ n, sum }] = await query(url, 'SELECT count(*)::int AS n, sum(user_no::bigint * item_no)::text AS sum FROM events');
    let ours = 0n;
    for (let k = 0; k < columns.length; k += 1000) {
      let part = 0;
      for (let j = k; j < Math.min(columns.length, k + 1000); j++) {
        part += columns.user[j] * columns.item[j];
      }
      ours += BigInt(part);
    }
    check(columns.length === n && String(ours) === sum, `${columns.length} events extracted of ${n}, sums ${ours} and ${sum}`);
    check(users.nos.length > 0 && items.nos.length > 0, 'no ids');
    rates.push(columns.length / ms);
  }
  addRow({ measure: 'extraction of 10,000,000 events, 1,000 events/s', floor: 700, goal: 1500, figure: median(rates), best: 'high', digits: 0, raw: rates.map((one) => one.toFixed(0)).join(', ') });
}

/** Export and erasure over HTTP, of shoppers as they come and of the busiest. */
export async function measureLeaving(context) {
  const url = await openLarge(context);
  const shoppers = await query(url, `SELECT user_id AS id, count(*)::int AS n FROM (SELECT user_no FROM events TABLESAMPLE SYSTEM (0.05) LIMIT 60) e JOIN users USING (user_no) JOIN events USING (user_no) GROUP BY 1 LIMIT 40`);
  const [busiest] = await query(url, 'SELECT user_id AS id, n::int FROM (SELECT user_no, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 1) e JOIN users USING (user_no)');
  shoppers.push(busiest);
  const app = await startApp(url);
  const headers = { authorization: `Bearer ${KEY}` };
  const timed = async (method, path) => {
    const startedMs = performance.now();
    const answer = await fetch(`${app.url}${path}`, { method, headers });
    // To the last byte: what a client makes of it is its own time.
    const bytes = await answer.arrayBuffer();
    const ms = performance.now() - startedMs;
    const body = JSON.parse(Buffer.from(bytes).toString());
    check(answer.status === 200, `${path} answered ${answer.status}: ${JSON.stringify(body)}`);
    return { ms, body };
  };
  const [exports, erasures] = [[], []];
  try {
    for (const { id, n } of shoppers) {
      const { ms, body } = await timed('GET', `/v1/users/${id}/export`);
      check(body.events.length === n, `${n} events of ${id} stored, ${body.events.length} exported`);
      exports.push(ms);
    }
    for (const { id, n } of shoppers) {
      const { ms, body } = await timed('DELETE', `/v1/users/${id}`);
      check(body.eventsDeleted === n, `${n} events of ${id} stored, ${body.eventsDeleted} deleted`);
      erasures.push(ms);
    }
    const [{ left }] = await query(url, `SELECT count(*)::int AS left FROM users WHERE user_id = ANY('{${shoppers.map((one) => one.id).join(',')}}')`);
    check(left === 0, `${left} shoppers are still there`);
  } finally {
    await app.stop();
  }
  for (const [what, times] of [['export', exports], ['erasure', erasures]]) {
    addRow({ measure: `${what} of a shopper at 10,000,000 events, the slowest of ${times.length}`, floor: 300, goal: 100, figure: Math.max(...times), unit: 'ms', digits: 0, raw: `median ${median(times).toFixed(1)} ms; the busiest has ${busiest.n} events: ${times.at(-1).toFixed(1)} ms` });
  }
}
