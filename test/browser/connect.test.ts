/** What is copied from the page runs, and what it sends shows up on the page. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
// @ts-expect-error -- a file of the browser has no types
import { SNIPPETS } from '../../src/dashboard/pages/connect/snippets.js';
import { checkAppearances, openDashboard } from './support/dashboard.ts';
import { reserve } from './support/reservations.ts';

const run = promisify(execFile);
const RUNNERS: Readonly<Record<string, (text: string) => [string, string[]]>> = {
  curl: (text) => ['sh', ['-ec', text]],
  node: (text) => [process.execPath, ['--input-type=module', '-e', text]],
  python: (text) => ['python3', ['-c', text]],
  php: (text) => ['php', ['-r', text.replace('<?php', '')]],
};
const isThere = (command: string) => spawnSync(command, ['--version']).status === 0;
const NEEDS: Readonly<Record<string, string>> = { curl: 'curl', node: process.execPath, python: 'python3', php: 'php' };

interface Stored {
  readonly userId: string;
  readonly itemId: string;
}

describe('connect', () => {
  reserve('empty-events');

  it('looks well in light and dark, wide and narrow', async () => {
    await checkAppearances('demo', 'connect', 'connect?part=node');
  }, 60_000);

  it('turns green with the first event, which the copied Node example sends', async () => {
    const dashboard = await openDashboard('empty');
    const { page, shop } = dashboard;
    await dashboard.open('connect?part=node');
    await page.getByText('waiting for the first').waitFor();
    await page.getByText(/Nothing has ever arrived|The newest before came/).waitFor();
    await page.getByLabel('Secret key').selectOption({ label: 'one that is not in this list' });
    const text = (await page.locator('.code pre').textContent())!;
    expect(text).toContain(`const url = '${shop.url}';`);
    await run(...RUNNERS.node(text.replace('sk_YOUR_KEY', shop.keys.secret)));
    await page.getByText('It works.').waitFor();
    await page.getByRole('rowheader', { name: 'view' }).first().waitFor();
    expect(await page.locator('.tail.there').count()).toBe(1);
    await dashboard.close();
  });

  it.each(Object.keys(RUNNERS).filter((name) => isThere(NEEDS[name])))('has a true example for %s: its click counts for its list', async (name) => {
    const { call, shop, close } = await openDashboard('demo');
    const clicks = async () => ((await call('GET', 'v1/metrics/live?by=scenario')).json.rows.find(({ key }: { key: string }) => key === '')?.clicks ?? 0) as number;
    const [before, { json: { nextCursor } }] = [await clicks(), (await call('GET', 'v1/events?limit=1'))];
    const snippet = (SNIPPETS as { name: string; write(of: object): string }[]).find((one) => one.name === name)!;
    // Of lists without a scenario. Each as another shopper: lists of one shopper and second are one list, and a click of an item counts once for it.
    const userId = `user-${11 + Object.keys(RUNNERS).indexOf(name)}`;
    const { stdout } = await run(...RUNNERS[name](snippet.write({ url: shop.url, key: shop.keys.secret }).replaceAll('user-1', userId)));
    expect(stdout).toMatch(/item-\d+/);
    await expect.poll(async () => ((await call('GET', `v1/events?after=${nextCursor}`)).json.items as Stored[]).filter((event) => event.userId === userId).length).toBe(2);
    await expect.poll(clicks).toBe(before + 1);
    await close();
  });

  it('has a true example for web pages, with a publishable key', async () => {
    const dashboard = await openDashboard('demo');
    const { page, shop, call } = dashboard;
    await dashboard.open('connect?part=browser');
    const { json: { nextCursor } } = await call('GET', 'v1/events?limit=1');
    const { write } = (SNIPPETS as { name: string; write(of: object): string }[]).find(({ name }) => name === 'browser')!;
    // Run by the debugger: the dashboard's own policy lets no text be run.
    await page.evaluate(`(async () => {${write({ url: shop.url, key: shop.keys.publishable })}})()`);
    await expect.poll(async () => ((await call('GET', `v1/events?after=${nextCursor}`)).json.items as Stored[]).filter(({ userId }) => userId.startsWith('anon_')).length).toBe(2);
    await dashboard.close();
  });
});
