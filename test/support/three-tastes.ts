/** A small shop with a model, whose lists are easy to foretell. */
import { expect } from 'vitest';
import type { Service } from './service.ts';

export const USERS = 40;
export const ITEMS = 60;

/** Three tastes over sixty items; item n costs n and is of category c(n mod 3). */
export async function fillShop(service: Service): Promise<void> {
  const items = Array.from({ length: ITEMS }, (_, n) => ({ itemId: `i${n}`, title: `Thing ${n}`, price: n + 1, categories: [`c${n % 3}`], attributes: { brand: n % 2 === 0 ? 'acme' : 'other', stars: n % 5 } }));
  expect((await service.call('POST', '/v1/items', { items })).status).toBe(200);
  const events: object[] = [];
  for (let user = 0; user < USERS; user++) {
    for (let n = 0; n < ITEMS; n++) {
      if (n % 3 === user % 3 && (n * 7 + user * 5) % 4 !== 0) {
        events.push({ userId: `u${user}`, itemId: `i${n}`, type: (n + user) % 5 === 0 ? 'purchase' : 'cart', groupId: `b${user}-${n % 4}`, occurredAt: new Date(Date.UTC(2026, 0, 1) + (user * ITEMS + n) * 60_000).toISOString() });
      }
    }
  }
  for (let from = 0; from < events.length; from += 500) {
    expect((await service.call('POST', '/v1/events', { events: events.slice(from, from + 500) })).status).toBe(200);
  }
  expect((await service.train()).state).toBe('published');
}
