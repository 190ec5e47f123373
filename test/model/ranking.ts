/** Lists and wants, written down. */
import type { Ranker } from '../../src/model/metrics.ts';
import type { Relevance } from '../../src/model/split.ts';

/** A ranker that gives user row r the r-th list. */
export function rankFrom(lists: readonly (readonly number[])[]): Ranker {
  return (userRow, out) => {
    const list = lists[userRow]!.slice(0, out.length);
    out.set(list);
    return list.length;
  };
}

export function relevanceOf(users: readonly (readonly number[])[]): Relevance {
  const rowStart = new Int32Array(users.length + 1);
  for (const [u, items] of users.entries()) rowStart[u + 1] = rowStart[u]! + items.length;
  return { userRows: Int32Array.from(users, (_, u) => u), rowStart, itemIndex: Int32Array.from(users.flat()) };
}
