import { beforeAll, describe, expect, it } from 'vitest';
import { fitIals } from '../../src/model/ials.ts';
import { DEFAULT_RECIPE, type Recipe } from '../../src/model/recipe.ts';
import type { EventColumns } from '../../src/model/interactions.ts';
import { createFactors, joinPieces, transpose } from '../../src/model/matrix.ts';
import { type Training, trainModel } from '../../src/model/pipeline.ts';
import { createRandom } from '../../src/model/random.ts';
import { SnapshotDamaged } from '../../src/model/snapshot-damaged.ts';
import { decodeItemFactors, encodeItemSide } from '../../src/model/snapshot.ts';
import { carryItems, carryUsers, type LiveModel, type LiveUsers, planStart } from '../../src/model/warm-start.ts';
import { columnsOf, ruleOf, sparseOf, type TestEvent } from './events.ts';

const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 3 };
const rules = [ruleOf({ weight: 2 })];

/** Row r of an item holds its number, then 1, then 2. */
function itemsOf(...nos: number[]) {
  const factors = createFactors(nos.length, 3);
  nos.forEach((no, row) => factors.data.set([no, 1, 2], row * factors.stride));
  return { itemNos: Int32Array.from(nos), factors };
}

const liveOf = (change: Partial<LiveModel> = {}): LiveModel => ({
  version: 4, events: 1000, users: 50, warmInARow: 2, userSide: null, items: { recipe, rules, ...itemsOf(...Array.from({ length: 100 }, (_, n) => 2 * n)) }, ...change,
});

describe('carrying items over', () => {
  it('takes each row to its number, drops what is gone, begins what is new at random', () => {
    const { items: pieces, ...counts } = carryItems(itemsOf(2, 5, 9, 30), Int32Array.of(1, 5, 6, 9, 40), 7);
    const items = joinPieces(pieces);
    expect(counts).toEqual({ carried: 2, added: 3, dropped: 2 });
    const row = (r: number) => [...items.data.subarray(r * 8, r * 8 + 8)];
    expect(row(1)).toEqual([5, 1, 2, 0, 0, 0, 0, 0]);
    expect(row(3)).toEqual([9, 1, 2, 0, 0, 0, 0, 0]);
    for (const r of [0, 2, 4]) {
      expect(row(r).slice(0, 3).every((value) => value !== 0 && Math.abs(value) < 0.5)).toBe(true);
      expect(row(r).slice(3)).toEqual([0, 0, 0, 0, 0]);
    }
    expect(joinPieces(carryItems(itemsOf(2, 5, 9, 30), Int32Array.of(1, 5, 6, 9, 40), 7).items)).toEqual(items);
    expect(joinPieces(carryItems(itemsOf(2, 5, 9, 30), Int32Array.of(1, 5, 6, 9, 40), 8).items)).not.toEqual(items);
  });

  it('takes none and all', () => {
    expect(carryItems(itemsOf(), Int32Array.of(3), 1)).toMatchObject({ carried: 0, added: 1, dropped: 0 });
    expect(joinPieces(carryItems(itemsOf(3, 4), Int32Array.of(3, 4), 1).items)).toEqual(itemsOf(3, 4).factors);
    expect(carryItems(itemsOf(3, 4), Int32Array.of(), 1)).toMatchObject({ carried: 0, added: 0, dropped: 2 });
  });
});

it('carries users over by number, and leaves new ones at 0', () => {
  const { itemNos: userNos, factors } = itemsOf(2, 5, 6, 9, 30);
  const { users: pieces, ...counts } = carryUsers({ userNos, factors }, Int32Array.of(1, 5, 6, 7, 9, 31));
  const users = joinPieces(pieces);
  expect(counts).toEqual({ carried: 3, added: 3 });
  const rows = Array.from({ length: 6 }, (_, r) => [...users.data.subarray(r * 8, r * 8 + 3)]);
  expect(rows).toEqual([[0, 0, 0], [5, 1, 2], [6, 1, 2], [0, 0, 0], [9, 1, 2], [0, 0, 0]]);
});

describe('planning a start', () => {
  const same = liveOf().items.itemNos;
  const userNos = Int32Array.from({ length: 53 }, (_, n) => n + 1);
  const plan = (live: Parameters<typeof planStart>[0], events = 1000, nos = same, used = recipe, weighed = rules) => planStart(live, used, weighed, nos, events, userNos);

  it('goes on with a sweep for each begun 5 % of change', () => {
    for (const [events, sweeps] of [[1000, 1], [1050, 1], [950, 1], [1051, 2], [1100, 2], [1200, 4], [800, 4]] as const) {
      expect(plan(liveOf(), events)).toMatchObject({ sweeps, report: { kind: 'warm', fromVersion: 4, warmInARow: 3, carriedItems: 100, newItems: 0, droppedItems: 0, carriedUsers: 0, newUsers: 3 } });
    }
    const more = Int32Array.from([...same, 1001, 1002]);
    expect(plan(liveOf(), 1000, more)).toMatchObject({ sweeps: 1, report: { newItems: 2, change: 2 / 102 } });
    expect(plan(liveOf(), 1200, same, { ...recipe, sweeps: 3 }).sweeps).toBe(3);
  });

  it('takes the users along where the version has them', () => {
    const { itemNos, factors } = itemsOf(1, 2, 3, 60);
    const { start, report } = plan(liveOf({ userSide: { userNos: itemNos, factors } }));
    expect(report).toMatchObject({ kind: 'warm', carriedUsers: 3, newUsers: 50 });
    expect(start!.users!.rows).toBe(53);
    expect(plan(liveOf()).start!.users).toBeUndefined();
    factors.data[3] = Number.NaN;
    expect(plan(liveOf({ userSide: { userNos: itemNos, factors } })).report).toMatchObject({ kind: 'cold', code: 'unreadable' });
  });

  it('begins cold where the data or the function are others, and says why', () => {
    const cold = (code: string, note: RegExp) => ({ sweeps: recipe.sweeps, start: null, report: { kind: 'cold', code, note: expect.stringMatching(note) as string } });
    expect(plan(liveOf(), 1201)).toMatchObject(cold('changed-too-much', /changed by 20 % since live version 4/));
    expect(plan(liveOf(), 1000, same.map((no) => no + 1))).toMatchObject(cold('changed-too-much', /200 %/));
    expect(plan(liveOf({ events: 0 }))).toMatchObject(cold('changed-too-much', /version 4/));
    expect(plan(liveOf(), 1000, same, { ...recipe, factors: 4 })).toMatchObject(cold('other-recipe', /factors is 4, in live version 4 it is 3/));
    expect(plan(liveOf(), 1000, same, { ...recipe, regularization: 1 })).toMatchObject(cold('other-recipe', /regularization is 1/));
    expect(plan(liveOf(), 1000, same, { ...recipe, seed: 9, sweeps: 5, stepsPerSweep: 1 }).report.kind).toBe('warm');
    expect(plan(liveOf(), 1000, same, recipe, [ruleOf({ weight: 3 })])).toMatchObject(cold('other-rules', /weigh otherwise/));
    expect(plan(liveOf(), 1000, same, recipe, [ruleOf({ weight: 2, name: 'another name' })]).report.kind).toBe('warm');
    const broken = itemsOf(...same);
    broken.factors.data[8] = Number.NaN;
    expect(plan(liveOf({ items: { recipe, rules, ...broken } }))).toMatchObject(cold('unreadable', /not finite/));
    expect(plan({ code: 'turn', note: 'One version in 7.' })).toMatchObject(cold('turn', /in 7/));
  });
});

it('fits users and items that are new together as a cold fit does', () => {
  // two shops with no shopper in common; the second opens after the live version
  const rows = Array.from({ length: 40 }, (_, user) => Array.from({ length: 10 }, (_unused, n) => [(user < 20 ? 0 : 10) + n, 1, 1] as const).filter(([item]) => (item + user) % 4 !== 0));
  const used: Recipe = { ...recipe, factors: 2, sweeps: 6 };
  const before = sparseOf(10, rows.slice(0, 20));
  const first = fitIals(before, transpose(before), used);
  const both = sparseOf(20, rows);
  const nos = (length: number) => Int32Array.from({ length }, (_, n) => n);
  const { items } = carryItems({ itemNos: nos(10), factors: first.items }, nos(20), 1);
  const warm = fitIals(both, transpose(both), used, { start: { items }, objective: true });
  const cold = fitIals(both, transpose(both), used, { objective: true });
  expect(warm.objective!.at(-1)! / cold.objective!.at(-1)!).toBeCloseTo(1, 2);
  expect(warm.items.data.subarray(10 * 8).some((value) => Math.abs(value) > 0.1)).toBe(true);
});

describe('a training with a live version', () => {
  const random = createRandom(5);
  const shop: TestEvent[] = Array.from({ length: 2000 }, (_, n) => {
    const user = random.integer(60);
    return { user: user + 1, item: 10 * (4 * random.integer(10) + (random.uniform() < 0.9 ? user % 4 : random.integer(4))) + 7, day: n / 20 };
  });
  const used: Recipe = { ...DEFAULT_RECIPE, factors: 4, sweeps: 6 };
  const later = columnsOf([...shop, ...Array.from({ length: 20 }, (_, n) => ({ user: 101 + (n % 5), item: n < 10 ? 7 : 9007, day: 101 }))]);
  const train = async (columns: EventColumns, start?: LiveModel) => await trainModel({ columns, rules, recipe: used, ...(start === undefined ? {} : { start }), settings: { gate: null } });
  let part: Uint8Array;
  let live: LiveModel;
  let userSide: LiveUsers;
  let cold: Training;
  let warm: Training;
  beforeAll(async () => {
    const { model, report } = await train(columnsOf(shop));
    part = encodeItemSide({ ...model!.itemSide, itemIds: Array.from(model!.itemSide.itemNos, String) });
    live = { version: 1, events: 2000, users: report.users, warmInARow: 0, items: decodeItemFactors(part), userSide: null };
    userSide = model!.userSide;
    cold = await train(later);
    warm = await train(later, live);
  });

  it('goes on from it with new users and items, and ends as low', () => {
    expect(warm.report.start).toMatchObject({ kind: 'warm', fromVersion: 1, warmInARow: 1, newItems: 1, droppedItems: 0, newUsers: 5 });
    expect(warm.report.sweeps).toBe(1);
    expect(warm.report.objective).toHaveLength(2);
    expect(warm.report.objective.at(-1)! / cold.report.objective.at(-1)!).toBeLessThan(1.02);
    expect(cold.report).toMatchObject({ start: { kind: 'cold', code: 'no-live-model' }, sweeps: 6 });
    expect(warm.model!.itemSide.recipe).toEqual(used); // what a later start is measured by is the recipe, not this fit's sweeps
  });

  it('goes on from its users too, and ends as low', async () => {
    const both = await train(later, { ...live, userSide });
    expect(both.report.start).toMatchObject({ kind: 'warm', carriedUsers: live.users, newUsers: 5 });
    expect(both.report.objective.at(-1)! / cold.report.objective.at(-1)!).toBeLessThan(1.02);
    expect(both.report.test).toEqual(cold.report.test);
  });

  it('scores as if there were none', () => {
    expect(warm.report.test).not.toBeNull();
    expect(warm.report.test).toEqual(cold.report.test);
    expect(warm.model!.itemSide.factors.data).not.toEqual(cold.model!.itemSide.factors.data);
  });

  it('gives the same bytes from the same version', async () => {
    expect(await train(later, live)).toEqual(warm);
  });

  it('refuses a part that is not one', () => {
    expect(() => decodeItemFactors(part.slice(0, 100))).toThrow(SnapshotDamaged);
  });
});
