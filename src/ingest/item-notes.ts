/** What a file of events says of items, to be kept once they are all seen: the title seen most often, the last price. Items are named by their slots (`file-ids.ts`). */

/** Different titles kept of one item; the right one is among the first. */
const MAX_TITLES = 20;

export type ItemNotes = ReturnType<typeof createItemNotes>;

export function createItemNotes() {
  // Lists rather than maps inside: an item has one title or two, and comparing text is cheaper than hashing it in every row.
  const titles: string[][] = [];
  const counts: number[][] = [];
  const prices: (number | null)[] = [];
  return {
    see(slot: number, title: string | null, price: number | null): void {
      while (titles.length <= slot) {
        titles.push([]);
        counts.push([]);
        prices.push(null);
      }
      if (title !== null) {
        const seen = titles[slot];
        const known = seen.indexOf(title);
        if (known >= 0) {
          counts[slot][known]++;
        } else if (seen.length < MAX_TITLES && !title.includes('\0')) {
          // NUL is all that Postgres cannot keep of what a file may hold. Copied, as ids are.
          seen.push(Buffer.from(title).toString());
          counts[slot].push(1);
        }
      }
      prices[slot] = price ?? prices[slot];
    },
    /** @param ids by slot; in byte order of the ids afterwards */
    columns(ids: readonly string[]) {
      const slots = titles.map((_, slot) => slot).sort((a, b) => (ids[a] < ids[b] ? -1 : 1));
      return {
        ids: slots.map((slot) => ids[slot]),
        titles: slots.map((slot) => (titles[slot].length === 0 ? null : titles[slot][counts[slot].indexOf(Math.max(...counts[slot]))])),
        prices: slots.map((slot) => prices[slot]),
      };
    },
  };
}
