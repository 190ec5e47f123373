/** The disk of Postgres fills up: what was acknowledged stays, writes are told that it is full, answers go on, and with room again everything does. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../support/process.ts';
import { noteFigure } from './figures.ts';
import { SMALL, ask, fillShop, keepAsking, trainShop, until } from './shop.ts';

const DISK_MB = 192;

/** A small disk in memory. Only root can mount one; null: this process cannot. */
function mountSmallDisk(at: string): (() => void) | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m,mode=0755`, 'jongleur-chaos', at], { stdio: 'ignore' });
    return () => void execFileSync('umount', [at], { stdio: 'ignore' });
  } catch {
    return null;
  }
}

describe('a full disk', () => {
  let folder: string;
  let unmount: (() => void) | null;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-chaos-disk-'));
    await chmod(folder, 0o755);
    unmount = mountSmallDisk(folder);
  });
  afterAll(async () => {
    unmount?.();
    await rm(folder, { recursive: true, force: true });
  });

  it('loses nothing and heals', { timeout: 120_000 }, async (context) => {
    if (unmount === null) {
      context.skip('skipped: a small disk can be mounted by root alone (mount -t tmpfs)');
    }
    const dataDir = join(folder, 'jongleur-chaos-data');
    await mkdir(dataDir);
    const server = await startServer({ DATA_DIR: dataDir, ...SMALL });
    try {
      await server.ready();
      await fillShop(server);
      await trainShop(server);
      const { bavail, bsize } = await statfs(folder);
      await writeFile(join(folder, 'ballast'), Buffer.alloc(bavail * bsize - 3 * 2 ** 20));
      const answering = keepAsking(server.url);
      const acknowledged: object[][] = [];
      const codes = new Map<string, number>();
      let longestMs = 0;
      let fullTimes = 0;
      // Until it has said so for a while, in whatever state Postgres is by then.
      for (let batch = 0; fullTimes < 40 && batch < 2_000; batch++) {
        const events = Array.from({ length: 500 }, (_, n) => ({ userId: `full${batch}`, itemId: `thing-${batch}-${n}`, type: 'view', eventId: `f${n}` }));
        const { status, ms, body, retryAfter } = await ask(server.url, 'POST', '/v1/events', { events });
        longestMs = Math.max(longestMs, ms);
        if (status === 200) {
          acknowledged.push(events);
        } else {
          const code = status === 503 && retryAfter !== null ? (JSON.parse(body) as { code: string }).code : `${status} ${body.slice(0, 100)}`;
          codes.set(code, (codes.get(code) ?? 0) + 1);
          fullTimes += code === 'database-full' ? 1 : 0;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      const { asked, failed } = await answering.stop();
      const said = [...codes].map(([code, times]) => `${code} ${times}`).join(', ');
      expect([...codes.keys()].filter((code) => !['database-full', 'database-unavailable', 'commit-unknown'].includes(code))).toEqual([]);
      noteFigure({ measure: 'answers other than 200 on a full disk', value: failed.length, floor: 0, remark: `of ${asked} ${failed[0] ?? ''}` });
      noteFigure({ measure: 'writes refused as database-full', value: codes.get('database-full') ?? 0, floor: 40, bound: 'at-least', remark: said });
      noteFigure({ measure: 'longest write on a full disk', value: longestMs / 1000, floor: 3, bound: 'at-most', unit: 's' });

      await rm(join(folder, 'ballast'));
      const since = performance.now();
      await until(async () => ((await ask(server.url, 'POST', '/v1/events', { userId: 'room', itemId: 'i1', type: 'view', eventId: 'again' })).status === 200 ? true : null), 60_000);
      noteFigure({ measure: 'first acknowledgement after there is room again', value: (performance.now() - since) / 1000, floor: 5, bound: 'at-most', unit: 's' });
      let lost = 0;
      for (const events of acknowledged) {
        const { json } = await server.call('POST', '/v1/events', { events });
        lost += events.length - json.duplicates;
      }
      noteFigure({ measure: 'acknowledged events lost on a full disk', value: lost, floor: 0, remark: `of ${acknowledged.length * 500}` });
    } finally {
      await server.end('SIGTERM');
    }
  });
});
