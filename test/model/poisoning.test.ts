import { expect, it } from 'vitest';
import { addFakeShoppers, type Attack } from '../../src/demo/attacks.ts';
import { generateDemoShop } from '../../src/demo/generator.ts';
import { createPart, fitPart } from '../../src/model/experiment/part.ts';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import type { EventColumns } from '../../src/model/interactions.ts';
import { leaveOutBursts } from '../../src/model/quality/bursts.ts';
import { DEFAULT_TERMS } from '../../src/model/terms.ts';
import { defaultVoiceRules, fullVoices, type VoiceRules } from '../../src/model/voices.ts';
import { ruleOf } from './events.ts';

const rules = [ruleOf({ name: 'view' }), ruleOf({ typeNo: 2, name: 'cart', weight: 3 }), ruleOf({ typeNo: 3, weight: 6, hidesDays: 90 }), ruleOf({ typeNo: 4, name: 'rating', weight: 4, mode: 'latest', threshold: 3.5 })];
const recipe = { ...DEFAULT_RECIPE, factors: 32 };
const users = 1000;
const { events: made } = generateDemoShop({ seed: 1, users, items: 500, events: 40_000, endMs: Date.UTC(2026, 0, 1) });
const shop: EventColumns = {
  length: made.length, user: made.user, item: made.item, type: Int16Array.from(made.type, (type) => type + 1), value: made.value, quantity: made.quantity, occurredAtMs: made.occurredAtMs,
  eventNo: Float64Array.from({ length: made.length }, (_, n) => n + 1),
};

/** The items with the fewest shoppers. */
function coldest(count: number): Int32Array {
  const shoppers = new Map<number, Set<number>>();
  for (let i = 0; i < shop.length; i++) shoppers.set(shop.item[i]!, (shoppers.get(shop.item[i]!) ?? new Set<number>()).add(shop.user[i]!));
  return Int32Array.from([...shoppers].toSorted((a, b) => a[1].size - b[1].size || a[0] - b[0]).slice(0, count), ([item]) => item);
}

/** Percentage of real shoppers with a target among their ten best. */
function reached(columns: EventColumns, targets: Int32Array, firstFake: number, voices: VoiceRules): number {
  const part = createPart(columns, rules, null, voices);
  const rank = fitPart(part, recipe, DEFAULT_TERMS).rank(10);
  const out = new Int32Array(10);
  let [hits, real] = [0, 0];
  for (let row = 0; row < part.userNos.length && part.userNos[row]! < firstFake; row++) {
    real++;
    if (out.subarray(0, rank(row, out)).some((item) => targets.includes(part.itemNos[item]!))) hits++;
  }
  return (100 * hits) / real;
}

const attackWith = (change: Partial<Attack>): Attack => ({ kind: 'bandwagon', pace: 'hour', users: users / 100, targets: coldest(20), fillers: 30, typeNo: 3, seed: 1, ...change });

it.each(['random', 'average', 'bandwagon'] as const)('one per cent of fake shoppers reach next to nobody with twenty cold items: %s', (kind) => {
  const attack = attackWith({ kind });
  const { columns, firstFake } = addFakeShoppers(shop, attack);
  const before = reached(shop, attack.targets, firstFake, defaultVoiceRules);
  expect(reached(columns, attack.targets, firstFake, defaultVoiceRules) - before).toBeLessThanOrEqual(1);
});

it('fake shoppers who reach people where everybody is heard alike reach next to nobody, and bursts that are left out nobody', () => {
  const attack = attackWith({ users: users / 20, targets: coldest(5), fillers: 4, repeats: 30 });
  const { columns, firstFake } = addFakeShoppers(shop, attack);
  const { columns: left, leftOut } = leaveOutBursts(columns, rules, Infinity);
  expect(reached(columns, attack.targets, firstFake, fullVoices)).toBeGreaterThan(2);
  expect(reached(columns, attack.targets, firstFake, defaultVoiceRules)).toBeLessThanOrEqual(1);
  expect(leftOut!.items.map(({ itemNo }) => itemNo).filter((no) => attack.targets.includes(no))).toHaveLength(5);
  expect(reached(left, attack.targets, firstFake, fullVoices)).toBeLessThanOrEqual(0.1);
});
