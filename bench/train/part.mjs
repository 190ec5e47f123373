/** A bench of its own as a part of bench:train: it runs in another process, prints what it prints, and hands its rows over to the table. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { addRow } from './table.mjs';

/** In the part: a row for the table, as `addRow` takes it. Nobody listens where the part is run alone. */
export const tellRow = (row) => process.send?.(row);

export async function runPart(script, args) {
  const part = fork(script, args);
  part.on('message', addRow);
  const [code] = await once(part, 'close');
  if (code !== 0) {
    process.exitCode = 1;
    throw new Error(`${script} ended with code ${code}`);
  }
}
