/** Cursors: opaque to clients, the number of the last row underneath. */
import { Problem } from './problems.ts';

export function parseCursor(cursor: string | undefined): number | null {
  if (cursor === undefined) {
    return null;
  }
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new Problem('invalid-request', `cursor is ${JSON.stringify(cursor)}; it must be the nextCursor of an earlier answer.`, { field: 'cursor' });
  }
  return Number(text);
}

/** A page of at most `limit` rows out of `limit + 1` that were asked for: the one more says that there is a next page. */
export function pageOf<R, T>(rows: readonly R[], limit: number, numberOf: (row: R) => number, shape: (row: R) => T): { items: T[]; nextCursor?: string } {
  const items = rows.slice(0, limit).map(shape);
  if (rows.length <= limit) {
    return { items };
  }
  return { items, nextCursor: cursorAt(numberOf(rows[limit - 1])) };
}

/** @param number of the last row of the page before */
export function cursorAt(number: number): string {
  return Buffer.from(String(number), 'latin1').toString('base64url');
}
