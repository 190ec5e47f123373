/**
 * Who uses the server. Each use is a file in DATA_DIR/holders, named after its process; the last one to leave stops the server. A holder whose process is
 * gone (`kill -9`, a power cut) does not count and is swept away by whoever looks next. All of this happens under DATA_DIR's lock.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveToOwnerOf } from './account.ts';
import { isSameProcess, markProcess } from './processes.ts';
import type { ProcessMark } from './processes.ts';

/** Registers one use by this process; several by one process are separate. Returns the file that stands for it. */
export async function addHolder(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'holders');
  await mkdir(folder, { recursive: true });
  await giveToOwnerOf(dataDir, folder);
  const holder = join(folder, `${process.pid}-${randomBytes(4).toString('hex')}`);
  await writeFile(holder, JSON.stringify(markProcess(process.pid)), { mode: 0o644 });
  await giveToOwnerOf(dataDir, holder);
  return holder;
}

export async function removeHolder(holder: string): Promise<void> {
  await rm(holder, { force: true });
}

/** How many uses are alive, after sweeping away those that are not. */
export async function countHolders(dataDir: string): Promise<number> {
  const folder = join(dataDir, 'holders');
  const names = await readdir(folder).catch(() => []);
  const alive = await Promise.all(names.map((name) => keepIfAlive(join(folder, name))));
  return alive.filter(Boolean).length;
}

async function keepIfAlive(holder: string): Promise<boolean> {
  const mark = await readFile(holder, 'utf8')
    .then((text) => JSON.parse(text) as ProcessMark)
    .catch(() => undefined);
  if (mark !== undefined && isSameProcess(mark)) {
    return true;
  }
  await rm(holder, { force: true });
  return false;
}
