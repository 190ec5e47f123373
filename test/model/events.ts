import { createFactors, type Factors, type SparseRows } from '../../src/model/matrix.ts';
import type { EventColumns, EventTypeRule } from '../../src/model/interactions.ts';
import { createRandom } from '../../src/model/random.ts';

export const dayMs = 86_400_000;

export interface TestEvent {
  user: number;
  item: number;
  type?: number;
  value?: number | null;
  quantity?: number;
  day?: number;
}

/** Events in the order given; event numbers count up from 1. */
export function columnsOf(events: readonly TestEvent[]): EventColumns {
  return {
    length: events.length,
    user: Int32Array.from(events, (event) => event.user),
    item: Int32Array.from(events, (event) => event.item),
    type: Int16Array.from(events, (event) => event.type ?? 1),
    value: Float32Array.from(events, (event) => event.value ?? Number.NaN),
    quantity: Float32Array.from(events, (event) => event.quantity ?? Number.NaN),
    occurredAtMs: Float64Array.from(events, (event) => (event.day ?? 0) * dayMs),
    eventNo: Float64Array.from(events, (_, i) => i + 1),
  };
}

export function ruleOf(rule: Partial<EventTypeRule> = {}): EventTypeRule {
  return { typeNo: 1, name: 'purchase', weight: 1, mode: 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0, ...rule };
}

/** Entries given by row as [column, weight, target]. */
export function sparseOf(cols: number, rows: readonly (readonly (readonly [number, number, number])[])[]): SparseRows {
  const entries = rows.map((row) => row.toSorted((a, b) => a[0] - b[0]));
  const rowStart = new Int32Array(rows.length + 1);
  for (const [r, row] of entries.entries()) rowStart[r + 1] = rowStart[r]! + row.length;
  const flat = entries.flat();
  return {
    rows: rows.length,
    cols,
    rowStart,
    index: Int32Array.from(flat, (entry) => entry[0]),
    weight: Float32Array.from(flat, (entry) => entry[1]),
    target: Float32Array.from(flat, (entry) => entry[2]),
  };
}

/** A random matrix: every pair is observed with probability `density`, weights 0.1–3, mostly positive targets. */
export function randomSparse(rows: number, cols: number, density: number, seed: number): SparseRows {
  const random = createRandom(seed);
  const filled = Array.from({ length: rows }, () => {
    const row: [number, number, number][] = [];
    for (let c = 0; c < cols; c++) if (random.uniform() < density) row.push([c, 0.1 + 2.9 * random.uniform(), random.uniform() < 0.8 ? 1 : random.uniform()]);
    return row;
  });
  return sparseOf(cols, filled);
}

export function randomFactors(rows: number, factors: number, seed: number): Factors {
  const random = createRandom(seed);
  const made = createFactors(rows, factors);
  for (let r = 0; r < rows; r++) for (let k = 0; k < factors; k++) made.data[r * made.stride + k] = random.gaussian();
  return made;
}
