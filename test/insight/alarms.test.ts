import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AlarmRule, createAlarms } from '../../src/insight/alarms.ts';

const SECOND = 1_000;
type Measures = { readonly share: number | null };
const rule = (more: Partial<AlarmRule<Measures>>): AlarmRule<Measures> => ({ code: 'full', severity: 'critical', title: 'It is full', advice: 'Make room.', measure: ({ share }) => share, side: 'above', threshold: 0.8, clearAt: 0.4, unit: 'of it', holdMs: 10 * SECOND, clearMs: 20 * SECOND, ...more });

function setUp(rules: readonly AlarmRule<Measures>[]) {
  let nowMs = 0;
  const told: [string, unknown][] = [];
  const alarms = createAlarms(rules, (message, detail, level = 'info') => told.push([level === 'info' ? message : `${message} (${level})`, detail.alarm]));
  return {
    told, alarms,
    /** A measure that stays so for some seconds, looked at each second. */
    stays(share: number | null, seconds: number) {
      for (let n = 0; n < seconds; n++) {
        nowMs += SECOND;
        alarms.judge({ share }, nowMs);
      }
    },
  };
}

describe('an alarm', () => {
  it('is raised when its measure has been beyond the threshold for a while, and cleared when it has been well for a while; each is told once', () => {
    const { told, alarms, stays } = setUp([rule({})]);
    stays(0.5, 5);
    stays(0.9, 10);
    expect(alarms.raised()).toEqual([]);
    stays(0.95, 30);
    expect(alarms.raised()).toEqual([{ code: 'full', severity: 'critical', title: 'It is full', advice: 'Make room.', sinceMs: 6 * SECOND, value: 0.95, side: 'above', threshold: 0.8, unit: 'of it' }]);
    // Below the threshold, and not yet well.
    stays(0.6, 100);
    expect(alarms.raised()).toMatchObject([{ value: 0.6 }]);
    stays(0.4, 20);
    expect(alarms.raised()).toHaveLength(1);
    stays(0.4, 1);
    expect(alarms.raised()).toEqual([]);
    expect(told).toEqual([['alarm: It is full (error)', 'full'], ['alarm over: It is full', 'full']]);
  });

  it('is not raised by what passes, and not cleared by it', () => {
    const { told, alarms, stays } = setUp([rule({})]);
    for (let n = 0; n < 20; n++) {
      stays(0.9, 9);
      stays(0.7, 1);
    }
    expect(told).toEqual([]);
    stays(0.9, 11);
    for (let n = 0; n < 20; n++) {
      stays(0.1, 19);
      stays(0.5, 1);
    }
    expect(alarms.raised()).toHaveLength(1);
    expect(told).toHaveLength(1);
  });

  it('stays as it is while its measure is not known', () => {
    const { alarms, stays } = setUp([rule({})]);
    stays(null, 100);
    expect(alarms.raised()).toEqual([]);
    stays(0.9, 11);
    stays(null, 1_000);
    expect(alarms.raised()).toMatchObject([{ value: 0.9 }]);
  });

  it('can be of what lies too low; the gravest is named first', () => {
    const { told, alarms, stays } = setUp([rule({ code: 'quiet', severity: 'info', side: 'below', threshold: 0.5, clearAt: 0.7, holdMs: 0, clearMs: 0 }), rule({ code: 'low', severity: 'warning', side: 'below', threshold: 0.3, clearAt: 0.3, holdMs: 0, clearMs: 0 })]);
    stays(0.4, 1);
    expect(alarms.raised().map(({ code }) => code)).toEqual(['quiet']);
    stays(0.2, 1);
    expect(alarms.raised().map(({ code }) => code)).toEqual(['low', 'quiet']);
    stays(0.6, 1);
    expect(alarms.raised().map(({ code }) => code)).toEqual(['quiet']);
    stays(0.7, 1);
    expect(alarms.raised()).toEqual([]);
    expect(told.slice(0, 2)).toEqual([['alarm: It is full', 'quiet'], ['alarm: It is full (warn)', 'low']]);
  });

  it('is told of by turns, raised and over, whatever its measure does', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(0, 0.4, 0.41, 0.8, 0.81, 1, null), fc.nat(30))), (course) => {
        const { told, stays } = setUp([rule({})]);
        course.forEach(([share, seconds]) => stays(share, seconds));
        expect(told.map(([message]) => message)).toEqual(told.map((_, n) => (n % 2 === 0 ? 'alarm: It is full (error)' : 'alarm over: It is full')));
      }),
    );
  });
});
