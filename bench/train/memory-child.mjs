/** FOLDER RECIPE THREADS: one fit in a process of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fitOnThreads } from '../../dist/training/threads/fit.js';

const [folder, recipe, threads] = process.argv.slice(2);
const read = (name, Type) => {
  const bytes = readFileSync(join(folder, `${name}.bin`));
  return new Type(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};
const [rows, cols] = JSON.parse(readFileSync(join(folder, 'shape.json'), 'utf8'));
const byUser = { rows, cols, rowStart: read('rowStart', Int32Array), index: read('index', Int32Array), weight: read('weight', Float32Array), target: read('target', Float32Array) };
const before = process.memoryUsage.rss();
const fit = await fitOnThreads({ byUser, recipe: JSON.parse(recipe), threads: Number(threads) });
console.log(JSON.stringify({ before, peak: fit.peakBytes, finite: fit.users.data.every(Number.isFinite) && fit.items.data.every(Number.isFinite) }));
