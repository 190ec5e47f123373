/**
 * The hybrid score's exact top-N by the kernel of `kernels/assembly/rank.ts`, which explains how: an index in a WebAssembly memory of its own, made once a model.
 *
 *   score_i = x·y_i + (p σ_f/σ_p r_i + w σ_f/σ_n Σ_j h_j S_ji)        all in float32, in this order, whichever way an item was found
 *
 * Everything lies by position: items with the longest vectors first. `hybrid.ts` has the same in plain TypeScript and float64, for where WebAssembly may not run, and to test against.
 */
import type { FoldIn } from './fold-in.ts';
import { diagonalOf, isDiagonal, type ScoreMoments, spreadOfScores, sumOfRows } from './gram.ts';
import { type Boost, checkBoosts, checkSlot, type HistoryEntries, type HybridScan, type HybridTerms } from './hybrid.ts';
import { denseDiagonal } from './ials.ts';
import { type Recipe, ridgeOf } from './recipe.ts';
import type { Effort } from './kernels/kernels.ts';
import { createRankKernels } from './kernels/wasm-rank.ts';
import { createWasmKernels, wasmScratchBytes } from './kernels/wasm.ts';
import type { Factors } from './matrix.ts';
import { checkLimit, createTopN, scanSlots, type TopN } from './top-n.ts';

const headFloats = 16;
const tileRows = 32;
const pageBytes = 65_536;
/** Longest history a call takes. */
const mostEntries = 8192;
const fields = 17;
/** Numbers of a call that the kernel keeps. */
const queryNumbers = 6;
/** Positions whose sums are always made: they take 8 KB. Beyond them half of the additions are left, and 12 lists of 100 need any (38,700 items, K = 100). */
const mostNear = 2048;
/** Those that a call chooses: where bonus, tiles' bonus and marks are. */
const bonusField = 6;
const tileBonusField = 7;
const marksField = 11;
/** Less is as good as nothing, and must not become it: see `notReached` of the kernel. */
const leastSimilarity = 1e-20;
/** Weights below it reach nothing. */
const leastWeight = 1e-15;

/** `terms.scales` of 0 leave a term out. `nearRows`: a multiple of 32. @throws RangeError where the index takes more than 4 GiB */
export function createRanker(items: Factors, { neighbours, recentPopularity, scales }: HybridTerms, maxLimit: number, nearRows = mostNear): HybridScan {
  const { rows: count, stride: itemStride } = items;
  const stride = Math.ceil(itemStride / headFloats) * headFloats;
  const rows = Math.ceil(Math.max(1, count) / tileRows) * tileRows;
  const near = Math.min(nearRows, rows);
  const withNeighbours = neighbours !== null && scales.neighbours > 0;
  const entries = withNeighbours ? neighbours.index.length : 0;

  // The layout: numbers of 4 bytes each, every part at a multiple of 16 bytes. `touched` has one place more: the kernel writes before it knows whether the place is new.
  let end = fields * 4;
  const part = (numbers: number) => {
    const at = Math.ceil(end / 16) * 16;
    end = at + numbers * 4;
    return at;
  };
  const at = {
    vectors: part(rows * stride), heads: part(rows * headFloats), norms: part(rows), rests: part(rows), bonus: part(rows), tileBonus: part(rows / tileRows),
    neighbours: part(2 * (count + 1)), entries: part(2 * entries), sums: part(rows), touched: part(rows + 1), itemAt: part(rows),
    scores: part(maxLimit), places: part(maxLimit), query: part(queryNumbers), x: part(stride), history: part(mostEntries), weights: part(mostEntries), all: part(rows),
    solved: part(stride), rowStart: part(2), targets: part(mostEntries), dense: part(2 * stride), ridge: part(2), scratch: part(wasmScratchBytes(stride) / 4), gram: part(2 * stride * stride),
    boosted: part(rows), tileBoosted: part(rows / tileRows), slots: part((scanSlots * rows) / 4),
  };
  const pages = Math.ceil(end / pageBytes);
  if (pages > 65_536) throw new RangeError(`an index of ${count} items with ${itemStride} factors and ${entries} neighbours takes more than 4 GiB`);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const kernels = createRankKernels(memory);
  const floats = (from: number, numbers: number) => new Float32Array(memory.buffer, from, numbers);
  const ints = (from: number, numbers: number) => new Int32Array(memory.buffer, from, numbers);
  ints(0, fields).set([
    rows, stride * 4, at.vectors, at.heads, at.norms, at.rests, at.bonus, at.tileBonus, at.neighbours, at.sums, at.touched, at.slots, at.itemAt, at.scores, at.places, near, 0,
  ]);

  const lengths = new Float64Array(count);
  for (let i = 0; i < count; i++) lengths[i] = lengthOf(items.data, i * itemStride, (i + 1) * itemStride);
  const order = Int32Array.from({ length: count }, (_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const placeOf = new Int32Array(count);
  const itemAt = ints(at.itemAt, rows);
  const vectors = floats(at.vectors, rows * stride);
  const heads = floats(at.heads, rows * headFloats);
  const [norms, rests, bonus] = [floats(at.norms, rows), floats(at.rests, rows), floats(at.bonus, rows)];
  for (let place = 0; place < count; place++) {
    const item = order[place]!;
    placeOf[item] = place;
    itemAt[place] = item;
    const from = item * itemStride;
    vectors.set(items.data.subarray(from, from + itemStride), place * stride);
    heads.set(items.data.subarray(from, from + Math.min(headFloats, itemStride)), place * headFloats);
    norms[place] = roundUp(lengths[item]!);
    rests[place] = roundUp(lengthOf(items.data, from + Math.min(headFloats, itemStride), from + itemStride));
    bonus[place] = recentPopularity === null ? 0 : scales.recency * recentPopularity[item]!;
  }
  const slots = new Uint8Array(memory.buffer, at.slots, scanSlots * rows);
  // Padding is marked, so it is never an answer. Nothing else of a slot is touched before it is set: the system gives no memory for what nobody wrote to.
  for (let slot = 0; slot < scanSlots; slot++) slots.fill(1, slot * rows + count, (slot + 1) * rows);
  bonus.fill(-3e38, count);
  itemAt.fill(count, count);
  kernels.coverTiles(at.bonus, at.tileBonus, rows);
  floats(at.sums, rows).fill(-0, near);
  if (withNeighbours) fillNeighbours();

  /** Lists by position: near neighbours first, the others by falling similarity. */
  function fillNeighbours(): void {
    const { rowStart, index, similarity } = neighbours!;
    const pointers = new Uint32Array(memory.buffer, at.neighbours, 2 * (count + 1));
    const [offsets, similar] = [new Uint32Array(memory.buffer, at.entries, 2 * entries), floats(at.entries, 2 * entries)];
    let e = 0;
    const put = (n: number) => {
      offsets[e] = placeOf[index[n]!]! * 4;
      similar[e + 1] = Math.abs(similarity[n]!) < leastSimilarity ? leastSimilarity : similarity[n]!;
      e += 2;
    };
    for (let place = 0; place < count; place++) {
      const item = order[place]!;
      const [from, to] = [rowStart[item]!, rowStart[item + 1]!];
      pointers[2 * place] = at.entries + e * 4;
      for (let n = from; n < to; n++) if (placeOf[index[n]!]! < near) put(n);
      pointers[2 * place + 1] = at.entries + e * 4;
      let falls = true;
      const far = e;
      for (let n = from; n < to; n++) {
        if (placeOf[index[n]!]! < near) continue;
        put(n);
        falls &&= e === far + 2 || similar[e - 1]! <= similar[e - 3]!;
      }
      if (!falls) sortFar(offsets, similar, far, e);
    }
    pointers.fill(at.entries + e * 4, 2 * count);
  }

  const index = ints(0, fields);
  const x = floats(at.x, stride);
  const history = ints(at.history, mostEntries);
  const weights = floats(at.weights, mostEntries);
  const scores = floats(at.scores, maxLimit);
  const places = ints(at.places, maxLimit);
  const best = createTopN(maxLimit);
  /** Marks that a call made, to be taken back at its end. */
  let marked = new Int32Array(256);
  let markedCount = 0;
  let moments: ScoreMoments | null = null;

  function mark(base: number, item: number): void {
    const p = base + placeOf[item]!;
    if (slots[p] !== 0) return;
    slots[p] = 1;
    if (markedCount === marked.length) {
      const longer = new Int32Array(2 * markedCount);
      longer.set(marked);
      marked = longer;
    }
    marked[markedCount++] = p;
  }

  function unmark(): void {
    for (let k = 0; k < markedCount; k++) slots[marked[k]!] = 0;
    markedCount = 0;
  }

  /** `boosted` = what it holds + boosts. */
  function addBoosts(boosts: readonly Boost[]): void {
    for (const { slot, amount } of boosts) kernels.addMarked(at.slots + slot * rows, amount, at.boosted, rows);
  }

  /** Lets the next call go by bonus + boosts, in the bonus' place. */
  function chooseBonus(boosts: readonly Boost[] | undefined): void {
    const plain = boosts === undefined || boosts.length === 0;
    if (!plain) {
      floats(at.boosted, rows).set(bonus);
      addBoosts(boosts);
      kernels.coverTiles(at.boosted, at.tileBoosted, rows);
    }
    index[bonusField] = plain ? at.bonus : at.boosted;
    index[tileBonusField] = plain ? at.tileBonus : at.tileBoosted;
  }

  function answer(found: number): TopN {
    for (let k = 0; k < found; k++) {
      best.items[k] = itemAt[places[k]!]!;
      best.scores[k] = scores[k]!;
    }
    best.count = found;
    return best;
  }

  /** Vector and history into the memory; returns the history's length there. */
  function place(vector: ArrayLike<number>, entriesOf: HistoryEntries, from: number, to: number): number {
    for (let k = 0; k < itemStride; k++) x[k] = vector[k]!;
    if (!withNeighbours) return 0;
    let n = 0;
    for (let e = Math.max(from, to - mostEntries); e < to; e++) {
      const h = scales.neighbours * entriesOf.weight[e]!;
      if (h < leastWeight) continue;
      history[n] = placeOf[entriesOf.index[e]!]!;
      weights[n++] = h;
    }
    return n;
  }

  const doubles = (from: number, numbers: number) => new Float64Array(memory.buffer, from, numbers);

  /** Made when first asked for: who only ranks needs none. */
  function momentsOfItems(): ScoreMoments {
    if (moments !== null) return moments;
    const gram = doubles(at.gram, stride * stride);
    createWasmKernels(memory).gram(at.vectors, stride, 0, rows, at.scratch, at.gram);
    for (let i = 0; i < stride; i++) for (let j = 0; j < i; j++) gram[i * stride + j] = gram[j * stride + i]!;
    moments = { rows: count, gram: isDiagonal(gram, stride) ? diagonalOf(gram, stride) : gram, sum: sumOfRows({ rows: count, factors: items.factors, stride, data: vectors }) };
    return moments;
  }

  function createFoldInKernel(recipe: Recipe, weightScale: number): FoldIn | null {
    const { gram } = momentsOfItems();
    if (gram.length > stride) return null;
    const fitting = createWasmKernels(memory);
    doubles(at.dense, stride).set(denseDiagonal(gram, recipe));
    const [rowStart, targets, ridge, solved] = [ints(at.rowStart, 2), floats(at.targets, mostEntries), doubles(at.ridge, 1), floats(at.solved, stride)];
    const sparse = { rowStart: at.rowStart, index: at.history, weight: at.weights, target: at.targets };
    // As the closing half-sweep of a fit, and a little further, from 0.
    const effort: Effort = { warm: false, steps: 4 * stride + 32, tolerance: 1e-6, relaxation: 1, exactPasses: 2 };
    return {
      solve(itemIndex, weight, target, n, out) {
        let known = 0;
        for (let e = 0; e < n && known < mostEntries; e++) {
          if (itemIndex[e]! < 0 || !(weight[e]! > 0)) continue;
          history[known] = placeOf[itemIndex[e]!]!;
          weights[known] = weight[e]! * weightScale;
          targets[known++] = target[e]!;
        }
        out.fill(0, 0, itemStride);
        if (known === 0) return false;
        rowStart[1] = known;
        ridge[0] = ridgeOf(known, count, recipe);
        if (fitting.solveRows(at.solved, at.vectors, stride, sparse, 0, 1, at.dense, at.ridge, effort, at.scratch) >= 0) return false;
        for (let k = 0; k < itemStride; k++) out[k] = solved[k]!;
        return true;
      },
    };
  }

  return {
    masks: scanSlots,
    setMask(slot, byItem) {
      checkSlot(slot);
      const base = slot * rows;
      for (let p = 0; p < count; p++) slots[base + p] = byItem[order[p]!]!;
    },
    rank({ vector, history: entriesOf, from, to, limit, mask, includeHidden, without, boosts }) {
      checkLimit(limit, maxLimit);
      checkBoosts(boosts);
      if (limit <= 0 || count === 0) return answer(0);
      const base = mask * rows;
      if (includeHidden !== true) for (let e = from; e < to; e++) if (entriesOf.hidden[e] === 1) mark(base, entriesOf.index[e]!);
      for (let n = 0; n < (without?.length ?? 0); n++) mark(base, without![n]!);
      chooseBonus(boosts);
      index[marksField] = at.slots + base;
      const found = kernels.rank(0, at.query, at.x, at.history, at.weights, place(vector, entriesOf, from, to), limit);
      unmark();
      return answer(found);
    },
    rankSimilar(vector, limit, mask, without, boosts) {
      checkLimit(limit, maxLimit);
      checkBoosts(boosts);
      if (limit <= 0 || count === 0) return answer(0);
      const base = mask * rows;
      for (let n = 0; n < without.length; n++) mark(base, without[n]!);
      const boosted = boosts !== undefined && boosts.length > 0;
      if (boosted) {
        floats(at.boosted, rows).fill(0);
        addBoosts(boosts);
      }
      index[marksField] = at.slots + base;
      for (let k = 0; k < itemStride; k++) x[k] = vector[k]!;
      const found = kernels.rankSimilar(0, at.x, boosted ? at.boosted : 0, limit);
      unmark();
      return answer(found);
    },
    vectorOf: (item) => vectors.subarray(placeOf[item]! * stride, placeOf[item]! * stride + itemStride),
    spread: (vector) => {
      for (let k = 0; k < itemStride; k++) x[k] = vector[k]!;
      return spreadOfScores(x, momentsOfItems());
    },
    partsOf(vector, entriesOf, from, to, item) {
      const n = place(vector, entriesOf, from, to);
      const p = placeOf[item]!;
      return { factors: kernels.scoreFactors(0, at.x, p), neighbours: kernels.scoreNeighbours(0, at.history, at.weights, n, p), recency: bonus[p]! };
    },
    createFoldIn: (recipe, weightScale) => createFoldInKernel(recipe, weightScale),
    scoreAll(vector, entriesOf, from, to, boosts) {
      checkBoosts(boosts);
      chooseBonus(boosts);
      kernels.scoreEverything(0, at.x, at.history, at.weights, place(vector, entriesOf, from, to), at.all);
      const byPlace = floats(at.all, rows);
      return Float64Array.from({ length: count }, (_, item) => byPlace[placeOf[item]!]!);
    },
  };
}

function lengthOf(data: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let k = from; k < to; k++) sum += data[k]! * data[k]!;
  return Math.sqrt(sum);
}

/** By falling similarity: training's lists are in this order, others need not be. */
function sortFar(offsets: Uint32Array, similar: Float32Array, from: number, to: number): void {
  const pairs: [number, number][] = [];
  for (let e = from; e < to; e += 2) pairs.push([offsets[e]!, similar[e + 1]!]);
  pairs.sort((a, b) => b[1] - a[1]);
  pairs.forEach(([offset, similarity], n) => {
    offsets[from + 2 * n] = offset;
    similar[from + 2 * n + 1] = similarity;
  });
}

/** A float32 no lower than the length. */
function roundUp(length: number): number {
  return length === 0 ? 0 : length * (1 + 2 ** -22);
}
