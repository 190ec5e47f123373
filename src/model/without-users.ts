/** A snapshot's user side without some of its users: who was erased must be in no bytes that are kept. */
import { createFactors, indexOfNo } from './matrix.ts';
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

/** @param goneRows rows of `side`, each once */
export function withoutUsers(side: UserSide, goneRows: readonly number[]): UserSide {
  const gone = new Set(goneRows);
  const { userNos, userIds, factors, history } = side;
  const kept = Int32Array.from(Array.from(userNos.keys()).filter((row) => !gone.has(row)));
  const entries = kept.reduce((sum, row) => sum + history.rowStart[row + 1] - history.rowStart[row], 0);
  const fresh = createFactors(kept.length, factors.factors);
  const lean = { rowStart: new Int32Array(kept.length + 1), itemIndex: new Int32Array(entries), weight: new Float32Array(entries), target: new Float32Array(entries), lastMs: new Float64Array(entries), hidden: new Uint8Array(entries), mainType: new Int16Array(entries) };
  let at = 0;
  kept.forEach((row, k) => {
    fresh.data.set(factors.data.subarray(row * factors.stride, (row + 1) * factors.stride), k * fresh.stride);
    const [from, to] = [history.rowStart[row], history.rowStart[row + 1]];
    for (const name of ['itemIndex', 'weight', 'target', 'lastMs', 'hidden', 'mainType'] as const) {
      lean[name].set(history[name].subarray(from, to), at);
    }
    at += to - from;
    lean.rowStart[k + 1] = at;
  });
  return { userNos: kept.map((row) => userNos[row]), userIds: Array.from(kept, (row) => userIds[row]), factors: fresh, history: lean };
}
