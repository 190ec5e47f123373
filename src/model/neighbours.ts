/**
 * The neighbourhood term's lists: asymmetric, user-degree-normalised co-occurrence, the K best per item.
 *
 *   C = Rᵀ D_u⁻¹ R   (R: 1 where a user has an item; D_u: items per user),   S_ji = C_ji / (d_jᵃ d_iᵇ),   d_i = users who have i
 *
 * Row j says what goes with j. Dividing by D_u keeps a shopper with a thousand items from saying that everything goes with everything; a is what the row's
 * own popularity costs, b what the neighbour's does. Weights play no part. Where users have voices (`voices.ts`), u's share of C is v_u / D_u; d still counts heads.
 *
 * Rows are made one at a time from CSR both ways, in one dense row of sums, so the memory is items × K and never items × items. The time is Σ_u n_u². To keep
 * it from growing with the square of the busiest users, a user counts with at most `mostPerUser` items, spread evenly over theirs, as if those were all.
 */
import type { SparseRows } from './matrix.ts';
import { createTopN, offerTopN, sortTopN, type TopN } from './top-n.ts';

export interface NeighbourSettings {
  /** K ≥ 1. */
  most: number;
  /** a: 0 leaves the history item's popularity out. */
  ownExponent: number;
  /** b, of the neighbour. */
  otherExponent: number;
  /** Pairs that fewer users have in common are no neighbours; 1 where absent. */
  leastUsers?: number;
}

/** The neighbours of item j are entries rowStart[j] … rowStart[j + 1] − 1, nearest first, ties to the smaller index; j itself is not among them. */
export interface Neighbours {
  items: number;
  rowStart: Int32Array;
  index: Int32Array;
  similarity: Float32Array;
}

/** Histories by row: items and how much each speaks for its neighbours. */
interface HistoryRows {
  rowStart: Int32Array;
  index: Int32Array;
  weight: Float32Array;
}

/** Who has what, both ways: CSR without weights. */
export interface Incidence {
  users: number;
  items: number;
  userStart: Int32Array;
  /** Items, ascending within a user. */
  itemOf: Int32Array;
  itemStart: Int32Array;
  /** Users, ascending within an item. */
  userOf: Int32Array;
}

/**
 * Entries of a user that count at most. A shopper with more is rare (Online Retail: 3 of 3,993; with all their items recall and NDCG are the same to four digits), and
 * an interaction then costs at most 1,000 additions. 10.4 million interactions of 300,000 × 200,000, K = 100: 21 s on two threads, 1.6 s for 1 million (shared machine, 2026-11).
 */
export const mostPerUser = 1000;

/** Entries of `byUser` that count: what `fillIncidence` needs room for. */
export function countEntries(rowStart: Int32Array): number {
  let entries = 0;
  for (let u = 0; u + 1 < rowStart.length; u++) entries += Math.min(mostPerUser, rowStart[u + 1]! - rowStart[u]!);
  return entries;
}

/**
 * Writes what counts of CSR by user, whose arrays have room for `countEntries`: at most `mostPerUser` items each, spread evenly over theirs. Returns how many entries.
 */
export function keepMostPerUser(rowStart: Int32Array, index: Int32Array, keptStart: Int32Array, kept: Int32Array): number {
  let entries = 0;
  keptStart[0] = 0;
  for (let u = 0; u + 1 < rowStart.length; u++) {
    const from = rowStart[u]!;
    const length = rowStart[u + 1]! - from;
    const most = Math.min(mostPerUser, length);
    for (let n = 0; n < most; n++) kept[entries++] = index[from + Math.floor((n * length) / most)]!;
    keptStart[u + 1] = entries;
  }
  return entries;
}

/** Fills `out`, whose arrays have room for `countEntries`, from CSR by user. */
export function fillIncidence(rowStart: Int32Array, index: Int32Array, out: Incidence): void {
  const { users, items, userStart, itemOf, itemStart, userOf } = out;
  const entries = keepMostPerUser(rowStart, index, userStart, itemOf);
  itemStart.fill(0);
  for (let e = 0; e < entries; e++) itemStart[itemOf[e]! + 1]!++;
  for (let i = 0; i < items; i++) itemStart[i + 1]! += itemStart[i]!;
  const next = itemStart.slice(0, items);
  for (let u = 0; u < users; u++) for (let e = userStart[u]!; e < userStart[u + 1]!; e++) userOf[next[itemOf[e]!]!++] = u;
}

/** Working space of one thread. */
export interface NeighbourScratch {
  /** C_j·, 0 between rows. */
  sums: Float64Array;
  touched: Int32Array;
  /** Users that the row's item and the other have in common; null where one is enough. */
  counts: Int32Array | null;
  best: TopN;
}

export function createNeighbourScratch(items: number, { most, leastUsers = 1 }: NeighbourSettings): NeighbourScratch {
  return { sums: new Float64Array(items), touched: new Int32Array(items), counts: leastUsers > 1 ? new Int32Array(items) : null, best: createTopN(most) };
}

/**
 * Rows `from` … `to` − 1. Row j's neighbours go to index and similarity from j · most on, their number to count[j]. `inverseUser`: 1 / D_u; `inverseOther`: d_i^−b.
 * Sums over users go in the order of the users, whatever the range.
 */
export function findNeighbourRows(
  incidence: Incidence, settings: NeighbourSettings, inverseUser: Float64Array, inverseOther: Float64Array, from: number, to: number, scratch: NeighbourScratch,
  count: Int32Array, index: Int32Array, similarity: Float32Array,
): void {
  const { userStart, itemOf, itemStart, userOf } = incidence;
  const { most, ownExponent, leastUsers = 1 } = settings;
  const { sums, touched, counts, best } = scratch;
  for (let j = from; j < to; j++) {
    const start = itemStart[j]!;
    const end = itemStart[j + 1]!;
    let reached = 0;
    for (let e = start; e < end; e++) {
      const user = userOf[e]!;
      const share = inverseUser[user]!;
      const last = userStart[user + 1]!;
      for (let n = userStart[user]!; n < last; n++) {
        const i = itemOf[n]!;
        const before = sums[i]!;
        if (before === 0) touched[reached++] = i;
        sums[i] = before + share;
      }
      if (counts !== null) for (let n = userStart[user]!; n < last; n++) counts[itemOf[n]!]!++;
    }
    best.count = 0;
    for (let n = 0; n < reached; n++) {
      const i = touched[n]!;
      if (i !== j && (counts === null || counts[i]! >= leastUsers)) offerTopN(best, most, sums[i]! * inverseOther[i]!, i);
      sums[i] = 0;
      if (counts !== null) counts[i] = 0;
    }
    sortTopN(best);
    const own = (end - start) ** -ownExponent; // an item without users has no neighbours to divide
    const base = j * most;
    for (let n = 0; n < best.count; n++) {
      index[base + n] = best.items[n]!;
      similarity[base + n] = best.scores[n]! * own;
    }
    count[j] = best.count;
  }
}

/** 1 / D_u and d_i^−b. */
export function inverseDegrees({ users, items, userStart, itemStart }: Incidence, { otherExponent }: NeighbourSettings): { inverseUser: Float64Array; inverseOther: Float64Array } {
  const inverseUser = new Float64Array(users);
  for (let u = 0; u < users; u++) inverseUser[u] = 1 / (userStart[u + 1]! - userStart[u]!);
  const inverseOther = new Float64Array(items);
  for (let i = 0; i < items; i++) inverseOther[i] = (itemStart[i + 1]! - itemStart[i]!) ** -otherExponent;
  return { inverseUser, inverseOther };
}

/** Rows of K places each → CSR. */
export function packNeighbours(items: number, most: number, count: Int32Array, index: Int32Array, similarity: Float32Array): Neighbours {
  const rowStart = new Int32Array(items + 1);
  for (let j = 0; j < items; j++) rowStart[j + 1] = rowStart[j]! + count[j]!;
  const packed: Neighbours = { items, rowStart, index: new Int32Array(rowStart[items]!), similarity: new Float32Array(rowStart[items]!) };
  for (let j = 0; j < items; j++) {
    const from = j * most;
    packed.index.set(index.subarray(from, from + count[j]!), rowStart[j]!);
    packed.similarity.set(similarity.subarray(from, from + count[j]!), rowStart[j]!);
  }
  return packed;
}

/** @throws RangeError for settings no list can have, and for more items × K than one array can hold */
export function checkNeighbourSettings({ most, ownExponent, otherExponent }: NeighbourSettings, items: number): void {
  if (!Number.isInteger(most) || most < 1) throw new RangeError(`neighbours must be a whole number from 1, not ${most}`);
  for (const exponent of [ownExponent, otherExponent]) if (!(exponent >= 0 && exponent <= 2)) throw new RangeError(`exponents must be from 0 to 2, not ${exponent}`);
  if (items * most > 2 ** 30) throw new RangeError(`${most} neighbours each of ${items} items are more than ${2 ** 30} places: take fewer`);
}

/** All rows in this thread. `threaded-neighbours.ts` gives the same bytes by several. @param voices how much each user counts, 0 … 1; null: all in full */
export function findNeighbours(byUser: Pick<SparseRows, 'rows' | 'cols' | 'rowStart' | 'index'>, settings: NeighbourSettings, voices: Float32Array | null = null): Neighbours {
  const items = byUser.cols;
  const most = Math.min(settings.most, Math.max(1, items - 1));
  const used = { ...settings, most };
  checkNeighbourSettings(used, items);
  const entries = countEntries(byUser.rowStart);
  const incidence: Incidence = {
    users: byUser.rows, items, userStart: new Int32Array(byUser.rows + 1), itemOf: new Int32Array(entries), itemStart: new Int32Array(items + 1), userOf: new Int32Array(entries),
  };
  fillIncidence(byUser.rowStart, byUser.index, incidence);
  const { inverseUser, inverseOther } = inverseDegrees(incidence, used);
  if (voices !== null) for (let u = 0; u < byUser.rows; u++) inverseUser[u]! *= voices[u]!;
  const count = new Int32Array(items);
  const index = new Int32Array(items * most);
  const similarity = new Float32Array(items * most);
  findNeighbourRows(incidence, used, inverseUser, inverseOther, 0, items, createNeighbourScratch(items, used), count, index, similarity);
  return packNeighbours(items, most, count, index, similarity);
}

/** sums[i] += Σ_j h_j S_ji over row `row` of the histories. `touched` gets the items whose sum was 0; returns how many. */
export function addNeighbours(neighbours: Neighbours, histories: HistoryRows, row: number, sums: Float64Array, touched: Int32Array): number {
  return addNeighboursOf(neighbours, histories.index, histories.weight, histories.rowStart[row]!, histories.rowStart[row + 1]!, sums, touched);
}

/** The same over entries `from` … `to` − 1 of one history. What has weight 0 reaches nothing. */
export function addNeighboursOf(neighbours: Neighbours, items: Int32Array, weights: Float32Array, from: number, to: number, sums: Float64Array, touched: Int32Array): number {
  const { rowStart, index, similarity } = neighbours;
  let count = 0;
  for (let e = from; e < to; e++) {
    const j = items[e]!;
    const h = weights[e]!;
    if (!(h > 0)) continue;
    const end = rowStart[j + 1]!;
    for (let n = rowStart[j]!; n < end; n++) {
      const i = index[n]!;
      const before = sums[i]!;
      if (before === 0) touched[count++] = i;
      sums[i] = before + h * similarity[n]!;
    }
  }
  return count;
}
