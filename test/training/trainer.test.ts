import { beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../src/storage/database.ts';
import { listRuns, takeTrainingLock } from '../../src/storage/training-runs.ts';
import type { StartedRun } from '../../src/training/run.ts';
import { createTrainer, type Trainer, type TrainerOptions } from '../../src/training/trainer.ts';
import { createFalseClock } from '../support/false-clock.ts';
import { type Service, startService } from '../support/service.ts';

const MINUTE_MS = 60_000;

describe('the trainer', () => {
  let service: Service;
  const trainers: Trainer[] = [];
  beforeEach(async () => {
    service = await startService();
    return async () => {
      await Promise.all(trainers.splice(0).map(async (trainer) => await trainer.stop()));
      await service.stop();
    };
  });
  const trainerWith = (overrides: Partial<TrainerOptions>) => {
    const trainer = createTrainer({
      database: service.database, connectionString: service.url, systemIdentifier: service.facts.systemIdentifier, enabled: true, gate: null, cron: null, minEvents: 100, afterEvents: 0, now: Date.now, log: () => undefined, ...overrides,
    });
    trainers.push(trainer);
    return trainer;
  };
  let sent = 0;
  /** Returns once no transaction older than these events is under way, in other tests' databases either: while one is, a run's watermark lies below them. */
  const send = async (count: number) => {
    await service.call('POST', '/v1/events', { events: Array.from({ length: count }, () => ({ userId: `u${sent % 7}`, itemId: `i${sent++ % 11}`, type: 'view' })) });
    await expect.poll(async () => await run(service.database, 'SELECT FROM events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()) LIMIT 1'), { timeout: 20_000, interval: 10 }).toEqual([]);
  };
  /** Newest first. */
  const states = async () => (await listRuns(service.database, null, 10)).map((one) => `${one.startedBy}:${one.state}`);

  /** A clock at one second to three in the morning after today, so that what the database stamps lies before it. */
  function beforeThree() {
    const today = new Date();
    return createFalseClock(new Date(today.getFullYear(), today.getMonth(), today.getDate() + 1, 2, 59, 59).getTime());
  }

  it('starts by the schedule, and records a run without enough new events as skipped', async () => {
    await send(40);
    const clock = beforeThree();
    const trainer = trainerWith({ cron: '0 3 * * *', afterEvents: 60, minEvents: 50, ...clock });
    expect(await trainer.plan()).toEqual({ enabled: true, scheduledMs: null, minEvents: 50, afterEvents: 60, newEvents: 40 });
    await trainer.stop();
    const watched = trainerWith({ cron: '0 3 * * *', ...clock });
    watched.watch();
    expect((await watched.plan()).scheduledMs).toBe(clock.now() + 1000);
    await clock.passWithWork(999);
    expect(await states()).toEqual([]);
    await clock.passWithWork(1);
    expect(await states()).toEqual(['schedule:skipped']);
    expect((await listRuns(service.database, null, 1))[0].message).toMatch(/40 new events.*needs 100 \(RETRAIN_MIN_EVENTS\)/);
    await send(60);
    await clock.passWithWork(24 * 60 * MINUTE_MS);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['schedule:published', 'schedule:skipped']);
    // Nothing is new the night after.
    await clock.passWithWork(24 * 60 * MINUTE_MS);
    expect(await states()).toEqual(['schedule:skipped', 'schedule:published', 'schedule:skipped']);
  });

  it('waits with what nobody asked for while the process cannot keep up', async () => {
    await send(120);
    const clock = beforeThree();
    let isBusy = true;
    trainerWith({ cron: '0 3 * * *', isBusy: () => isBusy, ...clock }).watch();
    await clock.passWithWork(1_000);
    await clock.passWithWork(5 * MINUTE_MS);
    expect(await states()).toEqual([]);
    isBusy = false;
    await clock.passWithWork(MINUTE_MS);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['schedule:published']);

    isBusy = true;
    const byEvents = createFalseClock(Date.now() + 20 * MINUTE_MS);
    const trainer = trainerWith({ afterEvents: 100, isBusy: () => isBusy, ...byEvents });
    trainer.watch();
    await send(120);
    trainer.noteEvents();
    for (let minute = 0; minute < 3; minute++) {
      await byEvents.passWithWork(MINUTE_MS);
    }
    expect(await states()).toEqual(['schedule:published']);
    // Somebody's word is somebody's word: over HTTP it is refused before it comes here.
    isBusy = false;
    byEvents.pass(MINUTE_MS);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['events:published', 'schedule:published']);
  });

  it('does not make a rejected model again from the same events', async () => {
    await send(120);
    const clock = beforeThree();
    // Seven shoppers cannot be measured, and nobody allowed to publish what was not.
    trainerWith({ cron: '0 3 * * *', gate: undefined, ...clock }).watch();
    await clock.passWithWork(1_000);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['schedule:rejected']);
    await clock.passWithWork(24 * 60 * MINUTE_MS);
    expect(await states()).toEqual(['schedule:skipped', 'schedule:rejected']);
    await send(100);
    await clock.passWithWork(24 * 60 * MINUTE_MS);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['schedule:rejected', 'schedule:skipped', 'schedule:rejected']);
  });

  it('does not make the model again that somebody went back from', async () => {
    await send(120);
    await service.train();
    await send(120);
    await service.train();
    await service.call('POST', '/v1/models/1/activate');
    const clock = beforeThree();
    trainerWith({ cron: '0 3 * * *', ...clock }).watch();
    await clock.passWithWork(1_000);
    expect(await states()).toEqual(['schedule:skipped', 'api:published', 'api:published']);
  });

  it('of two replicas with one schedule lets one train', async () => {
    await send(120);
    const [a, b] = [beforeThree(), beforeThree()];
    trainerWith({ cron: '0 3 * * *', ...a }).watch();
    trainerWith({ cron: '0 3 * * *', ...b }).watch();
    await Promise.all([a.passWithWork(1_000), b.passWithWork(1_000)]);
    await expect.poll(async () => (await states()).filter((state) => state === 'schedule:published'), { timeout: 15_000 }).toHaveLength(1);
    expect((await states()).filter((state) => state !== 'schedule:published' && state !== 'schedule:skipped')).toEqual([]);
    expect((await service.call('GET', '/v1/models')).json.items).toHaveLength(1);
  });

  it('starts nothing by the schedule while another process trains', async () => {
    await send(120);
    const lock = (await takeTrainingLock(service.url))!;
    const clock = beforeThree();
    trainerWith({ cron: '0 3 * * *', ...clock }).watch();
    await clock.passWithWork(1_000);
    expect(await states()).toEqual([]);
    await lock.release();
    await clock.passWithWork(24 * 60 * MINUTE_MS);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['schedule:published']);
  });

  it('starts after enough new events, and not again within a quarter of an hour', async () => {
    const clock = createFalseClock(Date.now());
    const trainer = trainerWith({ afterEvents: 50, ...clock });
    trainer.watch();
    await send(49);
    clock.pass(5_000);
    // The count is one query: whatever it starts is there long before this has been asked for.
    await expect.poll(() => clock.waiting()).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await states()).toEqual([]);
    await send(60);
    trainer.noteEvents();
    clock.pass(5_000);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['events:published']);
    await send(80);
    trainer.noteEvents();
    clock.pass(5_000);
    // It counted, and waits for what is left of the quarter.
    await expect.poll(() => clock.waiting(), { timeout: 5_000 }).toBe(1);
    clock.pass(13 * MINUTE_MS);
    expect(await states()).toEqual(['events:published']);
    clock.pass(3 * MINUTE_MS);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['events:published', 'events:published']);
  });

  it('does not train where it is off, and starts nothing once it was stopped', async () => {
    await send(120);
    const clock = beforeThree();
    const off = trainerWith({ enabled: false, cron: '0 3 * * *', afterEvents: 1, ...clock });
    off.watch();
    off.noteEvents();
    expect(clock.waiting()).toBe(0);
    expect(await off.start('api')).toBe('off');
    const stopped = trainerWith({ cron: '0 3 * * *', afterEvents: 1, ...clock });
    stopped.watch();
    expect(clock.waiting()).toBe(2);
    await stopped.stop();
    expect(clock.waiting()).toBe(0);
    expect(await stopped.start('api')).toBe('off');
    // Stopped while it was taking the lock: the run that came of it ends too.
    const hasty = trainerWith({});
    const starting = hasty.start('api');
    await hasty.stop();
    expect(await states()).toEqual(['api:cancelled']);
    expect(await ((await starting) as StartedRun).finished).toMatchObject({ state: 'cancelled' });
  });

  it('counts everything as new for a model of another cluster', async () => {
    await send(120);
    await service.train();
    await run(service.database, `UPDATE models SET system_identifier = 'elsewhere', watermark = '9000000000'`);
    await run(service.database, `UPDATE training_runs SET system_identifier = 'elsewhere', watermark = '9000000000'`);
    const clock = beforeThree();
    trainerWith({ cron: '0 3 * * *', ...clock }).watch();
    await clock.passWithWork(1_000);
    await expect.poll(states, { timeout: 15_000 }).toEqual(['schedule:published', 'api:published']);
  });

  it('is told of a run under way as busy', async () => {
    await send(120);
    const trainer = trainerWith({});
    const first = (await trainer.start('api')) as StartedRun;
    expect(await trainer.start('api')).toBe('busy');
    await first.finished;
  });
});
