/** What a file of events says of items, to be kept once they are all seen: the title seen most often, the last price. Items are named by their slots (`file-ids.ts`). */

/** Different titles kept of one item; the right one is among the first. */
const MAX_TITLES = 20;

export type ItemNotes = ReturnType<typeof createItemNotes>;

export function createItemNotes() {
  /** By slot. Lists rather than maps: an item has one title or two, and comparing text is cheaper than hashing it in every row. */
  const titles: ({ texts: string[]; counts: number[] } | null)[] = [];
  let prices = new Float64Array(1 << 10).fill(Number.NaN);
  let length = 0;

  function seeTitle(slot: number, title: string): void {
    const seen = (titles[slot] ??= { texts: [], counts: [] });
    const known = seen.texts.indexOf(title);
    if (known >= 0) {
      seen.counts[known]++;
    } else if (seen.texts.length < MAX_TITLES && !title.includes('\0')) {
      // NUL is all that Postgres cannot keep of what a file may hold. Copied, as ids are.
      seen.texts.push(Buffer.from(title).toString());
      seen.counts.push(1);
    }
  }

  return {
    see(slot: number, title: string | null, price: number | null): void {
      if (slot >= prices.length) {
        const old = prices;
        prices = new Float64Array(2 * (slot + 1)).fill(Number.NaN);
        prices.set(old);
      }
      for (; length <= slot; length++) {
        titles.push(null);
      }
      if (title !== null) {
        seeTitle(slot, title);
      }
      if (price !== null) {
        prices[slot] = price;
      }
    },
    /** What there is to be kept. @param ids by slot */
    columns(ids: readonly string[]) {
      const slots = Array.from({ length }, (_, slot) => slot).filter((slot) => titles[slot] !== null || !Number.isNaN(prices[slot]));
      return {
        ids: slots.map((slot) => ids[slot]),
        titles: slots.map((slot) => titles[slot]?.texts[titles[slot].counts.indexOf(Math.max(...titles[slot].counts))] ?? null),
        prices: slots.map((slot) => (Number.isNaN(prices[slot]) ? null : prices[slot])),
      };
    },
  };
}
