/** Files in: a shop's invoices, and ten million rows whose import must neither slow down nor grow. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addRow, check, median } from '../train/table.mjs';
import { createDatabase, query } from './server.mjs';
import { LARGE_ROWS, keepLarge, writeLargeFile } from './large.mjs';
import { migrate } from '../../dist/storage/migrations.js';

const RETAIL = fileURLToPath(new URL('../../../shared/data/online-retail.csv.gz', import.meta.url));
/** What the file holds, counted by awk: `rows`, and those with a customer, a price and a quantity whose code is that of goods. */
const RETAIL_ROWS = 541_909;
const CHILD = fileURLToPath(new URL('import-child.mjs', import.meta.url));

/** Imports in a process of its own. @returns summary, peak of its resident size in bytes, and [rows read, ms] after each chunk */
async function importInChild(options) {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    text += piece;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  check(code === 0, `the import ended with ${code}`);
  return JSON.parse(text);
}

export async function measureRetail({ serverUrl, rounds }) {
  check(existsSync(RETAIL), `there is no ${RETAIL}: get UCI Online Retail (https://doi.org/10.24432/C5BW33) and put it there as CSV, gzipped`);
  const rates = [];
  let counted = '';
  for (let round = 0; round < rounds; round++) {
    const database = await createDatabase(serverUrl);
    try {
      await migrate(database.url, () => {});
      const { summary, ms } = await importInChild({ connectionString: database.url, path: RETAIL, preset: 'online-retail' });
      const [stored] = await query(database.url, 'SELECT count(*)::int AS events, count(DISTINCT user_no)::int AS users, count(DISTINCT item_no)::int AS items, count(*) FILTER (WHERE quantity < 0)::int AS returns FROM events');
      const skipped = Object.values(summary.skipped).reduce((sum, one) => sum + one.count, 0);
      check(summary.rowsRead === RETAIL_ROWS && summary.rowsRead === summary.rowsImported + summary.rowsDuplicate + skipped, `rows do not add up: ${JSON.stringify(summary)}`);
      check(stored.events === summary.rowsImported && stored.users === summary.users && stored.items === summary.items && stored.returns === summary.returns, `stored ${JSON.stringify(stored)}, told ${JSON.stringify(summary)}`);
      counted = `${stored.events} events of ${stored.users} shoppers and ${stored.items} items, ${skipped} rows left out with reasons`;
      rates.push(RETAIL_ROWS / ms);
    } finally {
      await database.drop();
    }
  }
  addRow({ measure: 'Online Retail, file to committed, 1,000 rows/s', floor: 80, goal: 150, figure: median(rates), best: 'high', digits: 1, raw: `${rates.map((one) => one.toFixed(1)).join(', ')}; ${counted}` });
}

export async function measureImport(context) {
  const path = join(context.folder, 'large.csv');
  await writeLargeFile(path);
  const database = await createDatabase(context.serverUrl);
  await migrate(database.url, () => {});
  const { summary, ms, peakBytes, steps } = await importInChild({ connectionString: database.url, path, preset: 'generic' });
  const [stored] = await query(database.url, 'SELECT count(*)::int AS events FROM events');
  check(summary.rowsImported === LARGE_ROWS && stored.events === LARGE_ROWS, `${LARGE_ROWS} rows were written, ${summary.rowsImported} told, ${stored.events} stored`);
  // What the first and the last million took, by the chunks nearest to them.
  const timeAt = (rows) => steps.reduce((best, step) => (Math.abs(step[0] - rows) < Math.abs(best[0] - rows) ? step : best), [0, 0]);
  const rateBetween = (from, to) => (timeAt(to)[0] - timeAt(from)[0]) / (timeAt(to)[1] - timeAt(from)[1]);
  const [first, last] = [rateBetween(0, 1e6), rateBetween(LARGE_ROWS - 1e6, LARGE_ROWS)];
  const millions = Array.from({ length: LARGE_ROWS / 1e6 }, (_, k) => rateBetween(k * 1e6, (k + 1) * 1e6).toFixed(0)).join(' ');
  addRow({ measure: '10,000,000 rows: last million against the first', floor: 0.5, goal: 0.8, figure: last / first, best: 'high', raw: `1,000 rows/s a million: ${millions}; ${(ms / 1000).toFixed(0)} s in all` });
  addRow({ measure: '10,000,000 rows: peak memory of the importing process', floor: 350, goal: 250, figure: peakBytes / 1e6, unit: 'MB', raw: `${summary.users} shoppers, ${summary.items} items` });
  await keepLarge(context, database);
}
