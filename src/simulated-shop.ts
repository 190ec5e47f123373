/** The generator's shop, opened before a service that is empty or has that very shop already: nobody's own data get simulated shoppers. Wiring of `jongleur simulate` and of the demo that lives. */
import { CommandFault } from './command-fault.ts';
import type { ShopClient } from './shop-client.ts';
import { openDemoShop } from './demo/generator.ts';
import { type Simulation, createSimulation } from './demo/simulation.ts';

const DAY_MS = 86_400_000;

export interface SimulatedShop {
  readonly simulation: Simulation;
  /** When second 0 of the simulation is. */
  readonly startMs: number;
  readonly historyDays: number;
}

export interface SimulatedShopOptions {
  readonly seed: number;
  readonly users: number;
  readonly items: number;
  readonly days: number;
  /** Days before the first list, where the service is empty; where it has the shop there are none. */
  readonly historyDays: number;
  /** The last day ends then. */
  readonly endMs: number;
}

/** The service has items that are not of the simulated shop. */
export class ForeignItem extends CommandFault {
  constructor(url: string, itemId: string, title: string | null) {
    super(
      `The service at ${url} has items that are not of this simulated shop (${itemId}${title === null ? '' : `, "${title}"`}), and simulated shoppers would spoil real data. Simulate against an empty one, for example started with DEMO=off DATA_DIR=./simulation npm start; ` +
        'or against the demo shop, with the --seed, --shoppers and --products that it was made with.',
    );
  }
}

/** @throws ForeignItem */
export async function openSimulatedShop(client: Pick<ShopClient, 'listCatalogue'>, url: string, options: SimulatedShopOptions): Promise<SimulatedShop> {
  const { seed, users, items, days, endMs } = options;
  const titles = await client.listCatalogue();
  const historyDays = titles.size === 0 ? options.historyDays : 0;
  const opened = openDemoShop({ seed, users, items, endMs, days: historyDays + days });
  const own = new Map(opened.catalogue.items.map(({ itemId, title }) => [itemId, title]));
  for (const [itemId, title] of titles) {
    if (own.get(itemId) !== title) {
      throw new ForeignItem(url, itemId, title);
    }
  }
  return { simulation: createSimulation(opened, seed, new Set(titles.keys())), startMs: endMs - (historyDays + days) * DAY_MS, historyDays };
}
