/** Files for the offline commands, and the commands as processes of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PairData } from '../../../src/training/offline/data.ts';
import { readPairs } from '../../../src/ingest/pairs.ts';

const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** No DATABASE_URL and no DATA_DIR that could be written: an offline command needs neither. */
export async function jongleur(...args: string[]): Promise<Ended> {
  return await jongleurIn({}, ...args);
}

export async function jongleurIn(environment: Record<string, string>, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [cli, ...args], { env: { PATH: process.env.PATH, DATA_DIR: '/dev/null/none', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/**
 * Users like the items of their own parity; everyone has all of theirs but one, which is in the second file. @param size users and items
 */
export function checkerboard(size: number): { train: string; test: string } {
  const train: string[] = [];
  const test: string[] = [];
  for (let user = 0; user < size; user++) {
    for (let item = user % 2; item < size; item += 2) {
      (item === user ? test : train).push(`u${user},i${item}`);
    }
  }
  return { train: `${train.join('\n')}\n`, test: `${test.join('\n')}\n` };
}

export async function readData(path: string): Promise<PairData> {
  const { pairs, userIds, itemIds } = await readPairs(path);
  return { pairs, userIds, itemIds };
}
