/** Long work in pieces, so that whoever runs it can do something else in between. */

/** Yields between its pieces, each of some milliseconds. */
export type InPieces<T> = Generator<undefined, T, undefined>;

/** Elements of a loop that make a piece where each costs some nanoseconds. */
const elementsAtOnce = 1 << 20;

export function atOnce<T>(work: InPieces<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** Calls `piece` for consecutive ranges of 0 … count. `cost` of an element: 1 for a step of a simple loop. */
export function* overRanges(count: number, cost: number, piece: (from: number, to: number) => void): InPieces<void> {
  const most = Math.max(1, Math.floor(elementsAtOnce / cost));
  for (let from = 0; from < count; from += most) {
    piece(from, Math.min(count, from + most));
    yield;
  }
}
