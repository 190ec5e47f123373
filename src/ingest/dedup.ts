/**
 * The identity of an event: 128 bits, unique in the table. The same event sent twice is stored once, however it comes.
 *
 * With an `eventId` it is a hash of (user, eventId), so one shopper's ids cannot collide with another's. Without one it is a UUIDv7 made here, which sorts by time
 * and so keeps the index's writes together. For an imported row it is its time and an 80-bit hash of all that the row says and of how many equal rows came before it in the
 * file: the time leads for the same reason (a random key costs the import of 400,000 rows a third of its time), and being part of what the row says it takes nothing from the hash.
 * NUL separates the parts: no id contains it.
 */
import { hash, randomFillSync } from 'node:crypto';

function hash128(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
}

/** Postgres' way of writing a UUID, so that what comes back compares equal. */
function asUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function dedupOfEventId(userId: string, eventId: string): string {
  return asUuid(hash128(`event\0${userId}\0${eventId}`));
}

/** For rows of a file. One instance reads one file from its beginning. */
export function createRowDedup(): (userId: string, itemId: string, typeNo: number, value: number | null, occurredAtMs: number) => string {
  const countEarlier = createCounter();
  return (userId, itemId, typeNo, value, occurredAtMs) => {
    const text = `row\0${userId}\0${itemId}\0${typeNo}\0${value}\0${occurredAtMs}`;
    const time = occurredAtMs.toString(16).padStart(12, '0');
    const first = hash128(text);
    const earlier = countEarlier(Number.parseInt(first.slice(0, 8), 16), Number.parseInt(first.slice(8, 16), 16));
    return time + (earlier === 0 ? first : hash128(`${text}\0${earlier}`)).slice(0, 20);
  };
}

/**
 * How often a 64-bit key was seen before: a hash table in typed arrays, because a Map of as many strings as a file has rows was a quarter of the import's time in the
 * garbage collector. Two rows that share 64 bits of their hash (one chance in 10⁸ for 10⁶ rows) are told apart all the same: the second is numbered.
 */
function createCounter(): (high: number, low: number) => number {
  let mask = (1 << 16) - 1;
  let highs = new Uint32Array(mask + 1);
  let lows = new Uint32Array(mask + 1);
  let counts = new Uint32Array(mask + 1);
  let used = 0;

  function slotOf(high: number, low: number): number {
    let slot = low & mask;
    while (counts[slot] !== 0 && (highs[slot] !== high || lows[slot] !== low)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  function grow(): void {
    const [oldHighs, oldLows, oldCounts] = [highs, lows, counts];
    mask = mask * 2 + 1;
    highs = new Uint32Array(mask + 1);
    lows = new Uint32Array(mask + 1);
    counts = new Uint32Array(mask + 1);
    for (let old = 0; old < oldCounts.length; old++) {
      if (oldCounts[old] !== 0) {
        const slot = slotOf(oldHighs[old], oldLows[old]);
        highs[slot] = oldHighs[old];
        lows[slot] = oldLows[old];
        counts[slot] = oldCounts[old];
      }
    }
  }

  return (high, low) => {
    if (used * 3 > mask * 2) {
      grow();
    }
    const slot = slotOf(high, low);
    if (counts[slot] === 0) {
      highs[slot] = high;
      lows[slot] = low;
      used++;
    }
    return counts[slot]++;
  };
}

/** 64-bit hash of a basket or session id, as the decimal string of a signed bigint. */
export function hashGroup(groupId: string): string {
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', `group\0${groupId}`, 'hex').slice(0, 16)}`)).toString();
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
  let tail = '';
  for (let k = 0; k < 8; k++) {
    const byte = k === 0 ? (random[used] & 0x3f) | 0x80 : random[used + k];
    tail += byte.toString(16).padStart(2, '0');
  }
  used += 8;
  return asUuid(`${lastMs.toString(16).padStart(12, '0')}7${sequence.toString(16).padStart(3, '0')}${tail}`);
}
