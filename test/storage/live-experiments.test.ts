import { beforeEach, describe, expect, it } from 'vitest';
import { type Database, run } from '../../src/storage/database.ts';
import { type ExperimentDefinition, addLook, claimLooks, endExperiment, findExperiment, listRunningExperiments, putDraft, startExperiment } from '../../src/storage/live-experiments.ts';
import { activateModel, findModel, listModels, publishModel, pruneModels, rejectModel, rollBackModel } from '../../src/storage/models.ts';
import { type SettingName, type SettingValue, changeTrainingSettings } from '../../src/storage/settings.ts';
import { type TrainingLock, startRun, takeTrainingLock } from '../../src/storage/training-runs.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

const NOW = new Date(Date.UTC(2026, 5, 1, 12));
const later = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
const definition = (change: Partial<ExperimentDefinition> = {}): ExperimentDefinition => ({
  traffic: 1, measure: 'clicks', minEffect: 0.1, power: 0.8, variants: [{ name: 'a', share: 0.5 }, { name: 'b', share: 0.5 }], ...change,
});

describe('live experiments in the database', () => {
  let made: OwnDatabase;
  let database: Database;
  let lock: TrainingLock;
  beforeEach(async () => {
    made = await openTestDatabase(4);
    ({ database } = made);
    lock = (await takeTrainingLock(made.url))!;
    return async () => {
      await lock.release();
      await made.close();
    };
  });

  const bytes = (text: string) => new TextEncoder().encode(text);
  const publish = async (state: 'live' | 'candidate' = 'live') =>
    await publishModel(lock.connection, await startRun(lock.connection, 'api'), { recipe: {}, report: {}, watermark: '900', systemIdentifier: 'here', itemPart: bytes('i'), userPart: bytes('u') }, state);
  const set = async (name: SettingName, value: SettingValue) => await changeTrainingSettings(database, new Map([[name, value]]));
  const parts = async () => (await run<{ name: string }>(database, `SELECT DISTINCT version || ' ' || part AS name FROM model_chunks ORDER BY 1`)).map(({ name }) => name);
  const states = async () => Object.fromEntries((await listModels(database, null, 100)).map(({ version, state }) => [version, state]));
  const guards = async () => (await listRunningExperiments(database)).filter(({ kind }) => kind === 'guard').map(({ name }) => name);
  const begin = async (name: string, change: Partial<ExperimentDefinition> = {}) => {
    await putDraft(database, name, definition(change));
    return (await startExperiment(database, name, NOW))!;
  };

  it('are drafts until they start, may be replaced until then, and start once', async () => {
    await putDraft(database, 'one', definition({ traffic: 0.5 }));
    await putDraft(database, 'one', definition({ traffic: 0.25 }));
    expect(await findExperiment(database, 'one')).toMatchObject({ state: 'draft', firstVariantNo: null, definition: { traffic: 0.25 } });
    expect(await startExperiment(database, 'one', NOW)).toMatchObject({ state: 'running', firstVariantNo: 1001, startedAt: NOW, looks: [] });
    await expect(putDraft(database, 'one', definition())).rejects.toMatchObject({ code: 'exists' });
    await expect(startExperiment(database, 'one', NOW)).rejects.toMatchObject({ code: 'not-draft', message: expect.stringMatching(/running already/) as string });
    expect(await startExperiment(database, 'nothing', NOW)).toBeNull();
    const { experimentNo } = (await findExperiment(database, 'one'))!;
    expect(await endExperiment(database, experimentNo, { reason: 'stopped' }, NOW)).toBe(true);
    expect(await endExperiment(database, experimentNo, { reason: 'stopped' }, NOW)).toBe(false);
    await expect(startExperiment(database, 'one', NOW)).rejects.toMatchObject({ code: 'not-draft', message: expect.stringMatching(/has ended/) as string });
    // Its numbers are in recommendation ids for a month.
    expect((await begin('two')).firstVariantNo).toBe(1003);
  });

  it('share no list, and answer from few versions', async () => {
    for (let n = 0; n < 4; n++) {
      await publish();
    }
    await begin('home', { scenario: 'home', variants: [{ name: 'a', share: 0.5, modelVersion: 1 }, { name: 'b', share: 0.5, modelVersion: 4 }] });
    await expect(begin('home-again', { scenario: 'home' })).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/"home" is running/) as string });
    await expect(begin('all')).rejects.toMatchObject({ code: 'conflict' });
    await begin('cart', { scenario: 'cart', variants: [{ name: 'a', share: 0.5, modelVersion: 2 }, { name: 'b', share: 0.5 }] });
    await expect(begin('mail', { scenario: 'mail', variants: [{ name: 'a', share: 0.5, modelVersion: 3 }, { name: 'b', share: 0.5 }] })).rejects.toMatchObject({ code: 'too-many-models', message: expect.stringMatching(/1, 2, 3/) as string });
    expect((await begin('mail-live', { scenario: 'mail', variants: [{ name: 'a', share: 0.5, modelVersion: 4 }, { name: 'b', share: 0.5 }] })).state).toBe('running');
  });

  it('start once where two processes start them', async () => {
    await putDraft(database, 'one', definition());
    await putDraft(database, 'two', definition());
    const outcomes = await Promise.allSettled(['one', 'two', 'one', 'two'].map(async (name) => await startExperiment(database, name, NOW)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await listRunningExperiments(database)).toHaveLength(1);
  });

  it('are looked at by one process at a time: soon at first, hourly later', async () => {
    const { experimentNo } = await begin('one');
    const claims = await Promise.all([1, 2, 3].map(async () => await claimLooks(database, NOW)));
    expect(claims.flat().map(({ name }) => name)).toEqual(['one']);
    expect(await claimLooks(database, later(0.5))).toEqual([]);
    expect(await claimLooks(database, later(1))).toHaveLength(1);
    expect(await claimLooks(database, later(60))).toHaveLength(1);
    expect([await claimLooks(database, later(62)), (await claimLooks(database, later(63))).length]).toEqual([[], 1]);
    await claimLooks(database, later(6_000));
    expect([await claimLooks(database, later(6_059)), (await claimLooks(database, later(6_060))).length]).toEqual([[], 1]);
    expect(await addLook(database, experimentNo, { at: 'then' })).toBe(true);
    await endExperiment(database, experimentNo, { reason: 'stopped' }, NOW);
    expect(await addLook(database, experimentNo, { at: 'later' })).toBe(false);
    expect(await claimLooks(database, later(60_000))).toEqual([]);
    expect((await findExperiment(database, 'one'))!.looks).toEqual([{ at: 'then' }]);
  });

  it('keep the versions that they answer from, with what these know of shoppers, and let them go after', async () => {
    await set('guard', 'off');
    await set('keepVersions', 1);
    await publish();
    const { experimentNo } = await begin('one', { variants: [{ name: 'a', share: 0.5, modelVersion: 1 }, { name: 'b', share: 0.5 }] });
    await publish();
    await publish();
    expect(await parts()).toEqual(['1 item', '1 user', '3 item', '3 user']);
    await endExperiment(database, experimentNo, { reason: 'stopped' }, NOW);
    await pruneModels(database);
    expect(await parts()).toEqual(['3 item', '3 user']);
  });

  it('keep a candidate from being refused', async () => {
    await publish();
    const candidate = await publish('candidate');
    await begin('one', { variants: [{ name: 'a', share: 0.5, modelVersion: candidate }, { name: 'b', share: 0.5 }] });
    await expect(rejectModel(database, candidate)).rejects.toMatchObject({ code: 'in-experiment' });
  });

  describe('the guard of a version', () => {
    it('begins in the transaction that makes it live, where there was another one', async () => {
      await publish();
      expect(await guards()).toEqual([]);
      await publish();
      const guard = (await findExperiment(database, 'guard-2'))!;
      expect(guard).toMatchObject({ kind: 'guard', state: 'running', firstVariantNo: 1, definition: { hours: 24, rollsBack: true, variants: [{ name: 'former', share: 0.2, modelVersion: 1 }, { name: 'new', share: 0.8, modelVersion: 2 }] } });
      expect(await parts()).toEqual(['1 item', '1 user', '2 item', '2 user']);
      expect((await findModel(database, 2))!.guard).toMatchObject({ experiment: 'guard-2', state: 'running', ended: null, hours: 24 });
      expect((await findModel(database, 1))!.guard).toBeNull();
    });

    it('ends where another goes live, and goes by the settings of that moment', async () => {
      await publish();
      await publish();
      await set('guard', 'notify');
      await set('guardShare', 0.1);
      await set('guardHours', 6);
      await publish();
      expect(await findExperiment(database, 'guard-2')).toMatchObject({ state: 'stopped', end: { reason: 'superseded' } });
      expect(await findExperiment(database, 'guard-3')).toMatchObject({ firstVariantNo: 3, definition: { hours: 6, rollsBack: false, variants: [{ share: 0.1, modelVersion: 2 }, { share: 0.9 }] } });
      await set('guard', 'off');
      await publish();
      expect(await guards()).toEqual([]);
      expect(await parts()).toEqual(['1 item', '2 item', '3 item', '4 item', '4 user']);
    });

    it('is for what shoppers have not seen: a candidate that is approved, no version that is gone back to, none that an experiment has tried', async () => {
      await publish();
      const candidate = await publish('candidate');
      await activateModel(database, candidate);
      expect(await guards()).toEqual(['guard-2']);
      await activateModel(database, 1);
      expect(await guards()).toEqual([]);
      const tried = await publish('candidate');
      await activateModel(database, tried, true);
      expect(await guards()).toEqual([]);
    });

    it('takes a version back in one transaction with its end, once', async () => {
      await publish();
      await publish();
      const { experimentNo } = (await findExperiment(database, 'guard-2'))!;
      expect(await rollBackModel(database, experimentNo, 2, 1, NOW)).toBe(true);
      expect(await states()).toEqual({ 1: 'live', 2: 'retired' });
      expect(await findExperiment(database, 'guard-2')).toMatchObject({ state: 'stopped', end: { reason: 'rolled-back' }, stoppedAt: NOW });
      expect((await findModel(database, 2))!.guard).toMatchObject({ ended: 'rolled-back' });
      // The former one goes on with what it knows of shoppers.
      expect(await parts()).toEqual(['1 item', '1 user', '2 item']);
      expect(await rollBackModel(database, experimentNo, 2, 1, NOW)).toBe(false);
    });

    it('does not take back what is not live any more', async () => {
      await publish();
      await publish();
      const { experimentNo } = (await findExperiment(database, 'guard-2'))!;
      await publish();
      expect(await rollBackModel(database, experimentNo, 2, 1, NOW)).toBe(false);
      expect(await states()).toMatchObject({ 3: 'live' });
    });

    it('is looked at hourly, and once more when its time is up', async () => {
      await publish();
      await publish();
      await run(database, `UPDATE experiments SET started_at = $1, next_look_at = $1::timestamptz + interval '1 hour'`, [NOW]);
      const dueAt = async (minutes: number) => (await claimLooks(database, later(minutes))).length;
      expect([await dueAt(59), await dueAt(60), await dueAt(119), await dueAt(120), await dueAt(23.5 * 60), await dueAt(24 * 60 - 1), await dueAt(24 * 60)]).toEqual([0, 1, 0, 1, 1, 0, 1]);
    });
  });
});
