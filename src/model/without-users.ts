/** A snapshot's user side without some of its users: who was erased must be in no bytes that are kept. */
import { indexOfNo } from './matrix.ts';
import type { UserSide } from './snapshot.ts';

/** Rows of users by their numbers, those that are not there left out. */
export function rowsOfUsers(userNos: Int32Array, wanted: Int32Array): number[] {
  const rows: number[] = [];
  for (const no of wanted) {
    const row = indexOfNo(userNos, no);
    if (row >= 0) {
      rows.push(row);
    }
  }
  return rows;
}

const COLUMNS = ['itemIndex', 'weight', 'target', 'lastMs', 'hidden', 'mainType'] as const;

/**
 * In place, since a side may have gigabytes: whoever stays moves up, and what is returned are views of the same arrays.
 *
 * @param goneRows rows of `side`, ascending, each once
 */
export function withoutUsers({ userNos, userIds, factors, history }: UserSide, goneRows: readonly number[]): UserSide {
  const { stride, data } = factors;
  const { rowStart } = history;
  let rows = 0;
  let entries = 0;
  for (let k = 0; k <= goneRows.length; k++) {
    // Those between one who left and the next.
    const from = k === 0 ? 0 : goneRows[k - 1] + 1;
    const to = k === goneRows.length ? userNos.length : goneRows[k];
    const [first, end] = [rowStart[from], rowStart[to]];
    userNos.copyWithin(rows, from, to);
    data.copyWithin(rows * stride, from * stride, to * stride);
    for (const name of COLUMNS) {
      history[name].copyWithin(entries, first, end);
    }
    for (let row = from; row < to; row++) {
      rowStart[++rows] = rowStart[row + 1] - first + entries;
    }
    entries += end - first;
  }
  const gone = new Set(goneRows);
  return {
    userNos: userNos.subarray(0, rows),
    userIds: userIds.filter((_, row) => !gone.has(row)),
    factors: { ...factors, rows, data: data.subarray(0, rows * stride) },
    history: {
      rowStart: rowStart.subarray(0, rows + 1),
      itemIndex: history.itemIndex.subarray(0, entries), weight: history.weight.subarray(0, entries), target: history.target.subarray(0, entries),
      lastMs: history.lastMs.subarray(0, entries), hidden: history.hidden.subarray(0, entries), mainType: history.mainType.subarray(0, entries),
    },
  };
}
