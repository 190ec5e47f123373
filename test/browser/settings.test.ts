/** Settings by clicking: keys, scenarios, event types, what a model needs to go live. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Dashboard, callShop, checkAppearances, openDashboard } from './support/dashboard.ts';

/** The browser notes in its console that a request was refused. */
const isRefusal = (fault: string) => /status of 40[049]/.test(fault);
const takeRefusals = ({ faults }: Dashboard) => faults.splice(0, faults.length, ...faults.filter((fault) => !isRefusal(fault)));

describe('settings', () => {
  it('make a key, change it for another and revoke the first', async () => {
    const dashboard = await openDashboard('empty');
    const { page, shop } = dashboard;
    const opens = async (key: string) => (await fetch(`${shop.url}/v1/scenarios`, { headers: { authorization: `Bearer ${key}` } })).status;
    const shown = async (heading: RegExp) => (await page.getByRole('status').filter({ hasText: heading }).locator('pre').textContent())!;
    await dashboard.open('settings');
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByText('name is ""; it must have').waitFor();
    takeRefusals(dashboard);
    await page.getByLabel('Role').selectOption('secret');
    await page.getByLabel('Name').fill('a warehouse');
    await page.getByRole('button', { name: 'Make a key' }).click();
    const first = await shown(/secret/);
    expect(await opens(first)).toBe(200);
    await page.getByRole('button', { name: /^Rotate key/ }).click();
    await page.getByRole('button', { name: 'Make the new key' }).click();
    await page.getByText('When everything sends the new one').waitFor();
    const second = await shown(/secret/);
    expect([second === first, await opens(first), await opens(second)]).toEqual([false, 200, 200]);
    // A page of the shop has it: that is refused, and told of where the next test looks.
    expect((await fetch(`${shop.url}/v1/scenarios`, { headers: { authorization: `Bearer ${second}`, origin: 'https://shop.example' } })).status).toBe(403);
    await page.getByRole('button', { name: /^Revoke the old key/ }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await opens(first)).toBe(200);
    await page.getByRole('button', { name: /^Revoke the old key/ }).click();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByText('revoked just now').waitFor();
    expect([await opens(first), await opens(second)]).toEqual([401, 200]);
    await page.getByRole('button', { name: 'I have it' }).click();
    expect(await page.content()).not.toContain(second);
    await dashboard.close();
  });

  it('make an event type, and set the gate and back', async () => {
    const dashboard = await openDashboard('empty');
    const { page } = dashboard;
    await dashboard.open('settings?part=events');
    await page.getByRole('button', { name: 'Make a type' }).click();
    await page.getByLabel('Name').fill('wishlist');
    await page.getByLabel('Weight').fill('heavy');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('items.0.weight is "heavy"').waitFor();
    takeRefusals(dashboard);
    await page.getByLabel('Weight').fill('2');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('rowheader', { name: 'wishlist' }).waitFor();
    await dashboard.open('settings?part=training');
    await page.getByLabel('How much worse it may be').fill('7');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('gate.margin is 7; it must be from 0 to 1').waitFor();
    takeRefusals(dashboard);
    await page.getByLabel('How much worse it may be').fill('0.1');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    // The word may still be of the event type.
    const margin = async () => (await dashboard.call('GET', 'v1/settings')).json.gate.margin as number;
    await expect.poll(margin).toBe(0.1);
    await page.getByRole('button', { name: 'Take it' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Default: 0.05').waitFor({ state: 'detached' });
    expect(await margin()).toBe(0.05);
    const inPage = async () => (await dashboard.call('GET', 'v1/keys')).json.items.find(({ refusedOrigin, revokedAt }: { refusedOrigin: string | null; revokedAt: string | null }) => refusedOrigin !== null && revokedAt === null);
    await expect.poll(inPage, { timeout: 10_000, interval: 100 }).toMatchObject({ name: 'a warehouse', refusedOrigin: 'https://shop.example' });
    const { no } = await inPage();
    await dashboard.open('settings?part=keys');
    await page.getByRole('alert').filter({ hasText: `Key ${no} “a warehouse” is in a web page.` }).getByText('A page of https://shop.example sent it').waitFor();
    await page.getByRole('button', { name: `Revoke key ${no}` }).click();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await dashboard.close();
  });
});

describe('settings in the demo shop', () => {
  beforeAll(async () => {
    const { call, close } = await openDashboard('demo');
    await call('POST', 'v1/keys', { role: 'publishable', name: 'web pages' });
    await call('PUT', 'v1/scenarios/winter-sale', { description: 'The banner of the sale', diversity: 0.3, boosts: [{ filter: 'price < 30', amount: 1.5 }], never: ['price > 500'] });
    await close();
  });
  afterAll(async () => void (await callShop(inject('shops').demo, 'DELETE', 'v1/scenarios/winter-sale')));

  it.each<[string, string?]>([['keys'], ['events', 'Change rating'], ['scenarios', 'Change winter-sale'], ['training'], ['installation']])('look well in light and dark, wide and narrow: %s', async (part, change) => {
    await checkAppearances('demo', `settings-${part}`, `settings?part=${part}`, async ({ page }) => {
      if (change !== undefined) {
        await page.getByRole('button', { name: change }).click();
      }
    });
  }, 60_000);

  it('make a scenario, say in place what is wrong with it, and delete it', async () => {
    const dashboard = await openDashboard('demo');
    const { page } = dashboard;
    await dashboard.open('settings?part=scenarios');
    await page.getByRole('button', { name: 'Make a scenario' }).click();
    await page.getByLabel('Name').fill('front-page');
    await page.getByLabel('Diversity').fill('2');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('diversity is 2; it must be from 0 to 1').waitFor();
    expect(await page.getByLabel('Diversity').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Diversity').fill('0,3');
    await page.getByRole('button', { name: 'Add a boost' }).click();
    const filter = page.locator('.entry').getByRole('combobox', { name: 'Items that match' });
    await filter.fill('price << 3');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('.rows .wrong').waitFor();
    expect(await page.locator('.rows .wrong').count()).toBe(1);
    expect(await filter.getAttribute('aria-invalid')).toBe('true');
    takeRefusals(dashboard);
    // Completed by keyboard as on the page Try it.
    await filter.fill('pri');
    await page.getByRole('option', { name: /^price/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.type('< 30');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('rowheader', { name: 'front-page' }).waitFor();
    expect((await dashboard.call('GET', 'v1/scenarios/front-page')).json).toMatchObject({ diversity: 0.3, boosts: [{ filter: expect.stringMatching(/^price < 30 ?$/), amount: 1 }] });
    await page.getByRole('button', { name: 'Delete front-page' }).click();
    await page.getByRole('button', { name: 'Delete it' }).click();
    await page.getByRole('rowheader', { name: 'front-page' }).waitFor({ state: 'detached' });
    await dashboard.close();
  });
});
