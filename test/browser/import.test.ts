/** A file with bad rows, by clicking: seen, mapped, tried, imported, mended, taken back. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { APPEARANCES, checkAppearances, openDashboard } from './support/dashboard.ts';
import { reserve } from './support/reservations.ts';

const ROWS = [
  'who;thing, exactly;ordered_at;qty;price;remark',
  ...Array.from({ length: 12 }, (_, n) => `browser-${n % 4};kettle-${n};0${1 + (n % 9)}.02.2026 10:${10 + n};${1 + (n % 3)};4,90;<img src=x onerror=alert(1)>`),
  ';kettle-1;14.02.2026 10:00;1;4,90;',
  'browser-9;<img src=x onerror=alert(1)>;yesterday;1;4,90;',
];
const FILE = { name: 'orders.csv', mimeType: 'text/csv', buffer: Buffer.from(`${ROWS.join('\n')}\n`) };

describe('the import page', () => {
  reserve('empty-events');

  it('takes a file with bad rows in, shows what was kept aside, and takes it back', async () => {
    const dashboard = await openDashboard('empty');
    const { page, call } = dashboard;
    await dashboard.open('import');
    const events = async () => (await call('GET', 'v1/users/browser-1')).status;
    await page.getByLabel('File to import').setInputFiles(FILE);
    await page.getByText('Say which column is the shopper, and which the item').waitFor();
    expect(await page.getByRole('button', { name: 'Import the file' }).isDisabled()).toBe(true);
    await page.getByLabel('What who means').selectOption('user');
    await page.getByLabel('What thing, exactly means').selectOption('item');
    await page.getByLabel('What price means').selectOption('');
    await page.getByLabel('Default event type').selectOption('purchase');
    await page.getByText('12 would be taken').waitFor();
    await page.getByText('2 kept aside').waitFor();
    const rows = page.getByRole('region', { name: 'First rows as they would be taken' });
    await rows.getByRole('cell', { name: 'purchase' }).first().waitFor();
    expect(await rows.getByRole('columnheader', { name: 'Price' }).count()).toBe(0);
    expect(await events()).toBe(404);

    await page.getByRole('button', { name: 'Import the file' }).click();
    const kept = page.getByRole('region', { name: 'Rows kept aside' });
    await kept.waitFor();
    expect(await kept.getByRole('rowheader').allTextContents()).toEqual(['no user', 'bad time']);
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    expect(await events()).toBe(200);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download them' }).click()]);
    const folder = mkdtempSync(join(tmpdir(), 'jongleur-download-'));
    await download.saveAs(join(folder, 'errors.csv'));
    expect(readFileSync(join(folder, 'errors.csv'), 'utf8')).toContain('browser-9;<img src=x onerror=alert(1)>;yesterday;1;4,90;;15;bad time');
    rmSync(folder, { recursive: true });

    await page.getByRole('button', { name: 'Undo this import' }).click();
    await page.getByText('The 12 events that orders.csv brought are deleted.').waitFor();
    await page.getByRole('button', { name: 'Undo it' }).click();
    await page.getByText('12 events of import').waitFor();
    await page.getByRole('region', { name: 'Imports so far' }).getByText('undone').waitFor();
    expect((await call('GET', 'v1/events')).json.items.filter(({ itemId }: { itemId: string }) => itemId.startsWith('kettle'))).toEqual([]);
    await dashboard.close();
  });

  it('says what is wrong with a file that is none', async () => {
    const dashboard = await openDashboard('empty', { appearance: APPEARANCES[1] });
    await dashboard.open('import');
    await dashboard.page.getByLabel('File to import').setInputFiles({ name: 'picture.csv', mimeType: 'text/csv', buffer: Buffer.from([0, 1, 2, 0, 0, 10, 3]) });
    await dashboard.page.getByRole('alert').getByText('not a text file').waitFor();
    expect(dashboard.faults.splice(0).filter((fault) => !fault.includes('status of 400'))).toEqual([]);
    await dashboard.close();
  });

  it('looks well in light and dark, wide and narrow', async () => {
    await checkAppearances('demo', 'import', 'import', async ({ page }) => {
      await page.getByLabel('File to import').setInputFiles(FILE);
      await page.getByLabel('What who means').selectOption('user');
      await page.getByLabel('What thing, exactly means').selectOption('item');
      await page.getByText('12 would be taken').waitFor();
    });
  }, 60_000);
});
