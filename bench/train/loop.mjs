/** How late the main thread's event loop gets to its timers while threads fit. */
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fitOnThreads } from '../../dist/training/threads/fit.js';
import { addRow, boundsAt, check } from './table.mjs';

export async function measureLoop({ size, byUser, recipe }) {
  const cores = availableParallelism();
  for (const threads of new Set([2, Math.max(1, cores - 1)])) {
    await sleep(200);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const fit = await fitOnThreads({ byUser, recipe, threads });
    delay.disable();
    check(delay.count > 100 * fit.seconds, `only ${delay.count} ticks in ${fit.seconds} s`);
    addRow({
      measure: `event loop's delay during a fit, p99, ${size}, ${recipe.factors} factors, ${threads} of ${cores} cores`, ...boundsAt(size, 20, 5), figure: delay.percentile(99) / 1e6, unit: 'ms',
      raw: `median ${(delay.percentile(50) / 1e6).toFixed(2)} ms, most ${(delay.max / 1e6).toFixed(1)} ms, ${delay.count} ticks in ${fit.seconds.toFixed(2)} s`,
    });
  }
}
