import { describe, expect, it } from 'vitest';
import { createSchedule } from '../../src/training/schedule.ts';
import { createFalseClock } from '../support/false-clock.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const at = (day: number, hour: number, minute = 0, second = 0) => new Date(2026, 5, day, hour, minute, second).getTime();

function scheduleOn(pattern: string, startMs: number, work: (nowMs: number) => Promise<void> = async () => undefined) {
  const clock = createFalseClock(startMs);
  const fired: number[] = [];
  const errors: unknown[] = [];
  const schedule = createSchedule(pattern, clock, async () => {
    fired.push(clock.now());
    await work(clock.now());
  }, (error) => errors.push(error));
  return { clock, fired, errors, schedule };
}

describe('a schedule', () => {
  it('starts work at its time, local, and not a second sooner', async () => {
    const { clock, fired, schedule } = scheduleOn('0 3 * * *', at(1, 22));
    await clock.passWithWork(at(2, 2, 59, 59) - at(1, 22));
    expect([fired, schedule.dueMs()]).toEqual([[], at(2, 3)]);
    await clock.passWithWork(1_000);
    expect([fired, schedule.dueMs()]).toEqual([[at(2, 3)], at(3, 3)]);
  });

  it('goes on day by day', async () => {
    const { clock, fired } = scheduleOn('0 3 * * *', at(1, 22));
    await clock.passWithWork(72 * HOUR_MS);
    expect(fired).toEqual([at(2, 3), at(3, 3), at(4, 3)]);
  });

  it('makes up for what a sleeping machine missed, once, soon after it woke', async () => {
    const { clock, fired } = scheduleOn('0 * * * *', at(1, 22));
    await clock.passWithWork(10_000);
    clock.sleep(5 * HOUR_MS + 10 * MINUTE_MS);
    await clock.passWithWork(MINUTE_MS);
    expect(fired).toHaveLength(1);
    expect(fired[0]).toBeLessThanOrEqual(at(2, 3, 10) + 40_000);
    await clock.passWithWork(HOUR_MS);
    expect(fired.slice(1)).toEqual([at(2, 4)]);
  });

  it('never overlaps with itself: times that pass while it works are left out', async () => {
    let finish: () => void = () => undefined;
    const { clock, fired } = scheduleOn('* * * * *', at(1, 22), async () => await new Promise((resolve) => (finish = resolve)));
    clock.pass(5 * MINUTE_MS);
    expect(fired).toEqual([at(1, 22, 1)]);
    finish();
    await expect.poll(() => clock.waiting()).toBe(1);
    clock.pass(MINUTE_MS);
    expect(fired).toEqual([at(1, 22, 1), at(1, 22, 6)]);
  });

  it('tells of work that failed, and goes on', async () => {
    const { clock, fired, errors } = scheduleOn('* * * * *', at(1, 22), async () => await Promise.reject(new Error('no')));
    await clock.passWithWork(2 * MINUTE_MS);
    expect(fired).toHaveLength(2);
    expect(errors.map(String)).toEqual(['Error: no', 'Error: no']);
  });

  it('starts nothing once it was stopped', async () => {
    const { clock, fired, schedule } = scheduleOn('* * * * *', at(1, 22));
    schedule.stop();
    expect(clock.waiting()).toBe(0);
    clock.pass(HOUR_MS);
    expect(fired).toEqual([]);
  });

  it('of a pattern without another time waits for nothing', () => {
    const { clock } = scheduleOn('0 0 30 2 *', at(1, 22));
    expect(clock.waiting()).toBe(0);
  });
});
