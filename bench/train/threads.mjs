/** Two threads against one: times in turn, and the same bytes. */
import { fitOnThreads } from '../../dist/training/threads/fit.js';
import { addRow, boundsAt, check, median, sameBytes } from './table.mjs';

export async function measureThreads({ size, byUser, recipe, rounds }) {
  const seconds = { 1: [], 2: [] };
  for (let round = 0; round < rounds; round++) {
    const fits = [];
    for (const threads of [1, 2]) {
      const fit = await fitOnThreads({ byUser, recipe, threads });
      seconds[threads].push(fit.seconds);
      fits.push(fit);
    }
    check(sameBytes(fits[0].users.data, fits[1].users.data) && sameBytes(fits[0].items.data, fits[1].items.data), 'one thread and two threads gave different bytes');
  }
  const [one, two] = [median(seconds[1]), median(seconds[2])];
  addRow({ measure: `2 threads against one, ${size}, ${recipe.factors} factors`, ...boundsAt(size, 1.7, 1.9), figure: one / two, best: 'high', unit: '×', raw: `${one.toFixed(2)} s / ${two.toFixed(2)} s, same bytes` });
}
