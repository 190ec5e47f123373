import { expect, it } from 'vitest';
import { foldEvents } from '../../src/model/interactions.ts';
import { countColumns, createFactors, indexInteractions, indexOfNo, meanWeight, scaleWeights, transpose, transposeColumns } from '../../src/model/matrix.ts';
import { columnsOf, randomSparse, ruleOf, sparseOf } from './events.ts';

it('turns rows into columns', () => {
  const matrix = sparseOf(3, [[[0, 1, 1], [2, 2, 0]], [], [[2, 3, 0.5]]]);
  expect(transpose(matrix)).toEqual(sparseOf(3, [[[0, 1, 1]], [], [[0, 2, 0], [2, 3, 0.5]]]));
});

it('is transposed a range of columns at a time as at once', () => {
  const matrix = randomSparse(60, 33, 0.3, 5);
  const whole = transpose(matrix);
  const parts = { ...whole, rowStart: new Int32Array(34), index: whole.index.map(() => -1), weight: whole.weight.map(() => 0), target: whole.target.map(() => 0) };
  countColumns(matrix, parts.rowStart);
  for (const [from, to] of [[20, 33], [0, 7], [7, 7], [7, 20]] as const) transposeColumns(matrix, parts, from, to);
  expect(parts).toEqual(whole);
});

it('gives the matrix back when transposed twice', () => {
  const matrix = randomSparse(37, 23, 0.2, 5);
  expect(transpose(transpose(matrix))).toEqual(matrix);
});

it('numbers users and items in ascending order, without entries of weight 0', () => {
  const events = [{ user: 9, item: 700 }, { user: 4, item: 30 }, { user: 4, item: 700 }, { user: 6, item: 5, type: 2 }];
  const folded = foldEvents(columnsOf(events), [ruleOf(), ruleOf({ typeNo: 2, weight: 0, hidesDays: null })], 0);
  expect([...folded.userNos]).toEqual([4, 6, 9]);
  const { userNos, itemNos, matrix } = indexInteractions(folded);
  expect([...userNos]).toEqual([4, 9]);
  expect([...itemNos]).toEqual([30, 700]);
  expect(matrix).toEqual(sparseOf(2, [[[0, 1, 1], [1, 1, 1]], [[1, 1, 1]]]));
});

it('keeps the marked entries only', () => {
  const folded = foldEvents(columnsOf([{ user: 1, item: 1 }, { user: 1, item: 2 }, { user: 2, item: 1 }]), [ruleOf()], 0);
  const { userNos, itemNos } = indexInteractions(folded, Uint8Array.of(0, 1, 0));
  expect([[...userNos], [...itemNos]]).toEqual([[1], [2]]);
});

it('scales weights to mean 1', () => {
  const matrix = randomSparse(10, 10, 0.5, 1);
  expect(meanWeight(scaleWeights(matrix, 1 / meanWeight(matrix)))).toBeCloseTo(1, 6);
});

it('finds numbers in a sorted list, and says when they are missing', () => {
  const nos = Int32Array.of(2, 5, 9);
  expect([1, 2, 5, 7, 9, 10].map((no) => indexOfNo(nos, no))).toEqual([-1, 0, 1, -1, 2, -1]);
  expect(indexOfNo(new Int32Array(0), 1)).toBe(-1);
});

it('pads rows of factors to a multiple of 8', () => {
  expect([1, 8, 9, 64].map((factors) => createFactors(2, factors).stride)).toEqual([8, 8, 16, 64]);
});
