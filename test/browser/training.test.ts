/** A training from its start to lists that come of it, and back again, by clicking; and how runs, versions and the comparison of two of them look. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { checkAppearances, findBarriers, openDashboard } from './support/dashboard.ts';
import { reserve } from './support/reservations.ts';

const AMPLE_MS = 60_000;
const row = (page: Page, table: string, name: string) => page.getByRole('region', { name: table }).getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
const dialogOf = (page: Page) => page.getByRole('dialog');

describe('training', () => {
  reserve('demo-lists');

  it('is started, watched to its end, read, approved and rolled back, by clicking', async () => {
    const dashboard = await openDashboard('demo');
    const { page, call } = dashboard;
    const liveVersion = async () => (await call('GET', 'v1/models')).json.items.find(({ state }: { state: string }) => state === 'live').version as number;
    await dashboard.open('training');
    const before = await liveVersion();
    await call('POST', 'v1/events', { events: Array.from({ length: 30 }, (_, k) => ({ userId: `user-${k + 1}`, itemId: `item-${k + 1}`, type: 'view' })) });
    await page.getByRole('button', { name: 'Let new versions wait for my word' }).click();
    await dialogOf(page).getByRole('button', { name: 'Let them wait' }).click();
    await page.getByRole('button', { name: 'Let new versions go live by themselves' }).waitFor();

    await page.getByLabel('Search for settings').selectOption('light');
    await page.getByRole('button', { name: 'Train now' }).click();
    await page.getByRole('heading', { level: 1, name: /^Training run \d+ running$/ }).waitFor();
    const run = Number(/run=(\d+)/.exec(page.url())![1]);
    // What is found is drawn while the run goes on.
    const cancel = page.getByRole('button', { name: 'Cancel the run' });
    for (const figure of ['Trials of the search', 'NDCG@20 by sweep']) {
      await page.getByRole('figure', { name: figure }).waitFor({ timeout: AMPLE_MS });
      expect([figure, await cancel.isVisible()]).toEqual([figure, true]);
    }
    await page.locator('.phases').getByText('fit on everything').waitFor();
    await page.getByRole('heading', { name: /^Version \d+ waits for your word$/ }).waitFor({ timeout: AMPLE_MS });

    // The report says what the service knows.
    const { version, findings } = (await call('GET', `v1/training-runs/${run}`)).json;
    expect(version).toBeGreaterThan(before);
    const { mean } = findings.test.rankings[0].figures.at.find(({ k }: { k: number }) => k === 20).recall as { mean: number };
    const lists = page.getByRole('list', { name: 'Found again, recall@20' });
    expect(await lists.getByRole('listitem').first().textContent()).toContain(`${(100 * mean).toFixed(1)} %`);
    expect(await lists.getByRole('listitem').count()).toBe(findings.test.rankings.length);
    for (const { message } of [...findings.gate.reasons, { message: findings.verdict.reason }] as { message: string }[]) {
      await page.getByText(message).first().waitFor();
    }
    await page.getByLabel('Figure').selectOption('ndcg');
    await page.getByText('How well the first 20 places hit what the shopper went on to want').waitFor();
    await page.getByLabel('Quality against').selectOption('parameters');
    await page.getByText('numbers in the model', { exact: true }).last().waitFor();
    await page.getByText('Beside it: on what it had seen').click();
    await page.getByText('All figures, with their intervals').click();
    const all = page.getByRole('region', { name: 'All figures' });
    await all.waitFor();
    expect(await all.getByRole('row').count()).toBe(19);
    expect(await findBarriers(dashboard)).toEqual([]);

    // A no in the dialog changes nothing; a yes does.
    await page.getByRole('button', { name: 'Refuse' }).click();
    await dialogOf(page).getByText('cannot be had again').waitFor();
    await dialogOf(page).getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Approve' }).click();
    await dialogOf(page).getByText(`20 % of the shoppers stay on version ${before} for 24 hours`).waitFor();
    expect(await liveVersion()).toBe(before);
    await dialogOf(page).getByRole('button', { name: 'Make it live' }).click();
    await page.getByText(`Version ${version} is live.`).waitFor();
    expect(await liveVersion()).toBe(version);
    // Its guard counts what shoppers of either version are shown and click, from the moment when it answers.
    await expect.poll(async () => (await call('GET', 'health/ready')).json.modelVersion, { interval: 50 }).toBe(version);
    const shown = await Promise.all(Array.from({ length: 40 }, async (_, n) => ({ userId: `user-${1501 + n}`, ...(await call('GET', `v1/users/user-${1501 + n}/recommendations?limit=5`)).json })));
    await call('POST', 'v1/events', { events: shown.slice(0, 10).map(({ userId, items, recommendationId }) => ({ userId, itemId: items[0].itemId, type: 'view', recommendationId, position: 1 })) });

    await page.getByRole('link', { name: 'All runs and versions' }).click();
    await row(page, 'Model versions', String(version)).getByText('live', { exact: true }).waitFor();
    await row(page, 'Training runs', String(run)).getByText('went live').waitFor();
    await page.getByRole('button', { name: `Roll back to it: version ${before}` }).click();
    const dialog = dialogOf(page);
    await dialog.getByText(`Version ${before} answers from then on, at every replica`).waitFor();
    // Whichever of the two is newer by more than a minute.
    expect(await dialog.textContent()).toMatch(new RegExp(`\\(\\d+ events\\) less than version ${version} knows|as version ${version} did but for \\d+ events`));
    expect(await findBarriers(dashboard)).toEqual([]);
    await dialog.getByRole('button', { name: `Roll back to ${before}` }).click();
    await row(page, 'Model versions', String(before)).getByText('live', { exact: true }).waitFor();
    expect(await liveVersion()).toBe(before);
    // And forth again, and back.
    await page.getByRole('button', { name: `Make it live: version ${version}` }).click();
    await dialogOf(page).getByText(`Version ${before} is kept, and can be made live again.`).waitFor();
    await dialogOf(page).getByRole('button', { name: 'Make it live' }).click();
    await row(page, 'Model versions', String(version)).getByText('live', { exact: true }).waitFor();
    expect(await liveVersion()).toBe(version);
    await page.getByRole('button', { name: `Roll back to it: version ${before}` }).click();
    await dialogOf(page).getByRole('button', { name: `Roll back to ${before}` }).click();
    await row(page, 'Model versions', String(before)).getByText('live', { exact: true }).waitFor();

    // The next one is refused.
    await call('POST', 'v1/events', { events: Array.from({ length: 30 }, (_, k) => ({ userId: `user-${k + 1}`, itemId: `item-${k + 41}`, type: 'view' })) });
    const { no } = (await call('POST', 'v1/training-runs', { search: 'off' })).json;
    await expect.poll(async () => (await call('GET', `v1/training-runs/${no}`)).json.state, { timeout: AMPLE_MS, interval: 200 }).toBe('needs-approval');
    const refused = (await call('GET', `v1/training-runs/${no}`)).json.version as number;
    await page.getByRole('button', { name: `Refuse: version ${refused}` }).click();
    await dialogOf(page).getByText(`Version ${before} stays live`).waitFor();
    await dialogOf(page).getByRole('button', { name: 'Refuse it' }).click();
    await page.getByText(`Version ${refused} is refused.`).waitFor();
    await page.getByRole('button', { name: `Refuse: version ${refused}` }).waitFor({ state: 'detached' });
    expect((await call('GET', `v1/models/${refused}`)).json.state).toBe('rejected');
    expect(await liveVersion()).toBe(before);

    await page.getByRole('button', { name: 'Let new versions go live by themselves' }).click();
    await dialogOf(page).getByRole('button', { name: 'Let them go live' }).click();
    await page.getByText('New versions go live by themselves.').waitFor();
    expect((await call('GET', 'v1/settings')).json.gate.manual).toBe(false);
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: `Version ${version} beside version ${before}` }).waitFor();
    await page.getByRole('region', { name: 'Side by side' }).getByText('Found again').waitFor();

    const { hours, variants } = (await call('GET', `v1/experiments/guard-${version}`)).json as { hours: number; variants: { lists: number; clicks: number }[] };
    const sum = (figure: 'lists' | 'clicks') => variants.reduce((all, variant) => all + variant[figure], 0);
    expect([variants.every(({ lists }) => lists > 0), sum('lists') >= shown.length, sum('clicks') >= 10]).toEqual([true, true, true]);
    await dashboard.open(`experiments?name=guard-${version}`);
    await page.getByText(`Of its ${hours} hours`).waitFor();
    await row(page, 'Variants', 'new').getByRole('cell', { name: `model ${version}` }).waitFor();
    await dashboard.close();
  }, 120_000);

  it('is cancelled, and goes on being watched where a stream was refused', async () => {
    const dashboard = await openDashboard('demo');
    const { page, call, faults } = dashboard;
    let refused = 0;
    await page.route('**/progress', async (route) => (refused++ === 0 ? await route.fulfill({ status: 503, json: {} }) : await route.continue()));
    await dashboard.open('training');
    await page.getByText('Begin from the start').click();
    await page.getByRole('button', { name: 'Train now' }).click();
    await page.getByText('nothing is heard of it').waitFor();
    await page.locator('.phases [aria-current=step]').waitFor();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await dialogOf(page).getByText('goes on answering as it does').waitFor();
    await dialogOf(page).getByRole('button', { name: 'Cancel the run' }).click();
    await page.getByRole('heading', { level: 1, name: /cancelled$/ }).waitFor();
    await page.getByText('The run was cancelled.').waitFor();
    expect((await call('GET', 'v1/training-runs?limit=1')).json.items[0].state).toBe('cancelled');
    expect(faults.splice(0).filter((fault) => !/status of 503|^503 of .*progress$/.test(fault))).toEqual([]);
    await dashboard.close();
  }, 60_000);

  it('says what is missing, refused or not there', async () => {
    const dashboard = await openDashboard('demo');
    const { page, faults } = dashboard;
    for (const path of ['models', 'training-runs']) {
      await page.route(`**/v1/${path}?*`, (route) => void route.fulfill({ json: { items: [] } }));
    }
    await page.route('**/v1/training-runs', (route) => void route.fulfill({ status: 409, contentType: 'application/problem+json', json: { status: 409, code: 'training-running', detail: 'A training run is under way in this or another process.', remedy: 'Wait for it.' } }));
    await dashboard.open('training');
    await page.getByText('No version yet').waitFor();
    await page.getByText('No training yet').waitFor();
    await page.getByRole('button', { name: 'Train now' }).click();
    await page.getByRole('alert').getByText('A training run is under way').waitFor();
    await dashboard.open('training?version=99999');
    await page.getByRole('alert').getByText('There is no model version 99999.').waitFor();
    expect(faults.splice(0).filter((fault) => !/status of (404|409)/.test(fault))).toEqual([]);
    await dashboard.close();
  });

  it('tells two versions apart by what the gate found in pairs, where it did', async () => {
    const dashboard = await openDashboard('demo');
    const { page, call } = dashboard;
    const card = (await call('GET', 'v1/models/2')).json;
    const difference = { users: 832, candidate: 0.19, reference: 0.187, relative: 0.016, lowerBound: 0.004, low: 0.002, high: 0.031 };
    const compared = { code: 'not-worse', passed: true, figure: 0.004, threshold: -0.05, message: 'Better.', comparison: { baseline: null, version: 1, difference } };
    // A guard looks after an hour at first: what it saw is made up here, of nothing but its shape.
    const arm = (lists: number, clicks: number) => ({ lists, clicks, rate: { value: clicks / lists, low: (clicks / lists) * 0.9, high: (clicks / lists) * 1.1 } });
    const guard = { experiment: 'guard-2', state: 'running', hours: 24, startedAt: card.createdAt, ended: null, look: { at: card.createdAt, variants: [arm(400, 163), arm(1600, 401)], comparisons: [{ verdict: 'open' }] } };
    await page.route('**/v1/models/2', (route) => void route.fulfill({ json: { ...card, guard, gate: { ...card.gate, reasons: [compared] } } }));
    await dashboard.open('training?compare=1,2');
    await page.getByText('The settings of version 2 place what shoppers went on to want 1.6 % better than those of version 1').waitFor();
    await page.getByText('That is more than chance.').waitFor();
    expect(await page.getByRole('list', { name: 'Paired difference of NDCG@20' }).textContent()).toMatch(/\+1\.6\s% \+0\.2\s% to \+3\.1\s%/);
    await dashboard.open('training?version=2');
    await page.getByText('It is too early to say whether the new version is clicked less.').waitFor();
    expect(await page.getByRole('list', { name: 'Clicks a list' }).textContent()).toMatch(/former version163 clicks on 400 lists.*This version401 clicks on 1,600 lists0\.251/);
    await dashboard.close();
  });

  it.each([['training', 'training'], ['training-report', 'training?version=2'], ['training-comparison', 'training?compare=2,1']])('%s looks well in light and dark, wide and narrow', async (name, route) => {
    await checkAppearances('demo', name, route);
  }, 60_000);
});
