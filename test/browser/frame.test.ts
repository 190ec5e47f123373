/** Login, menu, what is loaded, and how the dashboard says that something is wrong. */
import { gzipSync } from 'node:zlib';
import { describe, expect, inject, it } from 'vitest';
import { findBarriers, openDashboard } from './support/dashboard.ts';

const MOST_BYTES = 150 * 1024;

describe('the dashboard’s frame', () => {
  it('lets in whoever has an admin key, and out again', async () => {
    const dashboard = await openDashboard('empty', { isLoggedIn: false });
    const { page, shop, faults } = dashboard;
    await page.goto(`${shop.url}/dashboard`);
    await page.getByLabel('Admin key').waitFor();
    expect(await findBarriers(dashboard)).toEqual([]);
    await page.getByLabel('Admin key').fill(shop.keys.secret);
    await page.getByRole('button', { name: 'Log in' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('The dashboard needs an admin key');
    await page.getByLabel('Admin key').fill(shop.keys.admin);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    expect(await page.title()).toBe('Home · Jongleur');
    expect(await page.evaluate(() => document.cookie)).toBe('');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Admin key').waitFor();
    await page.reload();
    await page.getByLabel('Admin key').waitFor();
    // The browser notes each refusal in its console: asked without a session, twice, and one wrong key.
    expect(faults.splice(0).filter((fault) => !/status of 40[13]/.test(fault))).toEqual([]);
    await dashboard.close();
  });

  it('goes by its menu, by address and back, by keyboard as well', async () => {
    const dashboard = await openDashboard('empty');
    const { page } = dashboard;
    await dashboard.open('home');
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    expect(await page.getByRole('link', { name: 'Settings' }).getAttribute('aria-current')).toBe('page');
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    await page.evaluate(() => (location.hash = '#/nowhere'));
    expect(await page.getByRole('alert').textContent()).toContain('There is no page "nowhere".');
    await dashboard.open('home');
    await page.reload();
    await dashboard.settle();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('To the page');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    await dashboard.close();
  });

  it('says so when the session has ended, and when the service is away', async () => {
    const dashboard = await openDashboard('empty', { isOwn: true });
    const { page, context, faults } = dashboard;
    await dashboard.open('home');
    await page.route('**/health/ready', (route) => void route.fulfill({ status: 503, json: { status: 'ready', database: 'down', modelVersion: 1 } }));
    await page.reload();
    await page.getByText('Postgres does not answer').waitFor();
    await context.clearCookies();
    await page.reload();
    await page.getByLabel('Admin key').waitFor();
    expect(faults.splice(0).filter((fault) => !/status of (401|503)|^503 of .*health\/ready$/.test(fault))).toEqual([]);
    await dashboard.close();
  });

  it('serves nothing but its own files, and says when one has not changed', async () => {
    const { url } = inject('shops').empty;
    const first = await fetch(`${url}/dashboard/main.js`);
    expect([first.status, first.headers.get('cache-control'), first.headers.get('content-encoding')]).toEqual([200, 'no-cache', 'gzip']);
    expect((await fetch(`${url}/dashboard/main.js`, { headers: { 'if-none-match': first.headers.get('etag')! } })).status).toBe(304);
    expect((await fetch(`${url}/dashboard/`, { redirect: 'manual' })).headers.get('location')).toBe('../dashboard');
    for (const path of ['main.ts', '../main.js', '%2e%2e/main.js', 'lib', 'pages', 'lib/../../main.js', 'constructor']) {
      expect([path, (await fetch(`${url}/dashboard/${path}`)).status]).toEqual([path, 404]);
    }
  });

  it('weighs little, and paints soon', async () => {
    const dashboard = await openDashboard('demo', { isOwn: true });
    const sizes: number[] = [];
    const pending: Promise<unknown>[] = [];
    dashboard.page.on('response', (response) => {
      if (/\/dashboard(\/|$)/.test(new URL(response.url()).pathname)) {
        pending.push(response.body().then((body) => sizes.push(gzipSync(body).length)));
      }
    });
    await dashboard.open('home');
    const paint = await dashboard.page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null);
    // And what most pages load beside: the library for charts.
    await dashboard.open('data');
    await dashboard.page.locator('.plot canvas').first().waitFor();
    await Promise.all(pending);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    process.stdout.write(`dashboard: ${sizes.length} files, ${(bytes / 1024).toFixed(0)} kB gzipped, charts and all; first paint after ${paint?.toFixed(0)} ms\n`);
    expect(sizes.length).toBeGreaterThan(10);
    expect(bytes).toBeLessThan(MOST_BYTES);
    await dashboard.close();
  });
});
