/**
 * Events to fit on, ready for any recipe, and what their users came to want afterwards.
 *
 * A half-life changes weights and never which pairs there are, so rows and columns are the same for all recipes, and their lists can be compared user by user.
 */
import { fitPlain, type FitFunction } from '../fitting.ts';
import { type HybridTerms, type Histories, rankByHybrid, scaleTerms, weighHistory } from '../hybrid.ts';
import type { Recipe } from '../recipe.ts';
import { decay, type EventColumns, type EventTypeRule, foldEvents, type Interactions, newestOccurredAt } from '../interactions.ts';
import { type Factors, indexInteractions, meanWeight, scaleWeights, type SparseRows } from '../matrix.ts';
import type { Ranker } from '../metrics.ts';
import { findNeighbours, type Neighbours } from '../neighbours.ts';
import { findRelevance, type Relevance } from '../split.ts';
import { settingsOf, type Terms, weightsOf, withHalfLife } from '../terms.ts';
import { defaultVoiceRules, fitWithVoices, measureVoices, type VoiceRules } from '../voices.ts';

const dayMs = 86_400_000;

/** The events of a part under one half-life. */
export interface Folded {
  interactions: Interactions;
  /** With the half-life in them. */
  rules: EventTypeRule[];
  /** One row per user; weights as `foldEvents` made them. */
  matrix: SparseRows;
  weightScale: number;
  /** The same, weights of mean 1. */
  byUser: SparseRows;
  histories: Histories;
}

export interface Part {
  columns: EventColumns;
  newestMs: number;
  userNos: Int32Array;
  itemNos: Int32Array;
  /** Null where nothing came after. */
  relevance: Relevance | null;
  /** How much each row counts for others; null: all of them in full. */
  voices: Float32Array | null;
  fold(halfLifeDays: number): Folded;
  /** Recent popularity: Σ over an item's users of voice · target · freshness of the pair's newest event. */
  countFreshUsers(halfLifeDays: number): Float32Array;
  findNeighbours(terms: Terms): Neighbours;
}

/** Beyond so many pairs only the plain folding, which everything but the fit looks at, and the latest other one are kept. */
const mostKeptPairs = 2_000_000;

/** @param later the events after the part; null where it is fitted to be served. @param voiceRules what the part's users count by, known from its own events alone */
export function createPart(columns: EventColumns, rules: readonly EventTypeRule[], later: EventColumns | null, voiceRules: VoiceRules = defaultVoiceRules): Part {
  const newestMs = newestOccurredAt(columns);
  const kept = new Map<number, Folded>();
  const plain = foldPart(columns, rules, 0, newestMs);
  const fold = (halfLifeDays: number): Folded => {
    const known = halfLifeDays === 0 ? plain : kept.get(halfLifeDays);
    if (known !== undefined) return known;
    const folded = foldPart(columns, rules, halfLifeDays, newestMs);
    if (folded.matrix.index.length > mostKeptPairs) kept.clear();
    kept.set(halfLifeDays, folded);
    return folded;
  };
  const { interactions, matrix } = plain;
  const { userNos, itemNos } = indexInteractions(interactions);
  const voices = measureVoices(columns, rules, userNos, voiceRules);
  const relevance = later === null ? null : findRelevance(later, rules, interactions, userNos, itemNos);
  /** What speaks for an item: a rating below its threshold is no reason to bring its neighbours. */
  const positive = keepPositive(matrix);
  const lists = new Map<string, Neighbours>();
  const newest = keptOf(interactions.lastMs, interactions.weight);
  return {
    columns, newestMs, userNos, itemNos, relevance, voices,
    fold,
    countFreshUsers(halfLifeDays) {
      const users = new Float64Array(matrix.cols);
      for (let row = 0; row < matrix.rows; row++) {
        const voice = voices === null ? 1 : voices[row]!;
        for (let e = matrix.rowStart[row]!; e < matrix.rowStart[row + 1]!; e++) users[matrix.index[e]!]! += voice * matrix.target[e]! * decay((newestMs - newest[e]!) / dayMs, halfLifeDays);
      }
      return Float32Array.from(users);
    },
    findNeighbours(terms) {
      const key = JSON.stringify([terms.neighbours, terms.neighbourExponents]);
      const known = lists.get(key);
      if (known !== undefined) return known;
      const found = findNeighbours(positive, settingsOf(terms), voices);
      if (found.index.length > mostKeptPairs) lists.clear();
      lists.set(key, found);
      return found;
    },
  };
}

function foldPart(columns: EventColumns, rules: readonly EventTypeRule[], halfLifeDays: number, newestMs: number): Folded {
  const fading = withHalfLife(rules, halfLifeDays);
  const interactions = foldEvents(columns, fading, newestMs);
  const { matrix } = indexInteractions(interactions);
  const weightScale = matrix.index.length === 0 ? 1 : 1 / meanWeight(matrix);
  const weight = keptOf(weighHistory(interactions, newestMs, halfLifeDays), interactions.weight);
  return { interactions, rules: fading, matrix, weightScale, byUser: scaleWeights(matrix, weightScale), histories: { rowStart: matrix.rowStart, index: matrix.index, weight } };
}

/** Of a column of interactions, the entries that `indexInteractions` keeps. */
function keptOf<T extends Float32Array | Float64Array>(column: T, weight: Float32Array): T {
  return column.filter((_, e) => weight[e]! > 0) as T;
}

const positiveTarget = 0.5;

function keepPositive(matrix: SparseRows): SparseRows {
  if (matrix.target.every((target) => target >= positiveTarget)) return matrix;
  const rowStart = new Int32Array(matrix.rows + 1);
  const index = new Int32Array(matrix.index.length);
  let entries = 0;
  for (let row = 0; row < matrix.rows; row++) {
    for (let e = matrix.rowStart[row]!; e < matrix.rowStart[row + 1]!; e++) if (matrix.target[e]! >= positiveTarget) index[entries++] = matrix.index[e]!;
    rowStart[row + 1] = entries;
  }
  return { ...matrix, rowStart, index: index.subarray(0, entries), weight: new Float32Array(entries).fill(1), target: new Float32Array(entries).fill(1) };
}

/** A fit of a part with its terms. The factors may be overwritten by the next fit. */
export interface FittedRecipe {
  recipe: Recipe;
  folded: Folded;
  users: Factors;
  items: Factors;
  objective: number[];
  hybrid: HybridTerms;
  /** Ranks rows of the part, without their own items. */
  rank(maxLimit: number): Ranker;
}

/** Cold unless `hooks` give a start: what is measured must not begin at factors that have seen what it is measured on. */
export function fitPart(part: Part, recipe: Recipe, terms: Terms, fit: FitFunction = fitPlain, hooks: Parameters<FitFunction>[2] = {}): FittedRecipe {
  const folded = part.fold(terms.halfLifeDays);
  const { users, items, objective = [] } = fitWithVoices(fit, part.voices)(folded.byUser, recipe, hooks);
  const weights = weightsOf(terms);
  const neighbours = weights.neighbours > 0 ? part.findNeighbours(terms) : null;
  const recentPopularity = weights.recency > 0 ? part.countFreshUsers(terms.recencyHalfLifeDays) : null;
  const hybrid: HybridTerms = { neighbours, recentPopularity, scales: scaleTerms(users, items, folded.histories, neighbours, recentPopularity, weights) };
  return { recipe, folded, users, items, objective, hybrid, rank: (maxLimit) => rankByHybrid(users, items, folded.histories, hybrid, maxLimit) };
}
