/**
 * The events, shopper by shopper. Each has a fixed number to make (see `shareOutEvents`), spread over visits. A visit has a category in mind, drawn from the
 * shopper's favourites and the season; it goes: view, view, cart, view, … then perhaps a purchase of what is in the cart. A rating may follow days later, and a
 * return. What is written is cut off at the end of the period, never moved back into it.
 *
 * An item is found in two steps, so that the cost of an event does not grow with the catalogue: GLANCES items of the category come along by exposure (one
 * alias draw each), and one of them is looked at with probability ∝ exp(match). That approximates exposure · exp(match) over the whole category.
 */
import type { Random } from '../model/random.ts';
import type { Calendar } from './calendar.ts';
import { DAY_SECONDS, drawVisitSecond } from './calendar.ts';
import type { ItemTraits } from './catalogue.ts';
import { MATCH_PUBLISHED_HOUR, MATCH_STRIDE } from './catalogue.ts';
import type { EventLog } from './events.ts';
import { appendEvent, CART, PURCHASE, RATING, VIEW } from './events.ts';
import type { AliasTables } from './sampling.ts';
import { createAliasTables, drawByWeight, drawMember, findInTotals, firstMember } from './sampling.ts';
import type { Tastes } from './tastes.ts';
import { addFavourites, affinityOf, matchTerm } from './tastes.ts';
import { CATEGORIES } from './words.ts';

const GLANCES = 14;
/** Of the mean visit. */
export const EVENTS_PER_VISIT = 9;
const EVENTS_AT_LEAST = 4;
const CURIOSITY = 0.03;
const PAUSE_SECONDS = 1800;

export interface Shop {
  tastes: Tastes;
  traits: ItemTraits;
  calendar: Calendar;
  byCategory: AliasTables;
  endSecond: number;
  random: Random;
  log: EventLog;
  /** Work space: one weight per category. */
  weights: Float64Array;
  /** Work space: the items glanced at, and the running total of their weights. */
  glanced: Int32Array;
  glanceTotals: Float64Array;
}

/** What a shopper must still do, and remembers. */
export interface Shopper {
  user: number;
  eventsLeft: number;
  second: number;
  /** Last item put in a cart and not bought, or −1: looked at again on the next visit. */
  unfinished: number;
}

export function createShop(tastes: Tastes, traits: ItemTraits, calendar: Calendar, random: Random, log: EventLog): Shop {
  return {
    tastes, traits, calendar, random, log,
    byCategory: createAliasTables(traits.category, CATEGORIES.length, traits.exposure),
    endSecond: calendar.days * DAY_SECONDS,
    weights: new Float64Array(CATEGORIES.length),
    glanced: new Int32Array(GLANCES),
    glanceTotals: new Float64Array(GLANCES),
  };
}

/** Writes exactly `log.user.length` events. */
export function writeEvents(tastes: Tastes, traits: ItemTraits, calendar: Calendar, random: Random, log: EventLog): void {
  const users = tastes.mainStyle.length;
  const shop = createShop(tastes, traits, calendar, random, log);
  const firstDays = new Int32Array(users);
  for (let u = 0; u < users; u++) firstDays[u] = random.uniform() < 0.6 ? 0 : Math.floor(random.uniform() * 0.97 * calendar.days);
  const bots = chooseBots(users, log.user.length, random);
  const shares = shareOutEvents(log.user.length, firstDays, bots, calendar.days, random);
  for (let u = 0; u < users; u++) {
    if (bots.has(u)) crawl(shop, u, shares[u]!);
    else shopFor(shop, u, shares[u]!, firstDays[u]!);
  }
}

/** Bots and their number of views: hundreds each, under 2 % of the events together, none in a tiny shop. */
function chooseBots(users: number, events: number, random: Random): Map<number, number> {
  const bots = new Map<number, number>();
  if (users < 50) return bots;
  const count = Math.min(3 + Math.floor(users / 1000), Math.floor(events / 25_000));
  while (bots.size < count) bots.set(random.integer(users), 250 + random.integer(350));
  return bots;
}

/** How many events each shopper makes: EVENTS_AT_LEAST where the total allows, the rest lognormal and by the days they have; sums to `events` exactly. */
function shareOutEvents(events: number, firstDays: Int32Array, bots: Map<number, number>, days: number, random: Random): Int32Array {
  const users = firstDays.length;
  const shares = new Int32Array(users);
  let left = events;
  for (const [user, views] of bots) {
    shares[user] = views;
    left -= views;
  }
  const base = Math.min(EVENTS_AT_LEAST, Math.floor(left / (users - bots.size)));
  left -= base * (users - bots.size);
  const totals = new Float64Array(users);
  let sum = 0;
  for (let u = 0; u < users; u++) {
    if (!bots.has(u)) sum += Math.exp(1.1 * random.gaussian()) * (1.1 - firstDays[u]! / days);
    totals[u] = sum;
  }
  let given = 0;
  for (let u = 0; u < users; u++) {
    if (bots.has(u)) continue;
    const upTo = totals[u] === sum ? left : Math.round((left * totals[u]!) / sum);
    shares[u] = base + upTo - given;
    given = upTo;
  }
  return shares;
}

/** A crawler goes through the pages in order, one or two a second apart, all in one go. */
function crawl(shop: Shop, user: number, views: number): void {
  const { log, random, traits } = shop;
  const items = traits.category.length;
  const group = ++log.groups;
  let second = Math.min(drawVisitSecond(shop.calendar, 0, random), shop.endSecond - 2 * views);
  let item = random.integer(items);
  for (let k = 0; k < views; k++) {
    do item = (item + 1) % items;
    while (traits.exposure[item] === 0 || publishedSecond(traits, item) > second);
    appendEvent(log, user, item, VIEW, group, second);
    second += random.integer(3);
  }
}

function shopFor(shop: Shop, user: number, events: number, firstDay: number): void {
  const { random } = shop;
  const visits = Math.max(1, Math.round(events / EVENTS_PER_VISIT));
  const starts = new Uint32Array(visits);
  for (let v = 0; v < visits; v++) starts[v] = drawVisitSecond(shop.calendar, firstDay, random);
  starts.sort();
  const shopper: Shopper = { user, eventsLeft: events, second: 0, unfinished: -1 };
  for (let v = 0; v < visits && shopper.eventsLeft > 0; v++) {
    const mean = shopper.eventsLeft / (visits - v);
    const budget = v === visits - 1 ? shopper.eventsLeft : Math.min(shopper.eventsLeft, drawBudget(mean, random));
    shopper.second = v === 0 ? starts[v]! : Math.min(shop.endSecond, Math.max(starts[v]!, shopper.second + PAUSE_SECONDS));
    visit(shop, shopper, budget);
  }
  // What a cart left standing on the last visit would have cost.
  while (shopper.eventsLeft > 0) view(shop, shopper, chooseItem(shop, user, chooseCategory(shop, shopper), shopper.second), shop.log.groups);
}

/** How many events a visit may have where the mean one has so many; below twice as many. */
export function drawBudget(mean: number, random: Random): number {
  return Math.max(1, Math.round(mean * (0.3 + 1.4 * random.uniform())));
}

/** One visit of at most `budget` events: room for buying the cart is kept. Ratings and returns come out of what is left for later visits. */
export function visit(shop: Shop, shopper: Shopper, budget: number): void {
  const { log, random, traits } = shop;
  const { user } = shopper;
  const group = ++log.groups;
  const cart: number[] = [];
  let left = budget;
  let next = shopper.unfinished >= 0 && random.uniform() < 0.5 ? shopper.unfinished : -1;
  let category = next >= 0 ? traits.category[next]! : chooseCategory(shop, shopper);
  while (left > cart.length) {
    if (next < 0 && random.uniform() < 0.2) category = chooseCategory(shop, shopper);
    const item = next >= 0 ? next : chooseItem(shop, user, category, shopper.second);
    const seen = shopper.second;
    next = -1;
    view(shop, shopper, item, group);
    left--;
    // Reloads and double clicks: the same view once more, at once or within seconds.
    if (left > cart.length && random.uniform() < 0.03) {
      appendEvent(log, user, item, VIEW, group, Math.min(shop.endSecond, seen + random.integer(4)));
      shopper.eventsLeft--;
      left--;
    }
    if (left <= cart.length + 1 || cart.includes(item) || random.uniform() > cartChance(shop, user, item)) continue;
    const e = appendEvent(log, user, item, CART, group, shopper.second);
    log.quantity[e] = 1;
    log.price[e] = traits.price[item]!;
    shopper.eventsLeft--;
    left--;
    cart.push(item);
    shopper.unfinished = item;
    const companion = traits.companion[item]!;
    if (random.uniform() < 0.2 && publishedSecond(traits, companion) <= shopper.second && traits.exposure[companion]! > 0) next = companion;
  }
  if (cart.length > 0 && random.uniform() < 0.75) buy(shop, shopper, cart, group);
}

function view(shop: Shop, shopper: Shopper, item: number, group: number): void {
  appendEvent(shop.log, shopper.user, item, VIEW, group, shopper.second);
  shopper.eventsLeft--;
  // Mostly a few seconds to a minute on a page, sometimes minutes.
  shopper.second = Math.min(shop.endSecond, shopper.second + 4 + Math.floor(-35 * Math.log(1 - shop.random.uniform())));
}

/** All that is in the cart, in one second: one order. */
function buy(shop: Shop, shopper: Shopper, cart: readonly number[], group: number): void {
  const { log, random, traits, endSecond } = shop;
  const { user } = shopper;
  const ordered = shopper.second;
  const discount = random.uniform() < 0.12 ? 0.9 : 1;
  for (const item of cart) {
    const price = Math.round(traits.price[item]! * discount * 100) / 100;
    const quantity = price < 40 && random.uniform() < 0.2 ? 2 + random.integer(3) : 1;
    const e = appendEvent(log, user, item, PURCHASE, group, ordered);
    log.quantity[e] = quantity;
    log.price[e] = price;
    shopper.eventsLeft--;
  }
  shopper.unfinished = -1;
  // A second loop: the budget held room for these purchases, and what follows from one must not take another's.
  for (const item of cart) {
    const rated = ordered + drawDelay(random, 2, 18);
    if (shopper.eventsLeft > 0 && rated <= endSecond && random.uniform() < 0.6) rate(shop, shopper, item, rated);
    const returned = ordered + drawDelay(random, 3, 14);
    if (shopper.eventsLeft > 0 && returned <= endSecond && random.uniform() < 0.03) {
      const e = appendEvent(log, user, item, PURCHASE, 0, returned);
      log.quantity[e] = -1;
      log.price[e] = Math.round(traits.price[item]! * discount * 100) / 100;
      shopper.eventsLeft--;
    }
  }
}

function rate(shop: Shop, shopper: Shopper, item: number, second: number): void {
  const { log, random, traits, tastes } = shop;
  const { user } = shopper;
  const taste = affinityOf(tastes, user, traits, item);
  const value = Math.round(3.5 + 0.5 * (taste - 2.6) + traits.quality[item]! + 0.9 * random.gaussian());
  const e = appendEvent(log, user, item, RATING, 0, second);
  log.value[e] = Math.min(5, Math.max(1, value));
  shopper.eventsLeft--;
  const takenBack = second + drawDelay(random, 0, 10);
  if (shopper.eventsLeft === 0 || takenBack > shop.endSecond || random.uniform() > 0.02) return;
  appendEvent(log, user, item, RATING, 0, takenBack);
  shopper.eventsLeft--;
}

/** Between `fromDays` and `toDays`, in seconds, at least a minute. */
function drawDelay(random: Random, fromDays: number, toDays: number): number {
  return 60 + Math.floor((fromDays + random.uniform() * (toDays - fromDays)) * DAY_SECONDS);
}

/** A favourite, times its season, or any category out of curiosity. Categories without items are out. */
export function chooseCategory(shop: Shop, shopper: Pick<Shopper, 'user' | 'second'>): number {
  const { weights, byCategory, calendar } = shop;
  for (let c = 0; c < weights.length; c++) weights[c] = CURIOSITY * CATEGORIES[c]!.share;
  addFavourites(shop.tastes, shopper.user, weights);
  const day = Math.min(calendar.days - 1, Math.floor(shopper.second / DAY_SECONDS));
  for (let c = 0; c < weights.length; c++) {
    weights[c] = byCategory.starts[c + 1]! > byCategory.starts[c]! ? weights[c]! * calendar.season[day * weights.length + c]! : 0;
  }
  return drawByWeight(weights, shop.random);
}

export function chooseItem(shop: Shop, user: number, category: number, second: number): number {
  const { traits, tastes, random, byCategory, glanced, glanceTotals } = shop;
  // Drawn first, looked at afterwards: the reads at random places then overlap.
  for (let k = 0; k < GLANCES; k++) glanced[k] = drawMember(byCategory, category, random);
  let sum = 0;
  for (let k = 0; k < GLANCES; k++) {
    const item = glanced[k]!;
    const published = publishedSecond(traits, item);
    if (published <= second) {
      const weight = Math.exp(matchTerm(tastes, user, traits, item));
      // News are looked at more for some weeks.
      sum += published > 0 ? weight * (1 + 1.5 * Math.exp((published - second) / (10 * DAY_SECONDS))) : weight;
    }
    glanceTotals[k] = sum;
  }
  // Nothing that came along is out yet: the category's first item was there before the start.
  if (sum === 0) return firstMember(byCategory, category);
  return glanced[findInTotals(glanceTotals, random.uniform() * sum)]!;
}

export function publishedSecond(traits: ItemTraits, item: number): number {
  return traits.match[item * MATCH_STRIDE + MATCH_PUBLISHED_HOUR]! * 3600;
}

export function cartChance(shop: Shop, user: number, item: number): number {
  const taste = affinityOf(shop.tastes, user, shop.traits, item);
  return 0.6 / (1 + Math.exp(1.6 - 0.7 * (taste - 1.5)));
}
