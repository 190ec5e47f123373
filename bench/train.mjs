/**
 * Training: this product beside the Python package implicit, in turn, on the same matrix, with the same factors, weights and targets.
 *
 *   npm run bench:train [-- --size 1M|10M|retail] [--factors 64,128,256] [--threads 2] [--rounds 3] [--sweeps 10]
 *
 * implicit goes into a virtual environment of its own (bench/.venv) at the first run. Its function is reproduced by w = c − 1, t = c / (c − 1), α₀ = 1, ν = 0. Ours is timed to the first
 * sweep after which its objective is no higher than implicit's after its last; every time includes starting threads, every decomposition and the closing exact half-sweep.
 * Both objectives are computed here in float64, and the bench fails where ours is not what the product says of itself.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generateDemoShop } from '../dist/demo/generator.js';
import { openCsv } from '../dist/ingest/csv.js';
import { mapColumns } from '../dist/ingest/columns.js';
import { PRESETS, createRowEvent } from '../dist/ingest/rows.js';
import { fitOnThreads } from '../dist/training/threads/fit.js';

const { values: options } = parseArgs({
  options: { size: { type: 'string', default: '1M' }, factors: { type: 'string', default: '64,128,256' }, threads: { type: 'string', default: '2' }, rounds: { type: 'string', default: '3' }, sweeps: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
});
const threads = Number(options.threads);
const rounds = Number(options.rounds);
const sweeps = Number(options.sweeps);
const seed = Number(options.seed);
const REGULARIZATION = 0.05;
const here = fileURLToPath(new URL('.', import.meta.url));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

/** Distinct (user, item) pairs and how often each was seen, as CSR with weight w = min(5, log2(1 + count)). */
function toMatrix(users, items, user, item, most) {
  const order = new Float64Array(user.length);
  for (let k = 0; k < user.length; k++) {
    order[k] = user[k] * items + item[k];
  }
  order.sort();
  const rowStart = new Int32Array(users + 1);
  const index = [];
  const weight = [];
  for (let k = 0; k < order.length; ) {
    let end = k + 1;
    while (end < order.length && order[end] === order[k]) {
      end++;
    }
    index.push(order[k] % items);
    weight.push(Math.min(5, Math.log2(1 + end - k)));
    rowStart[Math.floor(order[k] / items) + 1]++;
    k = end;
  }
  for (let row = 0; row < users; row++) {
    rowStart[row + 1] += rowStart[row];
  }
  if (most !== null && Math.abs(index.length - most) > most * 0.2) {
    throw new Error(`the generator gave ${index.length} interactions in place of about ${most}`);
  }
  return { users, items, rowStart, index: Int32Array.from(index), weight: Float32Array.from(weight) };
}

async function makeMatrix() {
  if (options.size === 'retail') {
    const path = join(here, '..', '..', 'shared', 'data', 'online-retail.csv.gz');
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
    return toMatrix(numbers[0].size, numbers[1].size, columns[0], columns[1], null);
  }
  const [users, items, events, most] = options.size === '10M' ? [300_000, 200_000, 14_500_000, 10_000_000] : [30_000, 40_000, 1_450_000, 1_000_000];
  const shop = generateDemoShop({ seed, users, items, events, endMs: Date.UTC(2026, 0, 1) });
  return toMatrix(users, items, shop.events.user.map((no) => no - 1), shop.events.item.map((no) => no - 1), most);
}

/** Σ_obs w (t − s)² + α₀ Σ_all s² + λ(‖X‖² + ‖Y‖²), float64, with the constant that makes it implicit's: Σ_obs [c (1 − s)² − s²] − w (t − s)². */
function objectiveOf(matrix, users, items) {
  const f = users.factors;
  const gram = (factors) => {
    const g = new Float64Array(f * f);
    for (let row = 0; row < factors.rows; row++) {
      const at = row * factors.stride;
      for (let a = 0; a < f; a++) {
        for (let b = a; b < f; b++) {
          g[a * f + b] += factors.data[at + a] * factors.data[at + b];
        }
      }
    }
    return g;
  };
  const [gx, gy] = [gram(users), gram(items)];
  let total = 0;
  for (let a = 0; a < f; a++) {
    total += gx[a * f + a] * gy[a * f + a] + REGULARIZATION * (gx[a * f + a] + gy[a * f + a]);
    for (let b = a + 1; b < f; b++) {
      total += 2 * gx[a * f + b] * gy[a * f + b];
    }
  }
  let constant = 0;
  for (let row = 0; row < users.rows; row++) {
    for (let e = matrix.rowStart[row]; e < matrix.rowStart[row + 1]; e++) {
      let score = 0;
      const [x, y] = [row * users.stride, matrix.index[e] * items.stride];
      for (let k = 0; k < f; k++) {
        score += users.data[x + k] * items.data[y + k];
      }
      const c = 1 + matrix.weight[e];
      total += c * (1 - score) ** 2 - score * score;
      constant += c - (c * c) / (c - 1);
    }
  }
  return { total, constant };
}

function ensureImplicit() {
  const python = join(here, '.venv', 'bin', 'python');
  if (!existsSync(python)) {
    execFileSync('python3', ['-m', 'venv', join(here, '.venv')], { stdio: 'inherit' });
    execFileSync(python, ['-m', 'pip', 'install', '-q', 'implicit==0.7.3', 'numpy', 'scipy', 'threadpoolctl'], { stdio: 'inherit' });
  }
  return python;
}

const python = ensureImplicit();
const matrix = await makeMatrix();
const folder = await mkdtemp(join(tmpdir(), 'jongleur-bench-'));
writeFileSync(join(folder, 'row_start.bin'), matrix.rowStart);
writeFileSync(join(folder, 'index.bin'), matrix.index);
writeFileSync(join(folder, 'confidence.bin'), matrix.weight.map((w) => 1 + w));
writeFileSync(join(folder, 'shape.json'), JSON.stringify({ users: matrix.users, items: matrix.items }));
const byUser = { rows: matrix.users, cols: matrix.items, rowStart: matrix.rowStart, index: matrix.index, weight: matrix.weight, target: matrix.weight.map((w) => (1 + w) / w) };
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
console.log(`${options.size}: ${matrix.users} users × ${matrix.items} items, ${matrix.index.length} interactions, seed ${seed}, commit ${commit}, node ${process.version}, ${cpus()[0].model}, ${threads} threads, ${rounds} rounds, medians`);

function runImplicit(factors, ...flags) {
  const result = spawnSync(python, [join(here, 'train_implicit.py'), folder, factors, sweeps, REGULARIZATION, threads, seed, ...flags].map(String), { encoding: 'utf8', env: { ...process.env, OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1', OMP_NUM_THREADS: String(threads) } });
  if (result.status !== 0) {
    throw new Error(result.stderr);
  }
  return JSON.parse(result.stdout.trim().split('\n').at(-1));
}

for (const factors of options.factors.split(',').map(Number)) {
  const recipe = { factors, sweeps, stepsPerSweep: 3, regularization: REGULARIZATION, unobservedWeight: 1, frequencyExponent: 0, seed };
  const theirs = runImplicit(factors, '--every');
  const traced = await fitOnThreads({ byUser, recipe, threads, objective: true });
  const { total, constant } = objectiveOf(matrix, traced.users, traced.items);
  const said = traced.objective.at(-1) + constant;
  if (Math.abs(said - total) > 1e-4 * Math.abs(total)) {
    throw new Error(`the product says ${said} of its objective; in float64 it is ${total}`);
  }
  const needed = traced.objective.slice(0, sweeps).findIndex((value) => value + constant <= theirs.objective) + 1;
  console.log(`\n${factors} factors, objective after each sweep`);
  console.log(`  implicit ${theirs.version}  ${theirs.objectives.map((value) => value.toFixed(0)).join(' ')}`);
  console.log(`  jongleur (${traced.kernel})  ${traced.objective.map((value) => (value + constant).toFixed(0)).join(' ')} (the last: exact users)`);
  if (needed === 0) {
    console.log(`  not reached in ${sweeps} sweeps: ${(traced.objective.at(-1) + constant).toFixed(0)} against ${theirs.objective.toFixed(0)}`);
    process.exitCode = 1;
    continue;
  }
  const times = { ours: [], theirs: [], oursCpu: [], theirsCpu: [] };
  let last = null;
  let lastTheirs = null;
  for (let round = 0; round < rounds; round++) {
    lastTheirs = runImplicit(factors);
    times.theirs.push(lastTheirs.wall);
    times.theirsCpu.push(lastTheirs.cpu);
    last = await fitOnThreads({ byUser, recipe: { ...recipe, sweeps: needed }, threads });
    times.ours.push(last.seconds);
    times.oursCpu.push(last.cpuSeconds);
    const reached = objectiveOf(matrix, last.users, last.items).total;
    if (!(reached <= theirs.objective)) {
      throw new Error(`the timed fit ended at ${reached}, above implicit's ${theirs.objective}`);
    }
  }
  console.log(`  implicit: ${sweeps} sweeps, wall ${median(times.theirs).toFixed(2)} s, CPU ${median(times.theirsCpu).toFixed(2)} s, peak ${(lastTheirs.peakBytes / 1e6).toFixed(0)} MB`);
  console.log(`  jongleur: ${needed} sweeps, wall ${median(times.ours).toFixed(2)} s, CPU ${median(times.oursCpu).toFixed(2)} s, peak ${(last.peakBytes / 1e6).toFixed(0)} MB (the whole bench process), seconds per sweep ${last.secondsPerSweep.map((s) => s.toFixed(2)).join(' ')}`);
  console.log(`  wall to implicit's objective after ${sweeps} sweeps: ratio ${(median(times.ours) / median(times.theirs)).toFixed(2)}`);
}
await rm(folder, { recursive: true });
