import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STANDARD_TYPES } from '../../src/ingest/event-file.ts';
import { run } from '../../src/storage/database.ts';
import { listEventTypes } from '../../src/storage/event-types.ts';
import { findRun } from '../../src/storage/training-runs.ts';
import { startTrainingRun } from '../../src/training/run.ts';
import { type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('data quality', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  const codes = (findings: { code: string; severity: string }[]) => findings.map(({ code, severity }) => `${severity} ${code}`);
  const options = () => ({ connectionString: service.url, systemIdentifier: service.facts.systemIdentifier, startedBy: 'api' as const, now: Date.now });

  it('is unknown before the first report, which can be asked for on an empty shop too', async () => {
    expectProblem(await service.call('GET', '/v1/data-quality'), 404, 'not-found');
    const { status, json } = await service.call('POST', '/v1/data-quality');
    expect(status).toBe(200);
    expect(json).toMatchObject({ runNo: null, minimums: { interactions: 1000, users: 25 }, missing: ['0 of at least 1000 interactions', '0 of at least 25 users with 2 items or more'], figures: { events: 0, newestAt: null, drift: null } });
    expect((await service.call('GET', '/v1/data-quality')).json).toEqual(json);
  });

  it('is checked once at a time', async () => {
    const answers = await Promise.all([service.call('POST', '/v1/data-quality'), service.call('POST', '/v1/data-quality')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expectProblem(answers.find(({ status }) => status === 409)!, 409, 'check-running');
  });

  it('names what is wrong with the shop’s own ids', async () => {
    const at = (seconds: number) => new Date(Date.parse('2026-03-01T00:00:00Z') + seconds * 1000).toISOString();
    const shoppers = Array.from({ length: 400 }, (_, k) => ({ userId: `u${k % 40}`, itemId: `i${(k * 7) % 90}`, type: 'view', occurredAt: at(k * 5000) }));
    const crawler = Array.from({ length: 350 }, (_, k) => ({ userId: 'spider-7', itemId: `i${k % 90}`, type: 'view', occurredAt: at(k) }));
    await service.call('POST', '/v1/events', { events: shoppers });
    await service.call('POST', '/v1/events', { events: [...crawler, { ...shoppers[0]! }] });
    const { json } = await service.call('POST', '/v1/data-quality');
    expect(codes(json.findings)).toEqual(expect.arrayContaining(['error too-few-interactions', 'warning few-users', 'warning fast-users', 'info duplicates']));
    expect(json.findings.find(({ code }: { code: string }) => code === 'fast-users')).toMatchObject({ figure: 350, threshold: 300, userIds: ['spider-7'], itemIds: [], message: expect.stringMatching(/\S/) as string, advice: expect.stringMatching(/\S/) as string });
    expect(json.figures).toMatchObject({ events: 751, users: 41, items: 90, duplicates: 1, catalogueItems: 90, catalogueWithoutEvents: 0, days: { busiest: '2026-03-01' } });
    // A kept report holds no id of whoever was erased since.
    expect((await run<{ value: string }>(service.database, 'SELECT value::text FROM settings'))[0]!.value).not.toContain('spider-7');
    await run(service.database, `UPDATE users SET user_id = 'gone' WHERE user_id = 'spider-7'`);
    expect(JSON.stringify((await service.call('GET', '/v1/data-quality')).json)).not.toContain('spider-7');
  });

  it('is reported by a run that ends for want of data, with what is missing', async () => {
    const started = (await startTrainingRun({ ...options(), minimums: { interactions: 5000, users: 25 } }))!;
    const message = 'Not enough data to train: 450 of at least 5000 interactions.';
    expect(await started.finished).toMatchObject({ state: 'rejected', code: 'not-enough-data', message });
    expect(await findRun(service.database, started.runNo)).toMatchObject({ state: 'rejected', message, version: null, report: { quality: { figures: { events: 751 }, missing: ['450 of at least 5000 interactions'] } } });
    expect((await service.call('GET', '/v1/data-quality')).json).toMatchObject({ runNo: started.runNo, figures: { events: 751 } });
    expect((await service.call('GET', '/v1/models')).json.items).toEqual([]);
  });

  it('is in the report of a run that publishes, and shows drift against it afterwards', async () => {
    const types = new Map((await listEventTypes(service.database)).map((type) => [type.name, type.typeNo]));
    const insert = async (userFrom: number, type: string, salt: string) =>
      await run(service.database, `INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup) SELECT $1 + k % 41, 1 + k % 90, $2, '2026-03-20'::timestamptz + k * interval '1 minute', md5($3 || k)::uuid FROM generate_series(1, 2000) k`, [userFrom, types.get(type), salt]);
    await insert(1, 'view', 'a');
    const result = await (await startTrainingRun({ ...options(), minimums: { interactions: 450, users: 41 } }))!.finished;
    expect(result).toMatchObject({ state: 'published', report: { quality: { missing: [], figures: { events: 2751, drift: null } } } });
    await insert(1, 'cart', 'b');
    const { json } = await service.call('POST', '/v1/data-quality');
    expect(json.figures.drift).toMatchObject({ window: 2000, newEvents: 2000, newUserShare: 0, newItemShare: 0 });
    expect(codes(json.findings)).toContain('warning drift-types');
    expect(codes(json.findings)).not.toContain('warning drift-items');
  });

  it('is shown as pictures, of those events that there are when somebody looks', async () => {
    const insight = async (path: string) => {
      const { status, json } = await service.call('GET', `/v1/insights/${path}`);
      expect([path, status]).toEqual([path, 200]);
      return json;
    };
    const perDay = await insight('events-per-day?days=20');
    expect(perDay).toMatchObject({ events: 4751, first: '2026-03-05', types: [{ name: 'view' }, { name: 'cart' }] });
    const perDayOf = async (typeNo: number) => (await run<{ n: number }>(service.database, `SELECT (SELECT count(*)::int FROM events WHERE type_no = $1 AND occurred_at >= day AND occurred_at < day + interval '1 day') AS n FROM generate_series('2026-03-05Z'::timestamptz, '2026-03-24Z', '1 day') day ORDER BY day`, [typeNo])).map(({ n }) => n);
    expect(perDay.types.map(({ events }: { events: number[] }) => events)).toEqual([await perDayOf(1), await perDayOf(2)]);
    expect((await insight('events-per-day')).types[0].events.reduce((a: number, b: number) => a + b)).toBe(2751);
    const longTail = await insight('long-tail');
    expect(longTail).toMatchObject({ users: { count: 41 }, items: { count: 90 } });
    expect(longTail.top).toHaveLength(20);
    expect(longTail.top[0]).toMatchObject({ itemId: expect.stringMatching(/^i\d+$/) as string, title: null, category: null });
    expect((await insight('activity')).users.reduce((all: number, { count }: { count: number }) => all + count, 0)).toBe(41);
    expect((await insight('values')).types).toEqual([{ name: 'view', events: 2751, values: null, quantities: null }, { name: 'cart', events: 2000, values: null, quantities: null }]);
    const sparsity = await insight('sparsity');
    expect([sparsity.users, sparsity.items, sparsity.cells.length, sparsity.cells.reduce((a: number, b: number) => a + b)]).toEqual([41, 90, 41 * 64, sparsity.pairs]);
    await service.call('POST', '/v1/items', { items: [{ itemId: 'i1', title: 'One', categories: ['Fine things', 'small'] }, { itemId: 'unseen', categories: ['small'] }] });
    // What the catalogue says is of the last look, and a look is asked for by a check as well.
    await service.call('POST', '/v1/data-quality');
    const { shown, ...mix } = await insight('categories');
    const ofOne = (await run<{ n: number }>(service.database, `SELECT count(*)::int AS n FROM events JOIN items USING (item_no) WHERE item_id = 'i1'`))[0]!.n;
    expect(mix).toMatchObject({ categories: 2, without: { items: 89, events: 4751 - ofOne } });
    expect(shown).toEqual([{ name: 'small', items: 2, events: ofOne }, { name: 'Fine things', items: 1, events: ofOne }]);
  });

  it('has pictures in answers of the right shape before there is an event, and no map without a model', async () => {
    const empty = await startService();
    try {
      const answers = await Promise.all(['events-per-day', 'long-tail', 'activity', 'values', 'sparsity', 'categories'].map(async (path) => await empty.call('GET', `/v1/insights/${path}`)));
      expect(answers.map(({ status, json }) => [status, json.events])).toEqual(Array.from({ length: 6 }, () => [200, 0]));
      expect(answers[0]!.json).toMatchObject({ first: null, types: [] });
      expect((await empty.call('GET', '/v1/insights/item-map')).json).toMatchObject({ status: 404, code: 'not-found', remedy: expect.stringContaining('Train one') as string });
      // Somebody sends the first events: what was kept of none is not young for long.
      await empty.call('POST', '/v1/events', { userId: 'u1', itemId: 'i1', type: 'view' });
      await run(empty.database, `UPDATE settings SET value = jsonb_set(value, '{pictures,checkedAtMs}', to_jsonb($1::float8)) WHERE name = 'data-pictures'`, [Date.now() - 11_000]);
      expect((await empty.call('GET', '/v1/insights/long-tail')).json).toMatchObject({ events: 1, top: [{ itemId: 'i1', events: 1, users: 1 }] });
    } finally {
      await empty.stop();
    }
  });

  it('has a map of the live model’s items, whose points stay where they are whatever the limit', async () => {
    await service.answers.followModels();
    const { status, json } = await service.call('GET', '/v1/insights/item-map');
    expect([status, json.items, json.points.length]).toEqual([200, 90, 90]);
    const popularity = json.points.map((point: { popularity: number }) => point.popularity) as number[];
    expect(popularity).toEqual(popularity.toSorted((a, b) => b - a));
    expect([popularity[0]! > 1, popularity.reduce((sum, one) => sum + one, 0) / 90]).toEqual([true, expect.closeTo(1, 3)]);
    expect(json.points.find(({ itemId }: { itemId: string }) => itemId === 'i1')).toMatchObject({ title: 'One', category: 'Fine things' });
    expect(json.shares[0]).toBeGreaterThanOrEqual(json.shares[1]);
    expect(json.shares[0] + json.shares[1]).toBeLessThanOrEqual(1);
    expect((await service.call('GET', '/v1/insights/item-map?limit=3')).json).toEqual({ ...json, points: json.points.slice(0, 3) });
  });

  it('takes a new database’s event types for the standard ones', async () => {
    expect(await listEventTypes(service.database)).toEqual(STANDARD_TYPES);
  });
});
