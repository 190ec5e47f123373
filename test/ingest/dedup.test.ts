import { describe, expect, it } from 'vitest';
import { createRowDedup, createUuidV7, dedupOfEventId, hashGroup, writeEventDedup, writeGroupHash } from '../../src/ingest/dedup.ts';

describe('a UUID made here', () => {
  it('is version 7 of RFC 9562 and carries its millisecond', () => {
    const ms = Date.UTC(2090, 0, 1);
    const id = createUuidV7(ms);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(ms);
  });

  it('ascends within a millisecond, beyond 4,096 of them, and when the clock steps back', () => {
    const ms = Date.UTC(2091, 0, 1);
    const ids = [...Array.from({ length: 10_000 }, () => createUuidV7(ms)), createUuidV7(ms - 5_000), createUuidV7(ms + 1), createUuidV7(ms + 60_000)];
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids.map((id) => id.slice(19)))).toHaveProperty('size', ids.length);
  });
});

describe('the identity of an event', () => {
  /** As hex, of one file. */
  const readRows = (remembered?: number) => {
    const write = createRowDedup(remembered);
    return (...row: [userId: string, itemId: string, typeNo: number, value: number | null, occurredAtMs: number]) => {
      const bytes = Buffer.alloc(16);
      write(...row, bytes, 0);
      return bytes.toString('hex');
    };
  };
  const written = (write: (bytes: Buffer) => void, length: number) => {
    const bytes = Buffer.alloc(length);
    write(bytes);
    return bytes.toString('hex');
  };

  it('never changes: it is stored, and a later version has to recognise it', () => {
    expect(dedupOfEventId('user-1', 'order-1')).toBe('800e46ed-392d-8092-5b9f-3965bccabc21');
    expect(hashGroup('order-1')).toBe('3765584906737584207');
    expect(readRows()('17850', '85123A', 3, null, 1_291_191_960_000)).toBe('012ca109c1c0db8596736f2c7517d034');
  });

  it('is the same written as bytes, for a file’s rows', () => {
    expect(written((bytes) => writeEventDedup('user-1', 'order-1', bytes, 0), 16)).toBe(dedupOfEventId('user-1', 'order-1').replaceAll('-', ''));
    expect(BigInt.asIntN(64, BigInt(`0x${written((bytes) => writeGroupHash('order-1', bytes, 0), 8)}`)).toString()).toBe(hashGroup('order-1'));
  });

  it('differs by user and by id, and no way of cutting the two makes others collide', () => {
    const ids = [dedupOfEventId('a', 'bc'), dedupOfEventId('ab', 'c'), dedupOfEventId('a', 'b'), dedupOfEventId('', 'abc'), dedupOfEventId('A', 'bc')];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('of equal rows of a file differs by how many came before, alike at every reading', () => {
    const read = () => {
      const dedup = readRows();
      return [dedup('u', 'i', 1, null, 5), dedup('u', 'i', 1, null, 5), dedup('u', 'i', 1, 0, 5), dedup('u', 'i', 1, null, 6), dedup('u', 'i', 2, null, 5), dedup('u', 'i', 1, null, 5)];
    };
    const ids = read();
    expect(new Set(ids).size).toBe(6);
    expect(read()).toEqual(ids);
  });

  it('counts equal rows, hundreds of them, among many others, and forgets those that are far behind', () => {
    const dedup = readRows(5_000);
    const many = new Set(Array.from({ length: 600 }, (_, k) => (Array.from({ length: 9 }, (_other, j) => dedup(`u${k}-${j}`, 'i', 1, null, 5)), dedup('u', 'i', 1, null, 5))));
    expect(many.size).toBe(600);
    const first = dedup('first', 'i', 1, null, 5);
    Array.from({ length: 4_000 }, (_, k) => dedup(`v${k}`, 'i', 1, null, 5));
    expect(dedup('first', 'i', 1, null, 5)).not.toBe(first);
    Array.from({ length: 12_000 }, (_, k) => dedup(`w${k}`, 'i', 1, null, 5));
    expect(dedup('first', 'i', 1, null, 5)).toBe(first);
  });

  it('of a row is no eventId’s', () => {
    expect(readRows()('u', 'i', 1, null, 5)).not.toBe(dedupOfEventId('u', 'i').replaceAll('-', ''));
  });

  it('of a group fits a bigint, negative ones too', () => {
    const hashes = Array.from({ length: 200 }, (_, k) => BigInt(hashGroup(`g${k}`)));
    expect(hashes.every((one) => one >= -(2n ** 63n) && one < 2n ** 63n)).toBe(true);
    expect(hashes.some((one) => one < 0n) && hashes.some((one) => one > 0n)).toBe(true);
    expect(new Set(hashes).size).toBe(200);
  });
});
