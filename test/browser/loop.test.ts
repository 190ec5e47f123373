/** What came of lists, and whether other lists would do better. */
import { describe, expect, it, vi } from 'vitest';
import { type Dashboard, checkAppearances, findBarriers, openDashboard, takesPictures } from './support/dashboard.ts';

const LISTS = 60;
/** Other tests look at the lists of the first shoppers. */
const FIRST_SHOPPER = 1_001;

/** Lists of the demo's shoppers, every third of them clicked. */
async function showLists({ call }: Dashboard, scenario: string): Promise<void> {
  await Promise.all(Array.from({ length: LISTS }, async (_, n) => {
    const userId = `user-${FIRST_SHOPPER + n}`;
    // Of so many at once some may be refused, or answered without what the shopper did, where a machine does much else.
    const ask = async () => await call('GET', `v1/users/${userId}/recommendations?limit=5&scenario=${scenario}`);
    let list = await ask();
    while (list.status === 503 || list.json.items.length < 5) {
      list = await ask();
    }
    const { recommendationId, items } = list.json;
    if (n % 3 === 0) {
      await call('POST', 'v1/events', { userId, itemId: items[n % 5].itemId, type: 'view', recommendationId, position: (n % 5) + 1 });
      await call('POST', 'v1/events', { userId, itemId: items[n % 5].itemId, type: 'purchase', price: 10 });
    }
  }));
}

describe('live metrics', () => {
  it('say what to send where nothing was shown', async () => {
    await checkAppearances('empty', 'live-empty', 'live', async ({ page }) => await page.getByText('No list was shown in this time').waitFor());
  }, 60_000);

  it('draw a curve from the second day on, with a band and a table', async () => {
    const dashboard = await openDashboard('demo');
    const { page } = dashboard;
    // The demo shop's lists are of today: days before are made up here, of nothing but their shape.
    const rate = (value: number) => ({ value, low: value * 0.8, high: value * 1.25 });
    const rows = Array.from({ length: 20 }, (_, n) => ({
      key: `2026-05-${String(n + 5).padStart(2, '0')}`, lists: 1000, items: 10_000, clicks: 300, carts: 30, purchases: 10, revenue: 512.5, clickRate: rate(0.03 + 0.004 * Math.sin(n)), clicksPerList: rate(0.3), purchasesPerList: rate(0.01), revenuePerList: rate(0.5 + 0.1 * Math.sin(n)),
    }));
    const common = { from: '2026-05-05T00:00:00Z', to: '2026-05-25T00:00:00Z', windowHours: 24, complete: '2026-05-24T00:00:00Z', withoutList: { forged: 3 } };
    await page.route(/metrics\/live\?by=day/, (route) => void route.fulfill({ json: { ...common, by: 'day', rows } }));
    await page.route(/metrics\/live\?by=total/, (route) => void route.fulfill({ json: { ...common, by: 'total', rows: [{ ...rows[0], key: '' }] } }));
    await dashboard.open('live?measure=revenuePerList');
    await page.getByText('3 events named a list that told nothing.').waitFor();
    await page.locator('.plot canvas').waitFor();
    await page.getByText('As a table').click();
    await page.getByRole('rowheader', { name: '24 May 2026' }).waitFor();
    expect(await findBarriers(dashboard)).toEqual([]);
    await dashboard.close();
  });

  it('have rates with their intervals, by whatever is asked', async () => {
    const dashboard = await openDashboard('demo');
    const { page, call } = dashboard;
    await showLists(dashboard, 'home');
    // Lists are counted in memory first.
    await expect.poll(async () => (await call('GET', 'v1/metrics/live?by=total&scenario=home')).json.rows[0]?.lists, { timeout: 10_000, interval: 200 }).toBeGreaterThanOrEqual(LISTS);
    await dashboard.open('live?scenario=home');
    await page.getByText(/with 95\s% confidence/).first().waitFor();
    await page.getByRole('rowheader', { name: 'home' }).waitFor();
    await page.getByLabel('A row for each').selectOption('position');
    await page.getByRole('rowheader', { name: '3', exact: true }).waitFor();
    await dashboard.close();
    await checkAppearances('demo', 'live', 'live?by=position', async (shown) => await shown.page.getByRole('rowheader', { name: '3', exact: true }).waitFor());
  }, 60_000);
});

describe('experiments', () => {
  it('are made, started and stopped by clicking, and say what they found', async () => {
    const dashboard = await openDashboard('demo');
    const { page, call, faults } = dashboard;
    await dashboard.open('experiments');
    await page.getByRole('button', { name: 'Make an experiment' }).click();
    await page.getByLabel('Name').first().fill('varied-mail');
    await page.getByLabel('Lists of').selectOption('mail');
    await page.getByLabel('Share in %').first().fill('60');
    await page.getByLabel('Diversity').fill('3');
    await page.getByRole('button', { name: 'Make a draft' }).click();
    await page.getByText('diversity is 3; it must be from 0 to 1').waitFor();
    await page.getByLabel('Diversity').fill('0.8');
    await page.getByRole('button', { name: 'Make a draft' }).click();
    await page.getByText('add up to 1.1').waitFor();
    // The browser notes each refusal in its console.
    expect(faults.splice(0).filter((fault) => !/status of 400/.test(fault))).toEqual([]);
    await page.getByLabel('Share in %').first().fill('50');
    await page.getByRole('button', { name: 'Make a draft' }).click();
    await page.getByText('It was not started yet.').waitFor();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('button', { name: 'Start it' }).click();
    await page.getByText('It is too early to say whether').waitFor();
    expect((await call('GET', 'v1/experiments/varied-mail')).json).toMatchObject({ state: 'running', scenario: 'mail', variants: [{ share: 0.5 }, { share: 0.5, settings: { diversity: 0.8 } }] });
    await showLists(dashboard, 'mail');
    await expect.poll(async () => (await call('GET', 'v1/metrics/live?by=variant&scenario=mail')).json.rows.map(({ name }: { name: string }) => name), { timeout: 10_000, interval: 200 }).toContain('varied-mail: other');
    if (takesPictures) {
      // Its counts follow the lists by up to half a minute, which a picture should show and a test need not wait for.
      await vi.waitUntil(async () => (await call('GET', 'v1/experiments/varied-mail')).json.variants[0].lists > 0, { timeout: 30_000, interval: 500 });
    }
    await dashboard.close();
    await checkAppearances('demo', 'experiments', 'experiments?name=varied-mail');

    const after = await openDashboard('demo');
    await after.open('experiments?name=varied-mail');
    await after.page.getByRole('button', { name: 'Promote other' }).click();
    await after.page.getByText('Nothing yet says that it is better').waitFor();
    await after.page.getByRole('button', { name: 'Cancel' }).click();
    await after.page.getByRole('button', { name: 'Stop', exact: true }).click();
    await after.page.getByRole('button', { name: 'Stop it' }).click();
    await after.page.getByText('varied-mail has ended.').waitFor();
    await after.page.getByText('It stays here: it is the record of what was decided').waitFor();
    expect((await call('GET', 'v1/experiments/varied-mail')).json).toMatchObject({ state: 'stopped', ended: 'stopped' });

    const { name: _, updatedAt: __, ...mail } = (await call('GET', 'v1/scenarios/mail')).json;
    // Of two drafts one is deleted, and the other promoted: its variant's settings become the scenario's.
    const variants = [{ name: 'as-it-is', share: 0.5 }, { name: 'shorter', share: 0.5, settings: { limit: 4 } }];
    await call('POST', 'v1/experiments', { name: 'second-thoughts', scenario: 'mail', variants });
    await call('POST', 'v1/experiments', { name: 'shorter-mail', scenario: 'mail', variants, start: true });
    await after.open('experiments?name=second-thoughts');
    await after.page.getByRole('button', { name: 'Delete', exact: true }).click();
    await after.page.getByRole('dialog').getByText('Nothing changes for shoppers').waitFor();
    await after.page.getByRole('button', { name: 'Delete it' }).click();
    await after.page.getByText('second-thoughts is deleted.').waitFor();
    await after.page.getByRole('rowheader', { name: 'second-thoughts' }).waitFor({ state: 'detached' });
    expect((await call('GET', 'v1/experiments/second-thoughts')).status).toBe(404);
    await after.page.getByRole('link', { name: 'shorter-mail' }).click();
    await after.page.getByRole('button', { name: 'Promote shorter' }).click();
    await after.page.getByRole('dialog').getByText('its settings become those of the scenario mail').waitFor();
    await after.page.getByRole('button', { name: 'Promote it' }).click();
    await after.page.getByText('shorter is taken over.').waitFor();
    await after.page.getByText('promoted shorter').waitFor();
    expect((await call('GET', 'v1/experiments/shorter-mail')).json).toMatchObject({ state: 'stopped', promoted: 'shorter' });
    expect((await call('GET', 'v1/scenarios/mail')).json.limit).toBe(4);
    await call('PUT', 'v1/scenarios/mail', mail);
    await after.close();
  }, 60_000);
});
