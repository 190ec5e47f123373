/** The last step: the chosen recipe on everything, checked against what was measured, as both sides of a snapshot. */
import { findTogether } from '../baskets.ts';
import { capFactors } from '../fitting.ts';
import { checkRefit, meanOverlap, type RefitCheck } from '../gate.ts';
import { FitDiverged } from '../recipe.ts';
import type { Interactions } from '../interactions.ts';
import { type Factors, indexOfNo } from '../matrix.ts';
import { scorePopularity, scoreRecentPopularity } from '../popularity.ts';
import type { ItemSide, UserHistory, UserSide } from '../snapshot.ts';
import type { NoHoldout } from '../split.ts';
import type { Terms } from '../terms.ts';
import { planStart, type StartReport } from '../warm-start.ts';
import type { Chosen } from './choose.ts';
import type { Context } from './context.ts';
import { listsOf, type Measured } from './measure.ts';
import { type FittedRecipe, fitPart, type Part } from './part.ts';

export interface TrainedModel {
  /** Complete but for the ids, which are the caller's to add: `itemNos` and `userNos` say whose. */
  itemSide: Omit<ItemSide, 'itemIds'>;
  userSide: Omit<UserSide, 'userIds'>;
}

export interface Refit extends FittedRecipe {
  note: string | null;
  start: StartReport;
  sweeps: number;
  check: RefitCheck;
}

/** On everything, and the only fit that may begin at live factors. */
export function refitAll(context: Context, served: Part, { recipe, terms }: Chosen, measured: Measured | { unmeasured: NoHoldout }): Refit {
  const { input, fit } = context;
  context.enter('refit', input.columns.length);
  const { userNos, itemNos } = served;
  const { used, note } = capFactors(recipe, userNos.length, itemNos.length);
  const { start: begin, sweeps, report: start } = planStart(input.start ?? noLiveModel, used, served.fold(terms.halfLifeDays).rules, itemNos, input.columns.length, userNos);
  const fitted = fitPart(served, { ...used, sweeps }, terms, fit, {
    objective: true, ...(begin ? { start: begin } : {}), onSweep: (sweep, of) => context.progress((0.8 * sweep) / of),
  });
  checkFinite(fitted.users, 'user', sweeps);
  checkFinite(fitted.items, 'item', sweeps);
  let overlap: number | null = null;
  let scoredItems = fitted.items;
  if ('scored' in measured) {
    const { scored } = measured;
    const rows = Int32Array.from(scored.userNos, (no) => indexOfNo(userNos, no));
    overlap = meanOverlap(scored.lists.filter((_, n) => rows[n]! >= 0), listsOf(fitted.rank(20), served, rows.filter((row) => row >= 0)).lists);
    scoredItems = scored.items;
  }
  return { ...fitted, recipe: used, note, start, sweeps, check: checkRefit(fitted.users, fitted.items, scoredItems, overlap) };
}

const noLiveModel = { code: 'no-live-model', note: 'There is no live version to go on from.' } as const;

export function modelOf({ input: { columns, rules } }: Context, served: Part, refit: Refit, terms: Terms): TrainedModel {
  const { userNos, itemNos, newestMs } = served;
  const { recipe, folded, users, items, hybrid } = refit;
  const { interactions, weightScale } = folded;
  return {
    itemSide: {
      recipe, weightScale, newestMs, rules: folded.rules, terms: { ...terms }, hybrid, together: findTogether(columns, rules, itemNos), itemNos, factors: items,
      popularity: scorePopularity(served.fold(0).matrix, served.voices), recentPopularity: scoreRecentPopularity(columns, rules, itemNos, served),
    },
    userSide: { userNos, factors: users, history: historyOf(interactions, userNos, itemNos) },
  };
}

/** The users' entries by item index, hidden ones included; entries of items the model does not know are left out. */
function historyOf(interactions: Interactions, userNos: Int32Array, itemNos: Int32Array): UserHistory {
  const rowStart = new Int32Array(userNos.length + 1);
  const kept = new Int32Array(interactions.itemNos.length);
  const itemIndex = new Int32Array(interactions.itemNos.length);
  let entries = 0;
  let row = 0;
  for (let r = 0; r < interactions.userNos.length; r++) {
    if (interactions.userNos[r] !== userNos[row]) continue;
    for (let e = interactions.rowStart[r]!; e < interactions.rowStart[r + 1]!; e++) {
      const item = indexOfNo(itemNos, interactions.itemNos[e]!);
      if (item < 0) continue;
      kept[entries] = e;
      itemIndex[entries++] = item;
    }
    rowStart[++row] = entries;
  }
  const pick = <T extends Float32Array | Float64Array | Uint8Array | Int16Array>(to: T, from: T): T => {
    for (let e = 0; e < entries; e++) to[e] = from[kept[e]!]!;
    return to;
  };
  return {
    rowStart,
    itemIndex: itemIndex.slice(0, entries),
    weight: pick(new Float32Array(entries), interactions.weight),
    target: pick(new Float32Array(entries), interactions.target),
    lastMs: pick(new Float64Array(entries), interactions.lastMs),
    hidden: pick(new Uint8Array(entries), interactions.hidden),
    mainType: pick(new Int16Array(entries), interactions.mainType),
  };
}

function checkFinite(factors: Factors, side: 'user' | 'item', sweep: number): void {
  const at = factors.data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new FitDiverged(sweep, side, Math.floor(at / factors.stride));
}
