/** Values by event type: how many, their distribution, and what cannot be meant. */
import type { EventColumns, EventTypeRule } from '../interactions.ts';

export interface TypeValues {
  typeNo: number;
  name: string;
  mode: 'latest' | 'sum';
  threshold: number | null;
  events: number;
  /** Events that speak for their item: by the type's weight, its threshold, and no return. */
  positive: number;
  /** Events with a negative quantity. */
  returns: number;
  /** Events that carry a value; the figures below are theirs, NaN where there is none. */
  values: number;
  min: number;
  max: number;
  mean: number;
  /** From a sample of every n-th value, at most 65,536 in all. */
  p01: number;
  p10: number;
  p50: number;
  p90: number;
  p99: number;
  /** Values below 0 where values are counted (`useValue`): they count as 0. */
  negativeValues: number;
  /** `latest` only: values further from the middle 98 % than five times its width. */
  outliers: number;
}

const sampleSize = 65_536;
/** So many widths of the middle 98 % beyond it lies what no scale of ratings has. */
const outlierWidths = 5;

export function createValueCounter(rules: readonly EventTypeRule[], length: number) {
  const stride = Math.max(1, Math.ceil(length / sampleSize));
  const stats = rules.map(({ typeNo, name, mode, threshold, weight, useValue }) => ({
    type: { typeNo, name, mode, threshold, events: 0, positive: 0, returns: 0, values: 0, min: Infinity, max: -Infinity, mean: 0, p01: NaN, p10: NaN, p50: NaN, p90: NaN, p99: NaN, negativeValues: 0, outliers: 0 } satisfies TypeValues,
    weight, useValue, sum: 0, sample: new Float32Array(Math.ceil(length / stride)), sampled: 0,
  }));
  return {
    add(slot: number, value: number, quantity: number): void {
      const one = stats[slot]!;
      const { type } = one;
      type.events++;
      const hasValue = value === value;
      if (hasValue) {
        if (type.values++ % stride === 0) one.sample[one.sampled++] = value;
        one.sum += value;
        if (value < type.min) type.min = value;
        if (value > type.max) type.max = value;
        if (value < 0 && one.useValue) type.negativeValues++;
      }
      if (quantity < 0) type.returns++;
      else if (one.weight > 0 && (type.mode === 'sum' || (hasValue && (type.threshold === null || value >= type.threshold)))) type.positive++;
    },
    /** One per rule, in its order. */
    finish(): TypeValues[] {
      return stats.map(({ type, sum, sample, sampled }) => {
        if (type.values === 0) return { ...type, min: Number.NaN, max: Number.NaN, mean: Number.NaN };
        const sorted = sample.subarray(0, sampled).sort();
        const at = (share: number) => sorted[Math.round(share * (sampled - 1))]!;
        return { ...type, mean: sum / type.values, p01: at(0.01), p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99) };
      });
    },
    /** A second look, once the bounds are known. Fills `outliers`. */
    countOutliers(columns: EventColumns, slotOf: Int16Array, types: TypeValues[]): void {
      const bounds = types.map(outlierBounds);
      if (types.every((type, slot) => type.mode === 'sum' || type.values === 0 || (type.min >= bounds[slot]!.low && type.max <= bounds[slot]!.high))) return;
      for (let i = 0; i < columns.length; i++) {
        const slot = slotOf[columns.type[i]! & 0xffff]!;
        if (slot < 0 || types[slot]!.mode === 'sum') continue;
        const value = columns.value[i]!;
        if (value < bounds[slot]!.low || value > bounds[slot]!.high) types[slot]!.outliers++;
      }
    },
  };
}

export function outlierBounds({ p01, p99 }: TypeValues): { low: number; high: number } {
  const reach = outlierWidths * (p99 > p01 ? p99 - p01 : Math.max(1, Math.abs(p99)));
  return { low: p01 - reach, high: p99 + reach };
}
