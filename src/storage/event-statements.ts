/** The statements of a group commit, and what a stored event is compared by. */
import type { EventRecommendation, NewEvent } from './events.ts';
import { MAKE_FEW_IDS } from './ids.ts';
import type { EventNumbers } from './known-numbers.ts';
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

// Rows come out of unnest in the order of the arrays, so that of two events with one time the later element is the newer (`event_no`). Where a number is null the id is looked up, which the statement before
// has made where it was missing; what such a user did before an erasure is left out. Ids without a number have the last two arrays, which otherwise are empty.
const insertEvents = (columns: string, values: string, arrays: string, names: string) => `INSERT INTO events (user_no, item_no, type_no, value, quantity, price, group_hash, occurred_at, dedup${columns})
  SELECT user_no, item_no, type_no, value, quantity, price, group_hash, coalesce(to_timestamp(occurred_ms / 1000), date_trunc('milliseconds', now())), dedup${values}
  FROM (SELECT coalesce(known_user, (SELECT user_no FROM users u WHERE u.user_id = e.user_id AND (refuse_before IS NULL OR occurred_ms IS NULL OR occurred_ms >= extract(epoch FROM refuse_before) * 1000))) AS user_no,
      coalesce(known_item, (SELECT item_no FROM items i WHERE i.item_id = e.item_id)) AS item_no, type_no, value, quantity, price, group_hash, occurred_ms, dedup${names}
    FROM unnest($1::int[], $2::int[], $3::smallint[], $4::real[], $5::real[], $6::real[], $7::bigint[], $8::double precision[], $9::uuid[], $11::text[], $12::text[]${arrays})
      AS e (known_user, known_item, type_no, value, quantity, price, group_hash, occurred_ms, dedup, user_id, item_id${names}) OFFSET 0) e
  WHERE current_setting('jongleur.group', true) = $10 AND user_no IS NOT NULL
  ON CONFLICT (dedup) DO NOTHING`;
const INSERT_EVENTS = insertEvents('', '', '', '');
const REC_NAMES = ', rec_ms, rec_scenario, rec_variant, rec_version, rec_bucket, rec_source, rec_position';
const INSERT_RECOMMENDED = insertEvents(
  ', rec_at, rec_scenario, rec_variant, rec_version, rec_bucket, rec_source, rec_position', ', to_timestamp(rec_ms / 1000), rec_scenario, rec_variant, rec_version, rec_bucket, rec_source, rec_position',
  ', $13::double precision[], $14::smallint[], $15::smallint[], $16::int[], $17::smallint[], $18::smallint[], $19::smallint[]', REC_NAMES,
);
// The lock in a statement of its own: what is read behind it is read when it is held.
const LOCK_USERS = `SELECT pg_advisory_xact_lock_shared(${USERS_LOCK_KEY})`;
// A wake-up carries nothing, and is told at COMMIT only.
const CLAIM = `SELECT pg_current_xact_id()::text, last_value::float8,
    CASE WHEN last_value = $1::bigint AND ($2 = '' OR current_setting('jongleur.group', true) = $2) THEN set_config('jongleur.group', $3, false) END,
    CASE WHEN $4::boolean THEN pg_notify('jongleur_events', '') END
  FROM user_changes`;

export interface GroupStatement {
  readonly name: string;
  readonly text: string;
  /** Values with which it claims nothing and stores nothing. */
  readonly sample: readonly string[];
}

const BEGIN_GROUP: GroupStatement = { name: 'begin-group', text: 'BEGIN', sample: [] };
const LOCK_GROUP: GroupStatement = { name: 'lock-users', text: LOCK_USERS, sample: [] };
export const CLAIM_GROUP: GroupStatement = { name: 'claim-group', text: CLAIM, sample: ['-1', '', '', 'false'] };
/** Only where there are ids without a number: nobody need wait for a look-up before a group can be sent. */
export const MAKE_IDS: GroupStatement = { name: 'make-ids', text: MAKE_FEW_IDS, sample: ['{}', '{}', '{}'] };
const STORE_EVENTS: GroupStatement = { name: 'insert-events', text: INSERT_EVENTS, sample: [...Array.from({ length: 9 }, () => '{}'), '', '{}', '{}'] };
/** Only where one of the events came of a list: most groups have none, and seven columns more would cost them a tenth. */
const STORE_RECOMMENDED: GroupStatement = { name: 'insert-recommended', text: INSERT_RECOMMENDED, sample: [...STORE_EVENTS.sample, ...Array.from({ length: 7 }, () => '{}')] };
export const GROUP_STATEMENTS: readonly GroupStatement[] = [BEGIN_GROUP, LOCK_GROUP, CLAIM_GROUP, MAKE_IDS, STORE_EVENTS, STORE_RECOMMENDED];

export interface GroupStep {
  readonly statement: GroupStatement;
  readonly values: readonly string[];
}

/** Ids without a number, each once. */
export interface NewIds {
  readonly users: readonly string[];
  readonly items: readonly string[];
  /** Of the users' ids, see `hashIds`. */
  readonly hashes: readonly Buffer[];
}

/**
 * A group up to its COMMIT.
 *
 * @param former the group that must have been stored before; null: whatever group was the last
 * @param numbers 0: one of the new ids
 */
export function groupSteps(group: number, former: number | null, generation: number, wake: boolean, events: readonly NewEvent[], numbers: EventNumbers, fresh: NewIds | null): GroupStep[] {
  const claim = [String(generation), former === null ? '' : String(former), String(group), String(wake)];
  const columns = [...toArrays(events, numbers), String(group), ...(fresh === null ? ['{}', '{}'] : newIdColumns(events, numbers))];
  return [
    { statement: BEGIN_GROUP, values: [] },
    { statement: LOCK_GROUP, values: [] },
    { statement: CLAIM_GROUP, values: claim },
    ...(fresh === null ? [] : [{ statement: MAKE_IDS, values: [textArray(fresh.users), textArray(fresh.items), byteArray(fresh.hashes)] }]),
    events.some(({ recommendation }) => recommendation !== undefined) ? { statement: STORE_RECOMMENDED, values: [...columns, ...recommendationColumns(events)] } : { statement: STORE_EVENTS, values: columns },
  ];
}

function recommendationColumns(events: readonly NewEvent[]): string[] {
  const column = (name: keyof EventRecommendation) => `{${events.map(({ recommendation }) => recommendation?.[name] ?? 'NULL').join(',')}}`;
  return [column('listedAtMs'), column('scenarioNo'), column('variantNo'), column('modelVersion'), column('bucket'), column('sourceNo'), column('position')];
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

const textArray = (texts: readonly string[]) => `{${texts.map(quote).join(',')}}`;
const byteArray = (values: readonly Buffer[]) => `{${values.map((bytes) => `"\\\\x${bytes.toString('hex')}"`).join(',')}}`;

/** Ids of the events whose numbers are not known, null for the others. */
function newIdColumns(events: readonly NewEvent[], { userNos, itemNos }: EventNumbers): string[] {
  return [`{${events.map(({ userId }, k) => (userNos[k] === 0 ? quote(userId) : 'NULL')).join(',')}}`, `{${events.map(({ itemId }, k) => (itemNos[k] === 0 ? quote(itemId) : 'NULL')).join(',')}}`];
}

export const SELECT_STORED_EVENTS = `SELECT dedup, xid = $2::xid8 AS mine, item_no AS "itemNo", type_no AS "typeNo", value, quantity, price, group_hash::text AS "groupHash",
  (extract(epoch FROM occurred_at) * 1000)::double precision AS "occurredAtMs" FROM events WHERE dedup = ANY($1::uuid[])`;

/** Columns as Postgres writes arrays. By hand: the driver's own way looks at each element several times, and none of these can need a quote. */
function toArrays(events: readonly NewEvent[], { userNos, itemNos }: EventNumbers): string[] {
  let [users, items, types, values, quantities, prices, groups, times, dedups] = ['', '', '', '', '', '', '', '', ''];
  for (let k = 0; k < events.length; k++) {
    const event = events[k];
    const comma = k === 0 ? '' : ',';
    users += comma + (userNos[k] === 0 ? 'NULL' : userNos[k]);
    items += comma + (itemNos[k] === 0 ? 'NULL' : itemNos[k]);
    types += `${comma}${event.typeNo}`;
    values += `${comma}${event.value ?? 'NULL'}`;
    quantities += `${comma}${event.quantity ?? 'NULL'}`;
    prices += `${comma}${event.price ?? 'NULL'}`;
    groups += `${comma}${event.groupHash ?? 'NULL'}`;
    times += `${comma}${event.occurredAtMs ?? 'NULL'}`;
    dedups += comma + event.dedup;
  }
  return [`{${users}}`, `{${items}}`, `{${types}}`, `{${values}}`, `{${quantities}}`, `{${prices}}`, `{${groups}}`, `{${times}}`, `{${dedups}}`];
}
