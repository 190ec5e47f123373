/**
 * The whole loop, day after day: items come out, shoppers come, look things up, are given the service's list, click; events go in, a model is trained, the next day begins.
 *
 * Three lists for each visit, by the same shopper, in the same mood, at the same moment, with the same luck (`clicks.ts`):
 *
 *   model      what the service recommends. It is the one that is shown: its clicks become events
 *   trending   what the service says is trending, without what the shopper has bought, as the model leaves that out too
 *   oracle     what is likeliest to be clicked, by the hidden taste
 *
 * So the arms differ in their lists alone, and trending pays nothing for having been seen yesterday, which the model does: the comparison leans against the model.
 */
import { DAY_SECONDS } from './calendar.ts';
import type { DemoItem } from './catalogue.ts';
import type { Rate, Ratio } from './click-rates.ts';
import { createClickRates } from './click-rates.ts';
import { DEMO_EVENT_TYPES, RATING } from './events.ts';
import type { SimulatedEvent, Simulation, Visit } from './simulation.ts';

export type Arm = 'trending' | 'model' | 'oracle';
export const ARMS: readonly Arm[] = ['trending', 'model', 'oracle'];

/** An event as the API takes it. */
export interface SentEvent {
  userId: string;
  itemId: string;
  type: string;
  occurredAt: string;
  value?: number | null;
  quantity?: number;
  price?: number;
  groupId?: string;
  recommendationId?: string;
  position?: number;
}

export interface GivenList {
  readonly recommendationId: string;
  readonly modelVersion: number | null;
  readonly itemIds: readonly string[];
}

export interface TrainedModel {
  /** Of the training run; "published" where its model is live. */
  readonly state: string;
  /** Why no model went live. */
  readonly code: string | null;
  /** The live one. */
  readonly modelVersion: number | null;
}

/** The service, as a shop sees it. */
export interface ShopService {
  putItems(items: readonly { item: DemoItem; publishedAt: string | null }[]): Promise<void>;
  sendEvents(events: readonly SentEvent[]): Promise<void>;
  recommend(userId: string, length: number): Promise<GivenList>;
  trending(length: number): Promise<readonly string[]>;
  /** Resolves when the run has ended and its model, if there is one, answers. */
  train(): Promise<TrainedModel>;
}

export interface DayReport {
  /** From 1. */
  readonly day: number;
  readonly beginsMs: number;
  readonly events: number;
  readonly lists: number;
  readonly rates: Readonly<Record<Arm, Rate>>;
  readonly timesTrending: Ratio | null;
  readonly ofOracle: Ratio | null;
  /** Items in the day's lists, and items that a list could have. */
  readonly shown: number;
  readonly offered: number;
  /** That made the day's lists; null: none was live. */
  readonly modelVersion: number | null;
  /** At the end of the day. */
  readonly trained: TrainedModel;
}

export interface LoopOptions {
  readonly service: ShopService;
  readonly simulation: Simulation;
  /** When day 0 of the simulation begins. */
  readonly startMs: number;
  /** Days without a list before the first. */
  readonly historyDays: number;
  readonly days: number;
  readonly listLength: number;
  /** Called before anything is sent of a day; the days of the history are below 1. */
  readonly onDayBegins?: (day: number, beginsMs: number) => Promise<void> | void;
  readonly onDay: (report: DayReport) => void;
  readonly signal?: AbortSignal;
}

const LISTS_AT_ONCE = 16;
/** Of what is trending, so many more are asked for: a shopper may have bought some. */
const SPARE = 40;
const EVENTS_AT_ONCE = 1000;
const ITEMS_AT_ONCE = 500;

export async function runLoop({ service, simulation, startMs, historyDays, days, listLength, onDayBegins, onDay, signal }: LoopOptions): Promise<void> {
  const indexesOf = (itemIds: readonly string[]) =>
    itemIds.map((itemId) => {
      const index = simulation.indexOf(itemId);
      if (index === undefined) throw new RangeError(`the service lists item "${itemId}", which is none of the simulated shop's`);
      return index;
    });

  async function send(events: readonly SentEvent[]): Promise<number> {
    for (let from = 0; from < events.length; from += EVENTS_AT_ONCE) {
      signal?.throwIfAborted();
      await service.sendEvents(events.slice(from, from + EVENTS_AT_ONCE));
    }
    return events.length;
  }

  async function putOut(day: number): Promise<void> {
    const coming = simulation.comingOut(day).map((index) => {
      const item = simulation.items[index];
      // What was there before has its own day; the others come out as this one begins.
      return { item, publishedAt: day > 0 ? new Date(startMs + day * DAY_SECONDS * 1000).toISOString() : item.publishedAtMs === null ? null : new Date(Math.min(item.publishedAtMs, startMs)).toISOString() };
    });
    for (let from = 0; from < coming.length; from += ITEMS_AT_ONCE) await service.putItems(coming.slice(from, from + ITEMS_AT_ONCE));
  }

  async function listsFor(visits: readonly Visit[]): Promise<GivenList[]> {
    const lists: GivenList[] = [];
    for (let from = 0; from < visits.length; from += LISTS_AT_ONCE) {
      signal?.throwIfAborted();
      lists.push(...(await Promise.all(visits.slice(from, from + LISTS_AT_ONCE).map(async ({ user }) => await service.recommend(userIdOf(user), listLength)))));
    }
    return lists;
  }

  const plain = (events: readonly SimulatedEvent[]) => events.map((event) => toSent(event, simulation.items, startMs));

  /** Of visits that went on past midnight. */
  let late: SentEvent[] = [];
  for (let day = 0; day < historyDays + days; day++) {
    signal?.throwIfAborted();
    const beginsMs = startMs + day * DAY_SECONDS * 1000;
    await onDayBegins?.(day - historyDays + 1, beginsMs);
    await putOut(day);
    const visits = simulation.visitorsOf(day).map(({ user, second }) => simulation.arrive(user, second));
    let events = await send([...late, ...plain(visits.flatMap(({ searched }) => searched))]);
    const rest: SentEvent[] = [];
    const rates = createClickRates(ARMS, listLength);
    const shown = new Set<number>();
    let modelVersion: number | null = null;
    if (day >= historyDays) {
      const trending = indexesOf(await service.trending(listLength + SPARE));
      const given = await listsFor(visits);
      for (const [k, visit] of visits.entries()) {
        const list = indexesOf(given[k].itemIds);
        const clicks = simulation.clicksOn(visit, list);
        rates.add({
          model: clicks.length,
          trending: simulation.clicksOn(visit, trending.filter((item) => !simulation.hasBought(visit.user, item)).slice(0, listLength)).length,
          oracle: simulation.clicksOn(visit, simulation.bestFor(visit, listLength)).length,
        });
        list.forEach((item) => shown.add(item));
        ({ modelVersion } = given[k]);
        for (const event of simulation.follow(visit, list, clicks)) rest.push({ ...toSent(event, simulation.items, startMs), recommendationId: given[k].recommendationId, position: event.position });
      }
    }
    for (const visit of visits) rest.push(...plain(simulation.browse(visit)));
    rest.push(...plain(simulation.takeDue((day + 1) * DAY_SECONDS)));
    const midnight = new Date(beginsMs + DAY_SECONDS * 1000).toISOString();
    late = rest.filter(({ occurredAt }) => occurredAt > midnight);
    events += await send(rest.filter(({ occurredAt }) => occurredAt <= midnight));
    // The days of the history end in one model, which the first lists are made from.
    if (day < historyDays - 1) continue;
    const trained = await service.train();
    if (day < historyDays) continue;
    onDay({
      day: day - historyDays + 1, beginsMs, events, lists: rates.lists(), rates: { trending: rates.rateOf('trending'), model: rates.rateOf('model'), oracle: rates.rateOf('oracle') },
      timesTrending: rates.ratioOf('model', 'trending'), ofOracle: rates.ratioOf('model', 'oracle'), shown: shown.size, offered: simulation.countOffered(day * DAY_SECONDS), modelVersion, trained,
    });
  }
}

export function userIdOf(user: number): string {
  return `user-${user + 1}`;
}

/** @param startMs when second 0 of the simulation is; visits of simulations that began at other times have other names */
export function toSent(event: SimulatedEvent, items: readonly DemoItem[], startMs: number): SentEvent {
  const sent: SentEvent = { userId: userIdOf(event.user), itemId: items[event.item].itemId, type: DEMO_EVENT_TYPES[event.type], occurredAt: new Date(startMs + event.second * 1000).toISOString() };
  if (event.type === RATING) sent.value = Number.isNaN(event.value) ? null : event.value;
  if (!Number.isNaN(event.quantity)) sent.quantity = event.quantity;
  if (!Number.isNaN(event.price)) sent.price = Math.round(event.price * 100) / 100;
  if (event.group > 0) sent.groupId = `visit-${startMs.toString(36)}-${event.group}`;
  return sent;
}
