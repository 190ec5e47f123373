/** The shops that are attacked, as event columns: Online Retail, where its file is here, and the demo generator's. */
import { existsSync } from 'node:fs';
import { openCsv } from '../../dist/ingest/csv.js';
import { generateColumns } from '../experiment/shop.mjs';

/** Purchases by known customers; lines of one order share a moment. */
async function readRetail(path) {
  const file = await openCsv(path);
  const [user, item, time, quantity] = ['CustomerID', 'StockCode', 'InvoiceDate', 'Quantity'].map((name) => file.header.indexOf(name));
  const [users, items, rows] = [new Map(), new Map(), []];
  const numberOf = (map, id) => map.get(id) ?? map.set(id, map.size + 1).get(id);
  for await (const batch of file.batches()) {
    for (const fields of batch.rows) {
      if (fields[user] !== '' && Number(fields[quantity]) > 0) {
        rows.push({ user: numberOf(users, fields[user]), item: numberOf(items, fields[item]), ms: Date.parse(`${fields[time].replace(' ', 'T')}Z`), quantity: Number(fields[quantity]) });
      }
    }
  }
  return {
    length: rows.length,
    user: Int32Array.from(rows, (row) => row.user), item: Int32Array.from(rows, (row) => row.item), type: new Int16Array(rows.length).fill(3), value: new Float32Array(rows.length).fill(Number.NaN),
    quantity: Float32Array.from(rows, (row) => row.quantity), occurredAtMs: Float64Array.from(rows, (row) => row.ms), eventNo: Float64Array.from(rows, (_, n) => n + 1),
  };
}

/** @returns name → columns */
export async function openShops(path, seed) {
  const shops = new Map();
  if (existsSync(path)) {
    shops.set('Online Retail', await readRetail(path));
  } else {
    console.log(`${path} is not here (--file says where), so Online Retail is not measured.`);
  }
  shops.set('demo shop', generateColumns({ users: 2000, items: 1000, events: 100_000, seed }));
  return shops;
}

/** The items with the fewest shoppers, one at least. */
export function coldestItems(columns, count) {
  const shoppers = new Map();
  for (let i = 0; i < columns.length; i++) {
    const own = shoppers.get(columns.item[i]);
    if (own === undefined) {
      shoppers.set(columns.item[i], new Set([columns.user[i]]));
    } else {
      own.add(columns.user[i]);
    }
  }
  return Int32Array.from([...shoppers].sort((a, b) => a[1].size - b[1].size || a[0] - b[0]).slice(0, count), ([item]) => item);
}
