/**
 * Neighbour lists by several threads. Rows do not depend on one another, so there are no phases: thread 0 turns the matrix both ways while the others wait for
 * it, then all take blocks of rows by one atomic counter and end when there are none left. The bytes are those of `findNeighbours`.
 */
import type { SparseRows } from './matrix.ts';
import {
  checkNeighbourSettings, countEntries, createNeighbourScratch, fillIncidence, findNeighbourRows, type Incidence, inverseDegrees, type Neighbours, type NeighbourSettings, packNeighbours,
} from './neighbours.ts';

/** Words of `control`. */
const word = { isTurned: 0, nextBlock: 1 } as const;
/** Small, because the rows of popular items take far longer than others and lie anywhere. */
const blockRows = 16;

/** What threads share: all arrays lie in SharedArrayBuffers, so a message carries them without a copy. */
export interface NeighbourWork {
  readonly settings: NeighbourSettings;
  /** As given: CSR by user. */
  readonly rowStart: Int32Array;
  readonly index: Int32Array;
  readonly incidence: Incidence;
  readonly control: Int32Array;
  /** items; items × K each. */
  readonly count: Int32Array;
  readonly neighbour: Int32Array;
  readonly similarity: Float32Array;
}

const sharedInts = (length: number) => new Int32Array(new SharedArrayBuffer(4 * length));

/** @throws RangeError, as `findNeighbours` does */
export function prepareNeighbours(byUser: SparseRows, settings: NeighbourSettings): NeighbourWork {
  const { rows: users, cols: items } = byUser;
  const most = Math.min(settings.most, Math.max(1, items - 1));
  const used = { ...settings, most };
  checkNeighbourSettings(used, items);
  const rowStart = sharedInts(byUser.rowStart.length);
  rowStart.set(byUser.rowStart);
  const index = sharedInts(byUser.index.length);
  index.set(byUser.index);
  const entries = countEntries(rowStart);
  return {
    settings: used, rowStart, index,
    incidence: { users, items, userStart: sharedInts(users + 1), itemOf: sharedInts(entries), itemStart: sharedInts(items + 1), userOf: sharedInts(entries) },
    control: sharedInts(2), count: sharedInts(items), neighbour: sharedInts(items * most), similarity: new Float32Array(new SharedArrayBuffer(4 * items * most)),
  };
}

/** One thread's part, from its beginning to its end. Threads other than 0 block until 0 has turned the matrix: never the main thread. */
export function helpFindNeighbours(work: NeighbourWork, thread: number): void {
  const { settings, rowStart, index, incidence, control, count, neighbour, similarity } = work;
  if (thread === 0) {
    fillIncidence(rowStart, index, incidence);
    Atomics.store(control, word.isTurned, 1);
    Atomics.notify(control, word.isTurned);
  } else {
    while (Atomics.load(control, word.isTurned) === 0) Atomics.wait(control, word.isTurned, 0);
  }
  const { items } = incidence;
  const { inverseUser, inverseOther } = inverseDegrees(incidence, settings);
  const scratch = createNeighbourScratch(items, settings);
  for (let from = Atomics.add(control, word.nextBlock, 1) * blockRows; from < items; from = Atomics.add(control, word.nextBlock, 1) * blockRows) {
    findNeighbourRows(incidence, settings, inverseUser, inverseOther, from, Math.min(items, from + blockRows), scratch, count, neighbour, similarity);
  }
}

/** When all threads have ended. */
export function collectNeighbours({ settings, incidence, count, neighbour, similarity }: NeighbourWork): Neighbours {
  return packNeighbours(incidence.items, settings.most, count, neighbour, similarity);
}
