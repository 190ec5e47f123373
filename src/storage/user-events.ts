/** What one user did, as it is handed out: by binary COPY into columns, since the busiest have tens of thousands of events. */
import { onOneConnection, readBinaryCopy, readInt64, readTimestamp } from './binary-copy.ts';
import { type Connection, type Database, type Queryable, run } from './database.ts';

/** Some of a user's events in columns, newest first by number. */
export interface UserEventPage {
  readonly length: number;
  readonly eventNos: Float64Array;
  readonly itemNos: Int32Array;
  readonly typeNos: Int16Array;
  /** NaN: null. So for quantities and prices. */
  readonly values: Float32Array;
  readonly quantities: Float32Array;
  readonly prices: Float32Array;
  /** Whole milliseconds since 1970. */
  readonly occurredAtMs: Float64Array;
  readonly receivedAtMs: Float64Array;
  /** Of events that came of a list, by their place here. */
  readonly recommendations: ReadonlyMap<number, StoredRecommendation>;
  /** Of the items among them. */
  readonly itemIds: ReadonlyMap<number, string>;
  readonly typeNames: ReadonlyMap<number, string>;
}

/** The list that an event came of, as far as it is stored. */
export interface StoredRecommendation {
  readonly listedAtMs: number;
  readonly scenarioNo: number;
  readonly variantNo: number;
  readonly modelVersion: number;
  readonly sourceNo: number;
  readonly position: number | null;
}

/** One event of a user, with what the catalogue says of its item. */
export interface UserEvent extends Record<string, unknown> {
  readonly eventNo: number;
  readonly itemId: string;
  readonly title: string | null;
  readonly categories: readonly string[];
  readonly type: string;
  readonly value: number | null;
  readonly quantity: number | null;
  readonly price: number | null;
  readonly occurredAt: Date;
}

const FIRST_CAPACITY = 256;
const TIMEOUT_MS = 30_000;

/**
 * The newest `limit` events of a user, of those before `beforeEventNo` where it is given. By number and not by id, since the planner then knows how many this user has: the many of a busy one are read in the
 * order in which they lie on the disk. Ids come by themselves, once each: joined, they cost a look-up an event.
 *
 * @throws DatabaseUnavailable
 */
export async function readUserEvents(database: Database, userNo: number, limit: number, beforeEventNo: number | null = null): Promise<UserEventPage> {
  return await onOneConnection(database, async (connection) => {
    const columns = await readColumns(connection, userNo, limit, beforeEventNo);
    const types = await run<{ no: number; name: string }>(connection, 'SELECT type_no AS no, name FROM event_types');
    return { ...columns, itemIds: await readItemIds(connection, columns.itemNos), typeNames: new Map(types.map(({ no, name }) => [no, name])) };
  });
}

/** As `readUserEvents`, for a page that somebody reads: a row an event, with titles. */
export async function listUserEvents(database: Queryable, userNo: number, limit: number, beforeEventNo: number | null): Promise<UserEvent[]> {
  return await run<UserEvent>(
    database,
    `SELECT event_no::float8 AS "eventNo", item_id AS "itemId", title, categories, name AS type, value, quantity, e.price, occurred_at AS "occurredAt"
     FROM (SELECT * FROM events WHERE user_no = $1 AND ($2::bigint IS NULL OR event_no < $2) ORDER BY event_no DESC LIMIT $3) e JOIN items USING (item_no) JOIN event_types USING (type_no) ORDER BY event_no DESC`,
    [userNo, beforeEventNo, limit],
  );
}

async function readColumns(connection: Connection, userNo: number, limit: number, beforeEventNo: number | null): Promise<Omit<UserEventPage, 'itemIds' | 'typeNames'>> {
  let [eventNos, occurredAtMs, receivedAtMs] = [new Float64Array(FIRST_CAPACITY), new Float64Array(FIRST_CAPACITY), new Float64Array(FIRST_CAPACITY)];
  let [values, quantities, prices] = [new Float32Array(FIRST_CAPACITY), new Float32Array(FIRST_CAPACITY), new Float32Array(FIRST_CAPACITY)];
  let itemNos = new Int32Array(FIRST_CAPACITY);
  let typeNos = new Int16Array(FIRST_CAPACITY);
  const recommendations = new Map<number, StoredRecommendation>();
  let length = 0;
  const grow = () => {
    [eventNos, occurredAtMs, receivedAtMs] = [twice(eventNos), twice(occurredAtMs), twice(receivedAtMs)];
    [values, quantities, prices] = [twice(values), twice(quantities), twice(prices)];
    itemNos = twice(itemNos);
    typeNos = twice(typeNos);
  };
  const before = beforeEventNo === null ? '' : `AND event_no < ${BigInt(beforeEventNo)}`;
  const query = `SELECT event_no, item_no, type_no, occurred_at, received_at, value, quantity, price, rec_at, rec_scenario, rec_variant, rec_version, rec_source, rec_position FROM events WHERE user_no = ${BigInt(userNo)} ${before} ORDER BY event_no DESC LIMIT ${BigInt(limit)}`;
  await readBinaryCopy(connection, query, (view, _bytes, offset) => {
    if (length === eventNos.length) {
      grow();
    }
    // A field's length stands in four bytes before it; from the value on they can be null, which has no bytes.
    eventNos[length] = readInt64(view, offset + 4);
    itemNos[length] = view.getInt32(offset + 16);
    typeNos[length] = view.getInt16(offset + 24);
    occurredAtMs[length] = readTimestamp(view, offset + 30, Math.floor);
    receivedAtMs[length] = readTimestamp(view, offset + 42, Math.floor);
    let at = offset + 50;
    const real = (): number => {
      const start = at + 4;
      const isNull = view.getInt32(at) < 0;
      at = isNull ? start : start + 4;
      return isNull ? Number.NaN : view.getFloat32(start);
    };
    values[length] = real();
    quantities[length] = real();
    prices[length] = real();
    if (view.getInt32(at) > 0) {
      const hasPosition = view.getInt32(at + 38) > 0;
      recommendations.set(length, {
        listedAtMs: readTimestamp(view, at + 4, Math.floor), scenarioNo: view.getInt16(at + 16), variantNo: view.getInt16(at + 22), modelVersion: view.getInt32(at + 28), sourceNo: view.getInt16(at + 36),
        position: hasPosition ? view.getInt16(at + 42) : null,
      });
    }
    length++;
  }, TIMEOUT_MS);
  return { length, eventNos, itemNos: itemNos.subarray(0, length), typeNos, values, quantities, prices, occurredAtMs, receivedAtMs, recommendations };
}

function twice<T extends Float64Array | Float32Array | Int32Array | Int16Array>(column: T): T {
  const larger = new (column.constructor as new (length: number) => T)(2 * column.length);
  larger.set(column);
  return larger;
}

async function readItemIds(connection: Connection, itemNos: Int32Array): Promise<Map<number, string>> {
  const ids = new Map<number, string>();
  if (itemNos.length > 0) {
    await readBinaryCopy(connection, `SELECT item_no, item_id FROM items WHERE item_no = ANY ('{${[...new Set(itemNos)].join(',')}}')`, (view, bytes, offset) => {
      ids.set(view.getInt32(offset + 4), bytes.toString('utf8', offset + 12, offset + 12 + view.getInt32(offset + 8)));
    }, TIMEOUT_MS);
  }
  return ids;
}
