import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFactors } from '../../src/model/matrix.ts';
import { type UserSide, decodeUserSide, encodeUserSide } from '../../src/model/snapshot.ts';
import { rowsOfUsers, withoutUsers } from '../../src/model/without-users.ts';

/** Every number of it tells whose it is. */
function sideOf(people: readonly { no: number; entries: number }[]): UserSide {
  const factors = createFactors(people.length, 3);
  people.forEach(({ no }, row) => factors.data.fill(no, row * factors.stride, row * factors.stride + 3));
  const owners = people.flatMap(({ no, entries }) => Array.from({ length: entries }, (_, n) => no * 10 + n));
  let at = 0;
  return {
    userNos: Int32Array.from(people, ({ no }) => no), userIds: people.map(({ no }) => `u${no}`), factors,
    history: {
      rowStart: Int32Array.from([0, ...people.map(({ entries }) => (at += entries))]),
      itemIndex: Int32Array.from(owners), weight: Float32Array.from(owners), target: Float32Array.from(owners, (owner) => -owner), lastMs: Float64Array.from(owners, (owner) => owner * 1e6),
      hidden: Uint8Array.from(owners, (owner) => owner % 2), mainType: Int16Array.from(owners, (owner) => owner % 7),
    },
  };
}

describe('a user side without those who left', () => {
  it('is byte for byte the side of those who stayed, whoever and however many leave', () => {
    fc.assert(fc.property(fc.array(fc.record({ entries: fc.nat(4), leaves: fc.boolean() }), { maxLength: 30 }), (shape) => {
      const people = shape.map((one, n) => ({ ...one, no: 3 * n + 2 }));
      const gone = Int32Array.from(people.filter(({ leaves }) => leaves), ({ no }) => no);
      // As it is stored, which is in views of one buffer.
      const side = decodeUserSide(encodeUserSide(sideOf(people)));
      const lean = withoutUsers(side, rowsOfUsers(side.userNos, gone));
      expect(Buffer.from(encodeUserSide(lean))).toEqual(Buffer.from(encodeUserSide(sideOf(people.filter(({ leaves }) => !leaves)))));
    }));
  });

  it('knows the rows of numbers that are there, and passes over others', () => {
    expect(rowsOfUsers(Int32Array.of(2, 5, 9), Int32Array.of(1, 5, 6, 9, 10))).toEqual([1, 2]);
  });
});
