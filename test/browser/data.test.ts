/** What the events are like, on the demo shop; and without any. */
import { describe, expect, it } from 'vitest';
import { checkAppearances, openDashboard } from './support/dashboard.ts';

describe('the data page', () => {
  it('looks well in light and dark, wide and narrow', async () => {
    await checkAppearances('demo', 'data', 'data');
  }, 60_000);

  it('shows the items as a map: zoom, hover, and what is similar by a click', async () => {
    const dashboard = await openDashboard('demo');
    const { page } = dashboard;
    await dashboard.open('data');
    const map = page.getByRole('img', { name: /A map of/ });
    await map.scrollIntoViewIfNeeded();
    await page.getByRole('button', { name: 'Zoom in' }).click();
    expect(await page.getByRole('button', { name: 'Zoom out' }).isEnabled()).toBe(true);
    await page.getByRole('button', { name: 'All', exact: true }).click();
    const box = (await map.boundingBox())!;
    const hint = page.locator('.map-hint');
    // Items lie thick around the middle: some place near it has one under the pointer.
    for (let k = 0, words = ''; k < 60 && !words.endsWith(' × the average'); k++) {
      await page.mouse.move(box.x + box.width * (0.3 + 0.007 * k), box.y + box.height * (0.35 + 0.005 * k));
      await page.evaluate(async () => await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      words = (await hint.textContent())!;
    }
    expect(await hint.textContent()).toMatch(/popularity [\d.]+ × the average$/);
    const name = (await hint.textContent())!.split(' · ')[0];
    await page.mouse.down();
    await page.mouse.up();
    await page.getByRole('heading', { name: `Similar to “${name}”` }).waitFor();
    const similar = page.getByRole('region', { name: 'Similar items' }).getByRole('button');
    await similar.first().waitFor();
    const other = (await similar.first().textContent())!;
    await similar.first().click();
    await page.getByRole('heading', { name: `Similar to “${other}”` }).waitFor();
    await dashboard.settle();
    await dashboard.close();
  });

  it('says what to do where there are no events', async () => {
    const dashboard = await openDashboard('empty');
    // As the service answers before the first event; other tests fill this shop.
    await dashboard.page.route('**/v1/insights/events-per-day*', (route) => void route.fulfill({ json: { checkedAt: new Date().toISOString(), events: 0, first: null, types: [] } }));
    await dashboard.open('data');
    await dashboard.page.getByText('There are no events yet').waitFor();
    expect(await dashboard.page.getByRole('link', { name: 'Import a file' }).getAttribute('href')).toBe('#/import');
    await dashboard.close();
  });
});
