/** Who may decide, and who is counted: the lock and the holders, with processes that are gone or are not who they were. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { addHolder, countHolders, removeHolder } from '../../../src/storage/embedded/holders.ts';
import { acquireLock } from '../../../src/storage/embedded/lock.ts';
import { isSameProcess, markProcess } from '../../../src/storage/embedded/processes.ts';
import { clearStage, makeFolder } from './stage.ts';

afterEach(clearStage);

const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;
const soon = () => Date.now() + 3000;

describe('the lock', () => {
  it('lets one in at a time', async () => {
    const path = join(makeFolder(), 'lock');
    let inside = 0;
    let most = 0;
    let turns = 0;
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const lock = await acquireLock(path, soon());
        inside += 1;
        most = Math.max(most, inside);
        await sleep(3);
        inside -= 1;
        turns += 1;
        await lock.release();
      }),
    );
    expect({ most, turns }).toEqual({ most: 1, turns: 12 });
    expect(existsSync(path)).toBe(false);
  });

  it('waits for an owner that lives, and names it when time is up', async () => {
    const path = join(makeFolder(), 'lock');
    const lock = await acquireLock(path, soon());
    await expect(acquireLock(path, Date.now() + 100)).rejects.toMatchObject({ code: 'embedded-busy', message: expect.stringContaining(`pid ${process.pid}`) as string });
    setTimeout(() => void lock.release(), 50);
    await (await acquireLock(path, soon())).release();
  });

  it.each([
    ['an owner that is gone', () => JSON.stringify({ pid: deadPid() })],
    ['an owner whose pid is used again', () => JSON.stringify({ pid: process.pid, mark: 'another start' })],
    ['an owner that died before it signed', () => ''],
  ])('is taken over from %s, by one of many', async (_, content) => {
    const path = join(makeFolder(), 'lock');
    writeFileSync(path, content());
    utimesSync(path, new Date(0), new Date(0));
    let inside = 0;
    const enter = async () => {
      const lock = await acquireLock(path, soon());
      inside += 1;
      expect(inside).toBe(1);
      await sleep(3);
      inside -= 1;
      await lock.release();
    };
    await Promise.all([enter(), enter(), enter(), enter()]);
    expect(existsSync(path)).toBe(false);
  });
});

describe('holders', () => {
  it('counts living processes only, and sweeps the others away', async () => {
    const dataDir = makeFolder();
    expect(await countHolders(dataDir)).toBe(0);
    const mine = await addHolder(dataDir);
    const again = await addHolder(dataDir);
    const folder = join(dataDir, 'holders');
    writeFileSync(join(folder, 'gone'), JSON.stringify({ pid: deadPid() }));
    writeFileSync(join(folder, 'reused'), JSON.stringify({ pid: process.pid, mark: 'another start' }));
    writeFileSync(join(folder, 'torn'), '{"pid":');
    expect(await countHolders(dataDir)).toBe(2);
    expect(readdirSync(folder)).toHaveLength(2);
    await removeHolder(mine);
    expect(await countHolders(dataDir)).toBe(1);
    await removeHolder(again);
    await removeHolder(again);
    expect(await countHolders(dataDir)).toBe(0);
  });

  it('knows a process by its start as well as by its pid', () => {
    expect(isSameProcess(markProcess(process.pid))).toBe(true);
    expect(isSameProcess({ pid: deadPid() })).toBe(false);
    expect(isSameProcess({ pid: 0 })).toBe(false);
    expect(markProcess(process.pid).mark === undefined).toBe(process.platform === 'win32');
  });
});
