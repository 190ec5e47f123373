/** Whom and what a figure is about: users by how much is known of them, items by how popular they are. */
import type { SparseRows } from '../matrix.ts';
import type { Relevance } from '../split.ts';

export type UserSegment = 'new' | 'light' | 'heavy';
export type ItemSegment = 'head' | 'tail';

/** Train items of a user: below the first number new, below the second light, else heavy. */
export const userSegmentBounds = [5, 20] as const;
/** The head are the most popular items that together have this share of the train interactions. */
export const headShare = 0.5;

/** The segment of each test user, in the order of `relevance.userRows`. */
export function segmentUsers(relevance: Relevance, train: SparseRows): UserSegment[] {
  const [light, heavy] = userSegmentBounds;
  return Array.from(relevance.userRows, (row) => {
    const items = train.rowStart[row + 1]! - train.rowStart[row]!;
    return items < light ? 'new' : items < heavy ? 'light' : 'heavy';
  });
}

/** Users per item of the train part, every entry one voice. */
export function countItemUsers(train: SparseRows): Int32Array {
  const counts = new Int32Array(train.cols);
  for (let e = 0; e < train.index.length; e++) counts[train.index[e]!]!++;
  return counts;
}

/** 1 = head. Ties go to the smaller index; an item the train part does not know is of the tail. */
export function markHead(itemUsers: Int32Array): Uint8Array {
  const order = Int32Array.from(itemUsers, (_, item) => item).sort((a, b) => itemUsers[b]! - itemUsers[a]! || a - b);
  const head = new Uint8Array(itemUsers.length);
  const wanted = headShare * itemUsers.reduce((sum, users) => sum + users, 0);
  for (let rank = 0, sum = 0; rank < order.length && sum < wanted; rank++) {
    head[order[rank]!] = 1;
    sum += itemUsers[order[rank]!]!;
  }
  return head;
}

/** What is relevant and of the segment. All users stay, in their order; some then have nothing to be found. */
export function keepRelevance({ userRows, rowStart, itemIndex }: Relevance, head: Uint8Array, segment: ItemSegment): Relevance {
  const kept: number[] = [];
  const start = new Int32Array(rowStart.length);
  for (let u = 0; u < userRows.length; u++) {
    for (let e = rowStart[u]!; e < rowStart[u + 1]!; e++) {
      const item = itemIndex[e]!;
      if ((item >= 0 && head[item] === 1) === (segment === 'head')) kept.push(item);
    }
    start[u + 1] = kept.length;
  }
  return { userRows, rowStart: start, itemIndex: Int32Array.from(kept) };
}
