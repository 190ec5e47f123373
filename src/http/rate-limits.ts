/**
 * How often somebody may ask: so often a minute, all at once if they like, and then evenly.
 *
 * Whoever sends a secret or admin key is counted by the key; everybody else, with a publishable key, a wrong one or none, by their address: a publishable key is everybody's, and one visitor could use it
 * up for all. Counts are a process's own. `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10.
 *
 * The count is a moment (GCRA): when the client will have all of its quota again. A request moves it by a minute / quota; one that would move it further than a minute ahead is refused.
 */
import { isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type KeyRing, createLookup } from './auth.ts';
import { Problem } from './problems.ts';

const WINDOW_SECONDS = 60;
const WINDOW_MS = WINDOW_SECONDS * 1000;
const HOUR_MS = 3_600_000;
/** Clients in one generation; up to twice as many are known. */
const MAX_CLIENTS = 50_000;

export interface Taken {
  readonly allowed: boolean;
  /** Requests that may follow at once. */
  readonly remaining: number;
  /** Until the whole quota is there again. */
  readonly fullMs: number;
  /** Until one more request may come. */
  readonly waitMs: number;
}

export interface RateLimit {
  readonly quota: number;
  /** @param count that many at once: all of them, or none. Default 1 */
  take(client: string, count?: number): Taken;
}

/** @param quota requests a window, 1 or more */
export function createRateLimit(quota: number, now: () => number, maxClients = MAX_CLIENTS, windowMs = WINDOW_MS): RateLimit {
  const stepMs = windowMs / quota;
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  return {
    quota,
    take(client, count = 1) {
      const nowMs = now();
      const fullAt = Math.max(nowMs, young.get(client) ?? old.get(client) ?? 0);
      const after = fullAt + count * stepMs;
      // A millionth for what adding a window's parts leaves over.
      const allowed = after - nowMs <= windowMs + 1e-3;
      if (allowed) {
        if (young.size >= maxClients && !young.has(client)) {
          old = young;
          young = new Map();
        }
        young.set(client, after);
      }
      const aheadMs = (allowed ? after : fullAt) - nowMs;
      return { allowed, remaining: Math.max(0, Math.floor((windowMs - aheadMs) / stepMs + 1e-6)), fullMs: aheadMs, waitMs: allowed ? 0 : after - nowMs - windowMs };
    },
  };
}

/** Whose address it is: of IPv6 the network of 64 bits that one customer has, since the rest is theirs to choose. */
export function clientOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped !== null || !isIPv6(ip)) {
    return mapped?.[1] ?? ip;
  }
  const [before, behind = ''] = ip.replace(/%.*$/, '').split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = behind === '' ? [] : behind.split(':');
  const groups = [...head, ...Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail];
  return groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

export interface RateLimitOptions {
  /** Requests a minute; 0: no limit. */
  readonly perIp: number;
  readonly perKey: number;
  /** Events an hour with one shopper's token; 0: no limit. */
  readonly perShopper: number;
  /** Proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
}

/** Rounded up, but for what a sum of fractions leaves over. */
function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000 - 1e-6);
}

/** Events of shoppers' own pages, by shopper: a person does not do more in an hour, and what a program does there must not be everybody's to see. Throws a Problem for what is beyond `perHour`. */
export function createShopperLimit(perHour: number, now: () => number): (userId: string, events: number, reply: FastifyReply) => void {
  const limit = perHour === 0 ? null : createRateLimit(perHour, now, MAX_CLIENTS, HOUR_MS);
  return (userId, events, reply) => {
    const taken = limit?.take(userId, events);
    if (taken === undefined || taken.allowed) {
      return;
    }
    reply.header('retry-after', Math.max(1, secondsOf(taken.waitMs)));
    throw new Problem('rate-limited', `With a shopper token, ${perHour} events an hour are stored; none of these ${events === 1 ? 'was' : `${events} were`}.`);
  };
}

/** Before keys are checked, so that guessing is limited as well. */
export function installRateLimits(app: FastifyInstance, ring: KeyRing, { perIp, perKey, trustProxy }: Omit<RateLimitOptions, 'perShopper'>): void {
  const byIp = perIp === 0 ? null : createRateLimit(perIp, () => performance.now());
  const byKey = perKey === 0 ? null : createRateLimit(perKey, () => performance.now());
  const lookup = createLookup(ring);
  let proxyTold = trustProxy.length > 0;
  let toldMs = -Infinity;

  function charge(limit: RateLimit, name: 'ip' | 'key', client: string, request: FastifyRequest, reply: FastifyReply): void {
    const { allowed, remaining, fullMs, waitMs } = limit.take(client);
    reply.header('ratelimit-policy', `"${name}";q=${limit.quota};w=${WINDOW_SECONDS}`).header('ratelimit', `"${name}";r=${remaining};t=${secondsOf(allowed ? fullMs : waitMs)}`);
    if (!allowed) {
      const nowMs = performance.now();
      if (nowMs - toldMs >= WINDOW_MS) {
        toldMs = nowMs;
        request.log.warn({ reqId: request.id, [name]: client, quota: limit.quota }, 'a quota is used up; this is told once a minute, whoever it is');
      }
      reply.header('retry-after', Math.max(1, secondsOf(waitMs)));
      throw new Problem('rate-limited', `${name === 'ip' ? `The address ${request.ip}` : 'This key'} has asked more often than ${limit.quota} times a minute.`);
    }
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.shed === 'never') {
      done();
      return;
    }
    if (!proxyTold && request.headers['x-forwarded-for'] !== undefined) {
      proxyTold = true;
      request.log.warn({ reqId: request.id, from: request.ip }, 'requests come through a proxy that TRUST_PROXY does not name: all of them count as one address');
    }
    const { authorization } = request.headers;
    const key = authorization === undefined ? undefined : lookup(authorization);
    try {
      if (key !== undefined && key.role !== 'publishable') {
        if (byKey !== null) {
          charge(byKey, 'key', `${key.role} ${key.keyNo}`, request, reply);
        }
      } else if (byIp !== null) {
        charge(byIp, 'ip', clientOf(request.ip), request, reply);
      }
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
