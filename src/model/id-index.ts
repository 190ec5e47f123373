/** Where an id stands in a list of distinct ones: 8 to 16 bytes an id beside the list itself, where a Map takes several times that. For millions of them. */
import { hashText } from './hash.ts';
import { type InPieces, overRanges } from './pieces.ts';

export interface IdIndex {
  get(id: string): number | undefined;
}

/** Open addressing in a table that is at most half full. Keeps `ids` itself. */
export function* createIdIndex(ids: readonly string[]): InPieces<IdIndex> {
  const places = 2 ** Math.ceil(Math.log2(2 * ids.length + 1));
  const mask = places - 1;
  /** Index + 1; 0: nobody's place. */
  const table = new Int32Array(places);
  yield* overRanges(ids.length, 64, (from, to) => {
    for (let index = from; index < to; index++) {
      let place = hashText(ids[index]!) & mask;
      while (table[place] !== 0) place = (place + 1) & mask;
      table[place] = index + 1;
    }
  });
  return {
    get(id) {
      for (let place = hashText(id) & mask; ; place = (place + 1) & mask) {
        const index = table[place]! - 1;
        if (index < 0) return undefined;
        if (ids[index] === id) return index;
      }
    },
  };
}
