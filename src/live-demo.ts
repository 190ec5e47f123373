/**
 * DEMO_LIVE=on: the demo shop goes on living. Simulated shoppers come to this very server, over HTTP and by the real clock, a few a minute: they look things up, are given lists, click, buy. So dashboards move, and
 * there is something to train from.
 *
 * One shopper at a time, so it is never a load. It waits while the server cannot keep up or Postgres is away, and after anything that went wrong; it ends at once where the catalogue has an item that is not
 * of the demo shop. What shoppers have in mind and have seen is in memory, and begins anew with the process.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFault } from './command-fault.ts';
import { type SentEvent, toSent, userIdOf } from './demo/loop.ts';
import { DEMO_SIZE } from './demo-shop.ts';
import { type ShopClient, openShopClient } from './shop-client.ts';
import type { SimulatedEvent } from './demo/simulation.ts';
import { ForeignItem, type SimulatedShop, openSimulatedShop } from './simulated-shop.ts';

export interface LiveDemoOptions {
  /** Of this server. */
  readonly url: string;
  /** A secret key. */
  readonly key: string;
  /** Whether nobody should come now. */
  readonly isBusy: () => boolean;
  readonly now: () => number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
  /** Between two visits, on the mean; default 5 s. */
  readonly pauseMs?: number;
  /** After what went wrong; default 30 s. */
  readonly faultPauseMs?: number;
}

export interface LiveDemo {
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

const PAUSE_MS = 5_000;
const FAULT_PAUSE_MS = 30_000;
const LIST_LENGTH = 10;
/** The calendar of such a simulation; a process that runs for longer opens the next one. */
const DAYS = 365;
const DAY_MS = 86_400_000;

export function startLiveDemo({ url, key, isBusy, now, log, pauseMs = PAUSE_MS, faultPauseMs = FAULT_PAUSE_MS }: LiveDemoOptions): LiveDemo {
  const controller = new AbortController();
  const { signal } = controller;
  let toldOfFault = false;

  async function open(client: ShopClient): Promise<SimulatedShop> {
    const { seed, users, items } = DEMO_SIZE;
    return await openSimulatedShop(client, url, { seed, users, items, days: DAYS, historyDays: 0, endMs: now() + DAYS * DAY_MS });
  }

  async function visit(client: ShopClient, { simulation, startMs }: SimulatedShop): Promise<void> {
    const second = Math.floor((now() - startMs) / 1000);
    // A visit of minutes goes by at once: nothing of it is in the future.
    const plain = (event: SimulatedEvent) => toSent({ ...event, second: Math.min(event.second, second) }, simulation.items, startMs);
    const send = async (events: readonly SentEvent[]) => {
      if (events.length > 0) {
        await client.sendEvents(events);
      }
    };
    const coming = simulation.arrive(simulation.drawVisitor(), second);
    await send([...simulation.takeDue(second), ...coming.searched].map(plain));
    const { itemIds, recommendationId } = await client.recommend(userIdOf(coming.user), LIST_LENGTH);
    const list = itemIds.map((itemId) => simulation.indexOf(itemId) ?? -1);
    if (list.includes(-1)) {
      throw new ForeignItem(url, itemIds[list.indexOf(-1)], null);
    }
    const followed = simulation.follow(coming, list, simulation.clicksOn(coming, list));
    await send([...followed.map((event) => ({ ...plain(event), recommendationId, position: event.position })), ...simulation.browse(coming).map(plain)]);
  }

  async function live(): Promise<void> {
    const client = await openShopClient({ url, key, scenario: 'home', signal });
    let shop = await open(client);
    log('the demo is alive: simulated shoppers come by (DEMO_LIVE=off ends that)', { everySeconds: pauseMs / 1000 });
    for (let turn = 0; ; turn++) {
      // Evenly by chance, from half the mean to one and a half.
      await sleep(pauseMs * (0.5 + ((turn * 0.618_034) % 1)), undefined, { signal });
      if (isBusy()) {
        continue;
      }
      if (now() - shop.startMs > (DAYS - 1) * DAY_MS) {
        shop = await open(client);
      }
      await visit(client, shop);
      toldOfFault = false;
    }
  }

  async function keepLiving(): Promise<void> {
    while (!signal.aborted) {
      try {
        await live();
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        if (error instanceof ForeignItem) {
          log('the demo does not live any more', { reason: error.message }, true);
          return;
        }
        if (!toldOfFault) {
          log('the demo pauses', { reason: error instanceof Error ? error.message : String(error), code: error instanceof CommandFault ? 'refused' : 'internal' });
        }
        toldOfFault = true;
        await sleep(faultPauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  const ended = keepLiving();
  return {
    async stop() {
      controller.abort(new CommandFault('Stopping.'));
      await ended;
    },
  };
}
