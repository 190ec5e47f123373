import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toPrincipalAxes } from '../../src/model/gram.ts';
import type { EventTypeRule } from '../../src/model/interactions.ts';
import { createRandom } from '../../src/model/random.ts';
import { createRanker } from '../../src/model/ranker.ts';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { type FoldingModel, type KnownEvent, VISIT_MS, VISIT_WEIGHT, keepUser } from '../../src/serving/kept-user.ts';
import type { UserEvents } from '../../src/storage/events.ts';
import { randomFactors } from '../model/events.ts';

const DAY_MS = 86_400_000;
const NEWEST_MS = 1000 * DAY_MS;
const MAX_EVENTS = 25;

function rule(typeNo: number, changes: Partial<EventTypeRule>): EventTypeRule {
  return { typeNo, name: `type ${typeNo}`, weight: 1, mode: 'sum', halfLifeDays: 60, threshold: null, useValue: false, hidesDays: 0, ...changes };
}

const { factors } = toPrincipalAxes(randomFactors(12, 8, 5));
const model: FoldingModel = {
  rules: [rule(1, {}), rule(2, { weight: 6, hidesDays: 90 }), rule(3, { mode: 'latest', weight: 4, threshold: 3.5, hidesDays: null }), rule(4, { weight: -2, useValue: true })],
  newestMs: NEWEST_MS, halfLifeDays: 30, itemNos: Int32Array.from({ length: 12 }, (_, n) => 2 * n + 3), stride: factors.stride,
  foldIn: createRanker(factors, { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } }, 1).createFoldIn({ ...DEFAULT_RECIPE, factors: 8 }, 0.3)!,
};

/** Events as a shopper might make them, some of them at one time, returns and ratings taken back among them; numbers below 3 and even ones are of items the model does not know. */
function makeEvents(count: number, seed: number, known: boolean): KnownEvent[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => ({
    itemNo: known || random.uniform() < 0.8 ? 2 * random.integer(12) + 3 : random.integer(3), typeNo: 1 + random.integer(5), value: random.uniform() < 0.3 ? null : random.integer(6),
    quantity: random.uniform() < 0.6 ? null : random.integer(4) - 2, occurredAtMs: NEWEST_MS + (random.integer(20) - 15) * 10 * DAY_MS,
  }));
}

/** Newest first, as Postgres gives them. */
function asRead(events: readonly KnownEvent[]): UserEvents {
  const newest = events.map((event, n) => ({ ...event, eventNo: n + 1 })).slice(-MAX_EVENTS).reverse();
  return {
    userNo: 7, itemNos: Int32Array.from(newest, (event) => event.itemNo), typeNos: Int16Array.from(newest, (event) => event.typeNo), values: Float32Array.from(newest, (event) => event.value ?? Number.NaN),
    quantities: Float32Array.from(newest, (event) => event.quantity ?? Number.NaN), occurredAtMs: Float64Array.from(newest, (event) => event.occurredAtMs), eventNos: Float64Array.from(newest, (event) => event.eventNo),
  };
}

function entriesOf(kept: ReturnType<typeof keepUser>, nowMs = NEWEST_MS) {
  const { history, to, foldWeight, foldTarget, mainType, vector } = kept.folded(nowMs);
  const own = (column: ArrayLike<number>) => Array.from(column).slice(0, to);
  return { index: own(history.index), weight: own(history.weight), hidden: own(history.hidden), foldWeight: own(foldWeight), foldTarget: own(foldTarget), mainType: own(mainType), vector: vector === null ? null : [...vector] };
}

describe('a user who is kept', () => {
  it('is, event by event, what folding all their events anew makes of them, to the bit', () => {
    const runs = fc.record({ before: fc.integer({ min: 0, max: 30 }), after: fc.integer({ min: 1, max: 14 }), seed: fc.integer({ min: 1, max: 1e6 }), looks: fc.array(fc.boolean(), { minLength: 14, maxLength: 14 }) });
    fc.assert(fc.property(runs, ({ before, after, seed, looks }) => {
      const events = makeEvents(before, seed, false);
      const kept = keepUser(model, asRead(events), MAX_EVENTS);
      // Not after every event: then several wait to be folded in.
      const looked = makeEvents(after, seed + 1, true).flatMap((event, n) => {
        kept.add(event);
        events.push(event);
        return looks[n] === true || n === after - 1 ? [[entriesOf(kept), entriesOf(keepUser(model, asRead(events), MAX_EVENTS))]] : [];
      });
      for (const [found, wanted] of looked) {
        expect(found).toEqual(wanted);
      }
    }), { numRuns: 300 });
  });

  it('has nothing before the first event, and something after it', () => {
    const kept = keepUser(model, asRead([]), MAX_EVENTS);
    expect(kept.folded(NEWEST_MS)).toMatchObject({ to: 0, vector: null });
    kept.add({ itemNo: 5, typeNo: 1, value: null, quantity: null, occurredAtMs: NEWEST_MS });
    expect(entriesOf(kept, NEWEST_MS + VISIT_MS + 1)).toMatchObject({ index: [1], weight: [1], foldWeight: [1], foldTarget: [1], hidden: [0] });
    expect(kept.folded(NEWEST_MS).vector).not.toBeNull();
  });

  it('has what the visit is about in front of all else, until an hour has passed without an event', () => {
    const kept = keepUser(model, asRead([]), MAX_EVENTS);
    const view = { typeNo: 1, value: null, quantity: null };
    kept.add({ ...view, itemNo: 3, occurredAtMs: NEWEST_MS - VISIT_MS - 1 });
    kept.add({ ...view, itemNo: 5, occurredAtMs: NEWEST_MS - VISIT_MS });
    kept.add({ ...view, itemNo: 7, occurredAtMs: NEWEST_MS });
    const plain = entriesOf(kept, NEWEST_MS + VISIT_MS + 1);
    const { mark } = kept.folded(NEWEST_MS + VISIT_MS + 1);
    const during = entriesOf(kept, NEWEST_MS + VISIT_MS);
    for (const column of ['weight', 'foldWeight'] as const) {
      expect(during[column]).toEqual([plain[column][0], Math.fround(VISIT_WEIGHT * plain[column][1]!), Math.fround(VISIT_WEIGHT * plain[column][2]!)]);
    }
    expect(during).toMatchObject({ index: [0, 1, 2], hidden: plain.hidden, foldTarget: plain.foldTarget });
    const vector = new Float32Array(model.stride);
    expect(model.foldIn.solve(during.index, during.foldWeight, during.foldTarget, 3, vector)).toBe(true);
    expect(during.vector).toEqual([...vector]);
    expect(during.vector).not.toEqual(plain.vector);
    // A page of the list that the visit had is none of the list that follows.
    expect(kept.folded(NEWEST_MS).mark).not.toBe(mark);
    expect(entriesOf(kept, NEWEST_MS + VISIT_MS + 1)).toEqual(plain);
  });
});
