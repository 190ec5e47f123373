/**
 * Events out of Postgres for training: one COPY in binary format, read straight into typed columns. No row object, no text number, no sort.
 */
import type pg from 'pg';
import type { EventColumns, EventTypeRule } from '../model/interactions.ts';
import { readBinaryCopy, readTimestamp } from './binary-copy.ts';
import { bePatient } from './connections.ts';
import { connectAlone, explainDatabaseError, run } from './database.ts';
import { listEventTypes } from './event-types.ts';

/** Ids by number, ascending: `nos[k]` has the UTF-8 bytes from `offsets[k]` to `offsets[k + 1]`. Arrays, so that a thread gets them without a copy. */
export interface IdTable {
  readonly nos: Int32Array;
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

export interface Extract {
  readonly columns: EventColumns;
  readonly rules: EventTypeRule[];
  readonly users: IdTable;
  readonly items: IdTable;
  /** Events of transactions at or above this may be missing here (DESIGN: `pg_snapshot_xmin`). */
  readonly watermark: string;
}

/** Columns that grow by doubling; `finish` cuts them to length. */
function createColumns() {
  let capacity = 1 << 16;
  let length = 0;
  let user = new Int32Array(capacity);
  let item = new Int32Array(capacity);
  let type = new Int16Array(capacity);
  let value = new Float32Array(capacity);
  let quantity = new Float32Array(capacity);
  let occurredAtMs = new Float64Array(capacity);
  let eventNo = new Float64Array(capacity);
  let group = new Int32Array(capacity);
  let grouped = false;

  function grown<T extends Int32Array | Int16Array | Float32Array | Float64Array>(old: T): T {
    const fresh = new (old.constructor as new (length: number) => T)(capacity);
    fresh.set(old as never);
    return fresh;
  }

  /** Fields: event_no int8, user_no int4, item_no int4, type_no int2, value float4 or null, quantity float4 or null, occurred_at timestamptz, group_hash int8 or null. */
  function add(view: DataView, offset: number): void {
    if (length === capacity) {
      capacity *= 2;
      [user, item, type, value, quantity, occurredAtMs, eventNo, group] = [grown(user), grown(item), grown(type), grown(value), grown(quantity), grown(occurredAtMs), grown(eventNo), grown(group)];
    }
    eventNo[length] = view.getInt32(offset + 4) * 0x1_0000_0000 + view.getUint32(offset + 8);
    user[length] = view.getInt32(offset + 16);
    item[length] = view.getInt32(offset + 24);
    type[length] = view.getInt16(offset + 32);
    let at = offset + 34;
    if (view.getInt32(at) < 0) {
      value[length] = Number.NaN;
      at += 4;
    } else {
      value[length] = view.getFloat32(at + 4);
      at += 8;
    }
    if (view.getInt32(at) < 0) {
      quantity[length] = Number.NaN;
      at += 4;
    } else {
      quantity[length] = view.getFloat32(at + 4);
      at += 8;
    }
    occurredAtMs[length] = readTimestamp(view, at + 4);
    if (view.getInt32(at + 12) > 0) {
      // Baskets are told apart among those of one user, for which half of the hash is enough.
      group[length] = view.getInt32(at + 20) || 1;
      grouped = true;
    }
    length++;
  }

  function finish(): EventColumns {
    return {
      length,
      user: user.slice(0, length), item: item.slice(0, length), type: type.slice(0, length), value: value.slice(0, length),
      quantity: quantity.slice(0, length), occurredAtMs: occurredAtMs.slice(0, length), eventNo: eventNo.slice(0, length),
      ...(grouped ? { group: group.slice(0, length) } : {}),
    };
  }
  return { add, finish };
}

async function readIds(client: pg.Client, query: string): Promise<IdTable> {
  let nos = new Int32Array(1 << 12);
  let offsets = new Uint32Array((1 << 12) + 1);
  let text = new Uint8Array(1 << 16);
  let count = 0;
  await readBinaryCopy(client, query, (view, bytes, offset) => {
    if (count === nos.length) {
      const [oldNos, oldOffsets] = [nos, offsets];
      nos = new Int32Array(count * 2);
      offsets = new Uint32Array(count * 2 + 1);
      nos.set(oldNos);
      offsets.set(oldOffsets);
    }
    const start = offsets[count];
    const length = view.getInt32(offset + 8);
    while (start + length > text.length) {
      const old = text;
      text = new Uint8Array(old.length * 2);
      text.set(old);
    }
    text.set(bytes.subarray(offset + 12, offset + 12 + length), start);
    nos[count] = view.getInt32(offset + 4);
    offsets[++count] = start + length;
  });
  return { nos: nos.slice(0, count), offsets: offsets.slice(0, count + 1), bytes: text.slice(0, offsets[count]) };
}

/**
 * Everything a training run needs, as of one moment: events, rules and ids are read in one REPEATABLE READ transaction, whose snapshot gives the watermark.
 *
 * @throws DatabaseUnavailable; the signal's reason when cancelled
 */
export async function extractTrainingData(connectionString: string, signal: AbortSignal): Promise<Extract> {
  const client = await connectAlone(connectionString, 'jongleur-extract').catch((error: unknown) => {
    throw explainDatabaseError(error);
  });
  bePatient(connectionString, client);
  // Ending the connection is what stops a COPY that is under way.
  const stop = () => void client.end().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const [{ watermark }] = await run<{ watermark: string }>(client, 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS watermark');
    const rules = await listEventTypes(client);
    const events = createColumns();
    await readBinaryCopy(client, 'SELECT event_no, user_no, item_no, type_no, value, quantity, occurred_at, group_hash FROM events', (view, _bytes, offset) => events.add(view, offset));
    const users = await readIds(client, 'SELECT user_no, user_id FROM users ORDER BY user_no');
    const items = await readIds(client, 'SELECT item_no, item_id FROM items ORDER BY item_no');
    await client.query('COMMIT');
    return { columns: events.finish(), rules, users, items, watermark };
  } catch (error) {
    signal.throwIfAborted();
    throw explainDatabaseError(error);
  } finally {
    signal.removeEventListener('abort', stop);
    await client.end().catch(() => undefined);
  }
}
