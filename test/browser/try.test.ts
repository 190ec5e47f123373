/** The page on which lists are tried: what it shows is what the API answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dashboard, checkAppearances, openDashboard } from './support/dashboard.ts';
import { reserve } from './support/reservations.ts';

describe('trying lists', () => {
  reserve('demo-lists');
  let dashboard: Dashboard;
  beforeAll(async () => {
    dashboard = await openDashboard('demo');
  });
  afterAll(async () => await dashboard.close());
  const list = () => dashboard.page.getByRole('list', { name: /^(Recommendations for|Similar|Bought together)/ }).first();
  const shownIds = async () => await list().locator('> li').evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.item));
  const answeredIds = async (path: string, body: object) => (await dashboard.call('POST', path, { limit: 10, ...body })).json.items.map(({ itemId }: { itemId: string }) => itemId);
  const slide = async (name: string, value: number) => await dashboard.page.getByRole('slider', { name: new RegExp(`^${name}`) }).fill(String(value));

  it('shows a shopper’s history beside their list, with scores by source and reasons that add up', async () => {
    const { page } = dashboard;
    await dashboard.open('try?kind=shopper&user=user-1');
    await list().getByRole('img', { name: /^Score by source/ }).first().waitFor();
    expect(await shownIds()).toEqual(await answeredIds('v1/users/user-1/recommendations', {}));
    expect(await page.getByRole('list', { name: 'What user-1 did' }).locator('> li').count()).toBe(50);
    const first = list().locator('> li').first();
    await first.getByRole('button', { name: /^Why/ }).click();
    await first.locator('.reasons li').nth(3).waitFor();
    const [taste, together, popular, score] = (await first.locator('dl dd').allTextContents()).map(Number);
    expect(taste + together + popular).toBeCloseTo(score, 2);
    expect(await first.locator('.score').textContent()).toBe(score.toFixed(3));
  });

  it('steers it, and hands out the same question for a terminal', async () => {
    const { page } = dashboard;
    const before = await shownIds();
    await slide('Variety', 0.9);
    await slide('Room for new items', 0);
    await expect.poll(shownIds).not.toEqual(before);
    await page.getByText('Ask for this list from a terminal').click();
    const command = (await page.getByLabel('Command', { exact: true }).textContent())!;
    const [, path, text] = /^curl -X POST 'http[^']*?\/(v1\/[^']+)'[^]*-d '([^']+)'$/.exec(command)!;
    // The shopkeeper looks, and no shopper: it is not counted.
    expect(JSON.parse(text)).toMatchObject({ preview: true, diversity: 0.9, explore: 0 });
    expect(await answeredIds(path, JSON.parse(text))).toEqual(await shownIds());
    await page.getByRole('button', { name: 'Reset' }).click();
    await expect.poll(shownIds).toEqual(before);
  });

  it('completes a filter by keyboard, and says in place what is wrong with it', async () => {
    const { page, faults } = dashboard;
    const filter = page.getByRole('combobox', { name: 'Only items that match' });
    await filter.click();
    for (const [part, option] of [['pri', /^price/], ['< 30 A', /^AND/], ['cat', /^categories/], ['= camp', /camp/]] as const) {
      await page.keyboard.type(part);
      await page.getByRole('listbox').getByRole('option', { name: option }).first().waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
    }
    expect((await filter.inputValue()).trim()).toMatch(/^price < 30 AND categories = ("[^"]*camp[^"]*"|\S*camp\S*)$/);
    const value = await filter.inputValue();
    await expect.poll(shownIds).toEqual(await answeredIds('v1/users/user-1/recommendations', { filter: value }));
    await filter.fill('price < ');
    await page.getByText('found the end, expected a value').waitFor();
    expect(await filter.getAttribute('aria-invalid')).toBe('true');
    // The list before stays where it was.
    expect((await shownIds()).length).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.getByRole('button', { name: 'Add a boost' }).click();
    await page.getByRole('combobox', { name: 'Boost 1' }).fill('categories = kitchen');
    await slide('move by', 5);
    await expect.poll(shownIds).toEqual(await answeredIds('v1/users/user-1/recommendations', { boosts: [{ filter: 'categories = kitchen', amount: 5 }] }));
    // Refused, as it should be: the browser notes it.
    expect(faults.splice(0).filter((fault) => !/status of 400/.test(fault))).toEqual([]);
  });

  it('moves the list as soon as something is rated, and back', async () => {
    const { page } = dashboard;
    await dashboard.open('try?kind=shopper&user=user-2');
    await list().locator('> li').nth(9).waitFor();
    const before = await shownIds();
    const rated = list().locator('> li').nth(1);
    const itemId = await rated.getAttribute('data-item');
    await rated.getByRole('combobox', { name: /^Rating of/ }).selectOption('5');
    await page.getByRole('status').filter({ hasText: 'is rated 5' }).waitFor();
    // What they have rated is not shown again.
    await expect.poll(shownIds).not.toContain(itemId);
    expect(await list().locator('.move').filter({ hasText: /new|[▲▼]/ }).count()).toBeGreaterThan(0);
    const event = page.getByRole('list', { name: 'What user-2 did' }).locator('> li').first();
    await event.getByText('rated 5').waitFor();
    await event.getByRole('combobox').selectOption('');
    await expect.poll(shownIds).toEqual(before);
    await event.getByText('took the rating back').waitFor();
  });

  it('begins with what is trending for somebody new, and is personal after one rating', async () => {
    const { page } = dashboard;
    await page.getByRole('button', { name: 'New' }).click();
    await page.getByText('Little is known of this shopper').waitFor();
    await page.getByText('Nothing yet').waitFor();
    await list().locator('> li').first().getByRole('combobox', { name: /^Rating of/ }).selectOption('5');
    await page.getByText('From what this shopper did.').waitFor();
    await expect.poll(async () => await page.getByRole('list', { name: /^What new-shopper-/ }).locator('> li').count()).toBe(1);
    await page.getByRole('button', { name: 'Random' }).click();
    await page.getByRole('list', { name: /^What user-\d+ did/ }).waitFor();
    // Of somebody whose events could not be read within 50 ms, on a busy machine, there are no reasons for now.
    expect(dashboard.faults.splice(0).filter((fault) => !/status of 404 .*new-shopper-\w+\/recommendations\/[\w-]+\/reasons/.test(fault))).toEqual([]);
  });

  it('shows what is like an item and goes with it, and what fits a session', async () => {
    const { page } = dashboard;
    await dashboard.open('try?kind=item&item=item-1');
    await list().locator('> li').first().waitFor();
    expect(await shownIds()).toEqual(await answeredIds('v1/items/similar', { itemIds: ['item-1'] }));
    const next = await list().locator('> li').first().getAttribute('data-item');
    await list().getByRole('link', { name: /^Go there/ }).first().click();
    await expect.poll(shownIds).toEqual(await answeredIds('v1/items/similar', { itemIds: [next] }));
    await page.getByRole('link', { name: 'A session' }).click();
    await page.getByText('Nothing to go by yet').waitFor();
    await page.getByRole('combobox', { name: 'Add an item' }).fill('item-10');
    await page.getByRole('option', { name: /item-10$/ }).click();
    await list().locator('> li').first().waitFor();
    await page.getByRole('combobox', { name: /^What they did with/ }).selectOption('cart');
    await expect.poll(shownIds).toEqual(await answeredIds('v1/sessions/recommendations', { items: [{ itemId: 'item-10', type: 'cart' }] }));
  });

  it('looks well in light and dark, wide and narrow', async () => {
    await checkAppearances('demo', 'try', 'try?kind=shopper&user=user-1', async ({ page }) => {
      await page.getByRole('img', { name: /^Score by source/ }).first().waitFor();
    });
    await checkAppearances('demo', 'try-item', 'try?kind=item&item=item-1', async ({ page }) => await page.getByRole('list', { name: 'Similar' }).waitFor());
  });
});
