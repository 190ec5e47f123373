/**
 * Numbers of ids that were asked for lately, so that a stored event costs no look-up by text. Bounded by two generations of a map: what is asked for moves to the young one, and when that is full
 * the old one is dropped. Never longer than needed: numbers are forgotten altogether when a user's number stops to be theirs (`user_changes`).
 */
export interface KnownIds {
  numberOf(id: string): number | undefined;
  learn(id: string, no: number): void;
  clear(): void;
}

/** @param most ids in one generation; up to twice as many are kept */
export function createKnownIds(most: number): KnownIds {
  let young = new Map<string, number>();
  let old = new Map<string, number>();

  function learn(id: string, no: number): void {
    if (young.size >= most) {
      old = young;
      young = new Map();
    }
    young.set(id, no);
  }

  return {
    numberOf(id) {
      const no = young.get(id);
      if (no !== undefined) {
        return no;
      }
      const former = old.get(id);
      if (former !== undefined) {
        learn(id, former);
      }
      return former;
    },
    learn,
    clear() {
      young = new Map();
      old = new Map();
    },
  };
}
