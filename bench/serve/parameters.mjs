/**
 * Rows for requests with parameters: what is measured and held against which bounds is here, `pathOf(userId)` says how a request is written. `share` of the catalogue is what a filter on the cheapest
 * items keeps: `priceBelow` is its bound.
 */
export const FILTER_SHARE = 0.05;

/** The price that `share` of the items lie below. */
export function priceBelow(items, share = FILTER_SHARE) {
  const prices = items.map((item) => item.price).sort((a, b) => a - b);
  return prices[Math.floor(share * prices.length)];
}

/** @param compare as `serve.mjs` measures both sides */
export async function measureFilter(compare, opened, pathOf) {
  await compare(opened, opened.model.userIds.map(pathOf), { floor: 0.3, goal: 0.45 }, `${opened.model.itemIds.length} items, a filter keeping ${100 * FILTER_SHARE} %`);
}

export async function measureVariety(compare, opened, pathOf) {
  await compare(opened, opened.model.userIds.map(pathOf), { floor: 0.12, goal: 0.25 }, `${opened.model.itemIds.length} items, diversity 0.5, boosts and reasons`);
}
