/**
 * The span of a list: what lies between the score of its best item and that of the fiftieth. It is the unit of everything that moves items in a list (boosts, rotation, diversity), since that is where lists
 * are moved in: among all items, most of which are nowhere near a list, scores lie several times closer together.
 *
 * A shopper's own is estimated, so that an answer costs no second ranking and that neither conditions nor pages change the unit:
 *
 *   span(x) = ρ σ(x),     ρ = median over some shoppers of (s₁ − s₅₀) / σ(x)          σ(x): standard deviation of x·y over all items, from their moments
 *
 * Demo shop, 300 shoppers: ρ = 7.0, and nine in ten have a span between 4.9 and 11.5 σ (64 factors, 2026-11).
 */
import type { HistoryEntries, HybridScan } from './hybrid.ts';
import type { InPieces } from './pieces.ts';
import { directionOf } from './similar.ts';

/** The place that a span reaches to. */
export const SPAN_PLACES = 50;
/** Shoppers that are measured. */
const sampledUsers = 64;
/** Items: a scan for what is similar looks at every one. */
const sampledItems = 16;

/** Those who are ranked for: entries `rowStart[r]` … `rowStart[r + 1]` − 1 are row r's. */
export interface SpanUsers {
  readonly rows: number;
  readonly rowStart: ArrayLike<number>;
  readonly history: HistoryEntries;
  vectorOf(row: number): ArrayLike<number>;
}

/** What lies between the first and the fiftieth of `count` scores, best first; the last where they are fewer. */
export function spanOf(scores: ArrayLike<number>, count: number): number {
  return count === 0 ? 0 : scores[0]! - scores[Math.min(SPAN_PLACES, count) - 1]!;
}

/** ρ, 0 where no list has a span. The scan must be nobody else's meanwhile, and its slot 0 be empty. */
export function* measureSpans(scan: HybridScan, users: SpanUsers): InPieces<number> {
  const { rows, rowStart, history, vectorOf } = users;
  const ratios: number[] = [];
  const taken = Math.min(rows, sampledUsers);
  for (let n = 0; n < taken; n++) {
    const row = Math.floor((n * rows) / taken);
    const vector = vectorOf(row);
    const spread = scan.spread(vector);
    const { scores, count } = scan.rank({ vector, history, from: rowStart[row]!, to: rowStart[row + 1]!, limit: SPAN_PLACES, mask: 0 });
    const span = spanOf(scores, count);
    if (spread > 0 && span > 0) ratios.push(span / spread);
    yield;
  }
  return medianOf(ratios);
}

/** The median span of lists of similar items, whose scores are cosines and so the same everywhere. The scan as above. */
export function* measureSimilarSpan(scan: HybridScan, items: number): InPieces<number> {
  const spans: number[] = [];
  const taken = Math.min(items, sampledItems);
  for (let n = 0; n < taken; n++) {
    const item = Math.floor((n * items) / taken);
    const direction = directionOf(scan, [item]);
    if (direction !== null) {
      const { scores, count } = scan.rankSimilar(direction, SPAN_PLACES, 0, [item]);
      spans.push(spanOf(scores, count));
    }
    yield;
  }
  return medianOf(spans);
}

function medianOf(values: number[]): number {
  return values.length === 0 ? 0 : values.sort((a, b) => a - b)[values.length >> 1]!;
}
