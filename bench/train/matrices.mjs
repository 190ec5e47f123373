/** The matrices of the training bench: generated shops of two sizes, and Online Retail's invoices. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { generateDemoShop } from '../../dist/demo/generator.js';
import { openCsv } from '../../dist/ingest/csv.js';
import { mapColumns } from '../../dist/ingest/columns.js';
import { PRESETS, createRowEvent } from '../../dist/ingest/rows.js';

const SHOPS = {
  '1M': { users: 30_000, items: 40_000, events: 1_450_000, interactions: 1_000_000 },
  '10M': { users: 300_000, items: 200_000, events: 14_500_000, interactions: 10_000_000 },
};
export const SIZES = [...Object.keys(SHOPS), 'retail'];
const RETAIL_PATHS = ['BENCH_RETAIL', '../../../shared/data/online-retail.csv.gz', '../../../../shared/data/online-retail.csv.gz'];

/** Events by time: user and item from 0. */
export async function makeEvents(size, seed) {
  if (size === 'retail') {
    return await readRetail();
  }
  const { users, items, events } = SHOPS[size];
  const shop = generateDemoShop({ seed, users, items, events, endMs: Date.UTC(2026, 0, 1) });
  return { size, users, items, user: shop.events.user.map((no) => no - 1), item: shop.events.item.map((no) => no - 1) };
}

async function readRetail() {
  const [variable, ...places] = RETAIL_PATHS;
  const path = process.env[variable] ?? places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) => existsSync(place));
  if (path === undefined) {
    throw new Error(`Online Retail is not here: name its CSV (.csv or .csv.gz) in ${variable}.`);
  }
  const file = await openCsv(path);
  const preset = PRESETS['online-retail'];
  const purchase = { typeNo: 3, name: 'purchase', weight: 6, mode: 'sum' };
  const read = preset.createReader({ columns: mapColumns(file.header, preset.columns), types: new Map([['purchase', purchase]]), defaultType: purchase, nowMs: Date.now() });
  const numbers = [new Map(), new Map()];
  const columns = [[], []];
  const row = createRowEvent();
  for await (const batch of file.batches()) {
    for (const fields of batch.rows) {
      if (read(fields, row) === null && row.quantity > 0) {
        [row.userId, row.itemId].forEach((id, side) => {
          if (!numbers[side].has(id)) {
            numbers[side].set(id, numbers[side].size);
          }
          columns[side].push(numbers[side].get(id));
        });
      }
    }
  }
  return { size: 'retail', users: numbers[0].size, items: numbers[1].size, user: Int32Array.from(columns[0]), item: Int32Array.from(columns[1]) };
}

/** Distinct (user, item) pairs of events `from` … `to` − 1 and how often each was seen, as CSR with weight w = min(5, log2(1 + count)). */
export function toMatrix({ size, users, items, user, item }, from = 0, to = user.length) {
  const order = new Float64Array(to - from);
  for (let k = from; k < to; k++) {
    order[k - from] = user[k] * items + item[k];
  }
  order.sort();
  const rowStart = new Int32Array(users + 1);
  const index = new Int32Array(order.length);
  const weight = new Float32Array(order.length);
  let entries = 0;
  for (let k = 0; k < order.length; ) {
    let end = k + 1;
    while (end < order.length && order[end] === order[k]) {
      end++;
    }
    index[entries] = order[k] % items;
    weight[entries++] = Math.min(5, Math.log2(1 + end - k));
    rowStart[Math.floor(order[k] / items) + 1]++;
    k = end;
  }
  for (let row = 0; row < users; row++) {
    rowStart[row + 1] += rowStart[row];
  }
  const wanted = SHOPS[size]?.interactions;
  if (wanted !== undefined && from === 0 && to === user.length && Math.abs(entries - wanted) > wanted * 0.2) {
    throw new Error(`the generator gave ${entries} interactions in place of about ${wanted}`);
  }
  return { rows: users, cols: items, rowStart, index: index.slice(0, entries), weight: weight.slice(0, entries), target: new Float32Array(entries).fill(1) };
}

/** implicit's function: confidence c = 1 + w and preference 1 are weight w and target c / w where what was not observed has weight 1. */
export function toImplicitTargets(matrix) {
  return { ...matrix, target: matrix.weight.map((w) => (1 + w) / w) };
}

/** Only the users and items that occur, as a shop's training numbers them. `userNos` and `itemNos` ascend. */
export function renumber(matrix) {
  const users = [];
  const rowStart = [0];
  for (let row = 0; row < matrix.rows; row++) {
    if (matrix.rowStart[row + 1] > matrix.rowStart[row]) {
      users.push(row);
      rowStart.push(matrix.rowStart[row + 1]);
    }
  }
  const numberOf = new Int32Array(matrix.cols);
  for (const column of matrix.index) {
    numberOf[column] = 1;
  }
  const items = [];
  for (let column = 0; column < matrix.cols; column++) {
    if (numberOf[column] === 1) {
      numberOf[column] = items.length;
      items.push(column);
    }
  }
  return {
    userNos: Int32Array.from(users),
    itemNos: Int32Array.from(items),
    matrix: { ...matrix, rows: users.length, cols: items.length, rowStart: Int32Array.from(rowStart), index: matrix.index.map((column) => numberOf[column]) },
  };
}
