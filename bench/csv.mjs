/**
 * Splitting a CSV: ours beside csv-parse, in turn, on the same bytes. Usage: npm run bench:csv [-- rows]
 * Prints size, seed, commit, both times and their ratio, and fails where the two do not read the same fields.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse';
import { openCsv } from '../dist/ingest/csv.js';
import { createRandom } from '../dist/model/random.js';

const ROWS = Number(process.argv[2] ?? 500_000);
const SEED = 1;
const ROUNDS = 5;

const random = createRandom(SEED);
const lines = ['invoice,sku,title,quantity,time,price,customer,country'];
for (let row = 0; row < ROWS; row++) {
  const title = random.uniform() < 0.1 ? `"SET OF ${random.integer(9)}, ""VINTAGE"" TIN"` : `CREAM CUPID HANGER ${random.integer(5000)}`;
  lines.push(`${536_365 + (row >> 4)},${random.integer(99_999)},${title},${random.integer(48)},2010-12-01 08:26:00,${random.integer(2000) / 100},${random.integer(5000)}.0,United Kingdom`);
}
const folder = await mkdtemp(join(tmpdir(), 'jongleur-bench-'));
const path = join(folder, 'rows.csv');
await writeFile(path, `${lines.join('\n')}\n`);

async function ours() {
  const hash = createHash('sha256');
  const file = await openCsv(path);
  let rows = 0;
  const started = performance.now();
  let hashing = 0;
  for await (const batch of file.batches()) {
    const from = performance.now();
    for (const fields of batch.rows) {
      hash.update(fields.join('\u0001'));
      rows++;
    }
    hashing += performance.now() - from;
  }
  return { ms: performance.now() - started - hashing, rows, sum: hash.digest('hex') };
}

async function csvParse() {
  const hash = createHash('sha256');
  let rows = 0;
  let hashing = 0;
  const started = performance.now();
  for await (const fields of createReadStream(path).pipe(parse({ from: 2, relax_quotes: true, relax_column_count: true, on_record: (record, context) => [...record, context.lines] }))) {
    const from = performance.now();
    fields.pop();
    hash.update(fields.join('\u0001'));
    rows++;
    hashing += performance.now() - from;
  }
  return { ms: performance.now() - started - hashing, rows, sum: hash.digest('hex') };
}

const times = { ours: [], csvParse: [] };
for (let round = 0; round < ROUNDS; round++) {
  const [a, b] = [await ours(), await csvParse()];
  if (a.sum !== b.sum || a.rows !== ROWS || b.rows !== ROWS) {
    throw new Error('the two do not read the same fields');
  }
  times.ours.push(a.ms);
  times.csvParse.push(b.ms);
}
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const { size } = await stat(path);
console.log(`rows ${ROWS}, ${(size / 1e6).toFixed(1)} MB, seed ${SEED}, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()}, node ${process.version}, ${ROUNDS} rounds, medians`);
console.log(`ours ${median(times.ours).toFixed(0)} ms, csv-parse ${median(times.csvParse).toFixed(0)} ms, ratio ${(median(times.ours) / median(times.csvParse)).toFixed(2)}; fields equal`);
await rm(folder, { recursive: true });
