import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Database, run } from '../../src/storage/database.ts';
import { RunNoLongerOurs, publishModel } from '../../src/storage/models.ts';
import { endRun, findProgress, findRun, listRuns, markLostRuns, noteProgress, noteSkippedRun, startRun, takeTrainingLock } from '../../src/storage/training-runs.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

const model = { recipe: {}, report: {}, watermark: '900', systemIdentifier: 'here', itemPart: new Uint8Array(3), userPart: new Uint8Array(3) };

describe('training runs', () => {
  let made: OwnDatabase;
  let database: Database;
  beforeEach(async () => {
    made = await openTestDatabase(4);
    ({ database } = made);
    return async () => {
      await made.close();
    };
  });
  const lockFree = async () => {
    await expect.poll(async () => await run(database, `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`), { timeout: 5_000, interval: 20 }).toEqual([]);
  };

  it('keep what they have to show, and say whether to stop', async () => {
    const lock = (await takeTrainingLock(made.url))!;
    const runNo = await startRun(lock.connection, 'cli');
    expect(await noteProgress(lock.connection, runNo, 'search', 0.25, 12, { trials: [{ number: 1 }] })).toBe(false);
    expect(await findProgress(database, runNo)).toEqual({ runNo, state: 'running', phase: 'search', progress: 0.25, secondsLeft: 12, detail: { trials: [{ number: 1 }] }, version: null, code: null, message: null });
    // Without detail the former one stays.
    await noteProgress(lock.connection, runNo, 'fit', 0.5, 8);
    expect(await findProgress(database, runNo)).toMatchObject({ phase: 'fit', detail: { trials: [{ number: 1 }] } });
    await endRun(lock.connection, runNo, 'rejected', 'gate', 'no', { a: 1 });
    expect(await noteProgress(lock.connection, runNo, 'fit', 0.9, 1)).toBe(true);
    expect(await findProgress(database, runNo)).toMatchObject({ state: 'rejected', message: 'no' });
    expect(await findProgress(database, 99)).toBeNull();
    await lock.release();
  });

  it('are not lost while their lock is held, by whomever they are looked at', async () => {
    const lock = (await takeTrainingLock(made.url))!;
    const runNo = await startRun(lock.connection, 'api');
    for (let n = 0; n < 3; n++) {
      await markLostRuns(database);
      expect((await listRuns(database, null, 5))[0]).toMatchObject({ runNo, state: 'running' });
    }
    await lock.release();
  });

  it('of a process that was killed are lost the moment anybody looks, and can publish nothing', async () => {
    const child = await trainingProcess(made.url);
    expect((await listRuns(database, null, 5))[0]).toMatchObject({ state: 'running', phase: 'fit' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await lockFree();
    const skipped = await noteSkippedRun(database, 'schedule', 'x', 'y');
    expect(await listRuns(database, null, 5)).toMatchObject([{ runNo: skipped, state: 'skipped' }, { runNo: 1, state: 'lost', code: 'lost', message: expect.stringMatching(/Nothing was published/) as string, finishedAt: expect.any(Date) as Date }]);
    // Not even whoever holds the lock now can publish for it.
    const lock = (await takeTrainingLock(made.url))!;
    await expect(publishModel(lock.connection, 1, model)).rejects.toBeInstanceOf(RunNoLongerOurs);
    await lock.release();
  });

  it('are lost when the next run takes the lock', async () => {
    const child = await trainingProcess(made.url);
    child.kill('SIGKILL');
    await lockFree();
    const lock = (await takeTrainingLock(made.url))!;
    expect(await run(database, 'SELECT state FROM training_runs')).toEqual([{ state: 'lost' }]);
    await lock.release();
  });

  it('whose lock’s connection was cut are lost, though their process lives on and tries to publish', async () => {
    const lock = (await takeTrainingLock(made.url))!;
    const runNo = await startRun(lock.connection, 'api');
    await run(database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jongleur-training' AND datname = current_database()`);
    await lockFree();
    await expect(publishModel(lock.connection, runNo, model)).rejects.toThrow();
    expect(await findRun(database, runNo)).toMatchObject({ state: 'lost' });
    expect(await findProgress(database, runNo)).toMatchObject({ state: 'lost' });
  });

  it('go to one of many replicas that start at once', async () => {
    const locks = await Promise.all(Array.from({ length: 6 }, async () => await takeTrainingLock(made.url)));
    const held = locks.filter((lock) => lock !== null);
    expect(held).toHaveLength(1);
    await held[0].release();
  });
});

/** A process that takes the lock, starts a run, and stays in the middle of it. */
async function trainingProcess(url: string) {
  const runs = fileURLToPath(new URL('../../dist/storage/training-runs.js', import.meta.url));
  const program = `import { takeTrainingLock, startRun, noteProgress } from ${JSON.stringify(runs)};
    const { connection } = await takeTrainingLock(${JSON.stringify(url)});
    await noteProgress(connection, await startRun(connection, 'schedule'), 'fit', 0.5, 10);
    process.stdout.write('started');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}
