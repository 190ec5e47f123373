/**
 * From candidates to a list, whatever kind they are of:
 *
 *   candidates by score (exact, from what the conditions leave) → popularity's discount, diversity and rotation → exploration → minScore → pins → filled up: buried ones, the kind's next, trending, newest → the page asked for
 *
 * The whole list is made down to the end of the page, so that pages fit together. An item is in a list once; each that is not of the list's own kind says its source.
 */
import type { HybridScan } from '../model/hybrid.ts';
import { SPAN_PLACES } from '../model/span.ts';
import type { TopN } from '../model/top-n.ts';
import type { Catalogue } from './catalogue.ts';
import type { Prepared } from './conditions.ts';
import type { Because } from './explain.ts';
import type { Explorer } from './explorer.ts';
import type { Filter } from './filter/nodes.ts';
import type { LiveModel } from './live-model.ts';
import type { Masks } from './masks.ts';
import { LIST_SOURCES, type ListSource } from './recommendation-id.ts';
import { MAX_POOL, createReorderer } from './reorder.ts';
import type { Trending } from './trending.ts';

/** Where an item of a list can come from. */
export const SOURCES = [...LIST_SOURCES, 'pinned'] as const;
export type Source = (typeof SOURCES)[number];

/** An item of a list. */
export interface Entry {
  readonly itemId: string;
  readonly itemNo: number;
  /** NaN: the list has none for it, as for a pinned item that its kind cannot score. */
  readonly score: number;
  readonly source: Source;
}

/** A boost for the scan. */
export type ScanBoosts = Parameters<HybridScan['rankSimilar']>[4];

/** What a list is made from. */
export interface Plan {
  readonly live: LiveModel | null;
  readonly source: ListSource;
  /** Whose the chances of rotation and exploration are: a shopper's id, or what the list begins from. */
  readonly key: string;
  /** Items that the list begins from: they are never in it. */
  readonly seenIds: readonly string[];
  /** Numbers of items that the shopper's events hide: where nobody asked for them, nothing brings them in. */
  readonly seen: () => Iterable<number>;
  /**
   * The best by score from the model: `limit` of them without those of the slot and without the item indexes given. null: this kind knows nothing here.
   */
  readonly rank: ((live: LiveModel, limit: number, mask: number, without: readonly number[], boosts: ScanBoosts) => TopN) | null;
  /** What an item of the model scores by `rank`, boosts aside, whatever hides it; null where there is no `rank`. */
  readonly scoreOf: ((live: LiveModel, index: number) => number) | null;
  /** What lies between the best and the fiftieth: the unit of boosts, rotation and diversity (model/span.ts). */
  readonly span: (live: LiveModel) => number;
  /** In place of `rank`: items of the catalogue, best first; those that the condition leaves, or more. */
  readonly rows: ((condition: Filter | null) => readonly Entry[]) | null;
  /** The shopper's vector, by which new items are chosen; null: none are. */
  readonly vector: Float32Array | null;
  /** Fills the list up before what is trending does. */
  readonly next: Plan | null;
  /** What its reasons are made from; null: there are none. */
  readonly because: Because | null;
}

/** Pools that lists are reordered from hold at least so many. */
const LEAST_POOL = 200;
/**
 * Enough where the score has as much say as variety, or a list only turns, for so many places: the lists are those that the best 200 give (all of 300 shoppers' first ten places at diversity 0.3 and 0.5 and
 * at rotation 0.5 and 1, 992 and 38,679 items; at diversity 0.6 it is 98 of 100).
 */
const SMALL_POOL = 100;
const SMALL_POOL_DEPTH = 25;

/** So many boosts of 1 lift the fiftieth item of a list to the first. */
const BOOSTS_PER_SPAN = 5;

/** As answers show it. Six decimals: more would be noise of the arithmetic, and bytes. */
export function roundScore(score: number): number {
  return Math.round(score * 1e6) / 1e6;
}

/** Of entries, best first. Where all score the same any unit will do. */
function spanOfEntries(entries: readonly Entry[]): number {
  return entries.length === 0 ? 1 : entries[0].score - entries[Math.min(SPAN_PLACES, entries.length) - 1].score || 1;
}

/** Whether something else may take the places that a kind leaves empty. A least score is for showing nothing rather than something poor. */
export function mayFill({ fill, minScore }: Pick<Prepared, 'fill' | 'minScore'>): boolean {
  return fill && minScore === null;
}

function isEnough(score: number, { minScore }: Prepared): boolean {
  return minScore === null || roundScore(score) >= minScore;
}

export interface ListMaker {
  /** The list's first `depth` items. */
  make(plan: Plan, steered: Prepared, depth: number): Entry[];
  /** The newest items of the catalogue that a condition leaves. */
  newest(condition: Filter | null): Entry[];
}

export interface ListMakerOptions {
  readonly catalogue: Catalogue;
  readonly masks: Masks;
  readonly trends: Pick<Trending, 'rows'>;
  readonly explorer: Explorer;
  readonly now: () => number;
}

export function createListMaker({ catalogue, masks, trends, explorer, now }: ListMakerOptions): ListMaker {
  const reorderer = createReorderer(now);

  function reorders({ popularityDiscount, diversity, rotation }: Prepared): boolean {
    return popularityDiscount > 0 || diversity > 0 || rotation > 0;
  }

  function isSmallPoolEnough({ popularityDiscount, diversity, rotation }: Prepared, depth: number): boolean {
    return popularityDiscount === 0 && depth <= SMALL_POOL_DEPTH && (diversity === 0 || (diversity <= 0.5 && rotation === 0));
  }

  function poolSize(steered: Prepared, depth: number): number {
    return reorders(steered) ? Math.min(MAX_POOL, Math.max(isSmallPoolEnough(steered, depth) ? SMALL_POOL : LEAST_POOL, 4 * steered.limit, depth)) : depth;
  }

  function boostsOf(plan: Plan, live: LiveModel, { boostFilters }: Prepared): ScanBoosts {
    return boostFilters.length === 0 ? undefined : boostFilters.map(({ filter, amount }) => ({ slot: masks.boostSlotFor(live, filter), amount: (amount * plan.span(live)) / BOOSTS_PER_SPAN }));
  }

  /** The best `limit` in the order of the list. */
  function fromModel(plan: Plan, live: LiveModel, steered: Prepared, limit: number, condition: Filter | null): Entry[] {
    const boosts = boostsOf(plan, live, steered);
    const mask = masks.slotFor(live, condition);
    const without: number[] = [];
    for (const itemId of steered.exclude) {
      const index = live.itemIndexById.get(itemId);
      if (index !== undefined) {
        without.push(index);
      }
    }
    let found = plan.rank!(live, poolSize(steered, limit), mask, without, boosts);
    if (reorders(steered)) {
      found = reorderer.ranking(found, live, limit, plan.span(live), plan.key, steered);
    }
    const entries: Entry[] = [];
    for (let n = 0; n < found.count; n++) {
      const index = found.items[n];
      entries.push({ itemId: live.itemIds[index], itemNo: live.itemNos[index], score: found.scores[n], source: plan.source });
    }
    return entries;
  }

  /** Items of the catalogue that the condition leaves, with boosts, best first. */
  function fromRows(rows: readonly Entry[], steered: Prepared, condition: Filter | null): Entry[] {
    const excluded = new Set(steered.exclude);
    const passes = matcher(condition);
    const left = rows.filter((row) => !excluded.has(row.itemId) && !catalogue.isBlocked(row.itemNo) && passes(row.itemNo));
    if (steered.boostFilters.length === 0) {
      return left;
    }
    const boost = booster(steered, spanOfEntries(rows));
    // Stable: those that score the same stay in the order of their kind.
    return left.map((row) => ({ ...row, score: row.score + boost(row.itemNo) })).sort((a, b) => b.score - a.score);
  }

  /** What boosts add to the score of an item. */
  function booster({ boostFilters }: Prepared, span: number): (itemNo: number) => number {
    const boosts = boostFilters.map(({ filter, amount }) => ({ matches: matcher(filter), amount: (amount * span) / BOOSTS_PER_SPAN }));
    return (itemNo) => boosts.reduce((sum, { matches, amount }) => (matches(itemNo) ? sum + amount : sum), 0);
  }

  /** Whether an item of a number matches; those that the catalogue does not know match nothing. */
  function matcher(condition: Filter | null): (itemNo: number) => boolean {
    if (condition === null) {
      return () => true;
    }
    const marks = masks.matches(condition);
    return (itemNo) => {
      const row = catalogue.columns.rowOfNo(itemNo);
      return row >= 0 && marks[row] === 1;
    };
  }

  /** Scores are seconds since 1970; 0 where nobody knows. */
  function newest(condition: Filter | null): Entry[] {
    const { columns } = catalogue;
    return Array.from(catalogue.newest(MAX_POOL, condition === null ? null : masks.matches(condition)), (row) => ({ itemId: columns.ids[row], itemNo: columns.nos[row], score: Math.round(catalogue.cameMs(row) / 1000), source: 'newest' }));
  }

  function trendingRows(): Entry[] {
    return trends.rows().map(({ itemId, itemNo, score }) => ({ itemId, itemNo, score, source: 'trending' }));
  }

  /** What items score in a list of this kind, those too that are not in it; NaN where the kind has nothing to say of one. */
  function scorer(plan: Plan, list: readonly Entry[], steered: Prepared): (itemId: string, itemNo: number) => number {
    const inList = new Map(list.map((entry) => [entry.itemId, entry.score]));
    if (plan.rows !== null) {
      const inRows = new Map(fromRows(plan.rows(steered.open), steered, null).map((entry) => [entry.itemId, entry.score]));
      return (itemId) => inList.get(itemId) ?? inRows.get(itemId) ?? Number.NaN;
    }
    const { live, scoreOf } = plan;
    const boost = live === null ? null : booster(steered, plan.span(live));
    return (itemId, itemNo) => {
      const index = live?.itemIndexById.get(itemId);
      return inList.get(itemId) ?? (live === null || boost === null || scoreOf === null || index === undefined ? Number.NaN : scoreOf(live, index) + boost(itemNo));
    };
  }

  /** Gives pinned items their places; those that may not be shown keep none. */
  function pin(plan: Plan, list: Entry[], mayFollow: (entry: Pick<Entry, 'itemId' | 'itemNo'>) => boolean, steered: Prepared, depth: number): Entry[] {
    const passes = matcher(steered.condition);
    const excluded = new Set(steered.exclude);
    const pins = steered.pins.toSorted((a, b) => a.position - b.position).flatMap(({ itemId, position }) => {
      const row = catalogue.columns.rowOfId(itemId);
      const itemNo = row < 0 ? -1 : catalogue.columns.nos[row];
      return row < 0 || excluded.has(itemId) || catalogue.isBlocked(itemNo) || !passes(itemNo) || !mayFollow({ itemId, itemNo }) ? [] : [{ itemId, itemNo, position }];
    });
    if (pins.length === 0) {
      return list;
    }
    const scoreOf = scorer(plan, list, steered);
    const pinned = new Set(pins.map(({ itemId }) => itemId));
    const others = list.filter(({ itemId }) => !pinned.has(itemId));
    for (const { itemId, itemNo, position } of pins) {
      if (!others.some((entry) => entry.itemId === itemId)) {
        others.splice(Math.min(position - 1, others.length), 0, { itemId, itemNo, score: scoreOf(itemId, itemNo), source: 'pinned' });
      }
    }
    return others.slice(0, depth);
  }

  /** New items among the others, where they are good enough. They take places of a list and do not lengthen one that nothing may fill. */
  function explore(plan: Plan, live: LiveModel, vector: Float32Array, ranked: Entry[], steered: Prepared, depth: number, isHidden: (itemNo: number) => boolean): Entry[] {
    if (mayFill(steered)) {
      return explorer.mix(live, vector, plan.key, ranked, steered, depth, isHidden);
    }
    // With room for all of them, so that what is ranked moves up where a new one is left out.
    const mixed = explorer.mix(live, vector, plan.key, ranked, steered, 2 * depth, isHidden);
    const end = mixed.findLastIndex(({ source }) => source !== 'explore') + 1;
    return mixed.slice(0, end).filter(({ source, score }) => source !== 'explore' || isEnough(score, steered)).slice(0, depth);
  }

  return {
    newest,
    make(plan, steered, depth) {
      const { live } = plan;
      const { condition, open } = steered;
      /** Made when first needed: most lists are full without. */
      let hidden: ReadonlySet<number> | null = null;
      const isHidden = (itemNo: number) => {
        hidden ??= new Set(steered.includeSeen ? [] : plan.seen());
        return hidden.has(itemNo);
      };
      const begun = new Set(plan.seenIds);
      const mayFollow = ({ itemId, itemNo }: Pick<Entry, 'itemId' | 'itemNo'>) => !begun.has(itemId) && !isHidden(itemNo);

      /** The best `limit` in the order of the list, without what it begins from and what is hidden. */
      function candidates(of: Plan, limit: number, filter: Filter | null): Entry[] {
        if (of.rows === null) {
          return live === null || of.rank === null ? [] : fromModel(of, live, steered, limit, filter);
        }
        const entries = fromRows(of.rows(filter), steered, filter).filter(mayFollow);
        return reorders(steered) ? reorderer.entries(entries, live, limit, spanOfEntries(entries), of.key, steered) : entries.slice(0, limit);
      }

      let list = candidates(plan, depth, condition).filter(({ score }) => isEnough(score, steered));
      if (live !== null && plan.vector !== null && steered.explore > 0) {
        list = explore(plan, live, plan.vector, list, steered, depth, isHidden);
      }
      if (steered.pins.length > 0) {
        list = pin(plan, list, mayFollow, steered, depth);
      }
      if (list.length >= depth || !mayFill(steered)) {
        return list;
      }
      const taken = new Set([...steered.exclude, ...list.map(({ itemId }) => itemId)]);
      const add = (entries: readonly Entry[]) => {
        for (const entry of entries) {
          if (list.length < depth && !taken.has(entry.itemId) && mayFollow(entry)) {
            taken.add(entry.itemId);
            list.push(entry);
          }
        }
      };
      if (steered.bury.length > 0) {
        add(candidates(plan, depth, open));
      }
      if (list.length < depth && plan.next !== null) {
        add(candidates(plan.next, depth, open));
      }
      if (list.length < depth && plan.source !== 'trending') {
        add(fromRows(trendingRows(), steered, open));
      }
      if (list.length < depth && plan.source !== 'newest') {
        add(fromRows(newest(open), steered, open));
      }
      return list;
    },
  };
}
