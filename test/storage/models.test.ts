import { beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import { type Database, run } from '../../src/storage/database.ts';
import { ModelDamaged, loadModelPart } from '../../src/storage/model-parts.ts';
import { RunNoLongerOurs, activateModel, findLiveModel, findModel, listModels, publishModel, rejectModel } from '../../src/storage/models.ts';
import { changeTrainingSettings } from '../../src/storage/settings.ts';
import { type TrainingLock, findRun, startRun, takeTrainingLock } from '../../src/storage/training-runs.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('model versions', () => {
  let made: OwnDatabase;
  let database: Database;
  let lock: TrainingLock;
  beforeEach(async () => {
    made = await openTestDatabase(4);
    ({ database } = made);
    lock = (await takeTrainingLock(made.url))!;
    await changeTrainingSettings(database, new Map([['guard', 'off']]));
    return async () => {
      await lock.release();
      await made.close();
    };
  });

  /** Publishes one, with a run of its own. */
  async function publish(state: 'live' | 'candidate' = 'live'): Promise<{ version: number; runNo: number }> {
    const runNo = await startRun(lock.connection, 'api');
    const version = await publishModel(lock.connection, runNo, { recipe: { factors: 8 }, report: { runNo }, watermark: '900', systemIdentifier: 'here', itemPart: bytes(`items of run ${runNo}`), userPart: bytes(`users of run ${runNo}`) }, state);
    return { version, runNo };
  }
  const keep = async (count: number) => await changeTrainingSettings(database, new Map([['keepVersions', count]]));
  const states = async () => Object.fromEntries((await listModels(database, null, 100)).map(({ version, state }) => [version, state]));
  const parts = async () => (await run<{ name: string }>(database, `SELECT DISTINCT version || ' ' || part AS name FROM model_chunks ORDER BY 1`)).map(({ name }) => name);
  const wakeUps = async (work: () => Promise<unknown>) => {
    const client = new pg.Client({ connectionString: made.url });
    await client.connect();
    let heard = 0;
    client.on('notification', () => heard++);
    await client.query('LISTEN jongleur_models');
    await work();
    await client.query('SELECT 1');
    await client.end();
    return heard;
  };

  it('go live one at a time, and say of which run they are', async () => {
    const first = await publish();
    const second = await publish();
    expect(await states()).toEqual({ 1: 'retired', 2: 'live' });
    expect(await findLiveModel(database)).toEqual({ version: 2, createdAt: expect.any(Date) as Date, watermark: '900', systemIdentifier: 'here', hasUserPart: true, sha256: expect.any(Buffer) as Buffer, userSha256: expect.any(Buffer) as Buffer });
    expect(await findModel(database, 1)).toMatchObject({ version: 1, runNo: first.runNo, state: 'retired', isKept: true, recipe: { factors: 8 }, report: { runNo: first.runNo }, watermark: '900' });
    expect(await findRun(database, second.runNo)).toMatchObject({ state: 'published', version: 2, progress: 1 });
    expect(await parts()).toEqual(['1 item', '2 item', '2 user']);
  });

  it('wait for approval with both parts, change nothing meanwhile, and go live by a word', async () => {
    await publish();
    let candidate = { version: 0, runNo: 0 };
    expect(await wakeUps(async () => (candidate = await publish('candidate')))).toBe(0);
    expect(await states()).toEqual({ 1: 'live', 2: 'candidate' });
    expect(await findRun(database, candidate.runNo)).toMatchObject({ state: 'needs-approval', version: 2 });
    expect(await parts()).toEqual(['1 item', '1 user', '2 item', '2 user']);
    expect(await findModel(database, 2)).toMatchObject({ activatedAt: null });
    expect(await wakeUps(async () => await activateModel(database, 2))).toBe(1);
    expect(await states()).toEqual({ 1: 'retired', 2: 'live' });
    expect(await findRun(database, candidate.runNo)).toMatchObject({ state: 'published' });
    expect((await findModel(database, 2))!.activatedAt).toBeInstanceOf(Date);
    // What was made for the candidate serves it now; what the former one knew of shoppers is gone.
    expect(await findLiveModel(database)).toMatchObject({ version: 2, hasUserPart: true });
    expect(await parts()).toEqual(['1 item', '2 item', '2 user']);
  });

  it('keep their candidates’ bytes beside a version that goes live', async () => {
    await publish('candidate');
    await publish();
    expect(await parts()).toEqual(['1 item', '1 user', '2 item', '2 user']);
    expect(await activateModel(database, 1)).toBe(true);
    expect(await states()).toEqual({ 1: 'live', 2: 'retired' });
  });

  it('come back from retirement by their item part alone', async () => {
    await publish();
    await publish();
    expect(await activateModel(database, 1)).toBe(true);
    expect(await states()).toEqual({ 1: 'live', 2: 'retired' });
    expect(await findLiveModel(database)).toMatchObject({ version: 1, hasUserPart: false });
    expect(await parts()).toEqual(['1 item', '2 item']);
    expect(Buffer.from(await loadModelPart(database, 1, 'item')).toString()).toBe('items of run 1');
    await expect(loadModelPart(database, 1, 'user')).rejects.toBeInstanceOf(ModelDamaged);
  });

  it('of many chunks come back as they were, and not where a chunk is another, missing or longer', async () => {
    const itemPart = Uint8Array.from({ length: 9_000_001 }, (_, n) => (n * 2_654_435_761) >>> 24);
    await publishModel(lock.connection, await startRun(lock.connection, 'api'), { recipe: {}, report: {}, watermark: '900', systemIdentifier: 'here', itemPart, userPart: new Uint8Array(0) });
    const isWhole = async (from: Parameters<typeof loadModelPart>[0]) => Buffer.from(await loadModelPart(from, 1, 'item')).equals(itemPart);
    expect(await isWhole(database)).toBe(true);
    expect(await isWhole(lock.connection)).toBe(true);
    expect(await loadModelPart(database, 1, 'user')).toHaveLength(0);
    const changed = async (statement: string) => {
      await run(database, statement);
      await expect(loadModelPart(database, 1, 'item')).rejects.toBeInstanceOf(ModelDamaged);
    };
    await changed(`UPDATE model_chunks SET bytes = set_byte(bytes, 7, 255 - get_byte(bytes, 7)) WHERE seq = 1`);
    await changed(`UPDATE model_chunks SET bytes = bytes || 'x'::bytea WHERE seq = 1`);
    await changed(`DELETE FROM model_chunks WHERE seq = 1`);
    // The connections were left in order.
    expect(await Promise.all([1, 2, 3, 4].map(async () => (await run(database, 'SELECT 1 AS one')).length))).toEqual([1, 1, 1, 1]);
  });

  it('refused by somebody leave their report alone', async () => {
    const { runNo } = await publish('candidate');
    expect(await rejectModel(database, 1)).toBe(true);
    expect(await states()).toEqual({ 1: 'rejected' });
    expect(await parts()).toEqual([]);
    expect(await findRun(database, runNo)).toMatchObject({ state: 'rejected', code: 'refused', version: 1, report: { runNo } });
    await expect(activateModel(database, 1)).rejects.toMatchObject({ code: 'rejected' });
  });

  it('cannot become what they are, what they cannot be, or what they are not', async () => {
    await keep(1);
    await publish();
    await publish();
    expect(await parts()).toEqual(['2 item', '2 user']);
    expect(await activateModel(database, 7)).toBe(false);
    expect(await rejectModel(database, 7)).toBe(false);
    await expect(activateModel(database, 1)).rejects.toMatchObject({ code: 'pruned', message: expect.stringMatching(/keepVersions/) as string });
    await expect(activateModel(database, 2)).rejects.toMatchObject({ code: 'live' });
    await expect(rejectModel(database, 2)).rejects.toMatchObject({ code: 'not-candidate' });
    await expect(rejectModel(database, 1)).rejects.toMatchObject({ code: 'not-candidate' });
    expect(await states()).toEqual({ 1: 'retired', 2: 'live' });
  });

  it('stay by the setting, the live one always, and those that were live last before those that were made last', async () => {
    for (let n = 0; n < 7; n++) {
      await publish();
    }
    expect(await parts()).toEqual(['3 item', '4 item', '5 item', '6 item', '7 item', '7 user']);
    await activateModel(database, 3);
    await keep(2);
    await publish();
    // 3 was live until a moment ago, so it is what one would go back to.
    expect(await parts()).toEqual(['3 item', '8 item', '8 user']);
    await activateModel(database, 3);
    await publish('candidate');
    await publish('candidate');
    await publish('candidate');
    expect(await parts()).toEqual(['10 item', '10 user', '11 item', '11 user', '3 item']);
    expect(await states()).toMatchObject({ 3: 'live', 8: 'retired', 9: 'rejected', 10: 'candidate', 11: 'candidate' });
    expect((await findModel(database, 9))!.isKept).toBe(false);
    expect(await findRun(database, 9)).toMatchObject({ state: 'rejected', code: 'outlived', message: expect.stringMatching(/Version 9 waited/) as string });
    expect(await listModels(database, null, 100)).toHaveLength(11);
  });

  it('of many activations at once exactly one is live in the end', async () => {
    for (let n = 0; n < 4; n++) {
      await publish();
    }
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 1, 2, 3].map(async (version) => await activateModel(database, version)));
    expect(outcomes.every((one) => one.status === 'fulfilled' || (one.reason as { code?: string }).code === 'live')).toBe(true);
    expect(Object.values(await states()).toSorted()).toEqual(['live', 'retired', 'retired', 'retired']);
  });

  it('are published by a running run alone, on the session that holds the lock', async () => {
    const runNo = await startRun(lock.connection, 'api');
    const model = { recipe: {}, report: {}, watermark: '900', systemIdentifier: 'here', itemPart: bytes('i'), userPart: bytes('u') };
    const other = new pg.Client({ connectionString: made.url });
    await other.connect();
    await expect(publishModel(other, runNo, model)).rejects.toBeInstanceOf(RunNoLongerOurs);
    await other.end();
    await run(database, `UPDATE training_runs SET state = 'lost'`);
    await expect(publishModel(lock.connection, runNo, model)).rejects.toBeInstanceOf(RunNoLongerOurs);
    expect(await listModels(database, null, 10)).toEqual([]);
    await run(database, `UPDATE training_runs SET state = 'running'`);
    expect(await publishModel(lock.connection, runNo, model)).toBeGreaterThan(0);
    await expect(publishModel(lock.connection, runNo, model)).rejects.toBeInstanceOf(RunNoLongerOurs);
  });
});
