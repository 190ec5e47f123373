/**
 * For the whole browser suite: a server with the demo shop and its first model, one with a shop that begins empty, and one that nobody touches before the test of a first start. The demo shop is still being made when
 * the first tests run; those that need it wait for it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
// @ts-expect-error -- a script has no types
import { beginServer } from '../../../scripts/server.mjs';

/** Which of the servers. */
export type Shop = 'demo' | 'empty' | 'fresh';

export interface ShopAddress {
  readonly url: string;
  readonly keys: { readonly admin: string; readonly secret: string; readonly publishable: string };
}

declare module 'vitest' {
  interface ProvidedContext {
    shops: Readonly<Record<Shop, ShopAddress>>;
    /** A folder in which files note what they have for themselves. */
    reservations: string;
  }
}

interface Server extends ShopAddress {
  stop(): Promise<void>;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const begunAt = performance.now();
  const [demo, empty, fresh] = await Promise.all(
    [{ DEMO: 'on', RETRAIN_CRON: '0 3 * * *', TRAIN_SEARCH_SECONDS: '3' }, { DEMO: 'off' }, { DEMO: 'off' }].map(async (environment) => (await beginServer(environment)) as Server),
  );
  const reservations = mkdtempSync(join(tmpdir(), 'jongleur-browser-'));
  const addressOf = ({ url, keys }: Server): ShopAddress => ({ url, keys });
  project.provide('shops', { demo: addressOf(demo), empty: addressOf(empty), fresh: addressOf(fresh) });
  project.provide('reservations', reservations);
  return async () => {
    await Promise.all([demo.stop(), empty.stop(), fresh.stop()]);
    rmSync(reservations, { recursive: true });
    process.stdout.write(`\nBrowser suite: ${((performance.now() - begunAt) / 1000).toFixed(1)} s, servers and all.\n`);
  };
}
