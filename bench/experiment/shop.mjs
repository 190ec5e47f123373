/** Generated shops for the statistics' benches: events as columns, a time split, and fits by the WASM kernels on this thread alone. */
import { generateDemoShop } from '../../dist/demo/generator.js';
import { splitThreeWays } from '../../dist/model/experiment/split.js';
import { foldEvents, newestOccurredAt } from '../../dist/model/interactions.js';
import { createKernels } from '../../dist/model/kernels/create.js';
import { indexInteractions, meanWeight, scaleWeights } from '../../dist/model/matrix.js';
import { createSharedMemory } from '../../dist/model/shared-memory.js';
import { findRelevance } from '../../dist/model/split.js';
import { createFitThread } from '../../dist/model/threaded-fit.js';

const rule = { mode: 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 };
/** The service's own. */
export const RULES = [
  { ...rule, typeNo: 1, name: 'view', weight: 1 },
  { ...rule, typeNo: 2, name: 'cart', weight: 3 },
  { ...rule, typeNo: 3, name: 'purchase', weight: 6, hidesDays: 90 },
  { ...rule, typeNo: 4, name: 'rating', weight: 4, mode: 'latest', threshold: 3.5, hidesDays: null },
];

export function generateColumns({ users, items, events, seed, days = 180 }) {
  const { events: made } = generateDemoShop({ seed, users, items, events, days, endMs: Date.UTC(2026, 0, 1) });
  return {
    length: made.length, user: made.user, item: made.item, type: Int16Array.from(made.type, (type) => type + 1), value: made.value, quantity: made.quantity, occurredAtMs: made.occurredAtMs,
    eventNo: Float64Array.from({ length: made.length }, (_, n) => n + 1),
  };
}

/** Train matrix with weights of mean 1, and what users of the test part came to want. */
export function splitShop(columns, by = 'time') {
  const { test: { train, held, report } } = splitThreeWays(columns, RULES, { by });
  if (report.by !== by) {
    throw new Error(`the shop is too small to be split by ${by}`);
  }
  const before = foldEvents(train, RULES, newestOccurredAt(train));
  const { userNos, itemNos, matrix } = indexInteractions(before);
  return { train: scaleWeights(matrix, 1 / meanWeight(matrix)), relevance: findRelevance(held, RULES, before, userNos, itemNos) };
}

/** Its factors are views that the next fit overwrites. */
export async function createFit() {
  const memory = createSharedMemory();
  return createFitThread(memory, await createKernels('auto', memory), 0, 1).fit;
}
