/**
 * Do the statements that matter stay fast as the table grows? Each at 1 and at 25 million events (`JONGLEUR_GROWTH_MILLIONS`): its time, and its plan with what it touched, which is
 * added to the file that JONGLEUR_GROWTH_PLANS names.
 */
import { appendFile } from 'node:fs/promises';
import { createRandom } from '../../dist/model/random.js';
import { createDatabase as createPool } from '../../dist/storage/database.js';
import { eraseUser, mergeUsers } from '../../dist/storage/erasures.js';
import { countEventsSince, hasEvents, listEvents, loadTrending, loadUserEvents, usersWithEventsSince } from '../../dist/storage/events.js';
import { createEventStore } from '../../dist/storage/event-writes.js';
import { readUserEvents } from '../../dist/storage/user-events.js';
import { readExport } from '../../dist/storage/exports.js';
import { undoPartOfImport } from '../../dist/storage/imports.js';
import { migrate } from '../../dist/storage/migrations.js';
import { deleteOldEvents } from '../../dist/storage/retention.js';
import { findUser, identifyUser } from '../../dist/storage/users.js';
import { addRow, check, median } from '../train/table.mjs';
import { createEventsSql, createShop } from './large.mjs';
import { createDatabase, query } from './server.mjs';

const SIZES = [1, Number(process.env.JONGLEUR_GROWTH_MILLIONS ?? 25)];
const ROUNDS = 15;
/** More than this many times as slow, and slow enough to be felt, does not stay fast. */
const MOST_TIMES = 4;
const FELT_MS = 20;

/** A pool that explains each statement before it runs it, and takes the explained one back. */
function explaining(pool, note) {
  const wrap = (client) => {
    let isOpen = false;
    return {
      async query(text, values) {
        const sql = typeof text === 'string' ? text : text.text;
        // Of a COPY the query in it is explained.
        const explained = /^COPY \(([^]*)\) TO STDOUT/.exec(sql)?.[1] ?? sql;
        if (/^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)/i.test(explained) && !/pg_try_advisory|pg_advisory|nextval/.test(explained)) {
          await client.query(isOpen ? 'SAVEPOINT explained' : 'BEGIN');
          const { rows } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, SUMMARY OFF) ${explained}`, values);
          await client.query(isOpen ? 'ROLLBACK TO explained' : 'ROLLBACK');
          note(explained, rows.map((row) => row['QUERY PLAN']));
        }
        isOpen = /^BEGIN/i.test(sql) || (isOpen && !/^(COMMIT|ROLLBACK)/i.test(sql));
        return await client.query(text, values);
      },
      release: (...args) => client.release(...args),
    };
  };
  return {
    async query(text, values) {
      const client = await pool.connect();
      try {
        return await wrap(client).query(text, values);
      } finally {
        client.release();
      }
    },
    connect: async () => wrap(await pool.connect()),
  };
}

async function measureAt(serverUrl, millions) {
  const database = await createDatabase(serverUrl);
  const pool = createPool({ connectionString: database.url, maxConnections: 3, onError: () => {} });
  const store = createEventStore(pool, database.url);
  const figures = new Map();
  try {
    await migrate(database.url, () => {});
    await createShop(database.url);
    await query(database.url, `INSERT INTO imports (source, format, first_event_no, last_event_no) VALUES ('growth', 'generic', 1, 1000)`);
    // Indexes are made once at the end: row by row, 25 million take five minutes more.
    const indexes = await query(database.url, `SELECT indexdef AS sql, format('DROP INDEX %I', indexname) AS gone FROM pg_indexes WHERE tablename = 'events' AND indexname NOT IN (SELECT conname FROM pg_constraint)`);
    await query(database.url, `${indexes.map(({ gone }) => gone).join(';')}; ALTER TABLE events DROP CONSTRAINT events_dedup_key`);
    for (let made = 0; made < millions; made++) {
      await query(database.url, createEventsSql(1e6, made * 1e6 + 1));
    }
    await query(database.url, `SET maintenance_work_mem = '512MB'; ${indexes.map(({ sql }) => sql).join(';')}; ALTER TABLE events ADD CONSTRAINT events_dedup_key UNIQUE (dedup)`);
    await query(database.url, 'UPDATE events SET import_no = 1 WHERE event_no <= 1000');
    await query(database.url, 'VACUUM ANALYZE');
    const random = createRandom(7);
    const shopper = () => `customer-${1_000_000 + Math.floor(random.uniform() ** 2 * 300_000)}`;
    const [{ xid }] = await query(database.url, 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid');
    let made = 0;
    const events = (n) => Array.from({ length: n }, () => ({ userId: shopper(), itemId: `product-${200_000 + random.integer(100_000)}`, typeNo: 1, value: null, quantity: null, price: 1, groupHash: null, occurredAtMs: null, dedup: `${(1e12 + made++).toString(16).padStart(32, 'e')}` }));
    const commit = async (n) => {
      const [result] = await store.commit([events(n)]);
      check('outcomes' in result && result.outcomes.every((one) => one === 'accepted'), JSON.stringify(result.error?.message));
    };
    await commit(100);
    const [{ first }] = await query(database.url, 'SELECT received_at AS first FROM events ORDER BY event_no OFFSET 500 LIMIT 1');
    const exportRows = async () => {
      let rows = 0;
      for await (const page of readExport(pool, 'events')) {
        rows += page.length;
        if (rows >= 100_000) {
          return rows;
        }
      }
      return rows;
    };
    const statements = {
      'group commit of 1': async () => await commit(1),
      'group commit of 1,000': async () => await commit(1_000),
      'a shopper for an answer': async (db) => await loadUserEvents(db, shopper(), 1_000),
      'shoppers with newer events': async (db) => await usersWithEventsSince(db, xid, 10_000),
      'shoppers with newer events, too many': async (db) => check((await usersWithEventsSince(db, '0', 10_000)).userIds === null, 'they are too many'),
      'count of newer events': async (db) => await countEventsSince(db, xid, 10_000),
      'is there any event': async (db) => await hasEvents(db),
      'tail, the newest 100': async (db) => await listEvents(db, null, 100),
      'tail, 100 from the middle': async (db) => await listEvents(db, { xid: String(BigInt(xid) - 5n), eventNo: Math.floor(millions * 0.5e6) }, 100),
      'a shopper in the list': async (db) => await findUser(db, shopper()),
      'a shopper’s export': async (db) => await readUserEvents(db, (await identifyUser(db, shopper())).userNo, 100_001),
      'export, the first 100,000': async () => check((await exportRows()) >= 100_000, 'an export is short'),
      'trending': async (db) => await loadTrending(db, 100_000, 7, 100, 2),
      'retention, 500 of 10,000': async (db) => await deleteOldEvents(db, first, 10_000),
      'undoing an import, a step of 20,000': async (db) => await undoPartOfImport(db, 1, 1, 20_001),
      'merge of two shoppers': async (db) => await mergeUsers(db, shopper(), shopper()),
      'erasure of a shopper': async (db) => await eraseUser(db, shopper()),
    };
    for (const [name, work] of Object.entries(statements)) {
      const plans = [];
      await work(explaining(pool, (sql, plan) => plans.push({ sql, plan })));
      const times = [];
      for (let round = 0; round < ROUNDS; round++) {
        const startedMs = performance.now();
        await work(pool);
        times.push(performance.now() - startedMs);
      }
      figures.set(name, { ms: median(times), worst: Math.max(...times) });
      if (process.env.JONGLEUR_GROWTH_PLANS !== undefined) {
        await appendFile(process.env.JONGLEUR_GROWTH_PLANS, `== ${name}, ${millions} million events: median ${median(times).toFixed(1)} ms, worst ${Math.max(...times).toFixed(1)} ms\n${plans.map(({ sql, plan }) => `${sql.replace(/\s+/g, ' ').slice(0, 200)}\n  ${plan.join('\n  ')}\n`).join('')}\n`);
      }
    }
    return figures;
  } finally {
    await store.close();
    await pool.end();
    await database.drop();
  }
}

export async function measureGrowth({ serverUrl }) {
  const [small, large] = [await measureAt(serverUrl, SIZES[0]), await measureAt(serverUrl, SIZES[1])];
  for (const [name, { ms, worst }] of large) {
    const before = small.get(name);
    const times = ms / before.ms;
    addRow({ measure: `growth: ${name}`, floor: MOST_TIMES, goal: 2, figure: ms < FELT_MS ? Math.min(times, MOST_TIMES) : times, unit: '×', raw: `${before.ms.toFixed(1)} ms at ${SIZES[0]} million events, ${ms.toFixed(1)} at ${SIZES[1]}; worst ${worst.toFixed(1)}` });
  }
}
