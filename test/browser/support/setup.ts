/** For the whole browser suite: a server with the demo shop and its first model, one with a shop that begins empty, one that nobody touches before the test of a first start, and a chromium. */
import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';
// @ts-expect-error -- a script has no types
import { startServer } from '../../../scripts/server.mjs';

/** Which of the servers. */
export type Shop = 'demo' | 'empty' | 'fresh';

export interface ShopAddress {
  readonly url: string;
  readonly keys: { readonly admin: string; readonly secret: string; readonly publishable: string };
}

declare module 'vitest' {
  interface ProvidedContext {
    shops: Readonly<Record<Shop, ShopAddress>>;
    /** Where the browser is reached by playwright-core. */
    browserEndpoint: string;
  }
}

interface Server extends ShopAddress {
  stop(): Promise<void>;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Chromium refuses its sandbox to root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const [browser, demo, empty, fresh] = await Promise.all([
    chromium.launchServer({ executablePath: process.env.CHROMIUM, args: [...args, '--disable-dev-shm-usage'] }),
    startServer({ DEMO: 'on', RETRAIN_CRON: '0 3 * * *' }) as Promise<Server>,
    startServer({ DEMO: 'off' }) as Promise<Server>,
    startServer({ DEMO: 'off' }) as Promise<Server>,
  ]);
  const addressOf = ({ url, keys }: Server): ShopAddress => ({ url, keys });
  project.provide('shops', { demo: addressOf(demo), empty: addressOf(empty), fresh: addressOf(fresh) });
  project.provide('browserEndpoint', browser.wsEndpoint());
  return async () => {
    await Promise.all([browser.close(), demo.stop(), empty.stop(), fresh.stop()]);
  };
}
