/**
 * The demo's shoppers, one visit at a time, against lists that somebody else makes. A visit goes:
 *
 *   arrive      a category in mind; half of them look something up first, as shoppers of the generator do
 *   the list    looked at as clicks.ts says. A click is a view; some views become carts, half of these purchases
 *   browse      half of them go on by themselves: a visit of the generator, as long as those are, with purchases, and ratings and returns days later
 *
 * What shoppers find by themselves does not depend on the lists, so two services get the same visits, and their lists the same luck. Pure: all chance comes of the seed, and of time nothing is known
 * but the seconds that are passed in, counted from the start of the simulation. Users and items are indexes from 0.
 */
import { drawAt, finalise, seedOf } from '../model/hash.ts';
import { createRandom } from '../model/random.ts';
import { DAY_SECONDS, drawSecondOfDay } from './calendar.ts';
import type { DemoItem } from './catalogue.ts';
import { MATCH_PUBLISHED_HOUR, MATCH_STRIDE } from './catalogue.ts';
import type { ClickModel, Look } from './clicks.ts';
import { createClickModel } from './clicks.ts';
import { CART, createEventLog, PURCHASE, VIEW } from './events.ts';
import type { OpeningShop } from './generator.ts';
import { findInTotals, runningTotals } from './sampling.ts';
import type { Shopper } from './shopping.ts';
import { cartChance, chooseCategory, chooseItem, createShop, drawBudget, EVENTS_PER_VISIT, publishedSecond, visit as shopAlone } from './shopping.ts';

export interface SimulatedEvent {
  readonly user: number;
  readonly item: number;
  /** Index into DEMO_EVENT_TYPES. */
  readonly type: number;
  readonly second: number;
  /** Number of the visit; 0: none. */
  readonly group: number;
  /** NaN: none; of a rating: taken back. */
  readonly value: number;
  readonly quantity: number;
  readonly price: number;
  /** In the list that it came of, from 1; 0: it came of none. */
  readonly position: number;
}

export interface Visit extends Look {
  readonly group: number;
  /** What the shopper looked up before the list. */
  readonly searched: readonly SimulatedEvent[];
}

export interface Simulation {
  readonly items: readonly DemoItem[];
  /** Of an item by its id; undefined: it is none of this shop's. */
  indexOf(itemId: string): number | undefined;
  /** Items that are there from the beginning of this day on; day 0: all that were there before. */
  comingOut(day: number): number[];
  /** How many items a list can have at that time. */
  countOffered(second: number): number;
  /** Who comes on that day, each once, in order of time. */
  visitorsOf(day: number): { user: number; second: number }[];
  /** Somebody, the more active the likelier. */
  drawVisitor(): number;
  arrive(user: number, second: number): Visit;
  /** Positions, from 0, that are clicked. Nothing is noted, so lists can be compared. */
  clicksOn(visit: Visit, list: ArrayLike<number>): number[];
  /** The shopper has clicked: what comes of it, in order of time. */
  follow(visit: Visit, list: ArrayLike<number>, clicks: readonly number[]): SimulatedEvent[];
  /** What the shopper does afterwards without a list; often nothing. Ratings and returns fall due later. */
  browse(visit: Visit): SimulatedEvent[];
  /** Ratings and returns up to that time. */
  takeDue(second: number): SimulatedEvent[];
  hasBought(user: number, item: number): boolean;
  /** The items likeliest to be clicked, best first, of all that are offered: no list has more clicks to expect. */
  bestFor(visit: Visit, length: number): number[];
}

const SEARCH_FIRST = 0.5;
const MOST_SEARCHES = 3;
const BROWSE = 0.5;
/** Room for ratings and returns beside a visit's own events. */
const LATER_EVENTS = 24;
const BUY_AT_ONCE = 0.5;
/** Share of days on which the mean shopper comes; who is most active comes on nearly all. */
const VISIT_SHARE = 0.3;
const MOST_VISITS = 0.95;
const KNOWN_FROM_START = 0.6;

/**
 * @param opened the shop; when its items come out is moved to the beginnings of days
 * @param knownItems ids of items that are there already, whatever their day
 */
export function createSimulation({ calendar, catalogue, tastes, random: source }: OpeningShop, seed: number, knownItems: ReadonlySet<string>): Simulation {
  const { items, traits } = catalogue;
  const users = tastes.mainStyle.length;
  const { days } = calendar;
  for (let i = 0; i < items.length; i++) {
    const row = i * MATCH_STRIDE + MATCH_PUBLISHED_HOUR;
    traits.match[row] = knownItems.has(items[i].itemId) ? 0 : 24 * Math.ceil(traits.match[row] / 24);
  }
  const own = finalise(seed | 0);
  const rates = new Float64Array(users);
  const firstDays = new Int32Array(users);
  for (let u = 0; u < users; u++) {
    rates[u] = Math.min(MOST_VISITS, VISIT_SHARE * Math.exp(0.7 * source.gaussian() - 0.245));
    firstDays[u] = source.uniform() < KNOWN_FROM_START ? 0 : source.integer(days);
  }
  const rateTotals = runningTotals(rates);
  const indexes = new Map(items.map(({ itemId }, index) => [itemId, index]));
  const log = createEventLog(2 * EVENTS_PER_VISIT + LATER_EVENTS);
  const shop = createShop(tastes, traits, calendar, source, log);
  const clicks: ClickModel = createClickModel(tastes, traits, own);
  const unfinished = new Int32Array(users).fill(-1);
  let due: SimulatedEvent[] = [];

  const isOffered = (item: number, second: number) => items[item].available && publishedSecond(traits, item) <= second;

  function note({ user, item, type, second, quantity }: SimulatedEvent): void {
    if (type === VIEW) clicks.noteView(user, item);
    if (type === PURCHASE && quantity > 0) clicks.notePurchase(user, item, second);
  }

  function plain(visit: { user: number; group: number }, item: number, type: number, second: number, position = 0): SimulatedEvent {
    const bought = type === CART || type === PURCHASE;
    return { user: visit.user, item, type, second, group: visit.group, value: Number.NaN, quantity: bought ? 1 : Number.NaN, price: bought ? traits.price[item] : Number.NaN, position };
  }

  return {
    items,
    indexOf: (itemId) => indexes.get(itemId),
    comingOut: (day) => [...items.keys()].filter((item) => !knownItems.has(items[item].itemId) && publishedSecond(traits, item) === day * DAY_SECONDS),
    countOffered: (second) => items.reduce((count, _, item) => count + (isOffered(item, second) ? 1 : 0), 0),
    visitorsOf(day) {
      const random = createRandom(seedOf(own, day));
      const visitors: { user: number; second: number }[] = [];
      for (let user = 0; user < users; user++) {
        const comes = random.uniform() < rates[user];
        const second = day * DAY_SECONDS + drawSecondOfDay(calendar, random);
        if (comes && firstDays[user] <= day) visitors.push({ user, second });
      }
      return visitors.sort((a, b) => a.second - b.second || a.user - b.user);
    },
    drawVisitor: () => findInTotals(rateTotals, source.uniform() * rateTotals[users - 1]),
    arrive(user, second) {
      const group = ++log.groups;
      const category = chooseCategory(shop, { user, second });
      const searched: SimulatedEvent[] = [];
      const searches = source.uniform() < SEARCH_FIRST ? 1 + source.integer(MOST_SEARCHES) : 0;
      for (let k = 0; k < searches; k++) {
        // The list is looked at after the last of them.
        const event = plain({ user, group }, chooseItem(shop, user, category, second), VIEW, second - 30 * (searches - k));
        note(event);
        searched.push(event);
      }
      return { user, second, category, group, seed: seedOf(own, finalise(group)), searched };
    },
    clicksOn: (visit, list) => clicks.clicksOn(visit, list),
    follow(visit, list, clicked) {
      const luck = seedOf(visit.seed, 3);
      const events: SimulatedEvent[] = [];
      let { second } = visit;
      for (const k of clicked) {
        const item = list[k];
        second += 10 + Math.floor(50 * drawAt(luck, 3 * item));
        events.push(plain(visit, item, VIEW, second, k + 1));
        if (drawAt(luck, 3 * item + 1) >= cartChance(shop, visit.user, item)) continue;
        events.push(plain(visit, item, CART, second + 5, k + 1));
        if (drawAt(luck, 3 * item + 2) < BUY_AT_ONCE) events.push(plain(visit, item, PURCHASE, second + 9, k + 1));
      }
      events.forEach(note);
      return events;
    },
    browse({ user, second }) {
      if (source.uniform() >= BROWSE) return [];
      const budget = drawBudget(EVENTS_PER_VISIT, source);
      const shopper: Shopper = { user, eventsLeft: budget + LATER_EVENTS, second: second + 600, unfinished: unfinished[user] };
      const until = shopper.second + DAY_SECONDS / 2;
      log.length = 0;
      shopAlone(shop, shopper, budget);
      unfinished[user] = shopper.unfinished;
      const now: SimulatedEvent[] = [];
      for (let e = 0; e < log.length; e++) {
        const event = { user, item: log.item[e] - 1, type: log.type[e], second: log.second[e], group: log.group[e], value: log.value[e], quantity: log.quantity[e], price: log.price[e], position: 0 };
        if (event.second > until) {
          due.push(event);
        } else {
          note(event);
          now.push(event);
        }
        log.value[e] = log.quantity[e] = log.price[e] = Number.NaN;
      }
      return now;
    },
    takeDue(second) {
      const taken = due.filter((event) => event.second <= second).sort((a, b) => a.second - b.second);
      due = due.filter((event) => event.second > second);
      return taken;
    },
    hasBought: (user, item) => clicks.hasBought(user, item),
    bestFor(visit, length) {
      const offered = [...items.keys()].filter((item) => isOffered(item, visit.second));
      const chances = new Map(offered.map((item) => [item, clicks.attraction(visit, item)]));
      return offered.sort((a, b) => chances.get(b)! - chances.get(a)! || a - b).slice(0, length);
    },
  };
}
