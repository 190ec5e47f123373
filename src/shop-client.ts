/**
 * The service over HTTP, as a shop's own backend calls it: for `jongleur simulate` and the demo that lives. What is refused because the service cannot keep up is asked again a few times; anything else
 * ends in a `CommandFault` that says what was asked, and what the service said.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFault } from './command-fault.ts';
import type { DemoItem } from './demo/catalogue.ts';
import type { ShopService, TrainedModel } from './demo/loop.ts';

export interface ShopClient extends ShopService {
  /** Titles of all items, by id. */
  listCatalogue(): Promise<Map<string, string | null>>;
}

export interface ShopClientOptions {
  /** Without a trailing slash. */
  readonly url: string;
  /** Secret; admin where training is wanted. */
  readonly key: string;
  /** Of the lists; null: none. */
  readonly scenario: string | null;
  /** For training runs; undefined: as the service is set. */
  readonly search?: 'off' | 'light' | 'full';
  readonly signal: AbortSignal;
}

function itemBody({ item, publishedAt }: { item: DemoItem; publishedAt: string | null }) {
  const { publishedAtMs: _, ...fields } = item;
  return { ...fields, publishedAt };
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const REQUEST_MS = 60_000;
const ATTEMPTS = 5;
const RETRY_MS = 1_000;
const LOOK_MS = 100;
const PAGE = 1000;
/** How long a published model may take until this server answers from it. */
const SWAP_MS = 60_000;

/** Looks whether the service is there. @throws CommandFault */
export async function openShopClient(options: ShopClientOptions): Promise<ShopClient> {
  const { url, key, scenario, search, signal } = options;

  async function ask(method: 'GET' | 'POST', path: string, body?: unknown, attempts = ATTEMPTS): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      let response: Response;
      try {
        response = await fetch(url + path, {
          method, signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
          headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      } catch (error) {
        signal.throwIfAborted();
        const { cause, message } = error as Error & { cause?: { message?: string; code?: string } };
        throw new CommandFault(`Nothing answers at ${url} (${cause?.code ?? cause?.message ?? message}). Start the service with "npm start", or say with --url where it is.`);
      }
      if ((response.status === 503 || response.status === 429) && attempt < attempts) {
        await response.arrayBuffer();
        await sleep(Number(response.headers.get('retry-after') ?? 0) * 1000 || RETRY_MS, undefined, { signal });
        continue;
      }
      const text = await response.text();
      try {
        return { status: response.status, body: JSON.parse(text) as Record<string, unknown> };
      } catch {
        throw new CommandFault(`${method} ${url}${path} answers ${response.status} and no JSON: is that Jongleur?`);
      }
    }
  }

  async function askSurely(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await ask(method, path, body);
    if (answer.status >= 300) {
      throw new CommandFault(`${method} ${url}${path} answers ${answer.status}${answer.body.code === undefined ? '' : ` ${String(answer.body.code)}`}: ${String(answer.body.detail ?? '')}`);
    }
    return answer.body;
  }

  const idsOf = (body: Record<string, unknown>) => (body.items as { itemId: string }[]).map(({ itemId }) => itemId);
  const readVersion = async () => (await askSurely('GET', '/health/ready')).modelVersion as number | null;

  async function startRun(): Promise<number> {
    for (;;) {
      const { status, body } = await ask('POST', '/v1/training-runs', search === undefined ? {} : { search });
      if (status === 202) {
        return body.no as number;
      }
      if (body.code !== 'training-running') {
        throw new CommandFault(`No model can be trained at ${url}: ${String(body.detail ?? status)}`);
      }
      await sleep(LOOK_MS, undefined, { signal });
    }
  }

  const ready = await ask('GET', '/health/ready', undefined, 1);
  if (ready.body.modelVersion === undefined) {
    throw new CommandFault(`What answers at ${url} is not Jongleur: its /health/ready has no modelVersion.`);
  }
  if (ready.status !== 200) {
    throw new CommandFault(`The service at ${url} is not ready yet (${String(ready.body.status)}). Try again in a moment.`);
  }

  return {
    async listCatalogue() {
      const titles = new Map<string, string | null>();
      for (let cursor = ''; ; ) {
        const page = await askSurely('GET', `/v1/items?limit=${PAGE}${cursor}`);
        for (const { itemId, title } of page.items as { itemId: string; title: string | null }[]) {
          titles.set(itemId, title);
        }
        if (page.nextCursor === undefined) {
          return titles;
        }
        cursor = `&cursor=${encodeURIComponent(page.nextCursor as string)}`;
      }
    },
    async putItems(items) {
      await askSurely('POST', '/v1/items', { items: items.map(itemBody) });
    },
    async sendEvents(events) {
      const { rejected } = await askSurely('POST', '/v1/events', { events });
      const [first] = rejected as { message: string }[];
      if (first !== undefined) {
        throw new CommandFault(`The service at ${url} refused ${(rejected as unknown[]).length} of ${events.length} events; the first: ${first.message}`);
      }
    },
    async recommend(userId, length) {
      const body = await askSurely('GET', `/v1/users/${encodeURIComponent(userId)}/recommendations?limit=${length}${scenario === null ? '' : `&scenario=${encodeURIComponent(scenario)}`}`);
      return { recommendationId: body.recommendationId as string, modelVersion: body.modelVersion as number | null, itemIds: idsOf(body) };
    },
    async trending(length) {
      return idsOf(await askSurely('GET', `/v1/trending?limit=${length}`));
    },
    async train(): Promise<TrainedModel> {
      const no = await startRun();
      for (;;) {
        const run = await askSurely('GET', `/v1/training-runs/${no}`);
        if (run.state !== 'running') {
          if (run.state === 'published') {
            await waitFor(run.version as number);
          }
          return { state: run.state as string, code: run.code as string | null, modelVersion: await readVersion() };
        }
        await sleep(LOOK_MS, undefined, { signal });
      }
    },
  };

  async function waitFor(version: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < SWAP_MS; waitedMs += LOOK_MS) {
      if (((await readVersion()) ?? 0) >= version) {
        return;
      }
      await sleep(LOOK_MS, undefined, { signal });
    }
    throw new CommandFault(`Model ${version} was published and the service at ${url} does not answer from it.`);
  }
}
