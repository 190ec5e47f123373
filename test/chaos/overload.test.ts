/** Three times what it can do: nearly as much is answered as without, soon, and the rest hears at once that it is to come again. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { KEYS } from '../support/service.ts';
import { LONG, noteFigure } from './figures.ts';
import { SMALL, ask, insist, trainShop } from './shop.ts';

const CLIENT = fileURLToPath(new URL('load.mjs', import.meta.url));
const CAPACITY_SECONDS = LONG ? 4 : 1;
const OVERLOAD_SECONDS = LONG ? 10 : 3.5;
/** What a shared machine can do changes by a third within half a minute: each overload stands between two looks at capacity, and the middle one of three counts. */
const ROUNDS = LONG ? 3 : 1;
/** It takes so long to find out. */
const SKIP_SECONDS = 2;
const CONNECTIONS = 32;
/** Beside other tests a machine says nothing about times; then it is only looked at whether all of it works. */
const GOODPUT = LONG ? 0.8 : 0.1;

interface Load {
  readonly acceptedPerSecond: number;
  readonly refusedPerSecond: number;
  readonly acceptedP99Ms: number | null;
  readonly refusedP99Ms: number | null;
  readonly failed: number;
  readonly withoutRetryAfter: number;
  readonly unsent: number;
}

describe('three times capacity', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let server: ServerProcess;
  beforeAll(async () => {
    database = await createTestDatabase(inject('templateUrl'));
    server = await startServer({ DATABASE_URL: database.url, ...SMALL });
    await server.ready();
    await insist(server, 'PUT', '/v1/settings', { gate: { publishUnmeasured: true } });
    // All at one moment: nothing is held out, and the model is published whatever it is.
    const events = Array.from({ length: 30_000 }, (_, n) => ({ userId: `u${n % 3_000}`, itemId: `i${(n * 7 + (n % 3_000)) % 400}`, type: 'view', eventId: `o${n}`, occurredAt: '2026-01-01T00:00:00Z' }));
    for (let from = 0; from < events.length; from += 1_000) {
      await insist(server, 'POST', '/v1/events', { events: events.slice(from, from + 1_000) });
    }
    await trainShop(server, { search: 'off' });
  });
  afterAll(async () => {
    server.child.kill('SIGKILL');
    await database.drop();
  });

  const load = async (options: object): Promise<Load> => JSON.parse((await promisify(execFile)(process.execPath, [CLIENT, JSON.stringify({ url: server.url, key: KEYS.secret, ...options })])).stdout) as Load;

  it.each(LONG ? ['lists', 'events'] : ['lists'])('of %s', { timeout: 180_000 }, async (kind) => {
    await load({ kind, connections: CONNECTIONS, seconds: LONG ? 3 : 0.5 });
    const measureCapacity = async () => (await load({ kind, connections: CONNECTIONS, seconds: CAPACITY_SECONDS })).acceptedPerSecond;
    const rounds: (Load & { readonly before: number; readonly after: number; readonly goodput: number })[] = [];
    for (let n = 0, before = await measureCapacity(); n < ROUNDS; n++) {
      const found = await load({ kind, rate: 3 * before, seconds: OVERLOAD_SECONDS, skipSeconds: SKIP_SECONDS });
      // An event costs more the more there are: from thirty thousand to a million, Postgres' indexes took a fifth of what could be done, overload or not.
      const after = await measureCapacity();
      rounds.push({ ...found, before, after, goodput: found.acceptedPerSecond / ((before + after) / 2) });
      before = after;
    }
    const middle = (of: (round: (typeof rounds)[number]) => number) => rounds.map(of).toSorted((a, b) => a - b)[ROUNDS >> 1];
    const remark = rounds.map((round) => `${round.goodput.toFixed(2)}: capacity ${round.before.toFixed(0)}/s before and ${round.after.toFixed(0)}/s after; ${round.acceptedPerSecond.toFixed(0)}/s answered, ${round.refusedPerSecond.toFixed(0)}/s refused, ${round.unsent} not sent`).join(' | ');
    expect((await ask(server.url, 'GET', '/health/ready')).status).toBe(200);
    noteFigure({ measure: `goodput at three times capacity, ${kind}`, value: middle(({ goodput }) => goodput), floor: GOODPUT, bound: 'at-least', unit: 'of it', remark });
    noteFigure({ measure: `p99 of what is answered, ${kind}`, value: middle(({ acceptedP99Ms }) => acceptedP99Ms ?? 0) / 1_000, floor: LONG ? 0.3 : 2, bound: 'at-most', unit: 's' });
    noteFigure({ measure: `p99 of refusals, ${kind}`, value: middle(({ refusedP99Ms }) => refusedP99Ms ?? 0) / 1_000, floor: LONG ? 0.05 : 1, bound: 'at-most', unit: 's' });
    noteFigure({ measure: `answered otherwise, or refused without Retry-After, ${kind}`, value: rounds.reduce((sum, { failed, withoutRetryAfter }) => sum + failed + withoutRetryAfter, 0), floor: 0 });
  });
});
