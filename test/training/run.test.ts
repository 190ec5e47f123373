import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { run } from '../../src/storage/database.ts';
import { findLiveModel } from '../../src/storage/models.ts';
import { findRun, listRuns, requestCancel, takeTrainingLock } from '../../src/storage/training-runs.ts';
import { type RunOptions, startTrainingRun } from '../../src/training/run.ts';
import { trainInThread } from '../../src/training/threads/thread.ts';
import { type Service, startService } from '../support/service.ts';

describe('a training run', () => {
  let service: Service;
  let options: RunOptions;
  beforeAll(async () => {
    service = await startService();
    options = { connectionString: service.url, systemIdentifier: service.facts.systemIdentifier, startedBy: 'api', now: Date.now, gate: null, search: 'off', curves: false };
  });
  afterAll(async () => await service.stop());

  const send = async (users: number, items: number, type = 'cart') =>
    await service.call('POST', '/v1/events', {
      events: Array.from({ length: users }, (_, user) => Array.from({ length: items }, (_unused, item) => ({ userId: `u${user}`, itemId: `i${item}`, type }))).flat().filter((_, k) => k % 3 !== 0),
    });

  const publish = async (change: Partial<RunOptions> = {}) => {
    const result = await (await startTrainingRun({ ...options, ...change }))!.finished;
    return 'version' in result ? result.report : expect.fail(result.message);
  };

  it('ends with what is missing where there are too few events, and leaves no model', async () => {
    const started = (await startTrainingRun(options))!;
    const result = await started.finished;
    expect(result).toMatchObject({ state: 'rejected', code: 'not-enough-data' });
    expect(await findRun(service.database, started.runNo)).toMatchObject({ state: 'rejected', code: 'not-enough-data', message: expect.stringMatching(/0 of at least 2 users/) as string });
    expect(await findLiveModel(service.database)).toBeNull();
  });

  it('publishes a version with a report, and counts as live', async () => {
    await send(12, 12);
    const result = await (await startTrainingRun(options))!.finished;
    expect(result).toMatchObject({ state: 'published', version: 1, report: { users: 12, items: 8 } });
    expect(await findLiveModel(service.database)).toMatchObject({ version: 1, systemIdentifier: service.facts.systemIdentifier });
  });

  it('leaves the live model and says why when it fails', async () => {
    const broken = { ...options, recipe: { ...DEFAULT_RECIPE, regularization: -1 } };
    const result = await (await startTrainingRun(broken))!.finished;
    expect(result.state).toBe('failed');
    expect((await listRuns(service.database, null, 1))[0]).toMatchObject({ state: 'failed', message: expect.stringMatching(/regulari[sz]ation/) as string });
    expect(await findLiveModel(service.database)).toMatchObject({ version: 1 });
  });

  it('is refused while another one holds the lock, in whatever process', async () => {
    const lock = (await takeTrainingLock(service.url))!;
    expect(await startTrainingRun(options)).toBeNull();
    await lock.release();
    await expect.poll(async () => {
      const free = await takeTrainingLock(service.url);
      await free?.release();
      return free !== null;
    }).toBe(true);
  });

  it('can be cancelled from outside, by its row, and publishes nothing', async () => {
    // Slow enough to be met half-way: many sweeps, and no word of progress before they are done.
    const phases: string[] = [];
    const started = (await startTrainingRun({ ...options, recipe: { ...DEFAULT_RECIPE, factors: 6, sweeps: 20_000_000 }, coldEvery: 1, onProgress: (phase) => phases.push(phase) }))!;
    await expect.poll(() => phases.at(-1), { timeout: 10_000 }).toMatch(/evaluate|refit/);
    expect(await requestCancel(service.database, started.runNo)).toBe(true);
    expect(await started.finished).toMatchObject({ state: 'cancelled' });
    expect(await findRun(service.database, started.runNo)).toMatchObject({ state: 'cancelled', version: null });
    expect(await findLiveModel(service.database)).toMatchObject({ version: 1 });
    expect(await requestCancel(service.database, started.runNo)).toBe(false);
  });

  it('cannot publish once its lock’s connection is lost', async () => {
    const started = (await startTrainingRun({ ...options, recipe: { ...DEFAULT_RECIPE, factors: 6, sweeps: 20_000_000 }, coldEvery: 1 }))!;
    await expect.poll(async () => (await findRun(service.database, started.runNo))?.phase, { timeout: 10_000 }).not.toBe('starting');
    await run(service.database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jongleur-training' AND datname = current_database()`);
    expect((await started.finished).state).toBe('failed');
    // Nobody could write the end into its row; whoever looks at it does.
    expect(await findRun(service.database, started.runNo)).toMatchObject({ state: 'lost', code: 'lost', version: null });
    expect((await (await startTrainingRun(options))!.finished).state).toBe('published');
    expect(await findRun(service.database, started.runNo)).toMatchObject({ state: 'lost', version: null });
    expect(await findLiveModel(service.database)).toMatchObject({ version: 2 });
  });

  it('really runs in another thread, and gives the same bytes each time', async () => {
    const job = () => ({
      columns: { length: 4, user: Int32Array.of(1, 1, 2, 2), item: Int32Array.of(1, 2, 1, 3), type: Int16Array.of(1, 1, 1, 1), value: new Float32Array(4).fill(Number.NaN), quantity: new Float32Array(4).fill(Number.NaN), occurredAtMs: Float64Array.of(1, 2, 3, 4), eventNo: Float64Array.of(1, 2, 3, 4) },
      rules: [{ typeNo: 1, name: 'view', weight: 1, mode: 'sum' as const, halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 }],
      recipe: DEFAULT_RECIPE,
      settings: { gate: null },
      live: null,
      users: { nos: Int32Array.of(1, 2), offsets: Uint32Array.of(0, 1, 2), bytes: new TextEncoder().encode('ab') },
      items: { nos: Int32Array.of(1, 2, 3), offsets: Uint32Array.of(0, 1, 2, 3), bytes: new TextEncoder().encode('xyz') },
    });
    const first = await trainInThread(job(), new AbortController().signal);
    const second = await trainInThread(job(), new AbortController().signal);
    expect(first.threadId).toBeGreaterThan(0);
    expect(second.threadId).not.toBe(first.threadId);
    expect(Buffer.from(first.parts!.item).equals(Buffer.from(second.parts!.item))).toBe(true);
    expect(Buffer.from(first.parts!.user).equals(Buffer.from(second.parts!.user))).toBe(true);
  });

  it('whose bytes were damaged in the database is never served; the one before goes on', async () => {
    await service.answers.followModels();
    expect(service.answers.modelVersion()).toBe(2);
    expect((await (await startTrainingRun(options))!.finished).state).toBe('published');
    await run(service.database, `UPDATE model_chunks SET bytes = set_byte(bytes, 200, (get_byte(bytes, 200) + 1) % 256) WHERE version = 3 AND part = 'item'`);
    await service.answers.followModels();
    expect(service.answers.modelVersion()).toBe(2);
    expect((await service.call('GET', '/v1/users/u1/recommendations')).json).toMatchObject({ modelVersion: 2, source: 'personal' });
  });

  it('begins cold where the live version’s bytes are damaged, and says so; the next goes on from what that made', async () => {
    const [repaired, next] = [await publish(), await publish()];
    expect(repaired.start).toMatchObject({ kind: 'cold', code: 'unreadable', note: expect.stringMatching(/version 3 does not match its checksum/) as string });
    expect(next.start).toMatchObject({ kind: 'warm', fromVersion: 4, warmInARow: 1, newItems: 0, newUsers: 0 });
    expect(next.sweeps).toBe(1);
  });

  it('goes on with new shoppers and products, and measures as if there were no live version', async () => {
    await service.call('POST', '/v1/events', { events: [{ userId: 'newcomer', itemId: 'i1', type: 'cart' }, { userId: 'newcomer', itemId: 'novelty', type: 'cart' }, { userId: 'u1', itemId: 'novelty', type: 'cart' }] });
    const warm = await publish();
    expect(warm.start).toMatchObject({ kind: 'warm', fromVersion: 5, warmInARow: 2, newItems: 1, newUsers: 1 });
    const cold = await publish({ coldEvery: 1 });
    expect(cold.start).toMatchObject({ kind: 'cold', code: 'turn' });
    expect(warm.test ?? warm.unmeasured).toEqual(cold.test ?? cold.unmeasured);
    expect(warm.dataHash).toBe(cold.dataHash);
    expect((await publish({ coldEvery: 2 })).start).toMatchObject({ kind: 'warm' });
    expect((await publish({ coldEvery: 2 })).start).toMatchObject({ kind: 'cold', code: 'turn', note: expect.stringMatching(/One version in 2/) as string });
    expect((await publish({ recipe: { ...DEFAULT_RECIPE, unobservedWeight: 0.3 } })).start).toMatchObject({ kind: 'cold', code: 'other-recipe' });
  });

  it('keeps user parts of the live version alone, and item parts of five', async () => {
    for (let n = 0; n < 5; n++) {
      await (await startTrainingRun(options))!.finished;
    }
    const parts = await run<{ part: string; n: number }>(service.database, 'SELECT part, count(DISTINCT version)::int AS n FROM model_chunks GROUP BY part ORDER BY part');
    expect(parts).toEqual([{ part: 'item', n: 5 }, { part: 'user', n: 1 }]);
  });
});
