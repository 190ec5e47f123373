/** The statements of a group commit, and what a stored event is compared by. */
import type { NewEvent } from './events.ts';
import { USERS_LOCK_KEY } from './locks.ts';

/** What a stored event says, for comparing it with one that claims the same identity. */
export interface StoredEvent extends Record<string, unknown> {
  dedup: string;
  /** Stored by the transaction that asks. */
  mine: boolean;
  itemNo: number;
  typeNo: number;
  value: number | null;
  quantity: number | null;
  price: number | null;
  groupHash: string | null;
  occurredAtMs: number;
}

/** `real` comes back in its shortest writing: 19.9, which is not the float nearest to it. */
function sameNumber(sent: number | null, stored: number | null): boolean {
  return sent === null || stored === null ? sent === stored : Math.fround(sent) === Math.fround(stored);
}

export function sameContent(sent: NewEvent, itemNo: number, stored: StoredEvent): boolean {
  return (
    itemNo === stored.itemNo &&
    sent.typeNo === stored.typeNo &&
    sameNumber(sent.value, stored.value) &&
    sameNumber(sent.quantity, stored.quantity) &&
    sameNumber(sent.price, stored.price) &&
    sent.groupHash === stored.groupHash &&
    // Sent without a time it stands for whatever time the first one got.
    (sent.occurredAtMs === null || sent.occurredAtMs === stored.occurredAtMs)
  );
}

// Rows come out of unnest in the order of the arrays, so that of two events with one time the later element is the newer (`event_no`).
const INSERT_EVENTS = `INSERT INTO events (user_no, item_no, type_no, value, quantity, price, group_hash, occurred_at, dedup)
  SELECT user_no, item_no, type_no, value, quantity, price, group_hash, coalesce(to_timestamp(occurred_ms / 1000), date_trunc('milliseconds', now())), dedup
  FROM unnest($1::int[], $2::int[], $3::smallint[], $4::real[], $5::real[], $6::real[], $7::bigint[], $8::double precision[], $9::uuid[])
    AS e (user_no, item_no, type_no, value, quantity, price, group_hash, occurred_ms, dedup)
  WHERE current_setting('jongleur.group', true) = $10
  ON CONFLICT (dedup) DO NOTHING`;
// The lock in a statement of its own: what is read behind it is read when it is held.
const LOCK_USERS = `SELECT pg_advisory_xact_lock_shared(${USERS_LOCK_KEY})`;
// A wake-up carries nothing, and is told at COMMIT only.
const CLAIM = `SELECT pg_current_xact_id()::text, last_value::float8,
    CASE WHEN last_value = $1::bigint AND ($2 = '' OR current_setting('jongleur.group', true) = $2) THEN set_config('jongleur.group', $3, false) END,
    CASE WHEN $4::boolean THEN pg_notify('jongleur_events', '') END
  FROM user_changes`;

/** A group up to its COMMIT, in this order; the samples claim nothing and store nothing. */
export const GROUP_STATEMENTS: readonly { readonly name: string; readonly text: string; readonly sample: readonly string[] }[] = [
  { name: 'begin-group', text: 'BEGIN', sample: [] },
  { name: 'lock-users', text: LOCK_USERS, sample: [] },
  { name: 'claim-group', text: CLAIM, sample: ['-1', '', '', 'false'] },
  { name: 'insert-events', text: INSERT_EVENTS, sample: [...Array.from({ length: 9 }, () => '{}'), ''] },
];

/**
 * What `GROUP_STATEMENTS` take.
 *
 * @param former the group that must have been stored before; null: whatever group was the last
 */
export function groupValues(group: number, former: number | null, generation: number, wake: boolean, arrays: readonly string[]): string[][] {
  return [[], [], [String(generation), former === null ? '' : String(former), String(group), String(wake)], [...arrays, String(group)]];
}

export const SELECT_STORED_EVENTS = `SELECT dedup, xid = $2::xid8 AS mine, item_no AS "itemNo", type_no AS "typeNo", value, quantity, price, group_hash::text AS "groupHash",
  (extract(epoch FROM occurred_at) * 1000)::double precision AS "occurredAtMs" FROM events WHERE dedup = ANY($1::uuid[])`;

/** Columns as Postgres writes arrays. By hand: the driver's own way looks at each element several times, and none of these can need a quote. */
export function toArrays(events: readonly NewEvent[], userNos: Int32Array, itemNos: Int32Array): string[] {
  let [types, values, quantities, prices, groups, times, dedups] = ['', '', '', '', '', '', ''];
  for (let k = 0; k < events.length; k++) {
    const event = events[k];
    const comma = k === 0 ? '' : ',';
    types += `${comma}${event.typeNo}`;
    values += `${comma}${event.value ?? 'NULL'}`;
    quantities += `${comma}${event.quantity ?? 'NULL'}`;
    prices += `${comma}${event.price ?? 'NULL'}`;
    groups += `${comma}${event.groupHash ?? 'NULL'}`;
    times += `${comma}${event.occurredAtMs ?? 'NULL'}`;
    dedups += comma + event.dedup;
  }
  return [`{${userNos.join(',')}}`, `{${itemNos.join(',')}}`, `{${types}}`, `{${values}}`, `{${quantities}}`, `{${prices}}`, `{${groups}}`, `{${times}}`, `{${dedups}}`];
}
