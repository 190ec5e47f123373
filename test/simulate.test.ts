/** `jongleur simulate` and the demo that lives, against the real service. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Arm, DayReport, ShopService } from '../src/demo/loop.ts';
import { ARMS, runLoop } from '../src/demo/loop.ts';
import { openDemoShop } from '../src/demo/generator.ts';
import { DEMO_SIZE } from '../src/demo-shop.ts';
import { startLiveDemo } from '../src/live-demo.ts';
import { hashText } from '../src/model/hash.ts';
import { openShopClient } from '../src/shop-client.ts';
import { openSimulatedShop } from '../src/simulated-shop.ts';
import { run } from '../src/storage/database.ts';
import { KEYS, type Service, startService } from './support/service.ts';

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

/** As main.ts does on a wake-up. @returns how to end it */
function followModels(service: Service): () => void {
  const timer = setInterval(() => void service.answers.followModels().catch(() => undefined), 50);
  return () => clearInterval(timer);
}

describe('a simulation against the service', () => {
  let unfollow: () => void;
  let service: Service;
  let url: string;
  beforeEach(async () => {
    service = await startService();
    url = await service.app.listen({ port: 0, host: '127.0.0.1' });
    unfollow = followModels(service);
  });
  afterEach(async () => {
    unfollow();
    await service.stop();
  });

  const client = async () => await openShopClient({ url, key: KEYS.admin, scenario: null, search: 'off', signal: new AbortController().signal });
  const countEvents = async () => (await run<{ n: number }>(service.database, 'SELECT count(*)::int AS n FROM events'))[0].n;

  async function simulate(change: (real: ShopService) => ShopService): Promise<Record<Arm, number> & { reports: DayReport[] }> {
    const reports: DayReport[] = [];
    const real = await client();
    const shop = await openSimulatedShop(real, url, { seed: 11, users: 800, items: 250, days: 3, historyDays: 4, endMs: Date.now() });
    await runLoop({ ...shop, service: change(real), days: 3, listLength: 10, onDay: (report) => void reports.push(report) });
    const [trending, model, oracle] = ARMS.map((arm) => reports.reduce((sum, { rates }) => sum + rates[arm].clicks, 0));
    return { trending, model, oracle, reports };
  }

  it('finds the oracle above the model above trending', async () => {
    const { trending, model, oracle, reports } = await simulate((real) => real);
    expect(model).toBeGreaterThan(1.2 * trending);
    expect(model).toBeGreaterThan(0.35 * oracle);
    expect(oracle).toBeGreaterThan(1.3 * model);
    expect(reports.map(({ modelVersion, trained }) => [modelVersion, trained])).toEqual([1, 2, 3].map((version) => [version, { state: 'published', code: null, modelVersion: version + 1 }]));
    expect(await countEvents()).toBeGreaterThan(2_000);
    await expect(openSimulatedShop(await client(), url, { seed: 12, users: 800, items: 250, days: 3, historyDays: 4, endMs: Date.now() })).rejects.toThrow(/items that are not of this simulated shop .*DEMO=off/);
  }, 90_000);

  it('finds lists by chance below both bounds', async () => {
    const ids = Array.from({ length: 150 }, (_, n) => `item-${n + 1}`);
    const { trending, model, oracle } = await simulate((real) => ({
      ...real, train: async () => ({ state: 'skipped', code: null, modelVersion: null }), recommend: async (userId, length) => ({ ...(await real.recommend(userId, length)), itemIds: ids.toSorted((a, b) => hashText(userId + a) - hashText(userId + b)).slice(0, length) }),
    }));
    expect(model).toBeLessThan(1.2 * trending);
    expect(model).toBeLessThan(0.35 * oracle);
  }, 40_000);

  describe('that lives', () => {
    const fill = async () => {
      const { seed, users, items } = DEMO_SIZE;
      await (await client()).putItems(openDemoShop({ seed, users, items, endMs: Date.now() }).catalogue.items.map((item) => ({ item, publishedAt: null })));
    };

    it('sends visits with their lists while the server keeps up, none while it does not, and stops', async () => {
      await fill();
      let busy = true;
      const live = startLiveDemo({ url, key: KEYS.secret, isBusy: () => busy, now: Date.now, log: () => undefined, pauseMs: 5 });
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await countEvents()).toBe(0);
      busy = false;
      await expect.poll(countEvents, { timeout: 15_000, interval: 50 }).toBeGreaterThan(60);
      await live.stop();
      // A request that was cut off may still be carried out.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const after = await countEvents();
      const [{ future, foreign }] = await run<{ future: number; foreign: number }>(service.database, `SELECT count(*) FILTER (WHERE occurred_at > now() + interval '2 seconds')::int AS future, (SELECT count(*) FROM items WHERE title IS NULL)::int AS foreign FROM events`);
      expect({ future, foreign }).toEqual({ future: 0, foreign: 0 });
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(await countEvents()).toBe(after);
    }, 30_000);

    it('goes on after a fault, and ends for good where there are items of somebody’s own', async () => {
      await fill();
      const said: string[] = [];
      const log = (message: string, detail: Record<string, unknown>) => void said.push(`${message}: ${JSON.stringify(detail)}`);
      service.setPhase('starting');
      const live = startLiveDemo({ url, key: KEYS.secret, isBusy: () => false, now: Date.now, log, pauseMs: 5, faultPauseMs: 20 });
      await expect.poll(() => said.length, { timeout: 15_000 }).toBe(1);
      expect(said[0]).toMatch(/^the demo pauses.*not ready yet/);
      service.setPhase('ready');
      await expect.poll(countEvents, { timeout: 15_000, interval: 50 }).toBeGreaterThan(0);
      await live.stop();
      expect((await service.call('PUT', '/v1/items/mine', { title: 'Mine' })).status).toBe(200);
      const before = await countEvents();
      const again = startLiveDemo({ url, key: KEYS.secret, isBusy: () => false, now: Date.now, log, pauseMs: 1, faultPauseMs: 1 });
      await expect.poll(() => said.at(-1)).toMatch(/^the demo does not live any more.*mine/);
      await again.stop();
      expect(await countEvents()).toBe(before);
    }, 40_000);
  });
});

describe('jongleur simulate', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-simulate-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });
  const simulate = async (...args: string[]) =>
    await new Promise<{ code: number; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [cli, 'simulate', ...args], { env: { PATH: process.env.PATH, DATA_DIR: folder, PORT: '0' }, cwd: folder }, (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }));
    });

  it('says what is missing before it sends anything', async () => {
    expect(await simulate()).toMatchObject({ code: 1, err: expect.stringMatching(/^jongleur: PORT is 0.*--url/) as string });
    expect(await simulate('--url', 'localhost')).toMatchObject({ code: 1, err: expect.stringMatching(/--url is "localhost": it must be an http\(s\) URL/) as string });
    expect(await simulate('--url', 'http://127.0.0.1:9')).toMatchObject({ code: 1, err: expect.stringMatching(/no admin key in .*--key/) as string });
    expect(await simulate('--url', 'http://127.0.0.1:9', '--key', 'ak_x')).toMatchObject({ code: 1, err: expect.stringMatching(/^jongleur: Nothing answers at http:\/\/127\.0\.0\.1:9 \(.+\)\. Start the service/) as string });
    expect(await simulate('--days', '0')).toMatchObject({ code: 2, err: expect.stringMatching(/whole number from 1 to 365/) as string });
  });

  it('prints a line a day, for people or as JSON, and how it ended', async () => {
    const service = await startService();
    const unfollow = followModels(service);
    try {
      const url = await service.app.listen({ port: 0, host: '127.0.0.1' });
      expect(await simulate('--url', url, '--key', KEYS.secret, '--days', '1', '--shoppers', '80', '--products', '60')).toMatchObject({ code: 1, err: expect.stringMatching(/No model can be trained/) as string });
      const sized = ['--url', url, '--key', KEYS.admin, '--shoppers', '80', '--products', '60', '--search', 'off'];
      const { code, out, err } = await simulate(...sized, '--days', '2', '--list', '5');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/^80 shoppers, 60 products, seed \d+, lists of 5, at http.*; the shop goes on from where it is\n +day +date.*\n +1 .*\n +2 .*\nDay 2: the model's lists are clicked .* of \d+ items\.\n$/);
      const lines = (await simulate(...sized, '--days', '1', '--json')).out.trim().split('\n').map((line) => JSON.parse(line) as DayReport);
      expect(lines).toMatchObject([{ day: 1, rates: { model: { ctr: expect.any(Number) as number } }, trained: { state: 'published' } }]);
    } finally {
      unfollow();
      await service.stop();
    }
  }, 60_000);
});
