/** What a file of events says of items, to be kept once at its end: the title seen most often, the last price. */
import type { RowEvent } from './rows.ts';

/** Different titles kept of one item; the right one is among the first. */
const MAX_TITLES = 20;

export function createItemNotes() {
  // Lists rather than maps inside: an item has one title or two, and comparing text is cheaper than hashing it in every row.
  const notes = new Map<string, { titles: string[]; counts: number[]; price: number | null }>();
  return {
    see(row: RowEvent): void {
      let note = notes.get(row.itemId);
      if (note === undefined) {
        note = { titles: [], counts: [], price: null };
        notes.set(row.itemId, note);
      }
      if (row.title !== null) {
        const known = note.titles.indexOf(row.title);
        if (known >= 0) {
          note.counts[known]++;
        } else if (note.titles.length < MAX_TITLES && !row.title.includes('\0')) {
          // NUL is all that Postgres cannot keep of what a file may hold.
          note.titles.push(row.title);
          note.counts.push(1);
        }
      }
      note.price = row.price ?? note.price;
    },
    count: () => notes.size,
    columns() {
      const ids = [...notes.keys()].sort();
      const titles = ids.map((id) => {
        const { titles: seen, counts } = notes.get(id)!;
        return seen.length === 0 ? null : seen[counts.indexOf(Math.max(...counts))];
      });
      return { ids, titles, prices: ids.map((id) => notes.get(id)!.price) };
    },
  };
}
