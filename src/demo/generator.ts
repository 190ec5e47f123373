/**
 * The demo shop: one seeded generator behind the demo, the simulator and the bench matrices. A catalogue (`catalogue.ts`), shoppers with hidden tastes
 * (`tastes.ts`), a calendar with seasons (`calendar.ts`), and what they did (`shopping.ts`), with the dirt real shops have: repeated views, crawlers, ratings
 * taken back, returns, items nobody finds, items out of stock.
 *
 * The same options give the same shop: every random number comes from the seed, and Math.exp, log and cos are V8's own, not the machine's. Time and memory grow
 * with users + items + events. Measured on 2 shared cores, Node 20.20, first call: the demo (2,000 shoppers, 1,000 products, 100,000 events) 0.25–0.6 s depending
 * on what else ran; 10 million events of 300,000 shoppers and 200,000 products 34 s and 850 MiB.
 */
import type { Random } from '../model/random.ts';
import { createRandom } from '../model/random.ts';
import type { Calendar } from './calendar.ts';
import { createCalendar } from './calendar.ts';
import type { Catalogue, DemoItem } from './catalogue.ts';
import { createCatalogue } from './catalogue.ts';
import type { DemoEvents } from './events.ts';
import { createEventLog, sortByTime } from './events.ts';
import { writeEvents } from './shopping.ts';
import type { Tastes } from './tastes.ts';
import { affinityOf, createTastes } from './tastes.ts';
import { CATEGORIES } from './words.ts';

export type { DemoItem } from './catalogue.ts';
export type { DemoEvents } from './events.ts';
export { DEMO_EVENT_TYPES } from './events.ts';

export interface DemoOptions {
  seed: number;
  users: number;
  items: number;
  /** Exactly so many are made. With fewer than 4 for each shopper, some shoppers have fewer than 4. */
  events: number;
  /** End of the period; no event is later. */
  endMs: number;
  /** Length of the period, whole days. Default 180. */
  days?: number;
}

export interface DemoShop {
  items: DemoItem[];
  /** Shoppers are user-1 … user-`users`. */
  users: number;
  events: DemoEvents;
  /** Hidden taste of user-`user` for item-`item` (both count from 1), for oracle figures: about −5 to 7, higher is liked more. Popularity has no part in it. */
  affinity(user: number, item: number): number;
}

/** The shop before anybody came: what its shoppers like, what there is to buy, and the days ahead. */
export interface OpeningShop {
  calendar: Calendar;
  catalogue: Catalogue;
  tastes: Tastes;
  /** For what the shoppers do; what came before has streams of its own. */
  random: Random;
}

/** Shoppers, items and tastes depend on seed and sizes, when items come out on the period too. Throws a RangeError for sizes no shop can have. */
export function openDemoShop({ seed, users, items, endMs, days = 180 }: Omit<DemoOptions, 'events'>): OpeningShop {
  checkWhole('users', users, 1, 0x7fff_ffff);
  checkWhole('items', items, 1, 0x7fff_ffff);
  checkWhole('days', days, 1, 3660);
  if (!Number.isFinite(seed) || !Number.isFinite(endMs)) throw new RangeError('seed and endMs must be finite numbers');

  // A stream of its own for each part, so that a change in one leaves the others as they were.
  const seeds = createRandom(seed);
  const stream = () => createRandom(seeds.integer(0x1_0000_0000));
  const calendar = createCalendar(endMs, days, CATEGORIES);
  const catalogue = createCatalogue(items, calendar.startMs, days, stream());
  const tastes = createTastes(users, stream());
  return { calendar, catalogue, tastes, random: stream() };
}

/** Throws a RangeError for sizes no shop can have. */
export function generateDemoShop(options: DemoOptions): DemoShop {
  const { users, items, events, days = 180 } = options;
  checkWhole('events', events, 0, 0x7fff_ffff);
  if (days * 86_400 * events > Number.MAX_SAFE_INTEGER) throw new RangeError('days × events is too large to sort');
  const { calendar, catalogue, tastes, random } = openDemoShop(options);
  const log = createEventLog(events);
  writeEvents(tastes, catalogue.traits, calendar, random, log);

  return {
    items: catalogue.items,
    users,
    events: sortByTime(log, calendar.startMs),
    affinity(user, item) {
      if (!(user >= 1 && user <= users && item >= 1 && item <= items)) throw new RangeError(`no user-${user} or no item-${item}`);
      return affinityOf(tastes, user - 1, catalogue.traits, item - 1);
    },
  };
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
}
