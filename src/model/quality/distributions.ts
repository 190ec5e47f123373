/** How values and quantities are distributed, by event type: bars that show the shape and keep what lies far out from flattening it. */
import type { EventColumns, EventTypeRule } from '../interactions.ts';
import type { TypeDistributions } from './pictures.ts';
import { slotsOf } from './profile.ts';

export interface Distribution {
  count: number;
  min: number;
  max: number;
  mean: number;
  /** true: each bar is one value, from = to; false: each is a range, from ≤ value < to, and all are equally wide. Ascending. */
  isDiscrete: boolean;
  bars: { from: number; to: number; count: number }[];
  /** Beyond the first and the last bar: at most about a hundredth each. */
  below: number;
  above: number;
}

/** So few different values are a scale, and each has a bar. */
const mostSteps = 24;
const mostBars = 40;
const sampleSize = 65_536;

/** Types with events alone, most events first. */
export function distributionsOf({ type, value, quantity }: EventColumns, rules: readonly EventTypeRule[]): TypeDistributions[] {
  const slotOf = slotsOf(rules);
  const events = new Int32Array(rules.length);
  for (let i = 0; i < type.length; i++) {
    const slot = slotOf[type[i]! & 0xffff]!;
    if (slot >= 0) events[slot]!++;
  }
  const values = distributeColumn(value, type, slotOf, rules.length);
  const quantities = distributeColumn(quantity, type, slotOf, rules.length);
  return rules
    .map(({ name }, slot) => ({ name, events: events[slot]!, values: values[slot]!, quantities: quantities[slot]! }))
    .filter((one) => one.events > 0)
    .sort((a, b) => b.events - a.events);
}

/** NaN is no value. By slot. */
function distributeColumn(column: Float32Array, type: Int16Array, slotOf: Int16Array, slots: number): (Distribution | null)[] {
  const counters = Array.from({ length: slots }, createCounter);
  for (let i = 0; i < column.length; i++) {
    const slot = slotOf[type[i]! & 0xffff]!;
    const value = column[i]!;
    if (slot >= 0 && value === value) counters[slot]!.see(value);
  }
  const bars = counters.map((counter) => counter.cut());
  if (bars.every((one) => one?.isDone !== false)) return bars.map((one) => one?.finish() ?? null);
  for (let i = 0; i < column.length; i++) {
    const slot = slotOf[type[i]! & 0xffff]!;
    const value = column[i]!;
    if (slot >= 0 && value === value) bars[slot]!.add(value);
  }
  return bars.map((one) => one?.finish() ?? null);
}

/** First look at a column: what range and which bars it needs. */
function createCounter() {
  let [count, sum, min, max] = [0, 0, Infinity, -Infinity];
  let steps: Map<number, number> | null = new Map();
  // Every stride-th value; when it is full every second goes, and the stride doubles.
  let sample: number[] = [];
  let stride = 1;
  return {
    see(value: number): void {
      if (count++ % stride === 0 && sample.push(value) === sampleSize) {
        sample = sample.filter((_, k) => k % 2 === 0);
        stride *= 2;
      }
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
      if (steps !== null) {
        steps.set(value, (steps.get(value) ?? 0) + 1);
        if (steps.size > mostSteps) steps = null;
      }
    },
    cut() {
      if (count === 0) return null;
      const facts = { count, min: shortest(min), max: shortest(max), mean: shortest(sum / count) };
      return steps === null ? cutIntoRanges(facts, sample.sort((a, b) => a - b)) : cutIntoSteps(facts, steps);
    },
  };
}

type Facts = Pick<Distribution, 'count' | 'min' | 'max' | 'mean'>;

function cutIntoSteps(facts: Facts, steps: ReadonlyMap<number, number>) {
  const bars = [...steps].sort(([a], [b]) => a - b).map(([value, count]) => ({ from: shortest(value), to: shortest(value), count }));
  return { isDone: true, add: () => undefined, finish: (): Distribution => ({ ...facts, isDiscrete: true, bars, below: 0, above: 0 }) };
}

/** @param sample ascends */
function cutIntoRanges(facts: Facts, sample: number[]) {
  const at = (share: number) => sample[Math.round(share * (sample.length - 1))]!;
  const [low, high] = [at(0.01), at(0.99)];
  const step = roundStep((high > low ? high - low : Math.max(1, Math.abs(high))) / (mostBars - 2));
  const first = Math.floor(low / step);
  const bars = new Int32Array(Math.floor(high / step) - first + 1);
  let [below, above] = [0, 0];
  return {
    isDone: false,
    add(value: number): void {
      const bar = Math.floor(value / step) - first;
      if (bar < 0) below++;
      else if (bar >= bars.length) above++;
      else bars[bar]!++;
    },
    finish: (): Distribution => ({ ...facts, isDiscrete: false, bars: Array.from(bars, (count, k) => ({ from: shortest((first + k) * step), to: shortest((first + k + 1) * step), count })), below, above }),
  };
}

/** The next of 1, 2, 5, 10 … above, so that bars end where people count. */
function roundStep(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  const lead = [1, 2, 5, 10].find((one) => one * power >= width) ?? 10;
  return lead * power;
}

/** A `real` has seven digits: 4.1, and not 4.099999904632568. */
function shortest(value: number): number {
  return Number(value.toPrecision(7));
}
