/**
 * The identity of an event: 128 bits, unique in the table. The same event sent twice is stored once, however it comes.
 *
 * With an `eventId` it is a hash of (user, eventId), so one shopper's ids cannot collide with another's. Without one it is a UUIDv7 made here, which sorts by time
 * and so keeps the index's writes together. For an imported row it is its time and an 80-bit hash of all that the row says and of how many equal rows came before it in the
 * file: the time leads for the same reason (a random key costs the import of 400,000 rows a third of its time), and being part of what the row says it takes nothing from the hash.
 * NUL separates the parts: no id contains it.
 */
import { hash, randomFillSync } from 'node:crypto';

const identity = Buffer.alloc(16);
const uuid = Buffer.alloc(36, '-');
const DIGITS = Buffer.from('0123456789abcdef');
/** Where a byte's two digits stand. */
const PLACES = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

/** The bytes of `identity` in Postgres' way of writing a UUID, so that what comes back compares equal; flat, since pieces of other strings would keep six times as much alive while an event waits. */
function uuidText(): string {
  for (let k = 0; k < 16; k++) {
    const at = PLACES[k];
    uuid[at] = DIGITS[identity[k] >> 4];
    uuid[at + 1] = DIGITS[identity[k] & 15];
  }
  return uuid.toString('latin1');
}

export function dedupOfEventId(userId: string, eventId: string): string {
  writeEventDedup(userId, eventId, identity, 0);
  return uuidText();
}

/** As `dedupOfEventId`, its 16 bytes written to `bytes`. */
export function writeEventDedup(userId: string, eventId: string, bytes: Buffer, at: number): void {
  bytes.write(hash('sha256', `event\0${userId}\0${eventId}`, 'binary'), at, 16, 'latin1');
}

/** Writes the 16 bytes of a row's identity. */
export type RowDedup = (userId: string, itemId: string, typeNo: number, value: number | null, occurredAtMs: number, bytes: Buffer, at: number) => void;

/**
 * For rows of a file. One instance reads one file from its beginning.
 *
 * @param remembered at least so many different rows are remembered, and at most twice as many: of equal rows that lie further apart than all of them, one is kept
 */
export function createRowDedup(remembered = 1_350_000): RowDedup {
  const countEarlier = createCounter(remembered);
  return (userId, itemId, typeNo, value, occurredAtMs, bytes, at) => {
    const text = `row\0${userId}\0${itemId}\0${typeNo}\0${value}\0${occurredAtMs}`;
    const first = hash('sha256', text, 'binary');
    bytes.write(first, at + 6, 10, 'latin1');
    bytes.writeUIntBE(occurredAtMs, at, 6);
    const earlier = countEarlier(bytes.readUInt32BE(at + 6), bytes.readUInt32BE(at + 10));
    if (earlier > 0) {
      bytes.write(hash('sha256', `${text}\0${earlier}`, 'binary'), at + 6, 10, 'latin1');
    }
  };
}

/** What a slot of a generation can count to; from there on a map does. */
const MAX_COUNT = 255;

/** A hash table of 64-bit keys in typed arrays, a third of it free: a Map of as many strings as a file has rows was a quarter of the import's time in the garbage collector. */
function createGeneration(capacity: number) {
  let size = 1 << 12;
  let [highs, lows, counts] = [new Uint32Array(size), new Uint32Array(size), new Uint8Array(size)];
  let used = 0;
  const beyond = new Map<number, number>();

  function slotOf(high: number, low: number): number {
    let slot = low & (size - 1);
    while (counts[slot] !== 0 && (highs[slot] !== high || lows[slot] !== low)) {
      slot = (slot + 1) & (size - 1);
    }
    return slot;
  }

  function grow(): void {
    const [oldHighs, oldLows, oldCounts, oldBeyond] = [highs, lows, counts, new Map(beyond)];
    size *= 2;
    [highs, lows, counts] = [new Uint32Array(size), new Uint32Array(size), new Uint8Array(size)];
    beyond.clear();
    for (let old = 0; old < oldCounts.length; old++) {
      if (oldCounts[old] !== 0) {
        const slot = slotOf(oldHighs[old], oldLows[old]);
        highs[slot] = oldHighs[old];
        lows[slot] = oldLows[old];
        counts[slot] = oldCounts[old];
        if (oldBeyond.has(old)) {
          beyond.set(slot, oldBeyond.get(old)!);
        }
      }
    }
  }

  return {
    isFull: () => used >= capacity,
    countOf(high: number, low: number): number {
      const slot = slotOf(high, low);
      return counts[slot] < MAX_COUNT ? counts[slot] : beyond.get(slot)!;
    },
    set(high: number, low: number, count: number): void {
      if (used * 3 > size * 2) {
        grow();
      }
      const slot = slotOf(high, low);
      if (counts[slot] === 0) {
        highs[slot] = high;
        lows[slot] = low;
        used++;
      }
      counts[slot] = Math.min(count, MAX_COUNT);
      if (count >= MAX_COUNT) {
        beyond.set(slot, count);
      }
    },
  };
}

/**
 * How often a 64-bit key was seen before. Two generations, so that memory has a bound: what is asked for moves to the young one, and when that is full the old one is dropped. Two rows that share 64 bits
 * of their hash (one chance in 10⁶ for 4 million rows) are told apart all the same: the second is numbered.
 */
function createCounter(capacity: number): (high: number, low: number) => number {
  let young = createGeneration(capacity);
  let old = createGeneration(0);
  return (high, low) => {
    const count = young.countOf(high, low) || old.countOf(high, low);
    if (young.isFull()) {
      old = young;
      young = createGeneration(capacity);
    }
    young.set(high, low, count + 1);
    return count;
  };
}

/** 64-bit hash of a basket or session id, as the decimal string of a signed bigint. */
export function hashGroup(groupId: string): string {
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', `group\0${groupId}`, 'hex').slice(0, 16)}`)).toString();
}

/** As `hashGroup`, its 8 bytes written to `bytes`. */
export function writeGroupHash(groupId: string, bytes: Buffer, at: number): void {
  bytes.write(hash('sha256', `group\0${groupId}`, 'binary'), at, 8, 'latin1');
}

const random = new Uint8Array(4096);
let used = random.length;
let lastMs = 0;
let sequence = 0;

/** UUIDv7 (RFC 9562 §5.7) with a 12-bit counter (§6.2, method 1), so that those of one process ascend within a millisecond too. */
export function createUuidV7(nowMs: number): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = 0;
  } else if (++sequence > 0xfff) {
    lastMs++;
    sequence = 0;
  }
  if (used + 8 > random.length) {
    randomFillSync(random);
    used = 0;
  }
  identity.writeUIntBE(lastMs, 0, 6);
  identity.writeUInt16BE(0x7000 | sequence, 6);
  identity.set(random.subarray(used, used + 8), 8);
  identity[8] = (identity[8] & 0x3f) | 0x80;
  used += 8;
  return uuidText();
}
