import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAssignment, variantOf } from '../../src/model/assignment.ts';
import { createRandom } from '../../src/model/random.ts';
import { publishHybridModel } from '../support/hybrid-model.ts';
import { type Service, startService } from '../support/service.ts';
import { expectProblem as expectCode } from './problem-answers.ts';

function expectProblem(answer: Parameters<typeof expectCode>[0], status: number, code: Parameters<typeof expectCode>[2], words = /./): void {
  expectCode(answer, status, code);
  expect(answer.json.detail).toMatch(words);
}

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 5, 1, 12);
const USERS = Array.from({ length: 60 }, (_, n) => `u${n}`);
const half = (b: object, a: object = {}) => [{ name: 'a', share: 0.5, ...a }, { name: 'b', share: 0.5, ...b }];

describe('live experiments', () => {
  let service: Service;
  let clock = NOON;
  const at = (ms: number) => {
    clock = ms;
    vi.setSystemTime(ms);
  };
  const list = async (userId: string, query = 'scenario=home') => (await service.call('GET', `/v1/users/${userId}/recommendations?${query}`)).json;
  const idsOf = (answer: { items: { itemId: string }[] }) => answer.items.map(({ itemId }) => itemId);
  const begin = async (name: string, body: object) => await service.call('POST', '/v1/experiments', { name, scenario: 'home', start: true, ...body });
  const get = async (name: string) => (await service.call('GET', `/v1/experiments/${name}`)).json;
  const readList = (id: string) => service.answers.readRecommendation(id) as Exclude<ReturnType<typeof service.answers.readRecommendation>, string>;
  const variantNoOf = async (userId: string, query?: string) => readList((await list(userId, query)).recommendationId).variantNo;

  beforeAll(async () => {
    service = await startService();
    await service.call('POST', '/v1/items', { items: Array.from({ length: 40 }, (_, n) => ({ itemId: `i${n}`, title: `Thing ${n}`, price: 1 + n, categories: [`c${n % 2}`] })) });
    await service.call('POST', '/v1/events', {
      events: USERS.flatMap((userId, user) => Array.from({ length: 8 }, (_, n) => ({ userId, itemId: `i${2 * ((user * 5 + n * 7) % 20) + (user % 2)}`, type: 'view', occurredAt: new Date(Date.UTC(2026, 4, 1 + n)).toISOString() }))),
    });
    await service.answers.followItems();
    await publishHybridModel(service, 4);
    await service.call('PUT', '/v1/scenarios/home', { limit: 5, explore: 0 });
    await service.answers.followScenarios();
  });
  afterAll(async () => await service.stop());
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    at(NOON);
  });
  afterEach(async () => {
    await service.impressions.flush();
    await service.database.query('TRUNCATE impressions; DELETE FROM events WHERE rec_at IS NOT NULL; DELETE FROM experiments');
    await service.call('PUT', '/v1/scenarios/home', { limit: 5, explore: 0 });
    await service.call('PUT', '/v1/settings', { guard: 'off', guardHours: null });
    await service.answers.followScenarios();
    vi.useRealTimers();
  });

  it('give each shopper one variant, at every visit and by every road, and count it', async () => {
    const { status, json } = await begin('shorter', { variants: half({ settings: { limit: 3 } }) });
    expect([status, json.state, json.variants.map(({ variantNo }: { variantNo: number }) => variantNo)]).toEqual([201, 'running', [1001, 1002]]);
    const lengths = new Map<string, number>();
    for (const userId of USERS) {
      const { length, variantNo } = readList((await list(userId)).recommendationId);
      expect([length, variantNo]).toEqual(variantNo === 1001 ? [5, 1001] : [3, 1002]);
      lengths.set(userId, length);
    }
    expect([...lengths.values()].filter((length) => length === 3).length).toBeGreaterThan(15);
    expect([...lengths.values()].filter((length) => length === 5).length).toBeGreaterThan(15);
    for (const [userId, length] of [...lengths].slice(0, 10)) {
      // Again, by the lane's road, by POST and in a batch.
      expect(idsOf(await list(userId))).toHaveLength(length);
      expect((await service.answers.recommendQuickly(userId, { steering: {}, scenario: 'home' })).items).toHaveLength(length);
      expect(idsOf((await service.call('POST', `/v1/users/${userId}/recommendations`, { scenario: 'home' })).json)).toHaveLength(length);
      expect(idsOf(JSON.parse((await service.call('POST', '/v1/recommendations/batch', { userIds: [userId], scenario: 'home' })).text))).toHaveLength(length);
      // What the request says itself counts.
      expect(idsOf(await list(userId, 'scenario=home&limit=4'))).toHaveLength(4);
    }
    // Lists of other scenarios and of none are nobody's.
    expect([await variantNoOf('u1', 'scenario=cart'), await variantNoOf('u1', 'limit=3')]).toEqual([0, 0]);
    await service.impressions.flush();
    const { variants } = await get('shorter');
    expect(variants[0].lists + variants[1].lists).toBe(60 + 5 * 10);
    expect(variants[1].items).toBeLessThan(variants[1].lists * 4);
    const { rows } = (await service.call('GET', '/v1/metrics/live?by=variant')).json;
    expect(rows.map(({ key }: { key: string }) => key)).toEqual(['0', '1001', '1002']);
    expect(rows.map(({ name }: { name?: string }) => name)).toEqual([undefined, 'shorter: a', 'shorter: b']);
  });

  it('mix shoppers anew for each, and leave those beyond their traffic alone', async () => {
    const placesOf = async () => await Promise.all(USERS.map(async (userId) => await variantNoOf(userId)));
    await begin('first', { variants: half({}) });
    const first = await placesOf();
    await service.call('POST', '/v1/experiments/first/stop');
    expect(new Set(await placesOf())).toEqual(new Set([0]));
    await begin('second', { traffic: 0.5, variants: half({}) });
    const second = await placesOf();
    expect(new Set(second)).toEqual(new Set([0, 1003, 1004]));
    const agreeing = second.filter((no, n) => no > 0 && no - 1003 === first[n] - 1001).length;
    expect(agreeing).toBeGreaterThan(3);
    expect(agreeing).toBeLessThan(second.filter((no) => no > 0).length - 3);
    const { definition: _, ...row } = (await service.database.query(`SELECT experiment_no, definition FROM experiments WHERE name = 'second'`)).rows[0];
    const assignment = createAssignment(`shop ${row.experiment_no}`, 0.5, [0.5, 0.5]);
    expect(second).toEqual(USERS.map((userId) => (variantOf(assignment, userId) < 0 ? 0 : 1003 + variantOf(assignment, userId))));
  });

  it('can be without recommendations, with more variety, or with another weight of the neighbourhood', async () => {
    await begin('kinds', { variants: [{ name: 'as-it-is', share: 0.25 }, { name: 'off', share: 0.25, off: true }, { name: 'varied', share: 0.25, settings: { diversity: 0.9 } }, { name: 'near', share: 0.25, settings: { neighbourWeight: 6 } }] });
    const plain = async (userId: string, query: string) => idsOf(await list(userId, `limit=5&explore=0${query}`));
    const asked = { 1001: '', 1003: '&diversity=0.9', 1004: '&neighbourWeight=6' };
    let [same, other] = [0, 0];
    for (const userId of USERS) {
      const answer = await list(userId);
      const { variantNo } = readList(answer.recommendationId);
      const isOff = variantNo === 1002;
      const wanted = isOff ? idsOf(answer) : await plain(userId, asked[variantNo as keyof typeof asked]);
      expect([answer.source, idsOf(answer)]).toEqual([isOff ? 'trending' : 'personal', wanted]);
      const isSame = idsOf(answer).join() === (await plain(userId, '')).join();
      same += !isOff && isSame ? 1 : 0;
      other += !isOff && !isSame ? 1 : 0;
    }
    expect(same).toBeGreaterThan(8);
    expect(other).toBeGreaterThan(8);
  });

  it('answer from a version beside the live one, which hears of events as that does', async () => {
    const before = service.answers.modelVersion()!;
    const former = new Map(await Promise.all(USERS.map(async (userId) => [userId, await list(userId, 'limit=5&explore=0')] as const)));
    await publishHybridModel(service, 6);
    const { json } = await begin('versions', { variants: half({ modelVersion: before }) });
    expect(json.variants.map(({ modelVersion, modelBytes }: { modelVersion?: number; modelBytes: number | null }) => [modelVersion ?? null, modelBytes !== null && modelBytes > 1000])).toEqual([[null, false], [before, true]]);
    const versions = new Map<string, number>();
    for (const userId of USERS) {
      const answer = await list(userId);
      versions.set(userId, answer.modelVersion);
      expect([answer.modelVersion, readList(answer.recommendationId).modelVersion]).toEqual(readList(answer.recommendationId).variantNo === 1002 ? [before, before] : [before + 1, before + 1]);
    }
    const back = USERS.find((userId) => versions.get(userId) === before)!;
    expect(new Set(versions.values()).size).toBe(2);
    expect(new Set(idsOf(await list(back)))).toEqual(new Set(idsOf(former.get(back)!)));
    const [bought] = idsOf(await list(back));
    await service.call('POST', '/v1/events', { userId: back, itemId: bought, type: 'purchase' });
    const next = await list(back);
    expect([next.modelVersion, idsOf(next).includes(bought)]).toEqual([before, false]);
    // Another replica has it from Postgres.
    const other = await startService({}, {}, service.url);
    expect((await other.call('GET', `/v1/users/${back}/recommendations?scenario=home`)).json).toMatchObject({ modelVersion: before, items: next.items });
    await other.stop();
    // The erased are in neither.
    await service.call('DELETE', `/v1/users/${back}`);
    await service.answers.followUsers();
    expect((await list(back)).source).toBe('trending');
    await service.call('POST', '/v1/experiments/versions/stop');
    expect((await list('u3')).modelVersion).toBe(before + 1);
  });

  it('end with a variant for everybody: its settings, or its version', async () => {
    expectProblem(await service.call('POST', '/v1/experiments/nothing/promote', { variant: 'a' }), 404, 'not-found');
    await service.call('POST', '/v1/experiments', { name: 'shorter', scenario: 'home', variants: [...half({ settings: { limit: 3 } }).map((one) => ({ ...one, share: 0.4 })), { name: 'off', share: 0.2, off: true }] });
    expectProblem(await service.call('POST', '/v1/experiments/shorter/promote', { variant: 'b' }), 409, 'experiment-not-running');
    await service.call('POST', '/v1/experiments/shorter/start');
    expectProblem(await service.call('POST', '/v1/experiments/shorter/promote', { variant: 'c' }), 404, 'not-found', /a, b, off/);
    expectProblem(await service.call('POST', '/v1/experiments/shorter/promote', { variant: 'off' }), 409, 'experiment-promotion');
    expect((await service.call('POST', '/v1/experiments/shorter/promote', { variant: 'b' })).json).toMatchObject({ state: 'stopped', ended: 'promoted', promoted: 'b' });
    expect((await service.call('GET', '/v1/scenarios/home')).json).toMatchObject({ limit: 3, explore: 0 });
    expect(idsOf(await list('u1'))).toHaveLength(3);
    const live = service.answers.modelVersion()!;
    await publishHybridModel(service, 4);
    await begin('version', { scenario: undefined, variants: half({ modelVersion: live }) });
    expect((await service.call('POST', '/v1/experiments/version/promote', { variant: 'b' })).status).toBe(200);
    expect([(await list('u1')).modelVersion, service.answers.modelVersion()]).toEqual([live, live]);
  });

  it('refuse what they cannot be', async () => {
    const make = async (body: object) => await service.call('POST', '/v1/experiments', { name: 'wrong', scenario: 'home', variants: half({}), ...body });
    expectProblem(await make({ variants: [{ name: 'a', share: 0.5 }, { name: 'b', share: 0.4 }] }), 400, 'invalid-request', /add up to 0\.9; they must add up to 1/);
    expectProblem(await make({ variants: [{ name: 'a', share: 1 }] }), 400, 'invalid-request', /variants has 1 members/);
    expectProblem(await make({ variants: [{ name: 'a', share: -0.5 }, { name: 'b', share: 1.5 }] }), 400, 'invalid-request');
    expectProblem(await make({ variants: half({ name: 'a' }) }), 400, 'invalid-request', /another variant/);
    expectProblem(await make({ variants: half({ modelVersion: 999 }) }), 404, 'not-found', /no model version 999/);
    expectProblem(await make({ variants: half({ settings: { filter: 'colour = red' } }) }), 400, 'invalid-filter', /variants\.1\.settings\.filter/);
    expectProblem(await make({ variants: half({ settings: { divrsity: 1 } }) }), 400, 'invalid-request', /did you mean "diversity"/);
    expectProblem(await make({ variants: half({ off: true, settings: { limit: 3 } }) }), 400, 'invalid-request', /without recommendations/);
    expectProblem(await make({ scenario: undefined, variants: half({ settings: { limit: 3 } }) }), 400, 'invalid-request', /names none/);
    expectProblem(await make({ scenario: 'nowhere' }), 400, 'scenario-unknown');
    expectProblem(await make({ name: 'guard-7' }), 400, 'invalid-request', /guard-/);
    expectProblem(await make({ name: 'Wrong Name' }), 400, 'invalid-request');
    expectProblem(await make({ traffic: 0 }), 400, 'invalid-request');
    expectProblem(await make({ minEffect: 0 }), 400, 'invalid-request');
    // One that was pruned since the draft was made.
    const version = (await service.database.query(`INSERT INTO models (state, recipe, watermark, system_identifier, sha256) VALUES ('retired', '{}', '1', 'here', '') RETURNING version`)).rows[0].version as number;
    expectProblem(await make({ variants: half({ modelVersion: version }) }), 409, 'model-pruned');
    await service.database.query('DELETE FROM models WHERE version = $1', [version]);
    await begin('one', { variants: half({}) });
    expectProblem(await begin('other', { variants: half({}) }), 409, 'experiment-conflict');
    expectProblem(await begin('one', { variants: half({}) }), 409, 'experiment-exists');
    expectProblem(await service.call('POST', '/v1/experiments/one/start'), 409, 'experiment-started');
    expectProblem(await service.call('POST', '/v1/experiments/other/stop'), 409, 'experiment-not-running');
    expectProblem(await service.call('GET', '/v1/experiments', undefined, 'secret'), 403, 'key-role');
    expect((await service.call('GET', '/v1/experiments?limit=1')).json).toMatchObject({ items: [{ name: 'other', state: 'draft' }], nextCursor: expect.any(String) as string });
  });

  it('can be deleted before they were started, and stay from then on', async () => {
    await begin('begun', { variants: half({}) });
    await service.call('POST', '/v1/experiments', { name: 'draft', variants: half({}) });
    const names = async (query = '') => (await service.call('GET', `/v1/experiments${query}`)).json.items.map(({ name }: { name: string }) => name);
    expect([await names(), await names('?kind=shop'), await names('?kind=guard')]).toEqual([['draft', 'begun'], ['draft', 'begun'], []]);
    expect((await service.call('DELETE', '/v1/experiments/draft')).status).toBe(204);
    expectProblem(await service.call('DELETE', '/v1/experiments/draft'), 404, 'not-found');
    expectProblem(await service.call('DELETE', '/v1/experiments/begun'), 409, 'experiment-started', /was started, and stays/);
    await service.call('POST', '/v1/experiments/begun/stop');
    expectProblem(await service.call('DELETE', '/v1/experiments/begun'), 409, 'experiment-started');
    expect(await names()).toEqual(['begun']);
    // Its name is free again, and its numbers are those that the next would have had.
    expect((await begin('draft', { variants: half({}) })).json.variants.map(({ variantNo }: { variantNo: number }) => variantNo)).toEqual([1003, 1004]);
  });

  it('do not count what was forged, foreign, cut, a year old or before its list, and count a click of a shopper and list once', async () => {
    await begin('honest', { variants: half({}) });
    const id = (await list('somebody')).recommendationId as string;
    const click = async (event: object) => (await service.call('POST', '/v1/events', { userId: 'somebody', type: 'view', occurredAt: new Date(clock).toISOString(), recommendationId: id, ...event })).json;
    const other = await startService();
    const foreign = (await other.call('GET', '/v1/trending')).json.recommendationId as string;
    await other.stop();
    await click({ itemId: 'i1', recommendationId: `${id.slice(0, 10)}${id[10] === 'A' ? 'B' : 'A'}${id.slice(11)}` });
    await click({ itemId: 'i2', recommendationId: foreign });
    await click({ itemId: 'i3', recommendationId: id.slice(0, -4) });
    await click({ itemId: 'i4', occurredAt: new Date(NOON - 2 * HOUR).toISOString() });
    const clicks = async () => {
      await service.impressions.flush();
      return (await get('honest')).variants.reduce((sum: number, variant: { clicks: number }) => sum + variant.clicks, 0);
    };
    expect(await clicks()).toBe(0);
    const events = Array.from({ length: 1_000 }, (_, n) => ({ userId: 'somebody', itemId: `i${n % 40}`, type: 'view', recommendationId: id, occurredAt: new Date(clock).toISOString() }));
    await service.call('POST', '/v1/events', { events });
    expect(await clicks()).toBe(20);
    at(NOON + 365 * 24 * HOUR);
    expect((await click({ itemId: 'i5' })).items[0]).toMatchObject({ recommendation: 'expired' });
  });

  /** Lists and clicks as so many shoppers in a hundred buckets would leave them. */
  async function happened(arms: readonly { variant: number; version: number; lists: number; rate: number }[], hourMs: number, seed = 1) {
    const random = createRandom(seed);
    for (const { variant, version, lists, rate } of arms) {
      const perBucket = Array.from({ length: 100 }, () => Math.round((lists / 100) * (0.8 + 0.4 * random.uniform())));
      const clicks = perBucket.map((count) => Math.max(0, Math.round(count * rate + random.gaussian() * Math.sqrt(count * rate))));
      await service.database.query(
        `INSERT INTO impressions (hour, scenario, variant, version, source, bucket, length, lists) SELECT $1, 0, $2, $3, 0, n - 1, 5, count FROM unnest($4::int[]) WITH ORDINALITY AS b (count, n)`, [new Date(hourMs), variant, version, perBucket],
      );
      // One shopper a click: each its own list and item.
      await service.database.query(
        `INSERT INTO events (user_no, item_no, type_no, occurred_at, dedup, rec_at, rec_scenario, rec_variant, rec_version, rec_bucket, rec_source)
         SELECT 1000000 + n * 10000 + k, 1, 1, $1, gen_random_uuid(), $1, 0, $2, $3, n - 1, 0 FROM unnest($4::int[]) WITH ORDINALITY AS b (count, n), generate_series(1, count) AS k`, [new Date(hourMs + 60_000), variant, version, clicks],
      );
    }
  }

  it('say what they found as of their looks, however often somebody asks', async () => {
    await begin('found', { variants: half({}) });
    expect(await get('found')).toMatchObject({ result: { asOf: null, looks: 0, needsLists: null, comparisons: [{ verdict: 'open', difference: null }] } });
    const arms = (lists: number, b: number) => [{ variant: 1001, version: 1, lists, rate: 0.1 }, { variant: 1002, version: 1, lists, rate: b }];
    await happened(arms(5_000, 0.1), NOON);
    at(NOON + HOUR);
    await service.experiments.look();
    const early = await get('found');
    expect(early.result).toMatchObject({ asOf: new Date(NOON + HOUR).toISOString(), looks: 1, sampleRatio: { isMismatch: false }, comparisons: [{ variant: 'b', against: 'a', verdict: 'open' }] });
    expect(early.result.needsLists).toBeGreaterThan(5_000);
    expect(early.result.says[0]).toMatch(/too early.*needs about [\d,]+ more lists/);
    await happened(arms(60_000, 0.125), NOON + HOUR, 2);
    at(NOON + HOUR + 30_000);
    // Not due yet: what was found stays, though more was counted.
    await service.experiments.look();
    expect((await get('found')).result).toMatchObject({ asOf: early.result.asOf, comparisons: early.result.comparisons });
    at(NOON + 2 * HOUR);
    await service.experiments.look();
    const late = await get('found');
    expect(late.result).toMatchObject({ looks: 2, progress: 1, needsLists: 0, comparisons: [{ verdict: 'better' }] });
    const [{ lift }] = late.result.comparisons;
    expect([lift.low > 0.1, lift.value > 0.18, lift.high < 0.4]).toEqual([true, true, true]);
    expect(late.result.says[0]).toMatch(/“b” is better than “a”: clicks a list \+2\d\.\d %/);
    expect(late.variants[1].rate.low).toBeGreaterThan(late.variants[0].rate.high);
    at(NOON + 9 * HOUR);
    await service.experiments.look();
    expect((await get('found')).result.looks).toBe(2);
  });

  it('say so where the variants have not had their shares', async () => {
    await begin('uneven', { variants: half({}) });
    await happened([{ variant: 1001, version: 1, lists: 5_000, rate: 0.1 }, { variant: 1002, version: 1, lists: 4_000, rate: 0.1 }], NOON);
    const { result } = await get('uneven');
    expect(result.sampleRatio).toMatchObject({ isMismatch: true });
    expect(result.says.at(-1)).toMatch(/have not had the shares/);
  });

  describe('the guard', () => {
    let former: number;
    let fresh: number;
    beforeEach(async () => {
      former = service.answers.modelVersion()!;
      await service.call('PUT', '/v1/settings', { guard: 'on' });
    });
    const publish = async () => {
      await publishHybridModel(service, 5);
      fresh = service.answers.modelVersion()!;
      // Postgres has a clock of its own.
      await service.database.query(`UPDATE experiments SET started_at = $1, next_look_at = $1::timestamptz + interval '1 hour' WHERE kind = 'guard' AND state = 'running'`, [new Date(NOON)]);
    };
    const versionsNow = async () => new Map(await Promise.all(USERS.slice(0, 40).map(async (userId) => [userId, readList((await list(userId, 'limit=3')).recommendationId)] as const)));

    it('keeps a share of the shoppers on the former version, also after a restart, and beside experiments', async () => {
      await publish();
      const seen = [...(await versionsNow())].filter(([, { variantNo }]) => variantNo > 0);
      expect(seen).toHaveLength(40);
      expect(new Set(seen.map(([, { variantNo, modelVersion }]) => `${variantNo} ${modelVersion}`))).toEqual(new Set([`1 ${former}`, `2 ${fresh}`]));
      const stayed = seen.filter(([, { modelVersion }]) => modelVersion === former).map(([userId]) => userId);
      expect(stayed.length).toBeGreaterThan(2);
      expect(stayed.length).toBeLessThan(16);
      const restarted = await startService({}, {}, service.url);
      expect((await restarted.call('GET', `/v1/users/${stayed[0]}/recommendations?limit=3`)).json).toMatchObject({ modelVersion: former });
      await restarted.stop();
      // Lists of an experiment are its own, and from the live version.
      await begin('beside', { variants: half({}) });
      expect([readList((await list(stayed[0])).recommendationId).variantNo > 1000, (await list(stayed[0])).modelVersion]).toEqual([true, fresh]);
      expect(await variantNoOf(stayed[0], 'limit=3')).toBe(1);
      expect((await service.call('GET', `/v1/experiments/guard-${fresh}`)).json).toMatchObject({ kind: 'guard', hours: 24, variants: [{ name: 'former', modelVersion: former, modelBytes: expect.any(Number) as number }, { name: 'new', modelVersion: fresh }] });
      expectProblem(await service.call('POST', `/v1/experiments/guard-${fresh}/promote`, { variant: 'former' }), 409, 'experiment-promotion');
      expect((await service.call('GET', '/v1/experiments?kind=guard')).json.items.map(({ name }: { name: string }) => name)).toEqual([`guard-${fresh}`]);
    });

    it('rolls a version back that shoppers click less on, by itself, and keeps why', async () => {
      await publish();
      await happened([{ variant: 1, version: former, lists: 8_000, rate: 0.2 }, { variant: 2, version: fresh, lists: 32_000, rate: 0.14 }], NOON);
      at(NOON + 8 * HOUR);
      await service.experiments.look();
      await service.answers.followModels();
      expect(service.answers.modelVersion()).toBe(former);
      const { items } = (await service.call('GET', '/v1/models')).json;
      const guarded = items.find(({ version }: { version: number }) => version === fresh);
      expect(guarded).toMatchObject({ state: 'retired', guard: { experiment: `guard-${fresh}`, ended: 'rolled-back', look: { comparisons: [{ verdict: 'worse' }], variants: [{ lists: expect.any(Number) as number }, {}] } } });
      expect((await get(`guard-${fresh}`)).result.says.join(' ')).toMatch(/“new” is worse than “former”.*was rolled back/);
      expect(new Set([...(await versionsNow()).values()].map(({ variantNo, modelVersion }) => `${variantNo} ${modelVersion}`))).toEqual(new Set([`0 ${former}`]));
    });

    it('tells of it alone where it is set so', async () => {
      await service.call('PUT', '/v1/settings', { guard: 'notify' });
      await publish();
      await happened([{ variant: 1, version: former, lists: 8_000, rate: 0.2 }, { variant: 2, version: fresh, lists: 32_000, rate: 0.14 }], NOON);
      at(NOON + 8 * HOUR);
      await service.experiments.look();
      await service.answers.followModels();
      expect(service.answers.modelVersion()).toBe(fresh);
      expect((await service.call('GET', `/v1/models/${fresh}`)).json.guard).toMatchObject({ ended: 'worse' });
    });

    it('ends by itself when its time is up, whatever the process did meanwhile', async () => {
      await publish();
      await happened([{ variant: 1, version: former, lists: 8_000, rate: 0.2 }, { variant: 2, version: fresh, lists: 32_000, rate: 0.2 }], NOON);
      at(NOON + 30 * HOUR);
      await service.experiments.look();
      await service.answers.followScenarios();
      expect(service.answers.modelVersion()).toBe(fresh);
      expect((await service.call('GET', `/v1/models/${fresh}`)).json.guard).toMatchObject({ ended: 'over', look: { comparisons: [{ verdict: 'none', time: 1 }] } });
      expect(new Set([...(await versionsNow()).values()].map(({ variantNo, modelVersion }) => `${variantNo} ${modelVersion}`))).toEqual(new Set([`0 ${fresh}`]));
    });
  });
});
