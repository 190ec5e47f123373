/** A model of the generator's shop, really fitted: factors, histories and neighbours as a training leaves them, encoded as a snapshot. */
import { DEMO_EVENT_TYPES, generateDemoShop } from '../../dist/demo/generator.js';
import { findTogether } from '../../dist/model/baskets.js';
import { scaleTerms, weighHistory } from '../../dist/model/hybrid.js';
import { DEFAULT_RECIPE } from '../../dist/model/recipe.js';
import { foldEvents, newestOccurredAt } from '../../dist/model/interactions.js';
import { indexInteractions, meanWeight, scaleWeights } from '../../dist/model/matrix.js';
import { encodeItemSide, encodeUserSide } from '../../dist/model/snapshot.js';
import { DEFAULT_TERMS, settingsOf, weightsOf, withHalfLife } from '../../dist/model/terms.js';
import { fitOnThreads } from '../../dist/training/threads/fit.js';
import { findNeighboursOnThreads } from '../../dist/training/threads/neighbours.js';

const DAY_MS = 86_400_000;

/** The model knows items with events alone: those that nobody touched get one view each, by one shopper after the other, so that it is as large as the catalogue. */
function touchAll(events, users, items) {
  const seen = new Uint8Array(items + 1);
  for (let k = 0; k < events.length; k++) {
    seen[events.item[k]] = 1;
  }
  const untouched = Int32Array.from({ length: items }, (_, n) => n + 1).filter((item) => seen[item] === 0);
  const length = events.length + untouched.length;
  const view = DEMO_EVENT_TYPES.indexOf('view');
  const more = { user: (n) => 1 + (n % users), item: (n) => untouched[n], type: () => view, value: () => Number.NaN, quantity: () => Number.NaN, price: () => Number.NaN, occurredAtMs: (n) => events.occurredAtMs[Math.floor((n / untouched.length) * events.length)], group: () => 0 };
  const longer = { length };
  for (const [name, column] of Object.entries(events)) {
    if (name !== 'length') {
      longer[name] = new column.constructor(length);
      longer[name].set(column.subarray(0, events.length));
      for (let n = 0; n < untouched.length; n++) {
        longer[name][events.length + n] = more[name](n);
      }
    }
  }
  return longer;
}

/** @param rules event types of the database the model goes to */
export async function makeModel({ users, items, events, neighbours: most, allTouched, seed, rules: types }) {
  const made = generateDemoShop({ seed, users, items, events, endMs: Date.UTC(2026, 0, 1) });
  const shop = allTouched ? { ...made, events: touchAll(made.events, users, items) } : made;
  const { user, item, type, value, quantity, occurredAtMs, length } = shop.events;
  const typeNos = DEMO_EVENT_TYPES.map((name) => types.find((rule) => rule.name === name).typeNo);
  const columns = { length, user, item, type: Int16Array.from(type, (no) => typeNos[no]), value, quantity, occurredAtMs, eventNo: Float64Array.from({ length }, (_, n) => n + 1) };
  const terms = { ...DEFAULT_TERMS, neighbours: most };
  const rules = withHalfLife(types, terms);
  const newestMs = newestOccurredAt(columns);
  const interactions = foldEvents(columns, rules, newestMs);
  const { userNos, itemNos, matrix } = indexInteractions(interactions);
  const weightScale = 1 / meanWeight(matrix);
  const byUser = scaleWeights(matrix, weightScale);
  const recipe = { ...DEFAULT_RECIPE, factors: 64, seed };
  const fit = await fitOnThreads({ byUser, recipe, objective: false, threads: 2, kernel: 'auto' });
  const neighbours = await findNeighboursOnThreads({ byUser, settings: settingsOf(terms), threads: 2 });

  const history = historyOf(interactions, userNos, itemNos, items);
  const histories = { rowStart: history.rowStart, index: history.itemIndex, weight: weighHistory(history, newestMs, terms.halfLifeDays) };
  const recent = new Float32Array(itemNos.length);
  for (let e = 0; e < history.itemIndex.length; e++) {
    recent[history.itemIndex[e]] += 2 ** (-(newestMs - history.lastMs[e]) / DAY_MS / terms.recencyHalfLifeDays);
  }
  const hybrid = { neighbours, recentPopularity: recent, scales: scaleTerms(fit.users, fit.items, histories, neighbours, recent, weightsOf(terms)) };
  const popularity = new Float32Array(itemNos.length);
  const [userIds, itemIds] = [Array.from(userNos, (no) => `user-${no}`), Array.from(itemNos, (no) => `item-${no}`)];
  return {
    shop, userIds, itemIds, users: fit.users, items: fit.items, hybrid, histories, hidden: history.hidden,
    itemPart: encodeItemSide({ recipe, weightScale, terms, hybrid, together: findTogether({ ...columns, group: shop.events.group }, types, itemNos), newestMs, rules, itemNos, itemIds, factors: fit.items, popularity, recentPopularity: popularity }),
    userPart: encodeUserSide({ userNos, userIds, factors: fit.users, history }),
  };
}

/** The entries of users and items that the fit knows. */
function historyOf({ userNos: all, rowStart: from, itemNos: items, weight, target, lastMs, hidden, mainType }, userNos, itemNos, most) {
  const indexOf = new Int32Array(most + 1).fill(-1);
  itemNos.forEach((no, index) => {
    indexOf[no] = index;
  });
  const rowStart = new Int32Array(userNos.length + 1);
  const kept = new Int32Array(items.length);
  let count = 0;
  for (let r = 0, row = 0; r < all.length; r++) {
    if (all[r] === userNos[row]) {
      for (let e = from[r]; e < from[r + 1]; e++) {
        if (indexOf[items[e]] >= 0) {
          kept[count++] = e;
        }
      }
      rowStart[++row] = count;
    }
  }
  const pick = (column) => column.constructor.from({ length: count }, (_, k) => column[kept[k]]);
  return { rowStart, itemIndex: Int32Array.from({ length: count }, (_, k) => indexOf[items[kept[k]]]), weight: pick(weight), target: pick(target), lastMs: pick(lastMs), hidden: pick(hidden), mainType: pick(mainType) };
}
