/** Repeated events: the same user, item, type, time, value and quantity under another event number. */
import type { EventColumns } from '../interactions.ts';

/** One 32-bit mark an event, equal for equal events of a user; read in order once, so that looking for repeats touches little else. */
export function markEvents({ length, item, type, value, quantity, occurredAtMs }: EventColumns): Int32Array {
  const marks = new Int32Array(length);
  const valueBits = bitsOf(value);
  const quantityBits = bitsOf(quantity);
  for (let i = 0; i < length; i++) {
    const seconds = Math.floor(occurredAtMs[i]! / 1000) | 0;
    let mark = Math.imul(item[i]!, 0x9e3779b1) ^ Math.imul(seconds, 0x85ebca6b) ^ Math.imul(type[i]! + 1, 0xc2b2ae35);
    mark ^= Math.imul(valueBits[i]! ^ (quantityBits[i]! >>> 3), 0x27d4eb2f);
    marks[i] = mark ^ (mark >>> 15);
  }
  return marks;
}

/**
 * Counts, among rows from … to − 1 of `rows`, all of one user, those that repeat an earlier one. `marks` are in the order of `rows`. The table is kept between
 * users and only as much of it cleared as the next one needs.
 */
export function createDuplicateFinder(columns: EventColumns, rows: Int32Array, marks: Int32Array): (from: number, to: number) => number {
  const { item, type, value, quantity, occurredAtMs } = columns;
  let table = new Int32Array(64);

  function isSame(a: number, b: number): boolean {
    return item[a] === item[b] && occurredAtMs[a] === occurredAtMs[b] && type[a] === type[b] && sameOrBothAbsent(value, a, b) && sameOrBothAbsent(quantity, a, b);
  }

  return (from, to) => {
    const count = to - from;
    if (count < 2) return 0;
    let size = 4;
    while (size < 2 * count) size *= 2;
    if (size > table.length) table = new Int32Array(size);
    table.fill(-1, 0, size);
    let repeated = 0;
    for (let n = from; n < to; n++) {
      const mark = marks[n]!;
      let slot = mark & (size - 1);
      let other = table[slot]!;
      while (other >= 0 && !(marks[other] === mark && isSame(rows[other]!, rows[n]!))) {
        slot = (slot + 1) & (size - 1);
        other = table[slot]!;
      }
      if (other >= 0) repeated++;
      else table[slot] = n;
    }
    return repeated;
  };
}

function bitsOf(numbers: Float32Array): Int32Array {
  return new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length);
}

function sameOrBothAbsent(numbers: Float32Array, a: number, b: number): boolean {
  return numbers[a] === numbers[b] || (Number.isNaN(numbers[a]!) && Number.isNaN(numbers[b]!));
}
