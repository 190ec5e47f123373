/**
 * Rows for requests with parameters: a filter that keeps one item in twenty, and diversity, boosts and reasons together. Both are held against scoring everything by the same arithmetic.
 */
import { atOnce } from '../../dist/model/pieces.js';
import { createRanker } from '../../dist/model/ranker.js';
import { SPAN_PLACES, measureSpans } from '../../dist/model/span.js';
import { check } from '../train/table.mjs';

const FILTER_SHARE = 0.05;
const LIMIT = 10;
const POOL = 200;
const DIVERSITY = 0.5;
const BOOST = 1;
/** As `model/rerank.ts` and `serving/lists.ts` have them. */
const SPANS_PER_COSINE = 0.75;
const BOOSTS_PER_SPAN = 5;
const CHECKED_USERS = 50;

/** Two categories of many, and the price below which one item in twenty of all is left. */
function chooseFilter(items) {
  const counts = new Map();
  items.forEach(({ categories }) => counts.set(categories[0], (counts.get(categories[0]) ?? 0) + 1));
  const chosen = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([name]) => name);
  const prices = items.filter(({ categories }) => categories.some((name) => chosen.includes(name))).map(({ price }) => Math.fround(price)).sort((a, b) => a - b);
  const below = prices[Math.min(prices.length - 1, Math.floor(FILTER_SHARE * items.length))];
  return { chosen, below, text: `category IN [${chosen.map((name) => `"${name}"`).join(', ')}] AND price < ${below}` };
}

const scorerOf = (model) => {
  const ranker = createRanker(model.items, model.hybrid, SPAN_PLACES);
  const history = { ...model.histories, hidden: model.hidden };
  const { stride } = model.users;
  const vectorOf = (row) => model.users.data.subarray(row * stride, (row + 1) * stride);
  const spans = atOnce(measureSpans(ranker, { rows: model.userIds.length, rowStart: model.histories.rowStart, history, vectorOf }));
  return (row) => {
    const [from, to] = [model.histories.rowStart[row], model.histories.rowStart[row + 1]];
    const x = vectorOf(row);
    const hidden = new Set();
    for (let e = from; e < to; e++) {
      if (model.hidden[e] === 1) {
        hidden.add(model.histories.index[e]);
      }
    }
    return { scores: ranker.scoreAll(x, history, from, to), hidden, span: spans * ranker.spread(x) };
  };
};

const checkedRows = (model) => Array.from({ length: CHECKED_USERS }, (_, n) => Math.floor((n * model.userIds.length) / CHECKED_USERS));
const ordered = (model, scores, keep) => Array.from(model.itemIds.keys()).filter(keep).sort((a, b) => scores[b] - scores[a] || a - b);

/** @param tools `compare` measures both sides as `serve.mjs` does, `ask` gets one answer */
export async function measureFilter({ compare, ask }, opened) {
  const { model, base } = opened;
  const shopItems = new Map(model.shop.items.map((item) => [item.itemId, item]));
  const { chosen, below, text } = chooseFilter(model.shop.items);
  const passes = (index) => {
    const { categories, price } = shopItems.get(model.itemIds[index]);
    return categories.some((name) => chosen.includes(name)) && Math.fround(price) < below;
  };
  const kept = model.itemIds.filter((_, index) => passes(index)).length / model.itemIds.length;
  check(Math.abs(kept - FILTER_SHARE) < 0.01, `the filter keeps ${(100 * kept).toFixed(1)} % of the items`);
  const pathOf = (userId) => `/v1/users/${userId}/recommendations?limit=${LIMIT}&filter=${encodeURIComponent(text)}`;
  const scoresOf = scorerOf(model);
  for (const row of checkedRows(model)) {
    const { scores, hidden } = scoresOf(row);
    const best = ordered(model, scores, (index) => passes(index) && !hidden.has(index)).slice(0, LIMIT);
    const { items } = await ask(base, pathOf(model.userIds[row]));
    check(items.map(({ itemId }) => itemId).join() === best.map((index) => model.itemIds[index]).join(), `the filtered list of ${model.userIds[row]} is not the one that scoring everything gives`);
  }
  await compare(opened, model.userIds.map((_, n) => pathOf(model.userIds[(n * 7919) % model.userIds.length])), { floor: 0.3, goal: 0.45 }, `${model.itemIds.length} items, a filter keeping ${(100 * kept).toFixed(1)} %`);
}

export async function measureVariety({ compare, ask }, opened) {
  const { model, base } = opened;
  const { stride, data } = model.items;
  const boosted = model.shop.items[0].categories[0];
  const categoriesOf = new Map(model.shop.items.map(({ itemId, categories }) => [itemId, categories]));
  const pathOf = (userId) => `/v1/users/${userId}/recommendations?limit=${LIMIT}&diversity=${DIVERSITY}&reasons=true&boost=${encodeURIComponent(`category:"${boosted}"^${BOOST}`)}`;
  const cosine = (a, b) => {
    let [product, aa, bb] = [0, 0, 0];
    for (let k = 0; k < stride; k++) {
      const [x, y] = [data[a * stride + k], data[b * stride + k]];
      product += x * y;
      aa += x * x;
      bb += y * y;
    }
    return aa === 0 || bb === 0 ? 0 : product / Math.sqrt(aa * bb);
  };
  const scoresOf = scorerOf(model);
  let equal = 0;
  for (const row of checkedRows(model)) {
    const { scores, hidden, span } = scoresOf(row);
    const total = scores.map((score, index) => score + (categoriesOf.get(model.itemIds[index]).includes(boosted) ? (BOOST * span) / BOOSTS_PER_SPAN : 0));
    const pool = ordered(model, total, (index) => !hidden.has(index)).slice(0, POOL);
    const list = [pool[0]];
    while (list.length < LIMIT) {
      const worth = pool.map((index) => (list.includes(index) ? -Infinity : ((1 - DIVERSITY) * (total[index] - total[pool[0]])) / (SPANS_PER_COSINE * span) - DIVERSITY * Math.max(...list.map((other) => cosine(index, other)))));
      list.push(pool[worth.indexOf(Math.max(...worth))]);
    }
    const { items } = await ask(base, pathOf(model.userIds[row]));
    equal += items.map(({ itemId }) => itemId).join() === list.map((index) => model.itemIds[index]).join() ? 1 : 0;
    check(items.every(({ reasons }) => Array.isArray(reasons) && reasons.every(({ text, score }) => text.length > 0 && score > 0)), `a reason of ${model.userIds[row]} says nothing`);
    check(items.some(({ reasons }) => reasons.length > 0), `nothing of ${model.userIds[row]}'s list has a reason`);
  }
  // Here cosines and sums are in float64, in another order: two items of the same worth may change places.
  check(equal >= CHECKED_USERS - 1, `${CHECKED_USERS - equal} of ${CHECKED_USERS} varied lists are not those that weighing all pairs gives`);
  await compare(opened, model.userIds.map((_, n) => pathOf(model.userIds[(n * 7919) % model.userIds.length])), { floor: 0.12, goal: 0.25 }, `${model.itemIds.length} items, diversity ${DIVERSITY}, a boost and reasons`);
}
