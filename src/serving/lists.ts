/**
 * From candidates to a list, whatever kind they are of:
 *
 *   candidates by score (exact, from what the conditions leave) → diversity and rotation → minScore → exploration → pins → filled up: buried ones, trending, newest → the page asked for
 *
 * The whole list is made down to the end of the page, so that pages fit together. An item is in a list once; each that is not of the list's own kind says its source.
 */
import type { HybridScan } from '../model/hybrid.ts';
import type { TopN } from '../model/top-n.ts';
import type { Catalogue } from './catalogue.ts';
import type { Prepared } from './conditions.ts';
import type { Explorer } from './explorer.ts';
import type { Filter } from './filter/nodes.ts';
import type { LiveModel } from './live-model.ts';
import type { Masks } from './masks.ts';
import { MAX_POOL, createReorderer } from './reorder.ts';
import type { Trending } from './trending.ts';

export const SOURCES = ['personal', 'session', 'similar', 'together', 'trending', 'newest', 'explore', 'pinned'] as const;
export type Source = (typeof SOURCES)[number];
/** What a whole list can come from. */
export type ListSource = Exclude<Source, 'pinned'>;

/** An item of a list. */
export interface Entry {
  readonly itemId: string;
  readonly itemNo: number;
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
  /** Unit of its scores, for boosts, rotation and diversity. */
  readonly spread: (live: LiveModel) => number;
  /** In place of `rank`: items of the catalogue, best first; those that the condition leaves, or more. */
  readonly rows: ((condition: Filter | null) => readonly Entry[]) | null;
  /** The shopper's vector, by which new items are chosen; null: none are. */
  readonly vector: Float32Array | null;
}

/** Deepest end of a page. */
export const MAX_DEPTH = 200;
/** Pools that lists are reordered from hold at least so many. */
const LEAST_POOL = 200;

/** As answers show it. Six decimals: more would be noise of the arithmetic, and bytes. */
export function roundScore(score: number): number {
  return Math.round(score * 1e6) / 1e6;
}

/** Standard deviation of the scores. */
function spreadOf(entries: readonly Entry[]): number {
  let sum = 0;
  let squares = 0;
  for (const { score } of entries) {
    sum += score;
    squares += score * score;
  }
  const mean = sum / Math.max(1, entries.length);
  return Math.sqrt(Math.max(0, squares / Math.max(1, entries.length) - mean * mean));
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

  function reorders({ diversity, rotation }: Prepared): boolean {
    return diversity > 0 || rotation > 0;
  }

  function poolSize(steered: Prepared, depth: number): number {
    return reorders(steered) ? Math.min(MAX_POOL, Math.max(LEAST_POOL, 4 * steered.limit, depth)) : depth;
  }

  function boostsOf(plan: Plan, live: LiveModel, { boostFilters }: Prepared): ScanBoosts {
    return boostFilters.length === 0 ? undefined : boostFilters.map(({ filter, amount }) => ({ slot: masks.boostSlotFor(live, filter), amount: amount * plan.spread(live) }));
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
      found = reorderer.ranking(found, live, limit, plan.spread(live), plan.key, steered);
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
    const spread = spreadOf(rows);
    const boosts = steered.boostFilters.map(({ filter, amount }) => ({ matches: matcher(filter), amount: amount * spread }));
    const boosted = left.map((row) => ({ ...row, score: boosts.reduce((score, { matches, amount }) => (matches(row.itemNo) ? score + amount : score), row.score) }));
    return boosted.sort((a, b) => b.score - a.score || a.itemNo - b.itemNo);
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

  /** Scores are seconds since 1970. */
  function newest(condition: Filter | null): Entry[] {
    const { columns } = catalogue;
    return Array.from(catalogue.newest(MAX_POOL, condition === null ? null : masks.matches(condition)), (row) => ({ itemId: columns.ids[row], itemNo: columns.nos[row], score: Math.round(columns.newnessMs(row) / 1000), source: 'newest' }));
  }

  function trendingRows(): Entry[] {
    return trends.rows().map(({ itemId, itemNo, score }) => ({ itemId, itemNo, score, source: 'trending' }));
  }

  /** Gives pinned items their places; those that may not be shown keep none. */
  function pin(list: Entry[], begun: ReadonlySet<string>, steered: Prepared, depth: number): Entry[] {
    const passes = matcher(steered.condition);
    const excluded = new Set(steered.exclude);
    const pins = steered.pins.toSorted((a, b) => a.position - b.position).flatMap(({ itemId, position }) => {
      const row = catalogue.columns.rowOfId(itemId);
      const itemNo = row < 0 ? -1 : catalogue.columns.nos[row];
      return row < 0 || excluded.has(itemId) || begun.has(itemId) || catalogue.isBlocked(itemNo) || !passes(itemNo) ? [] : [{ itemId, itemNo, position }];
    });
    if (pins.length === 0) {
      return list;
    }
    const scoreOf = new Map(list.map((entry) => [entry.itemId, entry.score]));
    const pinned = new Set(pins.map(({ itemId }) => itemId));
    const others = list.filter(({ itemId }) => !pinned.has(itemId));
    for (const { itemId, itemNo, position } of pins) {
      if (!others.some((entry) => entry.itemId === itemId)) {
        others.splice(Math.min(position - 1, others.length), 0, { itemId, itemNo, score: scoreOf.get(itemId) ?? 0, source: 'pinned' });
      }
    }
    return others.slice(0, depth);
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
      const mayFollow = ({ itemId, itemNo }: Entry) => !begun.has(itemId) && !isHidden(itemNo);

      /** The best `limit` in the order of the list, without what it begins from and what is hidden. */
      function candidates(limit: number, filter: Filter | null): Entry[] {
        if (plan.rows === null) {
          return live === null || plan.rank === null ? [] : fromModel(plan, live, steered, limit, filter);
        }
        const entries = fromRows(plan.rows(filter), steered, filter).filter(mayFollow);
        return reorders(steered) ? reorderer.entries(entries, live, limit, spreadOf(entries), plan.key, steered) : entries.slice(0, limit);
      }

      let list = candidates(depth, condition);
      if (steered.minScore !== null) {
        const least = steered.minScore;
        list = list.filter(({ score }) => roundScore(score) >= least);
      }
      if (live !== null && plan.vector !== null && steered.explore > 0) {
        list = explorer.mix(live, plan.vector, plan.key, list, steered, depth, isHidden);
      }
      if (steered.pins.length > 0) {
        list = pin(list, begun, steered, depth);
      }
      if (list.length >= depth || !steered.fill || steered.minScore !== null) {
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
        add(candidates(depth, open));
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
