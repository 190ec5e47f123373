import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALARM_RULES } from '../../src/insight/alarm-rules.ts';
import { createHistogram } from '../../src/insight/histogram.ts';
import type { TrafficTotals } from '../../src/insight/traffic.ts';
import type { Vitals } from '../../src/insight/vitals.ts';
import { createWatch } from '../../src/insight/watch.ts';
import { type Database, run } from '../../src/storage/database.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('the watch', () => {
  let made: OwnDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await openTestDatabase();
    ({ database } = made);
  });
  afterAll(async () => {
    await made.close();
  });
  beforeEach(async () => void (await run(database, 'TRUNCATE events, training_runs; DELETE FROM import_errors; DELETE FROM imports')));

  function setUp() {
    let nowMs = Date.now();
    const traffic: { -readonly [K in keyof TrafficTotals]: number } = { answers: 0, faults: 0, refused: 0 };
    const answers = { lists: { personal: 0, trending: 0 }, fallbacks: { personal: 0 }, stale: 0, previews: 0 };
    const state = { traffic, answers, databaseUp: true, queued: 0, pressureLevel: 0, model: null as Vitals['model'], listsChanged: null as Vitals['listsChanged'], givenKeysInPages: 0 };
    const vitals = (): Vitals => ({
      version: '1', phase: 'ready', loopDelays: createHistogram([1]), connections: { open: 1, waiting: 0 }, answers: structuredClone(answers),
      events: { accepted: 0, duplicates: 0, rejected: 0, overloaded: 0, failed: 0, queued: state.queued, maxQueued: 100 },
      databaseUp: state.databaseUp, pressureLevel: state.pressureLevel, model: state.model, listsChanged: state.listsChanged, givenKeysInPages: state.givenKeysInPages,
    });
    const watch = createWatch({ database, vitals, traffic: () => ({ ...traffic }), now: () => nowMs, log: () => undefined });
    return {
      state, watch,
      codes: () => watch.found().alerts.map(({ code }) => code),
      /** Time goes by in samples of five seconds, each after some more of what is counted. */
      pass(ms: number, more: () => void = () => undefined) {
        for (const endMs = nowMs + ms; nowMs < endMs; ) {
          nowMs += 5_000;
          more();
          watch.sample();
        }
      },
    };
  }
  const ends = async (state: string, code: string | null = null, finished = 'now()') => await run(database, `INSERT INTO training_runs (state, code, started_by, finished_at) VALUES ($1, $2, 'schedule', ${finished})`, [state, code]);

  it('says how many requests and lists a second there were in the last minute', () => {
    const { state, watch, pass } = setUp();
    expect(watch.found().pace).toEqual({ requests: null, lists: null });
    pass(120_000, () => {
      state.traffic.answers += 50;
      state.answers.lists.personal += 10;
    });
    expect(watch.found().pace).toEqual({ requests: 10, lists: 2 });
    pass(60_000);
    expect(watch.found().pace).toEqual({ requests: 0, lists: 0 });
  });

  it('says when Postgres is away, and when it is back', () => {
    const { state, codes, pass } = setUp();
    state.databaseUp = false;
    pass(10_000);
    expect(codes()).toEqual([]);
    pass(10_000);
    expect(codes()).toEqual(['database-away']);
    state.databaseUp = true;
    pass(20_000);
    expect(codes()).toEqual([]);
  });

  it('says when the queue is nearly full, the process is under pressure, answers fail or are stale', () => {
    const { state: { traffic, answers }, state, codes, pass } = setUp();
    const answered = (faults: number, stale: number) => () => {
      traffic.answers += 100;
      traffic.faults += faults;
      answers.lists.trending += 100;
      answers.stale += stale;
    };
    pass(10 * MINUTE, answered(0, 1));
    expect(codes()).toEqual([]);
    state.queued = 90;
    state.pressureLevel = 1;
    pass(3 * MINUTE, answered(5, 30));
    expect(codes().toSorted()).toEqual(['answers-failing', 'answers-stale', 'event-queue-full', 'overloaded']);
    state.queued = 0;
    state.pressureLevel = 0;
    pass(15 * MINUTE, answered(0, 0));
    expect(codes()).toEqual([]);
  });

  it('says when most shoppers get no list of their own, once enough have asked', () => {
    const { state: { answers }, codes, pass } = setUp();
    pass(30 * MINUTE, () => (answers.fallbacks.personal += 0.5));
    expect(codes()).toEqual([]);
    pass(30 * MINUTE, () => (answers.fallbacks.personal += 10));
    expect(codes()).toEqual(['answers-falling-back']);
    pass(40 * MINUTE, () => (answers.lists.personal += 10));
    expect(codes()).toEqual([]);
  });

  it('says when a version shows other lists, or far fewer items, than the one before', () => {
    const { state, codes, pass } = setUp();
    state.listsChanged = { fromVersion: 1, toVersion: 2, shoppers: 200, overlap: 0.6, rankBiasedOverlap: 0.6, itemsBefore: 500, itemsAfter: 450 };
    pass(5_000);
    expect(codes()).toEqual([]);
    state.listsChanged = { ...state.listsChanged, overlap: 0.1, itemsAfter: 100 };
    pass(5_000);
    expect(codes()).toEqual(['lists-changed', 'coverage-fell']);
  });

  it('says how training goes', async () => {
    const { state, watch, codes, pass } = setUp();
    const look = async () => {
      await watch.look();
      pass(5_000);
      return codes();
    };
    await ends('failed', 'internal');
    expect(await look()).toEqual([]);
    await ends('skipped', 'too-few-new-events');
    await ends('lost', 'lost');
    expect(await look()).toEqual(['training-failing']);
    await ends('rejected', 'not-enough-data');
    expect(await look()).toEqual([]);
    await ends('rejected', 'worse');
    expect(await look()).toEqual(['gate-refused']);
    await ends('needs-approval');
    expect(await look()).toEqual(['approval-waiting']);
    await ends('published');
    state.model = { version: 1, madeAtMs: Date.now() - 71 * HOUR, newestEventMs: 0 };
    expect(await look()).toEqual([]);
    state.model = { version: 1, madeAtMs: Date.now() - 73 * HOUR, newestEventMs: 0 };
    expect((await look()).slice(0, 1)).toEqual([]);
    // A run that found nothing new says that the model is as new as it can be.
    await run(database, `DELETE FROM training_runs WHERE state = 'skipped'`);
    expect(await look()).toEqual(['model-old']);
    await ends('skipped', 'too-few-new-events');
    expect(await look()).toEqual([]);
    expect(watch.found().look?.training.counts).toContainEqual({ state: 'rejected', code: 'worse', runs: 1 });
  });

  it('says that an import failed, until one is done', async () => {
    const { watch, codes, pass } = setUp();
    const imported = async (state: string) => await run(database, `INSERT INTO imports (state, source, format, finished_at) VALUES ($1, 's', 'f', clock_timestamp())`, [state]);
    await imported('failed');
    await watch.look();
    pass(5_000);
    expect(codes()).toEqual(['import-failing']);
    await imported('done');
    await watch.look();
    pass(5_000);
    expect(codes()).toEqual([]);
  });

  it('says when far fewer or far more events come than at this hour of former weeks, and forgets what it saw too long ago', async () => {
    const { watch, codes, pass } = setUp();
    const come = async (ago: string, count: number) =>
      await run(database, `INSERT INTO events (user_no, item_no, type_no, occurred_at, received_at, dedup) SELECT n, n, 1, now(), now() - $1::interval, gen_random_uuid() FROM generate_series(1, $2::int) n`, [ago, count]);
    await come('35 days', 1);
    for (const week of [1, 2, 3, 4]) {
      await come(`${7 * week} days 30 minutes`, 90 + 10 * week);
    }
    await watch.look();
    pass(6 * MINUTE);
    expect(codes()).toEqual(['volume-collapsed']);
    expect(watch.found().alerts).toMatchObject([{ value: 0, threshold: 0.5, severity: 'critical' }]);
    await come('10 minutes', 110);
    await watch.look();
    pass(6 * MINUTE);
    expect(codes()).toEqual([]);
    await come('10 minutes', 400);
    await watch.look();
    pass(2 * MINUTE);
    expect(codes()).toEqual([]);
    pass(5 * MINUTE);
    expect(codes()).toEqual(['volume-exploded']);
    await run(database, `DELETE FROM events WHERE received_at > now() - interval '1 day'`);
    // Nobody has looked since: what was found stays raised, and is not judged again.
    pass(HOUR);
    expect(codes()).toEqual(['volume-exploded']);
  });

  it('has rules that can be raised and cleared, with codes of one form, all of them in docs/monitoring.md', () => {
    const docs = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
    const documented = [...docs.matchAll(/^\| `([a-z-]+)` \| (critical|warning|info) \|/gm)].map(([, code, severity]) => [code, severity]);
    expect(documented).toEqual(ALARM_RULES.map(({ code, severity }) => [code, severity]));
    for (const { code, side, threshold, clearAt } of ALARM_RULES) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(side === 'above' ? clearAt <= threshold : clearAt >= threshold).toBe(true);
    }
  });
});
