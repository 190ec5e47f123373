/** What comes within one turn of the event loop, taken together at its end: a client that is woken once has many answers to read, and bodies that came with their headers are there by then. */
export interface Turn<T> {
  add(one: T): void;
  /** Before the end, where it cannot wait. */
  takeNow(): void;
}

/** @param take everything since the last time, in order */
export function createTurn<T>(take: (collected: readonly T[]) => void): Turn<T> {
  let collected: T[] = [];
  const takeNow = () => {
    const taken = collected;
    collected = [];
    take(taken);
  };
  return {
    add(one) {
      if (collected.length === 0) {
        setImmediate(takeNow);
      }
      collected.push(one);
    },
    takeNow,
  };
}
