/**
 * How well ratings are predicted, where a shop has any: biased factorization (`explicit.ts`) on the ratings before the cut, RMSE and MAE on those after it, beside the mean, the items' means and
 * biases alone. It ranks nothing and decides nothing: a shop that collects stars wants to know whether they can be foretold.
 */
import { biasConstant, DEFAULT_RATING_RECIPE, measureRatingBaselines, predictRating, type RatingBaselines, type RatingRecipe, rowRecipe, scaleRatings, toRatingModel } from '../explicit.ts';
import type { FitFunction } from '../fitting.ts';
import type { EventColumns, EventTypeRule } from '../interactions.ts';
import { distinctSorted, indexOfNo, type SparseRows } from '../matrix.ts';
import type { PairColumns } from '../pairs.ts';
import { foldRatings, measureErrors, type RatingErrors, wantRatings } from '../ratings.ts';

export interface RatingsReport {
  /** Before and after the cut, the newest of each pair. */
  trainRatings: number;
  testRatings: number;
  testUsers: number;
  /** Share of test ratings whose user or item has no rating before the cut. */
  coldShare: number;
  recipe: RatingRecipe;
  model: RatingErrors;
  baselines: RatingBaselines;
}

/** With fewer, errors are those of a handful of people. */
const least = { train: 1000, test: 100 };

/** Null where there are too few ratings on either side. Events of types whose newest value counts, against a threshold, are ratings; one without a value takes its pair's back. */
export function measureRatings(train: EventColumns, held: EventColumns, rules: readonly EventTypeRule[], fit: FitFunction): RatingsReport | null {
  const types = new Set(rules.filter(({ mode, threshold }) => mode === 'latest' && threshold !== null).map(({ typeNo }) => typeNo));
  const [before, after] = [ratingsOf(train, types), ratingsOf(held, types)];
  if (before.matrix.index.length < least.train || after.matrix.index.length < least.test) return null;
  const most = Math.max(1, Math.floor(Math.min(before.matrix.rows, before.matrix.cols) / 2));
  const recipe = { ...DEFAULT_RATING_RECIPE, factors: Math.min(DEFAULT_RATING_RECIPE.factors, most) };
  const scaled = scaleRatings(before.matrix);
  const biases = biasConstant(recipe);
  const { users, items } = fit(scaled.matrix, rowRecipe(recipe), { biases });
  const model = toRatingModel({ users: { ...users, data: users.data.slice() }, items: { ...items, data: items.data.slice() } }, scaled, biases);
  const rowOf = (nos: Int32Array, among: Int32Array) => Int32Array.from(nos, (no) => indexOfNo(among, no));
  const wanted = wantRatings(after.matrix, rowOf(after.userNos, before.userNos), rowOf(after.itemNos, before.itemNos));
  return {
    trainRatings: before.matrix.index.length,
    testRatings: wanted.rating.length,
    testUsers: new Set(wanted.group).size,
    coldShare: wanted.user.reduce((count, user, n) => count + (user < 0 || wanted.item[n]! < 0 ? 1 : 0), 0) / wanted.rating.length,
    recipe,
    model: measureErrors((user, item) => predictRating(model, user, item), wanted),
    baselines: measureRatingBaselines(before.matrix, model, recipe, wanted),
  };
}

/** The newest rating of each pair that was not taken back. */
function ratingsOf({ length, user, item, type, value, occurredAtMs, eventNo }: EventColumns, types: ReadonlySet<number>): { matrix: SparseRows; userNos: Int32Array; itemNos: Int32Array } {
  const rated = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) if (types.has(type[i]!)) rated[count++] = i;
  // Of equal times the later event number counts, so rows are brought into its order: foldRatings takes the last of equals.
  const rows = rated.subarray(0, count).sort((a, b) => eventNo[a]! - eventNo[b]!);
  const pick = (column: Int32Array) => Int32Array.from(rows, (i) => column[i]!);
  const [userOf, itemOf] = [pick(user), pick(item)];
  const [userNos, itemNos] = [distinctSorted(userOf), distinctSorted(itemOf)];
  const pairs: PairColumns = {
    length: count, users: userNos.length, items: itemNos.length, user: userOf.map((no) => indexOfNo(userNos, no)), item: itemOf.map((no) => indexOfNo(itemNos, no)),
    weight: Float32Array.from(rows, (i) => value[i]!), timeMs: Float64Array.from(rows, (i) => occurredAtMs[i]!),
  };
  return { matrix: withoutTakenBack(foldRatings(pairs).matrix), userNos, itemNos };
}

function withoutTakenBack(matrix: SparseRows): SparseRows {
  const rowStart = new Int32Array(matrix.rows + 1);
  const kept = new Int32Array(matrix.index.length);
  let entries = 0;
  for (let r = 0; r < matrix.rows; r++) {
    for (let e = matrix.rowStart[r]!; e < matrix.rowStart[r + 1]!; e++) if (!Number.isNaN(matrix.target[e]!)) kept[entries++] = e;
    rowStart[r + 1] = entries;
  }
  const rows = kept.subarray(0, entries);
  return { ...matrix, rowStart, index: Int32Array.from(rows, (e) => matrix.index[e]!), weight: new Float32Array(entries).fill(1), target: Float32Array.from(rows, (e) => matrix.target[e]!) };
}
