/** A server with a small shop and a model in it, and the requests that scenarios send to it. */
import type { ServerProcess } from '../support/process.ts';
import { startServer } from '../support/process.ts';
import { KEYS } from '../support/service.ts';

/** This shop is smaller than a model should be made from, and nobody trains but who says so. */
export const SMALL = { TRAIN_MIN_INTERACTIONS: '1', TRAIN_MIN_USERS: '1', TRAIN_SEARCH_SECONDS: '1', RETRAIN_CRON: 'off', RETRAIN_AFTER_EVENTS: '0', IP_RATE_LIMIT: '0' };
const USERS = 40;
const ITEMS = 60;

/** Three tastes over sixty items. */
export async function fillShop(server: ServerProcess): Promise<void> {
  const events = Array.from({ length: USERS }, (_, user) => Array.from({ length: ITEMS }, (_unused, item) => ({ userId: `u${user}`, itemId: `i${item}`, type: 'cart' })).filter((_unused, item) => item % 3 === user % 3 && (item * 7 + user * 5) % 4 !== 0)).flat();
  await insist(server, 'POST', '/v1/events', { events });
  const items = Array.from({ length: ITEMS }, (_, item) => ({ itemId: `i${item}`, title: `Thing ${item}`, price: item + 1 }));
  await insist(server, 'POST', '/v1/items', { items });
  await insist(server, 'PUT', '/v1/settings', { gate: { publishUnmeasured: true } });
}

/** Sends until it is taken: a machine with too much to do may refuse for a while what can wait. @returns the answer's body */
// eslint-disable-next-line typescript/no-explicit-any -- scenarios look into answers of any shape
export async function insist(server: ServerProcess, method: string, path: string, body?: unknown, role?: Parameters<ServerProcess['call']>[3]): Promise<any> {
  const { status, json } = await until(async () => {
    const answer = await server.call(method, path, body, role);
    return answer.status === 503 ? null : answer;
  });
  if (status >= 300) {
    throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
  }
  return json;
}

/** @returns the version that went live and answers */
export async function trainShop(server: ServerProcess, wishes?: object): Promise<number> {
  const { no } = await insist(server, 'POST', '/v1/training-runs', wishes);
  const run = await until(async () => {
    const json = await insist(server, 'GET', `/v1/training-runs/${no}`);
    return json.state === 'running' ? null : json;
  }, 120_000);
  if (run.state !== 'published') {
    throw new Error(`training ended as ${run.state}: ${run.message}`);
  }
  await until(async () => ((await server.call('GET', '/health/ready')).json.modelVersion === run.version ? true : null));
  return run.version;
}

export async function startShop(databaseUrl: string, environment: Record<string, string> = {}): Promise<ServerProcess> {
  const server = await startServer({ DATABASE_URL: databaseUrl, ...SMALL, ...environment });
  await server.ready();
  await fillShop(server);
  await trainShop(server);
  return server;
}

/** Asks until there is something. @throws after `timeoutMs` */
export async function until<T>(ask: () => Promise<T | null>, timeoutMs = 30_000, everyMs = 25): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== null) {
      return found;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${ask.toString().slice(0, 200)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

export interface Told {
  /** 0: the connection broke, or nothing came. */
  readonly status: number;
  readonly ms: number;
  readonly retryAfter: string | null;
  readonly body: string;
}

/** A request by whatever key is an admin's; never throws. */
export async function ask(url: string, method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<Told> {
  const startedMs = performance.now();
  const headers: Record<string, string> = { authorization: `Bearer ${KEYS.admin}`, ...(body === undefined ? {} : { 'content-type': contentType }) };
  try {
    const answer = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }), signal: AbortSignal.timeout(60_000) });
    const text = await answer.text();
    return { status: answer.status, ms: performance.now() - startedMs, retryAfter: answer.headers.get('retry-after'), body: text };
  } catch (error) {
    return { status: 0, ms: performance.now() - startedMs, retryAfter: null, body: String((error as Error).cause ?? error) };
  }
}

let made = 0;

/** Every kind of write, each with a body of its own. */
export const WRITES: readonly { readonly name: string; send(url: string): Promise<Told> }[] = [
  { name: 'one event', send: (url) => ask(url, 'POST', '/v1/events', { userId: `w${++made}`, itemId: 'i1', type: 'view', eventId: `w${made}` }) },
  { name: 'a list of events', send: (url) => ask(url, 'POST', '/v1/events', { events: Array.from({ length: 20 }, () => ({ userId: 'w', itemId: 'i2', type: 'view', eventId: `w${++made}` })) }) },
  { name: 'lines', send: (url) => ask(url, 'POST', '/v1/events', Array.from({ length: 20 }, () => JSON.stringify({ userId: 'w', itemId: 'i3', type: 'view', eventId: `w${++made}` })).join('\n'), 'application/x-ndjson') },
  { name: 'a rating', send: (url) => ask(url, 'PUT', '/v1/users/w/ratings/i4', { value: 4 }) },
  { name: 'an item', send: (url) => ask(url, 'PUT', '/v1/items/i5', { title: `Thing ${++made}` }) },
  { name: 'a setting', send: (url) => ask(url, 'PUT', '/v1/settings', { keepVersions: 5 + (++made % 5) }) },
  { name: 'a key', send: (url) => ask(url, 'POST', '/v1/keys', { role: 'secret', name: `made ${++made}` }) },
  { name: 'an event type', send: (url) => ask(url, 'PUT', '/v1/event-types', { items: [{ name: 'view', weight: 1 + (++made % 5) }] }) },
  { name: 'a catalogue', send: (url) => ask(url, 'POST', '/v1/items', { items: Array.from({ length: 20 }, (_, n) => ({ itemId: `i${n}`, title: `Thing ${++made}` })) }) },
  { name: 'an erasure', send: (url) => ask(url, 'DELETE', `/v1/users/gone${++made}`) },
  { name: 'a file', send: (url) => ask(url, 'POST', '/v1/imports', `user_id,item_id,type\nw,i1,view\nw,i2,view${made++ % 2 === 0 ? '' : '\n'}`, 'text/csv') },
  { name: 'a training run', send: (url) => ask(url, 'POST', '/v1/training-runs') },
];

/** Answers that memory has: each must be 200 whatever becomes of Postgres. */
const ANSWERS = ['/v1/users/u1/recommendations', '/v1/users/u2/recommendations?limit=5&fields=title,price', '/v1/users/nobody/recommendations', '/v1/items/i1/similar', '/v1/trending', '/v1/newest', '/v1/users/u4/recommendations?diversity=0.5', '/health/ready'];

export interface Answering {
  /** Stops asking. @returns how many were asked, those that were not 200 with what they said, and the longest that one took */
  stop(): Promise<{ asked: number; failed: string[]; longestMs: number }>;
}

/** Asks for answers all the time, of every kind in turn. */
export function keepAsking(url: string, everyMs = 5): Answering {
  let going = true;
  let asked = 0;
  let longestMs = 0;
  const failed: string[] = [];
  const asking = (async () => {
    while (going) {
      const path = ANSWERS[asked++ % ANSWERS.length];
      const { status, ms, body } = await ask(url, 'GET', path);
      longestMs = Math.max(longestMs, ms);
      if (status !== 200) {
        failed.push(`${path}: ${status} ${body.slice(0, 200)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    async stop() {
      going = false;
      await asking;
      return { asked, failed, longestMs };
    },
  };
}
