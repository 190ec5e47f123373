import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listed, createImpressions } from '../../src/insight/impressions.ts';
import { type Database, createDatabase, run } from '../../src/storage/database.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';
import { startProxy } from '../support/proxy.ts';

const HOUR = Date.UTC(2026, 5, 1, 12);

describe('impressions', () => {
  let made: OwnDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await openTestDatabase();
    ({ database } = made);
  });
  afterAll(async () => {
    await made.close();
  });
  const listed = (more: Partial<Listed>): Listed => ({ listedAtMs: HOUR + 1, scenarioNo: 0, variantNo: 0, modelVersion: 1, sourceNo: 0, bucket: 5, length: 10, lists: 1, ...more });
  const rows = async () => await run<{ lists: number; seen: number; hour: Date; length: number }>(database, 'SELECT lists::int, seen_lists::int AS seen, hour, length FROM impressions ORDER BY hour, length');

  it('of one hour and kind are one row, to which everybody adds', async () => {
    let given: Listed[] = [listed({}), listed({ listedAtMs: HOUR + 3_599_999, lists: 4 }), listed({ length: 20 }), listed({ listedAtMs: HOUR + 3_600_000 })];
    const impressions = createImpressions({ database, drain: () => given.splice(0), previews: () => 0, now: () => HOUR, log: () => undefined });
    await impressions.flush();
    given = [listed({ lists: 2 })];
    impressions.noteSeen(listed({}));
    impressions.noteFault('forged');
    impressions.noteFault('forged');
    await impressions.stop();
    expect(await rows()).toEqual([{ lists: 7, seen: 1, hour: new Date(HOUR), length: 10 }, { lists: 1, seen: 0, hour: new Date(HOUR), length: 20 }, { lists: 1, seen: 0, hour: new Date(HOUR + 3_600_000), length: 10 }]);
    expect(await run(database, 'SELECT fault, events::int AS n FROM recommendation_faults')).toEqual([{ fault: 'forged', n: 2 }]);
    await run(database, 'TRUNCATE impressions, recommendation_faults');
  });

  it('wait while Postgres is away, and are added once it is back', async () => {
    const wire = await startProxy(made.url);
    const remote = createDatabase({ connectionString: wire.url, maxConnections: 1, onError: () => undefined });
    const given: Listed[] = [listed({ lists: 3 })];
    const impressions = createImpressions({ database: remote, drain: () => given.splice(0), previews: () => 0, now: () => HOUR, log: () => undefined });
    wire.away = true;
    impressions.noteFault('expired');
    await expect(impressions.flush()).rejects.toThrow();
    given.push(listed({ lists: 2 }));
    await expect(impressions.flush()).rejects.toThrow();
    expect(await rows()).toEqual([]);
    wire.away = false;
    await impressions.flush();
    expect(await rows()).toMatchObject([{ lists: 5 }]);
    expect(await run(database, 'SELECT fault, events::int AS n FROM recommendation_faults')).toEqual([{ fault: 'expired', n: 1 }]);
    await impressions.stop();
    await remote.end();
    await wire.close();
  });
});
