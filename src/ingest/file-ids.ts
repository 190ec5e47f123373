/** Ids of a file: each gets a slot as it first comes, and the slot its number once Postgres has told it. Rows keep slots, so that an id is looked up once a row and hashed once a file. */
export interface FileIds {
  /** By slot. */
  readonly ids: readonly string[];
  slotOf(id: string): number;
  /** By slot; 0, or beyond its end: not known. */
  numbers(): Int32Array;
  /** Slots among the first `count` of these whose numbers are not known, each once. */
  unknownOf(slots: Int32Array, count: number): number[];
  learn(slots: readonly number[], numbers: readonly number[]): void;
  /** No number is known any more. */
  forget(): void;
}

export function createFileIds(): FileIds {
  const slots = new Map<string, number>();
  const ids: string[] = [];
  let nos = new Int32Array(1 << 12);
  // Rows of one basket follow one another.
  let lastId = '';
  let lastSlot = -1;
  return {
    ids,
    slotOf(id) {
      if (id === lastId) {
        return lastSlot;
      }
      let slot = slots.get(id);
      if (slot === undefined) {
        slot = ids.length;
        // Copied: a piece cut out of a file's text would keep the whole text in memory.
        const own = Buffer.from(id).toString();
        ids.push(own);
        slots.set(own, slot);
      }
      lastId = id;
      lastSlot = slot;
      return slot;
    },
    numbers: () => nos,
    unknownOf(asked, count) {
      const unknown = new Set<number>();
      for (let k = 0; k < count; k++) {
        if (!nos[asked[k]]) {
          unknown.add(asked[k]);
        }
      }
      return [...unknown];
    },
    learn(learnt, numbers) {
      if (ids.length > nos.length) {
        const old = nos;
        nos = new Int32Array(2 * ids.length);
        nos.set(old);
      }
      learnt.forEach((slot, k) => (nos[slot] = numbers[k]));
    },
    forget: () => void nos.fill(0),
  };
}

/** How many different numbers were seen: a bit each, since Postgres hands them out from 1 on. */
export function createNumberCount() {
  let bits = new Uint32Array(1 << 10);
  let count = 0;
  return {
    see(no: number): void {
      const word = no >>> 5;
      if (word >= bits.length) {
        const old = bits;
        bits = new Uint32Array(2 * (word + 1));
        bits.set(old);
      }
      const bit = 1 << (no & 31);
      if ((bits[word] & bit) === 0) {
        bits[word] |= bit;
        count++;
      }
    },
    count: () => count,
  };
}
