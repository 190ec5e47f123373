/** From an empty shop to a first recommendation, as far as clicking goes; and how the first page looks. */
import { describe, expect, it } from 'vitest';
import { checkAppearances, openDashboard } from './support/dashboard.ts';

const DAY_MS = 86_400_000;
const EVIL = '<img src=x onerror="document.title=\'harmed\'"><b>bold</b>';

describe('the first page', () => {
  it('leads from an empty shop to its first recommendation, each step turning green by itself', async () => {
    const dashboard = await openDashboard('fresh');
    const { page, call } = dashboard;
    const step = (name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { level: 3, name: new RegExp(`^${name}`) }) });
    const isDone = async (name: string) => await step(name).getByText('done', { exact: true }).waitFor();
    await dashboard.open('home');
    await page.getByText('0 of 5 done').waitFor();
    await page.getByText('none yet').waitFor();
    expect(await step('Train the first model').getByRole('button').isDisabled()).toBe(true);

    // Four tastes of 40 items, of which each shopper has looked at 18.
    const events = Array.from({ length: 80 }, (_, user) => Array.from({ length: 40 }, (_, k) => k).filter((k) => (k * 7 + user * 11) % 40 < 18).map((k) => ({ userId: `u${user}`, itemId: `i${(user % 4) * 40 + k}`, type: 'view', occurredAt: new Date(Date.now() - (((k * 13 + user * 3) % 25) + 1) * DAY_MS).toISOString() }))).flat();
    for (let from = 0; from < events.length; from += 1000) {
      expect((await call('POST', 'v1/events', { events: events.slice(from, from + 1000) })).json.rejected).toEqual([]);
    }
    await isDone('Send an event');
    await call('POST', 'v1/items', { items: Array.from({ length: 160 }, (_, k) => ({ itemId: `i${k}`, title: `${EVIL} ${k}`, categories: [EVIL] })) });
    await isDone('Import a catalogue');
    await step('Train the first model').getByRole('button', { name: 'Train now' }).click();
    await isDone('Train the first model');
    await page.getByText('version 1').waitFor();

    await step('Get a first recommendation').getByRole('link', { name: 'Try it' }).click();
    const list = page.getByRole('list', { name: /^Recommendations for/ });
    await list.getByRole('listitem').first().waitFor();
    await page.getByRole('combobox', { name: 'Shopper' }).fill('u0');
    await page.getByRole('option', { name: 'u0', exact: true }).click();
    await page.getByText('From what this shopper did.').waitFor();
    // Titles that mean harm stand there as they are.
    expect(await list.locator('> li').first().locator('strong').textContent()).toContain(EVIL);
    expect(await page.locator('main img, main b').count()).toBe(0);
    expect(await page.title()).toBe('Try it · Jongleur');
    await page.getByRole('link', { name: 'Home' }).click();
    await isDone('Get a first recommendation');
    expect(await step('Show a list in your shop').getAttribute('aria-current')).toBe('step');
    const { recommendationId } = (await call('GET', 'v1/users/u0/recommendations')).json;
    await call('POST', 'v1/events', { userId: 'u0', itemId: 'i24', type: 'view', recommendationId, position: 1 });
    await isDone('Show a list in your shop');
    await dashboard.close();
  }, 60_000);

  it('names what is wrong and what to do', async () => {
    const dashboard = await openDashboard('demo');
    const { page } = dashboard;
    const alarm = { code: 'import-failing', severity: 'warning', title: 'Imports fail', since: new Date().toISOString(), value: 2, side: 'above', threshold: 0, unit: 'failed imports', advice: 'Look at them.' };
    await page.route('**/v1/alerts', (route) => void route.fulfill({ json: { judgedAt: alarm.since, items: [alarm] } }));
    await dashboard.open('home');
    await page.getByRole('heading', { name: 'One alarm' }).waitFor();
    await page.getByText('2 failed imports, which is above 0').waitFor();
    await dashboard.close();
  });

  it('looks well in light and dark, wide and narrow', async () => {
    await checkAppearances('demo', 'home', 'home');
  });
});
