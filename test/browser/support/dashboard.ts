/**
 * The dashboard as a test sees it: a tab, logged in, in one of four appearances. Whatever a person would see in the browser's console fails the test when it closes the dashboard: errors and warnings, what the
 * Content-Security-Policy refused, requests to any other host, answers of 500 and more.
 */
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core';
import { expect, inject } from 'vitest';
import type { Shop, ShopAddress } from './setup.ts';
import { shrinkPng } from './small-png.ts';

export interface Appearance {
  readonly scheme: 'light' | 'dark';
  readonly width: 'wide' | 'narrow';
}

export const APPEARANCES: readonly Appearance[] = [{ scheme: 'light', width: 'wide' }, { scheme: 'dark', width: 'wide' }, { scheme: 'light', width: 'narrow' }, { scheme: 'dark', width: 'narrow' }];
const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 380, height: 800 } } as const;
/** With `npm run screenshots`: then a test also waits for what makes a picture worth its place. */
export const takesPictures = process.env.JONGLEUR_SCREENSHOTS === 'on';
/** Of a picture: what is below is cut off. */
const MOST_PICTURE_HEIGHT = 1300;
const IMAGES = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface Dashboard {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly shop: ShopAddress;
  /** Faults so far; a test that provokes one takes it out. */
  readonly faults: string[];
  /** Goes to a page of the dashboard, such as `try?user=user-1`, and waits until it has drawn what it asked for. */
  open(route: string): Promise<void>;
  /** Waits until nothing on the page is loading any more. */
  settle(): Promise<void>;
  /** Asks the service, with the admin key. */
  call(method: string, path: string, body?: unknown): Promise<{ status: number; json: any }>; // eslint-disable-line typescript/no-explicit-any
  /** Leaves the tab to the next test. @throws where there was any fault */
  close(): Promise<void>;
}

let launched: Promise<Browser> | undefined;
const sessions = new Map<Shop, ReturnType<typeof sessionCookie>>();
/** Tabs that lie ready for the next test of the same shop. */
const kept = new Map<Shop, Tab>();

interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly faults: string[];
}

/** One for all files of a worker; it ends with the worker. */
async function browser(): Promise<Browser> {
  // Chromium refuses its sandbox to root.
  launched ??= chromium.launch({ executablePath: process.env.CHROMIUM, args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-gpu'] });
  return await launched;
}

export async function callShop({ url, keys }: ShopAddress, method: string, path: string, body?: unknown): Promise<{ status: number; json: any }> { // eslint-disable-line typescript/no-explicit-any
  const answer = await fetch(`${url}/${path}`, { method, headers: { authorization: `Bearer ${keys.admin}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: answer.status, json: answer.status === 204 ? null : await answer.json() };
}

/** The session's cookie, as the login gives it. */
async function sessionCookie({ url, keys }: ShopAddress): Promise<{ name: string; value: string; url: string }> {
  const answer = await fetch(`${url}/dashboard/session`, { method: 'POST', headers: { 'content-type': 'application/json', origin: url }, body: JSON.stringify({ key: keys.admin }) });
  const [name, value] = answer.headers.get('set-cookie')!.split(';')[0].split('=');
  return { name, value, url };
}

/** A demo shop is made while the first tests of other shops run. */
async function untilReady({ url }: ShopAddress): Promise<void> {
  while (!(await fetch(`${url}/health/ready`)).ok) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function watch(page: Page, shop: ShopAddress, faults: string[]): void {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      faults.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${shop.url}/`) && !/^(data|blob):/.test(request.url())) {
      faults.push(`a request to another host: ${request.url()}`);
    }
  });
  page.on('response', (response) => {
    if (response.status() >= 500) {
      faults.push(`${response.status()} of ${response.url()}`);
    }
  });
}

async function openTab(shop: ShopAddress): Promise<Tab> {
  const context = await (await browser()).newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', acceptDownloads: true });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const faults: string[] = [];
  watch(page, shop, faults);
  // Refused inline scripts and styles are reported to the page as well, wherever the console's words change.
  await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI))`);
  return { page, context, faults };
}

async function dress({ page }: Pick<Tab, 'page'>, { scheme, width }: Appearance): Promise<void> {
  await page.setViewportSize(SIZES[width]);
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
}

/** Leads to another page of the dashboard without loading it anew, and waits until it is drawn for the first time. */
async function goByHash(page: Page, hash: string): Promise<void> {
  await page.evaluate(async (next) => {
    if (location.hash === next) {
      return;
    }
    const changed = new Promise((resolve) => addEventListener('hashchange', resolve, { once: true }));
    location.hash = next;
    await changed;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, hash);
}

/**
 * A tab on a shop: the one that the last test left, where it did, since opening one and loading the dashboard takes longer than most tests.
 *
 * @param options `isOwn`: a new one, with nothing in its cache, that is closed at the end; by default where somebody `isLoggedIn`, which is by default too, it is not
 */
export async function openDashboard(which: Shop, { appearance = APPEARANCES[0], isLoggedIn = true, isOwn = !isLoggedIn }: { appearance?: Appearance; isLoggedIn?: boolean; isOwn?: boolean } = {}): Promise<Dashboard> {
  const shop = inject('shops')[which];
  await untilReady(shop);
  const left = isOwn ? undefined : kept.get(which);
  // Whoever fails does not bring it back.
  kept.delete(which);
  const tab = left ?? (await openTab(shop));
  const { page, context, faults } = tab;
  await dress(tab, appearance);
  if (isLoggedIn && left === undefined) {
    sessions.set(which, sessions.get(which) ?? sessionCookie(shop));
    await context.addCookies([await sessions.get(which)!]);
  }
  const start = `${shop.url}/dashboard`;

  const settle = async () => {
    await page.waitForFunction(() => document.querySelector('.loading, .starting') === null);
  };
  return {
    page, context, shop, faults, settle,
    async open(route) {
      const [before, hash = ''] = page.url().split('#');
      if (before !== start) {
        await page.goto(`${start}#/${route}`);
      } else if (hash === `/${route}`) {
        await page.reload();
      } else {
        await goByHash(page, `#/${route}`);
      }
      await page.locator('main').first().waitFor();
      await settle();
    },
    call: async (method, path, body) => await callShop(shop, method, path, body),
    async close() {
      if (isOwn) {
        await context.close();
      } else {
        // No page is left that asks for more, on behalf of which the next test would fail.
        await page.unrouteAll({ behavior: 'ignoreErrors' });
        if (page.url().startsWith(`${start}#`)) {
          await goByHash(page, '#/left');
        }
        kept.set(which, tab);
      }
      expect(faults.splice(0)).toEqual([]);
    },
  };
}

/** What axe-core finds that is serious or critical, in words; an empty list is well. */
export async function findBarriers({ page }: Dashboard): Promise<string[]> {
  // Evaluated by the debugger, so the page's policy does not hold it off.
  if (!(await page.evaluate(() => 'axe' in window))) {
    await page.evaluate(AXE);
  }
  return await page.evaluate(async () => {
    interface Found {
      readonly violations: { readonly id: string; readonly impact: string; readonly help: string; readonly nodes: { readonly html: string; readonly failureSummary: string }[] }[];
    }
    const { violations } = (await (window as unknown as { axe: { run(options: object): Promise<Found> } }).axe.run({ resultTypes: ['violations'], iframes: false })) as Found;
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').flatMap(({ id, help, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${help}: ${html} (${failureSummary})`));
  });
}

/** By how many pixels the page is wider than the window. */
export async function overhang({ page }: Dashboard): Promise<number> {
  return await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/**
 * A page in all four appearances: drawn, without barriers, no wider than the window; with `npm run screenshots` a picture of each is kept in docs/images.
 *
 * @param show brings the page to what the picture shows, after it was opened
 */
export async function checkAppearances(which: Shop, name: string, route: string, show: (dashboard: Dashboard) => Promise<void> = async () => undefined): Promise<void> {
  const dashboard = await openDashboard(which);
  await dashboard.open(route);
  await show(dashboard);
  if (takesPictures) {
    await dashboard.page.locator('.notice').waitFor({ state: 'hidden' });
  }
  // The two that differ in both: what is wrong with one of the other two shows in one of these as well.
  for (const { scheme, width } of takesPictures ? APPEARANCES : APPEARANCES.filter((one) => (one.scheme === 'light') === (one.width === 'wide'))) {
    // One tab takes on each in turn: opening one is most of the time.
    await dress(dashboard, { scheme, width });
    await dashboard.settle();
    // Charts follow the window when it has been drawn once.
    await dashboard.page.evaluate(async () => await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    expect({ scheme, width, barriers: await findBarriers(dashboard), overhang: await overhang(dashboard) }).toEqual({ scheme, width, barriers: [], overhang: 0 });
    if (takesPictures) {
      await takePicture(dashboard, `${name}-${scheme}-${width}`, width);
    }
  }
  await dashboard.close();
}

async function takePicture({ page }: Dashboard, name: string, width: Appearance['width']): Promise<void> {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: SIZES[width].width, height: Math.min(Math.max(height, SIZES[width].height), MOST_PICTURE_HEIGHT) });
  mkdirSync(IMAGES, { recursive: true });
  writeFileSync(`${IMAGES}${name}.png`, shrinkPng(await page.screenshot()));
}
