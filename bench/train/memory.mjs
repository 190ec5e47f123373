/** Highest resident size of a process that loads a matrix and fits it. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { addRow, boundsAt, check } from './table.mjs';

export function measureMemory({ size, byUser, folder, recipe, threads }) {
  const child = fileURLToPath(new URL('memory-child.mjs', import.meta.url));
  const { before, peak, finite } = JSON.parse(execFileSync(process.execPath, [child, folder, JSON.stringify(recipe), String(threads)], { encoding: 'utf8' }));
  check(finite, 'factors that are not finite numbers');
  const stride = Math.ceil(recipe.factors / 8) * 8;
  const { rows, cols, index } = byUser;
  const needed = ((rows + cols) * stride * 4 + 2 * index.length * 12 + (rows + cols + 2) * 4) / 1e6;
  addRow({
    measure: `peak memory of a fit, ${size}, ${recipe.factors} factors`, ...boundsAt(size, 2 * needed + 200, 1.5 * needed + 150), figure: peak / 1e6, unit: 'MB',
    raw: `${(before / 1e6).toFixed(0)} MB with the caller's matrix before the fit; factors and both sides are ${needed.toFixed(0)} MB`,
  });
}
